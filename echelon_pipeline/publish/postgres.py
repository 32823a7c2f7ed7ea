"""The Postgres mirror: what the published file says of marts and reference tables, for clients that speak Postgres.

Belongs here: the transaction, the lock, the swap. What is copied is ``postgres_plan.py``'s, how a table looks there
``postgres_tables.py``'s, what goes wrong ``postgres_faults.py``'s.

A publication is one transaction: new tables are put together aside, then change places with the old ones. Readers
see the last publication until the commit and the new one after it; a publisher that dies leaves nothing behind.
Tables that changed on known days only, or that views of others are built on, get rows put in place instead.
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
from echelon_pipeline.publish.postgres_plan import Held, Plan, Published, functions_on
from echelon_pipeline.publish.postgres_tables import SCHEMA, STAGING
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.text import literal, quote

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

# Any number, as long as nobody else of this database uses it.
PUBLISH_LOCK = 7_205_760
# Whoever waits longer for another publisher, or for readers to finish, tries again later.
PATIENCE_SECONDS = 300
# Shorter than Postgres's deadlock_timeout (1 s): in a circle of waits it is we who give way, never a reader.
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
class Mirrored:
    """What a publication did: rows copied by table, tables left as they were, how long it took."""

    copied: dict[str, int]
    unchanged: tuple[str, ...]
    built_at: datetime
    seconds: float


def publish_postgres(settings: Settings) -> Mirrored | None:
    """Brings the mirror up to the published file; None where ECHELON_POSTGRES_URL is not set.

    Raises NotFound where nothing was published yet, DatabaseUnavailable (nothing half done stays), DatabaseRefused.
    """
    if settings.postgres_url is None:
        return None
    started = time.monotonic()
    with database_faults(), connected(settings.postgres_url) as connection, connection.cursor() as cursor:
        _begin(cursor)
        with Published.of(settings) as published:
            done = _publish(cursor, published)
        _grant(cursor, settings.postgres_reader)
        connection.commit()
    return replace(done, seconds=time.monotonic() - started)


def _begin(cursor: Cursor) -> None:
    """Begins the transaction and waits for other publishers. What they did is seen: the published file is opened
    after this, and each statement sees what was committed before it."""
    cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'")
    _all(cursor, f"SELECT pg_advisory_xact_lock({PUBLISH_LOCK})::text")
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    cursor.execute(f"CREATE SCHEMA {STAGING}")
    columns = ", ".join(f"{name} {kind}" for name, (_, kind) in _META_TYPES.items())
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{META} ({columns})")
    about = "One row is one table of the mirror, and the version of the lake table that its rows are of"
    cursor.execute(f"COMMENT ON TABLE {SCHEMA}.{META} IS {literal(about)}")


def _publish(cursor: Cursor, published: Published) -> Mirrored:
    held = _held(cursor)
    found = (published.plan(m, held.get(m.table.name)) for m in published.mirrors)
    plans = [p if p.in_place else _kept_in_place(cursor, p, held) for p in found if p is not None]
    functions = {s.header["creates"]: s for p in plans for s in functions_on(p.mirror.table.name)}
    for name in functions:  # they are of the type of the old table
        cursor.execute(f"DROP FUNCTION IF EXISTS {name}")
    copied = {p.mirror.table.name: _copy(cursor, published, p) for p in plans}
    gone = sorted(set(held) - {m.table.name for m in published.mirrors})
    _swap(cursor, plans, [f"{SCHEMA}.{quote(n.replace('.', '_'))}" for n in gone])
    for function in functions.values():
        cursor.execute(_collated(cursor, function.text))
        cursor.execute(f"COMMENT ON FUNCTION {function.header['creates']} IS {literal(function.header['about'])}")
    _note(cursor, published, held, copied)
    unchanged = tuple(m.table.name for m in published.mirrors if m.table.name not in copied)
    return Mirrored(copied, unchanged, published.built_at, 0.0)


def _held(cursor: Cursor) -> dict[str, Held]:
    """What the mirror holds, of tables that are really there."""
    rows = _all(
        cursor,
        f"SELECT table_name, inputs::text, shape, rows, copied_at FROM {SCHEMA}.{META} "
        f"WHERE to_regclass('{SCHEMA}.' || quote_ident(replace(table_name, '.', '_'))) IS NOT NULL",
    )
    return {name: Held(json.loads(inputs), *rest) for name, inputs, *rest in rows}


def _kept_in_place(cursor: Cursor, plan: Plan, held: Mapping[str, Held]) -> Plan:
    """A table that others' views or keys depend on cannot be dropped: its rows are exchanged instead."""
    known = held.get(plan.mirror.table.name)
    if known is None or known.shape != plan.mirror.shape:
        return plan
    dependents = _all(
        cursor,
        "SELECT count(*) FROM pg_depend WHERE deptype = 'n' AND refclassid = 'pg_class'::regclass "
        f"AND refobjid = to_regclass({literal(plan.mirror.path)})",
    )
    return replace(plan, in_place=bool(dependents[0][0]))


def _copy(cursor: Cursor, published: Published, plan: Plan) -> int:
    mirror, schema = plan.mirror, SCHEMA if plan.in_place else STAGING
    cursor.execute(f"DELETE FROM {mirror.path}{plan.where}" if plan.in_place else mirror.create())
    rows = cursor.adbc_ingest(mirror.name, published.rows(plan), mode="append", db_schema_name=schema)
    finish = (f"ANALYZE {mirror.path}",) if plan.in_place else mirror.finish()
    # One message to the server instead of one per column's comment.
    cursor.execute(f"DO $echelon$ BEGIN {'; '.join(finish)}; END $echelon$")
    return rows


def _swap(cursor: Cursor, plans: Sequence[Plan], gone: Iterable[str]) -> None:
    """New tables for old ones. Locks are taken on all of them at once or on none, so that readers wait for 0.4 s at
    most, and a transaction of theirs that reads two tables reads two of the same publication."""
    names = ", ".join(literal(path) for path in (*(p.mirror.path for p in plans), *gone))
    found = _all(cursor, f"SELECT n FROM unnest(ARRAY[{names}]::text[]) AS t(n) WHERE to_regclass(n) IS NOT NULL")
    tables = [str(name) for (name,) in found]
    if tables:
        cursor.execute(f"SET LOCAL lock_timeout = '{SWAP_LOCK_MS}ms'")
        cursor.execute(_lock_all(tables))
    stay = {p.mirror.path for p in plans if p.in_place}
    for table in tables:
        if table not in stay:
            cursor.execute(f"DROP TABLE {table}")
    for plan in plans:
        if not plan.in_place:
            cursor.execute(f"ALTER TABLE {plan.mirror.staged} SET SCHEMA {SCHEMA}")
    cursor.execute(f"DROP SCHEMA {STAGING}")


def _lock_all(tables: Sequence[str]) -> str:
    """Tries to lock all of the tables until it has them all; between two tries readers go on."""
    tries = PATIENCE_SECONDS * 1000 // (2 * SWAP_LOCK_MS)
    said = f"readers have held tables of the mirror for {PATIENCE_SECONDS} s"
    return f"""DO $$ BEGIN
        FOR i IN 1..{tries} LOOP
            BEGIN
                LOCK TABLE {", ".join(tables)} IN ACCESS EXCLUSIVE MODE;
                RETURN;
            EXCEPTION WHEN lock_not_available THEN
                PERFORM pg_sleep({SWAP_LOCK_MS / 1000});
            END;
        END LOOP;
        RAISE lock_not_available USING MESSAGE = '{said}';
    END $$"""


def _collated(cursor: Cursor, text: str) -> str:
    """Servers before Postgres 17 do not know the collation."""
    known = _all(cursor, "SELECT 1::bigint FROM pg_collation WHERE collname = 'pg_c_utf8'")
    return text if known else text.replace("COLLATE pg_c_utf8", 'COLLATE "default"')


def _note(cursor: Cursor, published: Published, held: Mapping[str, Held], copied: Mapping[str, int]) -> None:
    """Says of every table which version it is of."""
    now = _all(cursor, "SELECT now()")[0][0]
    rows = []
    for mirror in published.mirrors:
        name = mirror.table.name
        before = None if name in copied else held[name]
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
    """Lets the role read, where it exists. New tables have no rights of their own yet."""
    for (role,) in _all(cursor, f"SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = {literal(reader)}"):
        cursor.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}")
        cursor.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {role}")


def _all(cursor: Cursor, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    return [tuple(row) for row in cursor.fetchall()]
