"""Delta tables at a pinned version: opening, creating, migrating, and the list of their data files.

Belongs here: the table format. ``lake.py`` and ``merge.py`` decide what is written. Delta-rs runs its own threads:
a process that has opened a table must spawn other processes, never fork.

Opening a table costs 4 ms, or 11 ms if fifty commits follow the checkpoint, and a run opens tables some hundreds of
times: each thread caches the handles that it opened and returns them while the log has no newer entry (0.02 ms).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, WriterProperties
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from echelon_pipeline.errors import CorruptStore, NewerLake
from echelon_pipeline.lake.damage import note_read
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.sqltools.text import file_list, literal, quote
from echelon_pipeline.tables import Column, Table

Where = Mapping[str, Sequence[object]]
Partition = tuple[object, ...]

# Delta-rs closes a file at this many compressed bytes; files of this size are fast to read.
TARGET_FILE_SIZE = 64 * 2**20
# Each open partition buffers one row group in memory: 32,768 instruments of 1 kB are 32 MB, times 16 buckets.
WRITER = WriterProperties(compression="ZSTD", compression_level=3, max_row_group_size=32_768)
CHECKPOINT_EVERY = 50  # commits
_VERSION = re.compile(r"^v(\d+): ")


@dataclass(frozen=True)
class DataFile:
    """One data file of a table version; ``low`` and ``high``: its range of the first sort column, if known."""

    path: str
    size: int
    rows: int
    partition: Partition
    low: Any = None
    high: Any = None

    @property
    def day(self) -> date:
        """The UTC day of the file; ValueError if its table is not partitioned by date."""
        for value in self.partition:
            if isinstance(value, date):
                return value
        raise ValueError(f"{self.path}: its table is not partitioned by date")


class TableVersion:
    """One pinned version of one table: readers read it, writers commit against it.

    ``delta``: delta-rs's handle; a commit moves it to the version that the commit made.
    """

    def __init__(self, table: Table, uri: str, delta: DeltaTable) -> None:
        self.table = table
        self.uri = uri
        self.delta = delta
        arrow: Any = pa.schema(delta.schema().to_arrow())  # type: ignore[arg-type]  # speaks the C data interface
        self._stored: dict[str, pa.DataType] = {f.name: f.type for f in arrow}
        version = stored_version(delta)
        if version > table.version:
            raise NewerLake(
                f"{table.name} at {uri} has columns of version {version}, this code supports up to {table.version}: "
                f"upgrade echelon-pipeline before reading or writing it"
            )

        self.version = delta.version()

    @property
    def table_id(self) -> str:
        """Delta's id of the table. A table that was deleted and created again under the same name has another id."""
        return str(self.delta.metadata().id)

    @cached_property
    def files(self) -> tuple[DataFile, ...]:
        """All data files, sorted by path. Reads the log only, never the data."""
        actions = pa.table(self.delta.get_add_actions(flatten=True)).to_pylist()
        first = self.table.sort_by[0]
        files = [
            DataFile(
                path=f"{self.uri}/{unquote(a['path'])}",
                size=a["size_bytes"],
                rows=a["num_records"] or 0,
                partition=tuple(a[f"partition.{c}"] for c in self.table.partition_by),
                low=a.get(f"min.{first}"),
                high=a.get(f"max.{first}"),
            )
            for a in actions
        ]
        return tuple(sorted(files, key=lambda f: f.path))

    def select(self, files: Sequence[str]) -> str:
        """A SELECT over some of the files, with exactly the columns and types of the registry."""
        return self.select_from(file_list(list(files))) if files else empty_select(self.table)

    def select_from(self, files: str) -> str:
        """The same as ``select``, over a SQL expression that gives a list of file names."""
        note_read(self.table.name, self.uri, self.files)
        types = ", ".join(f"{literal(c)}: {self.table.column(c).type.value}" for c in self.table.partition_by)
        hive = f", hive_partitioning = true, hive_types = {{{types}}}" if types else ""
        columns = ", ".join(self._column(c) for c in self.table.columns)
        if self.table.version == 1:
            return f"SELECT {columns} FROM read_parquet({files}{hive})"
        # Reading every footer costs 44 ms per 1,000 files: only tables whose columns changed need it. In some
        # partitions no file may have a new column of the table: the empty relation names all columns.
        some = f"FROM read_parquet({files}{hive}, union_by_name = true)"
        return f"SELECT {columns} FROM (({empty_select(self.table)}) UNION ALL BY NAME {some})"

    def _column(self, column: Column) -> str:
        name, stored = quote(column.name), self._stored.get(column.name)
        if stored is None:
            return f"CAST(NULL AS {column.type.value}) AS {name}"
        if column.name in self.table.partition_by or _same(stored, column.arrow.type):
            return name
        return f"CAST({name} AS {column.type.value}) AS {name}"

    def history(self, after: int) -> list[dict[str, Any]]:
        """Commits after a version up to this one, newest first; fewer if the log no longer has them."""
        commits = self.delta.history(self.delta.version() - after)
        return [c for c in commits if after < c["version"] <= self.version]

    def missing_columns(self) -> list[Column]:
        """Columns of the registry that the stored table lacks."""
        return [c for c in self.table.columns if c.name not in self._stored]


def _same(stored: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_list(stored) and pa.types.is_list(wanted):
        return bool(stored.value_type == wanted.value_type)  # the lists' inner field names differ
    return bool(stored == wanted)


def empty_select(table: Table) -> str:
    """A SELECT of the table's columns and types without rows."""
    columns = ", ".join(f"CAST(NULL AS {c.type.value}) AS {quote(c.name)}" for c in table.columns)
    return f"SELECT {columns} WHERE false"


def stored_version(delta: DeltaTable) -> int:
    """The column version in a stored table's description; 1 if it has none."""
    match = _VERSION.match(delta.metadata().description or "")
    return int(match.group(1)) if match else 1


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


def ranged(table: Table) -> list[str]:
    """Columns with file statistics: sort and key columns. Statistics of all 40 columns would be most of the log."""
    return [c for c in dict.fromkeys((*table.sort_by, *table.key)) if c not in table.partition_by]


def _description(table: Table) -> str:
    return f"v{table.version}: {table.about}"


def commit_properties(note: str, dates: Iterable[date] = (), *, retries: int | None = None) -> CommitProperties:
    """Metadata of a commit for ``changes.py``: the kind of commit and the UTC days that it changed."""
    days = json.dumps(sorted({str(d) for d in dates}))
    return CommitProperties(custom_metadata={"echelon": note, "dates": days}, max_commit_retries=retries)
