"""Console output of runs: Dagster's own lines, without tracebacks for errors of a known class.

Belongs here: how a failure is printed. The traceback is in Dagster's records of the run; LOG_LEVEL=DEBUG prints it.
"""

from __future__ import annotations

import logging

import dagster as dg
import dagster._loggers
from dagster._core.events import DagsterEvent, JobFailureData, RunFailureReason
from dagster._core.execution.plan.objects import StepFailureData
from dagster_shared.error import SerializableErrorInfo

from echelon_pipeline import errors, stopping
from echelon_pipeline.hosting.json_lines import JsonLines
from echelon_pipeline.ops.failures import UNEXPECTED, step_failure

_OURS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.EchelonError)
}


def console(*, whole: bool = False, as_json: bool = False) -> dg.LoggerDefinition:
    """Dagster's own logger, silent after an interrupt: otherwise sixty lines of traceback appear although no step
    failed. ``whole``: with the tracebacks of all errors. ``as_json``: one line of JSON per record."""

    def logger(context: dg.InitLoggerContext) -> logging.Logger:
        result = dg.colored_console_logger.logger_fn(context)
        if as_json:
            for handler in result.handlers:
                handler.setFormatter(JsonLines())
        result.addFilter(lambda _: not stopping.is_requested())
        if not whole:
            result.addFilter(_shorten)
        return result

    return dg.LoggerDefinition(logger, dg.colored_console_logger.config_schema, "Lines on standard error.")


def use_for_runs_of_the_daemon(logger: dg.LoggerDefinition) -> None:
    """Makes this the logger of runs whose configuration names none: those that the daemon starts.

    Dagster has no setting for it: it takes the logger by its name from its own module.
    """
    dagster._loggers.colored_console_logger = logger  # noqa: SLF001


def _shorten(record: logging.LogRecord) -> bool:
    """Replaces a traceback by the reason: the class and message of an error say what it means. Errors without a class
    are bugs and keep their traceback."""
    meta = getattr(record, "dagster_meta", {})
    event, said = meta.get("dagster_event"), meta.get("orig_message") or ""
    reason = _reason(event) if event is not None else None
    if reason is not None:
        head = str(record.msg).partition(said)[0] if said else ""
        record.msg, record.args = head + (f"{said.rstrip('.')}: {reason}" if reason else said), ()
    return True


def _reason(event: DagsterEvent) -> str | None:
    """The reason of a failure of a known class; empty if the failed step already printed it; None for other events."""
    data = event.event_specific_data
    if isinstance(data, StepFailureData):
        failure = step_failure(data)
        return None if failure.kind == UNEXPECTED else _line(failure.reason)
    if isinstance(data, JobFailureData):
        return "" if data.failure_reason is RunFailureReason.STEP_FAILURE else _named(data.error)
    return None


def _named(error: SerializableErrorInfo | None) -> str | None:
    """The project's error among its causes."""
    while error is not None:
        if error.cls_name in _OURS:
            return _line(f"{error.cls_name}: {error.message.partition(': ')[2]}")
        error = error.cause
    return None


def _line(text: str) -> str:
    return " ".join(text.split())
