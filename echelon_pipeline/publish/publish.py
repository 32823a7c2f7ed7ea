"""echelon.duckdb: built aside by one process, verified, swapped in; the last few copies are kept.

Belongs here: the lease, the swap, what is kept. What is inside is ``catalog.py``'s. Readers open the file
with ``reader.read_published``; nobody opens it for writing.
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
from echelon_pipeline.marts.builds import held_back
from echelon_pipeline.publish.catalog import Imprint, Source, fill
from echelon_pipeline.publish.editions import (
    Edition,
    Made,
    drop,
    fingerprint,
    keep,
    last_edition,
    next_sequence,
    prune,
    wal,
)
from echelon_pipeline.publish.lineage import register_rebuilt, require_lineage
from echelon_pipeline.publish.reader import read_published, require_no_folder
from echelon_pipeline.publish.untouched import is_changed, linked
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.state.database import State
from echelon_pipeline.state.holding import Hold, held
from echelon_pipeline.state.publications import record_publication

# Clients of DuckDB 1.2 and later open files of this storage version; it costs 3 % of size.
STORAGE_VERSION = "v1.2.0"
# A build takes seconds. A publication that waits longer than this for another fails, to be tried later.
WAIT_SECONDS = 300.0
MODE = 0o444

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publication:
    """A published file: its tables and views, the lake versions it was made from, how long it took, and
    which tables keep an older version and why."""

    path: Path
    tables: tuple[str, ...]
    seconds: float
    built_at: datetime
    versions: dict[str, int | None]
    stale: dict[str, str] = field(default_factory=dict)


def publish(
    settings: Settings, *, force: bool = False, soon: bool = False, rebuilt: Collection[str] = ()
) -> Publication | None:
    """Builds and swaps in the published file from one set of table versions.

    None where nothing changed since the last publication, or where that is younger than ``publish_every`` seconds.
    ``soon``: whatever its age. ``force``: also where nothing changed. A published file that cannot be read, or that
    another program has changed, is simply replaced. ``rebuilt``: tables that vanished or went back on purpose.
    Raises Conflict where another process publishes for longer than five minutes, DiskFull, NewerLake, NotFound,
    BadSettings (a folder in place of the file), CorruptStore (a lake file that cannot be read, a table that vanished
    or went back; the published file then stays).
    """
    started = time.monotonic()
    target = settings.published_file.absolute()
    require_no_folder(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    require_space(target.parent, settings.min_free_mb)
    lake = Lake.of(settings)
    with held(settings, f"publication of {lake.root}", wait=WAIT_SECONDS) as hold:
        _sweep(target)
        if rebuilt:
            register_rebuilt(settings, rebuilt)
        # One pass over all tables: this set of versions is what every table of the publication is made from.
        sources = {t.name: Source(t, lake.open(t.name)) for t in lake.tables.values() if t.published}
        last = last_edition(target)
        if last is not None:
            require_lineage(settings, last, {n: s.table_version for n, s in sources.items()})
        versions = {name: s.table_version.version if s.table_version else None for name, s in sources.items()}
        changed = is_changed(settings, target, last)
        if not (force or changed) and _is_fresh(settings, last, versions, soon=soon):
            return None
        if changed:
            _drop_changed(target)
        edition = Edition(target, next_sequence(target, last), datetime.now(UTC), _made(sources))
        stale = held_back(lake)
        tables, kept = _replace(settings, lake, sources, edition, stale, hold)
        with State.of(settings) as state:
            record_publication(
                state, kept, edition.built_at, versions, sequence=edition.sequence, fingerprint=fingerprint(kept)
            )
    return Publication(target, tables, time.monotonic() - started, edition.built_at, versions, stale)


def _made(sources: Mapping[str, Source]) -> dict[str, Made]:
    table_versions = {name: s.table_version for name, s in sources.items() if s.table_version is not None}
    return {n: Made(s.version, s.table_id, sum(f.rows for f in s.files)) for n, s in table_versions.items()}


def _replace(
    settings: Settings,
    lake: Lake,
    sources: Mapping[str, Source],
    edition: Edition,
    stale: Mapping[str, str],
    hold: Hold,
) -> tuple[tuple[str, ...], Path]:
    """Builds aside, verifies, swaps in and keeps a copy; names of the tables, and the copy."""
    target = edition.path
    building = target.with_name(f"{target.name}.building-{os.getpid()}")
    try:
        with storage_faults(str(building)):
            tables = _build(lake, building, sources, Imprint(lake.root, edition.built_at, edition.sequence, stale))
            _verify(building, tables)
            # Readers only: a client that opens it as most do by default would lock all others out and could change it.
            building.chmod(MODE)
            _fsync(building)
            with hold.guard():
                _swap(building, target)
                kept = keep(target, edition)
            prune(target, edition, settings.keep_publications)
    finally:
        for left in (building, wal(building)):  # of a build that failed, on a disk that may be full
            left.unlink(missing_ok=True)
    return tables, kept


def _build(lake: Lake, building: Path, sources: Mapping[str, Source], imprint: Imprint) -> tuple[str, ...]:
    with lake.duck(private=True) as connection:
        connection.execute(f"ATTACH {literal(str(building))} AS published (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE published")
        connection.execute("BEGIN")  # one commit: each of some 300 comments on columns would be one of its own
        tables = fill(connection, sources, imprint)
        connection.execute("COMMIT")
        connection.execute("USE memory")
        connection.execute("DETACH published")
    return tables


def _verify(building: Path, tables: tuple[str, ...]) -> None:
    """Reads the file as a reader would: every table and view must answer, and no log may be left beside it."""
    with read_published(building) as connection:
        for name in tables:
            connection.execute(f"SELECT count(*) FROM {name}").fetchone()
    wal(building).unlink(missing_ok=True)


def _swap(building: Path, target: Path) -> None:
    # A stale log beside the new file would make it unopenable; readers never need the old file's.
    wal(target).unlink(missing_ok=True)
    building.replace(target)
    _fsync(target.parent)


def _is_fresh(settings: Settings, last: Edition | None, versions: Mapping[str, int | None], *, soon: bool) -> bool:
    """Whether the published file is young enough, or was made from exactly these versions."""
    if last is None or last.path != settings.published_file.absolute():
        return False
    age = (datetime.now(UTC) - last.built_at).total_seconds()
    is_young = not soon and 0 <= age < settings.publish_every
    return is_young or {name: made.version for name, made in last.tables.items()} == dict(versions)


def _drop_changed(target: Path) -> None:
    """The kept copy of a file that was changed is the changed file: it is no copy of what was published."""
    log.warning("%s was changed by another program since it was published; it is built anew", target)
    copy = linked(target)
    if copy is not None:
        drop(copy)


def _sweep(target: Path) -> None:
    """Removes what killed builders left; called under the lease, so that a living one can only be one that lost it."""
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
