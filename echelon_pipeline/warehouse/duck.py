"""DuckDB connections: in memory, limited, UTC, with the project's macros.

Belongs here: opening and configuring connections. Statements come from ``sql/``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from echelon_pipeline.sqlfiles import statements


@contextmanager
def connect(
    *, memory_limit_mb: int = 512, threads: int = 2, scratch: Path | None = None, database: str = ":memory:"
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A configured connection, closed on the way out whatever happens.

    Extensions are never fetched: none can be had offline, and a silent download would be a surprise.
    """
    connection = duckdb.connect(
        database,
        config={
            "memory_limit": f"{memory_limit_mb}MB",
            "threads": threads,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        if scratch is not None:
            scratch.mkdir(parents=True, exist_ok=True)
            connection.execute(f"SET temp_directory = {literal(str(scratch / 'spill'))}")
        for macro in statements("macros"):
            connection.execute(macro.text)
        yield connection
    finally:
        connection.close()


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def file_list(paths: list[str]) -> str:
    """A SQL list of file names for ``read_parquet``; the caller guards against an empty list."""
    return "[" + ", ".join(literal(p) for p in paths) + "]"
