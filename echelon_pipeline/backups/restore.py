"""Restores a home from a backup.

Belongs here: checking every byte, and putting files in place. Files are first copied below ``.restoring`` in the home
and in the lake's folder and compared with their checksums; then they are moved to their places. Until the end every
command that opens the state database refuses to run, so an interrupted restore cannot be taken for a home.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from echelon_pipeline.backups.copying import copy_bytes
from echelon_pipeline.backups.layout import HOME, LAKE, Backup, Entry, find
from echelon_pipeline.errors import BadSettings, CorruptStore
from echelon_pipeline.lake.checksums import checksum
from echelon_pipeline.lake.faults import require_space, storage_faults
from echelon_pipeline.settings import RESTORING, STATE_FILE, Settings
from echelon_pipeline.state.copies import load_state
from echelon_pipeline.streams.segments import fsync_folder
from echelon_pipeline.tables import TABLES

_CHECKED = "checked"  # every file is copied and checked: what follows only moves files
_DONE = ".restored"
_IGNORED = {RESTORING, _DONE, "lost+found"}


@dataclass(frozen=True)
class Restored:
    """The backup that was restored, and the number of its files."""

    backup: Backup
    files: int


def check(source: Path) -> Backup:
    """Reads every file of a backup. Raises CorruptStore if one is missing or was changed; NotFound, NewerLake."""
    backup = find(source)
    for entry in backup.entries():
        path = backup.folder / entry.name
        if not path.is_file() or path.stat().st_size != entry.size or checksum(path) != entry.sha256:
            raise _damaged(path)
    return backup


def restore(settings: Settings, source: Path) -> Restored:
    """Restores the backup in ``source``, or the newest one below it, into the home of the settings.

    Raises BadSettings for a home or lake that has files, CorruptStore for a damaged backup, NotFound, NewerLake,
    DiskFull. Run it again after an interruption.
    """
    backup = find(source)
    roots = _roots(settings, backup)
    marker = settings.home / RESTORING / _CHECKED
    for root in roots.values():
        _require_empty(root, is_begun=marker.is_file())
    entries = backup.entries()
    if not marker.is_file() or marker.read_text(encoding="utf-8") != str(backup.folder.resolve()):
        _require_unplaced(marker)
        _stage(settings, backup, roots, entries)
        os.sync()
        marker.write_text(str(backup.folder.resolve()), encoding="utf-8")
    if settings.state_url is not None:
        _load(settings)
    for name in sorted(roots, reverse=True):  # the lake, then the home, whose staging folder marks the restore
        _place(roots[name])
    return Restored(backup, len(entries))


def _roots(settings: Settings, backup: Backup) -> dict[str, Path]:
    """Where the parts of a backup go, by their folder in it."""
    lake = settings.lake_root
    if ("://" in lake) != bool(backup.about.lake):
        kind = f"names the lake {backup.about.lake}" if backup.about.lake else "has its lake in files"
        raise BadSettings(f"ECHELON_LAKE: the backup {kind}, and the setting is {lake}")
    return {HOME: settings.home} if "://" in lake else {HOME: settings.home, LAKE: Path(lake)}


def _require_empty(root: Path, *, is_begun: bool) -> None:
    there = [] if is_begun or not root.exists() else [p.name for p in root.iterdir() if p.name not in _IGNORED]
    if there == ["lake"] and (root / "lake" / RESTORING).is_dir():  # an interrupted restore: the lake's staging folder
        there = []
    if there:
        raise BadSettings(f"{root} has files ({', '.join(sorted(there)[:3])}): restore into an empty folder")


def _require_unplaced(marker: Path) -> None:
    """Raises BadSettings if another backup's files may be in their places already."""
    if marker.is_file():
        raise BadSettings(
            f"{marker.parents[1]}: the restore of {marker.read_text(encoding='utf-8')} did not end; restore that one "
            "again, or empty the folder"
        )


def _stage(settings: Settings, backup: Backup, roots: Mapping[str, Path], entries: list[Entry]) -> None:
    for root in roots.values():
        shutil.rmtree(root / RESTORING, ignore_errors=True)
        (root / RESTORING).mkdir(parents=True)
        require_space(root, settings.min_free_mb + sum(e.size for e in entries) // 2**20)
    private = {f"{LAKE}/{name.replace('.', '/')}" for name, table in TABLES.items() if table.private}
    for entry in entries:
        part, _, below = entry.name.partition("/")
        if part not in roots or not below:
            continue
        target = roots[part] / RESTORING / below
        target.parent.mkdir(parents=True, exist_ok=True)
        with storage_faults(str(target)):
            _copy(backup.folder / entry.name, target, entry)
    for folder in private:
        part, _, below = folder.partition("/")
        if part in roots and (staged := roots[part] / RESTORING / below).is_dir():
            staged.chmod(0o700)


def _copy(source: Path, target: Path, entry: Entry) -> None:
    try:
        size, sha256 = copy_bytes(source, target)
    except FileNotFoundError:
        raise _damaged(source) from None
    if (size, sha256) != (entry.size, entry.sha256):
        raise _damaged(source)
    target.chmod(entry.mode)


def _damaged(path: Path) -> CorruptStore:
    return CorruptStore(f"{path} is missing or is not what was backed up (sha256): use another backup")


def _load(settings: Settings) -> None:
    """The rows of the state database, into the one of ECHELON_STATE_URL."""
    path = settings.home / RESTORING / STATE_FILE
    if path.is_file():
        load_state(settings, path)
        path.unlink()


def _place(root: Path) -> None:
    """Moves staged files to their places."""
    staging = root / RESTORING
    for path in sorted(staging.iterdir()) if staging.is_dir() else ():
        if path.name != _CHECKED:
            path.rename(root / path.name)
    if staging.is_dir():
        fsync_folder(root)
        # One step: without its staging folder the home is whole.
        staging.rename(root / _DONE)
        shutil.rmtree(root / _DONE)
