"""``echelon report``: a month of a small home, in every format, and marked final."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from echelon_pipeline.cli import app
from echelon_pipeline.errors import NotComplete, NotFound
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.final_months import REPORT, STATEMENTS, mark_final
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.ops.builder_report import month_report
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import Row, row, staged, stored

CODE = "0x" + "aa" * 32
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
MONTH = BEGIN.date()
MARTS = ("core.builder_legs", "mart.builder_volume", REPORT)


def fill(number: int, day: int, **values: object) -> Row:
    at = BEGIN + timedelta(days=day, hours=1)
    made = {
        "venue": "polymarket", "fill_id": f"polymarket:{number}", "builder_code": CODE,
        "date": at.date(), "event_at": at,
        "role": "taker", "side": "buy", "status": "confirmed", "is_terminal": True, "maker": f"0x{number % 2}",
        "instrument_id": "polymarket:0x1", "notional_usd": Decimal("100.25"), "fee_usd": Decimal("0.5"),
        "builder_fee_usd": Decimal("0.2"), "transaction_hash": f"0xt{number}", "taker_order_id": f"0xo{number}",
    }  # fmt: skip
    return row("core.fills", **{**made, **values})


def environment(home: Path, now: str = "2026-11-20T12:00:00Z") -> dict[str, str]:
    return {"ECHELON_HOME": str(home), "ECHELON_BUILDER_CODE": CODE, "ECHELON_NOW": now, "ECHELON_MIN_FREE_MB": "0"}


def built(home: Path, fills: list[Row], read_days: int = 31) -> Settings:
    """A home with these fills, whose first days of October were read; published."""
    settings = load_settings(environment(home))
    lake = Lake.of(settings)
    lake.merge("core.fills", [staged(home, "core.fills", fills)])
    end = BEGIN + timedelta(days=read_days)
    window = {
        "scope": CODE,
        "state": "complete",
        "from_at": BEGIN,
        "to_at": end,
        "recorded_at": end,
        "venue": "polymarket",
    }
    lake.merge("core.ingest_windows", [
        staged(home, "core.ingest_windows", [row("core.ingest_windows", table_name="core.fills", **window)])
    ])  # fmt: skip
    list(Refresh(settings).run(MARTS))
    return settings


def total(settings: Settings) -> Row:
    """The total of the code in October."""
    where = f"builder_code = '{CODE}' AND range = 'month' AND dimension = 'total' AND range_start = '{MONTH}'"
    with Lake.of(settings).duck() as connection:
        query = f"SELECT * FROM ({Lake.of(settings).scan(REPORT)}) WHERE {where}"
        (found,) = connection.sql(query).to_arrow_table().to_pylist()
    return dict(found)


def echelon(home: Path, *arguments: str) -> Result:
    """Runs ``echelon report`` on a home."""
    return CliRunner().invoke(app, ["report", *arguments], env={**environment(home), "COLUMNS": "200"})


FILLS = [
    fill(1, 0),
    fill(2, 0, side="sell"),
    fill(3, 9),
    fill(4, 40),
    fill(9, 3, instrument_id="polymarket:=1+1", maker=None),
]


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that tests only read."""
    home = tmp_path_factory.mktemp("october")
    publish(built(home, FILLS), force=True)
    return home


def test_a_report_is_readable_in_every_format_and_exact_as_csv(october: Path) -> None:
    text = echelon(october, "builder", "--month", "2026-10").output
    assert text.startswith("# Builder report 2026-10\n")
    assert f"## {CODE}" in text
    assert "| 401.00 |" in text
    assert "taker 20 bps from 2026-10-01 to 2026-10-10" in text
    page = echelon(october, "builder", "--month", "2026-10", "--format", "html").output
    assert page.count("<h2>") == 1, "all codes together repeat the figures of one"
    assert "<td class=number>401.00</td>" in page
    rows = list(
        csv.DictReader(io.StringIO(echelon(october, "builder", "--month", "2026-10", "--format", "csv").output))
    )
    (month,) = [r for r in rows if (r["builder_code"], r["range"], r["dimension"]) == (CODE, "month", "total")]
    assert (month["volume_usd"], month["users"], month["is_complete"]) == ("401.000000", "2", "true")
    assert len([r for r in rows if (r["builder_code"], r["range"], r["dimension"]) == (CODE, "day", "total")]) == 31
    assert {r["range_start"] for r in rows if r["range"] == "week"} >= {"2026-09-28", "2026-10-26"}


def test_a_workbook_has_a_sheet_for_each_section(october: Path, tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter", reason="xlsx is an extra")
    path = tmp_path / "r.xlsx"
    assert "written" in echelon(october, "builder", "--month", "2026-10", "--format", "xlsx", "-o", str(path)).output
    with zipfile.ZipFile(path) as book:
        names = book.read("xl/workbook.xml").decode()
        sheets = "".join(book.read(n).decode() for n in book.namelist() if n.startswith("xl/worksheets/"))
    assert all(f'"{name}"' in names for name in ("Month code 1", "Weeks code 1", "Markets code 1", "All rows"))
    assert "<f>" not in sheets, "no text becomes a formula"
    assert echelon(october, "builder", "--month", "2026-10", "--format", "xlsx").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("builder", "--month", "2026-1"), 2, "is no month: YYYY-MM is expected"),
        (("builder", "--month", "2020-01"), 1, "no figures of 2020-01: it has figures of the months 2026-11"),
        (("builder", "--month", "2026-10", "--code", "0xbb"), 1, f"2026-11, 2026-10 and of the codes {CODE}"),
        (("finalize", "--month", "2026-11"), 1, "2026-11 is not over: it ends on 2026-11-30 (UTC), and by the clock"),
        (("finalize", "--month", "2026-09"), 1, "no figures of 2026-09"),
    ],
)
def test_what_cannot_be_reported_is_one_line(october: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = echelon(october, *arguments)
    assert result.exit_code == code
    assert said in " ".join(result.output.replace("│", " ").split())


def test_a_file_without_figures_says_how_a_builder_code_is_configured() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA mart")
        columns = ", ".join(f'"{c.name}" {c.type.value}' for c in TABLES[REPORT].columns)
        connection.execute(f"CREATE TABLE {REPORT} ({columns})")
        with pytest.raises(NotFound, match="configured with ECHELON_BUILDER_CODE"):
            month_report(connection, MONTH)


def test_a_section_of_more_than_20_markets_says_how_many_there_are(tmp_path: Path) -> None:
    settings = built(tmp_path, [fill(n, n, instrument_id=f"polymarket:0x{n}") for n in range(21)])
    publish(settings, force=True)
    text = echelon(tmp_path, "builder", "--month", "2026-10").output
    assert "### Markets (20 of 21)\n" in text
    assert "### Categories\n" in text


def test_a_final_month_keeps_its_figures_whatever_is_read_later(tmp_path: Path) -> None:
    settings = built(tmp_path, FILLS)
    mark_final(settings, MONTH)
    list(Refresh(settings).run(MARTS))
    final = total(settings)
    assert (final["is_final"], final["volume_usd"], final["is_complete"]) == (True, Decimal(401), True)
    Lake.of(settings).merge("core.fills", [staged(tmp_path, "core.fills", [fill(7, 5)])])
    list(Refresh(settings).run(MARTS))
    assert total(settings) == final
    rows = stored(Lake.of(settings), STATEMENTS)
    assert {r["statement_id"] for r in rows} == {final["statement_id"]}
    versions = json.loads(rows[0]["table_versions"])
    assert versions["core.fills"][1] < (Lake.of(settings).version("core.fills") or 0)
    with pytest.raises(NotComplete, match=f"2026-10 is final already .{final['statement_id']}.; --again"):
        mark_final(settings, MONTH)
    again = mark_final(settings, MONTH, again=True)
    list(Refresh(settings).run(MARTS))
    assert (total(settings)["statement_id"], total(settings)["volume_usd"]) == (again.statement_id, Decimal("501.25"))
    assert len({r["statement_id"] for r in stored(Lake.of(settings), STATEMENTS)}) == 2


def test_a_month_that_is_not_complete_or_has_open_matches_is_final_only_on_request(tmp_path: Path) -> None:
    settings = built(tmp_path / "days", FILLS, read_days=20)
    with pytest.raises(NotComplete, match="20 of 31 days were read completely"):
        mark_final(settings, MONTH)
    assert mark_final(settings, MONTH, incomplete=True).codes == 1
    open_matches = built(tmp_path / "open", [*FILLS, fill(8, 4, status="matched", is_terminal=False)])
    with pytest.raises(NotComplete, match=r"matches over 100\.25.* USD are not final"):
        mark_final(open_matches, MONTH)


def test_figures_are_not_computed_from_tables_that_are_older_than_the_lake(tmp_path: Path) -> None:
    settings = built(tmp_path, FILLS)
    Lake.of(settings).merge("core.fills", [staged(tmp_path, "core.fills", [fill(7, 5)])])
    with pytest.raises(NotComplete, match="run `echelon refresh` first"):
        mark_final(settings, MONTH)


@pytest.mark.slow
def test_the_command_marks_a_month_final_and_publishes_it(tmp_path: Path) -> None:
    built(tmp_path, FILLS)
    done = echelon(tmp_path, "finalize", "--month", "2026-10")
    assert done.exit_code == 0, done.output
    assert "2026-10 is final: statement 2026-10/1-" in done.output
    assert "| yes |" in echelon(tmp_path, "builder", "--month", "2026-10").output
    assert echelon(tmp_path, "finalize", "--month", "2026-10").exit_code == 1
