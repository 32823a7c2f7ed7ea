"""What of a publication has to be copied to Postgres: nothing, the rows of some days, or a whole table.

Belongs here: comparing what was published with what the mirror holds. It reads the published file and the lake's
logs; the transaction is ``postgres.py``'s.
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

# By table of the lake: its id and its version. A lake that was begun anew counts its versions from 0 again: the id
# tells. ``code`` stands for the statements on the way.
Inputs = dict[str, list[Any]]

# Rows handed to the driver at once, about 1 MB: larger batches are no faster and leave no room for overlap.
BATCH_ROWS = 4_096


@dataclass(frozen=True)
class Held:
    """What the mirror holds of one table."""

    inputs: Inputs
    shape: str
    rows: int
    copied_at: datetime


@dataclass(frozen=True)
class Plan:
    """One table to copy. ``days``: only rows of these; ``in_place``: into the stored table, which stays."""

    mirror: Mirror
    days: tuple[date, ...] | None = None
    in_place: bool = False

    @property
    def where(self) -> str:
        """A condition on the rows concerned, in SQL of both databases."""
        if self.days is None:
            return ""
        return f" WHERE date IN ({', '.join(f'DATE {literal(str(d))}' for d in self.days)})"


class Published:
    """The published file, and the lake at the versions that it was made from."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
        self._connection = connection
        rows = connection.execute("SELECT table_name, version, built_at FROM meta.publication").fetchall()
        self.versions: dict[str, int | None] = {name: version for name, version, _ in rows}
        self.built_at: datetime = rows[0][2]
        self._lake = lake

    @classmethod
    @contextmanager
    def of(cls, settings: Settings) -> Iterator[Published]:
        """The configured one; raises NotFound where nothing was published yet."""
        with read_published(
            settings.published_file,
            lake=settings.lake_root,
            memory_limit_mb=settings.memory_limit_mb,
            threads=settings.threads,
        ) as connection:
            for macro in reversed(statements("mirror/macros")):  # as_jsonb, the first, uses the other
                connection.execute(macro.text)
            yield cls(connection, Lake.of(settings))

    @cached_property
    def mirrors(self) -> tuple[Mirror, ...]:
        """Tables that the mirror has to have."""
        names = (n for n in self.versions if n in TABLES and TABLES[n].mirrored)
        return tuple(Mirror(TABLES[n], self._columns(n)) for n in names)

    def _columns(self, name: str) -> tuple[tuple[str, str], ...]:
        return tuple((str(c[0]), str(c[1])) for c in self._connection.execute(f"DESCRIBE {name}").fetchall())

    @cached_property
    def _table_versions(self) -> dict[str, TableVersion | None]:
        return {n: None if v is None else self._lake.open(n, v) for n, v in self.versions.items()}

    def inputs(self, name: str) -> Inputs:
        """What a published table was made of."""
        tables, code = _made_of(name)
        found: Inputs = {"code": [hashlib.sha256("".join(sorted(code)).encode()).hexdigest()[:16], None]}
        for table in sorted(tables):
            table_version = self._table_versions.get(table)
            found[table] = (
                [None, None]
                if table_version is None
                else [str(table_version.delta.metadata().id), table_version.version]
            )
        return found

    def plan(self, mirror: Mirror, held: Held | None) -> Plan | None:
        """What to copy of a table; None where the mirror has these rows already."""
        name, inputs = mirror.table.name, self.inputs(mirror.table.name)
        if held is None or held.shape != mirror.shape:
            return Plan(mirror)
        if held.inputs == inputs:
            return None
        before, after = dict(held.inputs), dict(inputs)
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
    """Functions of Postgres that read a published table; they are made anew with it."""
    found = statements("postgres")
    return tuple(s for s in found if name in (i.strip() for i in s.header["inputs"].split(",")))


def _made_of(name: str) -> tuple[set[str], set[str]]:
    """Tables of the lake that a published table is made of, and the hashes of the statements on the way."""
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
