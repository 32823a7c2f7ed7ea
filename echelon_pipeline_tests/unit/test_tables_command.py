"""``echelon tables`` lists everything that is published and describes one of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from echelon_pipeline import cli
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = Settings(home=tmp_path_factory.mktemp("tables"), min_free_mb=0)
    publish(settings)
    return settings.published_file


@pytest.fixture
def run(published: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ECHELON_HOME", str(published.parent))
    monkeypatch.setenv("LOG_LEVEL", "")

    def command(*arguments: str, width: int = 80) -> Result:
        monkeypatch.setenv("COLUMNS", str(width))
        return CliRunner().invoke(cli.app, list(arguments))

    return command


@pytest.mark.parametrize("width", [80, 120])
def test_every_published_name_is_listed_on_one_line(published: Path, run: Run, width: int) -> None:
    lines = run("tables", width=width).stdout.splitlines()
    with duckdb.connect(str(published), read_only=True) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM meta.catalog").fetchall()]
    assert {line.split()[0] for line in lines if line and "." in line.split()[0]} == set(names)
    assert max(map(len, lines)) <= width
    assert next(line for line in lines if line.startswith("core.trades ")).split()[1] == "0"


@pytest.mark.parametrize("name", ["core.trades", "trades"])
def test_a_table_is_described_with_columns_units_key_and_example(run: Run, name: str) -> None:
    shown = " ".join(run("tables", name).stdout.split())
    assert shown.startswith("core.trades One row is one taker execution as published.")
    for part in (
        "key: trade_id",
        "rows: 0",
        "taker_notional_usd DECIMAL(18,6) USD price x size",
        "example SELECT t.event_at, n.display_name",
    ):
        assert part in shown


def test_a_function_is_described_with_its_arguments_and_its_result(run: Run) -> None:
    shown = " ".join(run("tables", "core.book_at").stdout.split())
    assert "kind: table function" in shown
    assert "instrument (VARCHAR): an instrument_id t (TIMESTAMPTZ): the time" in shown
    assert "bid_prices DECIMAL(9,6)[] USD best first" in shown


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("core.trade", "did you mean core.trades"),
        ("coverage", "expected core.coverage or mart.coverage"),
        ("nothing_like_it", "has no table, view or function nothing_like_it."),
    ],
)
def test_an_unknown_name_is_an_error_with_near_ones(run: Run, name: str, message: str) -> None:
    result = run("tables", name, width=200)
    assert result.exit_code == 1
    assert message in result.stderr


def test_a_file_of_an_older_version_says_how_to_get_a_catalog(run: Run, tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "old.duckdb")).close()
    result = run("tables", "--database", str(tmp_path / "old.duckdb"))
    assert result.exit_code == 1
    assert "`echelon publish --force`" in result.stderr


def test_show_tables_in_sql_shows_the_names_that_queries_use(run: Run) -> None:
    names = run("sql", "SHOW TABLES", "--format", "csv").stdout.split()[1:]
    assert {"core.trades", "mart.venue_volume", "meta.catalog"} <= set(names)
    for name in ("core.trades", '"core.trades"'):
        assert run("sql", f"SELECT count(*) AS n FROM {name}", "--format", "csv").stdout == "n\n0\n"
