"""A small published file for tests of the reader for Python: two venues, three days, one minute of order books.

Belongs here: rows and the publication. The numbers are simple, so that a test can state what a reader must answer.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.book_rows import at, book, unknown
from echelon_pipeline_tests.rows import DAY, NOON, Row, row, staged

HIKE, CUT, POLY = "kalshi:KXFEDDECISION-26DEC-H25", "kalshi:KXFEDDECISION-26DEC-C25", "polymarket:0xfed25"
NAMES = {HIKE: "25 bps hike", CUT: "25 bps cut", POLY: "25 bps cut"}
TITLE = "Fed decision in December 2026?"
DAYS = tuple(DAY - timedelta(days=n) for n in (2, 1, 0))


def fill(settings: Settings) -> Settings:
    """Merges the rows of the world into the lake of a home, and publishes."""
    lake = Lake.of(settings)
    for name, rows in _rows().items():
        file = staged(settings.scratch / "unit", name, rows)
        if TABLES[name].partition_by:
            lake.merge(name, [file])
        else:
            lake.replace(name, file, None)
    publish(settings)
    return settings


def add_trade(settings: Settings, number: int) -> None:
    """One more trade, and the next publication."""
    rows = [_trade(HIKE, DAY, number)]
    Lake.of(settings).merge("core.trades", [staged(settings.scratch / "unit", "core.trades", rows)])
    publish(settings)


def home(folder: Path) -> Settings:
    return Settings(home=folder, publish_every=0, min_free_mb=0)


def _rows() -> dict[str, list[Row]]:
    return {
        "core.instruments": [row("core.instruments", **_named(i)) for i in NAMES],
        "mart.market_overview": [
            row("mart.market_overview", **_named(i), status="active", category="Economics", **_overview(i))
            for i in NAMES
        ],
        "core.display_names": [
            row("core.display_names", instrument_id=i, venue=i.split(":")[0], display_name=f"{TITLE} · {NAMES[i]}")
            for i in NAMES
        ],
        "core.trades": [_trade(i, day, n) for n, i in enumerate(NAMES) for day in DAYS],
        "mart.daily": [_day(i, day, n) for i in NAMES for n, day in enumerate(DAYS)],
        "core.ingest_windows": [_window(day) for day in DAYS],
        "core.book_snapshots": [
            book(43200, 43210, instrument_id=HIKE),
            unknown(43210, 43212, instrument_id=HIKE),
            book(43212, 43220, (("0.41", 10),), instrument_id=HIKE),
        ],
        "mart.coverage": [
            row(
                "mart.coverage",
                instrument_id=HIKE,
                date=DAY,
                hour=12,
                expected_seconds=20.0,
                live_seconds=18.0,
                unknown_seconds=2.0,
                coverage=0.9,
            )
        ],
        "core.mart_builds": [
            _build("mart.daily", "core.daily_prices", "mart.trade_volume"),
            _build("mart.trade_volume", "core.trades"),
            _build("mart.book_depth", "core.book_snapshots"),
        ],
    }


def _named(instrument: str) -> Row:
    venue, native = instrument.split(":")
    title = f"{TITLE} · {NAMES[instrument]}"
    return {
        "instrument_id": instrument,
        "venue": venue,
        "native_id": native,
        "event_id": f"{venue}:FED-26DEC",
        "title": title,
        "display_name": title,
    }


def _overview(instrument: str) -> Row:
    return {
        "latest_price": Decimal("0.333333"),
        "price_source": "trades",
        "price_at": NOON,
        "quality_flags": [],
        "is_clean": True,
        "volume_24h": Decimal(len(NAMES[instrument])),
    }


def _trade(instrument: str, day: date, number: int) -> Row:
    trade = f"{instrument}:{day}:{number}"
    return row(
        "core.trades",
        trade_id=trade,
        set_id=trade,
        instrument_id=instrument,
        venue=instrument.split(":")[0],
        date=day,
        event_at=NOON.combine(day, NOON.timetz()),
        observed_at=NOON,
        price=Decimal("0.1"),
        size=Decimal(number + 1),
    )


def _day(instrument: str, day: date, number: int) -> Row:
    return row(
        "mart.daily",
        instrument_id=instrument,
        venue=instrument.split(":")[0],
        date=day,
        price_source="trades",
        close=Decimal(number + 1) / 10,
        contracts=Decimal(number),
        volume_source="trades",
        taker_notional_usd=Decimal(number) / 10,
        trades=number,
        price_is_complete=True,
        volume_is_complete=True,
        is_complete=True,
    )


def _window(day: date) -> Row:
    begin = at(0) + (day - DAY)
    return row(
        "core.ingest_windows",
        table_name="core.trades",
        scope="configured",
        from_at=begin,
        to_at=begin + timedelta(hours=12 if day == DAY else 24),
        state="complete",
        unit_id=str(day),
    )


def _build(table: str, *inputs: str) -> Row:
    return row(
        "core.mart_builds", table_name=table, part="all", kind="checked", inputs=json.dumps(dict.fromkeys(inputs))
    )
