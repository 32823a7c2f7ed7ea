"""Several processes on one lake, and processes that are killed: nothing lost, nothing twice, always readable."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline_tests.rows import NOON, Row, staged, stored, trade

SPAWN = multiprocessing.get_context("spawn")  # delta-rs must not cross a fork
ROUNDS = 8
ROWS = 25


def lake_in(folder: Path) -> Lake:
    return Lake(str(folder / "lake"), scratch=folder / "scratch", min_free_mb=0, tries=60)


def batch(worker: int, number: int, rows: int = ROWS) -> list[Row]:
    """A batch over two days, so that a merge rewrites two partitions."""
    made = []
    for n in range(rows):
        event_at = NOON + timedelta(days=n % 2, seconds=n)
        name = f"kalshi:{worker}-{number}-{n}"
        made.append(trade(n, trade_id=name, set_id=name, event_at=event_at, date=event_at.date()))
    return made


def merge_rounds(folder: Path, worker: int) -> None:
    lake = lake_in(folder)
    for number in range(ROUNDS):
        lake.merge("core.trades", [staged(folder / f"staged{worker}", "core.trades", batch(worker, number))])


def merge_until_killed(folder: Path, worker: int) -> None:
    """Merges batch after batch and records each committed batch."""
    lake = lake_in(folder)
    with (folder / f"done{worker}").open("a") as done:
        for number in range(10_000):
            lake.merge("core.trades", [staged(folder / "staged", "core.trades", batch(worker, number))])
            done.write(f"{number}\n")
            done.flush()


def test_four_processes_merging_into_the_same_partitions_lose_no_row(tmp_path: Path) -> None:
    workers = [SPAWN.Process(target=merge_rounds, args=(tmp_path, w)) for w in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [w.exitcode for w in workers] == [0, 0, 0, 0]
    found = Counter(r["trade_id"] for r in stored(lake_in(tmp_path), "core.trades", "trade_id"))
    assert found == {r["trade_id"]: 1 for w in range(4) for n in range(ROUNDS) for r in batch(w, n)}


def kill_writers(folder: Path, kills: int) -> None:
    rng = random.Random(kills)
    lake = lake_in(folder)
    for worker in range(kills):
        process = SPAWN.Process(target=merge_until_killed, args=(folder, worker))
        process.start()
        done = folder / f"done{worker}"
        while not done.exists() or not done.read_text():
            time.sleep(0.01)
            assert process.is_alive()
        time.sleep(rng.uniform(0, 0.3))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        found = Counter(r["trade_id"] for r in stored(lake, "core.trades", "trade_id"))
        assert max(found.values()) == 1
        committed = done.read_text().splitlines()
        missing = {r["trade_id"] for n in committed for r in batch(worker, int(n))} - found.keys()
        assert not missing
    # The killed batch is merged again: all rows of whole batches, none twice.
    total = [r for w in range(kills) for r in batch(w, 0)]
    assert lake.merge("core.trades", [staged(folder, "core.trades", total)]).version is None


def test_a_killed_merge_leaves_readable_tables_and_no_duplicates(tmp_path: Path) -> None:
    kill_writers(tmp_path, 4)


@pytest.mark.slow
def test_fifty_killed_merges_leave_readable_tables_and_no_duplicates(tmp_path: Path) -> None:
    kill_writers(tmp_path, 50)
