"""A home keeps the settings with which its data was built; another shell does not change them by accident."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from echelon_pipeline.cli import app
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest.homes import claim_home, require_own_venues
from echelon_pipeline.ops.doctor import examine
from echelon_pipeline.ops.venue_probes import Level
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import (
    SHAPES_DATA,
    Settings,
    accept_settings,
    differences,
    load_settings,
    record_settings,
)

CODE, OTHER = "0x" + "aa" * 32, "0x" + "bb" * 32


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"ECHELON_HOME": str(home), "ECHELON_MIN_FREE_MB": "0", **more}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home built with a builder code, a clock and a bound."""
    given = environment(tmp_path, ECHELON_BUILDER_CODE=CODE, ECHELON_NOW="2026-11-20T12:00:00", ECHELON_MIN_VOLUME="5")
    record_settings(load_settings(given))
    return tmp_path


def test_recorded_settings_apply_in_a_shell_without_the_variables(home: Path) -> None:
    settings = load_settings(environment(home))
    assert settings.builder_codes == (CODE,)
    assert settings.clock() == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert settings.min_volume == 5
    assert differences(environment(home)) == []


def test_a_recorded_value_overrides_the_environment_and_the_difference_is_named(home: Path) -> None:
    shell = environment(home, ECHELON_BUILDER_CODE=OTHER, ECHELON_MIN_VOLUME="5")
    assert load_settings(shell).builder_codes == (CODE,)
    (found,) = differences(shell)
    assert (found.name, found.environment, found.home) == ("ECHELON_BUILDER_CODE", OTHER, CODE)


def test_a_value_recorded_as_not_set_overrides_the_environment(tmp_path: Path) -> None:
    """A live home has no frozen clock, even if the shell was used for a sandbox before."""
    record_settings(load_settings(environment(tmp_path)))
    assert load_settings(environment(tmp_path, ECHELON_NOW="2020-01-01T00:00:00")).now is None


def test_settings_that_do_not_shape_data_come_from_the_environment(home: Path) -> None:
    assert load_settings(environment(home, ECHELON_THREADS="7", ECHELON_DAYS_BACK="90")).days_back == 90
    assert load_settings(environment(home, ECHELON_THREADS="7")).threads == 7


def test_the_first_record_is_not_overwritten(home: Path) -> None:
    record_settings(Settings(home=home, builder_code=OTHER))
    assert load_settings(environment(home)).builder_codes == (CODE,)


def test_a_setting_that_an_older_version_did_not_record_is_added(home: Path) -> None:
    path = home / "settings.json"
    known = json.loads(path.read_text())
    del known["late_hours"]
    path.write_text(json.dumps(known))
    settings = load_settings(environment(home, ECHELON_LATE_HOURS="9"))
    assert settings.late_hours == 9
    record_settings(settings)
    assert load_settings(environment(home)).late_hours == 9
    assert load_settings(environment(home)).builder_codes == (CODE,)


def test_accepting_records_the_named_variables_and_no_others(home: Path) -> None:
    shell = environment(home, ECHELON_BUILDER_CODE=OTHER, ECHELON_MIN_VOLUME="9")
    (changed,) = accept_settings(["ECHELON_BUILDER_CODE"], shell)
    assert (changed.home, changed.environment) == (CODE, OTHER)
    assert load_settings(environment(home)).builder_codes == (OTHER,)
    assert load_settings(environment(home)).min_volume == 5
    assert [d.name for d in accept_settings([], shell)] == ["ECHELON_MIN_VOLUME"]
    assert load_settings(environment(home)).min_volume == 9
    assert accept_settings([], shell) == []


def test_accepting_a_variable_that_is_not_set_records_its_default(home: Path) -> None:
    accept_settings(["ECHELON_BUILDER_CODE"], environment(home))
    assert load_settings(environment(home)).builder_codes == ()


def test_accepting_a_setting_that_is_never_recorded_is_refused(home: Path) -> None:
    with pytest.raises(
        BadSettings, match=r"ECHELON_THREADS: not a recorded setting; a home records .*ECHELON_BUILDER_CODE"
    ):
        accept_settings(["ECHELON_THREADS"], environment(home))


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "cannot be read"), ("[]", "expected a JSON object"), ('{"min_volume": "much"}', "ECHELON_MIN_VOLUME")],
)
def test_a_damaged_record_raises_bad_settings_with_the_path(home: Path, text: str, words: str) -> None:
    (home / "settings.json").write_text(text)
    with pytest.raises(BadSettings, match=words) as refused:
        load_settings(environment(home))
    assert str(home / "settings.json") in str(refused.value)


def test_every_recorded_setting_round_trips_through_the_file(tmp_path: Path) -> None:
    given = Settings(home=tmp_path, now=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), parlay_collections="A,B")
    record_settings(given)
    found = load_settings(environment(tmp_path))
    assert {name: getattr(found, name) for name in SHAPES_DATA} == {name: getattr(given, name) for name in SHAPES_DATA}


def test_a_frozen_clock_is_refused_against_live_venues(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"the clock is frozen at .*KALSHI_BASE_URL"):
        require_own_venues(Settings(home=tmp_path, now=datetime(2026, 1, 1, tzinfo=UTC)))


def test_dagster_processes_record_and_use_the_settings_of_the_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHELON_HOME", str(home))
    assert Warehouse().settings().builder_codes == (CODE,)
    monkeypatch.setenv("ECHELON_HOME", str(home / "new"))
    monkeypatch.setenv("ECHELON_BUILDER_CODE", OTHER)
    assert Warehouse().settings().builder_codes == (OTHER,)
    monkeypatch.delenv("ECHELON_BUILDER_CODE")
    assert Warehouse().settings().builder_codes == (OTHER,)


def run(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], *words: str) -> tuple[int, str]:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, " ".join(result.output.split())


def test_a_command_that_builds_reports_differences_from_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output = run(monkeypatch, environment(home, ECHELON_BUILDER_CODE=OTHER), "publish", "--force")
    assert code == 0
    assert f"ECHELON_BUILDER_CODE: the environment says {OTHER}, this home was built with {CODE}" in output


def test_the_doctor_reports_differences_from_the_environment(home: Path) -> None:
    found = [f for f in examine(environment(home, ECHELON_MIN_VOLUME="6"), offline=True) if f.what == "settings"]
    assert [f.level for f in found] == [Level.OK, Level.WARN]
    assert "this home was built with 5" in found[1].text


def test_echelon_settings_shows_values_with_their_origin_and_no_secret(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(home, KALSHI_API_KEY="do-not-print", ECHELON_THREADS="3", COLUMNS="200")
    code, output = run(monkeypatch, given, "settings")
    assert code == 0
    assert "do-not-print" not in output
    rows = {
        line.split()[0]: line.split()
        for line in CliRunner().invoke(app, ["settings"]).output.splitlines()
        if "ECHELON" in line
    }
    assert rows["ECHELON_BUILDER_CODE"][1:] == [CODE, "home"]
    assert rows["ECHELON_THREADS"][1:] == ["3", "environment"]
    assert rows["ECHELON_HTTP_RETRIES"][1:] == ["5", "default"]


def test_echelon_settings_accept_reports_its_changes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = run(monkeypatch, environment(home, ECHELON_MIN_VOLUME="6"), "settings", "accept")
    assert (code, output) == (0, "ECHELON_MIN_VOLUME: 5 -> 6 `echelon refresh` rebuilds the marts that depend on it")


def test_a_demo_without_a_recorded_clock_is_not_rebuilt_with_the_current_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_home(tmp_path, {"seed": 1})
    code, output = run(monkeypatch, environment(tmp_path), "refresh")
    assert code == 1
    assert "run `echelon demo` on it again" in output
    assert not (tmp_path / "settings.json").exists()
