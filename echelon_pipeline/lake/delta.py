"""One pinned version of a Delta table: its files, its columns, SELECTs over them.

Belongs here: the table format. ``opening.py`` opens, creates and migrates tables; ``lake.py`` and ``merge.py`` decide
what is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties

from echelon_pipeline.errors import NewerLake
from echelon_pipeline.lake.damage import note_read
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


def ranged(table: Table) -> list[str]:
    """Columns with file statistics: sort and key columns. Statistics of all 40 columns would be most of the log."""
    return [c for c in dict.fromkeys((*table.sort_by, *table.key)) if c not in table.partition_by]


def commit_properties(note: str, dates: Iterable[date] = (), *, retries: int | None = None) -> CommitProperties:
    """Metadata of a commit for ``changes.py``: the kind of commit and the UTC days that it changed."""
    days = json.dumps(sorted({str(d) for d in dates}))
    return CommitProperties(custom_metadata={"echelon": note, "dates": days}, max_commit_retries=retries)
