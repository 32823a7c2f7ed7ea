"""Translates storage errors into DiskFull and CorruptStore.

Belongs here: translating errors of DuckDB, delta-rs and the operating system. Code that reads or writes the lake
runs inside ``storage_faults``.
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from echelon_pipeline.errors import CorruptStore, DiskFull

_NO_SPACE = re.compile(r"no space left|os error 28|disk quota|max_temp_directory_size", re.IGNORECASE)
_DATA_FILE = re.compile(r"[^\s'\"\[(]+\.parquet")
_UNREADABLE = re.compile(
    r"magic bytes|no files found|cannot open file|could not read|decompress|corrupt|thrift|tprotocol|footer|"
    r"too small to be a parquet|not a parquet|failed to read|no such file|os error 2\b|parsing object|"
    r"json error|no table metadata|contiguous commit",
    re.IGNORECASE,
)


@contextmanager
def storage_faults(where: str) -> Iterator[None]:
    """Turns storage errors inside into DiskFull or CorruptStore. ``where``: what was being read or written.

    Conflicts between writers, missing tables and errors that do not come from storage pass through unchanged.
    """
    try:
        yield
    except (CommitFailedError, TableNotFoundError):
        raise
    except (OSError, DeltaError, duckdb.Error) as error:
        text = str(error)
        if getattr(error, "errno", None) == errno.ENOSPC or _NO_SPACE.search(text):
            raise DiskFull(f"{where}: no space left ({_first_line(text)})") from error
        if is_unreadable(error):
            file = _DATA_FILE.search(text)
            named = file.group(0) if file else where
            raise CorruptStore(f"{named} cannot be read: {_first_line(text)}") from error
        raise


def is_unreadable(error: BaseException) -> bool:
    """Whether an error says that a stored file is missing or damaged."""
    # Errors of DuckDB's Parquet reader have no subclass: "Out of buffer", "TProtocolException".
    if type(error) is duckdb.Error:
        return True
    kinds = (DeltaError, duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException)
    return isinstance(error, kinds) and _UNREADABLE.search(str(error)) is not None


def require_space(path: str | Path, min_free_mb: int) -> None:
    """Raises DiskFull if less than ``min_free_mb`` MiB are free; object-store URLs have no such limit."""
    if "://" in str(path):
        return
    place = Path(path)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < min_free_mb * 2**20:
        raise DiskFull(f"{path}: {free // 2**20} MiB free, a write needs at least {min_free_mb} MiB")


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else "no message"
