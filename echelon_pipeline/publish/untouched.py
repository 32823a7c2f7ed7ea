"""Whether the published file still is what was published: no other program changed it, in copied homes neither.

Belongs here: comparing the file with what was recorded of it, or with its kept copy. Replacing it is ``publish.py``'s.
"""

from __future__ import annotations

from pathlib import Path

from echelon_pipeline.lake.checksums import checksum
from echelon_pipeline.publish.editions import (
    Edition,
    fingerprint,
    kept_name,
    kept_publications,
    looks,
    wal,
)
from echelon_pipeline.settings import STATE_FILE, Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.publications import publications


def is_changed(settings: Settings, target: Path, edition: Edition | None) -> bool:
    """Whether another program has changed the published file, or left a log beside it. ``edition``: what the file says
    of itself, where it can be read."""
    if wal(target).exists():
        return True
    copy = linked(target) or _namesake(target, edition)
    if copy is None:  # a file that cannot be read is replaced anyway
        return False
    # By name, not by path: a home that was copied or moved has the rows of where it was.
    noted = next((f for f in _noted(settings, copy.name) if f), None)
    if noted is not None:
        return _differs(target, noted)
    return copy.exists() and not copy.samefile(target) and _differs(target, fingerprint(copy))


def linked(target: Path) -> Path | None:
    """The kept copy that is the published file."""
    return next((p for p in kept_publications(target) if target.exists() and p.samefile(target)), None)


def _namesake(target: Path, edition: Edition | None) -> Path | None:
    """Where the copy of what the file says it is lies: a copied home may hold it as a file of its own."""
    return kept_name(edition) if edition is not None and edition.path == target else None


def _noted(settings: Settings, name: str) -> list[str]:
    if settings.state_url is None and not (settings.home / STATE_FILE).exists():
        return []  # looking makes no state database
    with State.of(settings) as state:
        return [p.fingerprint for p in publications(state) if p.path.name == name]


def _differs(target: Path, noted: str) -> bool:
    """The same size and time of change are the same file. A copy may have another time: then its bytes decide."""
    seen = looks(target)
    known, _, sha256 = noted.rpartition(":") if noted.count(":") > 1 else (noted, "", "")
    return bool(seen) and seen != known and (not sha256 or checksum(target) != sha256)
