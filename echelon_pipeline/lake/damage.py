"""Which data file a failed read stumbled over: DuckDB says "Out of buffer" and names neither file nor table.

Belongs here: remembering which tables were read, and holding their files against the recorded checksums once a read
has failed. Looking at a healthy lake is ``verify.py``'s.
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

# Damaged files that one message names.
NAMED = 3
ADVICE = (
    "Restore it from a backup, or make its table anew: docs/operations.md, “A table cannot be read”. "
    "`echelon doctor --deep` looks at every file"
)
# Mistakes of a statement, and stops: no file is looked at because of them.
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


# By the table's address: its name and the files of the version that was read last, the latest table at the end.
_READ: dict[str, tuple[str, tuple[_File, ...]]] = {}


def note(table: str, uri: str, files: tuple[_File, ...]) -> None:
    """Remembers that files of a table are about to be read."""
    _READ.pop(uri, None)
    _READ[uri] = table, files


@contextmanager
def named_damage(root: str) -> Iterator[None]:
    """Turns a failed read inside into CorruptStore that names the damaged file, where a table of the lake that was
    read lately has one."""
    try:
        yield
    except (duckdb.Error, CorruptStore) as error:
        if may_be_damage(error):
            here = [(uri, *read) for uri, read in list(_READ.items()) if uri.startswith(f"{root}/")]
            for uri, table, files in reversed(here):
                require_whole(table, uri, (f.path for f in files), error)
        raise


def may_be_damage(error: BaseException) -> bool:
    """Whether an error may come from a damaged data file."""
    found = error.__cause__ if isinstance(error, CorruptStore) else error
    return isinstance(found, duckdb.Error) and not isinstance(found, _NOT_OF_FILES)


def require_whole(table: str, uri: str, paths: Iterable[str], error: BaseException) -> None:
    """Raises CorruptStore from the error where data files of a table are damaged; an object store checks its own."""
    found = list(islice(damaged(uri, paths), NAMED))
    if found:
        raise CorruptStore(f"{table}: {'; '.join(found)}. {ADVICE}") from error


def damaged(uri: str, paths: Iterable[str]) -> Iterator[str]:
    """What is wrong with data files: each with its path. One without a checksum is read to its end instead."""
    if "://" in uri:
        return
    try:
        recorded = known(uri)
    except ValueError:
        recorded = {}
    for path in paths:
        wanted = recorded.get(path.removeprefix(f"{uri}/"))
        try:
            stat = Path(path).stat()
            if wanted is None:
                yield from _unreadable(path)
            elif _checksum(path, stat.st_size, stat.st_mtime_ns) != wanted:
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


# Several tables are computed from one, and each fails on the same file.
@lru_cache(maxsize=10_000)
def _checksum(path: str, _size: int, _changed: int) -> str:
    return checksum(Path(path))
