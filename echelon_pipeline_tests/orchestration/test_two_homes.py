"""Definitions are a function of settings: one process can hold those of several homes.

Belongs here: what two homes in one process must not share, and when settings are read.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import echelon_pipeline
from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.ops.launching import execute
from echelon_pipeline.settings import Settings, load_settings

PACKAGE = Path(echelon_pipeline.__file__).parent


def home(folder: Path, **more: str) -> Settings:
    return load_settings({"ECHELON_HOME": str(folder), "ECHELON_MIN_FREE_MB": "0", **more})


def test_two_homes_in_one_process_publish_each_its_own_file(tmp_path: Path) -> None:
    one, other = home(tmp_path / "one"), home(tmp_path / "other")
    definitions = {s.home: build_defs(s) for s in (one, other)}
    with dg.DagsterInstance.ephemeral() as instance:
        for settings in (one, other, one):
            job = definitions[settings.home].resolve_job_def("refresh")
            assert execute(job, settings, instance).success
            assert settings.published_file.exists()
            assert settings is one or one.published_file.exists()
    assert one.published_file.stat().st_ino != other.published_file.stat().st_ino


def test_a_run_leaves_no_trace_in_the_home_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "of the environment"
    monkeypatch.setenv("ECHELON_HOME", str(named))
    settings = home(tmp_path / "own")
    with dg.DagsterInstance.ephemeral() as instance:
        assert execute(build_defs(settings).resolve_job_def("refresh"), settings, instance).success
    assert not named.exists()


def test_a_home_built_for_has_its_own_days_schedules_and_longest_shift(tmp_path: Path) -> None:
    plain = build_defs(home(tmp_path / "one", ECHELON_NOW="2026-11-20T12:00:00Z"))
    other = build_defs(
        home(
            tmp_path / "other",
            ECHELON_START_DATE="2026-11-01",
            ECHELON_SCHEDULES="true",
            ECHELON_LISTEN_SHIFT="60",
        )
    )
    key = dg.AssetKey(["core", "kalshi", "trades"])
    first = [d.resolve_asset_graph().get(key).partitions_def for d in (plain, other)]
    assert [p.get_first_partition_key() if p else None for p in first] == ["2026-11-13", "2026-11-01"]
    assert [d.resolve_job_def("listen").tags["dagster/max_runtime"] for d in (plain, other)] == ["22200", "660"]
    statuses = [{s.default_status.value for s in d.get_repository_def().schedule_defs} for d in (plain, other)]
    assert statuses == [{"STOPPED"}, {"RUNNING"}]


def test_settings_are_read_at_import_by_the_module_that_dagster_loads_alone() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
        calls = [n for node in top for n in ast.walk(node) if isinstance(n, ast.Call)]
        if any(ast.unparse(call.func).endswith("load_settings") for call in calls):
            found.append(path.relative_to(PACKAGE).as_posix())
    assert found == ["definitions.py"]


@pytest.mark.slow
def test_the_definitions_that_dagster_loads_are_those_of_the_environment(tmp_path: Path) -> None:
    code = "from echelon_pipeline.definitions import defs; print(defs.resolve_job_def('listen').tags)"
    environment = {"ECHELON_HOME": str(tmp_path), "ECHELON_LISTEN_SHIFT": "60", "PATH": ""}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "660" in said.stdout
