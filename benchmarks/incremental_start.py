"""(a) What an incremental run must know before its first request, on a lake of 5 M trades.

Ours: watermarks from windows and pinned versions. The ancestor's way: every stored id in a Python set.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, date, datetime, timedelta

from benchmarks.common import isolated, median_of, report
from echelon_pipeline.ingest.trades import CONFIGURED, TABLE, day_span, targets
from echelon_pipeline.lake.session import Session
from echelon_pipeline.settings import Settings, load_settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAYS = 30
INSTRUMENTS = 2_000


def settings_of(home: str) -> Settings:
    return load_settings({"ECHELON_HOME": home, "ECHELON_NOW": NOW.isoformat()})


def build(home: str, trades: int) -> int:
    """A lake of so many Kalshi trades over 30 days, with the windows that a run leaves."""
    settings = settings_of(home)
    session = Session.of(settings)
    per_day = trades // DAYS
    with session.unit() as unit:
        for n in range(DAYS):
            day = (NOW - timedelta(days=DAYS - n)).date()
            path = unit.scratch / f"{day}.parquet"
            with session.duck() as connection:
                connection.execute(f"COPY ({_trades(day, per_day)}) TO '{path}' (FORMAT parquet)")
            session.lake.merge(TABLE, [path])
        path = unit.scratch / "instruments.parquet"
        with session.duck() as connection:
            connection.execute(f"COPY ({_INSTRUMENTS}) TO '{path}' (FORMAT parquet)")
        session.lake.merge("core.instruments", [path])
        span = day_span([(NOW - timedelta(days=DAYS)).date(), NOW.date()], NOW - timedelta(hours=1))
        session.windows.record([unit.window("kalshi", TABLE, CONFIGURED, span)])
    return trades


def _trades(day: date, rows: int) -> str:
    return f"""
        SELECT 'kalshi' AS venue, DATE '{day}' AS date, id AS trade_id, id AS set_id,
               'kalshi:T' || (n % {INSTRUMENTS}) AS instrument_id,
               TIMESTAMPTZ '{day} 00:00:00+00' + to_microseconds(n * (86400000000 // {rows})) AS event_at,
               0 AS outcome_index, 0.43::DECIMAL(18,12) AS price, '0.4300' AS price_text,
               0.43::DECIMAL(18,12) AS price_0, 5::DECIMAL(18,6) AS size, 2.15::DECIMAL(18,6) AS taker_notional_usd,
               1 AS taker_direction, 'buy' AS taker_side, false AS is_block_trade, 0 AS ordinal,
               'match' AS grain, 'strong' AS identity, 'benchmark' AS source,
               TIMESTAMPTZ '{day} 23:59:59+00' AS observed_at
        FROM (SELECT n, uuid()::VARCHAR AS id FROM range({rows}) t(n))"""


_INSTRUMENTS = f"""
    SELECT 'kalshi' AS venue, bucket_of('kalshi:T' || n) AS bucket, 'kalshi:T' || n AS instrument_id,
           'T' || n AS native_id, 'active' AS status, false AS is_disputed, false AS is_combo,
           TIMESTAMPTZ '2026-01-01 00:00:00+00' AS observed_at
    FROM range({INSTRUMENTS}) t(n)"""


def ours(home: str) -> int:
    """The walks that a run would begin: instruments and the intervals that they lack."""
    session = Session.of(settings_of(home))
    return len(targets(session, "kalshi", day_span([NOW.date()], NOW), refetch=False))


def ancestor(home: str) -> int:
    """All stored ids in a Python set, as the most-used open data set does before it asks for more."""
    import pyarrow.dataset as ds

    session = Session.of(settings_of(home))
    known: set[str] = set()
    for batch in ds.dataset(session.lake.files(TABLE)).to_batches(columns=["trade_id"]):
        known.update(str(i) for i in batch.column(0).to_pylist())
    return len(known)


def main(trades: int = 5_000_000) -> None:
    with tempfile.TemporaryDirectory() as home:
        isolated(build, home, trades)
        mine, theirs = median_of(5, ours, home), isolated(ancestor, home)
    report(
        "a_incremental_start",
        trades=trades,
        seconds=mine.seconds,
        peak_mb=mine.peak_mb,
        ancestor_seconds=theirs.seconds,
        ancestor_peak_mb=theirs.peak_mb,
        times_faster=theirs.seconds / mine.seconds,
        ok=mine.seconds < 0.5 and mine.peak_mb < 200,
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
