"""How writes reach a table: what a commit reports, retries, batches, groups of partitions.

Belongs here: the mechanics of committing to a pinned version. What is written is decided in ``lake.py``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import pyarrow as pa
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError

from echelon_pipeline import stopping
from echelon_pipeline.errors import Conflict
from echelon_pipeline.lake.checksums import note
from echelon_pipeline.lake.delta import (
    TARGET_FILE_SIZE,
    WRITER,
    Partition,
    Snapshot,
    commit_properties,
    keep,
)
from echelon_pipeline.lake.faults import storage_faults

Result = TypeVar("Result")

# Partitions are merged in groups of at most this many compressed bytes and partitions: DuckDB compares a group's rows
# at once, which are some 20 times the bytes where texts are long, and spills above its limit.
GROUP_BYTES = 6 * 2**20
GROUP_PARTITIONS = 64
# Bytes in memory of one append's commit.
APPEND_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Commit:
    """What a write did. ``version`` is None where nothing changed: then nothing was written.

    ``partitions``: values of the partition columns of what was rewritten or appended to.
    """

    table: str
    version: int | None
    rows_staged: int = 0
    rows_new: int = 0
    rows_changed: int = 0
    rows_removed: int = 0
    partitions: list[dict[str, object]] = field(default_factory=list)


def group_partitions(
    staged: Mapping[Partition, int], staged_bytes: int, snapshot: Snapshot | None
) -> list[list[Partition]]:
    """Cuts the partitions of a merge into groups that fit in memory. ``staged``: rows per partition."""
    sizes: dict[Partition, int] = {}
    for file in snapshot.files if snapshot else ():
        sizes[file.partition] = sizes.get(file.partition, 0) + file.size
    per_row = staged_bytes / max(1, sum(staged.values()))
    groups: list[list[Partition]] = []
    held = 0.0
    for partition, rows in staged.items():
        size = sizes.get(partition, 0) + rows * per_row
        if not groups or held + size > GROUP_BYTES or len(groups[-1]) == GROUP_PARTITIONS:
            groups.append([])
            held = 0.0
        groups[-1].append(partition)
        held += size
    return groups


def write(snapshot: Snapshot, data: pa.RecordBatchReader, partitions: Iterable[Partition]) -> int:
    """Appends rows against a pinned version; gives the new one. ``partitions``: those that the rows lie in.

    Raises deltalake's CommitFailedError where another writer was faster.
    """
    with stopping.committing(), storage_faults(f"{snapshot.table.name} at {snapshot.uri}"):
        write_deltalake(
            snapshot.delta,
            data,
            mode="append",
            target_file_size=TARGET_FILE_SIZE,
            writer_properties=WRITER,
            commit_properties=commit_properties("append", {v for p in partitions for v in p if isinstance(v, date)}),
        )
    committed = Snapshot(snapshot.table, snapshot.uri, snapshot.delta)
    note(snapshot.uri, committed.version)
    keep(committed)
    return committed.version


def retried(table: str, tries: int, write: Callable[[], Result]) -> Result:
    """What ``write`` gives; it starts over where another writer was faster. Raises Conflict after ``tries``."""
    for attempt in range(tries):
        try:
            return write()
        except CommitFailedError as error:
            lost = error
            # Doubling with jitter from 20 ms, 2 s at most: a merge of a day takes about that long.
            stopping.wait(random.uniform(0.5, 1.0) * min(2.0, 0.02 * 2**attempt))  # noqa: S311 - jitter
    raise Conflict(f"{table}: other writers committed first {tries} times in a row") from lost


def chunks(data: pa.Table | pa.RecordBatchReader) -> Iterable[pa.Table]:
    """Tables of one commit each: a table as it is, a reader in pieces of 64 MiB."""
    if isinstance(data, pa.Table):
        yield data
        return
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in data:
        held.append(batch)
        size += batch.nbytes
        if size >= APPEND_BYTES:
            yield pa.Table.from_batches(held)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held)
