"""Reports of runs to Dagster: metadata of definitions and of materializations, check results.

Belongs here: turning the registry of tables and the counts of a unit of work into Dagster's types.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import dagster as dg

from echelon_pipeline.defs.feeders import tags_of
from echelon_pipeline.defs.measures import Stopwatch, requests, stored
from echelon_pipeline.defs.references import statement_links
from echelon_pipeline.errors import RuleViolation
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.marts.builds import ALL
from echelon_pipeline.marts.refresh import Built
from echelon_pipeline.tables import TABLES, Feeder, Table

# Assets write through the warehouse and pass no value to other steps.
Materialized = dg.MaterializeResult[None]
Reported = Materialized | dg.AssetCheckResult

PREVIEW_ROWS = 5
PREVIEW_WIDTH = 60


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


def spec_of(
    table: str,
    key: Sequence[str],
    *,
    deps: Sequence[dg.AssetKey] = (),
    about: str = "",
    feeder: Feeder | None = None,
    statements: Iterable[str] = (),
) -> dg.AssetSpec:
    """The spec of an asset that writes (its venue's part of) a table of the registry. ``feeder``: default the table's
    first feeder. ``statements``: names of the SQL files that compute its rows."""
    registered = TABLES[table]
    return dg.AssetSpec(
        dg.AssetKey(list(key)),
        description=registered.about + (f"\n\n{about}" if about else ""),
        deps=list(deps),
        kinds={"python", "delta"},
        tags=tags_of(table, feeder),
        metadata={**table_metadata(registered), **statement_links(statements)},
    )


def run_metadata(counts: Counts, table: str, watch: Stopwatch) -> dict[str, Any]:
    """What a unit of work did for one table: counts, requests to the venue, seconds."""
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
        "seconds": watch.seconds,
        **requests(counts),
    }
    if counts.notes:
        shown["notes"] = "; ".join(dict.fromkeys(counts.notes))
    if counts.absent:
        shown["absent"] = "; ".join(dict.fromkeys(counts.absent))
    return shown


def table_state(session: Session, table: str, venue: str | None, day: date | None = None) -> dict[str, Any]:
    """A small preview of a table's current rows (of a venue, of a day), with their number and bytes. Rows of a private
    table are not shown: Dagster's records have other readers."""
    if TABLES[table].private:
        return stored(session.lake, table, venue, {"date": day} if day is not None else None)
    where: dict[str, Sequence[object]] = {}
    if venue is not None:
        where["venue"] = [venue]
    if day is not None:
        where["date"] = [day]
    scan = session.lake.scan(table, where=where)
    with session.duck() as connection:
        cursor = connection.execute(f"SELECT * FROM ({scan}) LIMIT {PREVIEW_ROWS}")
        names = [d[0] for d in cursor.description or []]
        rows = cursor.fetchall()
    measured = stored(session.lake, table, venue, {"date": day} if day is not None else None)
    return {**measured, "preview": dg.MetadataValue.md(_markdown(names, rows))}


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
    """The check that a table's rules hold for all committed rows."""
    return dg.AssetCheckSpec(
        "rules",
        asset=dg.AssetKey(list(key)),
        description=f"Schema, key and ranges of {table} held for every staged row before the commit.",
    )


def rules_passed(table: str, key: Sequence[str], counts: Counts) -> dg.AssetCheckResult:
    """The passed check: a violation raises before the commit (``rules_failed``)."""
    return rules_result(table, key, counts.staged.get(table, 0))


def rules_failed(failure: dg.Failure, keys: Mapping[str, Sequence[str]]) -> Iterator[dg.AssetCheckResult]:
    """The failed check of the table whose rows violate a rule, to be yielded before the step fails. Empty if the step
    failed for another reason. ``keys``: the tables of the step and their assets."""
    error = failure.__cause__
    if isinstance(error, RuleViolation) and error.table in keys:
        yield rules_result(error.table, keys[error.table], 0, broken=str(error))


def rules_result(table: str, key: Sequence[str], rows: int, *, broken: str = "") -> dg.AssetCheckResult:
    """Passed with the number of rows, or failed with the violated rule and sample rows."""
    return dg.AssetCheckResult(
        check_name="rules",
        asset_key=dg.AssetKey(list(key)),
        passed=not broken,
        metadata={
            "rules": len(TABLES[table].all_rules()) + 1,
            "rows_checked": rows,
            **({"broken": broken} if broken else {}),
        },
    )


def built_check(table: str, key: Sequence[str]) -> dg.AssetCheckSpec:
    """The check that a mart was built from its current inputs."""
    return dg.AssetCheckSpec(
        "built",
        asset=dg.AssetKey(list(key)),
        description=f"The statement of {table} ran on its inputs. If it failed, the last version is kept.",
    )


def built_result(key: Sequence[str], failed: str, emptied: str = "") -> dg.AssetCheckResult:
    """Failed if the last version is kept, with the reason: an error if the statement failed, a warning if it gives no
    rows any more."""
    return dg.AssetCheckResult(
        check_name="built",
        asset_key=dg.AssetKey(list(key)),
        passed=not failed and not emptied,
        severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
        metadata={"reason": failed or emptied or "built"},
    )


def built_part(lake: Lake, built: Built) -> dg.AssetMaterialization:
    """The materialization of a part of a mart: a day, or the whole mart."""
    day = None if built.part == ALL else date.fromisoformat(built.part)
    return dg.AssetMaterialization(
        asset_key=built.table.split("."),
        partition=built.part if day else None,
        metadata=stored(lake, built.table, part={"date": day} if day else None),
    )


def parsed_check(key: Sequence[str]) -> dg.AssetCheckSpec:
    """The check that every payload became rows."""
    return dg.AssetCheckSpec(
        "no_dead_letters",
        asset=dg.AssetKey(list(key)),
        description="Every payload of this run became rows. Unreadable payloads are in core.dead_letters, and the days "
        "that they may belong to are not complete.",
    )


def parsed_result(key: Sequence[str], counts: Counts, limit: float) -> dg.AssetCheckResult:
    """Failed if there are dead letters: an error if the share of unread rows of this run exceeds ``limit``
    (ECHELON_MAX_UNREAD_SHARE), else a warning."""
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
    """The check that the venue had all requested data."""
    return dg.AssetCheckSpec(
        "available",
        asset=dg.AssetKey(list(key)),
        description="The venue had all requested data. Data that it lacks is unavailable in core.ingest_windows.",
    )


def available_result(key: Sequence[str], counts: Counts) -> dg.AssetCheckResult:
    """Failed (a warning) if the venue, or the recording that replaces it, lacks requested data."""
    return dg.AssetCheckResult(
        check_name="available",
        asset_key=dg.AssetKey(list(key)),
        passed=not counts.absent,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"absent": "; ".join(dict.fromkeys(counts.absent)) or "nothing"},
    )
