"""Opening, creating and migrating Delta tables, with a cache of opened handles.

Belongs here: how a table version is opened and whether its log is intact. Delta-rs runs its own threads: a process that
has opened a table must spawn other processes, never fork.

Opening a table costs 4 ms, or 11 ms if fifty commits follow the checkpoint, and a run opens tables some hundreds of
times: each thread caches the handles that it opened and returns them while the log has no newer entry (0.02 ms).
"""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from echelon_pipeline.errors import CorruptStore
from echelon_pipeline.lake.delta import CHECKPOINT_EVERY, TableVersion, ranged, stored_version
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.tables import Table


class _Cache(threading.local):
    """The latest version that this thread opened of each table, by URI, with the identity of its last log entry."""

    def __init__(self) -> None:
        self.tables: dict[str, tuple[TableVersion, _Entry]] = {}


_Entry = tuple[int, int, int]
_CACHE = _Cache()


def open_table(table: Table, uri: str, version: int | None = None) -> TableVersion | None:
    """The table at a version (default: the latest); None if it does not exist.

    Raises NewerLake if newer code wrote it, CorruptStore if its log cannot be read.
    """
    if version is None and (cached := _cached(table, uri)):
        return cached
    try:
        with storage_faults(f"{table.name} at {uri}"):
            table_version = TableVersion(table, uri, DeltaTable(uri, version=version))
    except TableNotFoundError:
        _require_folder(table, uri)
        return None
    except CorruptStore:
        if missing := _first_missing_entry(uri):
            raise CorruptStore(
                f"{table.name}: {missing} is missing from the table's log: restore it from a backup"
            ) from None
        raise
    if version is None:
        return _opened(table_version)
    _require_whole_log(table_version)
    return table_version


def keep(table_version: TableVersion) -> None:
    """Caches a version of a table in a folder for this thread; the caller must not commit with its handle any more."""
    entry = _entry(table_version.uri, table_version.version)
    if entry is not None:
        _CACHE.tables[table_version.uri] = table_version, entry


def _cached(table: Table, uri: str) -> TableVersion | None:
    """The cached handle, moved to the latest version: reading new log entries takes half as long as opening."""
    if uri not in _CACHE.tables:
        return None
    table_version, entry = _CACHE.tables[uri]
    # The entry is compared too: a table that was deleted and created again counts its versions from 0.
    if table_version.table is not table or _entry(uri, table_version.version) != entry:
        del _CACHE.tables[uri]
        return None
    if _entry(uri, table_version.version + 1) is None:
        return table_version
    delta = _take(table_version).delta
    with storage_faults(f"{table.name} at {uri}"):
        delta.update_incremental()
    return _opened(TableVersion(table, uri, delta))


def _opened(table_version: TableVersion) -> TableVersion:
    _require_whole_log(table_version)
    keep(table_version)
    return table_version


def _take(table_version: TableVersion) -> TableVersion:
    """Removes a version from the cache, for a caller that will commit with its handle. The file list is read before,
    so that other readers of this object still get the files of its version."""
    _CACHE.tables.pop(table_version.uri, None)
    _ = table_version.files
    return table_version


def _entry(uri: str, version: int) -> _Entry | None:
    if "://" in uri:
        return None  # a request to an object store costs as much as opening the table
    try:
        stat = _log_entry(uri, version).stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _log_entry(uri: str, version: int) -> Path:
    return Path(uri, "_delta_log", f"{version:020d}.json")


def _require_folder(table: Table, uri: str) -> None:
    """Raises CorruptStore if the table's folder or one of its parents is a file."""
    if "://" in uri:
        return
    nearest = next(place for place in (Path(uri), *Path(uri).parents) if place.exists())
    if not nearest.is_dir():
        raise CorruptStore(f"{table.name}: {nearest} is a file where a folder of the lake was expected")


def _first_missing_entry(uri: str) -> Path | None:
    """The first log entry that is missing between others, if the table is in a folder."""
    log = Path(uri, "_delta_log")
    versions = sorted(int(entry.stem) for entry in log.glob("*.json") if entry.stem.isdigit())
    return next((_log_entry(uri, a + 1) for a, b in pairwise(versions) if b > a + 1), None)


def _require_whole_log(table_version: TableVersion) -> None:
    """Raises CorruptStore for an empty log entry, which a power cut can leave: delta-rs would skip it silently and
    lose the commit's rows. Checks only entries that may follow the last checkpoint."""
    if "://" in table_version.uri:
        return
    for version in range(max(0, table_version.version - CHECKPOINT_EVERY), table_version.version + 1):
        entry = _log_entry(table_version.uri, version)
        if entry.exists() and entry.stat().st_size == 0:
            raise CorruptStore(f"{table_version.table.name}: {entry} cannot be read: the log entry is empty")


def open_for_write(table: Table, uri: str) -> TableVersion:
    """The latest version with the registry's columns; creates the table if it does not exist.

    Raises deltalake's CommitFailedError if another process created or migrated the table at the same time.
    """
    table_version = open_table(table, uri)
    if table_version is None:
        _create(table, uri)
        table_version = open_table(table, uri)
        if table_version is None:
            raise CommitFailedError(f"{uri} was created and is gone again")
    missing = table_version.missing_columns()
    if missing:
        table_version.delta.alter.add_columns(list(Schema.from_arrow(pa.schema([c.arrow for c in missing])).fields))
    if stored_version(table_version.delta) < table.version:
        table_version.delta.alter.set_table_description(_description(table))
    return TableVersion(table, uri, _take(table_version).delta)


def _create(table: Table, uri: str) -> None:
    configuration: dict[str, str | None] = {
        "delta.dataSkippingStatsColumns": ",".join(ranged(table)),
        "delta.checkpointInterval": str(CHECKPOINT_EVERY),
        "delta.logRetentionDuration": "interval 7 days",
    }
    try:
        DeltaTable.create(
            uri,
            schema=table.arrow_schema(),
            mode="ignore",
            partition_by=list(table.partition_by),
            name=table.name,
            description=_description(table),
            configuration=configuration,
        )
    except DeltaError as error:
        # Two processes may create the table at once; on the retry the slower one finds it.
        raise CommitFailedError(str(error)) from error
    if table.private and "://" not in uri:
        Path(uri).chmod(0o700)


def _description(table: Table) -> str:
    return f"v{table.version}: {table.about}"
