"""Several processes on one lake end with the tables of one clean run.

Belongs here: whole units of work side by side. Four processes that merge into one partition at once are in
``unit/test_lake_processes.py``.
"""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Session
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.integration.conftest import TINY
from echelon_pipeline_tests.pipeline import VENUES, contents, days_of, duplicates, settings_for

SPAWN = multiprocessing.get_context("spawn")  # delta-rs must not cross a fork
COMPARED = ("core.trades", "core.daily_prices", "core.dead_letters")


def _work(settings: Settings, days: Sequence[date], rounds: int, refetch: bool) -> None:
    session = Session.of(settings)
    for _ in range(rounds):
        for venue in VENUES:
            main.trades(session, venue, days, refetch=refetch)
            main.prices(session, venue, days, refetch=refetch)


def _list(settings: Settings) -> None:
    session = Session.of(settings)
    for venue in VENUES:
        main.fetch(session, venue)
        main.derive(session, venue)


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(replace(TINY, trades=4_000)) as process:
        yield process


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_backfill_beside_the_quarter_hourly_job_equals_one_clean_run(sandbox: SandboxProcess, tmp_path: Path) -> None:
    more = {"ECHELON_RAW_FLUSH_OBJECTS": "200", "ECHELON_MERGE_TRIES": "40"}
    clean = settings_for(tmp_path / "clean", sandbox.env(), **more)
    _list(clean)
    shutil.copytree(clean.home, tmp_path / "shared")
    shared = settings_for(tmp_path / "shared", sandbox.env(), **more)
    days = days_of(clean, 2)
    _work(clean, days, 1, False)
    backfill = SPAWN.Process(target=_work, args=(shared, days, 1, False))
    live = SPAWN.Process(target=_work, args=(shared, days[-2:], 2, True))
    for process in (backfill, live):
        process.start()
    for process in (backfill, live):
        process.join()
    assert [backfill.exitcode, live.exitcode] == [0, 0]
    # VWAP and volume of a day are NULL until its trades are complete: either process may have been first.
    session = Session.of(shared)
    for venue in VENUES:
        main.prices(session, venue, days)
    expected, found = contents(clean), contents(shared)
    assert {t: found[t] for t in COMPARED} == {t: expected[t] for t in COMPARED}
    assert found["core.trades"][0] > 0
    assert duplicates(shared) == {}
    for venue in VENUES:
        claimed = session.windows.complete(venue, "core.trades", "configured")
        assert claimed == Session.of(clean).windows.complete(venue, "core.trades", "configured")
