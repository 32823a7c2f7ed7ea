"""Listening to the sandbox: instruments that come and go, shifts that follow each other, and what Dagster makes of it.

Belongs here: connections, leases, state and processes together. Each alone is tested in ``unit/``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from echelon_pipeline.books.rows import Reason
from echelon_pipeline.sandbox.process import SandboxProcess
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.streaming.record import Recorded, record
from echelon_pipeline.streaming.roster import Roster, watched_of
from echelon_pipeline.streaming.segments import segments
from echelon_pipeline_tests.integration.test_record import FAST, PACE, UNIVERSE, feeds_of, replayed, truth


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(UNIVERSE) as process:
        yield process


@pytest.fixture
def settings(sandbox: SandboxProcess, tmp_path: Path) -> Settings:
    return load_settings({**sandbox.env(), "ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"})


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_books_that_come_while_a_connection_runs_are_the_venues_own_and_the_others_stay(
    sandbox: SandboxProcess, settings: Settings, venue: str
) -> None:
    [feed] = feeds_of(settings, venue)
    half = len(feed.instruments) // 2
    early, late = feed.instruments[: half + 2], feed.instruments[half:]  # two are in both
    roster, done = Roster(early), Recorded()

    async def main() -> None:
        stop = asyncio.Event()
        work = record(
            *(feed, settings.capture_root), listener="t", epoch=1, stop=stop, policy=FAST, pace=PACE, recorded=done,
            roster=roster,
        )  # fmt: skip
        task = asyncio.create_task(work)
        for number in range(10):
            if number == 4:
                roster.want(late)
            await asyncio.to_thread(sandbox.advance, timedelta(seconds=5))
            await asyncio.sleep(0.15)
        await asyncio.sleep(0.4)
        stop.set()
        await task

    asyncio.run(main())
    assert done.connections == 1
    [told], rows, gaps = replayed(settings)
    assert set(told.books) == {i.instrument_id for i in late}
    for name, book in told.books.items():
        assert str(book.state) == "live", (name, book)
        assert (list(book.bids), list(book.asks)) == truth(sandbox, name), name
    assert {gap.reason for some in gaps.values() for gap in some} == {Reason.BEFORE_SNAPSHOT}
    assert not told.hashes["misses"]
    [(_, first), (number, second)] = watched_of(segments(settings.capture_root)[0])
    assert (set(first), set(second)) == ({i.instrument_id for i in early}, {i.instrument_id for i in late})
    assert number > 0
    assert set(rows) == set(first) | set(second)
