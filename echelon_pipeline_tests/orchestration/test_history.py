"""Old runs are deleted on request, with every file that is theirs; nothing else is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from echelon_pipeline.ops.history import PruneReport, prune
from echelon_pipeline.state.processes import Process
from echelon_pipeline_tests.dagster_records import rows
from echelon_pipeline_tests.orchestration.conftest import Opened
from echelon_pipeline_tests.orchestration.instances import started

DAY = timedelta(days=1)


@dg.asset
def measured() -> dg.MaterializeResult[None]:
    """As large as those of the pipeline's own assets."""
    return dg.MaterializeResult(metadata={"preview": dg.MetadataValue.md("| a row of a preview |\n" * 100)})


@dg.op
def fails() -> None:
    raise ValueError("x")


@dg.job
def failing() -> None:
    """A job that fails."""
    fails()


DEFS = dg.Definitions([measured], jobs=[dg.define_asset_job("small", selection=[measured])])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "dagster"


@pytest.fixture
def records(opened: Opened, home: Path) -> Iterator[dg.DagsterInstance]:
    with opened(home) as made:
        yield made


def ran(instance: dg.DagsterInstance, times: int) -> list[str]:
    """Ids of small runs that succeeded, oldest first."""
    job = DEFS.resolve_job_def("small")
    return [job.execute_in_process(instance=instance).run_id for _ in range(times)]


def files(home: Path) -> set[str]:
    """Runs that have files."""
    named = {p.name.split(".", 1)[0] for p in (home / "history" / "runs").glob("*-*-*.db*")}
    return named | {p.name for p in (home / "storage").glob("*-*-*")}


def known(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def test_old_runs_go_with_their_files_and_the_newest_stay(records: dg.DagsterInstance, home: Path) -> None:
    *old, last = ran(records, 3)
    done = prune(records, home, older_than=timedelta(0), keep=1)
    assert dict(done.runs) == {"success": 2}
    assert known(records) == files(home) == {last}
    assert not set(old) & {run for (run,) in rows(home.parent, "runs/index.db", "SELECT run_id FROM event_logs")}
    assert done.bytes_after < done.bytes_before


def test_a_run_that_is_young_enough_or_under_way_stays(records: dg.DagsterInstance, home: Path) -> None:
    [young] = ran(records, 1)
    under_way = started(records, Process.this()).run_id
    failed = failing.execute_in_process(instance=records, raise_on_error=False).run_id
    assert dict(prune(records, home, older_than=DAY, keep=0).runs) == {}
    assert known(records) == {young, under_way, failed}
    assert dict(prune(records, home, older_than=timedelta(0), keep=0).runs) == {"success": 1, "failure": 1}
    assert known(records) == {under_way}


def test_files_of_runs_that_were_deleted_in_the_ui_go_too(records: dg.DagsterInstance, home: Path) -> None:
    """Not before an hour: they may be those of a run that is being made."""
    deleted, kept = ran(records, 2)
    records.delete_run(deleted)
    assert deleted in files(home)
    assert prune(records, home, older_than=DAY, keep=0) == PruneReport({}, 0, *[sizes(home)] * 2)
    old = time.time() - 7_200
    for path in home.rglob(f"{deleted}*"):
        os.utime(path, (old, old))
    assert prune(records, home, older_than=DAY, keep=0).unknown == 1
    assert files(home) == {kept}


def sizes(home: Path) -> int:
    return sum(path.stat().st_size for path in home.rglob("*") if path.is_file())


def test_what_newer_runs_made_is_still_recorded(records: dg.DagsterInstance, home: Path) -> None:
    *_, last = ran(records, 2)
    prune(records, home, older_than=timedelta(0), keep=1)
    event = records.get_latest_materialization_event(measured.key)
    assert event is not None
    assert event.run_id == last


@pytest.mark.slow
def test_a_hundred_small_runs_do_not_grow_the_records_without_end(records: dg.DagsterInstance, home: Path) -> None:
    ran(records, 10)
    ten = sizes(home)
    ran(records, 90)
    assert sizes(home) - ten < 90 * 300_000  # a file of tables and indexes per run, most of it empty pages
    prune(records, home, older_than=timedelta(0), keep=10)
    assert len(known(records)) == len(files(home)) == 10
    assert sizes(home) < 1.2 * ten
