"""Compaction: rewrites many small files as one, because every append adds a file and every read opens all of them.

Belongs here: compacting a partition. ``ops/maintain.py`` and, after an append, ``lake.py`` decide when to compact.
Delta-rs's own compaction is not used: it lets two compactions of the same files commit, which duplicates every row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import duckdb

from echelon_pipeline.lake.datafiles import Rows, exchange_files, write_files
from echelon_pipeline.lake.delta import TARGET_FILE_SIZE, DataFile, Partition, TableVersion
from echelon_pipeline.lake.opening import open_for_write
from echelon_pipeline.sqltools.text import quote
from echelon_pipeline.tables import Table

# After an append, a partition with more files than this is compacted at once, if they are at most this many bytes
# together: reading 64 footers takes 15 ms, rewriting 16 MB every 64 appends takes half a second. Larger partitions
# wait for the daily maintenance.
GATHER_FILES = 64
GATHER_BYTES = 16 * 2**20


def compact(
    connection: duckdb.DuckDBPyConnection, table: Table, uri: str, partition: Partition, tries: int
) -> bool | None:
    """Compacts a partition of the latest version; returns whether it has fewer files now, None if another writer
    committed first.

    Raises DiskFull, CorruptStore, and deltalake's CommitFailedError if another process migrates the table.
    """
    order = ", ".join(quote(c) for c in table.sort_by)
    done = False
    for small in _bins([f for f in open_for_write(table, uri).files if f.partition == partition]):
        table_version = open_for_write(table, uri)  # every commit moves the handle to a new version
        if not {f.path for f in small} <= {f.path for f in table_version.files}:
            return None
        query = f"SELECT * FROM ({table_version.select([f.path for f in small])}) ORDER BY {order}"
        added = write_files(connection, table_version, [partition], _always(query), 0)
        if exchange_files(table_version, added, small, tries) is None:
            return None
        done = True
    return done


def _always(query: str) -> Rows:
    return lambda _: query


def _bins(files: Sequence[DataFile]) -> list[list[DataFile]]:
    """Groups of small files; each group makes one file of at most the target size."""
    bins: list[list[DataFile]] = [[]]
    size = 0
    for file in sorted(files, key=lambda f: f.size):
        if size + file.size > TARGET_FILE_SIZE:
            bins.append([])
            size = 0
        bins[-1].append(file)
        size += file.size
    return [group for group in bins if len(group) > 1]


def crowded_partitions(table_version: TableVersion, partitions: Collection[Partition]) -> list[Partition]:
    """The partitions that have many small files."""
    counts: Counter[Partition] = Counter()
    sizes: Counter[Partition] = Counter()
    for file in table_version.files:
        counts[file.partition] += 1
        sizes[file.partition] += file.size
    return [p for p in partitions if counts[p] > GATHER_FILES and sizes[p] <= GATHER_BYTES]
