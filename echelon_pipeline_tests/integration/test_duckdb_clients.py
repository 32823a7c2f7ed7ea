"""Every table, view and function of a published file in every DuckDB that the docs name, each in an environment of its
own: the same rows, names and comments as in ours.

Belongs here: versions of clients. ``clients/duckdb_client.py`` is what runs there; ``clients/duckdb/*.lock`` pins it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.publish import catalog
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import load_settings, project_file
from echelon_pipeline_tests.dagster_records import HEARING

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CLIENTS = Path(__file__).parents[1] / "clients"
LOCKS = {path.stem: path for path in sorted((CLIENTS / "duckdb").glob("*.lock"))}
PYTHON = [name for name in LOCKS if not name.startswith("duckdb-cli")]
DEMO = ("demo", "--events", "60", "--instruments", "200", "--trades", "10000", "--days", "2", "--listen", "10")
# What pip says if there is no index, or if it has no package for this Python and system.
UNREACHABLE = re.compile(r"No matching distribution|Connection|Network is unreachable|name resolution|Read timed out")

Report = dict[str, Any]


@pytest.fixture(scope="module", params=["copied", "views over files"])
def published(request: pytest.FixtureRequest, demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's published file: with its tables in it, or as views over files of the lake."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECHELON_HOME", str(demo))
        if request.param != "copied":
            patch.setattr(catalog, "PHYSICAL_BYTES", 0)
        settings = load_settings()
        assert publish(settings, force=True) is not None
    place = tmp_path_factory.mktemp("published") / "echelon.duckdb"
    place.write_bytes(settings.published_file.read_bytes())
    return place


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("clients") / "home"
    made = subprocess.run(
        [sys.executable, "-c", HEARING, *DEMO],
        env={**os.environ, "ECHELON_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return home


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Environments that were made, by the name of their lock."""
    return {"": tmp_path_factory.mktemp("environments")}


def environment(made: dict[str, Path], name: str) -> Path:
    """The folder of commands of an environment with one locked package; skips the test if the index cannot be
    reached."""
    if name not in made:
        folder = made[""] / name
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        options = ["--no-input", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--retries", "1"]
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *options, "-r", str(LOCKS[name])]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode and UNREACHABLE.search(done.stderr):
            pytest.skip(f"{name} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
        made[name] = folder / "bin"
    return made[name]


def report(python: Path, file: Path) -> Report:
    """What a client saw."""
    script = [str(python), str(CLIENTS / "duckdb_client.py"), str(file)]
    done = subprocess.run(script, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr
    seen: Report = json.loads(done.stdout)
    return seen


@pytest.fixture(scope="module")
def ours(published: Path) -> Report:
    """What this project's DuckDB saw."""
    seen = report(Path(sys.executable), published)
    assert seen["errors"] == {}
    assert seen["results"]["core.trades"][0] > 100
    assert seen["results"]["core.book_at"][0] == 1
    assert seen["results"]["core.books_every"][0] == 10
    return seen


@pytest.mark.parametrize("name", PYTHON)
def test_every_table_view_and_function_gives_the_same_rows_in_every_version(
    name: str, environments: dict[str, Path], published: Path, ours: Report
) -> None:
    seen = report(environment(environments, name) / "python", published)
    assert seen["version"] == name.removeprefix("duckdb-")
    assert seen["errors"] == {}
    assert {n for n, found in seen["results"].items() if found != ours["results"][n]} == set()
    assert seen.keys() == ours.keys()
    for part in ("tables", "functions", "comments", "examples", "attached"):
        assert seen[part] == ours[part], part


def test_the_shell_lists_the_tables_and_calls_the_functions(
    environments: dict[str, Path], published: Path, ours: Report
) -> None:
    (name,) = LOCKS.keys() - set(PYTHON)
    shell = environment(environments, name) / "duckdb"

    def rows(query: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [str(shell), "-readonly", "-json", str(published), "-c", query], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    assert [row["name"] for row in rows("SHOW TABLES")] == ours["tables"]
    for name in ("core.book_at", "core.cost_of", "mart.markets_filtered"):
        example = project_file("sql", "examples", f"{name}.sql").read_text(encoding="utf-8")
        assert len(rows(example)) == ours["results"][name][0]


def test_the_docs_name_the_versions_that_are_tested() -> None:
    page = project_file("docs", "clients.md").read_text(encoding="utf-8")
    versions = sorted({name.rpartition("-")[2].rpartition(".")[0] for name in PYTHON})
    assert f"every DuckDB from {versions[0]} to {versions[-1]}" in page
    assert catalog.MIN_DUCKDB_VERSION.startswith(versions[0])
