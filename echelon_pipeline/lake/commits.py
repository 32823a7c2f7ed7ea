"""How writes reach a table: commit results, retries, batches, groups of partitions.

Belongs here: the mechanics of committing to a pinned version. ``lake.py`` decides what is written.
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
from echelon_pipeline.lake.checksums import record
from echelon_pipeline.lake.delta import TARGET_FILE_SIZE, WRITER, Partition, TableVersion, commit_properties
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.lake.opening import keep

Result = TypeVar("Result")

# Limits of one group of partitions: compressed bytes and number of partitions. DuckDB compares all rows of a group at
# once; long texts take about 20 times the compressed bytes in memory. Above its memory limit DuckDB spills to disk.
GROUP_BYTES = 6 * 2**20
GROUP_PARTITIONS = 64
# An append commits after this many bytes in memory.
APPEND_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Commit:
    """The result of a write. ``version`` is None if nothing changed: then nothing was written.

    ``partitions``: partition column values of the partitions that were rewritten or appended to.
    """

    table: str
    version: int | None
    rows_staged: int = 0
    rows_new: int = 0
    rows_changed: int = 0
    rows_removed: int = 0
    partitions: list[dict[str, object]] = field(default_factory=list)


def group_partitions(
    staged: Mapping[Partition, int], staged_bytes: int, table_version: TableVersion | None
) -> list[list[Partition]]:
    """Splits the partitions of a merge into groups that fit in memory. ``staged``: rows per partition."""
    sizes: dict[Partition, int] = {}
    for file in table_version.files if table_version else ():
        sizes[file.partition] = sizes.get(file.partition, 0) + file.size
    per_row = staged_bytes / max(1, sum(staged.values()))
    groups: list[list[Partition]] = []
    group_size = 0.0
    for partition, rows in staged.items():
        size = sizes.get(partition, 0) + rows * per_row
        if not groups or group_size + size > GROUP_BYTES or len(groups[-1]) == GROUP_PARTITIONS:
            groups.append([])
            group_size = 0.0
        groups[-1].append(partition)
        group_size += size
    return groups


def write(table_version: TableVersion, data: pa.RecordBatchReader, partitions: Iterable[Partition]) -> int:
    """Appends rows against a pinned version; returns the new version. ``partitions``: the partitions of the rows.

    Raises deltalake's CommitFailedError if another writer committed first.
    """
    with stopping.committing(), storage_faults(f"{table_version.table.name} at {table_version.uri}"):
        write_deltalake(
            table_version.delta,
            data,
            mode="append",
            target_file_size=TARGET_FILE_SIZE,
            writer_properties=WRITER,
            commit_properties=commit_properties("append", {v for p in partitions for v in p if isinstance(v, date)}),
        )
    committed = TableVersion(table_version.table, table_version.uri, table_version.delta)
    record(table_version.uri, committed.version)
    keep(committed)
    return committed.version


def with_retries(table: str, tries: int, write: Callable[[], Result]) -> Result:
    """Calls ``write`` again each time another writer committed first. Raises Conflict after ``tries`` attempts."""
    for attempt in range(tries):
        try:
            return write()
        except CommitFailedError as error:
            lost = error
            # Doubling with jitter from 20 ms, 2 s at most: a merge of a day takes about that long.
            stopping.wait(random.uniform(0.5, 1.0) * min(2.0, 0.02 * 2**attempt))  # noqa: S311 - jitter
    raise Conflict(f"{table}: other writers committed first {tries} times in a row") from lost


def chunks(data: pa.Table | pa.RecordBatchReader) -> Iterable[pa.Table]:
    """Tables of one commit each: a table as it is, a reader in chunks of 64 MiB."""
    if isinstance(data, pa.Table):
        yield data
        return
    batches: list[pa.RecordBatch] = []
    size = 0
    for batch in data:
        batches.append(batch)
        size += batch.nbytes
        if size >= APPEND_BYTES:
            yield pa.Table.from_batches(batches)
            batches, size = [], 0
    if batches:
        yield pa.Table.from_batches(batches)
