"""Small files made into large ones: appends add a file each, and every read looks into all of them.

Belongs here: compacting a partition. When it is done is ``ops/maintain.py``'s, and ``lake.py``'s after an append.
Not by delta-rs: it lets two compactions of the same files commit, and every row is there twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import duckdb

from echelon_pipeline.lake.datafiles import Rows, exchange, write_files
from echelon_pipeline.lake.delta import TARGET_FILE_SIZE, DataFile, Partition, Snapshot, open_for_write
from echelon_pipeline.sqltools.text import quote
from echelon_pipeline.tables import Table

# An append leaves at most so many files of so many bytes together in a partition: reading 64 footers takes 15 ms, and
# writing 16 MB again every 64 appends takes half a second. Large ones wait for the daily round.
GATHER_FILES = 64
GATHER_BYTES = 16 * 2**20


def compact(
    connection: duckdb.DuckDBPyConnection, table: Table, uri: str, partition: Partition, tries: int
) -> bool | None:
    """Whether a partition of the latest version has fewer files now; None where another writer was faster.

    Raises DiskFull, CorruptStore, and deltalake's CommitFailedError where another process migrates the table.
    """
    order = ", ".join(quote(c) for c in table.sort_by)
    done = False
    for some in _bins([f for f in open_for_write(table, uri).files if f.partition == partition]):
        snapshot = open_for_write(table, uri)  # the handle moves on with every commit
        if not {f.path for f in some} <= {f.path for f in snapshot.files}:
            return None
        query = f"SELECT * FROM ({snapshot.select([f.path for f in some])}) ORDER BY {order}"
        added = write_files(connection, snapshot, [partition], _always(query), 0)
        if exchange(snapshot, added, some, tries) is None:
            return None
        done = True
    return done


def _always(query: str) -> Rows:
    return lambda _: query


def _bins(files: Sequence[DataFile]) -> list[list[DataFile]]:
    """Small files that together make one of the wanted size."""
    bins: list[list[DataFile]] = [[]]
    held = 0
    for file in sorted(files, key=lambda f: f.size):
        if held + file.size > TARGET_FILE_SIZE:
            bins.append([])
            held = 0
        bins[-1].append(file)
        held += file.size
    return [some for some in bins if len(some) > 1]


def crowded(snapshot: Snapshot, partitions: Collection[Partition]) -> list[Partition]:
    """Those of the partitions that hold many small files."""
    counts: Counter[Partition] = Counter()
    sizes: Counter[Partition] = Counter()
    for file in snapshot.files:
        counts[file.partition] += 1
        sizes[file.partition] += file.size
    return [p for p in partitions if counts[p] > GATHER_FILES and sizes[p] <= GATHER_BYTES]
