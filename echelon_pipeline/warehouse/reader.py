"""Reading the published file the way every reader does: read-only, limited, UTC.

Belongs here: opening a publication for queries. Building one is ``publish.py``; nobody writes to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from echelon_pipeline.errors import CorruptStore, NotFound


@contextmanager
def read_published(
    path: Path, *, lake: str | None = None, memory_limit_mb: int = 512, threads: int = 2
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to a published file, closed on the way out.

    ``lake``: root that the views over large tables read from; default is the root at publication.
    Raises NotFound where nothing was published yet, CorruptStore where the file cannot be opened.
    """
    if not path.exists():
        raise NotFound(f"{path} does not exist yet. Run `echelon demo` or `echelon ingest`, then `echelon publish`.")
    try:
        connection = duckdb.connect(
            str(path.absolute()),  # DuckDB takes a ~ at the beginning for the user's folder
            read_only=True,
            config={
                "memory_limit": f"{memory_limit_mb}MB",
                "threads": threads,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise CorruptStore(
            f"{path} cannot be opened: {first}. The lake is the truth: `echelon publish --force` builds the file anew."
        ) from error
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")  # else spawned processes print one
        if lake is not None:
            connection.execute("SET VARIABLE lake = ?", [lake])
        yield connection
    finally:
        connection.close()
