"""What a run says about itself: metadata of definitions and of materializations, failures, checks.

Belongs here: turning the registry and an ingest's counts into Dagster's shapes.
"""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData
from dagster_shared.error import SerializableErrorInfo

from echelon_pipeline import stopping
from echelon_pipeline.errors import DiskFull, EchelonError, Transient
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.marts.builds import ALL
from echelon_pipeline.marts.refresh import Built
from echelon_pipeline.ops.dagster_home import damaged_records
from echelon_pipeline.state.faults import records_fault
from echelon_pipeline.tables import TABLES, Table

# Assets write through the warehouse and hand no value on.
Materialized = dg.MaterializeResult[None]

OWNERS = ["team:echelon"]
PREVIEW_ROWS = 5
PREVIEW_WIDTH = 60
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


def table_metadata(table: Table) -> dict[str, Any]:
    """Column schema, name and storage of a table, for its definition."""
    columns = [
        dg.TableColumn(
            c.name,
            c.type.value,
            description=f"{c.about}{f' [{c.unit}]' if c.unit else ''}",
            constraints=dg.TableColumnConstraints(nullable=c.nullable),
        )
        for c in table.columns
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/table_name": table.name,
        "dagster/storage_kind": "delta",
        "grain": table.grain,
        "key": ", ".join(table.key),
    }


def spec_of(table: str, key: Sequence[str], *, deps: Sequence[dg.AssetKey] = (), about: str = "") -> dg.AssetSpec:
    """The spec of an asset that writes (its venue's part of) a table of the registry."""
    registered = TABLES[table]
    return dg.AssetSpec(
        dg.AssetKey(list(key)),
        description=registered.about + (f"\n\n{about}" if about else ""),
        deps=list(deps),
        owners=OWNERS,
        kinds={"python", "delta"},
        metadata=table_metadata(registered),
    )


def run_metadata(counts: Counts, table: str) -> dict[str, Any]:
    """What a unit did to one table, and what it asked of the venue."""
    shown: dict[str, Any] = {
        "rows_staged": counts.staged.get(table, 0),
        "rows_new": counts.new.get(table, 0),
        "rows_changed": counts.changed.get(table, 0),
        "objects_read": counts.objects,
        "objects_unchanged": counts.unchanged,
        "objects_filtered_out": counts.filtered_out,
        "dead_letters": counts.dead_letters,
        "unread_rows": counts.unread_rows,
        "pages": counts.pages,
    }
    if counts.requests:
        shown["requests"] = dg.MetadataValue.json(dict(counts.requests))
    if counts.notes:
        shown["notes"] = "; ".join(dict.fromkeys(counts.notes))
    if counts.absent:
        shown["absent"] = "; ".join(dict.fromkeys(counts.absent))
    return shown


def table_state(session: Session, table: str, venue: str | None, days: Sequence[date] = ()) -> dict[str, Any]:
    """Row count and a small preview of what a table holds now (for a venue, for some days)."""
    where: dict[str, Sequence[object]] = {}
    if venue is not None:
        where["venue"] = [venue]
    if days and "date" in TABLES[table].partition_by:
        where["date"] = list(days)
    scan = session.lake.scan(table, where=where)
    with session.duck() as connection:
        count = connection.execute(f"SELECT count(*) FROM ({scan})").fetchone()
        cursor = connection.execute(f"SELECT * FROM ({scan}) LIMIT {PREVIEW_ROWS}")
        names = [d[0] for d in cursor.description or []]
        rows = cursor.fetchall()
    key = "dagster/partition_row_count" if days else "dagster/row_count"
    return {key: int(count[0]) if count else 0, "preview": dg.MetadataValue.md(_markdown(names, rows))}


def _markdown(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return "no rows"
    shown = [n for n in range(len(names)) if any(row[n] is not None for row in rows)][:12]
    lines = ["| " + " | ".join(names[n] for n in shown) + " |", "|" + "---|" * len(shown)]
    lines += ["| " + " | ".join(_cell(row[n]) for n in shown) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ", timespec="seconds")
    elif isinstance(value, Decimal):
        text = f"{value.normalize():f}"
    elif isinstance(value, list | dict):
        text = json.dumps(value, default=str)
    else:
        text = "" if value is None else str(value)
    text = text.replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= PREVIEW_WIDTH else text[: PREVIEW_WIDTH - 1] + "…"


def rules_check(table: str, key: Sequence[str]) -> dg.AssetCheckSpec:
    """The check that says a table's rules held for everything that was committed."""
    return dg.AssetCheckSpec(
        "rules",
        asset=dg.AssetKey(list(key)),
        description=f"Schema, key and ranges of {table} held for every staged row before the commit.",
    )


def rules_held(table: str, key: Sequence[str], counts: Counts) -> dg.AssetCheckResult:
    """Passed: a violation raises before anything is committed."""
    return rules_passed(table, key, counts.staged.get(table, 0))


def rules_passed(table: str, key: Sequence[str], rows: int) -> dg.AssetCheckResult:
    """Passed on so many rows."""
    return dg.AssetCheckResult(
        check_name="rules",
        asset_key=dg.AssetKey(list(key)),
        passed=True,
        metadata={"rules": len(TABLES[table].all_rules()) + 1, "rows_checked": rows},
    )


def built_check(table: str, key: Sequence[str]) -> dg.AssetCheckSpec:
    """The check that says a mart is no older than its inputs allow."""
    return dg.AssetCheckSpec(
        "built",
        asset=dg.AssetKey(list(key)),
        description=f"The statement of {table} ran on its inputs; where it failed, the last version is kept.",
    )


def built_result(key: Sequence[str], failed: str, emptied: str = "") -> dg.AssetCheckResult:
    """Failed where the last version is kept, with the reason: an error where the statement failed, a warning where it
    gives no row any more."""
    return dg.AssetCheckResult(
        check_name="built",
        asset_key=dg.AssetKey(list(key)),
        passed=not failed and not emptied,
        severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
        metadata={"reason": failed or emptied or "built"},
    )


def built_part(built: Built) -> dg.AssetMaterialization:
    """The report of a part of a mart: a day, or all of it."""
    dated = built.part != ALL
    return dg.AssetMaterialization(
        asset_key=built.table.split("."),
        partition=built.part if dated else None,
        metadata={"dagster/partition_row_count" if dated else "dagster/row_count": built.rows},
    )


def parsed_check(key: Sequence[str]) -> dg.AssetCheckSpec:
    """The check that says every payload became rows."""
    return dg.AssetCheckSpec(
        "no_dead_letters",
        asset=dg.AssetKey(list(key)),
        description="Every payload of this run became rows; those that could not are in core.dead_letters, and the "
        "days that they may belong to are not complete.",
    )


def parsed(key: Sequence[str], counts: Counts, limit: float) -> dg.AssetCheckResult:
    """Failed where payloads were kept as dead letters: an error where the unread rows are more than ``limit`` of the
    rows of this run (ECHELON_MAX_UNREAD_SHARE), else a warning."""
    unread = counts.unread_rows
    share = unread / (unread + max(counts.staged.values(), default=0)) if unread else 0.0
    return dg.AssetCheckResult(
        check_name="no_dead_letters",
        asset_key=dg.AssetKey(list(key)),
        passed=counts.dead_letters == 0,
        severity=dg.AssetCheckSeverity.ERROR if share > limit else dg.AssetCheckSeverity.WARN,
        metadata={"dead_letters": counts.dead_letters, "unread_rows": unread, "unread_share": share},
    )


def available_check(key: Sequence[str]) -> dg.AssetCheckSpec:
    """The check that says the venue had everything that was asked for."""
    return dg.AssetCheckSpec(
        "available",
        asset=dg.AssetKey(list(key)),
        description="The venue had all that was asked for; what it lacks is unavailable in core.ingest_windows.",
    )


def available(key: Sequence[str], counts: Counts) -> dg.AssetCheckResult:
    """Failed (a warning) where the venue, or the recording in its place, lacks something."""
    return dg.AssetCheckResult(
        check_name="available",
        asset_key=dg.AssetKey(list(key)),
        passed=not counts.absent,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"absent": "; ".join(dict.fromkeys(counts.absent)) or "nothing"},
    )


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
