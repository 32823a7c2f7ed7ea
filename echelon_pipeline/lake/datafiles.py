"""Data files of a merge or a mart: DuckDB writes one per partition, a Delta commit adopts them by name.

Belongs here: writing and adopting files. Which rows they hold is decided in ``merge.py`` and ``marts/marts.py``. DuckDB
sorts and writes on all cores and within its memory limit; rows that go through Arrow to delta-rs are written by one
core and held in memory until the commit: for a million trades 1.6 times the processor time and 200 MB more.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote

import duckdb
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from echelon_pipeline import stopping
from echelon_pipeline.lake.checksums import note as note_checksums
from echelon_pipeline.lake.delta import DataFile, Partition, Snapshot, commit_properties, keep, open_table, ranged
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.tables import T

# zstd, small row groups as delta-rs writes them for appends, encodings that every reader knows. A dictionary that is
# given up after 2,000 values costs little; sorted rows hold few values of most columns in a row group.
FORMAT = (
    "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 32768, "
    "DICTIONARY_SIZE_LIMIT 2000, WRITE_BLOOM_FILTER false, RETURN_STATS"
)
_NO_ROWS = "{}"  # statistics of a file that is not kept: everything vanished from its partition


# Up to so many rows all partitions are written by one statement: 16 small ones cost 16 x 10 ms one by one, each with
# a comparison of its own. It gathers rows per partition, so large ones are streamed one after the other.
TOGETHER_ROWS = 100_000

Rows = Callable[[Sequence[Partition]], str]


def write_files(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, partitions: Sequence[Partition], rows: Rows, count: int
) -> list[AddAction]:
    """Writes files that no version names yet. ``rows``: a SELECT of some partitions' rows in the files' order;
    ``count``: about how many rows there are in all."""
    stem = f"part-{secrets.token_hex(8)}"
    together = len(partitions) > 1 and count <= TOGETHER_ROWS
    added: list[AddAction] = []
    try:
        for group in [partitions] if together else [[p] for p in partitions]:
            added += _write(connection, snapshot, stem, group, rows(group))
    except Exception:
        if "://" not in snapshot.uri:
            for path in Path(snapshot.uri).rglob(f"{stem}-*"):
                path.unlink(missing_ok=True)
        raise
    empty = [file for file in added if file.stats == _NO_ROWS]
    discard(snapshot, empty)
    return [file for file in added if file not in empty]


def _write(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, stem: str, group: Sequence[Partition], query: str
) -> list[AddAction]:
    by = snapshot.table.partition_by
    if len(group) == 1:
        folders = [f"{c}={quote(str(v), safe='')}" for c, v in zip(by, group[0], strict=True)]
        target = "/".join([snapshot.uri, *folders, f"{stem}-{secrets.token_hex(16)}.zstd.parquet"])
        if "://" not in target:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
        columns = ", ".join(f'"{c}"' for c in snapshot.table.names if c not in by)
        copied = f"COPY (SELECT {columns} FROM ({query})) TO {literal(target)} ({FORMAT})"
    else:
        parts = f"PARTITION_BY ({', '.join(by)}), FILENAME_PATTERN '{stem}-{{uuidv4}}', APPEND true"
        copied = f"COPY ({query}) TO {literal(snapshot.uri)} ({FORMAT}, {parts})"
    named = dict(zip(by, map(str, group[0]), strict=True))
    written = connection.execute(copied).fetchall()
    if snapshot.table.private and "://" not in snapshot.uri:
        for path, *_ in written:
            Path(path).chmod(0o600)
    return [
        AddAction(
            path=path.removeprefix(f"{snapshot.uri}/"),
            size=size,
            partition_values={c: str((keys or named)[c]) for c in by},
            modification_time=_now(),
            data_change=True,
            stats=json.dumps(_statistics(snapshot, count, found)) if count else _NO_ROWS,
        )
        for path, count, size, _, found, keys, *_ in written
    ]


def _statistics(snapshot: Snapshot, rows: int, columns: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """Delta's statistics of a file, of the columns that have a range in the log."""
    low: dict[str, object] = {}
    high: dict[str, object] = {}
    nulls: dict[str, int] = {}
    for name in ranged(snapshot.table):
        found = columns.get(f'"{name}"', {})
        if "null_count" in found:
            nulls[name] = int(found["null_count"])
        if found.get("min_is_exact") == "true" and found.get("max_is_exact") == "true":
            kind = snapshot.table.column(name).type
            low[name], high[name] = _value(kind, found["min"]), _value(kind, found["max"])
    return {"numRecords": rows, "minValues": low, "maxValues": high, "nullCount": nulls}


def _value(kind: T, text: str) -> object:
    if kind in (T.INT, T.BIGINT):
        return int(text)
    if kind is T.TIME:
        return f"{datetime.fromisoformat(text):%Y-%m-%dT%H:%M:%S.%fZ}"
    return text


def adopt(snapshot: Snapshot, added: Sequence[AddAction], partitions: Sequence[Partition], tries: int) -> int:
    """Commits files in place of all that the pinned version holds in these partitions; gives the new version.

    Commits to other partitions may come in between: then the same files are committed again. Raises deltalake's
    CommitFailedError where one changed a partition of ours, or after ``tries``; then the files are deleted.
    """
    pinned = _held(snapshot, partitions)
    for _ in range(tries):
        with storage_faults(f"{snapshot.table.name} at {snapshot.uri}"), suppress(CommitFailedError):
            return _commit(snapshot, added, pinned, "merge", partitions)
        latest = open_table(snapshot.table, snapshot.uri)
        if latest is None or _held(latest, partitions) != pinned or latest.missing_columns():
            break
        snapshot = latest
    discard(snapshot, added)
    raise CommitFailedError(f"{snapshot.table.name}: another writer was faster")


def exchange(snapshot: Snapshot, added: Sequence[AddAction], replaced: Sequence[DataFile], tries: int) -> int | None:
    """Commits files in place of others with the same rows; other files may come and go in between.

    None where another writer took one of ``replaced`` away, or after ``tries``; then the new files are deleted.
    """
    paths = {f.path for f in replaced}
    for _ in range(tries):
        with storage_faults(f"{snapshot.table.name} at {snapshot.uri}"), suppress(CommitFailedError):
            return _commit(snapshot, added, replaced, "compact", ())
        latest = open_table(snapshot.table, snapshot.uri)
        if latest is None or not paths <= {f.path for f in latest.files} or latest.missing_columns():
            break
        snapshot = latest
    discard(snapshot, added)
    return None


def _commit(
    snapshot: Snapshot,
    added: Sequence[AddAction],
    replaced: Sequence[DataFile],
    note: str,
    partitions: Sequence[Partition],
) -> int:
    by = snapshot.table.partition_by
    removed = [
        RemoveAction(
            f.path.removeprefix(f"{snapshot.uri}/"),
            True,
            _now(),
            f.size,
            {c: str(v) for c, v in zip(by, f.partition, strict=True)},
        )
        for f in replaced
    ]
    days = {v for p in partitions for v in p if isinstance(v, date)}
    with stopping.committing():
        snapshot.delta.create_write_transaction(
            [*added, *removed],
            mode="append",
            schema=snapshot.delta.schema(),
            partition_by=list(by),
            # No retries: delta-rs would let two writers fill the same empty partition, it does not know what we read.
            commit_properties=commit_properties(note, days, retries=0),
        )
    note_checksums(snapshot.uri, snapshot.version + 1)
    keep(snapshot)
    return snapshot.version + 1


def _held(snapshot: Snapshot, partitions: Sequence[Partition]) -> list[DataFile]:
    wanted = set(partitions)
    return [f for f in snapshot.files if f.partition in wanted]


def discard(snapshot: Snapshot, added: Sequence[AddAction]) -> None:
    """Deletes files that were never committed; in an object store, maintenance does."""
    if "://" not in snapshot.uri:
        for file in added:
            Path(snapshot.uri, file.path).unlink(missing_ok=True)


def _now() -> int:
    return int(time.time() * 1000)
