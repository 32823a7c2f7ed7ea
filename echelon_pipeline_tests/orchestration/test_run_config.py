"""What the Launchpad may set for one run: it applies to this run alone and is never recorded in the home."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._config.field_utils import Shape

from echelon_pipeline.defs import run_config
from echelon_pipeline.defs.assets import undated
from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.ops.launching import execute
from echelon_pipeline.settings import Settings, load_settings, record_settings
from echelon_pipeline.settings.recorded import read_recorded
from echelon_pipeline.tables import Feeder
from echelon_pipeline_tests.loaded import defs

RAW = dg.AssetKey(["raw", "kalshi", "listings"])
COMBOS = dg.AssetKey(["core", "kalshi", "combos"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0", "KALSHI_MAX_INSTRUMENTS": "40"})
    record_settings(made)
    return made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


class Asked:
    """The settings and the mode with which the venue would have been asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: Settings | None = None
        self.mode = ""
        monkeypatch.setattr(main, "fetch", self.fetch)

    def fetch(self, session: Session, _venue: str, mode: str) -> Counts:
        self.settings, self.mode = session.settings, mode
        return Counts()


def run(settings: Settings, instance: dg.DagsterInstance, config: Mapping[str, Any]) -> dg.ExecuteInProcessResult:
    job = build_defs(settings).resolve_job_def("instruments")
    ops = {"raw_kalshi_listings": {"config": dict(config)}}
    return execute(job, settings, instance, selection=[RAW], config={"ops": ops})


def test_bounds_of_a_run_replace_those_of_the_home_for_this_run_alone(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, before = Asked(monkeypatch), read_recorded(settings.home)
    assert run(settings, instance, {"mode": "full", "max_instruments": 7, "history_days": 2}).success
    assert asked.settings is not None
    assert asked.mode == "full"
    assert asked.settings.instruments_bound("kalshi") == 7  # also where the home has a bound of the venue's own
    assert (asked.settings.history_days, asked.settings.min_volume) == (2, settings.min_volume)
    assert read_recorded(settings.home) == before
    assert run(settings, instance, {}).success
    assert asked.mode == "auto"
    assert asked.settings.instruments_bound("kalshi") == 40


def test_an_invalid_bound_fails_the_step_and_names_the_setting(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    result = run(settings, instance, {"max_instruments": -1})
    assert not result.success
    assert asked.settings is None
    (failure,) = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    assert failure.user_failure_data is not None
    assert "ECHELON_MAX_INSTRUMENTS" in str(failure.user_failure_data.description)


def test_an_unknown_mode_is_refused_before_the_run_starts(settings: Settings, instance: dg.DagsterInstance) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="ListingMode got everything"):
        run(settings, instance, {"mode": "everything"})


def test_combos_of_a_run_have_bounds_of_their_own(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def parlays(session: Session, venue: str) -> Counts:
        asked.append(session.settings.parlays_max)
        return Counts()

    monkeypatch.setitem(undated._FEEDERS, Feeder.COMBOS, ("raw.objects", parlays, "core.instruments"))
    job = build_defs(settings).resolve_job_def("parlays")
    for config in ({"parlays_max": 3}, {}):
        assert execute(
            job, settings, instance, selection=[COMBOS], config={"ops": {"core_kalshi_combos": {"config": config}}}
        ).success
    assert asked == [3, settings.parlays_max]


def test_a_refresh_of_an_unknown_mart_names_those_that_exist(settings: Settings, instance: dg.DagsterInstance) -> None:
    job = build_defs(settings).resolve_job_def("refresh")
    result = execute(job, settings, instance, config={"ops": {"refresh_marts": {"config": {"tables": ["mart.x"]}}}})
    assert not result.success
    (failure,) = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    assert failure.user_failure_data is not None
    assert "mart.trade_volume" in str(failure.user_failure_data.description)


def test_every_field_of_every_step_has_a_default_and_a_description() -> None:
    """So that every job starts without configuration, and the Launchpad explains what may be set."""
    classes = [kind for kind in vars(run_config).values() if isinstance(kind, type) and issubclass(kind, dg.Config)]
    fields = {
        f"{kind.__name__}.{name}": info
        for kind in classes
        if kind is not dg.Config
        for name, info in kind.model_fields.items()
    }
    assert len(fields) > 10
    for name, info in fields.items():
        assert not info.is_required(), name
        assert (info.description or "").endswith("."), name
    for job in ("main", "instruments", "daily", "refresh", "publish", "maintenance", "parlays"):
        assert dg.validate_run_config(defs().resolve_job_def(job), {})


def test_the_launchpad_shows_the_values_of_the_home(settings: Settings) -> None:
    (asset,) = [a for a in build_defs(settings).assets or [] if isinstance(a, dg.AssetsDefinition) and RAW in a.keys]
    schema = asset.op.config_schema.config_type
    assert isinstance(schema, Shape)
    shown = {name: field.default_value for name, field in schema.fields.items() if field.default_provided}
    assert shown == {"mode": "auto", "max_instruments": 40, "min_volume": 0, "history_days": 7}
