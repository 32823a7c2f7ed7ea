"""DuckDB connections: in memory, limited, UTC, with the project's macros.

Belongs here: opening and configuring connections. Statements come from ``sql/``.

A process has one in-memory database per configuration, and every connection is a session of it: opening one
costs 0.2 ms where a database of its own costs 20 ms (the macros), and the memory limit is the process's, not
each connection's. Sessions share nothing but macros: everything that is created must be TEMP.
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
from echelon_pipeline.sqltools.made_macros import made_macros
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.sqltools.text import literal

# Files in scratch, read once by DuckDB: half the time of the defaults and a seventh smaller. Most columns hold few
# words or ids of their own; a dictionary that is given up after 2,000 values costs little. Small row groups are
# encoded on all cores: a chunk of 200,000 trades fills two of the default size.
STAGED = (
    "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2, ROW_GROUP_SIZE 32768, "
    "DICTIONARY_SIZE_LIMIT 2000, WRITE_BLOOM_FILTER false"
)

_Key = tuple[int, int, int, Path | None, tuple[str, ...]]
_INSTANCES: dict[_Key, duckdb.DuckDBPyConnection] = {}
_LOCK = threading.Lock()

# Seconds. A shorter session has not touched much memory, and giving back costs it 0.5 ms.
BRIEF = 0.02


@contextmanager
def connect(
    *, memory_limit_mb: int = 512, threads: int = 2, scratch: Path | None = None, private: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session, closed on the way out whatever happens; its temporary objects go with it.

    ``scratch``: where large computations spill, in a folder of the process. ``private``: a database of its
    own, for what is not TEMP (ATTACH). Extensions are never fetched: none can be had offline, and a silent
    download would be a surprise.
    """
    if private:
        connection = _open(memory_limit_mb, threads, scratch)
    else:
        # The process id keeps a forked child from using its parent's database.
        key = (getpid(), memory_limit_mb, threads, scratch, tuple(made_macros()))
        with _LOCK:
            if key not in _INSTANCES:
                _INSTANCES[key] = _open(memory_limit_mb, threads, scratch)
            connection = _INSTANCES[key].cursor()
    begun = time.monotonic()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")  # else spawned processes print one
        with stopping.interrupting(connection.interrupt):
            yield connection
    finally:
        connection.close()
        if not private and time.monotonic() - begun > BRIEF:
            _give_back(key)


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
    for text in made_macros():
        connection.execute(text)
    load_macros(connection)
    return connection


def _give_back(key: _Key) -> None:
    """Hands freed pages to the system: setting the limit is the one statement that does (10 ms for 200 MB). DuckDB's
    allocator keeps them otherwise, while delta-rs and Arrow need as much again.

    In a session of its own: DuckDB 2 refuses a second statement on a connection that is busy, and threads may end
    their sessions at the same instant."""
    with _LOCK:
        connection = _INSTANCES[key].cursor()
    with connection:
        connection.execute(f"SET memory_limit = '{key[1]}MB'")


def load_macros(connection: duckdb.DuckDBPyConnection, folder: str = "macros") -> None:
    """Creates every macro of a folder; a macro that uses others waits for them. CatalogException if none can."""
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
