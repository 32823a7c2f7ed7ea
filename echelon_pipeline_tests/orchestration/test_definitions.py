"""The definitions as data: they load, every asset is documented, and changes to the graph are seen."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

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
