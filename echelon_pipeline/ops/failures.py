"""Failures of steps: their class goes to Dagster with them, and is read back from Dagster's records.

Belongs here: ``failure_class`` (transient, permanent, unexpected), other attempts, and the reason of a failed step in
words.
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
UNEXPECTED = "unexpected"  # the class of a failure that has none: a fault of the code

# Attempts after the first, for transient failures that the client's own retries did not outlive; seconds before the
# second attempt, doubled before the third. A run whose disk is full is not tried again: what fills it will not go by
# itself within a minute.
RETRIES, RETRY_DELAY = 2, 30.0


@contextmanager
def classified(retries: int = RETRIES) -> Iterator[None]:
    """Carries the class of a failure to Dagster, and asks for another attempt where that may help.

    Only transient failures are retried: an unclassified error is a fault of the code, which trying again does not
    mend. Steps have no retry policy of Dagster's, which takes an interrupt for a failure and goes on. Raises
    Interrupted instead of what the step was broken off with.
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
    """Seconds before the next attempt of the step under way, with jitter: many that failed together must not come
    back together."""
    attempt = dg.OpExecutionContext.get().retry_number
    return random.uniform(0.75, 1.25) * RETRY_DELAY * float(2**attempt)  # noqa: S311 - jitter


@dataclass(frozen=True)
class Stated:
    """Why a step failed, in words, and the class of the failure: transient, permanent or UNEXPECTED."""

    reason: str
    kind: str


def stated(data: StepFailureData) -> Stated:
    """What Dagster's record of a failed step states."""
    given = data.user_failure_data
    if given is not None:
        kind = given.metadata.get("failure_class")
        return Stated(given.description or "", "permanent" if kind is None else str(kind.value))
    error = data.error and _of_records(data.error)
    if error:
        return Stated(f"{type(error).__name__}: {error}", _kind(error))
    return Stated(data.error.message.strip() if data.error else "no reason given", UNEXPECTED)


def _of_records(error: SerializableErrorInfo) -> EchelonError | None:
    """What SQLite said when Dagster recorded an event in the midst of a step; None for other errors."""
    cause: SerializableErrorInfo | None = error
    while cause is not None:
        if found := re.search(r"\(sqlite3\.\w+\) (.+)", cause.message):
            return records_fault(sqlite3.OperationalError(found[1]), damaged_records())
        cause = cause.cause
    return None
