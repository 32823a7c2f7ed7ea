"""Classes of step failures: written to Dagster with each failure, and read back from Dagster's records.

Belongs here: ``failure_class`` (transient, permanent, unexpected), retries, and the reason of a failed step as text.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData
from dagster_shared.error import SerializableErrorInfo

from echelon_pipeline import stopping
from echelon_pipeline.errors import DiskFull, EchelonError, Transient
from echelon_pipeline.ops.dagster_home import damaged_records
from echelon_pipeline.state.faults import records_fault

TRANSIENT = "transient"
UNEXPECTED = "unexpected"  # an unclassified failure: a bug

# Retries of a step after a transient failure that outlasted the client's own retries; seconds before the first retry,
# doubled before the second. A full disk is not retried: it does not free itself within a minute.
RETRIES, RETRY_DELAY = 2, 30.0


@contextmanager
def classified(retries: int = RETRIES) -> Iterator[None]:
    """Reports the class of a failure to Dagster, and requests a retry of transient ones.

    Only transient failures are retried: an unclassified error is a bug, which a retry does not fix. Steps do not use
    Dagster's retry policy, because it takes an interrupt for a failure and continues. Raises Interrupted instead of
    the error that an interrupt caused.
    """
    try:
        yield
    except (dg.DagsterError, dg.Failure, dg.RetryRequested):
        stopping.check()
        raise
    except Exception as error:
        stopping.check()
        failure = _failure(error)
        failure.__cause__ = error
        if retries and isinstance(error, Transient) and not isinstance(error, DiskFull):
            raise dg.RetryRequested(max_retries=retries, seconds_to_wait=_delay()) from failure
        raise failure from error


def _failure(error: Exception) -> dg.Failure:
    return dg.Failure(
        description=f"{type(error).__name__}: {error}", metadata={"failure_class": _kind(error)}, allow_retries=False
    )


def _kind(error: Exception) -> str:
    if not isinstance(error, EchelonError):
        return UNEXPECTED
    return TRANSIENT if isinstance(error, Transient) else "permanent"


def _delay() -> float:
    """Seconds before the next attempt of the current step, with jitter: steps that failed together must not retry
    together."""
    attempt = dg.OpExecutionContext.get().retry_number
    return random.uniform(0.75, 1.25) * RETRY_DELAY * float(2**attempt)  # noqa: S311 - jitter


@dataclass(frozen=True)
class StepFailure:
    """The reason of a step's failure as text, and its class: transient, permanent or UNEXPECTED."""

    reason: str
    kind: str


def step_failure(data: StepFailureData) -> StepFailure:
    """Reads reason and class from Dagster's record of a failed step."""
    raised = data.user_failure_data
    if raised is not None:
        kind = raised.metadata.get("failure_class")
        return StepFailure(raised.description or "", "permanent" if kind is None else str(kind.value))
    error = data.error and _records_error(data.error)
    if error:
        return StepFailure(f"{type(error).__name__}: {error}", _kind(error))
    return StepFailure(data.error.message.strip() if data.error else "no reason given", UNEXPECTED)


def _records_error(error: SerializableErrorInfo) -> EchelonError | None:
    """The error of SQLite when Dagster recorded an event during a step; None for other errors."""
    cause: SerializableErrorInfo | None = error
    while cause is not None:
        if found := re.search(r"\(sqlite3\.\w+\) (.+)", cause.message):
            return records_fault(sqlite3.OperationalError(found[1]), damaged_records())
        cause = cause.cause
    return None
