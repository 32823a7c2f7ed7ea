"""How the steps of a run are worked off: what ends a run, what is tried again, what a step waits for.

Belongs here: the executor on small jobs and a real instance; in processes of their own it is
``integration/test_interrupts.py``.
"""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from echelon_pipeline import stopping
from echelon_pipeline.defs import executor
from echelon_pipeline.errors import (
    Conflict,
    DiskFull,
    EchelonError,
    RuleViolation,
    RunFailed,
    RunPostponed,
    VenueUnavailable,
)
from echelon_pipeline.ops import failures
from echelon_pipeline.ops.dead_runs import end_dead_runs
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.launching import _failure, execute
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.heartbeats import beat
from echelon_pipeline.state.processes import Process
from echelon_pipeline_tests import promises
from echelon_pipeline_tests.orchestration.instances import finished, holding, pool_of, started


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ECHELON_HOME", str(tmp_path / "home"))
    return load_settings()


def job_of(step: Callable[[], None], pool: str | None = None) -> tuple[dg.JobDefinition, list[str]]:
    """A job of ``step`` and of another one that does not need it; what was begun."""
    begun: list[str] = []

    @dg.op(pool=pool)
    def first() -> None:
        begun.append("first")
        with classified():
            step()

    @dg.op
    def second() -> None:
        begun.append("second")
        with classified():
            stopping.check()

    @dg.job(executor_def=executor.steady_executor(Warehouse()))
    def both() -> None:
        first()
        second()

    return both, begun


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_signal_ends_the_run_as_canceled_and_nothing_is_tried_again(
    number: int, settings: Settings, instance: dg.DagsterInstance
) -> None:
    def step() -> None:
        threading.Timer(0.2, lambda: os.kill(os.getpid(), number)).start()
        time.sleep(30)

    job, begun = job_of(step, "api")
    clock = time.monotonic()
    with pytest.raises(stopping.Interrupted), stopping.handling_signals():
        execute(job, settings, instance)
    assert time.monotonic() - clock < promises.seconds(5.0)
    [run] = instance.get_runs(dg.RunsFilter(job_name="both"), limit=1)
    assert run.status is dg.DagsterRunStatus.CANCELED
    assert begun in (["first"], ["second", "first"])
    assert not [
        e for e in instance.all_logs(run.run_id) if e.dagster_event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY
    ]
    assert pool_of(instance, "api") == []


def test_a_run_that_is_terminated_in_the_records_ends(settings: Settings, instance: dg.DagsterInstance) -> None:
    """The UI can tell the process of a run that a command began in no other way."""

    def step() -> None:
        run = instance.get_run_by_id(dg.OpExecutionContext.get().run_id)
        assert run is not None
        instance.report_run_canceling(run)
        time.sleep(30)

    job, _ = job_of(step)
    clock = time.monotonic()
    with pytest.raises(stopping.Interrupted) as caught, stopping.handling_signals():
        execute(job, settings, instance)
    assert caught.value.exit_code == 143
    assert time.monotonic() - clock < promises.seconds(10.0)
    assert instance.get_runs(limit=1)[0].status is dg.DagsterRunStatus.CANCELED


@pytest.mark.parametrize(
    ("error", "attempts"),
    [(VenueUnavailable("502"), 3), (Conflict("x"), 3), (RuleViolation("x"), 1), (DiskFull("0 MiB free"), 1)],
)
def test_only_what_may_pass_within_a_minute_is_tried_again(
    error: EchelonError,
    attempts: int,
    settings: Settings,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failures, "RETRY_DELAY", 0.01)

    def step() -> None:
        raise error

    job, begun = job_of(step)
    result = execute(job, settings, instance)
    assert not result.success
    assert begun.count("first") == attempts
    failure = next(e for e in result.all_events if e.is_step_failure).step_failure_data.user_failure_data
    assert failure is not None
    assert failure.description == f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(
    ("said", "kind", "line"),
    [
        ("database or disk is full", RunPostponed, "first: DiskFull: Dagster's records: database or disk is full"),
        (
            "file is not a database",
            RunFailed,
            "first: CorruptStore: Dagster's records is damaged or not ours: file is not a database",
        ),
    ],
)
def test_a_step_that_could_not_be_recorded_says_so_in_a_line(
    said: str, kind: type[EchelonError], line: str, instance: dg.DagsterInstance
) -> None:
    @dg.op
    def first() -> None:
        raise sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError(said))

    @dg.job
    def one() -> None:
        first()

    failure = _failure(one.execute_in_process(instance=instance, raise_on_error=False))
    assert type(failure) is kind
    assert line in str(failure)
    assert "\n" not in str(failure)


def test_a_wait_for_another_attempt_ends_with_a_signal(settings: Settings, instance: dg.DagsterInstance) -> None:
    def step() -> None:
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
        raise VenueUnavailable("502")

    job, _ = job_of(step)
    clock = time.monotonic()
    with pytest.raises(stopping.Interrupted), stopping.handling_signals():
        execute(job, settings, instance)
    assert time.monotonic() - clock < promises.seconds(5.0)
    assert instance.get_runs(limit=1)[0].status is dg.DagsterRunStatus.CANCELED


def test_a_step_waits_for_the_slot_of_a_living_run_and_says_for_which(
    settings: Settings, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    other = started(instance, Process.this())
    holding(instance, other, "shared")
    job, begun = job_of(lambda: None, "shared")

    def free_when_waiting() -> None:
        while "waiting for" not in caplog.text:
            time.sleep(0.05)
        finished(instance, other)
        end_dead_runs(instance, settings)  # frees what an ended run still holds

    thread = threading.Thread(target=free_when_waiting)
    thread.start()
    with caplog.at_level(logging.WARNING):
        assert execute(job, settings, instance).success
    thread.join()
    words = f"waiting for run {other.run_id[:8]} (other) of process {os.getpid()}, which holds the pool shared"
    assert words in caplog.text
    assert begun == ["second", "first"]


def test_a_wait_for_a_slot_ends_with_a_signal(
    settings: Settings, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    other = started(instance, Process.this())
    holding(instance, other, "kept")
    job, begun = job_of(lambda: None, "kept")
    signalled: list[float] = []

    def interrupt_when_waiting() -> None:
        while "waiting for" not in caplog.text:
            time.sleep(0.05)
        signalled.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt_when_waiting)
    thread.start()
    with caplog.at_level(logging.WARNING), pytest.raises(stopping.Interrupted), stopping.handling_signals():
        execute(job, settings, instance)
    assert time.monotonic() - signalled[0] < promises.seconds(5.0)
    thread.join()
    assert begun == ["second"]
    finished(instance, other)


def test_the_slot_of_a_dead_run_is_freed_before_the_next_one(settings: Settings, instance: dg.DagsterInstance) -> None:
    dead = started(instance, Process(**{**vars(Process.this()), "pid": 2**22 - 1}))
    holding(instance, dead, "orphaned")
    job, begun = job_of(lambda: None, "orphaned")
    assert execute(job, settings, instance).success
    assert begun == ["first", "second"]
    assert instance.get_run_by_id(dead.run_id).status is dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]


def test_a_run_names_its_process_and_its_heartbeat_ends_with_it(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    seen: list[tuple[Process | None, bool]] = []

    def step() -> None:
        run = instance.get_run_by_id(dg.OpExecutionContext.get().run_id)
        assert run is not None
        deadline = time.monotonic() + 10
        while run.run_id not in beats(settings) and time.monotonic() < deadline:
            time.sleep(0.05)
        seen.append((Process.of(run.tags), run.run_id in beats(settings)))

    job, _ = job_of(step)
    result = execute(job, settings, instance)
    assert seen == [(Process.this(), True)]
    assert result.run_id not in beats(settings)
    assert result.dagster_run.tags["dagster/max_retries"] == "0"


def beats(settings: Settings) -> set[str]:
    from echelon_pipeline.state.heartbeats import last_beats

    with State.of(settings) as state:
        return set(last_beats(state))


def test_no_step_has_a_retry_policy_of_dagster() -> None:
    """It takes an interrupt for a failure: the step is tried again, and the run goes on."""
    from echelon_pipeline_tests.loaded import defs

    definitions = defs()
    steady = definitions.executor
    assert isinstance(steady, dg.ExecutorDefinition)
    assert isinstance(steady.executor_creation_fn(None), executor.SteadyExecutor)  # type: ignore[arg-type,misc]
    repository = definitions.get_repository_def()
    for name in repository.job_names:
        job = repository.get_job(name)
        assert job.executor_def is steady or name.startswith("__"), name
        for node in job.nodes:
            assert node.retry_policy is None, (name, node.name)
            assert node.definition.retry_policy is None, (name, node.name)  # type: ignore[attr-defined]


def test_a_beat_of_a_run_is_kept_once(settings: Settings) -> None:
    with State.of(settings) as state:
        beat(state, "r1", Process.this())
        beat(state, "r1", Process.this())
    assert beats(settings) == {"r1"}
