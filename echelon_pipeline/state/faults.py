"""What went wrong with the state database, in our words: damaged, full, read-only or unreachable.

Belongs here: translating errors of SQLite and of Postgres' driver. ``latest.py`` keeps a SQLite file too and uses the
same words.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from echelon_pipeline.errors import (
    BadSettings,
    CorruptStore,
    DatabaseRefused,
    DatabaseUnavailable,
    DiskFull,
    EchelonError,
)
from echelon_pipeline.settings.urls import without_secrets

_FULL = re.compile(r"disk is full|no space left", re.IGNORECASE)
_HELD = re.compile(r"locked|busy", re.IGNORECASE)
_UNWRITABLE = re.compile(r"readonly|unable to open|disk I/O|permission|read-only|not a directory", re.IGNORECASE)
# A parameter of the URL; the driver quotes it.
_PARAMETER = re.compile(
    r"invalid (dsn|connection option|URI query)|unexpected keyword|cannot be converted", re.IGNORECASE
)


def file_fault(error: BaseException, path: str, advice: str) -> EchelonError:
    """An error of SQLite or the system about a file of ours. ``advice``: what to do where it is damaged."""
    said = str(error).strip()
    if _FULL.search(said):
        return DiskFull(f"{path}: {said}")
    if _HELD.search(said):
        return DatabaseUnavailable(f"{path}: {said}")
    if isinstance(error, OSError) or _UNWRITABLE.search(said):
        return BadSettings(f"{path} cannot be opened for writing: {said}")
    return CorruptStore(f"{path} is damaged or not ours: {said}. {advice}")


DAGSTER_RECORDS = "Dagster's records"


def records_fault(error: sqlite3.Error, damaged: Sequence[Path] = ()) -> EchelonError:
    """An error of SQLite about the files in which Dagster keeps its runs and events. ``damaged``: those that are."""
    place = f"{DAGSTER_RECORDS} ({', '.join(map(str, damaged[:3]))})" if damaged else DAGSTER_RECORDS
    what = "the file" if len(damaged) == 1 else "these files" if damaged else "the folder dagster/ of the home"
    return file_fault(error, place, f"Move {what} away: a new one is made, and the lake does not depend on it")


def server_fault(error: BaseException, url: str, what: str = "the state database") -> EchelonError:
    """An error of Postgres' driver, without what is secret in the URL. ``what``: whose database it is."""
    said = without_secrets(" ".join(str(error).split()), url)
    if _PARAMETER.search(said) or isinstance(error, TypeError):
        return BadSettings(f"{what}: its URL has a parameter that the driver does not know")
    if isinstance(error, sa.exc.OperationalError) or type(error).__name__ == "OperationalError":
        return DatabaseUnavailable(f"{what}: {said}")
    return DatabaseRefused(f"{what}: {said}")


def is_sqlite(error: BaseException) -> bool:
    """Whether SQLite, not a server, raised it."""
    return isinstance(error, sqlite3.Error)
