"""What a run says of a failure on standard error: one line where its class is known, the trace where it is not."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import dagster._loggers
import pytest

from echelon_pipeline.defs.console import console, use_for_runs_of_the_daemon
from echelon_pipeline.defs.executor import steady_executor
from echelon_pipeline.errors import AnswerTooLarge, CorruptStore, RuleViolation, VenueUnavailable
from echelon_pipeline.ops import failures
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.launching import execute
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import Settings, load_settings

NAMED = [
    (VenueUnavailable("502 of /markets"), "VenueUnavailable: 502 of /markets"),
    (AnswerTooLarge("above 64 MB (ECHELON_HTTP_BODY_MB)"), "AnswerTooLarge: above 64 MB (ECHELON_HTTP_BODY_MB)"),
    (CorruptStore("a segment is damaged"), "CorruptStore: a segment is damaged"),
    (RuleViolation("rows:\n  a\n  b"), "RuleViolation: rows: a b"),
    (dg.Failure("l: nothing was recorded: no key", allow_retries=False), "l: nothing was recorded: no key"),
]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ECHELON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ECHELON_MIN_FREE_MB", "0")
    monkeypatch.setenv("LOG_LEVEL", "")
    monkeypatch.setattr(failures, "RETRY_DELAY", 0.01)
    return load_settings()


def said(
    error: Exception,
    settings: Settings,
    instance: dg.DagsterInstance,
    capsys: pytest.CaptureFixture[str],
    *,
    whole: bool = False,
) -> str:
    """The console of a run whose only step fails; its trace is in the records all the same."""

    @dg.op
    def step() -> None:
        with classified():
            raise error

    @dg.job(executor_def=steady_executor(Warehouse()), logger_defs={"console": console(whole=whole)})
    def failing() -> None:
        step()

    capsys.readouterr()
    result = execute(failing, settings, instance)
    failure = next(e for e in result.all_events if e.is_step_failure).step_failure_data
    assert failure.error is not None
    assert failure.error.stack
    return capsys.readouterr().err


@pytest.mark.parametrize(("error", "reason"), NAMED, ids=[type(e).__name__ for e, _ in NAMED])
def test_a_failure_that_is_named_is_one_line(
    error: Exception,
    reason: str,
    settings: Settings,
    instance: dg.DagsterInstance,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = said(error, settings, instance, capsys).splitlines()
    assert not [line for line in lines if "Stack Trace" in line or "Traceback" in line or "File " in line]
    assert all(" - failing - " in line for line in lines)
    [failed] = [line for line in lines if "STEP_FAILURE" in line]
    assert "step - STEP_FAILURE - " in failed
    assert failed.endswith(f": {reason}")


@pytest.mark.parametrize("error", [ValueError("a fault of the code"), KeyError("x")])
def test_a_fault_of_the_code_keeps_its_trace(
    error: Exception, settings: Settings, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(error, settings, instance, capsys)
    assert "Stack Trace:" in text
    assert "raise error" in text


def test_debug_shows_every_trace(
    settings: Settings, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Stack Trace:" in said(RuleViolation("x"), settings, instance, capsys, whole=True)


def test_runs_of_the_daemon_write_json_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their configuration names no logger, so Dagster takes its own default."""
    monkeypatch.setattr(dagster._loggers, "colored_console_logger", dg.colored_console_logger)
    use_for_runs_of_the_daemon(console(as_json=True))
    ((definition, config),) = dagster._loggers.default_system_loggers(None)
    logger = definition.logger_fn(dg.build_init_logger_context(logger_config=config))
    logger.error("two\nlines")
    assert json.loads(capsys.readouterr().err)["event"] == "two\nlines"
