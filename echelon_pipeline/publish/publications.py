"""The sequence of publications: their numbers, their kept copies, and the table versions of the last one.

Belongs here: names, order and retention of kept copies, and reading ``meta.publication``. ``publish.py`` builds and
swaps files.

Publications are ordered by a sequence number, never by time: a clock that was wrong once must not decide which
publication is the newest.
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
# A table that lost more than this share of its rows is a loss, not a correction: no retention deletes rows of
# published tables, and a re-derivation drops a few rows at most.
LOST_SHARE = 0.1


@dataclass(frozen=True)
class PublishedTable:
    """The row of one table in ``meta.publication``. ``table_id``: Delta's id, NULL in files of older code."""

    version: int | None
    table_id: str | None
    rows: int


@dataclass(frozen=True)
class PublishedFile:
    """A published file and the contents of its ``meta.publication``. ``sequence`` is 0 in files of older code."""

    path: Path
    sequence: int
    built_at: datetime
    tables: Mapping[str, PublishedTable] = field(default_factory=dict)

    def has_lost(self, since: PublishedFile) -> bool:
        """Whether a table fed by venues has far fewer rows than in an earlier publication."""
        computed = {m.name for m in marts()}
        return any(
            made.rows > 0 and (1 - LOST_SHARE) * made.rows > (self.tables[name].rows if name in self.tables else 0)
            for name, made in since.tables.items()
            if name in TABLES and name not in computed
        )


def read_published_file(path: Path) -> PublishedFile | None:
    """Reads ``meta.publication`` of a file; None if the file does not exist or is not a readable publication."""
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
    return PublishedFile(path, int(rows[0][4]), rows[0][3], {r[0]: PublishedTable(r[1], r[5], r[2]) for r in rows})


def last_published_file(target: Path) -> PublishedFile | None:
    """The published file, or the newest readable kept copy."""
    return next((e for path in (target, *kept_publications(target)) if (e := read_published_file(path))), None)


def kept_publications(target: Path) -> list[Path]:
    """Kept copies of a published file, newest first; the first one is a hard link to the published file."""
    return sorted(_folder(target).glob(f"{target.stem}-*.duckdb"), key=_order, reverse=True)


def next_sequence(target: Path, last: PublishedFile | None) -> int:
    """The number of the next publication: larger than the last one's and than that of every kept copy."""
    known = [last.sequence if last else 0, *(_order(path)[0] for path in kept_publications(target))]
    return max(known) + 1


def keep(target: Path, published_file: PublishedFile) -> Path:
    """Keeps a copy: a hard link, which takes no space while the publication is current."""
    kept = kept_name(published_file)
    kept.parent.mkdir(exist_ok=True)
    os.link(target, kept)
    return kept


def prune(target: Path, published_file: PublishedFile, count: int) -> None:
    """Drops the oldest copies beyond ``count``; the copy of ``published_file`` counts too.

    Copies from before a loss of rows are counted apart: another ``count`` of them stay.
    """
    fuller, others = 0, 0
    for path in kept_publications(target):
        older = read_published_file(path) if path != kept_name(published_file) else published_file
        if older is not None and published_file.has_lost(older):
            fuller += 1
            is_kept = fuller <= count
        else:
            others += 1
            is_kept = others <= count
        if not is_kept:
            drop(path)


def kept_name(published_file: PublishedFile) -> Path:
    """The path of the kept copy of a file at its published place."""
    target, built_at = published_file.path, published_file.built_at.astimezone(UTC)
    return _folder(target) / f"{target.stem}-{published_file.sequence:010d}-{built_at:%Y%m%dT%H%M%S%f}.duckdb"


def drop(path: Path) -> None:
    """Deletes a kept copy."""
    path.unlink(missing_ok=True)
    wal(path).unlink(missing_ok=True)


def fingerprint(path: Path) -> str:
    """The recorded identity of a published file: its file state and sha256. Older code recorded the file state only."""
    return f"{file_state(path)}:{checksum(path)}"


def file_state(path: Path) -> str:
    """Size and modification time of a file: they differ after a change, and between copies. "" if there is no file."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return ""
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def wal(path: Path) -> Path:
    """The path of the write-ahead log that DuckDB would write beside a file; a published file never has one."""
    return path.with_name(f"{path.name}.wal")


def _folder(target: Path) -> Path:
    return target.with_name("publications")


def _order(path: Path) -> tuple[int, str]:
    """Sort key of kept copies. Copies of older code have no number: they sort first, by the time in their names."""
    match = _NUMBERED.search(path.name)
    return int(match.group(1)) if match else 0, path.name
