"""Every command on every kind of damaged home: a line that says what is wrong and an exit code, never a traceback.

The fast tests drive the commands that read the damaged thing; all pairs are a long campaign.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from dagster import DagsterInstance
from typer.testing import CliRunner, Result

from echelon_pipeline import cli
from echelon_pipeline.commands.faults import as_echelon_error
from echelon_pipeline.errors import BadSettings, DiskFull
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.dagster_home import ensure_dagster_home
from echelon_pipeline.ops.doctor import examine, worst
from echelon_pipeline.ops.venue_probes import Level
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.latest import latest_store
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.publications import publications
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.unit.test_places import row_of

TABLE = "core.dead_letters"
GARBAGE = b"neither JSON nor a database \x00\xff" * 200

COMMANDS: dict[str, list[str]] = {
    "ingest": ["--from", "2026-11-20", "--to", "2026-11-20"],
    "refresh": [],
    "publish": ["--force"],
    "sql": ["SELECT count(*) FROM core.dead_letters"],
    "record": ["kalshi:A"],
    "listeners list": [],
    "derive": [],
    "replay": [],
    "book": ["kalshi:A"],
    "latest": [],
    "ui": ["--port", "1"],
    "maintain": [],
    "doctor": ["--offline"],
    "prune": [],
    "settings": [],
}


def _put(name: str, data: bytes) -> Callable[[Path], None]:
    def damage(home: Path) -> None:
        path = home / name
        if path.is_dir():
            shutil.rmtree(path)
        for beside in (f"{name}-wal", f"{name}-shm"):
            (home / beside).unlink(missing_ok=True)
        path.write_bytes(data)

    return damage


def _folder(name: str) -> Callable[[Path], None]:
    def damage(home: Path) -> None:
        path = home / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.mkdir()

    return damage


def _log(home: Path) -> Path:
    return home / "lake" / "core" / "dead_letters" / "_delta_log"


def _hole(home: Path) -> None:
    sorted(_log(home).glob("*.json"))[1].unlink()


def _garbled(home: Path) -> None:
    max(_log(home).glob("*.json")).write_bytes(GARBAGE)


def _no_data(home: Path) -> None:
    for path in (home / "lake").rglob("*.parquet"):
        path.unlink()


def _moved(home: Path) -> None:
    (home / "lake").rename(home / "unmounted")


def _file(home: Path) -> None:
    shutil.rmtree(home)
    home.write_bytes(b"")


def _below_a_file(home: Path) -> None:
    _file(home)
    os.environ["ECHELON_HOME"] = str(home / "inside")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "state.sqlite is garbage": _put("state.sqlite", GARBAGE),
    "state.sqlite is empty": _put("state.sqlite", b""),
    "state.sqlite is a folder": _folder("state.sqlite"),
    "latest.sqlite is garbage": _put("latest.sqlite", GARBAGE),
    "sandbox.json is garbage": _put("sandbox.json", GARBAGE),
    "sandbox.json is a list": _put("sandbox.json", b"[]"),
    "sandbox.json is of another version": _put("sandbox.json", b'{"planets": 9}'),
    "settings.json is garbage": _put("settings.json", GARBAGE),
    "echelon.duckdb is garbage": _put("echelon.duckdb", GARBAGE),
    "echelon.duckdb is empty": _put("echelon.duckdb", b""),
    "echelon.duckdb is a folder": _folder("echelon.duckdb"),
    "a hole in a Delta log": _hole,
    "a Delta log of garbage": _garbled,
    "data files are gone": _no_data,
    "the lake is elsewhere": _moved,
    "lake is a file": _put("lake", b""),
    "scratch is a file": _put("scratch", b""),
    "capture is a file": _put("capture", b""),
    "publications is a file": _put("publications", b""),
    "dagster is a file": _put("dagster", b""),
    "dagster.yaml is no YAML": _put("dagster/dagster.yaml", b"run_queue: [\n"),
    "dagster.yaml has an unknown field": _put("dagster/dagster.yaml", b"planets: 9\n"),
    "dagster.yaml is garbage": _put("dagster/dagster.yaml", GARBAGE),
    "Dagster's runs are garbage": _put("dagster/history/runs.db", GARBAGE),
    "Dagster's schedules are garbage": _put("dagster/schedules/schedules.db", GARBAGE),
    "the home is a file": _file,
    "the home lies below a file": _below_a_file,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small home with everything in it that a command may read."""
    home = tmp_path_factory.mktemp("whole") / "home"
    settings = load_settings({"ECHELON_HOME": str(home), "ECHELON_MIN_FREE_MB": "0"})
    lake, table = Lake.of(settings), TABLES[TABLE]
    for n in range(3):
        row = row_of(table) | {"sha256": str(n)}
        lake.append(TABLE, pa.Table.from_pylist([row], table.arrow_schema()))
    with State.of(settings) as state:
        Leases(state).acquire("lease", "owner", 1)
    latest_store(settings).close()
    publish(settings, force=True)
    with DagsterInstance.from_config(str(ensure_dagster_home(settings))) as instance:
        assert instance.get_runs() == []
    (home / "sandbox.json").write_text(json.dumps({"seed": 7}), encoding="utf-8")
    return home


@pytest.fixture
def home(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    copy = tmp_path / "home"
    shutil.copytree(whole, copy)
    nowhere = "127.0.0.1:9"
    for name, value in {
        "ECHELON_HOME": str(copy),
        "ECHELON_MIN_FREE_MB": "0",
        "ECHELON_HTTP_RETRIES": "0",
        "ECHELON_NOW": "2026-11-20T12:00:00Z",
        "KALSHI_BASE_URL": f"http://{nowhere}",
        "POLYMARKET_API_URL": f"http://{nowhere}",
        "POLYMARKET_GAMMA_URL": f"http://{nowhere}",
        "ECHELON_POLYMARKET_DATA_URL": f"http://{nowhere}",
        "DAGSTER_HOME": "",
        "LOG_LEVEL": "WARNING",
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)
    yield copy
    logging.basicConfig(level="WARNING", force=True)


# Who reads the damaged thing, the exit code and a part of the line.
READ = [
    ("state.sqlite is garbage", "listeners list", 1, "state.sqlite is damaged or not ours"),
    ("state.sqlite is garbage", "publish", 1, "state.sqlite is damaged or not ours"),
    ("state.sqlite is a folder", "listeners list", 1, "state.sqlite cannot be opened"),
    ("state.sqlite is empty", "listeners list", 1, "state.sqlite is empty although this home has publications"),
    ("state.sqlite is empty", "publish", 1, "state.sqlite is empty although this home has publications"),
    ("state.sqlite is empty", "maintain", 1, "state.sqlite is empty although this home has publications"),
    ("state.sqlite is garbage", "maintain", 1, "state.sqlite is damaged or not ours"),
    ("state.sqlite is a folder", "maintain", 1, "state.sqlite cannot be opened"),
    ("the lake is elsewhere", "maintain", 1, "is not the lake that publication 1 was made from"),
    ("latest.sqlite is garbage", "latest", 1, "latest.sqlite is damaged or not ours"),
    ("sandbox.json is garbage", "refresh", 1, "sandbox.json is damaged"),
    ("sandbox.json is a list", "record", 1, "sandbox.json is damaged"),
    ("sandbox.json is of another version", "ui", 1, "sandbox.json is damaged"),
    ("settings.json is garbage", "settings", 1, "settings.json cannot be read"),
    ("echelon.duckdb is garbage", "sql", 1, "echelon.duckdb cannot be opened"),
    ("echelon.duckdb is a folder", "sql", 1, "echelon.duckdb"),
    ("echelon.duckdb is a folder", "publish", 1, "echelon.duckdb is a folder, expected the published file"),
    ("a hole in a Delta log", "publish", 1, "00000000000000000001.json is missing from the table's log"),
    ("a Delta log of garbage", "publish", 1, "core.dead_letters"),
    ("lake is a file", "publish", 1, "lake"),
    ("publications is a file", "publish", 1, "publications"),
    ("dagster is a file", "prune", 1, "dagster"),
    ("dagster.yaml is no YAML", "prune", 1, "dagster.yaml cannot be used"),
    ("dagster.yaml has an unknown field", "prune", 1, "dagster.yaml cannot be used"),
    ("Dagster's runs are garbage", "prune", 1, "Dagster's records (HOME/dagster/history/runs.db)"),
    ("the home is a file", "listeners list", 1, "home"),
    ("the home lies below a file", "publish", 1, "home"),
]


def drive(command: str, arguments: list[str] | None = None) -> Result:
    """Runs a command; fails where anything but a line and an exit code came out."""
    result = CliRunner().invoke(cli.app, [*command.split(), *(COMMANDS[command] if arguments is None else arguments)])
    error = result.exception
    assert error is None or isinstance(error, SystemExit), "".join(traceback.format_exception(error))
    assert "Traceback" not in result.output, result.output
    assert result.exit_code in (0, 1, 75), result.output
    if result.exit_code and command != "doctor":
        said = result.stderr.strip().splitlines()
        assert said, "an exit code without a word"
        assert said[-1].startswith("error: "), result.output
    return result


@pytest.mark.parametrize(("damage", "command", "code", "said"), READ)
def test_what_is_damaged_is_named_in_one_line(home: Path, damage: str, command: str, code: int, said: str) -> None:
    DAMAGES[damage](home)
    result = drive(command)
    said = said.replace("HOME", str(home))
    assert (result.exit_code, said in result.stderr) == (code, True), result.output


# What doctor says of damage that stops another command: the line and a part of it.
DOCTOR = [
    ("state.sqlite is garbage", "state", "state.sqlite is damaged or not ours"),
    ("state.sqlite is empty", "state", "state.sqlite is empty although this home has publications"),
    ("latest.sqlite is garbage", "latest", "latest.sqlite is damaged or not ours"),
    ("sandbox.json is garbage", "demo", "sandbox.json is damaged"),
    ("sandbox.json is a list", "demo", "sandbox.json is damaged"),
    ("settings.json is garbage", "settings", "settings.json cannot be read"),
    ("echelon.duckdb is garbage", "publication", "echelon.duckdb cannot be opened"),
    ("echelon.duckdb is a folder", "publication", "echelon.duckdb is a folder"),
    ("the lake is elsewhere", "lake", "is not the lake that publication 1 was made from"),
    ("dagster is a file", "dagster records", "is not a folder"),
    ("dagster.yaml is no YAML", "dagster", "dagster.yaml cannot be used"),
    ("dagster.yaml has an unknown field", "dagster", "dagster.yaml cannot be used"),
    ("dagster.yaml is garbage", "dagster", "dagster.yaml cannot be used"),
    ("Dagster's runs are garbage", "dagster records", "dagster/history/runs.db is damaged or not ours"),
    ("Dagster's schedules are garbage", "dagster records", "dagster/schedules/schedules.db is damaged or not ours"),
]


@pytest.mark.parametrize(("damage", "what", "said"), DOCTOR)
def test_doctor_fails_on_what_stops_other_commands_and_advises(home: Path, damage: str, what: str, said: str) -> None:
    before = worst(list(examine(offline=True)))
    DAMAGES[damage](home)
    found = [f for f in examine(offline=True) if f.what == what and f.level is Level.FAIL]
    assert before is not Level.FAIL
    assert found
    assert said in found[0].text
    assert found[0].advice


def test_a_damaged_file_of_settings_is_no_variable_to_correct(home: Path) -> None:
    DAMAGES["settings.json is garbage"](home)
    (found,) = (f for f in examine(offline=True) if f.what == "settings")
    assert "Restore the file" in found.advice
    assert "variable" not in found.advice


def test_a_new_home_may_have_an_empty_state_database(tmp_path: Path) -> None:
    settings = load_settings({"ECHELON_HOME": str(tmp_path)})
    (tmp_path / "state.sqlite").touch()  # of a process killed in the instant in which SQLite made it
    with State.of(settings) as state:
        assert publications(state) == []


def test_doctor_looks_at_databases_and_leaves_no_file_beside_them(home: Path) -> None:
    before = sorted(home.rglob("*"))
    assert worst(list(examine(offline=True, deep=True))) is not Level.FAIL
    assert sorted(home.rglob("*")) == before


# The UI stays until it is stopped where the damage is none of its files.
STAYS = {"ui"}


@pytest.mark.slow
@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in STAYS])
@pytest.mark.parametrize("damage", DAMAGES)
def test_no_command_ends_in_a_traceback_on_a_damaged_home(home: Path, damage: str, command: str) -> None:
    DAMAGES[damage](home)
    drive(command)


@pytest.mark.parametrize("query", ["", "  ", ";", "/* nothing */"])
def test_no_statement_is_said(home: Path, query: str) -> None:
    assert drive("sql", [query]).exit_code == 1


def test_errors_of_the_system_say_whether_to_try_again() -> None:
    full = as_echelon_error(OSError(errno.ENOSPC, "No space left on device", "/home/dagster/storage/x"))
    assert isinstance(full, DiskFull)
    assert "/home/dagster/storage/x" in str(full)
    wrapped = ValueError("while writing")
    wrapped.__cause__ = sqlite3.OperationalError("database or disk is full")
    assert isinstance(as_echelon_error(wrapped), DiskFull)
    read_only = as_echelon_error(OSError(errno.EROFS, "Read-only file system", "/home/x"))
    assert isinstance(read_only, BadSettings)
    assert "/home/x: Read-only file system" in str(read_only)
    assert as_echelon_error(ZeroDivisionError("a fault of the code")) is None
