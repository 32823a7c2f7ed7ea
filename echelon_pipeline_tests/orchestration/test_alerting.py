"""A failed run and a failed check reach a webhook: real runs, Dagster's own records, a receiver on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from echelon_pipeline.defs.alerting import alert_sensors
from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.ops.launching import execute
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.orchestration.conftest import Opened
from echelon_pipeline_tests.receivers import Webhook, webhook


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook("/secret-path") as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, hook: Webhook) -> Settings:
    return load_settings(
        {
            "ECHELON_HOME": str(tmp_path / "home"),
            "ECHELON_MIN_FREE_MB": "0",
            "ECHELON_ALERT_WEBHOOK": hook.url,
            "ECHELON_UI_URL": "https://dagster.example/",
        }
    )


@pytest.fixture
def instance(opened: Opened, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with opened(tmp_path / "dagster") as made:
        yield made


class Ticks:
    """Ticks of both sensors, as the daemon evaluates them: each gets the cursor that its last tick left."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self._sensors = {sensor.name: sensor for sensor in alert_sensors(settings)}
        self._repository = build_defs(settings).get_repository_def()
        self._settings, self._instance = settings, instance
        self._cursors: dict[str, str | None] = {}

    def tick(self) -> None:
        for name, sensor in self._sensors.items():
            with dg.build_sensor_context(
                self._instance,
                cursor=self._cursors.get(name),
                repository_def=self._repository,
                resources={"warehouse": Warehouse(self._settings)},
                sensor_name=name,
            ) as context:
                done = sensor.evaluate_tick(context)
                assert not [r.error for r in done.dagster_run_reactions or [] if r.error]
                self._cursors[name] = done.cursor


def fail(settings: Settings, instance: dg.DagsterInstance) -> str:
    """A run of the real rederive job, whose configuration is refused."""
    job = build_defs(settings).resolve_job_def("rederive")
    config = {"ops": {"rederive_tables": {"config": {"venues": ["nasdaq"]}}}}
    result = execute(job, settings, instance, config=config)
    assert not result.success
    return result.run_id


def test_a_failed_run_is_alerted_once_with_its_reason_class_and_link(
    settings: Settings, instance: dg.DagsterInstance, hook: Webhook
) -> None:
    fail(settings, instance)
    ticks = Ticks(settings, instance)
    ticks.tick()
    assert not hook.received  # failures of before the sensor was on
    run_id = fail(settings, instance)
    ticks.tick()
    (body,) = hook.received
    assert body["title"] == "rederive failed: rederive_tables"
    assert "BadSettings: venue nasdaq: expected one of kalshi, polymarket" in body["text"]
    assert body["details"] == {"class": "permanent", "run": run_id, "link": f"https://dagster.example/runs/{run_id}"}
    fail(settings, instance)
    ticks.tick()
    ticks.tick()
    assert len(hook.received) == 1


@dg.asset(check_specs=[dg.AssetCheckSpec(name, asset="table") for name in ("rules", "available", "built")])
def table() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """An asset with a failed check of each severity, and a passed one."""
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(check_name="rules", passed=False, metadata={"broken": "price <= 1"})
    yield dg.AssetCheckResult(check_name="available", passed=False, severity=dg.AssetCheckSeverity.WARN)
    yield dg.AssetCheckResult(check_name="built", passed=True)


@pytest.mark.parametrize("warnings", [False, True])
def test_failed_checks_are_alerted_and_warnings_only_on_request(
    settings: Settings, instance: dg.DagsterInstance, hook: Webhook, warnings: bool
) -> None:
    ticks = Ticks(settings.model_copy(update={"alert_warnings": warnings}), instance)
    ticks.tick()
    assert dg.materialize([table], instance=instance).success
    ticks.tick()
    ticks.tick()
    titles = ["check failed: table: available"] * warnings + ["check failed: table: rules"]
    assert sorted(body["title"] for body in hook.received) == titles
    (rules,) = [body for body in hook.received if body["title"].endswith("rules")]
    assert "broken: price <= 1" in rules["text"]
    assert rules["severity"] == "error"


def test_a_destination_that_was_down_gets_the_alert_from_a_later_tick(
    settings: Settings, instance: dg.DagsterInstance, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Ticks(settings, instance)
    ticks.tick()
    hook.answers.append(503)
    fail(settings, instance)
    monkeypatch.setattr("echelon_pipeline.alerts.delivery.WAIT", 0.0)
    ticks.tick()
    ticks.tick()
    assert hook.requests == 2
    assert len(hook.received) == 1


def test_the_sensors_run_as_soon_as_a_destination_is_set(settings: Settings) -> None:
    running, stopped = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED
    assert {s.default_status for s in alert_sensors(settings)} == {running}
    assert {s.default_status for s in alert_sensors(load_settings({}))} == {stopped}
