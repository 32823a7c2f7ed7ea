"""Keeps the lake small: retention, compaction, vacuum, logs, leftovers of dead processes.

Belongs here: which files may be rewritten or deleted, and when. Only ``lake/retention.py`` deletes raw payloads, and
only if a setting requires it. Safe while others write: a compaction that conflicts with a writer waits for the next
round.
"""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote

import psutil

from echelon_pipeline.errors import CorruptStore, NotFound
from echelon_pipeline.lake.checksums import consolidate
from echelon_pipeline.lake.delta import TableVersion
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.retention import expire
from echelon_pipeline.publish.lineage import require_intact_lake
from echelon_pipeline.publish.publications import kept_publications
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.pauses import is_backup_running

# Readers of an older version, and writers that have not committed their files yet, have a day to finish.
KEEP_SECONDS = 24 * 3600.0
# Partitions of more files than this are compacted; merges write whole partitions, appends do not.
COMPACT_ABOVE = 8
_OF_PROCESS = re.compile(r"^(?:pid|spill)-(\d+)(?:-|$)")


@dataclass
class MaintenanceReport:
    """Counts of a round: compacted partitions, deleted files and their bytes, checkpoints of logs, deleted leftovers.
    ``raw_deleted``: raw objects deleted by retention; ``raw_forgotten``: those that the next round deletes."""

    tables: int = 0
    compacted_partitions: int = 0
    compactions_lost: int = 0
    vacuumed_files: int = 0
    vacuumed_bytes: int = 0
    checkpoints: int = 0
    checksums_added: int = 0
    scratch_folders: int = 0
    raw_deleted: int = 0
    raw_forgotten: int = 0

    def as_dict(self) -> dict[str, int]:
        """Flat, for run metadata."""
        return asdict(self)


def maintain(settings: Settings, *, keep_seconds: float = KEEP_SECONDS) -> MaintenanceReport:
    """One round over every table. Raises DiskFull, NewerLake; CorruptStore, also for a table that vanished or went back
    to an older version and for a damaged state database; BadSettings if the state database cannot be opened."""
    require_intact_lake(settings)
    State.of(settings).close()  # refuses to run if the state database is damaged, like every command that writes
    lake = Lake.of(settings)
    done = MaintenanceReport(scratch_folders=sweep_scratch(settings.scratch, keep_seconds=keep_seconds))
    named = _published_files(settings.published_file.absolute())
    is_paused = is_backup_running(settings)  # then no file is deleted
    if settings.raw_retention_days:
        expired = expire(lake, settings.clock(), days=settings.raw_retention_days, tries=settings.merge_tries)
        done.raw_deleted, done.raw_forgotten = expired.deleted, expired.forgotten
    for table in lake.tables:
        table_version = lake.open(table)
        if table_version is None:
            continue
        done.tables += 1
        with storage_faults(f"{table} at {table_version.uri}"):
            _compact(lake, table_version, done)
            table_version = lake.open(table) or table_version
            table_version.delta.create_checkpoint()
            if not is_paused:
                table_version.delta.cleanup_metadata()
            done.checkpoints += 1
        current = lake.open(table)
        if current is not None and "://" not in current.uri:
            if not is_paused:
                _vacuum(current, named, keep_seconds, done)
            done.checksums_added += consolidate(current.uri, [f.path for f in current.files])
    return done


def _compact(lake: Lake, table_version: TableVersion, done: MaintenanceReport) -> None:
    counts = Counter(f.partition for f in table_version.files)
    for partition in [p for p, files in counts.items() if files > COMPACT_ABOVE]:
        compacted = lake.compact(table_version.table.name, partition)
        done.compacted_partitions += compacted is True
        done.compactions_lost += compacted is None


def _vacuum(table_version: TableVersion, named: frozenset[str], keep_seconds: float, done: MaintenanceReport) -> None:
    """Deletes data files that no kept publication names and that have not belonged to the table for a day."""
    listed = table_version.delta.vacuum(
        retention_hours=int(keep_seconds // 3600), dry_run=True, enforce_retention_duration=False, full=True
    )
    current = {f.path for f in table_version.files}
    before = time.time() - keep_seconds
    for name in listed:
        path = Path(table_version.uri) / unquote(name)
        if str(path) in named or str(path) in current or path.suffix != ".parquet" or not path.exists():
            continue
        stat = path.stat()
        if stat.st_mtime <= before:  # younger files may belong to a commit in progress
            path.unlink(missing_ok=True)
            done.vacuumed_files += 1
            done.vacuumed_bytes += stat.st_size


def _published_files(target: Path) -> frozenset[str]:
    """Lake files that the published file or a kept copy names. A copy that cannot be read has no readers."""
    files: set[str] = set()
    for path in (target, *kept_publications(target)):
        try:
            with read_published(path) as connection:
                rows = connection.execute(
                    "SELECT p.lake || f.file FROM meta.files f JOIN meta.publication p USING (table_name)"
                ).fetchall()
        except (NotFound, CorruptStore):
            continue
        files.update(str(row[0]) for row in rows)
    return frozenset(files)


def sweep_scratch(scratch: Path, *, keep_seconds: float = KEEP_SECONDS) -> int:
    """Removes folders of dead processes at once, other folders after a day without changes; returns their number."""
    swept = 0
    for folder in scratch.iterdir() if scratch.is_dir() else ():
        owner = _OF_PROCESS.match(folder.name)
        dead = not psutil.pid_exists(int(owner.group(1))) if owner else _is_idle(folder, keep_seconds)
        if folder.is_dir() and dead:
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept


def _is_idle(folder: Path, seconds: float) -> bool:
    times = [folder.stat().st_mtime]
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # its unit of work has just ended
            times.append(path.stat().st_mtime)
    return max(times) <= time.time() - seconds
