"""Reads the published file as every reader does: read-only, with limits, in UTC.

Belongs here: opening a publication for queries, and the rules for statements of untrusted users. ``publish.py`` builds
the file; nothing writes to it afterwards.
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
from echelon_pipeline.lake.damage import may_be_damage, require_intact
from echelon_pipeline.sqltools.text import literal, quote

_LOCK_HOLDER = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")
_EXPLAIN = re.compile(r"^\s*EXPLAIN\s+(?:ANALYZE\s+)?(?:\([^)]*\)\s*)?", re.IGNORECASE)
# PIVOT is a statement of several parts: DuckDB first looks up the columns that it makes.
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.MULTI}


@contextmanager
def read_published(
    path: Path,
    *,
    lake: str | None = None,
    memory_limit_mb: int | None = 512,
    threads: int | None = 2,
    locked: bool = False,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to a published file, closed at the end. It spills into the system's folder for temporary
    files, never beside the published file. A process may have several at once, also of different publications.

    ``lake``: root that the views over large tables read from; default is the root at publication. ``locked``: the
    connection may read only files that the publication's views name, and its settings cannot be changed. Without
    ``memory_limit_mb`` or ``threads``, DuckDB uses most of the memory or all cores.
    Raises NotFound if nothing was published yet, Conflict if another process has the file open for writing,
    BadSettings if it is a folder, CorruptStore if it cannot be opened.
    """
    if not path.exists():
        raise NotFound(f"{path} does not exist yet. Run `echelon demo` or `echelon ingest`, then `echelon publish`.")
    require_no_folder(path)
    # A folder of its own: even a locked DuckDB connection may read and write files in its temporary folder.
    spill = tempfile.mkdtemp(prefix="echelon-spill-")
    try:
        connection = _open(path, memory_limit_mb, threads, spill)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")  # otherwise spawned processes print one
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
    """Raises BadSettings if the path of the published file is a folder."""
    if path.is_dir():
        raise BadSettings(f"{path} is a folder, expected the published file: move it away, then `echelon publish`")


def _open(path: Path, memory_limit_mb: int | None, threads: int | None, spill: str) -> duckdb.DuckDBPyConnection:
    """Attaches the file to a database in memory. ``duckdb.connect(path)`` gives a process the file that it already has
    open under that path, even if another publication has replaced it."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": spill,
    }
    if memory_limit_mb is not None:
        config["memory_limit"] = f"{memory_limit_mb}MB"
    if threads is not None:
        config["threads"] = threads
    connection = duckdb.connect(":memory:", config=config)
    try:
        # DuckDB expands a leading ~ to the user's folder.
        connection.execute(f"ATTACH {literal(str(path.absolute()))} AS {_database(path)} (READ_ONLY)")
        connection.execute(f"USE {_database(path)}")
    except duckdb.Error as error:
        connection.close()
        raise _unopened(path, error) from error
    return connection


def _database(path: Path) -> str:
    """The quoted name of the database: as DuckDB's own clients name it, unless DuckDB uses that name itself."""
    return quote(path.stem if path.stem not in {"memory", "main", "system", "temp"} else "published")


def _unopened(path: Path, error: duckdb.Error) -> Conflict | CorruptStore:
    if lock := _LOCK_HOLDER.search(str(error)):
        return Conflict(
            f"{path} is open for writing in process {lock['pid']} ({_program(lock)}): close it there, or open "
            "it read-only (duckdb.connect(path, read_only=True)); `echelon publish` replaces a changed file"
        )
    first = str(error).splitlines()[0]
    return CorruptStore(
        f"{path} cannot be opened: {first}. The lake has all data: `echelon publish --force` rebuilds the file."
    )


def _program(lock: re.Match[str]) -> str:
    try:
        return psutil.Process(int(lock["pid"])).name()
    except psutil.Error:
        return lock["program"]


def _lock(connection: duckdb.DuckDBPyConnection, lake: str | None) -> None:
    # A DuckDB file that is not a publication has no meta.files.
    listed = connection.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'meta' AND table_name = 'files'")
    files: list[str] = []
    if listed.fetchall():
        query = "SELECT coalesce($lake, p.lake) || f.file FROM meta.files f JOIN meta.publication p USING (table_name)"
        files = [row[0] for row in connection.execute(query, {"lake": lake}).fetchall()]
    connection.execute("SET allowed_paths = $files", {"files": files})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def require_whole(connection: duckdb.DuckDBPyConnection, lake: str | None, error: duckdb.Error) -> None:
    """Raises CorruptStore if a statement failed because a lake file that the publication's views read is missing or
    damaged. ``lake``: as in ``read_published``."""
    if not may_be_damage(error):
        return
    query = """
        SELECT table_name, coalesce($lake, lake), list(file)
        FROM meta.files JOIN meta.publication USING (table_name) GROUP BY ALL
    """
    try:
        views = connection.execute(query, {"lake": lake}).fetchall()
    except duckdb.Error:  # the file is not a publication
        return
    for table, root, files in views:
        require_intact(table, f"{root}/{table.replace('.', '/')}", [root + file for file in files], error)


def require_reading(text: str) -> None:
    """Raises RefusedStatement unless a text is one statement that reads: SELECT in any of its forms, or its EXPLAIN.

    DuckDB itself refuses writes to the published file, but not COPY, ATTACH or EXPORT to other places.
    """
    parsed = _statements(text)
    kinds = [s.type for s in parsed]
    if kinds == [duckdb.StatementType.EXPLAIN]:
        # EXPLAIN ANALYZE runs the statement that it explains.
        kinds = [s.type for s in _statements(_EXPLAIN.sub("", parsed[0].query.strip(), count=1))]
    if len(kinds) != 1 and set(kinds) - {duckdb.StatementType.MULTI}:
        raise RefusedStatement(f"expected one statement, got {len(kinds)}")
    refused = sorted(kind.name for kind in set(kinds) - _READING)
    if refused or not kinds:
        what = f"{', '.join(refused)} is refused" if refused else "there is no statement"
        raise RefusedStatement(f"only statements that read the published file are allowed: {what}")


def _statements(text: str) -> list[duckdb.Statement]:
    try:
        return list(duckdb.extract_statements(text))
    except duckdb.Error as error:
        raise RefusedStatement(str(error).strip()) from None
