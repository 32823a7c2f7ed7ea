"""A shift asks the sandbox for books by REST: losses are found, failures disturb nothing, and a replay says the same.

Belongs here: shift, REST client, log and books together. The rules are tested in ``unit/test_book_machine.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.rows import Reason
from echelon_pipeline.domain.latest import LatestState
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.shift_lease import ShiftLease
from echelon_pipeline.streams.feeds import books_maker, feed_maker
from echelon_pipeline.streams.probing import rest_books_of, results
from echelon_pipeline.streams.segments import segments
from echelon_pipeline.streams.shift import work
from echelon_pipeline.streams.shift_spec import ShiftSpec, Times, Worked
from echelon_pipeline_tests.integration.test_record import (
    FAST,
    PACE,
    UNIVERSE,
    control,
    kalshi_instruments,
    polymarket_instruments,
    replayed,
    truth,
)

TIMES = Times(lease=5.0, discover=60.0, emit=0.05, probe=0.05)
Script = Callable[[list[LatestState]], Awaitable[None]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(UNIVERSE) as process:
        yield process


@pytest.fixture
def settings(sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Settings]:
    yield load_settings({**sandbox.env(), "ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"})
    control(sandbox, "faults", faults=[])


def shift(settings: Settings, venue: str, script: Script) -> tuple[Worked, dict[str, LatestState], set[str]]:
    """One shift while a script runs: its report, the last of the latest states, and its instruments."""
    some: list[Instrument] = (kalshi_instruments if venue == "kalshi" else polymarket_instruments)(settings)[:30]
    feed, tokens = feed_maker(settings, venue)
    emitted: list[LatestState] = []

    async def main(state: State) -> Worked:
        right = ShiftLease.begin(state, "l", "owner", TIMES.lease)
        assert right is not None
        spec = ShiftSpec(
            *("l", settings.capture_root, right, lambda: some, lambda: True, feed, tokens),
            *(emitted.extend, lambda _: None, FAST, PACE, TIMES),
            books=books_maker(settings, venue),
        )
        stop = asyncio.Event()
        task = asyncio.create_task(work(spec, stop))
        await until(lambda: len(live(emitted)) == len(some))
        await script(emitted)
        stop.set()
        return await task

    with State.of(settings) as state:
        worked = asyncio.run(asyncio.wait_for(main(state), 60))
    last = {one.instrument_id: one for one in emitted if one.reason != "not_watched"}
    return worked, last, {one.instrument_id for one in some}


def live(emitted: list[LatestState]) -> set[str]:
    """Instruments whose latest state is live."""
    return {name for name, one in {one.instrument_id: one for one in emitted}.items() if one.state == "live"}


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


def assert_replay_says_the_same(settings: Settings, worked: Worked, last: dict[str, LatestState]) -> None:
    """A replay of the segments has the results and the last books of the live machine."""
    [told], _, _ = replayed(settings)
    asked = {"requests", "asked", "failed"}
    assert results(told.met) == {name: n for name, n in worked.probes.items() if name not in asked}
    for name, book in told.books.items():
        bid, ask = (side[0] if side else (None, None) for side in (book.bids, book.asks))
        shown = last[name]
        assert (shown.state, (shown.bid, shown.bid_size), (shown.ask, shown.ask_size)) == (str(book.state), bid, ask)
    answers = sum(map(rest_books_of, segments(settings.capture_root)))
    unanswered = worked.probes["requests"] - worked.probes.get("failed", 0) - answers
    assert unanswered in (0, 1)  # the last request may be under way at the end


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_books_of_a_sound_stream_equal_the_rest_books(sandbox: SandboxProcess, settings: Settings, venue: str) -> None:
    async def move(__: list[LatestState]) -> None:
        for _ in range(4):
            await asyncio.to_thread(sandbox.advance, timedelta(seconds=5))
            await asyncio.sleep(0.3)

    worked, last, names = shift(settings, venue, move)
    assert worked.probes["equal"] >= len(names)
    assert not {"lost", "failed"} & worked.probes.keys()
    assert any(one.verified_at is not None for one in last.values())
    assert_replay_says_the_same(settings, worked, last)


def test_a_change_that_was_dropped_before_a_silence_is_found_and_the_book_comes_back(
    sandbox: SandboxProcess, settings: Settings
) -> None:
    async def drop(emitted: list[LatestState]) -> None:
        await asyncio.sleep(0.3)  # no answer is under way that knows of the change
        control(sandbox, "faults", faults=["ws_drop=1"])
        await asyncio.to_thread(sandbox.advance, timedelta(seconds=5))
        dropped = 0
        while dropped != (now := control(sandbox, "ws/faults")["counts"].get("drop", 0)) or not now:
            dropped = now  # a frame that arrives after the dropped ones would show the loss by its hash
            await asyncio.sleep(0.4)
        control(sandbox, "faults", faults=[])
        await asyncio.sleep(1.0)  # a request takes all books; the loss may be over before it is emitted
        await until(lambda: len(live(emitted)) == len({one.instrument_id for one in emitted}))
        await asyncio.sleep(0.5)

    worked, last, names = shift(settings, "polymarket", drop)
    assert worked.probes["lost"] > 0
    [told], rows, gaps = replayed(settings)
    assert {gap["reason"] for some in gaps.values() for gap in some} >= {Reason.PROBE}
    for name in names:
        assert (list(told.books[name].bids), list(told.books[name].asks)) == truth(sandbox, name)
        assert [row.reason for row in rows[name]].count(Reason.PROBE) <= 2
    assert_replay_says_the_same(settings, worked, last)


@pytest.mark.parametrize("fault", ["500=1", "429=1"])
def test_a_probe_that_fails_is_counted_and_the_recording_goes_on(
    sandbox: SandboxProcess, settings: Settings, fault: str
) -> None:
    async def move(__: list[LatestState]) -> None:
        control(sandbox, "faults", faults=[fault])
        for _ in range(3):
            await asyncio.to_thread(sandbox.advance, timedelta(seconds=5))
            await asyncio.sleep(0.2)

    worked, last, names = shift(settings, "polymarket", move)
    assert worked.probes["failed"] > 0
    assert (worked.ended, worked.connections, worked.refused) == ("stopped", 1, {})
    assert {last[name].state for name in names} == {"live"}
    assert_replay_says_the_same(settings, worked, last)
