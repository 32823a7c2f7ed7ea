"""Staleness of marts: which days are older than their inputs.

Belongs here: comparing inputs with the records of builds. ``refresh.py`` builds the stale parts.

Checking a mart reads from the log which days of its inputs changed since the last check. The affected days (a changed
day and the lookback after it) are recorded as wanted, together with the checked versions. A day is stale until it is
built from versions that were pinned later.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from echelon_pipeline.lake.changes import EVERYTHING, Changed, changed_since
from echelon_pipeline.lake.delta import TableVersion
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.builds import ALL, Record
from echelon_pipeline.marts.marts import Mart, Params, Pinned, create_views, listed
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.tables import TABLES


class Staleness:
    """Checks of marts of one lake at one time."""

    def __init__(self, lake: Lake, params: Params, now: datetime) -> None:
        self._lake = lake
        self._params = params
        self._now = now

    def check(
        self, mart: Mart, pinned: Pinned, at: datetime, recorded: Sequence[Record]
    ) -> tuple[list[str], list[Record]]:
        """Stale parts, and the records of this check: none if no input changed. Parts of a lost table are not built."""
        is_lost = self._lake.version(mart.name) is None
        known = {(r.part, r.kind): r for r in recorded if not (is_lost and r.kind == "built" and r.rows)}
        checked, versions = known.get((ALL, "checked")), self.versions(mart, pinned)
        if checked is None or checked.inputs != versions:
            seen = json.loads(checked.inputs or "{}") if checked else None
            changed = {i: EVERYTHING if seen is None else _changed(pinned[i], seen.get(i)) for i in mart.inputs}
            records = [Record(p, "wanted", at) for p in self._wanted(mart, pinned, changed, known)]
            records.append(Record(ALL, "checked", at, versions))
        else:
            records = []
        known |= {(r.part, r.kind): r for r in records}
        code = mart.code(self._params)
        return sorted(part for part, kind in known if kind == "wanted" and _is_stale(known, part, code)), records

    def _wanted(
        self, mart: Mart, pinned: Pinned, changed: dict[str, Changed], known: Collection[tuple[str, str]]
    ) -> list[str]:
        if not mart.is_dated:
            return [ALL] if any(changed.values()) or "now" in mart.parameters else []
        # Includes built days without input rows: an outcome may become known on a day without trades.
        built = {date.fromisoformat(part) for part, kind in known if kind == "built"}
        days = reached(changed, input_days(mart, pinned) | built, mart.lookback(self._params))
        return sorted(map(str, days | self._invalid(mart, pinned)))

    def versions(self, mart: Mart, pinned: Pinned) -> str:
        """What a check saw: ids and versions of the inputs and of the tables that its ``sql/stale`` statement reads,
        and the clock's hour if the mart depends on the current time."""
        tables = sorted({*mart.inputs, *(t for s in _stale_statements(mart) for t in listed(s.header["inputs"]))})
        seen: dict[str, object] = {
            t: [s.table_id, s.version] if (s := pinned[t]) else None for t in tables if t != mart.name
        }
        if "now" in mart.parameters:
            seen["now"] = f"{self._now:%Y-%m-%dT%H}"
        return json.dumps(seen, sort_keys=True)

    def _invalid(self, mart: Mart, pinned: Pinned) -> set[date]:
        """Days that the mart's statement in ``sql/stale`` returns: a lookup contradicts or lacks their rows."""
        days: set[date] = set()
        for statement in _stale_statements(mart):
            with self._lake.duck(private=True) as connection:
                create_views(
                    connection, (*mart.relations, mart.name), {**pinned, mart.name: self._lake.open(mart.name)}
                )
                days |= {row[0] for row in connection.execute(statement.text).fetchall()}
        return days


def _changed(table_version: TableVersion | None, seen: list[Any] | int | None) -> Changed:
    """Changes of an input since a check; records of older code have the version without the id."""
    table_id, version = seen if isinstance(seen, list) else (None, seen)
    return changed_since(table_version, version, table_id)


def _stale_statements(mart: Mart) -> list[Statement]:
    return [s for s in statements("stale") if s.header["of"] == mart.name]


def _is_stale(known: dict[tuple[str, str], Record], part: str, code: str) -> bool:
    built, wanted = known.get((part, "built")), known[part, "wanted"]
    return built is None or built.pinned_at < wanted.pinned_at or built.code != code


def reached(changed: dict[str, Changed], days: set[date], lookback: int) -> set[date]:
    """Days whose rows may depend on the changes."""
    if any(c.everything for c in changed.values()):
        return days
    touched = {d for c in changed.values() for d in c.dates}
    return {d + timedelta(days=n) for d in touched for n in range(lookback + 1)} & (days | touched)


def input_days(mart: Mart, pinned: Pinned) -> set[date]:
    """Days on which a dated input has rows."""
    dated = [pinned[i] for i in mart.inputs if "date" in TABLES[i].partition_by]
    return {f.day for s in dated if s is not None for f in s.files}
