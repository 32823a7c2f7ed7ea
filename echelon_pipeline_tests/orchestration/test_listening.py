"""The starter: every active listener has a shift, and never two beside each other but for the overlap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.test_utils import create_run_for_test

from echelon_pipeline.defs import listening
from echelon_pipeline.defs.jobs import books_job, daily_job, main_job
from echelon_pipeline.defs.listening import BACKOFF, EPOCH_TAG, GRACE, ShiftStarter, start_shifts
from echelon_pipeline.defs.refreshing import refresh
from echelon_pipeline.ops.dagster_home import LISTEN_JOB, LISTENER_TAG, WORK
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.state.shift_lease import ShiftLease
from echelon_pipeline_tests.loaded import defs

STARTED, FAILURE, QUEUED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.NOT_STARTED


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ECHELON_HOME": str(tmp_path)})


@pytest.fixture
def state(settings: Settings) -> Iterator[State]:
    with State.of(settings) as made:
        yield made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, name: str = "l", epoch: int = 1) -> dg.DagsterRun:
    made: dg.DagsterRun = create_run_for_test(
        instance, job_name=LISTEN_JOB, status=status, tags={LISTENER_TAG: name, EPOCH_TAG: str(epoch)}
    )
    return made


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """The starter's clock goes on; Dagster's and the leases' do not."""
    monkeypatch.setattr(listening, "_now", lambda: datetime.now(UTC) + by)


def answer(instance: dg.DagsterInstance, state: State, seen: dict[str, float] | None = None) -> dg.RunRequest | str:
    return ShiftStarter(instance, seen or {}).request_or_reason(state, "l")


def test_a_listener_without_a_shift_gets_one_and_one_that_is_at_work_none(
    instance: dg.DagsterInstance, state: State
) -> None:
    request = answer(instance, state)
    assert isinstance(request, dg.RunRequest)
    assert (request.run_key, request.tags) == ("l:1:0", {LISTENER_TAG: "l", EPOCH_TAG: "1"})
    coming = run(instance, QUEUED)
    assert answer(instance, state) == "a shift is starting"
    right = ShiftLease.begin(state, "l", coming.run_id, 30)
    assert right is not None
    assert answer(instance, state) == "shift 1 is running"


def test_a_successor_is_started_when_the_shift_hands_over_and_only_one(
    instance: dg.DagsterInstance, state: State
) -> None:
    first = run(instance, STARTED)
    right = ShiftLease.begin(state, "l", first.run_id, 30)
    assert right is not None
    assert answer(instance, state) == "shift 1 is running"
    assert right.hand_over(60)
    request = answer(instance, state)
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "l:2:0"
    second = run(instance, STARTED, epoch=2)
    assert answer(instance, state) == "a shift is starting"
    assert ShiftLease.begin(state, "l", second.run_id, 30) is not None
    assert answer(instance, state) == "shift 2 is running"


def test_a_run_whose_machine_died_is_replaced_and_then_called_failed(
    instance: dg.DagsterInstance, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    zombie = run(instance, STARTED)
    assert answer(instance, state) == "a shift is starting"  # it has just begun
    assert Leases(state).acquire("listener/l", zombie.run_id, -1) is not None  # its lease is over
    later(monkeypatch, timedelta(hours=1))
    starter = ShiftStarter(instance, {})
    request = starter.request_or_reason(state, "l")
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "l:2:0"
    assert set(starter.without_lease) == {zombie.run_id}
    found = instance.get_run_by_id(zombie.run_id)
    assert found is not None
    assert found.status is STARTED
    later(monkeypatch, timedelta(hours=1) + GRACE)
    assert isinstance(answer(instance, state, starter.without_lease), dg.RunRequest)
    found = instance.get_run_by_id(zombie.run_id)
    assert found is not None
    assert found.status is FAILURE


def test_a_run_that_ended_before_it_was_a_shift_does_not_use_up_the_key_and_failures_wait_longer_and_longer(
    instance: dg.DagsterInstance, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (1, 2, 3):
        instance.report_run_failed(run(instance, STARTED))
        wait = BACKOFF * 2 ** (count - 1)
        later(monkeypatch, wait - timedelta(seconds=5))
        assert answer(instance, state) == f"failed {count} times recently, waits before the next try"
        later(monkeypatch, wait + timedelta(seconds=1))
        request = answer(instance, state)
        assert isinstance(request, dg.RunRequest)
        assert request.run_key == f"l:1:{count}"


def test_the_sensor_looks_after_active_listeners_only(
    instance: dg.DagsterInstance, settings: Settings, state: State
) -> None:
    def ticked() -> dg.SensorResult:
        found = start_shifts(dg.build_sensor_context(instance=instance), Warehouse(settings))
        assert isinstance(found, dg.SensorResult)
        return found

    assert ticked().skip_reason == dg.SkipReason("no active listener")
    Listeners(state).save(Listener(name="a", venue="kalshi"), Listener(name="b", venue="kalshi", is_active=False))
    [request] = ticked().run_requests or []
    assert request.run_config == {"ops": {"listening": {"config": {"listener": "a"}}}}
    assert ShiftLease.begin(state, "a", "somebody", 30) is not None
    assert ticked().skip_reason == dg.SkipReason("a: shift 1 is running")


def test_a_mistake_in_the_file_of_listeners_stops_nobody(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    path = tmp_path / "listeners.yaml"
    path.write_text("listeners: [{name: a, venue: kalshi}]", encoding="utf-8")
    found = []
    warehouse = Warehouse(load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_LISTENERS_FILE": str(path)}))
    for _ in range(2):
        result = start_shifts(dg.build_sensor_context(instance=instance), warehouse)
        assert isinstance(result, dg.SensorResult)
        found += [request.tags[LISTENER_TAG] for request in result.run_requests or []]
        path.write_text("listeners: [{name: a}]", encoding="utf-8")
    assert found == ["a", "a"]


def test_listeners_take_no_places_of_other_work() -> None:
    """Both files: whatever is not a listener is tagged as work, of which four run at once."""
    root = Path(__file__).resolve().parents[2]
    for name in ("dagster.yaml", "docs/deploy/dagster.postgres.yaml"):
        runs = yaml.safe_load((root / name).read_text(encoding="utf-8"))["concurrency"]["runs"]
        limits = {limit["key"]: limit["limit"] for limit in runs["tag_concurrency_limits"]}
        assert limits == {"echelon/kind": 4, LISTENER_TAG: 2}
        assert runs["max_concurrent_runs"] == 4 + 8
    listen = defs().resolve_job_def(LISTEN_JOB)
    assert not WORK.items() & listen.tags.items()
    for job in (main_job, daily_job, books_job, refresh):
        assert WORK.items() <= dict(job.tags or {}).items()
    assert listen.tags["dagster/max_retries"] == "0"
