"""The open publication: runs statements on it, and opens the next one when the file is replaced.

Belongs here: the connection of a reader, and errors of statements. ``publish/reader.py`` opens a file.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from echelon_pipeline.errors import BadQuery, CorruptStore, NotFound
from echelon_pipeline.publish.reader import read_published, require_whole
from echelon_pipeline.reading.catalog import Catalog
from echelon_pipeline.reading.frames import dicts
from echelon_pipeline.reading.running import Params, run

if TYPE_CHECKING:
    import pyarrow as pa

_FACTS = """
    SELECT max(sequence) AS sequence, max(built_at) AS built_at, max(code_version) AS code_version, max(lake) AS lake
    FROM meta.publication
"""


@dataclass(frozen=True)
class Place:
    """The published file, and the root that its views read instead of the lake at the time of the publication."""

    path: Path
    lake: str | None = None


@dataclass(frozen=True)
class PublicationInfo:
    """Which publication answers: a larger sequence is newer. ``lake``: the lake's root when it was built."""

    path: Path
    sequence: int
    built_at: datetime
    code_version: str
    lake: str


@dataclass(frozen=True)
class _Opened:
    connection: duckdb.DuckDBPyConnection
    closing: ExitStack
    state: tuple[int, ...]
    info: PublicationInfo
    catalog: Catalog


class OpenPublication:
    """One connection, used by one thread at a time. Closed by ``close``, or when it is garbage."""

    def __init__(
        self, place: Place, *, threads: int | None = None, memory_limit_mb: int | None = None, follow: bool = True
    ) -> None:
        self.place = place
        self._threads = threads
        self._memory_limit_mb = memory_limit_mb
        self._follow = follow
        self._lock = threading.RLock()
        self._closed = False
        self._opened = self._open()

    @property
    def info(self) -> PublicationInfo:
        """Which publication answers now."""
        with self._lock:
            return self._current().info

    @property
    def last_info(self) -> PublicationInfo:
        """Which publication answered last: never fails, also after ``close``."""
        return self._opened.info

    @property
    def catalog(self) -> Catalog:
        """Tables and columns of the publication that answers now."""
        with self._lock:
            return self._current().catalog

    def rows(self, text: str, params: Params | None = None, frames: Mapping[str, object] | None = None) -> pa.Table:
        """The rows of a statement. ``frames``: relations of the caller's, by name.

        Raises BadQuery if DuckDB refuses the statement, CorruptStore if a lake file that it reads is missing or
        damaged.
        """
        with self._lock:
            opened = self._current()
            try:
                return run(opened.connection, text, params, frames or {})
            except duckdb.Error as error:
                newer = self._current() if isinstance(error, duckdb.IOException) else opened
                if newer is not opened:  # maintenance deletes the files of a view some time after it was replaced
                    return run(newer.connection, text, params, frames or {})
                self._require_lake(error)
                require_whole(opened.connection, self.place.lake, error)
                raise BadQuery(str(error).strip()) from error

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._opened.closing.close()

    def _current(self) -> _Opened:
        if self._closed:
            raise BadQuery(f"the reader of {self.place.path} is closed")
        state = _state(self.place.path) if self._follow else self._opened.state
        if not state:
            raise NotFound(f"{self.place.path} was removed after it was opened: `echelon publish` makes it again")
        if state != self._opened.state:
            newer, older = self._open(), self._opened
            self._opened = newer
            older.closing.close()
        return self._opened

    def _require_lake(self, error: duckdb.Error) -> None:
        """Raises NotFound if a view's files are missing because the lake is somewhere else."""
        if isinstance(error, duckdb.IOException):
            root = self.place.lake or self._opened.info.lake
            if "://" not in root and not Path(root).is_dir():
                raise NotFound(
                    f"{root} does not exist: the table is a view over files there. Open the home, or pass lake=…"
                ) from error

    def _open(self) -> _Opened:
        state = _state(self.place.path)
        with ExitStack() as closing:
            connection = closing.enter_context(
                read_published(
                    self.place.path,
                    lake=self.place.lake,
                    memory_limit_mb=self._memory_limit_mb,
                    threads=self._threads,
                )
            )
            connection.execute("SET python_enable_replacements = false")  # no variable of a caller is a table
            info, catalog = _facts(connection, self.place.path)
            kept = closing.pop_all()
        weakref.finalize(self, kept.close)
        return _Opened(connection, kept, state, info, catalog)


def _facts(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[PublicationInfo, Catalog]:
    try:
        (facts,) = dicts(connection.sql(_FACTS).to_arrow_table())
        catalog = Catalog.of(connection, path)
    except duckdb.Error as error:
        raise CorruptStore(f"{path} is no publication: expected a file that `echelon publish` made") from error
    if facts["sequence"] is None:
        raise CorruptStore(f"{path} has an empty meta.publication: `echelon publish --force` builds it again")
    return PublicationInfo(path, **facts), catalog


def _state(path: Path) -> tuple[int, ...]:
    """What changes when a file is replaced; empty if it does not exist."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return ()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
