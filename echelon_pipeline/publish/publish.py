"""Publishes echelon.duckdb: one process builds it aside, verifies it and swaps it in; the last few copies are kept.

Belongs here: the lease, the swap, keeping copies. ``catalog.py`` fills the file. Readers open it with
``reader.read_published``; no process opens the published file for writing.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from echelon_pipeline.lake.faults import require_space, storage_faults
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.builds import outdated_marts
from echelon_pipeline.publish.catalog import MIN_DUCKDB_VERSION, PublicationInfo, Source, fill
from echelon_pipeline.publish.integrity import is_changed, linked_copy
from echelon_pipeline.publish.lineage import register_rebuilt, require_lineage
from echelon_pipeline.publish.publications import (
    PublishedFile,
    PublishedTable,
    drop,
    fingerprint,
    keep,
    last_published_file,
    next_sequence,
    prune,
    wal,
)
from echelon_pipeline.publish.reader import read_published, require_no_folder
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.state.database import State
from echelon_pipeline.state.holding import Hold, hold_lease
from echelon_pipeline.state.publications import publications, record_publication

# A build takes seconds. A publication that waits longer than this for another one fails and can be retried.
WAIT_SECONDS = 300.0
MODE = 0o444

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publication:
    """The result of a publication: its tables and views, the table versions it was made from, its duration, and the
    tables that keep an older version, with the reason."""

    path: Path
    tables: tuple[str, ...]
    seconds: float
    built_at: datetime
    versions: dict[str, int | None]
    stale: dict[str, str] = field(default_factory=dict)


def publish(
    settings: Settings, *, force: bool = False, soon: bool = False, rebuilt: Collection[str] = ()
) -> Publication | None:
    """Builds the published file from one set of table versions and swaps it in.

    None if nothing changed since the last publication, or if that is younger than ``publish_every`` seconds.
    ``soon``: ignores its age. ``force``: publishes even if nothing changed. A published file that cannot be read or
    that another program changed is replaced. ``rebuilt``: tables that vanished or went back on purpose.
    Raises Conflict if another process publishes for longer than five minutes, DiskFull, NewerLake, NotFound,
    BadSettings (a folder in place of the file), CorruptStore (a lake file cannot be read, a table vanished or went
    back; then the published file stays).
    """
    started = time.monotonic()
    target = settings.published_file.absolute()
    require_no_folder(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    require_space(target.parent, settings.min_free_mb)
    lake = Lake.of(settings)
    with hold_lease(settings, f"publication of {lake.root}", wait=WAIT_SECONDS) as hold:
        _sweep(target)
        if rebuilt:
            register_rebuilt(settings, rebuilt)
        # One pass over all tables pins the set of versions from which the whole publication is made.
        sources = {t.name: Source(t, lake.open(t.name)) for t in lake.tables.values() if t.published}
        last = last_published_file(target)
        if last is not None:
            require_lineage(settings, last, {n: s.table_version for n, s in sources.items()})
        versions = {name: s.table_version.version if s.table_version else None for name, s in sources.items()}
        changed = is_changed(settings, target, last)
        if not (force or changed) and _is_fresh(settings, last, sources, soon=soon):
            return None
        if changed:
            _drop_changed(target)
        published_file = PublishedFile(
            target, _next_sequence(settings, target, last), datetime.now(UTC), _published_tables(sources)
        )
        stale = outdated_marts(lake)
        tables, kept = _replace(settings, lake, sources, published_file, stale, hold)
        with State.of(settings) as state:
            record_publication(
                state,
                kept,
                published_file.built_at,
                versions,
                sequence=published_file.sequence,
                fingerprint=fingerprint(kept),
            )
    return Publication(target, tables, time.monotonic() - started, published_file.built_at, versions, stale)


def _next_sequence(settings: Settings, target: Path, last: PublishedFile | None) -> int:
    """Larger than all of the files, and than all that are recorded: a restored home has no files yet."""
    with State.of(settings) as state:
        recorded = publications(state)
    return max(next_sequence(target, last), 1 + max((p.sequence for p in recorded), default=0))


def _published_tables(sources: Mapping[str, Source]) -> dict[str, PublishedTable]:
    table_versions = {name: s.table_version for name, s in sources.items() if s.table_version is not None}
    return {n: PublishedTable(s.version, s.table_id, sum(f.rows for f in s.files)) for n, s in table_versions.items()}


def _replace(
    settings: Settings,
    lake: Lake,
    sources: Mapping[str, Source],
    published_file: PublishedFile,
    stale: Mapping[str, str],
    hold: Hold,
) -> tuple[tuple[str, ...], Path]:
    """Builds the file aside, verifies it, swaps it in and keeps a copy; returns table names and the copy's path."""
    target = published_file.path
    building = target.with_name(f"{target.name}.building-{os.getpid()}")
    try:
        with storage_faults(str(building)):
            tables = _build(
                lake,
                building,
                sources,
                PublicationInfo(lake.root, published_file.built_at, published_file.sequence, stale),
            )
            _verify(building, tables)
            # Read-only for everyone: a client that opens it in the default mode would lock out others and could
            # change it.
            building.chmod(MODE)
            _fsync(building)
            with hold.guard():
                _swap(building, target)
                kept = keep(target, published_file)
            prune(target, published_file, settings.keep_publications)
    finally:
        for leftover in (building, wal(building)):  # after a failed build, perhaps on a full disk
            leftover.unlink(missing_ok=True)
    return tables, kept


def _build(lake: Lake, building: Path, sources: Mapping[str, Source], info: PublicationInfo) -> tuple[str, ...]:
    with lake.duck(private=True) as connection:
        connection.execute(f"ATTACH {literal(str(building))} AS published (STORAGE_VERSION 'v{MIN_DUCKDB_VERSION}')")
        connection.execute("USE published")
        connection.execute("BEGIN")  # one commit instead of one for each of about 1,000 comments
        tables = fill(connection, sources, info)
        connection.execute("COMMIT")
        connection.execute("USE memory")
        connection.execute("DETACH published")
    return tables


def _verify(building: Path, tables: tuple[str, ...]) -> None:
    """Reads the file as a reader would: every table and view must be readable. Removes the log beside it."""
    with read_published(building) as connection:
        for name in tables:
            connection.execute(f"SELECT count(*) FROM {name}").fetchone()
    wal(building).unlink(missing_ok=True)


def _swap(building: Path, target: Path) -> None:
    # With a stale log beside it the new file could not be opened; readers never need the log of the old file.
    wal(target).unlink(missing_ok=True)
    building.replace(target)
    _fsync(target.parent)


def _is_fresh(settings: Settings, last: PublishedFile | None, sources: Mapping[str, Source], *, soon: bool) -> bool:
    """Whether the published file is recent enough, or was made from exactly these versions of exactly these tables: a
    table that was created again may have the number of the version that was published."""
    if last is None or last.path != settings.published_file.absolute():
        return False
    age = (datetime.now(UTC) - last.built_at).total_seconds()
    is_young = not soon and 0 <= age < settings.publish_every
    published = {name: (made.table_id, made.version) for name, made in last.tables.items()}
    return is_young or published == {
        name: (s.table_version.table_id, s.table_version.version) if s.table_version else (None, None)
        for name, s in sources.items()
    }


def _drop_changed(target: Path) -> None:
    """Drops the kept copy of a changed file: as a hard link it is the changed file, not a copy of the published one."""
    log.warning("%s was changed by another program since it was published; it is rebuilt", target)
    copy = linked_copy(target)
    if copy is not None:
        drop(copy)


def _sweep(target: Path) -> None:
    """Removes files of killed builders. It runs under the lease: a builder that is still alive has lost its lease."""
    for path in target.parent.glob(f"{target.name}.building-*"):
        pid = path.name.rpartition("building-")[2].split(".")[0]
        if pid == str(os.getpid()) or not (pid.isdigit() and psutil.pid_exists(int(pid))):
            path.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
