"""DuckDB connections: in memory, with limits, in UTC, with the project's macros.

Belongs here: opening and configuring connections. Statements come from ``sql/``.

A process has one in-memory database per configuration, and all its connections share that database: opening a
connection costs 0.2 ms, a database of its own 20 ms (the macros), and the memory limit applies to the process, not to
each connection. Connections share only macros: every object that a statement creates must be TEMP.
"""

from __future__ import annotations

import atexit
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid
from pathlib import Path

import duckdb

from echelon_pipeline import stopping
from echelon_pipeline.sqltools.generated_macros import generated_macros, macro_folders
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.sqltools.text import literal

# Format of files in scratch, which DuckDB reads once: half the time of the defaults, and a seventh smaller. Most
# columns have few distinct values or only unique ids; giving a dictionary up after 2,000 values costs little. Small
# row groups are encoded on all cores: a chunk of 200,000 trades fills only two row groups of the default size.
STAGED = (
    "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2, ROW_GROUP_SIZE 32768, "
    "DICTIONARY_SIZE_LIMIT 2000, WRITE_BLOOM_FILTER false"
)

_Key = tuple[int, int, int, Path | None, tuple[str, ...]]
_INSTANCES: dict[_Key, duckdb.DuckDBPyConnection] = {}
_LOCK = threading.Lock()

# A shorter connection has not used much memory, and releasing memory costs 0.5 ms.
BRIEF_SECONDS = 0.02


@contextmanager
def connect(
    *, memory_limit_mb: int = 512, threads: int = 2, scratch: Path | None = None, private: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection, always closed at the end together with its temporary objects.

    ``scratch``: folder for the spill files of large computations. ``private``: a database of its own, for objects
    that are not TEMP (ATTACH). Extensions are never downloaded: a process must not depend on a network connection.
    """
    if private:
        connection = _open(memory_limit_mb, threads, scratch)
    else:
        # The process id keeps a forked child from using its parent's database.
        key = (getpid(), memory_limit_mb, threads, scratch, (*macro_folders(), *generated_macros()))
        with _LOCK:
            if key not in _INSTANCES:
                _INSTANCES[key] = _open(memory_limit_mb, threads, scratch)
            connection = _INSTANCES[key].cursor()
    started = time.monotonic()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")  # otherwise spawned processes print one
        with stopping.interrupting(connection.interrupt):
            yield connection
    finally:
        connection.close()
        if not private and time.monotonic() - started > BRIEF_SECONDS:
            _release_memory(key)


def _open(memory_limit_mb: int, threads: int, scratch: Path | None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{memory_limit_mb}MB",
            "threads": threads,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    if scratch is not None:
        spill = scratch / f"spill-{getpid()}"
        spill.mkdir(parents=True, exist_ok=True)
        atexit.register(shutil.rmtree, spill, ignore_errors=True)
        connection.execute(f"SET temp_directory = {literal(str(spill))}")
    for text in generated_macros():
        connection.execute(text)
    for folder in macro_folders():
        load_macros(connection, folder)
    return connection


def _release_memory(key: _Key) -> None:
    """Returns freed pages to the system. Only setting the memory limit does this (10 ms for 200 MB); otherwise
    DuckDB's allocator keeps the pages, while delta-rs and Arrow need as much again.

    Uses a connection of its own: DuckDB 2 refuses a second statement on a busy connection, and threads may end
    their connections at the same time."""
    with _LOCK:
        connection = _INSTANCES[key].cursor()
    with connection:
        connection.execute(f"SET memory_limit = '{key[1]}MB'")


def load_macros(connection: duckdb.DuckDBPyConnection, folder: str = "macros") -> None:
    """Creates every macro of a folder, each after the macros that it uses. CatalogException if one is missing."""
    pending = list(statements(folder))
    while pending:
        waiting: list[Statement] = []
        for macro in pending:
            try:
                connection.execute(macro.text)
            except duckdb.CatalogException:
                if len(waiting) + 1 == len(pending):
                    raise
                waiting.append(macro)
        pending = waiting
