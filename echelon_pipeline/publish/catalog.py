"""The contents of a publication: tables, views, functions, and the table versions that it was made from.

Belongs here: filling an attached, empty DuckDB file. ``publish.py`` does locking, swapping and keeping copies.
Tables come from the registry. Derived relations come from ``sql/publish`` (tables), ``sql/views`` (views) and
``sql/functions`` (macros that read tables); the header of each statement names what it ``creates``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from graphlib import TopologicalSorter

import duckdb

from echelon_pipeline import __version__
from echelon_pipeline.lake.delta import TableVersion, empty_select
from echelon_pipeline.publish.descriptions import Description, descriptions
from echelon_pipeline.publish.listing import list_everything
from echelon_pipeline.publish.macros import INTERNAL, all_macros, needed, qualified
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.tables import TABLES, Table

# A table with fewer bytes is copied into the published file; a larger one is a view over its exact files. Copying
# 64 MB takes less than a second, and most queries read only such tables.
PHYSICAL_BYTES = 64 * 2**20

# The oldest DuckDB that reads the file; the format of the file is this version's too.
MIN_DUCKDB_VERSION = "1.2.0"

# The folders whose statements may call internal macros of the published file.
_CALLING = ("publish", "views", "functions", "checks")

_META = (
    """CREATE TABLE meta.publication (
        table_name VARCHAR, version BIGINT, rows BIGINT, files BIGINT, is_view BOOLEAN,
        lake VARCHAR, built_at TIMESTAMP WITH TIME ZONE, code_version VARCHAR, sequence BIGINT, table_id VARCHAR,
        is_stale BOOLEAN, stale_reason VARCHAR, min_duckdb_version VARCHAR)""",
    "CREATE TABLE meta.files (table_name VARCHAR, file VARCHAR)",
)


@dataclass(frozen=True)
class Source:
    """One table of the registry at its pinned version; ``table_version`` is None if it does not exist yet."""

    table: Table
    table_version: TableVersion | None

    @property
    def is_view(self) -> bool:
        if self.table_version is None or self.table.physical:
            return False
        return sum(f.size for f in self.table_version.files) >= PHYSICAL_BYTES

    def select(self, root: str) -> str:
        """SELECT of the rows. The files of a view are relative to the connection's variable ``lake``, else to the
        root."""
        if self.table_version is None or not self.table_version.files:
            return empty_select(self.table)
        if not self.is_view:
            return self.table_version.select([f.path for f in self.table_version.files])
        # Not list_transform: DuckDB before 2.0 stores its lambda in a form that 2.0 refuses.
        base = f"coalesce(getvariable('lake'), {literal(root)})"
        names = (f.path.removeprefix(root) for f in self.table_version.files)
        return self.table_version.select_from("[" + ", ".join(f"{base} || {literal(n)}" for n in names) + "]")


@dataclass(frozen=True)
class PublicationInfo:
    """Facts that a publication stores about itself. ``stale``: tables that keep their last good version, with the
    reason."""

    root: str
    built_at: datetime
    sequence: int = 1
    stale: Mapping[str, str] = field(default_factory=dict)


def fill(
    connection: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], info: PublicationInfo
) -> tuple[str, ...]:
    """Creates everything in the connection's current database; returns the names of its tables and views."""
    root = info.root
    macros = all_macros()
    for schema in ("core", "mart", "meta", INTERNAL):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for macro in needed((s.text for folder in _CALLING for s in statements(folder)), macros):
        connection.execute(qualified(macro.text, macros))
        connection.execute(f"COMMENT ON MACRO {INTERNAL}.{macro.name} IS {literal(macro.about)}")
    for text in _META:
        connection.execute(text)
    derived = {s.header["creates"]: s for s in statements("publish")}
    for name, source in sources.items():
        if name not in derived:
            _create(connection, name, source.select(root), is_view=source.is_view)
        _record_table(connection, name, source, info)
    for name, statement in derived.items():
        own = sources.get(name)
        text = qualified(_with_lake(statement, sources, root), macros)
        _create(connection, name, text, is_view=own is not None and own.is_view)
    views = _in_order("views")
    for name, statement in views.items():
        _create(connection, name, qualified(statement.text, macros), is_view=True)
    for name, function in _in_order("functions").items():  # the relations that they read must exist
        connection.execute(qualified(function.text, macros))
        if name.startswith(f"{INTERNAL}."):
            connection.execute(f"COMMENT ON MACRO {name} IS {literal(function.about)}")
    list_everything(connection, _described(sources), stale=info.stale)
    return tuple(dict.fromkeys((*sources, *derived, *views)))


def _described(sources: Mapping[str, Source]) -> list[Description]:
    """What this publication has: a test may publish a few tables only."""
    described = descriptions()
    return [d for d in described.values() if d.name in sources or d.name not in TABLES]


def _in_order(folder: str) -> dict[str, Statement]:
    """The statements of a folder by what they create, each after those that it reads."""
    made = {s.header["creates"]: s for s in statements(folder)}
    inputs = {name: [i.strip() for i in s.header["inputs"].split(",")] for name, s in made.items()}
    graph = {name: [i for i in read if i in made] for name, read in inputs.items()}
    return {name: made[name] for name in TopologicalSorter(graph).static_order()}


def _create(connection: duckdb.DuckDBPyConnection, name: str, query: str, *, is_view: bool) -> None:
    connection.execute(f"CREATE {'VIEW' if is_view else 'TABLE'} {name} AS {query}")


def _with_lake(statement: Statement, sources: Mapping[str, Source], root: str) -> str:
    """A statement of ``sql/publish`` whose inputs ``lake:core.x`` are relations ``lake_x``."""
    inputs = [i.strip() for i in statement.header["inputs"].split(",")]
    stored = [i.removeprefix("lake:") for i in inputs if i.startswith("lake:")]
    if not stored:
        return statement.text
    relations = ", ".join(f"lake_{n.split('.')[1]} AS ({sources[n].select(root)})" for n in stored)
    return f"WITH {relations} SELECT * FROM ({statement.text})"


def _record_table(connection: duckdb.DuckDBPyConnection, name: str, source: Source, info: PublicationInfo) -> None:
    files = source.table_version.files if source.table_version else ()
    version = source.table_version.version if source.table_version else None
    connection.execute(
        f"INSERT INTO meta.publication VALUES ({', '.join('?' * 13)})",
        [
            name,
            version,
            sum(f.rows for f in files),
            len(files),
            source.is_view,
            info.root,
            info.built_at,
            __version__,
            info.sequence,
            None if source.table_version is None else source.table_version.table_id,
            name in info.stale,
            info.stale.get(name),
            MIN_DUCKDB_VERSION,
        ],
    )
    if source.is_view:
        rows = [[name, f.path.removeprefix(info.root)] for f in files]
        connection.execute(
            "INSERT INTO meta.files SELECT unnest($names), unnest($files)",
            {"names": [r[0] for r in rows], "files": [r[1] for r in rows]},
        )
