"""Runs whose process is gone are ended, and their slots freed; runs of living processes are left alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from echelon_pipeline.defs.sensors import dead_runs
from echelon_pipeline.ops.dead_runs import end_dead_runs, slot_holders
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state import heartbeats
from echelon_pipeline.state import processes as alive
from echelon_pipeline.state.database import State
from echelon_pipeline.state.heartbeats import beat
from echelon_pipeline.state.processes import Process
from echelon_pipeline_tests.orchestration.instances import finished, holding, pool_of, started, status_of

STATUS = dg.DagsterRunStatus
HERE = Process.this()
ELSEWHERE = replace(HERE, host="other", boot="another boot")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ECHELON_HOME": str(tmp_path)})


@pytest.fixture(scope="module")
def ended() -> Process:
    """A process that has ended."""
    code = "from echelon_pipeline.state.processes import *; print(*vars(Process.this()).values(), sep='\\n')"
    host, boot, pid, began = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return Process(host, boot, int(pid), began)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (STATUS.STARTED, STATUS.FAILURE),
        (STATUS.STARTING, STATUS.FAILURE),
        (STATUS.NOT_STARTED, STATUS.FAILURE),
        (STATUS.CANCELING, STATUS.CANCELED),
    ],
)
def test_a_run_whose_process_is_gone_is_ended_and_its_slot_freed(
    before: dg.DagsterRunStatus,
    after: dg.DagsterRunStatus,
    ended: Process,
    settings: Settings,
    instance: dg.DagsterInstance,
) -> None:
    run = started(instance, ended, before)
    holding(instance, run, f"of {before.value}")
    assert end_dead_runs(instance, settings) == [run.run_id]
    assert status_of(instance, run) is after
    assert pool_of(instance, f"of {before.value}") == []
    assert end_dead_runs(instance, settings) == []


def test_a_living_run_keeps_its_slot_and_is_named(settings: Settings, instance: dg.DagsterInstance) -> None:
    run = started(instance, HERE)
    holding(instance, run, "living")
    assert end_dead_runs(instance, settings) == []
    assert status_of(instance, run) is STATUS.STARTED
    assert slot_holders(instance, "living") == [f"run {run.run_id[:8]} (other) of process {HERE.pid}"]
    finished(instance, run)


def test_a_pid_that_another_process_has_by_now_is_no_sign_of_life(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    run = started(instance, replace(HERE, started="1"))
    assert end_dead_runs(instance, settings) == [run.run_id]


def test_a_process_that_its_parent_has_not_collected_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    named = replace(HERE, pid=process.pid, started=alive._started(process.pid) or "")
    subprocess.run([sys.executable, "-c", ZOMBIE, str(process.pid)], check=True, timeout=30)
    assert not named.lives()
    process.wait()


ZOMBIE = """
import psutil, sys, time
while psutil.Process(int(sys.argv[1])).status() != psutil.STATUS_ZOMBIE:
    time.sleep(0.01)
"""


@pytest.mark.parametrize(("silence", "dead"), [(10.0, False), (80.0, False), (100.0, True)])
def test_a_run_of_another_machine_is_dead_when_its_heartbeat_is_silent(
    silence: float, dead: bool, settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(instance, ELSEWHERE)
    with State.of(settings) as state:
        beat(state, run.run_id, ELSEWHERE)
    later(monkeypatch, silence)
    assert end_dead_runs(instance, settings) == ([run.run_id] if dead else [])
    if not dead:
        finished(instance, run)


def test_a_run_of_another_machine_that_never_said_it_lives_is_left_alone(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have a state database of its own."""
    run = started(instance, ELSEWHERE)
    later(monkeypatch, 1_000)
    assert end_dead_runs(instance, settings) == []
    finished(instance, run)


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(heartbeats, "SILENCE", heartbeats.SILENCE - seconds)


def test_without_a_state_database_no_run_of_another_machine_is_called_dead(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(instance, ELSEWHERE)
    later(monkeypatch, 1_000)
    unreachable = load_settings(
        {"ECHELON_HOME": str(tmp_path), "ECHELON_STATE_URL": "postgresql://127.0.0.1:1/none?connect_timeout=1"}
    )
    assert end_dead_runs(instance, unreachable) == []
    finished(instance, run)


def test_a_run_that_names_no_process_is_left_alone(settings: Settings, instance: dg.DagsterInstance) -> None:
    """Of another executor: its launcher looks after it."""
    run = started(instance, None)
    assert end_dead_runs(instance, settings) == []
    finished(instance, run)


def test_slots_of_ended_and_deleted_runs_are_freed(settings: Settings, instance: dg.DagsterInstance) -> None:
    run, gone = started(instance, HERE), started(instance, HERE)
    holding(instance, run, "ended")
    holding(instance, gone, "deleted")
    finished(instance, run)
    instance._run_storage.delete_run(gone.run_id)
    end_dead_runs(instance, settings)
    assert pool_of(instance, "ended") == pool_of(instance, "deleted") == []


@pytest.fixture
def tick(settings: Settings, instance: dg.DagsterInstance) -> Iterator[dg.SensorEvaluationContext]:
    with dg.build_sensor_context(instance=instance, resources={"warehouse": Warehouse(settings)}) as context:
        yield context


def test_the_daemon_does_the_same(
    ended: Process, instance: dg.DagsterInstance, tick: dg.SensorEvaluationContext
) -> None:
    run = started(instance, ended)
    said = dead_runs.evaluate_tick(tick).skip_message or ""
    assert run.run_id in said
    assert status_of(instance, run) is STATUS.FAILURE
    assert dead_runs.default_status is dg.DefaultSensorStatus.RUNNING


def test_a_name_of_a_process_survives_the_tags_of_a_run() -> None:
    assert Process.of(HERE.tags()) == HERE
    assert Process.of({}) is None
    assert Process.of({**HERE.tags(), alive.PID: "x"}) is None
    assert (HERE.is_here(), HERE.lives(), ELSEWHERE.is_here()) == (True, True, False)
