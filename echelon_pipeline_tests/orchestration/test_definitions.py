"""The definitions as data: they load, every asset is documented, and changes to the graph are seen."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.defs.feeders import keys_of
from echelon_pipeline.settings import load_settings
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.loaded import defs

SNAPSHOT = Path(__file__).parent / "definitions.json"


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return defs()


def _specs(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return sorted(definitions.resolve_all_asset_specs(), key=lambda s: s.key.to_user_string())


def test_definitions_load(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


# Dagster's own snapshot of a schedule reads a property that it calls deprecated.
@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
def test_definitions_can_be_sent_to_the_web_server(definitions: dg.Definitions) -> None:
    """A value of a type that Dagster does not know, say an enum, would leave the UI without the code location."""
    snapshot = RepositorySnap.from_def(definitions.get_repository_def())
    assert serialize_value(snapshot)


def test_every_asset_has_owner_kind_group_freshness_and_says_what_one_row_is(definitions: dg.Definitions) -> None:
    for spec in _specs(definitions):
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.group_name, spec.key
        assert spec.freshness_policy is not None, spec.key
        assert (spec.description or "").startswith("One row "), spec.key


def test_every_job_schedule_and_sensor_has_a_description_of_its_own(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    named: list[dg.JobDefinition | dg.ScheduleDefinition | dg.SensorDefinition] = [
        *(job for job in repository.get_all_jobs() if not job.name.startswith("__")),  # not Dagster's own
        *repository.schedule_defs,
        *repository.sensor_defs,
    ]
    descriptions = {one.name: one.description or "" for one in named}
    assert len(descriptions) > 25
    for name, text in descriptions.items():
        assert text.endswith("."), name
        assert len(text) > 20, name
    assert len(set(descriptions.values())) == len(descriptions)


def test_every_asset_links_to_its_function_and_computed_ones_to_their_statement(definitions: dg.Definitions) -> None:
    root = Path(__file__).resolve().parents[2]
    for spec in _specs(definitions):
        labels = [str(reference.label) for reference in _references(spec)]
        if spec.key.path[0] != "capture":  # reported by shifts: there is no function of an asset
            assert any(label.startswith("echelon_pipeline/defs/") for label in labels), spec.key
        if "sql" in spec.kinds or (
            spec.key.path[0] == "core" and len(spec.key.path) == 3 and spec.key.path[2] != "combos"
        ):
            assert any(label.startswith("sql/") for label in labels), spec.key
        for label in labels:
            assert (root / label).is_file(), label
    assert "sql/marts/trade_volume.sql" in _labels(definitions, "mart/trade_volume")
    assert "sql/parse/kalshi/trades_core_trades.sql" in _labels(definitions, "core/kalshi/trades")


def test_links_and_owners_follow_their_settings() -> None:
    given = {"ECHELON_SOURCE_URL": "https://git.example/echelon/blob/main/", "ECHELON_OWNERS": "team:data, a@b.example"}
    made = build_defs(load_settings(given))
    (spec,) = [s for s in made.resolve_all_asset_specs() if s.key == dg.AssetKey(["mart", "trade_volume"])]
    assert list(spec.owners) == ["team:data", "a@b.example"]
    urls = [reference.source for reference in _references(spec)]
    assert urls[0] == "https://git.example/echelon/blob/main/sql/marts/trade_volume.sql"
    assert urls[1].startswith("https://git.example/echelon/blob/main/echelon_pipeline/defs/assets/marts.py#L")
    assert not [url for url in urls if str(Path(__file__).resolve().parents[2]) in url]


def _references(spec: dg.AssetSpec) -> list[dg.LocalFileCodeReference | dg.UrlCodeReference]:
    found = spec.metadata.get("dagster/code_references")
    return list(found.code_references) if isinstance(found, dg.CodeReferencesMetadataValue) else []


def _labels(definitions: dg.Definitions, key: str) -> list[str]:
    (spec,) = [s for s in _specs(definitions) if s.key.to_user_string() == key]
    return [str(reference.label) for reference in _references(spec)]


def test_the_main_job_counts_rows_after_every_table_of_venues_is_written(definitions: dg.Definitions) -> None:
    """mart/data_quality reads nearly all tables, but depends on the windows alone: they are reported last."""
    graph = definitions.resolve_asset_graph()
    quality = dg.AssetKey(["mart", "data_quality"])
    logs = {dg.AssetKey(["core", name]) for name in ("ingest_windows", "dead_letters")}
    assert graph.get(quality).parent_keys == logs
    before = graph.get_ancestor_asset_keys(quality)
    in_main = definitions.resolve_job_def("main").asset_layer.selected_asset_keys
    counted = {key for name, table in TABLES.items() if table.counted for key in keys_of(name)}
    counted -= logs | {dg.AssetKey(["core", "drift"])}
    assert len(counted & in_main) > 20
    steps = {
        k: asset.op.name
        for asset in definitions.assets or []
        if isinstance(asset, dg.AssetsDefinition)
        for k in asset.keys
    }
    assert {steps[key] for key in counted & in_main} <= {steps[key] for key in before if key in steps}


def test_every_asset_that_calls_a_venue_holds_its_pool(definitions: dg.Definitions) -> None:
    pools = {
        spec_key.to_user_string(): asset.op.pool
        for asset in definitions.assets or []
        if isinstance(asset, dg.AssetsDefinition)
        for spec_key in asset.keys
    }
    calling = [k for k in pools if k.startswith("raw/") or k.split("/")[-1] in ("trades", "daily_prices", "fills")]
    assert calling
    for key in calling:
        assert pools[key] == f"{key.split('/')[1]}_api", key


def test_the_graph_is_the_one_on_record(definitions: dg.Definitions) -> None:
    """Run with UPDATE_SNAPSHOT in the file name's folder deleted: the file is written anew when it is absent."""
    found = {
        "assets": {
            s.key.to_user_string(): {
                "deps": sorted(d.asset_key.to_user_string() for d in s.deps),
                "group": s.group_name,
                "kinds": sorted(s.kinds),
                "partitioned": s.partitions_def is not None,
            }
            for s in _specs(definitions)
        },
        "jobs": sorted(j.name for j in definitions.jobs or []),
        "sensors": sorted(s.name for s in definitions.sensors or []),
        "schedules": {s.name: str(s.cron_schedule) for s in definitions.schedules or [] if hasattr(s, "cron_schedule")},
        "checks": sorted(str(k.to_user_string()) for k in definitions.resolve_asset_graph().asset_check_keys),
    }
    if not SNAPSHOT.exists():
        SNAPSHOT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        pytest.fail(f"{SNAPSHOT.name} was absent and has been written; read it and commit it")
    assert found == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_one_venue_never_depends_on_the_other(definitions: dg.Definitions) -> None:
    for spec in _specs(definitions):
        for venue, other in (("kalshi", "polymarket"), ("polymarket", "kalshi")):
            if venue in spec.key.path:
                assert not [d for d in spec.deps if other in d.asset_key.path], spec.key
