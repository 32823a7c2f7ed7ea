"""Which days of a table changed since a version: read from the commits of the log, never from the data.

Belongs here: reading the notes that ``commits.py`` attaches to each commit. Compactions rewrite files without
changing a row; they are skipped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from echelon_pipeline.lake.delta import TableVersion

_DATA = {"append", "merge"}
_NO_DATA = {"compact", "retention"}
# Operations of other writers that never change a row.
_HARMLESS = {"CREATE TABLE", "ADD COLUMN", "SET TBLPROPERTIES", "UPDATE TABLE METADATA", "OPTIMIZE", "VACUUM START"}


@dataclass(frozen=True)
class Changed:
    """The UTC days that changed. ``everything``: the log cannot tell which (the table has no dates, the log was
    cleaned up, or another program wrote)."""

    everything: bool = False
    dates: frozenset[date] = frozenset()

    def __bool__(self) -> bool:
        return self.everything or bool(self.dates)


NOTHING = Changed()
EVERYTHING = Changed(everything=True)


def changed_since(table_version: TableVersion | None, version: int | None, table_id: str | None = None) -> Changed:
    """Changes in the commits after ``version``, up to ``table_version``. None: the table did not exist, or is gone.

    ``table_id``: the id of the table that had ``version``, if known. Versions of a table that was created again say
    nothing about the earlier table.
    """
    if table_version is None:
        return NOTHING if version is None else EVERYTHING
    if version is None or version > table_version.version or table_id not in (None, table_version.table_id):
        return EVERYTHING
    if version == table_version.version:
        return NOTHING
    dates: set[date] = set()
    commits = table_version.history(version)
    if len(commits) < table_version.version - version:
        return EVERYTHING
    for commit in commits:
        note = commit.get("echelon")
        if note in _DATA:
            days = {date.fromisoformat(d) for d in json.loads(commit.get("dates", "[]"))}
            if not days:
                return EVERYTHING
            dates |= days
        elif note not in _NO_DATA and not _is_harmless(str(commit.get("operation"))):
            return EVERYTHING
    return Changed(dates=frozenset(dates))


def _is_harmless(operation: str) -> bool:
    return operation in _HARMLESS or operation.startswith("VACUUM")
