"""A stream of 28,000 level changes a second into durable segments: what is lost, how late it is durable, what it costs.

A process of its own plays the venue: Kalshi's frames with contiguous numbers, as fast as asked. The recorder is the one
that listeners run: it keeps every frame, follows every book and would ask again for lost ones.
``python -m benchmarks.live_load [SECONDS] [EVENTS_PER_SECOND]``.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks.common import report
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.streams import log as logs
from echelon_pipeline.streams.chains import chains
from echelon_pipeline.streams.record import Pace, Recorded, record
from echelon_pipeline.streams.replay import replay
from echelon_pipeline.streams.segments import count_of, segments
from echelon_pipeline.venues.kalshi.stream import read
from echelon_pipeline.venues.ws import Wire, WsMetrics, WsPolicy, opened
from echelon_pipeline_tests.callback_feed import CallbackFeed

TICKERS = [f"KXLOAD-26DEC-T{n}" for n in range(200)]
TICK = 0.01  # seconds between two bursts of the venue
MILLISECOND, LONGEST = 1_000, 60_000  # microseconds; milliseconds that are told apart
LEVELS = [f"0.{cents:02d}00" for cents in range(10, 45)]


def _snapshot(seq: int, ticker: str) -> str:
    side = ",".join(f'["{price}","1000000.00"]' for price in LEVELS)
    msg = f'"market_ticker":"{ticker}","market_id":"u","yes_dollars_fp":[{side}],"no_dollars_fp":[{side}]'
    return f'{{"type":"orderbook_snapshot","sid":1,"seq":{seq},"msg":{{{msg}}}}}'


def _delta(seq: int, at_ms: int) -> str:
    ticker, price = TICKERS[seq * 7919 % len(TICKERS)], LEVELS[seq * 31 % len(LEVELS)]
    side, by = ("yes", "no")[seq % 2], seq * 17 % 999 - 499
    return (
        f'{{"type":"orderbook_delta","sid":1,"seq":{seq},"msg":{{"market_ticker":"{ticker}",'
        f'"market_id":"3f2a9c1e-0000-4000-8000-000000000000","price_dollars":"{price}","delta_fp":"{by}.00",'
        f'"side":"{side}","ts_ms":{at_ms}}}}}'
    )


def venue(pipe: Pipe, seconds: float, rate: int) -> None:
    """Serves one client; tells its port, then how many frames it sent and how long that took."""

    async def play(socket: ServerConnection) -> None:
        for seq, ticker in enumerate(TICKERS, start=1):
            await socket.send(_snapshot(seq, ticker))
        sent, begun = 0, time.monotonic()
        while sent < rate * seconds:
            due = min(int((time.monotonic() - begun) * rate), int(rate * seconds))
            at_ms = time.time_ns() // 1_000_000
            for number in range(sent, due):
                broadcast([socket], _delta(len(TICKERS) + number + 1, at_ms))
            sent = due
            while socket.transport.get_write_buffer_size() > 1 << 20:  # noqa: ASYNC110 - the client is behind: wait
                await asyncio.sleep(TICK)
            await asyncio.sleep(TICK)
        pipe.send((len(TICKERS) + sent, time.monotonic() - begun))
        await socket.wait_closed()

    async def main() -> None:
        async with serve(play, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
            pipe.send(server.sockets[0].getsockname()[1])
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(main())


async def _nothing(_wire: Wire, *_: Sequence[str] | Mapping[str, int]) -> None:
    """This venue sends by itself."""


def measured(root: Path, seconds: float, rate: int) -> dict[str, Any]:
    """Records the whole stream; what came of it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=venue, args=(theirs, seconds, rate), daemon=True)
    process.start()
    url = f"ws://127.0.0.1:{ours.recv()}"
    policy, recorded = WsPolicy(), Recorded()
    late: Any = np.zeros(LONGEST + 1, "i8")  # frames by milliseconds until they were durable
    instruments = tuple(Instrument(f"kalshi:{t}", (t,)) for t in TICKERS)
    dial = partial(opened, url, name="load", policy=policy, metrics=WsMetrics())
    feed = CallbackFeed("kalshi", 0, url, instruments, dial, _nothing, _nothing, _nothing, read, ())
    write = logs.Log.write

    def timed(self: logs.Log, taken: logs.Pending) -> int:
        done = write(self, taken)
        waits = (time.time_ns() // 1000 - np.array(taken[0], "i8")) // MILLISECOND
        late[:] += np.bincount(waits.clip(0, LONGEST), minlength=len(late))
        return done

    logs.Log.write = timed  # type: ignore[method-assign]  # when a frame is durable nobody else tells
    me, told, memory = psutil.Process(), None, list[int]()

    async def run() -> tuple[int, float]:
        stop = asyncio.Event()
        given: dict[str, Any] = {"policy": policy, "pace": Pace(), "recorded": recorded, "stop": stop}
        task = asyncio.create_task(record(feed, root, listener="load", epoch=1, **given))
        while not ours.poll():
            await asyncio.sleep(0.5)
            memory.append(me.memory_info().rss)
        found: tuple[int, float] = ours.recv()
        while recorded.frames < found[0]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        stop.set()
        await task
        return found

    used, begun = time.process_time(), time.monotonic()
    told = asyncio.run(run())
    used, took = time.process_time() - used, time.monotonic() - begun
    ours.send("over")
    logs.Log.write = write  # type: ignore[method-assign]
    half = len(memory) // 2
    return {
        "sent": told[0],
        "venue_seconds": told[1],
        "events_per_second": told[0] / told[1],
        "kept": sum(map(count_of, segments(root))),
        "connections": recorded.connections,
        "durable_p50_s": _within(late, 0.5),
        "durable_p99_s": _within(late, 0.99),
        "durable_worst_s": _within(late, 1.0),
        "share_of_a_core": used / took,
        "peak_mb": max(memory) / 1e6,
        "grew_in_second_half_mb": (max(memory[half:]) - max(memory[:half])) / 1e6,
    }


def _within(late: Any, share: float) -> float:
    """Seconds within which so large a share of the frames was durable."""
    return float(np.searchsorted(np.cumsum(late), share * late.sum()) / 1000)


def main(seconds: float = 60.0, rate: int = 28_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), seconds, rate)
        [told] = [replay(chain) for chain in chains(segments(Path(folder)))] if seconds <= 60 else [None]
        breaks = None if told is None else told.met["sequence_breaks"]
        if found["kept"] != found["sent"] or breaks:
            raise RuntimeError(f"{found['kept']} of {found['sent']} frames were kept, {breaks} breaks")
        report("live_load", **found)


if __name__ == "__main__":
    main(*(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0,), *(int(a) for a in sys.argv[2:3]))
