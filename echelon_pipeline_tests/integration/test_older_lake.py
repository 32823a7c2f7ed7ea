"""A lake of before dead letters said where they count: read as it is, right values, extended by the next write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from echelon_pipeline.commands.work import refresh_and_publish
from echelon_pipeline.ingest.dead_letters import unread_rows
from echelon_pipeline.ingest.late_values import derive_late_values
from echelon_pipeline.ingest.walk_progress import EVERYTHING
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.session import Session
from echelon_pipeline.lake.windows import Window
from echelon_pipeline.ops.doctor import examine
from echelon_pipeline.ops.venue_probes import Level
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.tables import TABLES, Table
from echelon_pipeline_tests.integration.test_walks import BEGIN, DAYS, Scripted
from echelon_pipeline_tests.rows import row, stored, trade

FIRST = DAYS[0]
# What version 2 of these tables added.
ADDED = {
    "core.dead_letters": "scope instrument_id from_at to_at unread_rows closed_at closed_reason",
    "core.ingest_windows": "unread_rows",
    "core.daily_prices": "unread_rows incomplete_reason",
}


def older(table: Table) -> Table:
    """The table as its first version had it."""
    added = ADDED[table.name].split()
    return replace(table, version=1, columns=tuple(c for c in table.columns if c.name not in added))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Three instruments, one trade each on both days; a letter of a unit that walked the first day alone."""
    home = Scripted(tmp_path_factory.mktemp("older"), "kalshi", bound=0, flush=1000)
    session = home.session
    tables = {**TABLES, **{name: older(TABLES[name]) for name in ADDED}}
    lake = Lake(session.lake.root, scratch=session.lake.scratch, min_free_mb=0, tables=tables)
    windows, trades, prices = [], [], []
    for n, day in enumerate(DAYS):
        begin = BEGIN + timedelta(days=n)
        windows.append((begin, f"u{n}"))
        for m in range(3):
            at = {"date": day, "event_at": begin + timedelta(hours=5)}
            whole = {"instrument_id": f"kalshi:M{m}", "price_0": Decimal("0.25"), "outcome_index": 0}
            trades.append(trade(10 * n + m, **at, **whole))
            prices.append(price(day, m))
    _write(lake, "core.trades", trades)
    _write(lake, "core.daily_prices", prices)
    span = [
        {
            **{name: value for name, value in vars(window(begin, unit)).items() if name != "unread_rows"},
            "recorded_at": session.clock(),
        }
        for begin, unit in windows
    ]
    lake.append("core.ingest_windows", _arrow(lake, "core.ingest_windows", span))
    letter = row("core.dead_letters", table_name="core.trades", endpoint="trades", unit_id="u0")
    _write(lake, "core.dead_letters", [letter])
    listed = [row("core.instruments", instrument_id=f"kalshi:M{m}", native_id=f"M{m}") for m in range(3)]
    _write(lake, "core.instruments", listed)
    return session


def window(begin: Any, unit: str) -> Window:
    end = begin + timedelta(days=1)
    return Window(
        venue="kalshi",
        table_name="core.trades",
        scope=EVERYTHING,
        from_at=begin,
        to_at=end,
        state="complete",
        unit_id=unit,
        dead_letters=1,
    )


def price(day: Any, market: int) -> dict[str, object]:
    return row(
        "core.daily_prices",
        instrument_id=f"kalshi:M{market}",
        date=day,
        price_source="trades",
        source="core.trades",
        grain_seconds=None,
        n_samples=1,
        volume=Decimal(2),
        trades=1,
        is_complete=True,
    )


def _arrow(lake: Lake, table: str, rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist(rows, schema=lake.tables[table].arrow_schema())


def _write(lake: Lake, table: str, rows: list[dict[str, Any]]) -> None:
    import pyarrow.parquet as pq

    path = lake.scratch / f"{table}-old.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(_arrow(lake, table, rows), path)
    lake.merge(table, [path])


def claimed(session: Session) -> list[tuple[Any, ...]]:
    settings = session.settings
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        return connection.execute(
            "SELECT date, count(*), bool_and(is_complete), bool_or(is_complete), max(unread_rows) "
            "FROM mart.trade_volume GROUP BY date ORDER BY date"
        ).fetchall()


def test_a_letter_without_a_place_counts_on_the_day_of_its_units_windows(session: Session) -> None:
    rows = unread_rows(session, "kalshi", "core.trades").to_pylist()
    assert [(r["instrument_id"], r["date"], r["unread_rows"]) for r in rows] == [(None, FIRST, 1)]


def test_marts_publication_and_doctor_read_the_older_tables(session: Session) -> None:
    settings = session.settings
    refresh_and_publish(settings)
    # Its own rows of the first day claim to be complete: the letter contradicts them.
    assert claimed(session) == [(FIRST, 3, False, False, 1), (DAYS[1], 3, True, True, 0)]
    assert publish(settings) is None
    env = {"ECHELON_HOME": str(settings.home), "ECHELON_NOW": session.clock().isoformat(), "ECHELON_MIN_FREE_MB": "0"}
    failed = [f for f in examine(env, offline=True) if f.level is Level.FAIL and f.what != "packages"]
    assert [f.what for f in failed] == ["unread rows"]


def test_the_next_listing_corrects_days_that_claim_too_much(session: Session) -> None:
    derive_late_values(session, "kalshi")
    columns = "date, is_complete, unread_rows, incomplete_reason"
    rows = {tuple(r.values()) for r in stored(session.lake, "core.daily_prices", columns)}
    assert (FIRST, False, 1, "1 row could not be read") in rows
    assert {r[1] for r in rows if r[0] == FIRST} == {False}
    assert {r[1] for r in rows if r[0] == DAYS[1]} == {True}
    assert derive_late_values(session, "kalshi").changed == {}
