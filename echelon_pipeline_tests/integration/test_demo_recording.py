"""The demo's world is of one piece: its recorded order books are the same each time, and have the time of its trades.

Belongs here: recordings in the time of a sandbox, and whole demos (slow).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.errors import VenueUnavailable
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.sandbox.server.app import build
from echelon_pipeline.sandbox.server.options import DEFAULT_NOW
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.sandbox.server.stepped import COMMANDS, SteppedClock, stepping
from echelon_pipeline.settings import load_settings
from echelon_pipeline.streams.record import Recorded, record
from echelon_pipeline.streams.segments import read, segments
from echelon_pipeline.venues.registry import REGISTRY
from echelon_pipeline.venues.ws import Wire, WsMetrics
from echelon_pipeline_tests.integration.test_record import (
    FAST,
    PACE,
    UNIVERSE,
    feeds_of,
)

Row = tuple[Any, ...]
SECONDS = 2.0
# What says which run made a row, and when.
WHO_AND_WHEN = {"unit_id", "run_id", "recorded_at"}
DERIVATION = {"core.mart_builds"}


def recorded(home: Path, venue: str) -> list[tuple[datetime, bytes]]:
    """Frames of a new sandbox's venue, recorded in its time."""
    with SandboxProcess(UNIVERSE, behind=90) as sandbox:
        settings = load_settings({**sandbox.env(), "ECHELON_HOME": str(home), "ECHELON_MIN_FREE_MB": "0"})
        clock, done = SteppedClock(settings.clock(), SECONDS), Recorded()
        [feed] = feeds_of(settings, venue)

        async def main() -> None:
            stop = asyncio.Event()
            work = record(
                *(feed, settings.capture_root), listener="t", epoch=1, stop=stop, policy=replace(FAST, ping_every=60.0),
                pace=PACE, recorded=done, clock=clock,
            )  # fmt: skip
            task = asyncio.create_task(work)
            await clock.sleep(SECONDS)
            stop.set()
            await task

        with stepping(sandbox.base_url, clock, commands=COMMANDS[venue]):
            asyncio.run(main())
        begins = settings.clock()
    blocks = [block.frames for path in segments(settings.capture_root) for block in read(path)]
    columns = ("received_at", "payload")
    frames = [row for b in blocks for row in zip(*(b.column(name).to_pylist() for name in columns), strict=True)]
    assert done.frames == clock.frames == len(frames)
    assert all(begins <= at <= begins + timedelta(seconds=SECONDS + 0.1) for at, _ in frames)
    return frames


@pytest.mark.parametrize("venue", list(REGISTRY))
def test_two_recordings_in_the_time_of_a_sandbox_are_equal(venue: str, tmp_path: Path) -> None:
    first, second = (recorded(tmp_path / name, venue) for name in "ab")
    assert first == second
    times = [at for at, _ in first]
    assert times == sorted(set(times)), "every frame has a time of its own, in the order of arrival"


@pytest.mark.parametrize("venue", list(REGISTRY))
def test_time_begins_after_the_last_command_with_which_a_feed_subscribes(venue: str, tmp_path: Path) -> None:
    sent: list[object] = []

    class Counting:
        async def send(self, message: object) -> None:
            sent.append(message)

    sandbox = SandboxProcess(UNIVERSE)
    sandbox.port = 1  # it is not called
    settings = load_settings({**sandbox.env(), "ECHELON_HOME": str(tmp_path)})
    feed = REGISTRY[venue].stream.feed(settings, 0, [Instrument(f"{venue}:A", ("a",))], WsMetrics())

    async def greet() -> None:
        await feed.greet(cast("Wire", Counting()), ["a"])

    asyncio.run(greet())
    assert len(sent) == COMMANDS[venue]


def test_a_sandbox_that_ended_ends_the_time_with_an_error() -> None:
    clock = SteppedClock(DEFAULT_NOW, SECONDS)
    with (
        pytest.raises(VenueUnavailable, match="clock stopped"),
        stepping("http://127.0.0.1:1", clock, commands=1),
    ):
        asyncio.run(clock.sleep(SECONDS))
    assert clock.now() == clock.begin_us


def test_a_universe_that_starts_behind_its_time_is_the_same_universe() -> None:
    late, early = (build(replace(UNIVERSE, behind=seconds)).state for seconds in (0, 90))
    assert late.clock.us - early.clock.us == 90_000_000
    for venue in ("kalshi", "polymarket"):
        ours, theirs = getattr(late.universe, venue), getattr(early.universe, venue)
        assert ours.frame.equals(theirs.frame)
        assert ours.events == theirs.events
    env = SandboxProcess(UNIVERSE, behind=90).env()
    assert env["ECHELON_NOW"] == (DEFAULT_NOW - timedelta(seconds=90)).isoformat()


def demo(home: Path) -> dict[str, list[Row]]:
    """Published rows of a small demo, without what says which run made them and when."""
    sizes = ("--events", "30", "--instruments", "120", "--trades", "8000", "--days", "2", "--listen", "10")
    environment = {**os.environ, "ECHELON_HOME": str(home)}
    command = [sys.executable, "-m", "echelon_pipeline.cli", "demo", *sizes]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with read_published(home / "echelon.duckdb", lake=str(home / "lake")) as connection:
        query = "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        names = connection.execute(f"{query} WHERE table_schema IN ('core', 'mart') ORDER BY ALL").fetchall()
        found = {}
        for (name,) in names:
            columns = [c for c, *_ in connection.execute(f"DESCRIBE {name}").fetchall() if c not in WHO_AND_WHEN]
            # The scope of a listing names its unit of work.
            listed = ", ".join(f"split_part({c}, ':', 1)" if c == "scope" else f'"{c}"' for c in columns)
            found[name] = connection.execute(f"SELECT {listed} FROM {name} ORDER BY ALL").fetchall()
    return found


@pytest.mark.slow
def test_two_demos_are_equal_table_by_table_and_their_books_and_trades_meet(tmp_path: Path) -> None:
    first, second = (demo(tmp_path / name) for name in "ab")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == sorted(DERIVATION & first.keys())
    assert first["core.book_snapshots"]
    with read_published(tmp_path / "a" / "echelon.duckdb", lake=str(tmp_path / "a" / "lake")) as connection:
        days = connection.execute("SELECT DISTINCT date FROM core.book_snapshots").fetchall()
        assert days == connection.execute("SELECT max(date) FROM core.daily_prices").fetchall()
        totals = "SELECT min(coverage), sum(seen_contracts), sum(venue_contracts), count(venue_contracts) = count(*)"
        coverage, seen, traded, is_known = connection.execute(f"{totals} FROM mart.coverage").fetchall()[0]
        assert coverage == pytest.approx(1, abs=1e-3)
        assert (seen, is_known) == (traded, True)
