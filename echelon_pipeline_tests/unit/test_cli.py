"""The command: exact output, one clear line per error, exit codes, no traceback."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner, Result

from echelon_pipeline import cli
from echelon_pipeline.commands import imports, serve
from echelon_pipeline.commands.common import EchelonGroup, err, fail, out, prepared, warn
from echelon_pipeline.commands.layout import write_table
from echelon_pipeline.commands.progress import Lines, shown_progress
from echelon_pipeline.commands.render import text_of
from echelon_pipeline.errors import BadSettings, EchelonError, RuleViolation, VenueDown
from echelon_pipeline.ops.dagster_home import child_environment, ensure_dagster_home
from echelon_pipeline.settings import load_settings, project_file

VALUES = """
    SELECT 'first' AS name, CAST(0 AS DECIMAL(18,12)) AS price, CAST(31000000.999999 AS DECIMAL(18,6)) AS size,
           TIMESTAMPTZ '2026-11-20 12:00:00.000001Z' AS at_time, DATE '2026-11-20' AS day, true AS ok,
           ['a|b', 'c'] AS tags
    UNION ALL SELECT 'second', NULL, NULL, NULL, NULL, NULL, NULL
    ORDER BY name
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for every test; what the command sets in the environment is undone."""
    monkeypatch.setenv("ECHELON_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    monkeypatch.setenv("LOG_LEVEL", "")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def published(home: Path) -> Path:
    """A published file with one table of a thousand rows."""
    path = home / "echelon.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA core")
        connection.execute("CREATE TABLE core.numbers AS SELECT range AS n FROM range(1000)")
        connection.execute("CREATE VIEW core.rooted AS SELECT getvariable('lake') AS lake")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments))


def group_that_raises(error: Exception) -> typer.Typer:
    app = typer.Typer(cls=EchelonGroup)

    @app.callback()
    def main() -> None: ...

    @app.command()
    def go() -> None:
        raise error

    return app


# --- errors


@pytest.mark.parametrize(
    ("error", "code"),
    [(RuleViolation("core.trades: row 7"), 1), (BadSettings("ECHELON_X"), 1), (VenueDown("kalshi: 8 in a row"), 75)],
)
def test_an_error_is_one_line_and_an_exit_code_that_says_whether_to_try_again(error: EchelonError, code: int) -> None:
    result = CliRunner().invoke(group_that_raises(error), ["go"])
    assert result.exit_code == code
    assert result.stderr == f"error: {error}\n"
    assert result.stdout == ""


@pytest.mark.parametrize(("error", "code"), [(RuleViolation("row 7"), 1), (VenueDown("kalshi"), 75)])
def test_log_level_debug_shows_the_traceback_and_leaves_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: EchelonError, code: int
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")
    result = CliRunner().invoke(group_that_raises(error), ["go"])
    assert result.exit_code == code
    assert "Traceback" in result.stderr
    assert result.stderr.endswith(f"error: {error}\n")


def test_errors_of_other_kinds_are_not_hidden() -> None:
    result = CliRunner().invoke(group_that_raises(ZeroDivisionError("a bug")), ["go"])
    assert isinstance(result.exception, ZeroDivisionError)


def test_settings_that_cannot_be_used_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHELON_THREAD", "2")
    result = run("sql", "SELECT 1")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: Unknown environment variable ECHELON_THREAD. Did you mean ECHELON_THREADS?\n",
    )


def test_help_needs_neither_dagster_nor_duckdb() -> None:
    """The command must answer at once; Dagster alone takes more than a second to import."""
    code = (
        "import sys; from echelon_pipeline.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'dagster', 'duckdb', 'pyarrow', 'polars', 'deltalake'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert all(
        name in result.stdout for name in ("demo", "ingest", "import", "sql", "doctor", "publish", "maintain", "derive")
    )


# --- sql


def test_sql_shows_every_digit_but_no_trailing_zeros(published: Path) -> None:
    result = run("sql", VALUES)
    assert result.exit_code == 0, result.output
    for text in (" 0 ", "31000000.999999", "2026-11-20 12:00:00.000001Z", "NULL", "2 rows"):
        assert text in result.stdout
    assert "0.0000000" not in result.stdout


def test_sql_as_csv(published: Path) -> None:
    lines = run("sql", VALUES, "--format", "csv").stdout.splitlines()
    assert lines == [
        "name,price,size,at_time,day,ok,tags",
        'first,0.000000000000,31000000.999999,2026-11-20 12:00:00.000001+00:00,2026-11-20,true,"[""a|b"", ""c""]"',
        "second,,,,,,",
    ]


def test_sql_as_json_keeps_decimals_as_text(published: Path) -> None:
    first, second = json.loads(run("sql", VALUES, "--format", "json").stdout)
    assert first["price"] == "0.000000000000"
    assert first["size"] == "31000000.999999"
    assert (first["ok"], first["tags"], first["day"]) == (True, ["a|b", "c"], "2026-11-20")
    assert second == {"name": "second", **dict.fromkeys(list(first)[1:])}


def test_sql_as_json_is_json_whatever_the_numbers(published: Path) -> None:
    query = "SELECT 'nan'::DOUBLE AS n, 'inf'::DOUBLE AS p, ['-inf'::FLOAT, 1.5] AS l, MAP {'k': 'nan'::DOUBLE} AS m, "
    query += "NULL AS z"

    def refused(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    [row] = json.loads(run("sql", query, "--format", "json").stdout, parse_constant=refused)
    assert row == {"n": "NaN", "p": "Infinity", "l": ["-Infinity", 1.5], "m": {"k": "NaN"}, "z": None}


STEERING = "SELECT 'a' || chr(27) || '[31mb' || chr(155) || chr(13) || chr(7) || chr(8238) || 'c' AS \"h\x1b[1m\""
SHOWN = r"a\x1b[31mb\x9b\r\x07\u202ec"


def test_what_would_steer_a_terminal_is_shown_to_people_and_exact_for_programs(published: Path) -> None:
    for format_ in ("table", "md"):
        text = run("sql", STEERING, "--format", format_).stdout
        assert SHOWN in text
        assert r"h\x1b[1m" in text
        assert {c for c in text if not c.isprintable()} == {"\n"}
    exact = "a\x1b[31mb\x9b\r\x07\u202ec"
    assert json.loads(run("sql", STEERING, "--format", "json").stdout) == [{"h\x1b[1m": exact}]
    assert exact in run("sql", STEERING, "--format", "csv").stdout_bytes.decode()


@pytest.mark.parametrize("console", [out, err])
def test_no_console_passes_on_what_steers_a_terminal(
    console: Callable[[], Console], capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a\x1b[31mb\x9b\r\x07\u202ec"
    table = Table("x", title=name)
    table.add_row(name)
    console().print(name, soft_wrap=True)
    console().print(Text(name, style="bold"), soft_wrap=True)
    console().print(table)
    with shown_progress(console()) as progress:
        progress(name, 1, 2)
    fail(name)
    warn(name, name)
    prepared()
    logging.getLogger("echelon_pipeline").error("%s", name)
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert not [c for c in text if not c.isprintable() and c != "\n"]
    assert text.count(r"a\x1b[31mb\x9b") >= 9
    assert f"{SHOWN}\n" in text
    logging.basicConfig(force=True)


@pytest.mark.parametrize("comment", ["-- how many\n", "--how many\n", "--\n", "--\thow\n"])
def test_a_statement_may_begin_with_a_comment(comment: str, published: Path) -> None:
    statement = f"{comment}SELECT count(*) AS n FROM core.numbers"
    for arguments in (
        [statement, "--format", "csv"],
        ["--format", "csv", statement],
        ["--format", "csv", "--", statement],
    ):
        assert run("sql", *arguments).stdout == "n\n1000\n"


def test_a_mistyped_option_of_sql_is_no_statement(published: Path) -> None:
    for arguments in (["--fromat", "csv", "SELECT 1"], ["--fromat=a b", "SELECT 1"]):
        result = run("sql", *arguments)
        assert result.exit_code == 2
        assert "No such option" in result.output


def test_sql_as_json_without_rows_is_an_empty_list(published: Path) -> None:
    assert json.loads(run("sql", "FROM core.numbers LIMIT 0", "--format", "json").stdout) == []


def test_sql_as_markdown_escapes_what_would_end_a_cell(published: Path) -> None:
    lines = run("sql", VALUES, "--format", "md").stdout.splitlines()
    assert lines[1] == "| --- | --- | --- | --- | --- | --- | --- |"
    assert lines[2].endswith('| true | ["a\\|b", "c"] |')


def test_a_table_is_capped_and_says_so(published: Path) -> None:
    result = run("sql", "FROM core.numbers ORDER BY n")
    assert "199" in result.stdout
    assert "200 " not in result.stdout.replace("first 200 rows", "")
    assert "first 200 rows; there are more: --limit 0 shows all" in result.stdout


def test_no_note_where_the_cap_takes_nothing_away(published: Path) -> None:
    assert "1,000 rows" in run("sql", "FROM core.numbers", "--limit", "1000").stdout
    assert "1,000 rows" in run("sql", "FROM core.numbers", "--limit", "0").stdout


def test_other_formats_are_not_capped_unless_asked(published: Path) -> None:
    assert len(run("sql", "FROM core.numbers", "--format", "csv").stdout.splitlines()) == 1001
    assert len(run("sql", "FROM core.numbers", "--format", "csv", "--limit", "5").stdout.splitlines()) == 6


def test_wide_values_are_folded_not_cut() -> None:
    console = Console(width=40, file=io.StringIO())
    write_table(console, ["id"], [("0x" + "ab" * 40,)])
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert "".join(line.split()[-1] for line in lines[1:]) == "0x" + "ab" * 40


def test_markup_in_data_is_data() -> None:
    console = Console(width=80, file=io.StringIO())
    write_table(console, ["title"], [("[red]Will it[/red] rain?",)])
    assert isinstance(console.file, io.StringIO)
    assert "[red]Will it[/red] rain?" in console.file.getvalue()


@pytest.mark.parametrize("console", [out, err])
def test_names_are_printed_as_they_are(console: Callable[[], Console], capsys: pytest.CaptureFixture[str]) -> None:
    name = "import:a: [red]x[/] /tmp/[b]/:smile: 12"
    console().print(name, soft_wrap=True)
    with shown_progress(console()) as progress:
        progress(name, 1, 2)
    shown = capsys.readouterr()
    assert f"{name}\n" in shown.out + shown.err
    assert f"{name}: 1/2" in shown.out + shown.err


def test_sql_from_a_file(published: Path, tmp_path: Path) -> None:
    query = tmp_path / "q.sql"
    query.write_text("-- how many\nSELECT count(*) AS n FROM core.numbers\n", encoding="utf-8")
    assert run("sql", "--file", str(query), "--format", "csv").stdout == "n\n1000\n"


def test_sql_takes_a_statement_or_a_file_and_not_both(published: Path, tmp_path: Path) -> None:
    assert run("sql").exit_code == 2
    (tmp_path / "q.sql").write_text("SELECT 1", encoding="utf-8")
    assert run("sql", "SELECT 1", "--file", str(tmp_path / "q.sql")).exit_code == 2


def test_a_mistake_in_the_sql_is_an_error_line(published: Path) -> None:
    result = run("sql", "SELECT nothing FROM core.numbers")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: Binder Error")
    assert "Traceback" not in result.output


def test_nobody_writes_to_the_published_file(published: Path) -> None:
    before = published.read_bytes()
    result = run("sql", "DELETE FROM core.numbers")
    assert result.exit_code == 1
    assert "DELETE is refused" in result.stderr
    assert "read-only" in run("sql", "--unsafe", "DELETE FROM core.numbers").stderr
    assert published.read_bytes() == before


def test_views_read_the_lake_of_this_home(published: Path, home: Path) -> None:
    assert run("sql", "FROM core.rooted", "--format", "csv").stdout == f"lake\n{home / 'lake'}\n"
    assert run("sql", "FROM core.rooted", "--format", "csv", "--database", str(published)).stdout == 'lake\n""\n'


def test_without_a_published_file_sql_says_how_to_get_one() -> None:
    result = run("sql", "SELECT 1")
    assert result.exit_code == 1
    assert "does not exist yet" in result.stderr
    assert "echelon demo" in result.stderr


def test_a_corrupt_published_file_is_named_with_the_way_out(home: Path) -> None:
    (home / "echelon.duckdb").write_bytes(b"garbage" * 1000)
    result = run("sql", "SELECT 1")
    assert result.exit_code == 1
    assert "echelon.duckdb cannot be opened" in result.stderr
    assert "echelon publish --force" in result.stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0E-12"), "0.000000000000"),
        (Decimal("1E+3"), "1000"),
        (None, ""),
        (False, "false"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_values_as_text(value: object, text: str) -> None:
    assert text_of(value) == text


# --- ingest, import


def called(monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None) -> list[tuple[Any, ...]]:
    """Stands in for the main job; gives the calls it got."""
    from echelon_pipeline.ops import launching as running

    calls: list[tuple[Any, ...]] = []

    def stand_in(
        definitions: Any, settings: Any, days: Any, venues: Any, *, select: str | None, refetch: bool
    ) -> running.MainRun:
        definitions.resources["warehouse"]._progress("kalshi trades", 1, 1)
        calls.append((settings.home, days, venues, select, refetch))
        if error is not None:
            raise error
        return running.MainRun("r1", tuple(days))

    monkeypatch.setattr(running, "run_main_job", stand_in)
    return calls


def test_ingest_runs_the_main_job_on_its_days_with_both_ends(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    calls = called(monkeypatch)
    result = run("ingest", "--from", "2026-11-18", "--to", "2026-11-20", "--venue", "kalshi")
    assert result.exit_code == 0, result.output
    assert calls == [(home, [date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)], ["kalshi"], None, False)]
    assert "kalshi trades: 1/1" in result.stderr
    assert (home / "dagster" / "dagster.yaml").is_file()


def test_ingest_defaults_to_the_configured_days_of_every_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHELON_NOW", "2026-03-01T00:30:00Z")
    monkeypatch.setenv("ECHELON_DAYS_BACK", "1")
    calls = called(monkeypatch)
    assert run("ingest", "--refetch").exit_code == 0
    assert calls[0][1:] == ([date(2026, 2, 28), date(2026, 3, 1)], ["kalshi", "polymarket"], None, True)


def test_ingest_passes_the_selection_on_and_a_failed_run_is_an_error_line(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = called(monkeypatch, RuleViolation("run r1: core_kalshi_trades: price lies in 0..1"))
    result = run("ingest", "--select", "key:x")
    assert calls[0][3] == "key:x"
    assert (result.exit_code, "core_kalshi_trades: price lies in 0..1" in result.stderr) == (1, True)


def test_an_interrupted_ingest_says_that_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    called(monkeypatch, KeyboardInterrupt())
    result = run("ingest")
    assert (result.exit_code, "continues from there" in result.stderr) == (130, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize(
    ("arguments", "work"),
    [
        (["ingest"], "ops.launching.run_main_job"),
        (["derive"], "ops.launching.run_books_job"),
        (["refresh"], "marts.refresh.Refresh.run"),
        (["publish"], "publish.publish.publish"),
        (["maintain"], "ops.maintain.maintain"),
        (["prune"], "ops.history.prune"),
        (["record"], "streams.selection.watchable"),
        (["doctor"], "ops.doctor.examine"),
        (["import", __file__, "--table", "trades", "--venue", "kalshi"], "ingest.bulk.import_file"),
        (["sql", "SELECT 1"], "publish.reader.read_published"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_signal_ends_every_command_alike(
    number: int, code: int, arguments: list[str], work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def under_way(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(30)

    monkeypatch.setattr(f"echelon_pipeline.{work}", under_way)
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert result.stderr.endswith("error: interrupted; committed data stays, the next run continues from there\n")


def test_days_in_the_wrong_order_are_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    called(monkeypatch)
    result = run("ingest", "--from", "2026-11-20", "--to", "2026-11-18")
    assert result.exit_code == 2


def test_an_import_maps_fields_to_columns() -> None:
    assert imports.field_map(["price=px", "venue==kalshi"]) == {"price": "px", "venue": "=kalshi"}


@pytest.mark.parametrize("pairs", [["price"], ["=px"], ["price="], ["price=a", "price=b"]])
def test_a_mapping_that_says_nothing_is_a_usage_error(pairs: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        imports.field_map(pairs)


def test_an_import_reports_every_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from echelon_pipeline.ingest import bulk

    asked: dict[str, Any] = {}

    def stand_in(_settings: Any, path: Path, **options: Any) -> bulk.ImportReport:
        asked.update(options, path=path)
        return bulk.ImportReport(
            rows_read=1_000,
            rows_committed=990,
            rows_new=900,
            dead_letters=3,
            reasons={"no time, or not a time": 3},
            seconds=1.25,
            records=1_000,
            duplicates=7,
            source="mine",
            naive_tz="UTC",
        )

    monkeypatch.setattr(bulk, "import_file", stand_in)
    (tmp_path / "t.csv").write_text("px\n", encoding="utf-8")
    result = run("import", str(tmp_path / "t.csv"), "--table", "trades", "--venue", "kalshi", "--map", "price=px")
    assert result.exit_code == 0, result.output
    assert (asked["path"], asked["table"], asked["venue"]) == (tmp_path / "t.csv", "trades", "kalshi")
    assert (asked["mapping"], asked["preset"], asked["source"]) == ({"price": "px"}, None, None)
    assert "1,000 rows read, 990 in the lake (900 new), 7 duplicates, 3 dead letters" in result.stdout
    assert "3: no time, or not a time" in result.stdout


@pytest.mark.parametrize(("name", "text"), [("t.csv", "market,at,price,count\n"), ("t.jsonl", '{"trades": []}\n')])
def test_an_import_of_no_row_is_an_error(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    fields = {"instrument": "market", "event_at": "at", "price": "price", "size": "count"}
    maps = [part for field, column in fields.items() for part in ("--map", f"{field}={column}")]
    result = run("import", str(tmp_path / name), "--table", "trades", "--venue", "kalshi", *maps)
    assert result.exit_code == 1, result.output
    assert "\n" not in result.stderr.strip()
    assert name in result.stderr


# --- progress


def test_without_a_terminal_progress_is_lines_and_not_too_many() -> None:
    """A log of a thousand lines for a thousand pages helps nobody."""
    console = Console(width=80, file=io.StringIO())
    now = [0.0]
    lines = Lines(console, clock=lambda: now[0], every=10)
    for page in range(1, 101):
        now[0] += 0.5
        lines("trades", page, 100)
    lines("prices", 3, None)
    now[0] += 4
    lines("prices", 4, None)
    now[0] += 4
    lines("fills", 0, 2)
    lines.finish()
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [
        "trades: 1/100 (0 s)",
        "trades: 21/100 (10 s)",
        "trades: 41/100 (20 s)",
        "trades: 61/100 (30 s)",
        "trades: 81/100 (40 s)",
        "trades: 100/100 (50 s)",
        "prices: 3 (0 s)",
        "prices: 4 (4 s)",
        "fills: 0/2 (0 s)",
    ]


def test_on_a_terminal_progress_is_a_bar() -> None:
    console = Console(width=120, file=io.StringIO(), force_terminal=True)
    with shown_progress(console) as progress:
        progress("trades", 1, 2)
        progress("trades", 2, 2)
    assert isinstance(console.file, io.StringIO)
    assert "2/2" in console.file.getvalue()


# --- homes


def test_the_dagster_home_gets_the_shipped_instance_file_once(home: Path) -> None:
    settings = load_settings()
    assert ensure_dagster_home(settings) == home / "dagster"
    copy = home / "dagster" / "dagster.yaml"
    assert copy.read_bytes() == project_file("dagster.yaml").read_bytes()
    copy.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    ensure_dagster_home(settings)
    assert copy.read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"
    assert [path.name for path in copy.parent.iterdir()] == ["dagster.yaml"]


def test_a_home_that_cannot_be_made_is_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadSettings, match="ECHELON_HOME"):
        ensure_dagster_home(load_settings({"ECHELON_HOME": str(tmp_path / "file")}))


def test_children_get_absolute_homes_and_send_no_telemetry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    environment = child_environment(load_settings({"ECHELON_HOME": "here"}), EXTRA="1")
    assert environment["ECHELON_HOME"] == str(tmp_path / "here")
    assert environment["DAGSTER_HOME"] == str(tmp_path / "here" / "dagster")
    assert environment["DAGSTER_DISABLE_TELEMETRY"] == "1"
    assert environment["EXTRA"] == "1"


# --- processes that stay


def child(code: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    return process


def test_children_are_interrupted_and_the_stubborn_killed() -> None:
    ready = "import signal, sys, time; "
    polite = child(ready + "signal.signal(2, lambda *a: sys.exit(7)); print('ready', flush=True); time.sleep(60)")
    stubborn = child(ready + "signal.signal(2, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)")
    serve.stop([polite, stubborn], seconds=1.0)
    assert polite.returncode == 7
    assert stubborn.returncode == -signal.SIGKILL


def test_a_child_that_ends_by_itself_is_named() -> None:
    ends = child("print('ready', flush=True)")
    assert serve.wait_for_end({"webserver": ends}, []) == "webserver"


WAITING = """
import subprocess, sys
from echelon_pipeline.commands import serve
code = "import os, signal, time; time.sleep(1.0); os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", code])
with serve.caught_signals() as heard:
    gone = serve.wait_for_end({"child": child}, heard)
    serve.stop([child])
sys.exit(0 if gone is None and child.returncode else 1)
"""


def test_waiting_ends_when_asked_to_by_a_signal() -> None:
    """In a process of its own: a signal must not reach the test runner."""
    assert subprocess.run([sys.executable, "-c", WAITING], timeout=30, check=False).returncode == 0


# --- sandbox, doctor


def test_the_sandbox_has_one_set_of_options() -> None:
    assert "--universe" in run("sandbox", "--help").output
    assert run("sandbox", "--limits", "some").exit_code == 2


def test_doctor_exits_with_1_where_something_fails(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    assert run("doctor", "--offline").exit_code == 0
    monkeypatch.setenv("ECHELON_MIN_FREE_MB", "1000000000")
    result = run("doctor", "--offline")
    assert result.exit_code == 1
    assert "FAIL home:" in result.stdout
    assert "→ Free disk" in result.stdout


def test_settings_of_one_group_are_shown_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHELON_HOME", str(tmp_path))
    shown = run("settings", "--group", "retention").output
    assert "ECHELON_RAW_RETENTION_DAYS" in shown
    assert "ECHELON_KEEP_PUBLICATIONS" in shown
    assert "ECHELON_THREADS" not in shown
    assert run("settings", "--group", "nothing").exit_code == 2
