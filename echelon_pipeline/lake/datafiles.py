"""Data files of a merge or a mart: DuckDB writes one per partition, a Delta commit adds them by name.

Belongs here: writing and committing files. ``merge.py`` and ``marts/marts.py`` decide which rows they contain. DuckDB
sorts and writes on all cores and within its memory limit. Delta-rs would write rows that it gets as Arrow on one core
and keep them in memory until the commit: for a million trades 1.6 times the processor time and 200 MB more.
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
from echelon_pipeline.lake.checksums import record
from echelon_pipeline.lake.delta import DataFile, Partition, TableVersion, commit_properties, ranged
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.lake.opening import keep, open_table
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.tables import T

# zstd, small row groups as delta-rs writes them for appends, encodings that every reader supports. The writer gives a
# dictionary up after 2,000 values, which costs little: in sorted rows most columns have few values in a row group.
FORMAT = (
    "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 32768, "
    "DICTIONARY_SIZE_LIMIT 2000, WRITE_BLOOM_FILTER false, RETURN_STATS"
)
_NO_ROWS = "{}"  # statistics of a file without rows, which is discarded: the merge removed every row of its partition


# Up to this many rows, one statement writes all partitions: one by one, 16 small ones cost 16 x 10 ms, each with
# a comparison of its own. That statement buffers rows per partition, so larger writes stream one partition at a time.
TOGETHER_ROWS = 100_000

Rows = Callable[[Sequence[Partition]], str]


def write_files(
    connection: duckdb.DuckDBPyConnection,
    table_version: TableVersion,
    partitions: Sequence[Partition],
    rows: Rows,
    count: int,
) -> list[AddAction]:
    """Writes files that no version names yet. ``rows``: gives a SELECT of the rows of some partitions, in file order;
    ``count``: approximate number of all rows."""
    stem = f"part-{secrets.token_hex(8)}"
    together = len(partitions) > 1 and count <= TOGETHER_ROWS
    added: list[AddAction] = []
    try:
        for group in [partitions] if together else [[p] for p in partitions]:
            added += _write(connection, table_version, stem, group, rows(group))
    except Exception:
        if "://" not in table_version.uri:
            for path in Path(table_version.uri).rglob(f"{stem}-*"):
                path.unlink(missing_ok=True)
        raise
    empty = [file for file in added if file.stats == _NO_ROWS]
    discard(table_version, empty)
    return [file for file in added if file not in empty]


def _write(
    connection: duckdb.DuckDBPyConnection,
    table_version: TableVersion,
    stem: str,
    group: Sequence[Partition],
    query: str,
) -> list[AddAction]:
    by = table_version.table.partition_by
    if len(group) == 1:
        folders = [f"{c}={quote(str(v), safe='')}" for c, v in zip(by, group[0], strict=True)]
        target = "/".join([table_version.uri, *folders, f"{stem}-{secrets.token_hex(16)}.zstd.parquet"])
        if "://" not in target:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
        stored = ", ".join(f'"{c}"' for c in table_version.table.names if c not in by)
        copy = f"COPY (SELECT {stored} FROM ({query})) TO {literal(target)} ({FORMAT})"
    else:
        parts = f"PARTITION_BY ({', '.join(by)}), FILENAME_PATTERN '{stem}-{{uuidv4}}', APPEND true"
        copy = f"COPY ({query}) TO {literal(table_version.uri)} ({FORMAT}, {parts})"
    only = dict(zip(by, map(str, group[0]), strict=True))
    written = connection.execute(copy).fetchall()
    if table_version.table.private and "://" not in table_version.uri:
        for path, *_ in written:
            Path(path).chmod(0o600)
    return [
        AddAction(
            path=path.removeprefix(f"{table_version.uri}/"),
            size=size,
            partition_values={c: str((keys or only)[c]) for c in by},
            modification_time=_now(),
            data_change=True,
            stats=json.dumps(_statistics(table_version, count, columns)) if count else _NO_ROWS,
        )
        for path, count, size, _, columns, keys, *_ in written
    ]


def _statistics(table_version: TableVersion, rows: int, columns: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """Delta's statistics of a file, for the columns that have a range in the log."""
    low: dict[str, object] = {}
    high: dict[str, object] = {}
    nulls: dict[str, int] = {}
    for name in ranged(table_version.table):
        column = columns.get(f'"{name}"', {})
        if "null_count" in column:
            nulls[name] = int(column["null_count"])
        if column.get("min_is_exact") == "true" and column.get("max_is_exact") == "true":
            kind = table_version.table.column(name).type
            low[name], high[name] = _value(kind, column["min"]), _value(kind, column["max"])
    return {"numRecords": rows, "minValues": low, "maxValues": high, "nullCount": nulls}


def _value(kind: T, text: str) -> object:
    if kind in (T.INT, T.BIGINT):
        return int(text)
    if kind is T.TIME:
        return f"{datetime.fromisoformat(text):%Y-%m-%dT%H:%M:%S.%fZ}"
    return text


def commit_files(
    table_version: TableVersion, added: Sequence[AddAction], partitions: Sequence[Partition], tries: int
) -> int:
    """Replaces all files of these partitions in the pinned version; returns the new version.

    If another writer committed to other partitions only, the same files are committed again. Raises deltalake's
    CommitFailedError if another writer changed one of these partitions, or after ``tries``; then the files are deleted.
    """
    pinned = _files_of(table_version, partitions)
    for _ in range(tries):
        with storage_faults(f"{table_version.table.name} at {table_version.uri}"), suppress(CommitFailedError):
            return _commit(table_version, added, pinned, "merge", partitions)
        latest = open_table(table_version.table, table_version.uri)
        if latest is None or _files_of(latest, partitions) != pinned or latest.missing_columns():
            break
        table_version = latest
    discard(table_version, added)
    raise CommitFailedError(f"{table_version.table.name}: another writer committed first")


def exchange_files(
    table_version: TableVersion, added: Sequence[AddAction], replaced: Sequence[DataFile], tries: int
) -> int | None:
    """Replaces files by others with the same rows; other writers may add and remove other files meanwhile.

    None if another writer removed one of ``replaced``, or after ``tries``; then the new files are deleted.
    """
    paths = {f.path for f in replaced}
    for _ in range(tries):
        with storage_faults(f"{table_version.table.name} at {table_version.uri}"), suppress(CommitFailedError):
            return _commit(table_version, added, replaced, "compact", ())
        latest = open_table(table_version.table, table_version.uri)
        if latest is None or not paths <= {f.path for f in latest.files} or latest.missing_columns():
            break
        table_version = latest
    discard(table_version, added)
    return None


def _commit(
    table_version: TableVersion,
    added: Sequence[AddAction],
    replaced: Sequence[DataFile],
    note: str,
    partitions: Sequence[Partition],
) -> int:
    by = table_version.table.partition_by
    removed = [
        RemoveAction(
            f.path.removeprefix(f"{table_version.uri}/"),
            True,
            _now(),
            f.size,
            {c: str(v) for c, v in zip(by, f.partition, strict=True)},
        )
        for f in replaced
    ]
    days = {v for p in partitions for v in p if isinstance(v, date)}
    with stopping.committing():
        table_version.delta.create_write_transaction(
            [*added, *removed],
            mode="append",
            schema=table_version.delta.schema(),
            partition_by=list(by),
            # No retries by delta-rs: it does not know which files were read and would let two writers fill the same
            # empty partition.
            commit_properties=commit_properties(note, days, retries=0),
        )
    record(table_version.uri, table_version.version + 1)
    keep(table_version)
    return table_version.version + 1


def _files_of(table_version: TableVersion, partitions: Sequence[Partition]) -> list[DataFile]:
    wanted = set(partitions)
    return [f for f in table_version.files if f.partition in wanted]


def discard(table_version: TableVersion, added: Sequence[AddAction]) -> None:
    """Deletes files that were never committed; in an object store, maintenance deletes them."""
    if "://" not in table_version.uri:
        for file in added:
            Path(table_version.uri, file.path).unlink(missing_ok=True)


def _now() -> int:
    return int(time.time() * 1000)
