"""(b) 1 M raw trade payloads to a typed, sorted table on disk.

Ours: raw objects of the lake, parsed by ``sql/parse``, checked and merged into core.trades. Ceiling: DuckDB
copying the same typed columns from Parquet to sorted Parquet. Floor: json.loads and Decimal in plain Python.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common import isolated, median_of, report
from benchmarks.incremental_start import NOW, settings_of
from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.lake.raw import RawStore
from echelon_pipeline.lake.session import Session
from echelon_pipeline.venues.kalshi.parse import KINDS
from echelon_pipeline.venues.page import Page, RawObject

PAGE = 1_000


def build(home: str, trades: int) -> str:
    """Payloads as the venue serves them, stored as a trade walk stores them; the unit that did it."""
    session = Session.of(settings_of(home))
    with session.unit() as unit:
        store = RawStore(session.lake, venue="kalshi", unit_id=unit.unit_id, parser_version=1, flush_objects=100_000)
        for number, first in enumerate(range(0, trades, PAGE)):
            objects = tuple(RawObject(_payload(n)) for n in range(first, min(first + PAGE, trades)))
            store.add(Page("trades", f"/markets/trades?cursor={number}", number, NOW, objects))
        store.flush()
        return unit.unit_id


def _payload(n: int) -> bytes:
    at = NOW - timedelta(microseconds=n * 80_000 + 1)
    cents = 1 + n * 7919 % 98
    side = "yes" if n % 3 else "no"
    return (
        f'{{"trade_id":"{n:08x}-0000-4000-8000-{n * 2654435761 % 2**48:012x}","ticker":"KXBENCH-26NOV20-T{n % 2000}",'
        f'"count_fp":"{1 + n % 500}.00","yes_price_dollars":"0.{cents:02d}00",'
        f'"no_price_dollars":"0.{100 - cents:02d}00",'
        f'"taker_outcome_side":"{side}","taker_book_side":"{"bid" if side == "yes" else "ask"}","taker_side":"{side}",'
        f'"created_time":"{at:%Y-%m-%dT%H:%M:%S.%f}Z","is_block_trade":false}}'
    ).encode()


def ours(home: str, unit_id: str) -> int:
    """Derive and merge, as a trade walk does."""
    session = Session.of(settings_of(home))
    with session.unit() as unit:
        deriver = Deriver(unit, {"trades": KINDS["trades"]})
        deriver.parse(RawSlice("kalshi", (unit_id,)))
        return deriver.commit().new["core.trades"]


def copied(home: str, target: str) -> int:
    """DuckDB copies the columns of core.trades to one sorted Parquet file."""
    session = Session.of(settings_of(home))
    with session.duck() as connection:
        row = connection.execute(
            f"COPY (FROM read_parquet('{home}/typed.parquet') ORDER BY instrument_id, event_at, trade_id) "
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        ).fetchone()
    return int(row[0]) if row else 0


def typed(home: str) -> None:
    """The typed rows in arrival order: what the copy starts from."""
    session = Session.of(settings_of(home))
    with session.duck() as connection:
        connection.execute(
            f"COPY (FROM ({session.lake.scan('core.trades')}) ORDER BY event_at DESC) "
            f"TO '{home}/typed.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )


def plain(home: str, unit_id: str, target: str) -> int:
    """The same columns in plain Python: json.loads, Decimal, sort, write."""
    session = Session.of(settings_of(home))
    with session.duck() as connection:
        scan = session.lake.scan("raw.objects", units=[unit_id])
        payloads = connection.execute(f"SELECT payload FROM ({scan})").fetchall()
    rows = []
    for (text,) in payloads:
        raw = json.loads(text)
        yes, size = Decimal(raw["yes_price_dollars"]), Decimal(raw["count_fp"])
        buys = raw["taker_outcome_side"] == "yes"
        price = yes if buys else 1 - yes
        at = datetime.fromisoformat(raw["created_time"])
        rows.append((f"kalshi:{raw['ticker']}", at, raw["trade_id"], price, yes, size, price * size, 1 if buys else -1))
    rows.sort()
    names = ("instrument_id", "event_at", "trade_id", "price", "price_0", "size", "notional", "direction")
    pq.write_table(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), target, compression="zstd")
    return len(rows)


def main(trades: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory() as home:
        unit_id = isolated(build, home, trades).value
        mine = isolated(ours, home, unit_id)
        if mine.value != trades:
            raise RuntimeError(f"{mine.value} of {trades} trades arrived")
        isolated(typed, home)
        ceiling = median_of(3, copied, home, str(Path(home) / "copied.parquet"))
        floor = isolated(plain, home, unit_id, str(Path(home) / "plain.parquet"))
    report(
        "b_parse_trades",
        trades=trades,
        seconds=mine.seconds,
        peak_mb=mine.peak_mb,
        duckdb_copy_seconds=ceiling.seconds,
        of_duckdb_copy=ceiling.seconds / mine.seconds,
        plain_python_seconds=floor.seconds,
        plain_python_peak_mb=floor.peak_mb,
        times_plain_python=floor.seconds / mine.seconds,
        ok=ceiling.seconds / mine.seconds >= 0.7 and mine.peak_mb < 1000,
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
