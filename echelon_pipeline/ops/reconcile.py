"""Makes Dagster's records of partitions match the lake, which is the source of truth.

Belongs here: finding the partitions of an asset in the lake, and reporting them. A day counts if the table has rows of
it, or if a window says that it was read or is unavailable. A part of a mart counts if it was built, an hour of books if
its window is recorded. Dagster can delete records of whole assets only: if records name partitions that the lake does
not have, all records of the asset are deleted and its partitions are reported again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import dagster as dg

from echelon_pipeline.domain.days import every_day
from echelon_pipeline.domain.instrument_id import InstrumentId
from echelon_pipeline.lake.session import Session
from echelon_pipeline.marts.builds import ALL, Builds
from echelon_pipeline.settings import Settings
from echelon_pipeline.streams.book_tables import BOOK_TABLES
from echelon_pipeline.streams.hours import HOUR_KEY
from echelon_pipeline.streams.recordings import SCOPE, WINDOWED
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.registry import venue_names

Partitions = Mapping[str, int | None]  # rows by partition, where they are counted


@dataclass
class ReconcileReport:
    """By asset: ``reported``: number of partitions that were reported to Dagster; ``forgotten``: number of recorded
    partitions that the lake does not have."""

    reported: dict[str, int] = field(default_factory=dict)
    forgotten: dict[str, int] = field(default_factory=dict)


def reconcile(definitions: dg.Definitions, settings: Settings, instance: dg.DagsterInstance) -> ReconcileReport:
    """Reconciles every partitioned asset that writes a lake table, and reports other assets that have no record."""
    session, done = Session.of(settings), ReconcileReport()
    graph = definitions.resolve_asset_graph()
    for key in sorted(graph.materializable_asset_keys):
        target = _target(key)
        if target is None:
            continue
        partitions = graph.get(key).partitions_def
        if partitions is None:
            _report_whole(session, instance, key, *target, done)
        else:
            _report_parts(instance, key, partitions, _in_lake(session, *target), done)
    return done


def _target(key: dg.AssetKey) -> tuple[str, str | None] | None:
    """The table and venue that an asset writes; None if it writes no table of its own."""
    path = key.path
    if len(path) == 3 and path[1] in venue_names():
        table, venue = f"{path[0]}.{path[2]}", path[1]
    elif len(path) == 2:
        table, venue = ".".join(path), None
    else:
        return None
    return (table, venue) if table in TABLES and path[0] != "raw" else None


def _report_whole(
    session: Session,
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    table: str,
    venue: str | None,
    done: ReconcileReport,
) -> None:
    if instance.get_latest_materialization_event(key) is None:
        rows = sum(_rows_by(session, table, venue, "").values())
        if rows:
            metadata = {"dagster/row_count": rows, "reconciled": True}
            instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata=metadata))
            done.reported[key.to_user_string()] = 1


def _report_parts(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    partitions: dg.PartitionsDefinition[str],
    found: Partitions,
    done: ReconcileReport,
) -> None:
    if not found:
        return  # a table with neither rows nor windows gives no information
    recorded = instance.get_materialized_partitions(key)
    # A mart has no part for a day on which its inputs have no row.
    if (gone := recorded - set(found)) and key.path[0] != "mart":
        instance.wipe_assets([key])
        done.forgotten[key.to_user_string()] = len(gone)
        recorded = set()
    known = set(partitions.get_partition_keys())
    for partition in sorted((set(found) & known) - recorded):
        rows = found[partition]
        metadata = {"reconciled": True} | ({} if rows is None else {"dagster/partition_row_count": rows})
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition, metadata=metadata))
        name = key.to_user_string()
        done.reported[name] = done.reported.get(name, 0) + 1


def _in_lake(session: Session, table: str, venue: str | None) -> Partitions:
    """Partitions that the lake has of a venue's table, or of a mart."""
    if venue is None:
        builds = Builds(session.lake, session.settings.scratch).of(table)
        return {r.part: r.rows for r in builds if r.kind == "built" and r.part != ALL}
    if table in BOOK_TABLES:
        return {w.from_at.strftime(HOUR_KEY): None for w in session.windows.recorded(venue, WINDOWED, SCOPE)}
    return dict.fromkeys(_days_read(session, table, venue), 0) | _rows_by(session, table, venue, "date")


def _rows_by(session: Session, table: str, venue: str | None, column: str) -> dict[str, int]:
    """Rows of a table by the value of a partition column, from the log."""
    known, table_version = TABLES[table], session.lake.open(table)
    rows: dict[str, int] = {}
    for file in table_version.files if table_version else ():
        values = dict(zip(known.partition_by, file.partition, strict=True))
        if venue is None or values.get("venue") == venue:
            key = str(values.get(column, ""))
            rows[key] = rows.get(key, 0) + file.rows
    return rows


def _days_read(session: Session, table: str, venue: str) -> set[str]:
    """Days that were read or are unavailable according to the latest windows."""
    days: set[date] = set()
    scopes = {
        w.scope for w in session.windows.recorded(venue, table) if not w.scope.startswith(InstrumentId.prefix(venue))
    }
    for scope in scopes:
        for begin, end, state in session.windows.states(venue, table, scope):
            last = (end - timedelta(microseconds=1)).date()
            if state != "partial":
                days |= set(every_day(begin.date(), last))
    return {str(day) for day in days}
