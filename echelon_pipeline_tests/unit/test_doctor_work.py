"""The doctor on a home at work: age of data, older parsers, failed runs, daemon, schedules, listeners; for programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorStatus, SensorInstigatorData
from dagster._daemon.types import DaemonHeartbeat
from typer.testing import CliRunner

from echelon_pipeline.cli import app
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.dagster_home import FAILURE_TAG, ensure_dagster_home
from echelon_pipeline.ops.doctor import examine
from echelon_pipeline.ops.switches import read_switches, write_switches
from echelon_pipeline.ops.venue_probes import Finding, Level
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.state.shift_lease import ShiftLease
from echelon_pipeline_tests.rows import NOON, arrow, row, staged

LATER = NOON + timedelta(hours=5)


def environ(home: Path, **values: str) -> dict[str, str]:
    return {"ECHELON_HOME": str(home), "ECHELON_MIN_FREE_MB": "0", **values}


def report(home: Path, wall: datetime = LATER, **values: str) -> dict[str, Finding]:
    return {f.what: f for f in examine(environ(home, **values), offline=True, wall=lambda: wall)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ(tmp_path / "home"))


def read_at(settings: Settings, venue: str, table: str, at: datetime) -> None:
    window = row(
        "core.ingest_windows",
        venue=venue,
        table_name=table,
        state="complete",
        recorded_at=at,
        to_at=NOON + timedelta(hours=1),
    )
    Lake.of(settings).append("core.ingest_windows", arrow("core.ingest_windows", [window]))


def test_data_that_was_not_read_for_longer_than_the_setting_is_named_by_venue_and_table(settings: Settings) -> None:
    for venue, table, hours in (
        ("kalshi", "core.trades", 4),
        ("kalshi", "core.fills", 4),
        ("polymarket", "core.trades", 1),
    ):
        read_at(settings, venue, table, LATER - timedelta(hours=hours))
    found = report(settings.home, ECHELON_NOW=LATER.isoformat())
    old, fresh = found["age of data, kalshi"], found["age of data, polymarket"]
    assert (old.level, old.data["old"]) == (Level.WARN, ["core.trades"])
    assert old.data["seconds"] == {"core.trades": 4 * 3600, "core.fills": 4 * 3600}
    assert old.advice
    assert (fresh.level, fresh.data["old"]) == (Level.OK, [])
    assert report(settings.home, ECHELON_NOW=LATER.isoformat(), ECHELON_STALE_HOURS="5")[old.what].level is Level.OK


def test_days_of_an_older_parser_are_counted_until_they_are_derived_again(settings: Settings) -> None:
    read_at(settings, "kalshi", "core.instruments", NOON)
    known = [row("core.instruments", instrument_id="kalshi:I0", native_id="I0", parser_version=1)]
    Lake.of(settings).merge("core.instruments", [staged(settings.scratch / "unit", "core.instruments", known)])
    found = report(settings.home)["parsers"]
    assert (found.level, found.data) == (Level.WARN, {"stale_days": {"core.instruments of kalshi": 1}})
    assert "echelon rederive" in found.advice


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """New records of Dagster: creating their tables takes a second."""
    home = ensure_dagster_home(Settings(home=tmp_path_factory.mktemp("records") / "home"))
    with dg.DagsterInstance.from_config(str(home)) as made:
        made.get_runs_count()
        made.all_instigator_state()
    return home


@pytest.fixture
def instance(settings: Settings, records: Path) -> Iterator[dg.DagsterInstance]:
    shutil.copytree(records, settings.dagster_home)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as made:
        yield made


@dg.op
def fails() -> None:
    raise ValueError("as it should")


@dg.job(tags={FAILURE_TAG: "permanent"})
def failing() -> None:
    fails()


def test_runs_that_failed_within_a_day_are_named_with_their_class(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    now = datetime.now(UTC)
    assert report(settings.home, now)["runs"].level is Level.OK
    run = failing.execute_in_process(instance=instance, raise_on_error=False)
    found = report(settings.home, now)["runs"]
    assert found.level is Level.WARN
    assert found.data["runs"] == [{"run": run.run_id, "job": "failing", "class": "permanent"}]
    assert report(settings.home, now + timedelta(hours=25))["runs"].level is Level.OK


def test_a_daemon_that_is_off_fails_where_schedules_are_on(settings: Settings, instance: dg.DagsterInstance) -> None:
    def found(**values: str) -> tuple[Level, object]:
        daemon = report(settings.home, LATER, **values)["daemon"]
        return daemon.level, daemon.data["is_on"]

    assert found(ECHELON_SCHEDULES="true") == (Level.FAIL, False)
    assert found(ECHELON_SCHEDULES="false") == (Level.OK, False)
    for minutes, expected in ((6, (Level.FAIL, False)), (1, (Level.OK, True))):
        beat = (LATER - timedelta(minutes=minutes)).timestamp()
        instance.add_daemon_heartbeat(DaemonHeartbeat(beat, "SENSOR", "d1", []))
        assert found(ECHELON_SCHEDULES="true") == expected


def switched(instance: dg.DagsterInstance, name: str, status: InstigatorStatus, cursor: str) -> None:
    from dagster._core.remote_origin import (
        ManagedGrpcPythonEnvCodeLocationOrigin,
        RemoteInstigatorOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.scheduler.instigation import InstigatorState, InstigatorType
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    target = LoadableTargetOrigin(module_name="echelon_pipeline.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, "echelon_pipeline")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
    data = SensorInstigatorData(min_interval=30, cursor=cursor)
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, status, data))


def test_a_sensor_that_was_switched_off_by_hand_is_named(settings: Settings, instance: dg.DagsterInstance) -> None:
    switched(instance, "listeners", InstigatorStatus.STOPPED, "c")
    assert report(settings.home)["schedules"].level is Level.OK
    found = report(settings.home, ECHELON_SCHEDULES="true")["schedules"]
    assert (found.level, found.data["switched_off"]) == (Level.WARN, ["listeners"])


def test_switches_are_copied_without_cursors_and_never_over_a_newer_choice(
    instance: dg.DagsterInstance, records: Path, tmp_path: Path
) -> None:
    """A cursor of other records would skip events."""
    switched(instance, "listeners", InstigatorStatus.STOPPED, "event 4711")
    switched(instance, "dead_runs", InstigatorStatus.DECLARED_IN_CODE, "event 4712")
    text = read_switches(instance)
    assert "471" not in text
    shutil.copytree(records, tmp_path / "other")
    with dg.DagsterInstance.from_config(str(tmp_path / "other")) as other:
        assert write_switches(other, text) == ["listeners"]
        (state,) = other.all_instigator_state()
        assert (state.name, state.status) == ("listeners", InstigatorStatus.STOPPED)
        assert write_switches(other, text) == []


def test_an_active_listener_without_a_shift_is_named(settings: Settings) -> None:
    with State.of(settings) as state:
        Listeners(state).save(
            Listener(name="fed", venue="kalshi"), Listener(name="off", venue="kalshi", is_active=False)
        )
        found = report(settings.home)["listeners"]
        assert (found.level, found.data["without_shift"]) == (Level.WARN, ["fed"])
        assert ShiftLease.begin(state, "fed", "a shift", 60)
        assert report(settings.home)["listeners"].level is Level.OK


def test_the_report_for_programs_is_one_json_document_with_every_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["doctor", "--offline", "--json"])
    told: dict[str, Any] = json.loads(done.output)
    assert (done.exit_code, told["level"]) == (0, "WARN")  # nothing is published yet
    assert {"level", "what", "text", "advice", "data"} == set(told["findings"][0])
    assert [f["what"] for f in told["findings"] if f["level"] == "WARN" and f["what"] != "packages"] == ["publication"]
    assert isinstance(next(f for f in told["findings"] if f["what"] == "home")["data"]["free_mb"], int)
    assert CliRunner().invoke(app, ["doctor", "--offline", "--json", "--strict"]).exit_code == 1
    monkeypatch.setenv("ECHELON_MIN_FREE_MB", "1000000000")
    broken = CliRunner().invoke(app, ["doctor", "--offline", "--json"])
    assert (broken.exit_code, json.loads(broken.output)["level"]) == (1, "FAIL")


def test_the_doctor_of_a_new_home_does_not_load_dagster(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom echelon_pipeline.cli import app\n"
        "try: app(['doctor', '--offline'])\nexcept SystemExit: pass\n"
        "assert 'dagster' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environ(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
