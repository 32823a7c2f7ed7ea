"""Reading the published file the way every reader does: read-only, limited, UTC.

Belongs here: opening a publication for queries, and which statements a stranger may run on it. Building one is
``publish.py``; nothing writes to it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psutil

from echelon_pipeline.errors import BadSettings, Conflict, CorruptStore, NotFound, RefusedStatement

_HELD = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")
_EXPLAIN = re.compile(r"^\s*EXPLAIN\s+(?:ANALYZE\s+)?(?:\([^)]*\)\s*)?", re.IGNORECASE)
# PIVOT is a statement of several parts: DuckDB first looks up the columns that it makes.
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.MULTI}


@contextmanager
def read_published(
    path: Path, *, lake: str | None = None, memory_limit_mb: int = 512, threads: int = 2, locked: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to a published file, closed on the way out. It spills into the system's folder of
    temporary files, never beside the published file.

    ``lake``: root that the views over large tables read from; default is the root at publication. ``locked``: no
    access to any other file than those that the publication's views name, and no setting can be changed.
    Raises NotFound where nothing was published yet, Conflict where another process holds the file open for writing,
    BadSettings where it is a folder, CorruptStore where it cannot be opened.
    """
    if not path.exists():
        raise NotFound(f"{path} does not exist yet. Run `echelon demo` or `echelon ingest`, then `echelon publish`.")
    require_no_folder(path)
    # A folder of its own: DuckDB lets statements of a locked session read and write in its folder of temporary files.
    spill = tempfile.mkdtemp(prefix="echelon-spill-")
    try:
        connection = _open(path, memory_limit_mb, threads, spill)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")  # else spawned processes print one
            if lake is not None:
                connection.execute("SET VARIABLE lake = ?", [lake])
            if locked:
                _lock(connection, lake)
            yield connection
        finally:
            connection.close()
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def require_no_folder(path: Path) -> None:
    """Raises BadSettings where a folder stands in place of the published file."""
    if path.is_dir():
        raise BadSettings(f"{path} is a folder where the published file is to be: move it away, then `echelon publish`")


def _open(path: Path, memory_limit_mb: int, threads: int, spill: str) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(
            str(path.absolute()),  # DuckDB takes a ~ at the beginning for the user's folder
            read_only=True,
            config={
                "memory_limit": f"{memory_limit_mb}MB",
                "threads": threads,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "temp_directory": spill,
            },
        )
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        if held := _HELD.search(str(error)):
            raise Conflict(
                f"{path} is held open for writing by process {held['pid']} ({_program(held)}): close it there, or open "
                "it read-only (duckdb.connect(path, read_only=True)); `echelon publish` replaces a changed file"
            ) from error
        raise CorruptStore(
            f"{path} cannot be opened: {first}. The lake is the truth: `echelon publish --force` builds the file anew."
        ) from error


def _program(held: re.Match[str]) -> str:
    try:
        return psutil.Process(int(held["pid"])).name()
    except psutil.Error:
        return held["program"]


def _lock(connection: duckdb.DuckDBPyConnection, lake: str | None) -> None:
    # Another DuckDB file than a publication names no files.
    listed = connection.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'meta' AND table_name = 'files'")
    files: list[str] = []
    if listed.fetchall():
        query = "SELECT coalesce($lake, p.lake) || f.file FROM meta.files f JOIN meta.publication p USING (table_name)"
        files = [row[0] for row in connection.execute(query, {"lake": lake}).fetchall()]
    connection.execute("SET allowed_paths = $files", {"files": files})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def require_reading(text: str) -> None:
    """Raises RefusedStatement unless a text is one statement that reads: SELECT in any of its forms, or EXPLAIN of one.

    DuckDB refuses writes to the published file by itself, but not COPY, ATTACH or EXPORT to other places.
    """
    found = _statements(text)
    kinds = [s.type for s in found]
    if kinds == [duckdb.StatementType.EXPLAIN]:
        # EXPLAIN ANALYZE runs what it explains.
        kinds = [s.type for s in _statements(_EXPLAIN.sub("", found[0].query.strip(), count=1))]
    if len(kinds) != 1 and set(kinds) - {duckdb.StatementType.MULTI}:
        raise RefusedStatement(f"one statement is expected, not {len(kinds)}")
    refused = sorted(kind.name for kind in set(kinds) - _READING)
    if refused or not kinds:
        what = f"{', '.join(refused)} is refused" if refused else "there is no statement"
        raise RefusedStatement(f"only statements that read the published file are run: {what}")


def _statements(text: str) -> list[duckdb.Statement]:
    try:
        return list(duckdb.extract_statements(text))
    except duckdb.Error as error:
        raise RefusedStatement(str(error).strip()) from None
