"""Recorded frames to committed tables: levels, books over intervals, gaps. Kalshi, 200 markets, within one hour.

Frames are logged as a listener does (an fsync per 28,000), then the hour is derived, by compiled rules and by the
machine. Code is compiled before the clock starts. ``ECHELON_MEMORY_LIMIT_MB`` counts: sorting a million frames' books
spills at the default. ``python -m benchmarks.derive_books [FRAMES]``.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.common import isolated, report
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.lake.session import Session
from echelon_pipeline.settings import load_settings
from echelon_pipeline.streams import book_tables as books
from echelon_pipeline.streams.book_columns import ChainColumns
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline.streams.segments import Connection

HOUR = datetime(2026, 11, 20, 12, tzinfo=UTC)
MARKETS, A_SECOND = 200, 28_000
PRICES = [f"0.{cents:02d}00" for cents in range(5, 46)]


def session(home: str) -> Session:
    limits = {name: value for name, value in os.environ.items() if name == "ECHELON_MEMORY_LIMIT_MB"}
    return Session.of(load_settings({"ECHELON_HOME": home, "ECHELON_MIN_FREE_MB": "0", **limits}))


def frames(count: int) -> list[bytes]:
    """A book of each market, then deltas that keep every level above zero; popular markets have most of them."""
    draw = random.Random(7)
    tickers = [f"KXDERIVE-26NOV20-T{n}" for n in range(MARKETS)]
    side = ",".join(f'["{price}","1000.00"]' for price in PRICES)
    made = [
        f'{{"type":"orderbook_snapshot","sid":1,"seq":{n + 1},"msg":{{"market_ticker":"{ticker}",'
        f'"market_id":"u","yes_dollars_fp":[{side}],"no_dollars_fp":[{side}]}}}}'
        for n, ticker in enumerate(tickers)
    ]
    sizes = [[[1000] * len(PRICES), [1000] * len(PRICES)] for _ in tickers]
    weights = [draw.paretovariate(0.8) for _ in tickers]
    started = int(HOUR.timestamp() * 1000)
    for n, market in enumerate(draw.choices(range(MARKETS), weights, k=count)):
        at, yes = draw.randrange(len(PRICES)), draw.randrange(2)
        by = draw.randint(-200, 200) or 1
        if sizes[market][yes][at] + by < 1:
            by = -by
        sizes[market][yes][at] += by
        made.append(
            f'{{"type":"orderbook_delta","sid":1,"seq":{MARKETS + n + 1},"msg":{{"market_ticker":"{tickers[market]}",'
            f'"market_id":"3f2a9c1e-0000-4000-8000-000000000000","price_dollars":"{PRICES[at]}","delta_fp":"{by}.00",'
            f'"side":"{("no", "yes")[yes]}","ts_ms":{started + n // 28}}}}}'
        )
    return [text.encode() for text in made]


def logged(home: str, count: int) -> float:
    """Seconds for logging."""
    made, begun = frames(count), time.perf_counter()
    instruments = [Instrument(f"kalshi:KXDERIVE-26NOV20-T{n}", (f"KXDERIVE-26NOV20-T{n}",)) for n in range(MARKETS)]
    about = Connection("kalshi", "bench", 1, 0, "c", "ws://bench")
    log = Log(session(home).settings.capture_root, about, instruments)
    start, gap = int(HOUR.timestamp() * 1e6), 3_500_000_000 // max(len(made), 1)
    for number, payload in enumerate(made):
        log.add(start + number * gap, payload)
        if number % A_SECOND == A_SECOND - 1:
            log.flush()
    log.flush()
    log.rotate()
    return time.perf_counter() - begun


def derived(home: str, compiled: bool) -> dict[str, Any]:
    """Seconds for the hour, wall and processor, its rows and their bytes on disk."""
    kept: dict[str, Any] = ChainColumns.__init__.__kwdefaults__ or {}
    kept["compiled_from"] = 0 if compiled else 1 << 60
    using = session(home)
    [hour] = hours_due(using, "kalshi", lambda *_: (), HOUR + timedelta(hours=6))
    if compiled:  # machine code is there, or made now
        for _ in ChainColumns(hour.chains[0], since=0, until=int(HOUR.timestamp() * 1e6) + 1).batches():
            pass
    begun, used = time.perf_counter(), time.process_time()
    counts = books.derive_hour(using, hour)
    took, used = time.perf_counter() - begun, time.process_time() - used
    found: dict[str, Any] = {"seconds": took, "cpu": used, "frames": counts.objects, "rows": counts.new}
    for name in ("core.book_events", "core.book_snapshots"):
        table_version = using.lake.open(name)
        found[name] = sum(f.size for f in table_version.files) / counts.new[name] if table_version else 0.0
    return found


def main(count: int = 2_000_000) -> None:
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as other:
        log = isolated(logged, home, count)
        compiled = isolated(derived, home, True)
        few = min(count, 200_000)
        isolated(logged, other, few)
        machine = isolated(derived, other, False)
        fast, slow = compiled.value, machine.value
        report(
            "derive_books",
            frames=fast["frames"],
            frames_per_second=fast["frames"] / fast["seconds"],
            with_logging=fast["frames"] / (fast["seconds"] + log.value),
            processor_seconds=fast["cpu"],
            machine_frames_per_second=slow["frames"] / slow["seconds"],
            event_rows=fast["rows"]["core.book_events"],
            bytes_per_event=fast["core.book_events"],
            book_rows=fast["rows"]["core.book_snapshots"],
            bytes_per_book_row=fast["core.book_snapshots"],
            peak_mb=compiled.peak_mb,
            ok=fast["frames"] / (fast["seconds"] + log.value) >= 200_000 and fast["core.book_events"] <= 9,
        )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:2]))
