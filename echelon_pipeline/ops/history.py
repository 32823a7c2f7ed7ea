"""Deletes old runs from Dagster's records on request: a run takes some hundred kilobytes that nothing else removes.

Belongs here: choosing old runs, and deleting all files of a run. Dagster's own deletion leaves the file of a run's
events and the folder of its logs. Only Dagster's records are deleted: the lake and its windows stay.
"""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

log = logging.getLogger(__name__)

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# Files of a run without a record belong to a run that was deleted earlier, or to one that is being created.
_UNKNOWN_AFTER = timedelta(hours=1)
_BUSY_SECONDS = 10
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class PruneReport:
    """Number of deleted runs by status; number of runs without a record whose files were deleted; bytes of ``dagster/``
    before and after."""

    runs: Mapping[str, int]
    unknown: int
    bytes_before: int
    bytes_after: int


def prune(instance: dg.DagsterInstance, home: Path, *, older_than: timedelta, keep: int) -> PruneReport:
    """Deletes runs that ended longer ago than ``older_than``, except the newest ``keep``, with their files.

    ``home``: Dagster's own folder. Running and queued runs always stay. Assets lose the materializations of the deleted
    runs: their partitions show as missing unless a newer run made them.
    """
    before = _size(home)
    deleted: dict[str, int] = {}
    limit = (datetime.now(UTC) - older_than).timestamp()
    ended = instance.get_run_records(dg.RunsFilter(statuses=_ENDED))  # newest first
    for record in ended[keep:]:
        at = record.end_time or record.update_timestamp.timestamp()
        if at <= limit:
            instance.delete_run(record.dagster_run.run_id)
            _delete_files(instance, home, record.dagster_run.run_id)
            status = record.dagster_run.status.value.lower()
            deleted[status] = deleted.get(status, 0) + 1
    unknown = _delete_unknown(instance, home)
    if deleted or unknown:
        _shrink(home)
    return PruneReport(deleted, unknown, before, _size(home))


def _shards(instance: dg.DagsterInstance) -> SqliteEventLogStorage | None:
    """The storage with one file per run; None for Postgres."""
    storage = instance.event_log_storage
    return storage if isinstance(storage, SqliteEventLogStorage) else None


def _delete_files(instance: dg.DagsterInstance, home: Path, run_id: str) -> None:
    shards = _shards(instance)
    if shards is not None:
        path = Path(shards.path_for_shard(run_id))
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(home / "storage" / run_id, ignore_errors=True)


def _delete_unknown(instance: dg.DagsterInstance, home: Path) -> int:
    """Deletes files of runs that were deleted in the UI, which leaves their files; returns the number of runs."""
    before = time.time() - _UNKNOWN_AFTER.total_seconds()
    run_ids = {run_id for run_id, path in _files(instance, home) if path.stat().st_mtime < before}
    unknown = [run_id for run_id in sorted(run_ids) if not instance.has_run(run_id)]
    for run_id in unknown:
        _delete_files(instance, home, run_id)
    return len(unknown)


def _files(instance: dg.DagsterInstance, home: Path) -> list[tuple[str, Path]]:
    """Files and folders of runs, with the run id in their name."""
    shards = _shards(instance)
    named = (
        [] if shards is None else [(run_id, Path(shards.path_for_shard(run_id))) for run_id in shards.get_all_run_ids()]
    )
    if (home / "storage").is_dir():
        named += [(path.name, path) for path in (home / "storage").iterdir()]
    return [(run_id, path) for run_id, path in named if _RUN_ID.fullmatch(run_id)]


def _shrink(home: Path) -> None:
    """Returns the space of deleted rows to the disk. A file that another process has locked keeps it for new rows."""
    for path in (home / "history" / "runs.db", home / "history" / "runs" / "index.db"):
        if not path.exists():
            continue
        try:
            with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as error:
            log.warning("%s is in use and cannot be shrunk now: %s", path, error)


def _size(home: Path) -> int:
    total = 0
    for path in home.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # a temporary file of another process
            continue
    return total
