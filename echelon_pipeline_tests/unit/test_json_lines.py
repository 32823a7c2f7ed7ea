"""Log records as JSON: one line per record, whatever the message has, at every way to standard error."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.commands.common import err, fail, warn
from echelon_pipeline.commands.progress import shown_progress
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.hosting.json_lines import JsonLines
from echelon_pipeline.settings import load_settings

SECRET = "do-not-print-4711"


def record(message: str, *arguments: object, **values: Any) -> logging.LogRecord:
    made = logging.LogRecord("echelon_pipeline.lake", logging.WARNING, __file__, 1, message, arguments, None)
    vars(made).update(values)
    return made


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31mred", "\u2028", "é", '"quoted"', "[bold]"])
def test_a_record_is_one_line_that_gives_its_text_back(text: str) -> None:
    line = JsonLines().format(record("said %s", text))
    assert line.isprintable()
    assert line.isascii()
    fields = json.loads(line)
    assert fields.pop("timestamp").endswith("Z")
    assert fields == {"event": f"said {text}", "logger": "echelon_pipeline.lake", "level": "warning"}


def test_a_traceback_is_a_field() -> None:
    try:
        int("as it should")
    except ValueError:
        line = JsonLines().format(record("failed", exc_info=sys.exc_info()))
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_a_record_of_a_run_names_run_job_and_step() -> None:
    meta = {"run_id": "r1", "job_name": "main", "step_key": None}
    fields = json.loads(JsonLines().format(record("x", dagster_meta=meta)))
    assert {"run": "r1", "job": "main"}.items() <= fields.items()
    assert "step" not in fields


def run(code: str, **environ: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and lines of standard error of a process: loggers and warnings belong to a whole process."""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stderr.splitlines()]


def test_handlers_of_others_records_without_a_handler_and_warnings_become_json() -> None:
    code = (
        "import logging, warnings\nfrom echelon_pipeline.hosting.json_lines import reformat\n"
        "logging.getLogger('dagster').addHandler(logging.StreamHandler())\n"
        "reformat('dagster')\n"
        "logging.getLogger('dagster').error('two\\nlines')\n"
        "logging.getLogger('other').warning('no handler')\n"
        "warnings.warn('careful')"
    )
    status, lines = run(code)
    assert status == 0
    assert [line["event"] for line in lines[:2]] == ["two\nlines", "no handler"]
    assert "UserWarning: careful" in lines[2]["event"]
    assert len(lines) == 3


def test_errors_warnings_and_progress_of_a_command_are_json_with_their_level(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ECHELON_LOG_FORMAT", "json")
    fail("wrong [x]")
    warn("careful", "detail")
    with shown_progress(err()) as progress:
        progress("trades", 1, 1)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("error", "error: wrong [x]"),
        ("warning", "warning: careful"),
        ("warning", "  detail"),
        ("info", "trades: 1/1 (0 s)"),
    ]


def test_another_format_is_refused() -> None:
    with pytest.raises(BadSettings, match="ECHELON_LOG_FORMAT: expected text or json"):
        load_settings({"ECHELON_LOG_FORMAT": "xml"})


def test_a_command_that_fails_writes_only_json_on_standard_error_and_no_secret(tmp_path: Path) -> None:
    environ = {
        "ECHELON_HOME": str(tmp_path),
        "ECHELON_LOG_FORMAT": "json",
        "ECHELON_POSTGRES_URL": f"postgresql://user:{SECRET}@localhost:1/db?connect_timeout=1",
        "ECHELON_MIN_FREE_MB": "0",
        "LOG_LEVEL": "DEBUG",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from echelon_pipeline.cli import app; app()", "publish"],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 75, done.stderr
    assert lines[-1]["event"].startswith("error: ")
    assert any("Traceback" in line["event"] for line in lines)  # DEBUG: one line all the same
    assert SECRET not in done.stderr


def test_a_fault_of_the_code_is_one_line_too() -> None:
    code = (
        "from echelon_pipeline.commands.common import prepared\nimport warnings\n"
        "prepared()\nwarnings.warn('careful')\nraise KeyError('x')"
    )
    status, lines = run(code, ECHELON_LOG_FORMAT="json")
    assert (status, [line["level"] for line in lines]) == (1, ["warning", "critical"])
    assert "KeyError: 'x'" in lines[1]["exception"]
