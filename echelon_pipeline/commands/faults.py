"""Translates errors of the system and of libraries about files of a home into errors of this project.

Belongs here: the last translation before a traceback. Each room translates the errors of files that it opens. This
module covers Dagster's files in the home, and errors of folders and disks that can occur anywhere. An unknown error
is a bug and is shown with its traceback.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from echelon_pipeline.errors import BadSettings, CorruptStore, DiskFull, EchelonError, VenueUnavailable

_FULL = (errno.ENOSPC, errno.EDQUOT)
# Classes of errors that Dagster raises about an instance's file. Given by name: importing Dagster takes a second.
_CONFIGURATION = ("YAMLError", "DagsterInvalidConfigError", "DagsterInvariantViolationError", "CheckError")


def as_echelon_error(error: BaseException) -> EchelonError | None:
    """The error of this project for an error about the home; None if it is about something else."""
    for found in _chain(error):
        known = _system(found) or _database(found) or _configuration(found) or _stored(found)
        if known is not None:
            return known
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, the outermost first."""
    found: BaseException | None = error
    for _ in range(10):
        if found is None:
            return
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _system(error: BaseException) -> EchelonError | None:
    if not isinstance(error, OSError):
        return None
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    said = f"{place}: {error.strerror or error}" if place else str(error.strerror or error)
    if error.errno in _FULL:
        return DiskFull(f"no space left: {said}")
    if isinstance(error, ConnectionError | TimeoutError):
        return VenueUnavailable(said)
    return BadSettings(f"the system refused: {said}")


def _database(error: BaseException) -> EchelonError | None:
    """SQLite's errors, bare or wrapped by SQLAlchemy, and those of a Postgres server with Dagster's records."""
    original = getattr(error, "orig", error)
    if isinstance(original, sqlite3.Error):
        from echelon_pipeline.ops.dagster_home import damaged_records
        from echelon_pipeline.state.faults import records_fault

        return records_fault(original, damaged_records())
    if type(original).__module__.startswith("psycopg2"):
        from echelon_pipeline.settings import dagster_url
        from echelon_pipeline.state.faults import DAGSTER_RECORDS, server_fault

        return server_fault(original, dagster_url(), DAGSTER_RECORDS)
    return None


def _configuration(error: BaseException) -> EchelonError | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    if not names & set(_CONFIGURATION) or not _opens_instance(error):
        return None
    said = " ".join(str(error).split())[:300]
    return BadSettings(f"dagster.yaml cannot be used: {said}. `echelon doctor` shows its path")


def _opens_instance(error: BaseException) -> bool:
    """True if the error was raised while Dagster read its instance's file, not during a run."""
    trace, files = error.__traceback__, set()
    while trace is not None:
        files.add(Path(trace.tb_frame.f_code.co_filename).parts[-2:])
        trace = trace.tb_next
    return bool(files & {("instance", "ref.py"), ("instance", "config.py"), ("instance", "factory.py")})


def _stored(error: BaseException) -> EchelonError | None:
    module = type(error).__module__.partition(".")[0]
    if module not in ("duckdb", "_duckdb", "deltalake", "_internal"):
        return None
    from echelon_pipeline.lake.faults import is_unreadable

    said = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    if "no space left" in str(error).lower():
        return DiskFull(said)
    return CorruptStore(f"a file of the home cannot be read: {said}") if is_unreadable(error) else None
