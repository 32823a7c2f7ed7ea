"""Delta tables at a pinned version: opening, creating, migrating, and which files they consist of.

Belongs here: the table format. What is written is decided in ``lake.py`` and ``merge.py``. Delta-rs runs
its own threads: a process that has opened a table must not be forked, only spawned.

Opening a table costs 4 ms, 11 ms where fifty commits follow the checkpoint, and a run opens some hundreds of times:
each thread keeps what it opened and gives it again while the log has no newer entry (0.02 ms).
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
from echelon_pipeline.lake.damage import note
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.sqltools.text import file_list, literal, quote
from echelon_pipeline.tables import Column, Table

Where = Mapping[str, Sequence[object]]
Partition = tuple[object, ...]

# Compressed bytes that delta-rs gathers before it closes a file; files of this size are fast to read.
TARGET_FILE_SIZE = 64 * 2**20
# A row group is gathered in memory by each open partition: 32,768 instruments of 1 kB are 32 MB, times 16 buckets.
WRITER = WriterProperties(compression="ZSTD", compression_level=3, max_row_group_size=32_768)
CHECKPOINT_EVERY = 50  # commits
_VERSION = re.compile(r"^v(\d+): ")


@dataclass(frozen=True)
class DataFile:
    """One data file of a version; ``low`` and ``high``: its range of the first sort column, where known."""

    path: str
    size: int
    rows: int
    partition: Partition
    low: Any = None
    high: Any = None

    @property
    def day(self) -> date:
        """The UTC day of a file of a table partitioned by date; ValueError for another table's."""
        for value in self.partition:
            if isinstance(value, date):
                return value
        raise ValueError(f"{self.path} is of no day")


class Snapshot:
    """One pinned version of one table: what a reader reads and a writer commits against.

    ``delta``: delta-rs's handle, which a commit moves on to the version that it makes.
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
                f"{table.name} at {uri} has version {version} of its columns, this code knows {table.version}: "
                f"upgrade echelon-pipeline before reading or writing it"
            )

        self.version = delta.version()

    @property
    def table_id(self) -> str:
        """Delta's id of the table: another id is another table, whatever its name."""
        return str(self.delta.metadata().id)

    @cached_property
    def files(self) -> tuple[DataFile, ...]:
        """Every data file, by name. Reads the log only, never the data."""
        actions = pa.table(self.delta.get_add_actions(flatten=True)).to_pylist()
        first = self.table.sort_by[0]
        found = [
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
        return tuple(sorted(found, key=lambda f: f.path))

    def select(self, files: Sequence[str]) -> str:
        """A SELECT of exactly the registry's columns and types over some of the files."""
        return self.select_from(file_list(list(files))) if files else empty_select(self.table)

    def select_from(self, files: str) -> str:
        """The same over a SQL expression that gives a list of file names."""
        note(self.table.name, self.uri, self.files)
        types = ", ".join(f"{literal(c)}: {self.table.column(c).type.value}" for c in self.table.partition_by)
        hive = f", hive_partitioning = true, hive_types = {{{types}}}" if types else ""
        columns = ", ".join(self._column(c) for c in self.table.columns)
        if self.table.version == 1:
            return f"SELECT {columns} FROM read_parquet({files}{hive})"
        # Looking into every footer costs 44 ms per 1,000 files: only tables whose columns changed need it. Of some
        # partitions no file may have a column that the table has by now: the empty relation names them all.
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
        """Commits later than a version up to this one, newest first; fewer where the log no longer has them."""
        found = self.delta.history(self.delta.version() - after)
        return [c for c in found if after < c["version"] <= self.version]

    def missing_columns(self) -> list[Column]:
        """Columns that the registry has and the stored table does not."""
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
    """Version of the columns that a stored table says it has; 1 where it says nothing."""
    match = _VERSION.match(delta.metadata().description or "")
    return int(match.group(1)) if match else 1


class _Kept(threading.local):
    """What this thread opened last, by URI, and the log entry that told its version."""

    def __init__(self) -> None:
        self.tables: dict[str, tuple[Snapshot, _Entry]] = {}


_Entry = tuple[int, int, int]
_KEPT = _Kept()


def open_table(table: Table, uri: str, version: int | None = None) -> Snapshot | None:
    """The table at a version (default: the latest); None where it does not exist.

    Raises NewerLake where it was written by newer code, CorruptStore where its log cannot be read.
    """
    if version is None and (kept := _kept(table, uri)):
        return kept
    try:
        with storage_faults(f"{table.name} at {uri}"):
            snapshot = Snapshot(table, uri, DeltaTable(uri, version=version))
    except TableNotFoundError:
        _require_folder(table, uri)
        return None
    except CorruptStore:
        if missing := _hole(uri):
            raise CorruptStore(
                f"{table.name}: {missing} is missing from the table's log: restore it from a backup"
            ) from None
        raise
    if version is None:
        return _opened(snapshot)
    _require_whole_log(snapshot)
    return snapshot


def keep(snapshot: Snapshot) -> None:
    """Spares this thread the next opening, of a table in a folder; nobody may commit with this handle any more."""
    entry = _entry(snapshot.uri, snapshot.version)
    if entry is not None:
        _KEPT.tables[snapshot.uri] = snapshot, entry


def _kept(table: Table, uri: str) -> Snapshot | None:
    """What was kept, moved on to the latest version: reading new log entries takes half as long as opening."""
    if uri not in _KEPT.tables:
        return None
    snapshot, entry = _KEPT.tables[uri]
    # The entry is compared as well: a table that was deleted and made again counts its versions from 0.
    if snapshot.table is not table or _entry(uri, snapshot.version) != entry:
        del _KEPT.tables[uri]
        return None
    if _entry(uri, snapshot.version + 1) is None:
        return snapshot
    delta = _take(snapshot).delta
    with storage_faults(f"{table.name} at {uri}"):
        delta.update_incremental()
    return _opened(Snapshot(table, uri, delta))


def _opened(snapshot: Snapshot) -> Snapshot:
    _require_whole_log(snapshot)
    keep(snapshot)
    return snapshot


def _take(snapshot: Snapshot) -> Snapshot:
    """Gives the handle to the caller alone, who will move it on: who reads the snapshot reads its version's files."""
    _KEPT.tables.pop(snapshot.uri, None)
    _ = snapshot.files
    return snapshot


def _entry(uri: str, version: int) -> _Entry | None:
    if "://" in uri:
        return None  # asking an object store costs as much as opening
    try:
        found = _log_entry(uri, version).stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _log_entry(uri: str, version: int) -> Path:
    return Path(uri, "_delta_log", f"{version:020d}.json")


def _require_folder(table: Table, uri: str) -> None:
    """Raises CorruptStore where a file stands in place of a folder of the table: it is not an empty one."""
    if "://" in uri:
        return
    there = next(place for place in (Path(uri), *Path(uri).parents) if place.exists())
    if not there.is_dir():
        raise CorruptStore(f"{table.name}: {there} is a file where a folder of the lake was expected")


def _hole(uri: str) -> Path | None:
    """The first log entry that is missing between others, where the table is in a folder."""
    log = Path(uri, "_delta_log")
    held = sorted(int(entry.stem) for entry in log.glob("*.json") if entry.stem.isdigit())
    return next((_log_entry(uri, a + 1) for a, b in pairwise(held) if b > a + 1), None)


def _require_whole_log(snapshot: Snapshot) -> None:
    """Raises CorruptStore for an empty log entry, as a power cut leaves them: delta-rs would pass over it and
    the commit's rows would be gone without a word. Looks at what may lie after the last checkpoint only."""
    if "://" in snapshot.uri:
        return
    for version in range(max(0, snapshot.version - CHECKPOINT_EVERY), snapshot.version + 1):
        entry = _log_entry(snapshot.uri, version)
        if entry.exists() and entry.stat().st_size == 0:
            raise CorruptStore(f"{snapshot.table.name}: {entry} cannot be read: the log entry is empty")


def open_for_write(table: Table, uri: str) -> Snapshot:
    """The latest version, created where it does not exist, with the registry's columns.

    Raises deltalake's CommitFailedError where another process created or migrated it at the same time.
    """
    snapshot = open_table(table, uri)
    if snapshot is None:
        _create(table, uri)
        snapshot = open_table(table, uri)
        if snapshot is None:
            raise CommitFailedError(f"{uri} was created and vanished")
    missing = snapshot.missing_columns()
    if missing:
        snapshot.delta.alter.add_columns(list(Schema.from_arrow(pa.schema([c.arrow for c in missing])).fields))
    if stored_version(snapshot.delta) < table.version:
        snapshot.delta.alter.set_table_description(_description(table))
    return Snapshot(table, uri, _take(snapshot).delta)


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
        # Two processes may create it at once; the loser finds the winner's table.
        raise CommitFailedError(str(error)) from error
    if table.private and "://" not in uri:
        Path(uri).chmod(0o700)


def ranged(table: Table) -> list[str]:
    """Columns with file statistics: those that files are sorted by and keyed on. Of all 40 columns they would be
    most of the log."""
    return [c for c in dict.fromkeys((*table.sort_by, *table.key)) if c not in table.partition_by]


def _description(table: Table) -> str:
    return f"v{table.version}: {table.about}"


def commit_properties(note: str, dates: Iterable[date] = (), *, retries: int | None = None) -> CommitProperties:
    """Commits carry what was done and to which UTC days, for ``changes.py``: a compaction changes nothing."""
    days = json.dumps(sorted({str(d) for d in dates}))
    return CommitProperties(custom_metadata={"echelon": note, "dates": days}, max_commit_retries=retries)
