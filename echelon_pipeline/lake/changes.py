"""What changed in a table since a version: read from the log's commits, never from the data.

Belongs here: the reading of what ``commits.py`` wrote beside each commit. Compactions rewrite files and change
no row; they are passed over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from echelon_pipeline.lake.delta import Snapshot

_DATA = {"append", "merge"}
_NO_DATA = {"compact", "retention"}
# Commits of others that we know to leave every row as it is.
_HARMLESS = {"CREATE TABLE", "ADD COLUMN", "SET TBLPROPERTIES", "UPDATE TABLE METADATA", "OPTIMIZE", "VACUUM START"}


@dataclass(frozen=True)
class Changed:
    """``everything``: no telling what (undated tables, a log already cleaned up, foreign writers)."""

    everything: bool = False
    dates: frozenset[date] = frozenset()

    def __bool__(self) -> bool:
        return self.everything or bool(self.dates)


NOTHING = Changed()
EVERYTHING = Changed(everything=True)


def changed_since(snapshot: Snapshot | None, version: int | None) -> Changed:
    """What the commits after ``version`` up to the snapshot's changed. ``version`` None: the table was not there."""
    if snapshot is None:
        return NOTHING
    if version is None or version > snapshot.version:
        return EVERYTHING
    if version == snapshot.version:
        return NOTHING
    dates: set[date] = set()
    commits = snapshot.history(version)
    if len(commits) < snapshot.version - version:
        return EVERYTHING
    for commit in commits:
        note = commit.get("echelon")
        if note in _DATA:
            found = {date.fromisoformat(d) for d in json.loads(commit.get("dates", "[]"))}
            if not found:
                return EVERYTHING
            dates |= found
        elif note not in _NO_DATA and not _is_harmless(str(commit.get("operation"))):
            return EVERYTHING
    return Changed(dates=frozenset(dates))


def _is_harmless(operation: str) -> bool:
    return operation in _HARMLESS or operation.startswith("VACUUM")
