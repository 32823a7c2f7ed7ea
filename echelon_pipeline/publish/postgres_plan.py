"""Decides which rows of a publication are copied to Postgres: none, the rows of some days, or a whole table.

Belongs here: comparing the publication with the mirror. It reads the published file and the logs of the lake;
``postgres.py`` runs the transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from echelon_pipeline.lake.changes import changed_since
from echelon_pipeline.lake.delta import TableVersion
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish.postgres_tables import Mirror
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.tables import TABLES

# By lake table: its id and version. The id distinguishes a table that was created again and counts its versions from 0.
# The entry ``code`` has the hash of the statements between the lake and the published table.
Inputs = dict[str, list[Any]]

# Rows per batch for the driver, about 1 MB: larger batches are not faster and prevent overlap of reading and writing.
BATCH_ROWS = 4_096


@dataclass(frozen=True)
class MirroredTable:
    """The mirror's record of one table: the inputs, shape and rows of its last copy."""

    inputs: Inputs
    shape: str
    rows: int
    copied_at: datetime


@dataclass(frozen=True)
class Plan:
    """One table to copy. ``days``: copies rows of these days only; ``in_place``: updates the existing table."""

    mirror: Mirror
    days: tuple[date, ...] | None = None
    in_place: bool = False

    @property
    def where(self) -> str:
        """WHERE clause for the rows to copy, valid in both databases."""
        if self.days is None:
            return ""
        return f" WHERE date IN ({', '.join(f'DATE {literal(str(d))}' for d in self.days)})"


class PublishedSource:
    """The published file, and the lake at the versions from which it was made."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
        self._connection = connection
        rows = connection.execute("SELECT table_name, version, built_at FROM meta.publication").fetchall()
        self.versions: dict[str, int | None] = {name: version for name, version, _ in rows}
        self.built_at: datetime = rows[0][2]
        self._lake = lake

    @classmethod
    @contextmanager
    def of(cls, settings: Settings) -> Iterator[PublishedSource]:
        """The configured published file; raises NotFound if nothing was published yet."""
        with read_published(
            settings.published_file,
            lake=settings.lake_root,
            memory_limit_mb=settings.memory_limit_mb,
            threads=settings.threads,
        ) as connection:
            for macro in reversed(statements("mirror/macros")):  # as_jsonb, the first one, uses the other one
                connection.execute(macro.text)
            yield cls(connection, Lake.of(settings))

    @cached_property
    def mirrors(self) -> tuple[Mirror, ...]:
        """The tables that the mirror must have."""
        names = (n for n in self.versions if n in TABLES and TABLES[n].mirrored)
        return tuple(Mirror(TABLES[n], self._columns(n)) for n in names)

    def _columns(self, name: str) -> tuple[tuple[str, str], ...]:
        return tuple((str(c[0]), str(c[1])) for c in self._connection.execute(f"DESCRIBE {name}").fetchall())

    @cached_property
    def _table_versions(self) -> dict[str, TableVersion | None]:
        return {n: None if v is None else self._lake.open(n, v) for n, v in self.versions.items()}

    def inputs(self, name: str) -> Inputs:
        """The lake tables and code from which a published table was made."""
        tables, code = _made_of(name)
        inputs: Inputs = {"code": [hashlib.sha256("".join(sorted(code)).encode()).hexdigest()[:16], None]}
        for table in sorted(tables):
            table_version = self._table_versions.get(table)
            inputs[table] = (
                [None, None]
                if table_version is None
                else [str(table_version.delta.metadata().id), table_version.version]
            )
        return inputs

    def plan(self, mirror: Mirror, stored: MirroredTable | None) -> Plan | None:
        """The plan for one table; None if the mirror already has these rows."""
        name, inputs = mirror.table.name, self.inputs(mirror.table.name)
        if stored is None or stored.shape != mirror.shape:
            return Plan(mirror)
        if stored.inputs == inputs:
            return None
        before, after = dict(stored.inputs), dict(inputs)
        (old, old_version), (new, _) = before.pop(name, [None, None]), after.pop(name)
        if "date" in mirror.table.partition_by and before == after and old == new:
            changed = changed_since(self._table_versions.get(name), old_version)
            if not changed.everything:
                days = tuple(sorted(changed.dates))
                return Plan(mirror, days, in_place=True) if days else None
        return Plan(mirror)

    def rows(self, plan: Plan) -> pa.RecordBatchReader:
        """The rows to copy, streamed."""
        reader: pa.RecordBatchReader = self._connection.sql(plan.mirror.rows() + plan.where).to_arrow_reader(BATCH_ROWS)
        return reader


def functions_on(name: str) -> tuple[Statement, ...]:
    """Postgres functions that read a published table; they are created again together with it."""
    return tuple(s for s in statements("postgres") if name in (i.strip() for i in s.header["inputs"].split(",")))


def _made_of(name: str) -> tuple[set[str], set[str]]:
    """The lake tables of a published table, and the hashes of the statements that derive it from them."""
    derived = {s.header["creates"]: s for s in statements("publish")}
    tables, code = set[str](), {s.version for s in (*statements("mirror/macros"), *functions_on(name))}
    pending = [name]
    while pending:
        known = pending.pop()
        if known not in derived:
            tables.add(known.removeprefix("lake:"))
        elif derived[known].version not in code:
            code.add(derived[known].version)
            pending += [i.strip() for i in derived[known].header["inputs"].split(",")]
    return tables, code
