"""What was walked to its end: ingest windows, read as sets of closed stretches.

Belongs here: recording windows and asking them. A window is recorded last, after the data it speaks of; what
is under no complete window is not claimed, and neither are rows that stay unread under one (core.unread_rows).
Where windows overlap, the one recorded last is believed: a partial window over a complete stretch opens it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from echelon_pipeline.domain.intervals import Span as Span
from echelon_pipeline.domain.intervals import newest, subtract
from echelon_pipeline.lake.commits import Commit
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.tables import TABLES

TABLE = "core.ingest_windows"


@dataclass(frozen=True, kw_only=True)
class Window:
    """[from_at, to_at) of one scope was walked, and how far. Columns as in ``core.ingest_windows``.

    ``state`` complete is the watermark: walked to the end, not to be asked for again. What may be claimed of it is
    said by ``unread_rows`` and, as rows are read later, by ``core.unread_rows``."""

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
    unread_rows: int | None = 0
    filtered_out: int = 0
    pages: int = 0
    run_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Recorded(Window):
    """A window as stored."""

    recorded_at: datetime


class Windows:
    """The windows of one lake. Reads only ``core.ingest_windows``, and of that into memory only what is asked for:
    neither the data nor years of windows cost a run anything but a scan of some columns."""

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

    def recorded(
        self,
        venue: str,
        table: str,
        scope: str | None = None,
        *,
        state: str | None = None,
        meets: Span | None = None,
    ) -> list[Recorded]:
        """Windows of a table (of one scope, in one state, that meet a span), in the order of recording."""
        conditions = ["table_name = $table"]
        given: dict[str, object] = {"table": table}
        if scope is not None:
            conditions.append("scope = $scope")
            given["scope"] = scope
        if state is not None:
            conditions.append("state = $state")
            given["state"] = state
        if meets is not None:
            conditions.append("from_at < $end AND to_at > $begin")
            given |= {"begin": meets[0], "end": meets[1]}
        return self._found(venue, " AND ".join(conditions), given)

    def states(
        self, venue: str, table: str, scope: str, *, meets: Span | None = None
    ) -> list[tuple[datetime, datetime, str]]:
        """State of every stretch that was ever recorded, by the latest window over it.

        ``meets``: only windows that meet this span are looked at: within it the answer is the same.
        """
        return _states(self.recorded(venue, table, scope, meets=meets))

    def complete(self, venue: str, table: str, scope: str, *, meets: Span | None = None) -> list[Span]:
        """Stretches that are complete now. ``meets`` as in states()."""
        return _complete(self.recorded(venue, table, scope, meets=meets))

    def complete_by_scope(self, venue: str, table: str, *, meets: Span | None = None) -> dict[str, list[Span]]:
        """Complete stretches of every scope that has one. ``meets`` as in states()."""
        by_scope: dict[str, list[Recorded]] = {}
        for window in self.recorded(venue, table, meets=meets):
            by_scope.setdefault(window.scope, []).append(window)
        found = {scope: _complete(windows) for scope, windows in by_scope.items()}
        return {scope: spans for scope, spans in found.items() if spans}

    def missing(self, venue: str, table: str, scope: str, from_at: datetime, to_at: datetime) -> list[Span]:
        """What of [from_at, to_at) is still to be read: neither complete nor known to be unavailable."""
        span = (from_at, to_at)
        done = [(b, e) for b, e, state in self.states(venue, table, scope, meets=span) if state != "partial"]
        return subtract([span], done)

    def last_complete(self, venue: str, table: str) -> dict[str, datetime]:
        """Where the latest complete window of every scope begins."""
        query = (
            "SELECT scope, max(from_at) FROM windows WHERE table_name = $table AND state = 'complete' GROUP BY scope"
        )
        return dict(self._asked(venue, query, {"table": table}))

    def given_up(self, venue: str, table: str) -> set[str]:
        """Native ids whose last window in a scope of their own, ``<venue>:<native id>``, says partial."""
        query = """
            SELECT substr(scope, length($prefix) + 1) FROM windows
            WHERE table_name = $table AND starts_with(scope, $prefix)
            GROUP BY scope HAVING arg_max(state, (recorded_at, unit_id)) = 'partial'
        """
        return {name for (name,) in self._asked(venue, query, {"table": table, "prefix": f"{venue}:"})}

    def last_unit_with_rows(self, venue: str, table: str) -> str:
        """The latest unit that gave the table rows; '' where none has."""
        query = "SELECT coalesce(max(unit_id), '') FROM windows WHERE table_name = $table AND rows > 0"
        return str(self._asked(venue, query, {"table": table})[0][0])

    def unfollowed(self, venue: str, table: str, by: str) -> list[Recorded]:
        """Windows of a table whose unit no window of the table ``by`` names at the end of its scope
        (``<scope>/<unit>``), in the order of recording."""
        follows = "SELECT split_part(scope, '/', -1) FROM windows WHERE table_name = $by"
        return self._found(venue, f"table_name = $table AND unit_id NOT IN ({follows})", {"table": table, "by": by})

    def _found(self, venue: str, condition: str, given: Mapping[str, object]) -> list[Recorded]:
        names = [*Window.__dataclass_fields__, "recorded_at"]
        query = f"SELECT {', '.join(names)} FROM windows WHERE {condition} ORDER BY recorded_at, unit_id, from_at"
        return [Recorded(**dict(zip(names, row, strict=True))) for row in self._asked(venue, query, given)]

    def _asked(self, venue: str, query: str, given: Mapping[str, object]) -> list[tuple[Any, ...]]:
        with self._lake.duck() as connection:
            source = self._lake.scan(TABLE, where={"venue": [venue]})
            return connection.execute(f"WITH windows AS ({source}) {query}", given).fetchall()


def _states(windows: Sequence[Recorded]) -> list[tuple[datetime, datetime, str]]:
    return newest((w.from_at, w.to_at, w.recorded_at, w.state) for w in windows)


def _complete(windows: Sequence[Recorded]) -> list[Span]:
    return [(begin, end) for begin, end, state in _states(windows) if state == "complete"]
