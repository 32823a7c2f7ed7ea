"""The lake: append, merge and replace rows of Delta tables.

Belongs here: the operations that write. ``reading.py`` has those that read, ``delta.py`` the table format,
``commits.py`` the mechanics of a commit, ``merge.py`` the rules of a merge.
Writers commit against the version that they read and start over if another writer committed first.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from os import getpid
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow as pa
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from echelon_pipeline.errors import DiskFull
from echelon_pipeline.lake.commits import Commit, chunks, group_partitions, with_retries, write
from echelon_pipeline.lake.compaction import compact, crowded_partitions
from echelon_pipeline.lake.datafiles import commit_files, discard, write_files
from echelon_pipeline.lake.delta import DataFile, Partition, TableVersion
from echelon_pipeline.lake.faults import require_space, storage_faults
from echelon_pipeline.lake.merge import Changes, Merge, check_rules, check_unique, within
from echelon_pipeline.lake.opening import open_for_write, open_table
from echelon_pipeline.lake.reading import LakeReader
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.duck import STAGED
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.tables import TABLES, Rule, Table

log = logging.getLogger(__name__)


def unfenced() -> None:
    """The fence of writers that need no lease."""


class Lake(LakeReader):
    """Tables below one root, for reading and writing."""

    def __init__(
        self,
        root: str,
        *,
        scratch: Path,
        memory_limit_mb: int = 512,
        threads: int = 2,
        tries: int = 10,
        min_free_mb: int = 200,
        tables: Mapping[str, Table] = TABLES,
        fence: Callable[[], None] = unfenced,
    ) -> None:
        super().__init__(root, scratch=scratch, memory_limit_mb=memory_limit_mb, threads=threads, tables=tables)
        self._tries = tries
        self._min_free_mb = min_free_mb
        self._fence = fence

    @classmethod
    def of(cls, settings: Settings, *, fence: Callable[[], None] = unfenced) -> Lake:
        """The configured lake. ``fence`` runs before each commit and raises if the commit must not happen."""
        return cls(
            settings.lake_root,
            scratch=settings.scratch,
            memory_limit_mb=settings.memory_limit_mb,
            threads=settings.threads,
            tries=settings.merge_tries,
            min_free_mb=settings.min_free_mb,
            fence=fence,
        )

    def stage(self, connection: duckdb.DuckDBPyConnection, table: str, relation: str, *, unit: str = "") -> Path:
        """Writes a relation of the connection to a Parquet file in scratch/<unit>/, ready for merge."""
        folder = self.scratch / (unit or f"pid-{getpid()}-staged")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{table}-{secrets.token_hex(4)}.parquet"
        with storage_faults(str(path)):
            connection.execute(f"COPY (SELECT * FROM {relation}) TO {literal(str(path))} ({STAGED})")
        return path

    def append(self, table: str, data: pa.Table | pa.RecordBatchReader) -> Commit:
        """Adds rows to an append-only table and checks rules before each commit. A pa.Table is one commit, a reader
        one per 64 MiB. Raises RuleViolation, Conflict, DiskFull, NewerLake."""
        known = self.tables[table]
        self._require_space()
        commit = Commit(known.name, None)
        for chunk in chunks(data):
            commit = self._append(known, chunk.select(list(known.names)).cast(known.arrow_schema()), commit)
        return commit

    def _append(self, table: Table, chunk: pa.Table, before: Commit) -> Commit:
        if chunk.num_rows == 0:
            return before
        with self.duck() as connection:
            connection.register("chunk", chunk)
            check_rules(connection, table, "chunk")
        touched = chunk.select(list(table.partition_by)).group_by(list(table.partition_by)).aggregate([]).to_pylist()

        def attempt() -> int:
            table_version = open_for_write(table, self.uri(table.name))
            self._fence()
            return write(table_version, chunk.to_reader(), [tuple(p.values()) for p in touched])

        version = with_retries(table.name, self._tries, attempt)
        self._compact_crowded(table, [tuple(p.values()) for p in touched])
        rows = before.rows_staged + chunk.num_rows
        partitions = before.partitions + [p for p in touched if p not in before.partitions]
        return Commit(table.name, version, rows_staged=rows, rows_new=rows, partitions=partitions)

    def compact(self, table: str, partition: Partition) -> bool | None:
        """Rewrites the same rows in fewer files. See compaction.compact."""
        with storage_faults(f"{table} at {self.uri(table)}"), self.duck() as connection:
            return compact(connection, self.tables[table], self.uri(table), partition, self._tries)

    def _compact_crowded(self, table: Table, partitions: Sequence[Partition]) -> None:
        table_version = open_table(table, self.uri(table.name))
        for partition in crowded_partitions(table_version, partitions) if table_version else ():
            try:
                self.compact(table.name, partition)
            except (DiskFull, CommitFailedError) as error:
                # No error: the rows are committed, and a caller that sees an error would append them again.
                log.warning("%s: small files are not compacted yet: %s", table.name, error)

    def merge(self, table: str, staged: Sequence[Path]) -> Commit:
        """Upserts staged Parquet files by the table's key; an identical re-run commits nothing.

        A row that differs in provenance columns only stays as stored. Each group of partitions is one commit.
        Raises RuleViolation (before any commit), Conflict, DiskFull, NewerLake, CorruptStore.
        """
        known = self.tables[table]
        if not staged:
            return Commit(known.name, None)
        self._require_space()
        with self.duck() as connection:
            merge = Merge(connection, known, staged)
            rows = merge.check()
            commit = Commit(known.name, None, rows_staged=rows)
            staged_bytes = sum(p.stat().st_size for p in staged)
            for group in group_partitions(merge.partitions(), staged_bytes, self.open(table)):
                commit = self._merge_group(connection, known, merge, group, commit)
        return commit

    def replace(self, table: str, staged: Path, days: tuple[date, date] | None) -> Commit:
        """Replaces all rows, or the rows of the UTC days [first, last], with a staged Parquet file.

        Raises RuleViolation (before the commit), Conflict, DiskFull, NewerLake, CorruptStore.
        """
        rules: tuple[Rule, ...] = ()
        if days is not None:
            rules = (Rule("rows are of the days", f"date BETWEEN '{days[0]}' AND '{days[1]}'"),)
        return self._put(table, staged, rules, lambda f: days is None or days[0] <= f.day <= days[1])

    def replace_partition(
        self, connection: duckdb.DuckDBPyConnection, table: str, query: str, partition: Partition
    ) -> Commit:
        """Replaces the rows of one partition with the rows of a query on the connection.

        The rows are written once, to their final place; rules are checked on that file before a version names it.
        Partition columns get the partition's values and ignore the query's. Raises as ``replace``.
        """
        known = self.tables[table]
        self._require_space()
        order = ", ".join(known.sort_by)

        def attempt() -> tuple[int | None, int]:
            table_version = open_for_write(known, self.uri(known.name))
            added = write_files(connection, table_version, [partition], lambda _: f"({query}) ORDER BY {order}", 0)
            try:
                placed = table_version.select([f"{table_version.uri}/{unquote(f.path)}" for f in added])
                connection.execute(f"CREATE OR REPLACE TEMP VIEW placed AS {placed}")
                rows = check_rules(connection, known, "placed")
                check_unique(connection, known, "placed")
            except Exception:
                discard(table_version, added)
                raise
            changes = bool(added) or any(f.partition == partition for f in table_version.files)
            return self._adopt(table_version, added, [partition]) if changes else None, rows

        version, rows = with_retries(known.name, self._tries, attempt)
        return Commit(known.name, version, rows_staged=rows, rows_new=rows)

    def delete_rows(
        self, connection: duckdb.DuckDBPyConnection, table: str, partition: Partition, condition: str
    ) -> None:
        """Deletes the rows of one partition that meet a SQL condition on the connection.

        The partition is read at the version that the commit replaces: rows that another writer committed since the
        condition was made stay. Raises Conflict, DiskFull, NewerLake, CorruptStore.
        """
        known = self.tables[table]
        order = ", ".join(known.sort_by)

        def attempt() -> None:
            table_version = open_for_write(known, self.uri(known.name))
            stored = table_version.select([f.path for f in table_version.files if f.partition == partition])
            kept = f"SELECT * FROM ({stored}) WHERE ({condition}) IS NOT TRUE ORDER BY {order}"
            self._adopt(
                table_version, write_files(connection, table_version, [partition], lambda _: kept, 0), [partition]
            )

        with_retries(known.name, self._tries, attempt)

    def _put(
        self, table: str, staged: Path, rules: tuple[Rule, ...], is_replaced: Callable[[DataFile], bool]
    ) -> Commit:
        known = self.tables[table]
        self._require_space()
        with self.duck() as connection:
            connection.execute(f"CREATE TEMP VIEW staged AS SELECT * FROM read_parquet({literal(str(staged))})")
            rows = check_rules(connection, replace(known, rules=(*rules, *known.rules)), "staged")
            check_unique(connection, known, "staged")
            by = ", ".join(known.partition_by)
            partitions: list[Partition] = [()] if rows and not by else []
            if by:
                partitions = connection.execute(f"SELECT DISTINCT {by} FROM staged ORDER BY ALL").fetchall()
            order = ", ".join((*known.partition_by, *known.sort_by))

            def rows_of(some: Sequence[Partition]) -> str:
                return f"SELECT * FROM staged WHERE {within(known, some)} ORDER BY {order}"

            def attempt() -> int | None:
                table_version = open_for_write(known, self.uri(known.name))
                stored = (f.partition for f in table_version.files if is_replaced(f))
                replaced = list(dict.fromkeys((*partitions, *stored)))
                added = write_files(connection, table_version, partitions, rows_of, rows)
                return self._adopt(table_version, added, replaced) if replaced else None

            version = with_retries(known.name, self._tries, attempt)
        return Commit(known.name, version, rows_staged=rows, rows_new=rows)

    def _adopt(self, table_version: TableVersion, added: Sequence[AddAction], partitions: Sequence[Partition]) -> int:
        """Commits written files after the fence. A commit to the same partitions in between is a conflict."""
        try:
            self._fence()
        except Exception:
            discard(table_version, added)
            raise
        return commit_files(table_version, added, partitions, self._tries)

    def _merge_group(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        merge: Merge,
        group: Sequence[Partition],
        before: Commit,
    ) -> Commit:
        def attempt() -> tuple[int | None, Changes]:
            table_version = open_for_write(table, self.uri(table.name))
            wanted = set(group)
            stored = [f for f in table_version.files if f.partition in wanted]
            changes = merge.compare(group, table_version.select([f.path for f in stored]), empty=not stored)
            if not changes.partitions:
                return None, changes
            rows = before.rows_staged + sum(f.rows for f in stored)
            added = write_files(connection, table_version, changes.partitions, merge.rows, rows)
            return self._adopt(table_version, added, changes.partitions), changes

        version, changes = with_retries(table.name, self._tries, attempt)
        return Commit(
            table.name,
            before.version if version is None else version,
            before.rows_staged,
            before.rows_new + changes.new,
            before.rows_changed + changes.changed,
            before.rows_removed + changes.vanished,
            before.partitions + [dict(zip(table.partition_by, p, strict=True)) for p in changes.partitions],
        )

    def _require_space(self) -> None:
        require_space(self.root, self._min_free_mb)
        require_space(self.scratch, self._min_free_mb)
