"""What is complete: ingest windows, read as sets of closed stretches.

Belongs here: recording windows and asking them. A window is recorded last, after the data it speaks of; what
is under no complete window is not claimed. Where windows overlap, the one recorded last is believed: a
partial window over a complete stretch opens it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import pyarrow as pa

from echelon_pipeline.domain.intervals import newest, subtract
from echelon_pipeline.tables import TABLES
from echelon_pipeline.warehouse.commits import Commit
from echelon_pipeline.warehouse.duck import literal
from echelon_pipeline.warehouse.lake import Lake

TABLE = "core.ingest_windows"
Span = tuple[datetime, datetime]


@dataclass(frozen=True, kw_only=True)
class Window:
    """[from_at, to_at) of one scope was read, and how completely. Columns as in ``core.ingest_windows``."""

    venue: str
    table_name: str
    scope: str
    from_at: datetime
    to_at: datetime
    state: str
    unit_id: str
    reason: str | None = None
    rows: int = 0
    dead_letters: int = 0
    filtered_out: int = 0
    pages: int = 0
    run_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Recorded(Window):
    """A window as stored."""

    recorded_at: datetime


class Windows:
    """The windows of one lake. Reads only ``core.ingest_windows``: its cost does not grow with the data."""

    def __init__(self, lake: Lake, clock: Callable[[], datetime] | None = None) -> None:
        self._lake = lake
        self._clock = clock or (lambda: datetime.now(UTC))

    def record(self, windows: Sequence[Window], *, as_of: datetime | None = None) -> Commit:
        """Appends windows in one commit, stamped with the clock. Raises RuleViolation, Conflict, DiskFull.

        ``as_of``: stamped with this time instead, where a window speaks of what was known then.
        Under a frozen clock stamps are equal; then the later unit is believed: its id sorts by real time.
        """
        now = as_of or self._clock()
        rows = [{**asdict(w), "recorded_at": now} for w in windows]
        return self._lake.append(TABLE, pa.Table.from_pylist(rows, schema=TABLES[TABLE].arrow_schema()))

    def recorded(self, venue: str, table: str, scope: str | None = None) -> list[Recorded]:
        """Windows of a table (of one scope), in the order in which they were recorded."""
        names = [*Window.__dataclass_fields__, "recorded_at"]
        where = f"table_name = {literal(table)}" + (f" AND scope = {literal(scope)}" if scope is not None else "")
        source = self._lake.scan(TABLE, where={"venue": [venue]})
        with self._lake.duck() as connection:
            rows = connection.execute(
                f"SELECT {', '.join(names)} FROM ({source}) WHERE {where} ORDER BY recorded_at, unit_id, from_at"
            ).fetchall()
        return [Recorded(**dict(zip(names, row, strict=True))) for row in rows]

    def states(self, venue: str, table: str, scope: str) -> list[tuple[datetime, datetime, str]]:
        """State of every stretch that was ever recorded, by the latest window over it."""
        return _states(self.recorded(venue, table, scope))

    def complete(self, venue: str, table: str, scope: str) -> list[Span]:
        """Stretches that are complete now."""
        return _complete(self.recorded(venue, table, scope))

    def complete_by_scope(self, venue: str, table: str) -> dict[str, list[Span]]:
        """Complete stretches of every scope that has one."""
        by_scope: dict[str, list[Recorded]] = {}
        for window in self.recorded(venue, table):
            by_scope.setdefault(window.scope, []).append(window)
        found = {scope: _complete(windows) for scope, windows in by_scope.items()}
        return {scope: spans for scope, spans in found.items() if spans}

    def missing(self, venue: str, table: str, scope: str, from_at: datetime, to_at: datetime) -> list[Span]:
        """What of [from_at, to_at) is still to be read: neither complete nor known to be unavailable."""
        done = [(b, e) for b, e, state in self.states(venue, table, scope) if state != "partial"]
        return subtract([(from_at, to_at)], done)


def _states(windows: Sequence[Recorded]) -> list[tuple[datetime, datetime, str]]:
    return newest((w.from_at, w.to_at, w.recorded_at, w.state) for w in windows)


def _complete(windows: Sequence[Recorded]) -> list[Span]:
    return [(begin, end) for begin, end, state in _states(windows) if state == "complete"]
