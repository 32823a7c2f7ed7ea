"""Frames of a stream into durable segments, and back: Kalshi deltas, an fsync for each 28,000 of them.

The floor is writing the same payloads to a plain file with the same fsyncs. What frames mean is not read here.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import isolated, report
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.segments import Connection, read, segments

A_SECOND = 28_000  # frames: both venues at once, measured live by others


def payloads(count: int) -> list[bytes]:
    """Deltas of 2,000 markets."""
    return [
        (
            f'{{"type":"orderbook_delta","sid":2,"seq":{n},"msg":{{'
            f'"market_ticker":"KXBENCH-26NOV20-T{n * 7919 % 2000}",'
            f'"market_id":"{n * 2654435761 % 2**32:08x}-0000-4000-8000-000000000000",'
            f'"price_dollars":"0.{1 + n * 31 % 98:02d}00","delta_fp":"{n * 17 % 999 - 499}.00","side":"yes",'
            f'"ts_ms":{1_763_640_000_000 + n // 28}}}}}'
        ).encode()
        for n in range(count)
    ]


def logged(root: str, count: int) -> float:
    """Seconds for logging, once the payloads are there."""
    frames = payloads(count)
    begun = time.perf_counter()
    log = Log(Path(root), Connection("kalshi", "bench", 0, 0, "c", "ws://bench"))
    for number, payload in enumerate(frames):
        log.add(number, payload)
        if number % A_SECOND == 0:
            log.flush()
    log.flush()
    log.rotate()
    return time.perf_counter() - begun


def plain(root: str, count: int) -> float:
    """Seconds for writing them as lines."""
    frames = payloads(count)
    begun = time.perf_counter()
    with Path(root, "plain").open("wb") as file:
        for start in range(0, count, A_SECOND):
            file.write(b"\n".join(frames[start : start + A_SECOND]))
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - begun


def reread(root: str) -> tuple[float, int]:
    """Seconds for reading all frames as Arrow batches, and how many there are."""
    begun = time.perf_counter()
    rows = sum(block.frames.num_rows for path in segments(Path(root)) for block in read(path))
    return time.perf_counter() - begun, rows


def main(count: int = 2_000_000) -> None:
    with tempfile.TemporaryDirectory() as root:
        floor = isolated(plain, root, count)
        mine = isolated(logged, root, count)
        back = isolated(reread, root)
        if back.value[1] != count:
            raise RuntimeError(f"{back.value[1]} of {count} frames were read")
        [path] = segments(Path(root))
        report(
            "capture_log",
            frames=count,
            frames_per_second=count / mine.value,
            plain_frames_per_second=count / floor.value,
            read_frames_per_second=count / back.value[0],
            bytes_per_frame=path.stat().st_size / count,
            plain_bytes_per_frame=Path(root, "plain").stat().st_size / count,
            ok=count / mine.value >= 200_000,
        )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
