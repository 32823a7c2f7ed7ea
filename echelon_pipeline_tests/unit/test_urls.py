"""URLs and paths in settings: accepted if every library reads them alike, otherwise refused without quoting them.

Canary: for every fault of a URL that contains a secret, no command shows any part of the secret.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from echelon_pipeline import cli
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import DAGSTER_URL, load_settings
from echelon_pipeline.settings.urls import POSTGRES, STORES, check_url, without_secrets

# Parts of the password, so that half of one is noticed too.
CANARY = ("hunter2", "tango7", "zulu9")
H, T, Z = CANARY

MALFORMED = {
    "unescaped @": f"://{H}:{T}@{Z}@db.example:5432/x",
    "unescaped /": f"://{H}:{T}/{Z}@db.example:5432/x",
    "unescaped / before digits": f"://{H}:5432/{Z}{T}@db.example:5432/x",
    "unescaped ?": f"://{H}:{T}?{Z}@db.example:5432/x",
    "unescaped #": f"://{H}:{T}#{Z}@db.example:5432/x",
    "unescaped %": f"://{H}:{T}%{Z}@db.example:5432/x",
    "unescaped [": f"://{H}:{T}[{Z}@db.example:5432/x",
    "unescaped quote": f'://{H}:{T}"{Z}@db.example:5432/x',
    "letters outside of ASCII": f"://{H}:{T}é{Z}@db.example:5432/x",
    "port that is no number": f"://{H}:{Z}@db.example:{T}/x",
    "port too large": f"://{H}:{T}{Z}@db.example:99999/x",
    "port of nothing": f"://{H}:{T}{Z}@db.example:/x",
    "no host": f"://{H}:{T}{Z}@/x",
    "no host, a port": f"://{H}:{T}{Z}@:5432/x",
    "IPv6 without brackets": f"://{H}:{T}{Z}@fe80::1:5432/x",
    "IPv6 that is none": f"://{H}:{T}@[{Z}]:5432/x",
    "IPv6 and more": f"://{H}:{T}@[::1]{Z}/x",
    "blank inside": f"://{H}:{T} {Z}@db.example:5432/x",
    "line break inside": f"://{H}:{T}\n{Z}@db.example:5432/x",
    "blank before": f" ://{H}:{T}{Z}@db.example:5432/x",
    "host with a blank": f"://{H}:{T}@db {Z}:5432/x",
    "no scheme": f"//{H}:{T}{Z}@db.example",
    "one slash": f":/{H}:{T}{Z}@db.example",
    "another scheme": f"x{H}://{T}:{Z}@db.example/x",
    "the password alone": f"{H}{T}{Z}",
}
VARIABLES = {
    "ECHELON_STATE_URL": "postgresql",
    "ECHELON_POSTGRES_URL": "postgresql+psycopg2",
    "REDIS_URL": "redis",
    DAGSTER_URL: "postgresql+psycopg2",
    "ECHELON_LAKE": "s3",
    "KALSHI_BASE_URL": "https",
    "POLYMARKET_WS_URL": "wss",
}
COMMANDS: dict[str, list[str]] = {
    "ingest": [],
    "import": [__file__, "--table", "trades", "--venue", "kalshi"],
    "refresh": [],
    "rederive": [],
    "reconcile": [],
    "publish": [],
    "sql": ["SELECT 1"],
    "tables": [],
    "report builder": ["--month", "2026-10"],
    "report agents": ["--month", "2026-10"],
    "report finalize": ["--month", "2026-10"],
    "backup": ["../backups"],
    "restore": ["../backups"],
    "record": [],
    "listeners list": [],
    "listeners add": ["x", "--venue", "kalshi"],
    "derive": [],
    "replay": [],
    "book": ["kalshi:A"],
    "latest": [],
    "ui": [],
    "sandbox": [],
    "maintain": [],
    "doctor": ["--offline"],
    "prune": [],
    "settings": [],
    "demo": [],
}


def shown(error: BaseException | None) -> str:
    return "" if error is None else "".join(traceback.format_exception(error))


def test_every_command_is_covered() -> None:
    names = {command.name or getattr(command.callback, "__name__", "") for command in cli.app.registered_commands}
    names |= {group.name or "" for group in cli.app.registered_groups}
    driven = {name.split()[0] for name in COMMANDS}
    assert {name.removesuffix("_") for name in names} == driven


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ECHELON_HOME", str(tmp_path))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    logging.basicConfig(level="WARNING", force=True)


def given(variable: str, form: str) -> str | None:
    """The text of a variable; None if it is a folder name, not a URL."""
    rest = MALFORMED[form]
    if variable == "ECHELON_LAKE" and form in ("no scheme", "the password alone"):
        return None
    return VARIABLES[variable] + rest if rest.startswith(":/") else rest


def drive(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, command: str, variable: str, form: str
) -> None:
    """Runs a command with a URL that is invalid: exit code 1, one line that names the variable, no secret."""
    text = given(variable, form)
    if text is None:
        return
    monkeypatch.setenv(variable, text)
    result = CliRunner().invoke(cli.app, [*command.split(), *COMMANDS[command]])
    monkeypatch.delenv(variable)
    said = result.output + caplog.text + shown(result.exception)
    assert [part for part in CANARY if part in said] == [], (form, said)
    assert result.exit_code == 1, (form, said)
    assert variable in result.output, (form, said)
    if command != "doctor":
        assert len(result.stderr.splitlines()) == 1, (form, said)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_a_part_of_a_secret_in_an_invalid_url(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, command: str
) -> None:
    """Runs each command with each variable; the forms of URLs take turns."""
    forms = list(MALFORMED)
    for n, variable in enumerate(VARIABLES):
        form = forms[(list(COMMANDS).index(command) * len(VARIABLES) + n) % len(forms)]
        drive(monkeypatch, caplog, command, variable, form)
    assert list(home.iterdir()) == []  # nothing was started


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("variable", VARIABLES)
def test_no_command_shows_a_part_of_a_secret_in_any_form_or_variable(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, command: str
) -> None:
    for form in MALFORMED:
        drive(monkeypatch, caplog, command, variable, form)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("form", MALFORMED)
def test_an_exception_about_a_url_contains_no_part_of_it(variable: str, form: str) -> None:
    text = given(variable, form)
    if text is not None:
        with pytest.raises(BadSettings, match=variable) as caught:
            load_settings({variable: text})
        assert not [part for part in CANARY if part in shown(caught.value)]


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
@pytest.mark.parametrize(
    ("variable", "command", "url"),
    [
        ("ECHELON_STATE_URL", ["listeners", "list"], f"postgresql://u:{H}%40{T}@127.0.0.1:1/x"),
        ("ECHELON_STATE_URL", ["listeners", "list"], f"postgresql://u:{H}@127.0.0.1:1/x?password={T}"),
        ("ECHELON_STATE_URL", ["listeners", "list"], f"postgresql://u:{H}@127.0.0.1:1/x?{T}={Z}"),
        ("ECHELON_STATE_URL", ["listeners", "list"], f"sqlite:////proc/nowhere/state.sqlite?{T}={Z}"),
        ("REDIS_URL", ["latest"], f"redis://u:{H}%40{T}@127.0.0.1:1/0"),
        ("REDIS_URL", ["latest"], f"redis://u:{H}@127.0.0.1:1/0?{T}={Z}"),
        ("REDIS_URL", ["latest"], f"redis://u:{H}@127.0.0.1:1/{T}"),
        ("REDIS_URL", ["latest"], f"redis://u:{H}@127.0.0.1:1/0?protocol={T}"),
    ],
)
def test_the_message_about_an_unreachable_server_contains_no_secret(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, command: list[str], url: str, level: str
) -> None:
    """DEBUG shows whole tracebacks: the chain of exceptions contains no secret either."""
    monkeypatch.setenv(variable, url)
    monkeypatch.setenv("LOG_LEVEL", level)
    result = CliRunner().invoke(cli.app, command)
    said = result.output + shown(result.exception)
    assert [part for part in CANARY if part in said] == [], said
    if level == "INFO":
        assert result.exit_code in (1, 75)
        assert len(result.stderr.splitlines()) == 1, said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://host/db",
        "postgres://u:p@host:5432/db?sslmode=require",
        "postgresql+psycopg2://u:p%40s%2Fs%23%3A%25%20w@[::1]:5432/db",
        "postgresql://u:p:q!$&'()*+,;=@10.0.0.1/db",
        "postgresql://u@/db?host=/var/run/postgresql",
        "postgresql://%2Fvar%2Frun/db",
    ],
)
def test_a_url_that_every_parser_reads_alike_is_accepted(url: str) -> None:
    check_url(url, POSTGRES)


def test_the_server_receives_the_decoded_password() -> None:
    password = "p@s/s#:% w"
    url = f"postgresql://u:{quote(password, safe='')}@host/db"
    check_url(url, POSTGRES)
    assert sa.make_url(url).password == password
    message = f'FATAL: "{password}" of {url}, as {quote(password, safe="")}'
    assert without_secrets(message, url) == 'FATAL: "…" of …, as …'


def test_the_url_of_a_lake_must_not_contain_keys_or_patterns() -> None:
    check_url("s3://bucket/lake", STORES, credentials=False)
    assert load_settings({"ECHELON_LAKE": "s3://bucket/lake"}).lake_root == "s3://bucket/lake"
    for url in (f"s3://{H}:{T}@bucket/lake", f"az://box/lake?sig={H}", "s3://bucket/l*ke", f"s3:/{H}", "file:///lake"):
        with pytest.raises(BadSettings, match="ECHELON_LAKE") as caught:
            load_settings({"ECHELON_LAKE": url})
        assert H not in str(caught.value)
