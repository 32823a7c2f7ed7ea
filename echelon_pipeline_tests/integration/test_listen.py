"""Listening to the sandbox: instruments that come and go, shifts that follow each other, and what Dagster makes of it.

Belongs here: connections, leases, state and processes together. Each alone is tested in ``unit/``.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from echelon_pipeline.books.rows import Reason
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.dagster_home import LISTENER_TAG
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.latest import latest_store
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.streams.record import Recorded, record
from echelon_pipeline.streams.segments import CLOSED, connection_of, segments
from echelon_pipeline.streams.watchlist import Watchlist, watched_of
from echelon_pipeline_tests.integration.test_record import (
    FAST,
    PACE,
    UNIVERSE,
    feeds_of,
    kalshi_instruments,
    replayed,
    truth,
)
from echelon_pipeline_tests.loaded import job_of
from echelon_pipeline_tests.rows import row, staged


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
    watchlist, done = Watchlist(early), Recorded()

    async def main() -> None:
        stop = asyncio.Event()
        work = record(
            *(feed, settings.capture_root), listener="t", epoch=1, stop=stop, policy=FAST, pace=PACE, recorded=done,
            watchlist=watchlist,
        )  # fmt: skip
        task = asyncio.create_task(work)
        for number in range(6):
            if number == 2:
                watchlist.want(late)
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
    assert {gap["reason"] for some in gaps.values() for gap in some} == {Reason.BEFORE_SNAPSHOT}
    assert not told.hashes["misses"]
    [(_, first), (number, second)] = watched_of(segments(settings.capture_root)[0])
    assert (set(first), set(second)) == ({i.instrument_id for i in early}, {i.instrument_id for i in late})
    assert number > 0
    assert set(rows) == set(first) | set(second)


def listed(settings: Settings, count: int) -> list[str]:
    """Publishes some open instruments of Kalshi as if they had been ingested; their ids."""
    names = [i.instrument_id for i in kalshi_instruments(settings)[:count]]
    rows = [
        row("core.instruments", instrument_id=n, native_id=n.removeprefix("kalshi:"), is_combo=False) for n in names
    ]
    Lake.of(settings).merge("core.instruments", [staged(settings.scratch, "core.instruments", rows)])
    publish(settings)
    return names


def test_a_run_records_reports_its_segments_and_ends_when_its_listener_is_paused(
    sandbox: SandboxProcess, tmp_path: Path
) -> None:
    fast = {"ECHELON_LISTEN_LEASE": "0.6", "ECHELON_CAPTURE_FLUSH": "0.1", "ECHELON_CAPTURE_SEGMENT": "0.5"}
    settings = load_settings({**sandbox.env(), **fast, "ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"})
    names = listed(settings, 3)

    def pause() -> None:
        deadline = time.monotonic() + 20
        while len(segments(settings.capture_root)) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
            sandbox.advance(timedelta(seconds=1))
        with State.of(settings) as other:
            Listeners(other).activate("l", active=False)

    with State.of(settings) as state, dg.DagsterInstance.ephemeral() as instance:
        Listeners(state).save(Listener(name="l", venue="kalshi", discover_every=0.2))
        thread = threading.Thread(target=pause)
        thread.start()
        config = {"ops": {"listening": {"config": {"listener": "l"}}}}
        result = job_of("listen", settings).execute_in_process(run_config=config, instance=instance)
        thread.join()
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert (run.status, run.tags[LISTENER_TAG]) == (dg.DagsterRunStatus.SUCCESS, "l")
        _, intents = Listeners(state).exported()
    with contextlib.closing(latest_store(settings)) as store:
        assert {(one.instrument_id, one.reason) for one in store.all("kalshi")} == {(n, "not_watched") for n in names}
    paths = segments(settings.capture_root)
    assert {p.suffix for p in paths} == {CLOSED}
    assert {connection_of(p).epoch for p in paths} == {1}
    told = [e.step_materialization_data.materialization for e in result.get_asset_materialization_events()]
    assert {m.asset_key.to_user_string() for m in told} == {"capture/kalshi"}
    assert [m.metadata["segment"].value for m in told] == [p.name for p in paths]
    for metadata in (m.metadata for m in told):
        assert metadata["frames"] != dg.MetadataValue.int(0)
        assert float(str(metadata["first_at"].value)) <= float(str(metadata["last_at"].value))
    assert sorted(i["instrument_id"] for i in intents) == sorted(names)
    assert all(i["to_at"] is not None for i in intents)
    [feed], _, _ = replayed(settings)
    assert set(feed.books) == set(names)
