"""Console output of runs: Dagster's own lines, without stack traces for errors of a known class.

Belongs here: how a failure is printed. The trace is in Dagster's records of the run, and printed at LOG_LEVEL=DEBUG.
"""

from __future__ import annotations

import logging

import dagster as dg
from dagster._core.events import DagsterEvent, JobFailureData, RunFailureReason
from dagster._core.execution.plan.objects import StepFailureData
from dagster_shared.error import SerializableErrorInfo

from echelon_pipeline import errors, stopping
from echelon_pipeline.ops.failures import UNEXPECTED, step_failure

_OURS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.EchelonError)
}


def console(*, whole: bool = False) -> dg.LoggerDefinition:
    """Dagster's own, but for what an interrupt breaks off: sixty lines of traceback where nothing failed.

    ``whole``: with the traces of all errors.
    """

    def logger(context: dg.InitLoggerContext) -> logging.Logger:
        made = dg.colored_console_logger.logger_fn(context)
        made.addFilter(lambda _: not stopping.is_requested())
        if not whole:
            made.addFilter(_shorten)
        return made

    return dg.LoggerDefinition(logger, dg.colored_console_logger.config_schema, "Lines on standard error.")


def _shorten(record: logging.LogRecord) -> bool:
    """Puts the reason in the place of a trace, which says where in the code an error was raised: what it means is in
    its class and message. Errors without a class are faults of the code and keep it."""
    meta = getattr(record, "dagster_meta", {})
    event, said = meta.get("dagster_event"), meta.get("orig_message") or ""
    reason = _reason(event) if event is not None else None
    if reason is not None:
        head = str(record.msg).partition(said)[0] if said else ""
        record.msg, record.args = head + (f"{said.rstrip('.')}: {reason}" if reason else said), ()
    return True


def _reason(event: DagsterEvent) -> str | None:
    """Why it failed, where the class is known; empty where the failed step has said so; None for other events."""
    data = event.event_specific_data
    if isinstance(data, StepFailureData):
        failure = step_failure(data)
        return None if failure.kind == UNEXPECTED else _line(failure.reason)
    if isinstance(data, JobFailureData):
        return "" if data.failure_reason is RunFailureReason.STEP_FAILURE else _named(data.error)
    return None


def _named(error: SerializableErrorInfo | None) -> str | None:
    """The error of ours that it was raised from."""
    while error is not None:
        if error.cls_name in _OURS:
            return _line(f"{error.cls_name}: {error.message.partition(': ')[2]}")
        error = error.cause
    return None


def _line(text: str) -> str:
    return " ".join(text.split())
