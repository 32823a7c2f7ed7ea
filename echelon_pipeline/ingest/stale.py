"""Finds days with rows of an older parser version, and rows that the current version no longer makes.

Belongs here: finding them, and the record of rederivations (``core.rederivations``): rows that stay, because they were
imported or their raw is missing, make a day stale once per version. ``rederive.py`` derives the days.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import duckdb
import pyarrow as pa

from echelon_pipeline.ingest.pages import TABLE as PAGES
from echelon_pipeline.ingest.versions import current_version, kinds_of
from echelon_pipeline.lake.delta import Partition
from echelon_pipeline.lake.merge import FIRST_PARSER
from echelon_pipeline.lake.raw import OBJECTS
from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.tables import TABLES

TABLE = "core.rederivations"
_ALL = "table_name = $table AND parser_version = $version AND date IS NULL"
Day = date | None  # None: all of a table without days


def stale_days(session: Session, venue: Venue, table: str) -> list[Day]:
    """Days with rows of an older version that the current version has not derived again; [None] for a table without
    days that has such rows."""
    version = current_version(venue, table)
    if version == FIRST_PARSER:
        return []  # nothing is older
    with session.duck() as connection:
        _views(session, connection, venue, table)
        given: dict[str, object] = {"table": table, "version": version}
        if connection.execute(f"SELECT 1 FROM rederived WHERE {_ALL}", given).fetchone():
            return []  # rows are not read while the version stays the same
        given["first"] = FIRST_PARSER
        return [day for (day,) in connection.execute(statement("derive/stale_days").text, given).fetchall()]


def record_all(session: Session, venue: Venue, table: str) -> None:
    """Records that no day of a table is stale: stale_days() then reads no rows."""
    version = current_version(venue, table)
    if version == FIRST_PARSER:
        return
    with session.duck() as connection:
        _views(session, connection, venue, table)
        given = {"table": table, "version": version}
        known = connection.execute(f"SELECT 1 FROM rederived WHERE {_ALL}", given).fetchone()
    if known is None:
        record_days(session, venue, table, [None])


def record_days(session: Session, venue: Venue, table: str, days: Sequence[Day]) -> None:
    """Records days as derived again by the current version, with the number of rows of older versions that are left."""
    if not days:
        return
    version = current_version(venue, table)
    with session.duck() as connection, session.unit() as unit:
        _views(session, connection, venue, table)
        given = {"version": version, "first": FIRST_PARSER}
        left = dict(connection.execute(statement("derive/older_rows").text, given).fetchall())
        rows = [
            {
                "venue": venue,
                "table_name": table,
                "date": day,
                "parser_version": version,
                "rows_left": left.get(day, 0),
                "unit_id": unit.unit_id,
                "run_id": session.run_id,
                "recorded_at": session.clock(),
            }
            for day in days
        ]
        session.lake.append(TABLE, pa.Table.from_pylist(rows, schema=TABLES[TABLE].arrow_schema()))


def drop_unmade(session: Session, venue: Venue, table: str, days: Sequence[Day], absent: Collection[str]) -> int:
    """Deletes rows of an older version whose payload no longer gives such a row; returns their number.

    Call it only where no page of the days is missing: a row whose raw is missing stays. ``absent``: raw files that do
    not exist (of other days).
    """
    if "raw_sha256" not in TABLES[table].names or "date" not in TABLES[table].partition_by:
        return 0
    lake, dropped = session.lake, 0
    key = ", ".join(TABLES[table].key)
    is_older = f"coalesce(parser_version, {FIRST_PARSER}) < {current_version(venue, table)}"
    for day in [d for d in days if d is not None]:
        with session.duck() as connection:
            stored = lake.scan(table, where={"venue": [venue], "date": [day]})
            connection.execute(
                f"CREATE TEMP TABLE older AS SELECT {key}, raw_sha256 FROM ({stored}) "
                f"WHERE {is_older} AND raw_sha256 IS NOT NULL"
            )
            if connection.execute("SELECT 1 FROM older LIMIT 1").fetchone() is None:
                continue  # only imported rows are left: raw of all days is not read
            where = {"venue": [venue], "endpoint": list(kinds_of(venue, table))}
            pages = lake.scan(PAGES, where={"venue": [venue], "table_name": [table]})
            connection.execute(f"CREATE TEMP VIEW pages AS {pages}")
            connection.execute(f"CREATE TEMP VIEW raw_objects AS {lake.scan(OBJECTS, where=where, without=absent)}")
            connection.execute(f"CREATE TEMP TABLE unmade AS {statement('derive/unmade_rows').text}")
            found = connection.execute("SELECT count(*) FROM unmade").fetchone()
            if found and found[0]:
                partition: Partition = tuple({"venue": venue, "date": day}[n] for n in TABLES[table].partition_by)
                lake.delete_rows(
                    connection, table, partition, f"{is_older} AND ({key}) IN (SELECT ({key}) FROM unmade)"
                )
                dropped += int(found[0])
    return dropped


def _views(session: Session, connection: duckdb.DuckDBPyConnection, venue: Venue, table: str) -> None:
    """Relations ``made`` (date, parser_version) of a table's rows and ``rederived``."""
    day = "date" if "date" in TABLES[table].partition_by else "CAST(NULL AS DATE)"
    made = session.lake.scan(table, where={"venue": [venue]})
    connection.execute(f"CREATE TEMP VIEW made AS SELECT {day} AS date, parser_version FROM ({made})")
    connection.execute(f"CREATE TEMP VIEW rederived AS {session.lake.scan(TABLE, where={'venue': [venue]})}")
