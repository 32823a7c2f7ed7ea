"""Publications one after the other: their numbers, the copies that are kept, and what the last one was made from.

Belongs here: names, order and retention of kept copies, and reading ``meta.publication``. Building and swapping is
``publish.py``'s.

Publications are ordered by a sequence number, never by time: a clock that was wrong once must not decide which one
is the newest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from echelon_pipeline.errors import BadSettings, Conflict, CorruptStore, NotFound
from echelon_pipeline.lake.checksums import checksum
from echelon_pipeline.marts.marts import marts
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.tables import TABLES

_NUMBERED = re.compile(r"-(\d{10})-\d{8}T\d{12}\.duckdb$")
# A table that lost more than this share of its rows lost more than corrections explain: no retention deletes rows of
# published tables, while a re-derivation may drop a few.
LOST_SHARE = 0.1


@dataclass(frozen=True)
class Made:
    """What ``meta.publication`` says of one table. ``table_id``: Delta's, NULL in files of older code."""

    version: int | None
    table_id: str | None
    rows: int


@dataclass(frozen=True)
class Edition:
    """A publication as its file says it. ``sequence`` is 0 in files of older code."""

    path: Path
    sequence: int
    built_at: datetime
    tables: Mapping[str, Made] = field(default_factory=dict)

    def has_lost(self, since: Edition) -> bool:
        """Whether a table that venues feed has far fewer rows than in an earlier publication."""
        computed = {m.name for m in marts()}
        return any(
            made.rows > 0 and (1 - LOST_SHARE) * made.rows > (self.tables[name].rows if name in self.tables else 0)
            for name, made in since.tables.items()
            if name in TABLES and name not in computed
        )


def read_edition(path: Path) -> Edition | None:
    """What a published file says of itself; None where there is none or it cannot be read as one."""
    try:
        with read_published(path) as connection:
            names = {row[0] for row in connection.execute("DESCRIBE meta.publication").fetchall()}
            added = "sequence, table_id" if "sequence" in names else "0, NULL"
            query = f"SELECT table_name, version, rows, built_at, {added} FROM meta.publication"
            rows = connection.execute(query).fetchall()
    except (NotFound, BadSettings, CorruptStore, Conflict, duckdb.Error):
        return None
    if not rows:
        return None
    return Edition(path, int(rows[0][4]), rows[0][3], {r[0]: Made(r[1], r[5], r[2]) for r in rows})


def last_edition(target: Path) -> Edition | None:
    """The published file, or the newest kept copy that can be read."""
    return next((e for path in (target, *kept_publications(target)) if (e := read_edition(path))), None)


def kept_publications(target: Path) -> list[Path]:
    """Kept copies of a published file, newest first; the first is the published file itself."""
    return sorted(_folder(target).glob(f"{target.stem}-*.duckdb"), key=_order, reverse=True)


def next_sequence(target: Path, last: Edition | None) -> int:
    """The number of the next publication: larger than that of the last one and of any kept copy."""
    known = [last.sequence if last else 0, *(_order(path)[0] for path in kept_publications(target))]
    return max(known) + 1


def keep(target: Path, edition: Edition) -> Path:
    """Keeps a copy: a hard link, which costs no space while it is current."""
    kept = kept_name(edition)
    kept.parent.mkdir(exist_ok=True)
    os.link(target, kept)
    return kept


def prune(target: Path, edition: Edition, count: int) -> None:
    """Drops the oldest copies beyond ``count``, the one of this edition included.

    Copies from before a loss of rows are no older copies of the same: as many of them stay as well.
    """
    fuller, others = 0, 0
    for path in kept_publications(target):
        older = read_edition(path) if path != kept_name(edition) else edition
        if older is not None and edition.has_lost(older):
            fuller += 1
            is_kept = fuller <= count
        else:
            others += 1
            is_kept = others <= count
        if not is_kept:
            drop(path)


def kept_name(edition: Edition) -> Path:
    """Where the copy of an edition that lies at its published place is kept."""
    target = edition.path
    return (
        _folder(target)
        / f"{target.stem}-{edition.sequence:010d}-{edition.built_at.astimezone(UTC):%Y%m%dT%H%M%S%f}.duckdb"
    )


def drop(path: Path) -> None:
    """Deletes a kept copy."""
    path.unlink(missing_ok=True)
    wal(path).unlink(missing_ok=True)


def fingerprint(path: Path) -> str:
    """What is recorded of a published file: how it looks, and its sha256. Of older code it has the looks alone."""
    return f"{looks(path)}:{checksum(path)}"


def looks(path: Path) -> str:
    """Changes with the file, and with every copy of it: its size and the time of its last change. "" for no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_size}:{found.st_mtime_ns}"


def wal(path: Path) -> Path:
    """The log that DuckDB writes beside a file; a published file never has one of its own."""
    return path.with_name(f"{path.name}.wal")


def _folder(target: Path) -> Path:
    return target.with_name("publications")


def _order(path: Path) -> tuple[int, str]:
    """Copies of older code have no number: they come before all that have one, by the time in their names."""
    match = _NUMBERED.search(path.name)
    return int(match.group(1)) if match else 0, path.name
