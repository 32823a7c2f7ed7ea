"""Small files made into large ones: appends add a file each, and every read looks into all of them.

Belongs here: compacting a partition. When it is done is ``maintain.py``'s, and ``lake.py``'s after an append.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from deltalake.exceptions import CommitFailedError

from echelon_pipeline.warehouse.delta import TARGET_FILE_SIZE, WRITER, Partition, Snapshot, commit_properties

# An append leaves at most so many files of so many bytes together in a partition: reading 64 footers takes 15 ms, and
# writing 16 MB again every 64 appends takes half a second. Large ones wait for the daily round.
GATHER_FILES = 64
GATHER_BYTES = 16 * 2**20


def compact(snapshot: Snapshot, partition: Partition) -> bool | None:
    """Whether a partition of the latest version has fewer files now; None where another writer was faster."""
    filters = [(c, "=", str(v)) for c, v in zip(snapshot.table.partition_by, partition, strict=True)]
    try:
        result = snapshot.delta.optimize.compact(
            partition_filters=filters,
            target_size=TARGET_FILE_SIZE,
            max_concurrent_tasks=1,
            writer_properties=WRITER,
            commit_properties=commit_properties("compact"),
        )
    except CommitFailedError:
        snapshot.delta.update_incremental()
        return None
    return bool(result["numFilesAdded"] > 0)


def crowded(snapshot: Snapshot, partitions: Collection[Partition]) -> list[Partition]:
    """Those of the partitions that hold many small files."""
    counts: Counter[Partition] = Counter()
    sizes: Counter[Partition] = Counter()
    for file in snapshot.files:
        counts[file.partition] += 1
        sizes[file.partition] += file.size
    return [p for p in partitions if counts[p] > GATHER_FILES and sizes[p] <= GATHER_BYTES]
