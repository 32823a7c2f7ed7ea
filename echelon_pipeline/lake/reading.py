"""Reading tables of the lake: exact files of pinned versions, and DuckDB connections over them.

Belongs here: the operations that read. A reader gets the exact files of one version; writers never disturb it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import duckdb

from echelon_pipeline.lake.damage import naming_damaged_files
from echelon_pipeline.lake.delta import DataFile, TableVersion, Where, empty_select
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.lake.opening import open_table
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.tables import TABLES, T, Table
from echelon_pipeline.venues import registry  # noqa: F401 - it registers macros that every connection needs


class LakeReader:
    """Tables below one root. Safe for many processes (spawned, never forked) and for one thread each."""

    def __init__(
        self,
        root: str,
        *,
        scratch: Path,
        memory_limit_mb: int = 512,
        threads: int = 2,
        tables: Mapping[str, Table] = TABLES,
    ) -> None:
        self.root = root.rstrip("/")
        self.scratch = scratch
        self.tables = tables
        self._memory_limit_mb = memory_limit_mb
        self._threads = threads

    def uri(self, table: str) -> str:
        """The location of a table: <root>/core/trades for core.trades."""
        return f"{self.root}/{self.tables[table].name.replace('.', '/')}"

    def open(self, table: str, version: int | None = None) -> TableVersion | None:
        """A pinned version (default: the latest); None if the table does not exist yet."""
        return open_table(self.tables[table], self.uri(table), version)

    def version(self, table: str) -> int | None:
        """The latest version; None if the table does not exist yet."""
        table_version = self.open(table)
        return table_version.version if table_version else None

    def files(
        self, table: str, *, where: Where | None = None, version: int | None = None, units: Sequence[str] = ()
    ) -> list[str]:
        """Exact files of one version, pruned by partition values; no data is read. See scan for ``units``."""
        table_version = self.open(table, version)
        return [f.path for f in _pruned(table_version, where, units)] if table_version else []

    def scan(
        self,
        table: str,
        *,
        where: Where | None = None,
        version: int | None = None,
        units: Sequence[str] = (),
        without: Collection[str] = (),
    ) -> str:
        """SQL: a SELECT over the files of one version, with exactly the columns and types of the registry.

        ``where``: values of partition columns. ``units``: for tables sorted by ``unit_id`` (raw), skips files that
        cannot contain these units; the other files may contain rows of other units too. ``without``: files to skip.
        """
        table_version = self.open(table, version)
        if table_version is None:
            return empty_select(self.tables[table])
        return table_version.select([f.path for f in _pruned(table_version, where, units) if f.path not in without])

    def missing_files(self, table: str) -> frozenset[str]:
        """Files of the latest version that do not exist."""
        table_version = self.open(table)
        if table_version is None:
            return frozenset()
        if "://" in table_version.uri:
            with storage_faults(f"{table} at {table_version.uri}"):
                missing = {unquote(name) for name in table_version.delta.repair(dry_run=True)["files_removed"]}
            return frozenset(
                f.path for f in table_version.files if f.path.removeprefix(f"{table_version.uri}/") in missing
            )
        return frozenset(f.path for f in table_version.files if not Path(f.path).exists())

    @contextmanager
    def duck(self, *, private: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB connection with a memory limit that spills into scratch. Storage faults become DiskFull or
        CorruptStore, which names the damaged file. See duck.connect."""
        with (
            naming_damaged_files(self.root),
            storage_faults(self.root),
            connect(
                memory_limit_mb=self._memory_limit_mb, threads=self._threads, scratch=self.scratch, private=private
            ) as connection,
        ):
            yield connection


def _pruned(table_version: TableVersion, where: Where | None, units: Sequence[str]) -> list[DataFile]:
    wanted = [
        (table_version.table.partition_by.index(c), _values(table_version.table, c, v))
        for c, v in (where or {}).items()
    ]
    files = [f for f in table_version.files if all(f.partition[i] in values for i, values in wanted)]
    if not units or table_version.table.sort_by[0] != "unit_id":
        return files
    return [f for f in files if f.low is None or f.high is None or any(f.low <= u <= f.high for u in units)]


def _values(table: Table, column: str, values: Sequence[object]) -> set[object]:
    """Values of a partition column; TypeError for a value of another type, which would silently match nothing."""
    kind = {T.DATE: date, T.INT: int, T.TEXT: str}[table.column(column).type]
    for value in values:
        if type(value) is not kind:
            raise TypeError(f"{table.name}.{column} takes {kind.__name__} values, not {value!r}")
    return set(values)
