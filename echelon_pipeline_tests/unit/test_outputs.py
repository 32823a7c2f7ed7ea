"""Files of results: exact where the format can be, complete or not there, never written by SQL."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from echelon_pipeline import cli

DIGITS = "0.123456789012345678"
VALUES = f"""
    SELECT 'a' AS name, CAST('{DIGITS}' AS DECIMAL(38, 18)) AS price, 9007199254740993 AS whole,
           TIMESTAMPTZ '2026-11-20 12:00:00.000001+00' AS at_time, DATE '2026-11-20' AS day, ['x', 'y'] AS tags,
           '=1+1' AS title
    UNION ALL SELECT 'b', NULL, NULL, NULL, NULL, NULL, NULL ORDER BY name
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECHELON_HOME", str(tmp_path))
    monkeypatch.setenv("LOG_LEVEL", "")
    monkeypatch.setenv("COLUMNS", "200")
    duckdb.connect(str(tmp_path / "echelon.duckdb")).close()
    return tmp_path


def sql(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["sql", *arguments])


def written(home: Path, name: str, query: str = VALUES, *options: str) -> Path:
    path = home / name
    result = sql(query, "--output", str(path), *options)
    assert result.exit_code == 0, result.output
    assert [p.name for p in home.iterdir() if p.name.startswith(f".{name}")] == []
    return path


@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.jsonl", "r.md", "r.parquet"])
def test_decimals_and_times_are_exact_in_files(home: Path, name: str) -> None:
    path = written(home, name)
    if name == "r.parquet":
        first = pq.read_table(path).to_pylist()[0]
        assert (first["price"], first["whole"]) == (Decimal(DIGITS), 9007199254740993)
        assert first["at_time"] == datetime(2026, 11, 20, 12, 0, 0, 1, UTC)
    else:
        text = path.read_text(encoding="utf-8")
        assert DIGITS in text
        assert "9007199254740993" in text
        assert "12:00:00.000001" in text


def test_each_text_format_has_its_own_shape(home: Path) -> None:
    assert [r["name"] for r in csv.DictReader(io.StringIO(written(home, "r.csv").read_text()))] == ["a", "b"]
    assert [r["name"] for r in json.loads(written(home, "r.json").read_text())] == ["a", "b"]
    lines = written(home, "r.jsonl").read_text().splitlines()
    assert [json.loads(line)["tags"] for line in lines] == [["x", "y"], None]
    assert written(home, "r.md").read_text().splitlines()[1] == "|" + " --- |" * 7


def test_an_excel_sheet_has_numbers_dates_and_no_formulas(home: Path) -> None:
    path = written(home, "r.xlsx")
    with ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        styles = archive.read("xl/styles.xml").decode()
    assert "<f>" not in sheet
    assert "=1+1" in sheet
    assert "9007199254740993" in sheet  # a text: as a number it would be another one
    assert f"<v>{float(DIGITS)!r}"[:18] in sheet
    assert 'state="frozen"' in sheet
    assert '<autoFilter ref="A1:G3"/>' in sheet
    assert "yyyy-mm-dd hh:mm:ss" in styles
    assert f"<v>{(date(2026, 11, 20) - date(1899, 12, 30)).days}.5" in sheet  # noon in Excel's days


def test_without_its_package_xlsx_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    result = sql("SELECT 1 AS a", "--output", str(home / "r.xlsx"))
    assert result.exit_code == 1
    assert result.stderr == "error: xlsx needs another package: pip install 'echelon-pipeline[excel]'\n"


def test_the_option_decides_the_format_if_the_name_does_not(home: Path) -> None:
    assert written(home, "r.txt", "SELECT 1 AS a", "--format", "csv").read_text() == "a\n1\n"
    for arguments, expected in [
        (["--output", "r.txt"], "expected a name that ends in"),
        (["--format", "parquet"], "needs a file"),
        (["--format", "xlsx"], "needs a file"),
        (["--format", "table", "--output", "r.csv"], "needs a format for files"),
    ]:
        result = sql("SELECT 1", *arguments)
        assert result.exit_code == 2
        assert expected in " ".join(result.output.replace("│", " ").split())


def test_the_limit_counts_in_every_format(home: Path) -> None:
    query = "SELECT range AS n FROM range(30000)"
    assert len(written(home, "r.csv", query, "--limit", "5").read_text().splitlines()) == 6
    assert pq.read_table(written(home, "r.parquet", query, "--limit", "15000")).num_rows == 15_000
    assert pq.read_table(written(home, "r.parquet", query)).column("n").to_pylist() == list(range(30_000))


def test_an_error_leaves_the_file_that_was_there(home: Path) -> None:
    path = written(home, "r.csv", "SELECT 1 AS a")
    query = "SELECT CASE WHEN range = 20000 THEN error('late') ELSE 'x' END AS a FROM range(30000)"
    assert sql(query, "--output", str(path)).exit_code == 1
    assert path.read_text() == "a\n1\n"
    assert sorted(p.name for p in home.iterdir() if "r.csv" in p.name) == ["r.csv"]


@pytest.mark.parametrize("name", ["r.json", "r.jsonl", "r.parquet", "r.xlsx"])
def test_two_columns_of_one_name_are_an_error_where_one_would_be_lost(home: Path, name: str) -> None:
    result = sql("SELECT 1 AS a, 2 AS a", "--output", str(home / name))
    assert result.exit_code == 1
    assert "two columns are named a" in result.output
    assert not (home / name).exists()


def test_an_interval_is_no_type_of_parquet(home: Path) -> None:
    result = sql("SELECT INTERVAL 1 DAY AS d", "--output", str(home / "r.parquet"))
    assert result.exit_code == 1
    assert "column d is an INTERVAL" in result.output


def test_a_folder_that_is_not_there_and_the_published_file_are_no_outputs(home: Path) -> None:
    result = sql("SELECT 1 AS a", "--output", str(home / "none" / "r.csv"))
    assert result.exit_code == 1
    assert "none is no folder: create it first, or name another file" in result.output
    before = (home / "echelon.duckdb").read_bytes()
    result = sql("SELECT 1 AS a", "--format", "csv", "--output", str(home / "echelon.duckdb"))
    assert "is the published file itself" in result.output
    assert (home / "echelon.duckdb").read_bytes() == before


@pytest.mark.parametrize("options", [[], ["--unsafe"]])
def test_sql_takes_exactly_one_statement(options: list[str]) -> None:
    result = sql("SELECT 1; SELECT 2", *options)
    assert result.exit_code == 1
    assert "expected one statement, got 2" in result.output


@pytest.mark.parametrize("options", [[], ["--format", "records"]])
def test_show_tables_works_in_the_command(options: list[str]) -> None:
    assert sql("SHOW TABLES", *options).exit_code == 0
