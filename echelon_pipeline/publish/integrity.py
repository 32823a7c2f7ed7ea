"""Checks that no other program changed the published file, also in a home that was copied.

Belongs here: comparing the file with its recorded fingerprint or its kept copy. ``publish.py`` replaces a changed file.
"""

from __future__ import annotations

from pathlib import Path

from echelon_pipeline.lake.checksums import checksum
from echelon_pipeline.publish.publications import (
    PublishedFile,
    file_state,
    fingerprint,
    kept_name,
    kept_publications,
    wal,
)
from echelon_pipeline.settings import STATE_FILE, Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.publications import publications


def is_changed(settings: Settings, target: Path, published_file: PublishedFile | None) -> bool:
    """Whether another program changed the published file or left a log beside it. ``published_file``: the contents of
    the file's ``meta.publication``, if it can be read."""
    if wal(target).exists():
        return True
    copy = linked_copy(target) or _copy_of_same_name(target, published_file)
    if copy is None:  # the file cannot be read: it is replaced anyway
        return False
    # By name, not by path: in a home that was copied or moved the records have the old paths.
    noted = next((f for f in _recorded_fingerprints(settings, copy.name) if f), None)
    if noted is not None:
        return _differs(target, noted)
    return copy.exists() and not copy.samefile(target) and _differs(target, fingerprint(copy))


def linked_copy(target: Path) -> Path | None:
    """The kept copy that is the same file as the published one."""
    return next((p for p in kept_publications(target) if target.exists() and p.samefile(target)), None)


def _copy_of_same_name(target: Path, published_file: PublishedFile | None) -> Path | None:
    """The kept copy's path by sequence and time: in a copied home it may be a separate file, not a hard link."""
    return kept_name(published_file) if published_file is not None and published_file.path == target else None


def _recorded_fingerprints(settings: Settings, name: str) -> list[str]:
    if settings.state_url is None and not (settings.home / STATE_FILE).exists():
        return []  # a check must not create a state database
    with State.of(settings) as state:
        return [p.fingerprint for p in publications(state) if p.path.name == name]


def _differs(target: Path, noted: str) -> bool:
    """Equal size and modification time mean the same file. A copy may have another time: then its sha256 decides."""
    seen = file_state(target)
    known, _, sha256 = noted.rpartition(":") if noted.count(":") > 1 else (noted, "", "")
    return bool(seen) and seen != known and (not sha256 or checksum(target) != sha256)
