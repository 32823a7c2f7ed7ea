"""Rules of the house that no single module can keep: files, headers, locks, targets.

Belongs here: rules about files of the repository. Who imports whom is ``orchestration/test_imports.py``.
"""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import tokenize
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

import dagster as dg
import duckdb
import pytest
import yaml

from echelon_pipeline.ops.doctor import locked_versions
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sorted(
    p for folder in ("echelon_pipeline", "echelon_pipeline_tests", "benchmarks") for p in (ROOT / folder).rglob("*.py")
)
READERS = [p for p in PYTHON if p.is_relative_to(ROOT / "echelon_pipeline") and "settings" not in p.parts]
SQL = sorted((ROOT / "sql").rglob("*.sql"))
DUCKDB = [p for p in SQL if p.parent.name != "postgres"]  # Postgres itself refuses several statements at once
LOCKS = sorted([*ROOT.glob("requirements*.lock"), *ROOT.glob("echelon_pipeline_tests/clients/**/*.lock")])
Found = TypeVar("Found")
TARGETS = ("demo", "ui", "test", "test-slow", "lint", "bench", "clean")


# One test per rule, not one per rule and file: five thousand tests of a millisecond each cost a minute to hand out.


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a module, the module first."""
    return tuple(ast.walk(ast.parse(text(path))))


def faults(paths: Iterable[Path], find: Callable[[Path], Found]) -> dict[str, Found]:
    """What was found, by file; files without a fault are left out."""
    found = {relative(path): find(path) for path in paths}
    assert found, "no file was searched"
    return {path: fault for path, fault in found.items() if fault}


def test_a_module_says_what_it_is_for() -> None:
    assert faults(PYTHON, lambda path: not (ast.get_docstring(ast.parse(text(path))) or "").strip()) == {}


def test_a_module_has_no_notes_of_unfinished_work() -> None:
    assert faults(PYTHON, lambda path: re.findall(r"\b(?:TO[D]O|FIX[M]E)\b", text(path))) == {}


# Words that a reader has to decode: say who does it, or what it is.
UNPLAIN = re.compile(r"\b(whoever|nobody|somebody|anew|besides|told)\b", re.IGNORECASE)
PROSE = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), ROOT / "benchmarks" / "README.md"])


def _prose(path: Path) -> Iterator[str]:
    """Comments and docstrings of a module; comments of a statement; a page's lines."""
    if path.suffix == ".py":
        tokens = tokenize.generate_tokens(io.StringIO(text(path)).readline)
        yield from (t.string for t in tokens if t.type == tokenize.COMMENT)
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        yield from (ast.get_docstring(node) or "" for node in nodes(path) if isinstance(node, documented))
    else:
        lines = text(path).splitlines()
        yield from (line.partition("--")[2] for line in lines) if path.suffix == ".sql" else lines


def test_comments_statements_and_pages_use_plain_words() -> None:
    files = [*(p for p in PYTHON if p.is_relative_to(ROOT / "echelon_pipeline")), *SQL, *PROSE]
    assert faults(files, lambda path: [prose for prose in _prose(path) if UNPLAIN.search(prose)]) == {}


def test_only_settings_read_the_environment() -> None:
    """Others may hand the whole environment on to a child, but never look a name up."""

    def reads(path: Path) -> list[str]:
        parts = [n for n in nodes(path) if isinstance(n, ast.Call) or _is_loaded_subscript(n)]
        texts = [ast.unparse(node) for node in parts if "environ" in text(path) or "getenv" in text(path)]
        return [t for t in texts if t.startswith(("os.environ[", "os.getenv(", "os.environ.get("))]

    assert faults(READERS, reads) == {}


def _is_loaded_subscript(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)


def test_a_section_that_code_names_is_one_of_the_document() -> None:
    """As ``docs/operations.md, “A table cannot be read”``."""

    def missing(path: Path) -> list[tuple[str, str]]:
        named: list[tuple[str, str]] = re.findall(r"(docs/\w+\.md), “([^”]+)”", text(path))
        titles = {name: re.findall(r"^#+ (.+)$", text(ROOT / name), flags=re.MULTILINE) for name, _ in named}
        return [(name, section) for name, section in named if section not in titles[name]]

    assert faults(READERS, missing) == {}


def test_a_sql_file_holds_one_statement() -> None:
    assert faults(DUCKDB, lambda path: len(duckdb.extract_statements(text(path))) - 1) == {}


def test_a_sql_file_says_what_it_computes_and_from_what() -> None:
    """Macros take their input as arguments, presets theirs from one named file; the rest names grain and inputs."""

    def missing(path: Path) -> set[str]:
        header = Statement(relative(path), text(path)).header
        wanted = {"about"}
        if "presets" in path.parts:
            wanted |= {"columns", "source", "venue"}
        elif path.parent.name != "macros":
            wanted |= {"grain", "inputs"}
        return {key for key in wanted if not header.get(key)}

    assert faults(SQL, missing) == {}


@pytest.mark.parametrize("sample", statements("samples"), ids=lambda sample: sample.name)
def test_a_sample_query_runs_on_the_tables_of_the_registry(sample: Statement) -> None:
    with connect(private=True) as connection:
        for schema in ("core", "mart"):
            connection.execute(f"CREATE SCHEMA {schema}")
        for name, table in TABLES.items():
            if table.schema_name in ("core", "mart"):
                columns = ", ".join(f'"{c.name}" {c.type.value}' for c in table.columns)
                connection.execute(f"CREATE TABLE {name} ({columns})")
        assert connection.execute(sample.text).fetchall() == []


def test_there_are_at_least_five_sample_queries() -> None:
    assert len(statements("samples")) >= 5


@pytest.mark.parametrize("path", LOCKS, ids=relative)
def test_a_lock_pins_hashes_and_names_no_place_to_download_from(path: Path) -> None:
    """Where packages come from is each user's own configuration."""
    lock = text(path)
    assert "://" not in lock
    assert not re.search(r"^\s*(--(extra-)?index[-]url|-i\b|--find-links|-f\b|--trusted-host)", lock, re.MULTILINE)
    for block in re.split(r"\n(?=\S)", lock.strip()):
        if not block.startswith("#"):
            assert re.match(r"^[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+", block), block[:80]
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:80]


def test_the_lock_covers_every_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    names = {re.split(r"[^A-Za-z0-9._-]", entry, maxsplit=1)[0].lower() for entry in wanted}
    locked = locked_versions((ROOT / "requirements.lock").read_text(encoding="utf-8").lower())
    assert names - set(locked) == set()


# What an extra brings, by the modules that may import it: everything else works without it.
EXTRAS = {
    "numba": {"echelon_pipeline/books/fast/"},
    "llvmlite": {"echelon_pipeline/books/fast/"},
    "matplotlib": {"echelon_pipeline/defs/plots.py"},
    "PIL": {"echelon_pipeline/defs/plots.py", "echelon_pipeline/ops/notebooks.py"},
    "pandas": {"echelon_pipeline/reading/"},
    "xlsxwriter": {"echelon_pipeline/commands/outputs.py", "echelon_pipeline/commands/workbook.py"},
}


@pytest.mark.parametrize("package", EXTRAS)
def test_what_an_extra_brings_is_imported_where_it_is_optional_alone(package: str) -> None:
    importing = {
        relative(path)
        for path in READERS
        for node in nodes(path)
        for name in _imported(node)
        if name.split(".")[0] == package
    }
    assert importing
    assert {name for name in importing if not name.startswith(tuple(EXTRAS[package]))} == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_the_target(target: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    asked = subprocess.run(
        ["make", "-n", target], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.strip()


def test_continuous_integration_runs_make_test_and_stops_at_the_first_error() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in text(script)
    assert "make test" in text(script).splitlines()


def test_the_instance_file_loads_in_dagster(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        limits = instance.get_concurrency_config()
        assert limits.pool_config.default_pool_limit == 1
        assert limits.run_queue_config is not None
        assert limits.run_queue_config.max_concurrent_runs == 12
        assert instance.telemetry_enabled is False
        assert instance.run_retries_enabled
        assert instance.run_monitoring_enabled


def test_cancelled_runs_give_their_pool_slots_back() -> None:
    """With limit 1, a slot that is never freed blocks its venue for ever."""
    config = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    assert config["run_monitoring"]["free_slots_after_run_end_seconds"] > 0
    assert config["run_retries"]["retry_on_asset_or_op_failure"] is False
    assert "storage" not in config


def test_the_code_location_has_one_name_everywhere() -> None:
    """Dagster keeps schedules and sensors by this name: two names mean two sets of them."""
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))
    (entry,) = workspace["load_from"]
    dg_project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["dg"]["project"]
    assert entry["python_module"]["location_name"] == dg_project["code_location_name"]
    assert entry["python_module"]["module_name"] == dg_project["code_location_target_module"]
