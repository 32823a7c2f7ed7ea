"""Takes a backup while the pipeline runs.

Belongs here: the order of the steps. The lake's versions are pinned first, then recordings are copied, then the state
database: the backup has every frame from which its book tables were derived, and every intent of a listener that they
know. Maintenance deletes nothing while a backup runs.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from echelon_pipeline import __version__, stopping
from echelon_pipeline.backups import layout
from echelon_pipeline.backups.copying import Copier
from echelon_pipeline.backups.layout import ENVIRONMENT, HOME, SWITCHES, Backup
from echelon_pipeline.backups.recordings import copy_recordings
from echelon_pipeline.backups.tables import copy_data, copy_logs, pin
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest.homes import MARK
from echelon_pipeline.lake.checksums import checksum
from echelon_pipeline.lake.delta import TableVersion
from echelon_pipeline.lake.faults import require_space, storage_faults
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.settings import STATE_FILE, Settings, shareable, unshared
from echelon_pipeline.settings.recorded import FILE as RECORDED
from echelon_pipeline.state.copies import copy_state
from echelon_pipeline.state.database import State
from echelon_pipeline.state.holding import hold_lease
from echelon_pipeline.state.pauses import BACKUP

INSTANCE_FILE = "dagster/dagster.yaml"


@dataclass(frozen=True)
class Taken:
    """A finished backup: what was copied, and what was linked because the last backup has it."""

    backup: Backup
    segments: int
    copied_files: int
    copied_bytes: int
    deleted: int


def take(settings: Settings, target: Path, *, keep: int | None = None, switches: str | None = None) -> Taken:
    """Backs the home up in a new folder below ``target``. ``keep``: number of whole backups to keep afterwards.
    ``switches``: which schedules and sensors were switched, as text.

    Raises Conflict (another backup runs), DiskFull, CorruptStore (a damaged or missing file), NewerLake, BadSettings.
    """
    _require_apart(settings, target)
    with hold_lease(settings, BACKUP, wait=0.0) as hold, storage_faults(str(target)):
        target.mkdir(parents=True, exist_ok=True)
        require_space(target, settings.min_free_mb)
        began_at = datetime.now(UTC)
        left = layout.leftovers(target)
        part = _begin(target, began_at)
        copier = Copier(part, next(iter(layout.backups(target)), None), left)
        pinned = _copy_lake(settings, copier)
        segments = copy_recordings(copier, settings.capture_root, settings.home)
        _copy_home(settings, copier, switches)
        hold.check()
        backup = layout.finish(part, _about(settings, began_at, pinned), copier.entries.values())
        for folder in left:
            shutil.rmtree(folder)
        old = layout.backups(target)[keep:] if keep else []
        for each in old:
            layout.delete(each)
    return Taken(backup, segments, copier.copied_files, copier.copied_bytes, len(old))


def _require_apart(settings: Settings, target: Path) -> None:
    """Raises BadSettings for a target inside the home or the lake: it would be copied into itself, or lost with it."""
    for place in (settings.home, settings.lake_root):
        if "://" not in str(place) and target.resolve().is_relative_to(Path(place).resolve()):
            raise BadSettings(f"{target} is inside {place}: choose a folder outside, on another disk if you can")


def _begin(target: Path, began_at: datetime) -> Path:
    """Creates the folder of the new backup."""
    part = layout.begun(target, layout.name_of(began_at))
    while part.exists() or part.with_suffix("").exists():  # two backups within a second
        stopping.wait(1.0)
        part = layout.begun(target, layout.name_of(datetime.now(UTC)))
    part.mkdir(mode=0o700)
    return part


def _copy_lake(settings: Settings, copier: Copier) -> list[TableVersion]:
    lake = Lake.of(settings)
    pinned = pin(lake)
    if "://" not in lake.root:
        copy_logs(copier, pinned, lake.root)
        for table_version in pinned:
            copy_data(copier, table_version, lake.root)
    return pinned


def _copy_home(settings: Settings, copier: Copier, switches: str | None) -> None:
    folder = copier.part / HOME
    folder.mkdir(exist_ok=True, mode=0o700)
    with State.of(settings) as state:
        path = copy_state(state, folder / STATE_FILE)
    copier.add(path, f"{HOME}/{STATE_FILE}", path.stat().st_size, checksum(path), 0o600)
    for name in (RECORDED, MARK, INSTANCE_FILE):
        if (settings.home / name).is_file():
            copier.copy(settings.home / name, f"{HOME}/{name}")
    if switches is not None:
        copier.write(f"{HOME}/{SWITCHES}", switches)
    lines = [f"{name}={value}" for name, value in shareable(settings).items()]
    lines += [f"# {name} is a secret: set it again" for name in unshared(settings)]
    copier.write(ENVIRONMENT, "".join(f"{line}\n" for line in lines))


def _about(settings: Settings, began_at: datetime, pinned: list[TableVersion]) -> Mapping[str, object]:
    return {
        "version": __version__,
        "began_at": began_at.isoformat(),
        "ended_at": datetime.now(UTC).isoformat(),
        "home": str(settings.home),
        "lake": settings.lake_root if "://" in settings.lake_root else "",
        "tables": {t.table.name: t.version for t in pinned},
        "secrets": unshared(settings),
    }
