"""A Kalshi trade has one reading, whether it was read by REST or from the stream."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.lake.session import Session
from echelon_pipeline.settings import load_settings
from echelon_pipeline.venues.kalshi.parse import KINDS, PARSER_VERSION
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline_tests.unit.test_books_derivation import NOON, Tape, derive


@dataclass(frozen=True)
class Side:
    """What a trade says of its taker, and the outcome that the taker bought."""

    said: dict[str, str | None]
    outcome: int | None
    price: Decimal


YES, NO = Decimal("0.31"), Decimal("0.69")
SIDES = [
    Side({"taker_outcome_side": "yes", "taker_book_side": "bid"}, 0, YES),
    Side({"taker_outcome_side": "no", "taker_book_side": "ask"}, 1, NO),
    Side({"taker_side": "no"}, 1, NO),
    Side({"taker_outcome_side": "No"}, 1, NO),
    Side({"taker_outcome_side": "", "taker_book_side": "ask"}, 1, NO),
    Side({"taker_book_side": "bid"}, 0, YES),
    Side({"taker_outcome_side": "maybe", "taker_side": "no"}, None, YES),
    Side({"taker_outcome_side": None}, None, YES),
    Side({}, None, YES),
]
WORDS = "outcome_index, price, price_0, size, taker_direction"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.of(load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"}))


def by_rest(session: Session, trades: list[dict[str, Any]]) -> None:
    objects = tuple(RawObject(json.dumps(t | {"ticker": "A"}).encode()) for t in trades)
    received = datetime(2026, 11, 20, 13, tzinfo=UTC)
    with session.unit() as unit:
        store = unit.store("kalshi", PARSER_VERSION)
        store.add(Page("trades", "/markets/trades", 0, received, objects))
        store.flush()
        deriver = Deriver(unit, {"trades": KINDS["trades"]})
        deriver.parse(RawSlice("kalshi", (unit.unit_id,)))
        assert deriver.commit().dead_letters == 0


def by_stream(session: Session, trades: list[dict[str, Any]]) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.30": "5.00"}, {"0.68": "5.00"})
    for n, trade in enumerate(trades):
        tape.frame(20 + n, "trade", market_ticker="A", ts_ms=int((NOON.timestamp() + 20 + n) * 1000), **trade)
    tape.close()
    derive(session)


def test_rest_and_stream_agree_on_the_outcome_the_taker_traded_and_on_its_price(session: Session) -> None:
    trades = [
        {
            "trade_id": f"t{n}",
            "count_fp": "4.00",
            "yes_price_dollars": "0.3100",
            "no_price_dollars": "0.6900",
            **side.said,
        }
        for n, side in enumerate(SIDES)
    ]
    by_rest(session, [t | {"created_time": "2026-11-20T12:00:20Z"} for t in trades])
    by_stream(session, trades)
    told, live = (session.lake.scan(name) for name in ("core.trades", "core.live_trades"))
    with session.duck() as connection:
        for name, query in (("told", told), ("live", live)):
            connection.execute(f"CREATE TEMP VIEW {name} AS SELECT instrument_id, trade_id, {WORDS} FROM ({query})")
        read = [f"row({', '.join(f'{t}.{w}' for w in WORDS.split(', '))})" for t in ("told", "live")]
        found = connection.execute(
            f"SELECT trade_id, {', '.join(read)} FROM told FULL JOIN live USING (instrument_id, trade_id) ORDER BY 1"
        ).fetchall()
    direction = {0: 1, 1: -1, None: None}
    right = [(s.outcome, s.price, YES, Decimal(4), direction[s.outcome]) for s in SIDES]
    assert found == [(f"t{n}", reading, reading) for n, reading in enumerate(right)]
