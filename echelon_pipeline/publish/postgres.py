"""The Postgres mirror: copies of the published marts and reference tables for Postgres clients.

Belongs here: the transaction, the lock, the swap. ``postgres_plan.py`` decides what is copied, ``postgres_tables.py``
defines the tables, ``postgres_faults.py`` connects and translates errors.

An update is one transaction: new tables are built aside, then replace the old ones. Readers see the last publication
until the commit and the new one after it; a publisher that dies leaves nothing behind. Tables that changed only on
known days, or that other users' views depend on, are updated in place instead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from echelon_pipeline import __version__
from echelon_pipeline.publish.postgres_faults import connected, database_faults
from echelon_pipeline.publish.postgres_plan import MirroredTable, Plan, PublishedSource, functions_on
from echelon_pipeline.publish.postgres_tables import SCHEMA, STAGING
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.text import literal, quote

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

# An arbitrary number that no other program uses as an advisory lock in this database.
PUBLISH_LOCK = 7_205_760
# Maximum wait for another publisher or for readers to finish; then the publication fails and can be retried.
PATIENCE_SECONDS = 300
# Shorter than Postgres's deadlock_timeout (1 s): in a deadlock the publisher gives way, never a reader.
SWAP_LOCK_MS = 400

META = "meta_publication"
_META_TYPES = {
    "table_name": (pa.string(), "text PRIMARY KEY"),
    "version": (pa.int64(), "bigint"),
    "rows": (pa.int64(), "bigint NOT NULL"),
    "inputs": (pa.string(), "jsonb NOT NULL"),
    "shape": (pa.string(), "text NOT NULL"),
    "built_at": (pa.timestamp("us", tz="UTC"), "timestamptz NOT NULL"),
    "copied_at": (pa.timestamp("us", tz="UTC"), "timestamptz NOT NULL"),
    "code_version": (pa.string(), "text NOT NULL"),
}


@dataclass(frozen=True)
class MirrorResult:
    """The result of an update: rows copied by table, unchanged tables, duration."""

    copied: dict[str, int]
    unchanged: tuple[str, ...]
    built_at: datetime
    seconds: float


def publish_postgres(settings: Settings) -> MirrorResult | None:
    """Updates the mirror to the published file; None if ECHELON_POSTGRES_URL is not set.

    Raises NotFound if nothing was published yet, DatabaseUnavailable, DatabaseRefused; then the mirror is unchanged.
    """
    if settings.postgres_url is None:
        return None
    started = time.monotonic()
    with database_faults(), connected(settings.postgres_url) as connection, connection.cursor() as cursor:
        _begin(cursor)
        with PublishedSource.of(settings) as published:
            done = _publish(cursor, published)
        _grant(cursor, settings.postgres_reader)
        connection.commit()
    return replace(done, seconds=time.monotonic() - started)


def _begin(cursor: Cursor) -> None:
    """Begins the transaction and waits for other publishers. Their commits are visible afterwards: each statement sees
    earlier commits (READ COMMITTED), and the published file is opened after this."""
    cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'")
    _all(cursor, f"SELECT pg_advisory_xact_lock({PUBLISH_LOCK})::text")
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    cursor.execute(f"CREATE SCHEMA {STAGING}")
    columns = ", ".join(f"{name} {kind}" for name, (_, kind) in _META_TYPES.items())
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{META} ({columns})")
    about = "One row is one table of the mirror, and the version of the lake table that its rows are of"
    cursor.execute(f"COMMENT ON TABLE {SCHEMA}.{META} IS {literal(about)}")


def _publish(cursor: Cursor, published: PublishedSource) -> MirrorResult:
    stored = _mirrored_tables(cursor)
    planned = (published.plan(m, stored.get(m.table.name)) for m in published.mirrors)
    plans = [p if p.in_place else _in_place_if_needed(cursor, p, stored) for p in planned if p is not None]
    functions = {s.header["creates"]: s for p in plans for s in functions_on(p.mirror.table.name)}
    for name in functions:  # their result type is the old table
        cursor.execute(f"DROP FUNCTION IF EXISTS {name}")
    copied = {p.mirror.table.name: _copy(cursor, published, p) for p in plans}
    dropped = sorted(set(stored) - {m.table.name for m in published.mirrors})
    _swap(cursor, plans, [f"{SCHEMA}.{quote(n.replace('.', '_'))}" for n in dropped])
    for function in functions.values():
        cursor.execute(_collated(cursor, function.text))
        cursor.execute(f"COMMENT ON FUNCTION {function.header['creates']} IS {literal(function.header['about'])}")
    _record_versions(cursor, published, stored, copied)
    unchanged = tuple(m.table.name for m in published.mirrors if m.table.name not in copied)
    return MirrorResult(copied, unchanged, published.built_at, 0.0)


def _mirrored_tables(cursor: Cursor) -> dict[str, MirroredTable]:
    """The records of the mirror's tables that really exist."""
    rows = _all(
        cursor,
        f"SELECT table_name, inputs::text, shape, rows, copied_at FROM {SCHEMA}.{META} "
        f"WHERE to_regclass('{SCHEMA}.' || quote_ident(replace(table_name, '.', '_'))) IS NOT NULL",
    )
    return {name: MirroredTable(json.loads(inputs), *rest) for name, inputs, *rest in rows}


def _in_place_if_needed(cursor: Cursor, plan: Plan, stored: Mapping[str, MirroredTable]) -> Plan:
    """Plans an update in place if views or keys of other users depend on the table: it cannot be dropped."""
    known = stored.get(plan.mirror.table.name)
    if known is None or known.shape != plan.mirror.shape:
        return plan
    dependents = _all(
        cursor,
        "SELECT count(*) FROM pg_depend WHERE deptype = 'n' AND refclassid = 'pg_class'::regclass "
        f"AND refobjid = to_regclass({literal(plan.mirror.path)})",
    )
    return replace(plan, in_place=bool(dependents[0][0]))


def _copy(cursor: Cursor, published: PublishedSource, plan: Plan) -> int:
    mirror, schema = plan.mirror, SCHEMA if plan.in_place else STAGING
    cursor.execute(f"DELETE FROM {mirror.path}{plan.where}" if plan.in_place else mirror.create())
    rows = cursor.adbc_ingest(mirror.name, published.rows(plan), mode="append", db_schema_name=schema)
    finish = (f"ANALYZE {mirror.path}",) if plan.in_place else mirror.finish()
    # One message to the server instead of one per column comment.
    cursor.execute(f"DO $echelon$ BEGIN {'; '.join(finish)}; END $echelon$")
    return rows


def _swap(cursor: Cursor, plans: Sequence[Plan], dropped: Iterable[str]) -> None:
    """Replaces old tables by new ones. It locks all tables at once or none: readers wait at most 0.4 s, and a reader's
    transaction over two tables reads both of the same publication."""
    names = ", ".join(literal(path) for path in (*(p.mirror.path for p in plans), *dropped))
    existing = _all(cursor, f"SELECT n FROM unnest(ARRAY[{names}]::text[]) AS t(n) WHERE to_regclass(n) IS NOT NULL")
    tables = [str(name) for (name,) in existing]
    if tables:
        cursor.execute(f"SET LOCAL lock_timeout = '{SWAP_LOCK_MS}ms'")
        cursor.execute(_lock_all(tables))
    in_place = {p.mirror.path for p in plans if p.in_place}
    for table in tables:
        if table not in in_place:
            cursor.execute(f"DROP TABLE {table}")
    for plan in plans:
        if not plan.in_place:
            cursor.execute(f"ALTER TABLE {plan.mirror.staged} SET SCHEMA {SCHEMA}")
    cursor.execute(f"DROP SCHEMA {STAGING}")


def _lock_all(tables: Sequence[str]) -> str:
    """SQL that tries until it has locks on all tables; readers continue between two tries."""
    tries = PATIENCE_SECONDS * 1000 // (2 * SWAP_LOCK_MS)
    message = f"readers have held tables of the mirror for {PATIENCE_SECONDS} s"
    return f"""DO $$ BEGIN
        FOR i IN 1..{tries} LOOP
            BEGIN
                LOCK TABLE {", ".join(tables)} IN ACCESS EXCLUSIVE MODE;
                RETURN;
            EXCEPTION WHEN lock_not_available THEN
                PERFORM pg_sleep({SWAP_LOCK_MS / 1000});
            END;
        END LOOP;
        RAISE lock_not_available USING MESSAGE = '{message}';
    END $$"""


def _collated(cursor: Cursor, text: str) -> str:
    """The text for this server: Postgres before 17 lacks the collation."""
    known = _all(cursor, "SELECT 1::bigint FROM pg_collation WHERE collname = 'pg_c_utf8'")
    return text if known else text.replace("COLLATE pg_c_utf8", 'COLLATE "default"')


def _record_versions(
    cursor: Cursor, published: PublishedSource, stored: Mapping[str, MirroredTable], copied: Mapping[str, int]
) -> None:
    """Records the version of every table."""
    now = _all(cursor, "SELECT now()")[0][0]
    rows = []
    for mirror in published.mirrors:
        name = mirror.table.name
        before = None if name in copied else stored[name]
        row = {
            "table_name": name,
            "version": published.versions[name],
            "rows": before.rows if before else _all(cursor, f"SELECT count(*) FROM {mirror.path}")[0][0],
            "inputs": chr(1) + json.dumps(published.inputs(name)),  # version 1 of jsonb's binary form
            "shape": mirror.shape,
            "built_at": published.built_at,
            "copied_at": before.copied_at if before else now,
            "code_version": __version__,
        }
        rows.append(row)
    cursor.execute(f"DELETE FROM {SCHEMA}.{META}")
    schema = pa.schema([pa.field(name, kind) for name, (kind, _) in _META_TYPES.items()])
    cursor.adbc_ingest(META, pa.Table.from_pylist(rows, schema), mode="append", db_schema_name=SCHEMA)


def _grant(cursor: Cursor, reader: str) -> None:
    """Grants the role read access, if the role exists. New tables have no grants yet."""
    for (role,) in _all(cursor, f"SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = {literal(reader)}"):
        cursor.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}")
        cursor.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {role}")


def _all(cursor: Cursor, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    return [tuple(row) for row in cursor.fetchall()]
