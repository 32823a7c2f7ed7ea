"""echelon.duckdb: built aside by one process, verified, swapped in; the last few copies are kept.

Belongs here: the lock, the swap, what is kept. What is inside is ``catalog.py``'s. Readers open the file
with ``reader.read_published``; nobody opens it for writing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from echelon_pipeline.errors import CorruptStore, NotFound
from echelon_pipeline.settings import Settings
from echelon_pipeline.warehouse.catalog import Source, fill
from echelon_pipeline.warehouse.duck import literal
from echelon_pipeline.warehouse.faults import require_space, storage_faults
from echelon_pipeline.warehouse.lake import Lake
from echelon_pipeline.warehouse.locks import one_at_a_time
from echelon_pipeline.warehouse.reader import read_published
from echelon_pipeline.warehouse.state import State

# Clients of DuckDB 1.2 and later open files of this storage version; it costs 3 % of size.
STORAGE_VERSION = "v1.2.0"
# A build takes seconds; whoever waits longer than this for another's tries again later.
LOCK_SECONDS = 300.0


@dataclass(frozen=True)
class Publication:
    """A published file: its tables and views, the lake versions it was made from, how long it took."""

    path: Path
    tables: tuple[str, ...]
    seconds: float
    built_at: datetime
    versions: dict[str, int | None]


def publish(settings: Settings, *, force: bool = False) -> Publication | None:
    """Builds and swaps in the published file from one set of table versions.

    None where nothing changed since the last publication, or where that is younger than ``publish_every``
    seconds; ``force`` builds anyway. A published file that cannot be read is simply replaced.
    Raises Conflict where another process publishes for longer than five minutes, DiskFull, NewerLake,
    CorruptStore (a lake file that cannot be read; the published file then stays as it was).
    """
    started = time.monotonic()
    target = settings.published_file.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    require_space(target.parent, settings.min_free_mb)
    lake = Lake.of(settings)
    with one_at_a_time(target.with_name(f"{target.name}.lock"), LOCK_SECONDS):
        _sweep(target)
        # One pass over all tables: this set of versions is what every table of the publication is made from.
        sources = {t.name: Source(t, lake.open(t.name)) for t in lake.tables.values() if t.published}
        versions = {name: s.snapshot.version if s.snapshot else None for name, s in sources.items()}
        if not force and _is_fresh(settings, target, versions):
            return None
        built_at = datetime.now(UTC)
        building = target.with_name(f"{target.name}.building-{os.getpid()}")
        try:
            with storage_faults(str(building)):
                tables = _build(lake, building, sources, built_at)
                _verify(building, tables)
                _swap(building, target)
                kept = _keep(target, built_at, settings.keep_publications)
        finally:
            for left in (building, _wal(building)):  # of a build that failed, on a disk that may be full
                left.unlink(missing_ok=True)
        with State.of(settings) as state:
            state.record_publication(kept, built_at, versions)
    return Publication(target, tables, time.monotonic() - started, built_at, versions)


def kept_publications(target: Path) -> list[Path]:
    """Kept copies of a published file, newest first; the first is the published file itself."""
    return sorted(_folder(target).glob(f"{target.stem}-*.duckdb"), reverse=True)


def _folder(target: Path) -> Path:
    return target.with_name("publications")


def _build(lake: Lake, building: Path, sources: Mapping[str, Source], built_at: datetime) -> tuple[str, ...]:
    with lake.duck(private=True) as connection:
        connection.execute(f"ATTACH {literal(str(building))} AS published (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE published")
        connection.execute("BEGIN")  # one commit: each of some 300 comments on columns would be one of its own
        tables = fill(connection, sources, root=lake.root, built_at=built_at)
        connection.execute("COMMIT")
        connection.execute("USE memory")
        connection.execute("DETACH published")
    return tables


def _verify(building: Path, tables: tuple[str, ...]) -> None:
    """Reads the file as a reader would: every table and view must answer, and no log may be left beside it."""
    with read_published(building) as connection:
        for name in tables:
            connection.execute(f"SELECT count(*) FROM {name}").fetchone()
    _wal(building).unlink(missing_ok=True)


def _swap(building: Path, target: Path) -> None:
    _fsync(building)
    # A stale log beside the new file would make it unopenable; readers never need the old file's.
    _wal(target).unlink(missing_ok=True)
    building.replace(target)
    _fsync(target.parent)


def _keep(target: Path, built_at: datetime, count: int) -> Path:
    """Keeps a copy (a hard link: it costs no space while it is current) and drops the oldest beyond ``count``."""
    folder = _folder(target)
    folder.mkdir(exist_ok=True)
    kept = folder / f"{target.stem}-{built_at:%Y%m%dT%H%M%S%f}.duckdb"
    os.link(target, kept)
    for old in kept_publications(target)[count:]:
        old.unlink(missing_ok=True)
        _wal(old).unlink(missing_ok=True)
    return kept


def _is_fresh(settings: Settings, target: Path, versions: Mapping[str, int | None]) -> bool:
    """Whether the published file is young enough, or was made from exactly these versions by this code."""
    try:
        with read_published(target) as connection:
            rows = connection.execute("SELECT table_name, version, epoch(built_at) FROM meta.publication").fetchall()
    except (NotFound, CorruptStore):
        return False
    if not rows:
        return False
    age = datetime.now(UTC).timestamp() - float(rows[0][2])
    return 0 <= age < settings.publish_every or {name: version for name, version, _ in rows} == dict(versions)


def _sweep(target: Path) -> None:
    """Removes what killed builders left; called under the lock, so whoever is alive is not building here."""
    for path in target.parent.glob(f"{target.name}.building-*"):
        pid = path.name.rpartition("building-")[2].split(".")[0]
        if pid == str(os.getpid()) or not (pid.isdigit() and psutil.pid_exists(int(pid))):
            path.unlink(missing_ok=True)


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
