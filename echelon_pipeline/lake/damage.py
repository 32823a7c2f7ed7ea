"""Finds the damaged data file after a failed read: DuckDB says "Out of buffer" and names neither file nor table.

Belongs here: remembering which tables were read, and comparing their files with the recorded checksums after a read
has failed. ``verify.py`` checks a healthy lake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Protocol

import duckdb

from echelon_pipeline.errors import CorruptStore
from echelon_pipeline.lake.checksums import checksum, known

# One message names at most this many damaged files.
NAMED = 3
ADVICE = (
    "Restore it from a backup, or rebuild its table: docs/operations.md, “A table cannot be read”. "
    "`echelon doctor --deep` checks every file"
)
# Errors in a statement, and interruptions: they never come from a damaged file.
_NOT_OF_FILES = (
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConstraintException,
    duckdb.InterruptException,
)


class _File(Protocol):
    @property
    def path(self) -> str: ...


# By table URI: the table's name and the files of the version that was read last; the latest read comes last.
_READ: dict[str, tuple[str, tuple[_File, ...]]] = {}


def note_read(table: str, uri: str, files: tuple[_File, ...]) -> None:
    """Remembers that files of a table are about to be read."""
    _READ.pop(uri, None)
    _READ[uri] = table, files


@contextmanager
def naming_damaged_files(root: str) -> Iterator[None]:
    """Turns a failed read inside into a CorruptStore that names the damaged file, if a table of the lake that was
    read recently has one."""
    try:
        yield
    except (duckdb.Error, CorruptStore) as error:
        if may_be_damage(error):
            of_lake = [(uri, *read) for uri, read in list(_READ.items()) if uri.startswith(f"{root}/")]
            for uri, table, files in reversed(of_lake):
                require_intact(table, uri, (f.path for f in files), error)
        raise


def may_be_damage(error: BaseException) -> bool:
    """Whether an error may come from a damaged data file."""
    cause = error.__cause__ if isinstance(error, CorruptStore) else error
    return isinstance(cause, duckdb.Error) and not isinstance(cause, _NOT_OF_FILES)


def require_intact(table: str, uri: str, paths: Iterable[str], error: BaseException) -> None:
    """Raises CorruptStore from the error if data files of a table are damaged; an object store checks its own files."""
    faults = list(islice(damaged(uri, paths), NAMED))
    if faults:
        raise CorruptStore(f"{table}: {'; '.join(faults)}. {ADVICE}") from error


def damaged(uri: str, paths: Iterable[str]) -> Iterator[str]:
    """Faults of data files, each with its path. A file without a checksum is read to its end instead."""
    if "://" in uri:
        return
    try:
        recorded = known(uri)
    except ValueError:
        recorded = {}
    for path in paths:
        expected = recorded.get(path.removeprefix(f"{uri}/"))
        try:
            stat = Path(path).stat()
            if expected is None:
                yield from _unreadable(path)
            elif _checksum(path, stat.st_size, stat.st_mtime_ns) != expected:
                yield f"{path} is not what was committed (sha256)"
        except FileNotFoundError:
            yield f"{path} does not exist"
        except OSError as error:
            yield f"{path} cannot be read ({error.strerror})"


def _unreadable(path: str) -> Iterator[str]:
    with duckdb.connect(config={"threads": 1, "memory_limit": "256MB"}) as connection:
        try:
            connection.from_parquet(path).aggregate("bit_xor(hash(COLUMNS(*)))").fetchall()
        except duckdb.Error as error:
            if may_be_damage(error):
                yield f"{path} cannot be read ({(str(error).strip().splitlines() or ['no message'])[0][:200]})"


# Cached: several marts read the same table, and each fails on the same file.
@lru_cache(maxsize=10_000)
def _checksum(path: str, _size: int, _changed: int) -> str:
    return checksum(Path(path))
