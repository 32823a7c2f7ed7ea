"""What runs say on standard error: Dagster's own lines, without the traces of errors that are named.

Belongs here: what is said of a failure. All of it is in Dagster's records of the run, and at LOG_LEVEL=DEBUG here too.
"""

from __future__ import annotations

import logging

import dagster as dg
from dagster._core.events import DagsterEvent, JobFailureData, RunFailureReason
from dagster._core.execution.plan.objects import StepFailureData
from dagster_shared.error import SerializableErrorInfo

from echelon_pipeline import errors, stopping
from echelon_pipeline.defs.report import UNEXPECTED, of_records
from echelon_pipeline.settings import load_settings

_OURS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.EchelonError)
}


def _console(context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's own, but for what an interrupt breaks off: sixty lines of traceback where nothing failed."""
    made = dg.colored_console_logger.logger_fn(context)
    made.addFilter(lambda _: not stopping.asked())
    if load_settings().log_level != "DEBUG":
        made.addFilter(_shorten)
    return made


console = dg.LoggerDefinition(_console, dg.colored_console_logger.config_schema, "Lines on standard error.")


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
    """What a failure says, where its class is known; empty where its step has said it."""
    data = event.event_specific_data
    if isinstance(data, StepFailureData):
        given = data.user_failure_data
        if given is None:
            ours = of_records(data.error) if data.error else None
            return _line(f"{type(ours).__name__}: {ours}") if ours else None
        stated = given.metadata.get("failure_class")
        return None if stated is not None and stated.value == UNEXPECTED else _line(given.description or "")
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
