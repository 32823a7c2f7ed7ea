"""Homes with any characters: all files stay below the home, or the command refuses it at once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from dagster import DagsterInstance
from typer.testing import CliRunner

from echelon_pipeline import cli
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.dagster_home import ensure_dagster_home
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import load_settings
from echelon_pipeline.sqltools.text import one_file
from echelon_pipeline.state.database import State
from echelon_pipeline.state.latest import latest_store
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.publications import publications
from echelon_pipeline.tables import TABLES, T, Table
from echelon_pipeline_tests.unit.test_urls import COMMANDS

AT = datetime(2026, 11, 20, tzinfo=UTC)
USABLE = [
    "a b",
    "~home",
    "~",
    "a#b",
    "it's",
    'a"b',
    "Ünï 漢字 🦜",
    "a&b;c",
    "a{b}",
    "a,b",
    "$HOME",
    "a:b",
    "a+b",
    "-x",
    "a@b",
    "&=x",
]
UNUSABLE = {
    "a%25b": "'%'",
    "100%": "'%'",
    "a?b": "'?'",
    "a*b": "'*'",
    "a[b": "'['",
    "a]b": "']'",
    "a\\b": r"'\\\\'",
    "a\nb": "printed",
    "a\x1bb": "printed",
    "venue=kalshi": "column",
    "a\udcffb": "printed",
}


def row_of(table: Table) -> dict[str, Any]:
    """Any legal row."""
    values: dict[T, Any] = {T.DATE: AT.date(), T.TEXT: "x", T.INT: 0}
    row = {c.name: AT if pa.types.is_timestamp(c.arrow.type) else values.get(c.type) for c in table.columns}
    return row | {"venue": "kalshi"}


@pytest.mark.parametrize("name", USABLE)
def test_all_files_are_below_a_home_of_any_usable_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({"ECHELON_HOME": name, "ECHELON_MIN_FREE_MB": "0"})
    home = tmp_path / name
    assert settings.home == home
    table = TABLES["core.dead_letters"]
    Lake.of(settings).append(table.name, pa.Table.from_pylist([row_of(table)], table.arrow_schema()))
    with State.of(settings) as state:
        assert Leases(state).acquire("lease", "owner", 1) is not None
    latest_store(settings).close()
    publish(settings, force=True)
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        assert connection.execute("SELECT count(*) FROM core.dead_letters").fetchall() == [(1,)]
    with DagsterInstance.from_config(str(ensure_dagster_home(settings))) as instance:
        assert instance.get_runs() == []
    assert [path.name for path in tmp_path.iterdir()] == [name]
    found = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    assert found >= {"state.sqlite", "latest.sqlite", "echelon.duckdb", "dagster/dagster.yaml"}
    assert [path for path in found if path.startswith("dagster/") and path.endswith("runs.db")]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unusable_path_is_refused_at_once_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    names = list(UNUSABLE)
    first = list(COMMANDS).index(command)
    for name in (names[first % len(names)], names[(first + 3) % len(names)]):
        reason = UNUSABLE[name]
        for variable, place in (("ECHELON_HOME", tmp_path / name / "home"), ("ECHELON_LAKE", tmp_path / name)):
            monkeypatch.setenv("ECHELON_HOME", str(tmp_path / "good"))
            monkeypatch.setenv(variable, str(place))
            result = CliRunner().invoke(cli.app, [*command.split(), *COMMANDS[command]])
            assert result.exit_code == 1, (name, result.output)
            assert variable in result.output, (name, result.output)
            assert reason.replace("\\\\\\\\", "\\\\") in result.output, (name, result.output)
            if command != "doctor":
                assert len(result.stderr.splitlines()) == 1, (name, result.stderr)
            monkeypatch.delenv("ECHELON_LAKE", raising=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_path_is_an_invalid_setting(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSettings, match="ECHELON_HOME"):
        load_settings({"ECHELON_HOME": str(tmp_path / name / "home")})


def test_a_demo_refuses_an_unusable_home_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHELON_HOME", str(tmp_path / "good"))
    result = CliRunner().invoke(cli.app, ["demo", "--home", str(tmp_path / "a?b")])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: --home: the path has a '?'")
    assert list(tmp_path.iterdir()) == []


def test_a_link_can_point_to_a_folder_of_any_name(tmp_path: Path) -> None:
    """The advice of the message works: the home has the name of the link."""
    (tmp_path / "a%25b?").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a%25b?")
    settings = load_settings({"ECHELON_HOME": str(tmp_path / "link")})
    with State.of(settings) as state:
        assert publications(state) == []
    assert (tmp_path / "a%25b?" / "state.sqlite").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a%25b?", "link"]


def test_an_unusable_name_of_the_published_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="ECHELON_PUBLISHED"):
        load_settings({"ECHELON_PUBLISHED": str(tmp_path / "a?.duckdb")})


@pytest.mark.parametrize("name", ["a?b", "a*b", "a[b]", "a\\b", "it's", "~b", "a]b", "a{x}b", "ab"])
def test_a_file_of_any_name_is_read_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for other in {name, "aXb", "a", "b"}:
        (tmp_path / f"{other}.csv").write_text(f"n\n{other}\n", encoding="utf-8")
    found = duckdb.execute(f"FROM read_csv({one_file(Path(f'{name}.csv'))}, header = true)").fetchall()
    assert found == [(name,)]
