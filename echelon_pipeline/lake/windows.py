"""Ingest windows: which intervals of a table were read completely.

Belongs here: recording and querying windows. A window is recorded last, after the data that it covers. Data outside
complete windows is not claimed, and neither are unread rows inside one (core.unread_rows).
Where windows overlap, the one recorded last wins: a partial window over a complete interval makes it incomplete again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from echelon_pipeline.domain.instrument_id import InstrumentId
from echelon_pipeline.domain.intervals import Span as Span
from echelon_pipeline.domain.intervals import newest_labels, subtract
from echelon_pipeline.lake.commits import Commit
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.tables import TABLES

TABLE = "core.ingest_windows"


@dataclass(frozen=True, kw_only=True)
class Window:
    """How far [from_at, to_at) of one scope was read. Columns as in ``core.ingest_windows``.

    ``state`` complete is the watermark: the interval was read to its end and is not requested again. It may be claimed
    as complete if ``unread_rows`` is 0 or, after a later read of those rows, ``core.unread_rows`` has none left."""

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
class RecordedWindow(Window):
    """A window as stored."""

    recorded_at: datetime


class Windows:
    """The windows of one lake. Reads only ``core.ingest_windows`` and loads only the requested rows: even with years
    of windows a query costs one scan of a few columns."""

    def __init__(self, lake: Lake, clock: Callable[[], datetime] | None = None) -> None:
        self._lake = lake
        self._clock = clock or (lambda: datetime.now(UTC))

    def record(self, windows: Sequence[Window], *, as_of: datetime | None = None) -> Commit:
        """Appends windows in one commit, stamped with the clock. Raises RuleViolation, Conflict, DiskFull.

        ``as_of``: the stamp to use instead, for a window that describes what was known at that time.
        Under a frozen clock stamps are equal; then the later unit wins: its id sorts by real time.
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
    ) -> list[RecordedWindow]:
        """Windows of a table (of one scope, in one state, overlapping a span), in the order of recording."""
        conditions = ["table_name = $table"]
        parameters: dict[str, object] = {"table": table}
        if scope is not None:
            conditions.append("scope = $scope")
            parameters["scope"] = scope
        if state is not None:
            conditions.append("state = $state")
            parameters["state"] = state
        if meets is not None:
            conditions.append("from_at < $end AND to_at > $begin")
            parameters |= {"begin": meets[0], "end": meets[1]}
        return self._select(venue, " AND ".join(conditions), parameters)

    def states(
        self, venue: str, table: str, scope: str, *, meets: Span | None = None
    ) -> list[tuple[datetime, datetime, str]]:
        """State of every interval that was ever recorded, by the latest window over it.

        ``meets``: reads only windows that overlap this span; inside the span the result is the same.
        """
        return _states(self.recorded(venue, table, scope, meets=meets))

    def complete(self, venue: str, table: str, scope: str, *, meets: Span | None = None) -> list[Span]:
        """Intervals that are complete now. ``meets`` as in states()."""
        return _complete(self.recorded(venue, table, scope, meets=meets))

    def complete_by_scope(self, venue: str, table: str, *, meets: Span | None = None) -> dict[str, list[Span]]:
        """Complete intervals of every scope that has one. ``meets`` as in states()."""
        by_scope: dict[str, list[RecordedWindow]] = {}
        for window in self.recorded(venue, table, meets=meets):
            by_scope.setdefault(window.scope, []).append(window)
        complete = {scope: _complete(windows) for scope, windows in by_scope.items()}
        return {scope: spans for scope, spans in complete.items() if spans}

    def missing(self, venue: str, table: str, scope: str, from_at: datetime, to_at: datetime) -> list[Span]:
        """The intervals of [from_at, to_at) still to be read: neither complete nor known to be unavailable."""
        span = (from_at, to_at)
        done = [(b, e) for b, e, state in self.states(venue, table, scope, meets=span) if state != "partial"]
        return subtract([span], done)

    def last_complete(self, venue: str, table: str) -> dict[str, datetime]:
        """The begin of the latest complete window of every scope."""
        query = (
            "SELECT scope, max(from_at) FROM windows WHERE table_name = $table AND state = 'complete' GROUP BY scope"
        )
        return dict(self._query(venue, query, {"table": table}))

    def given_up(self, venue: str, table: str) -> set[str]:
        """Native ids whose last window in their own scope, ``<venue>:<native id>``, is partial."""
        query = """
            SELECT substr(scope, length($prefix) + 1) FROM windows
            WHERE table_name = $table AND starts_with(scope, $prefix)
            GROUP BY scope HAVING arg_max(state, (recorded_at, unit_id)) = 'partial'
        """
        return {name for (name,) in self._query(venue, query, {"table": table, "prefix": InstrumentId.prefix(venue)})}

    def last_unit_with_rows(self, venue: str, table: str) -> str:
        """The latest unit that wrote rows to the table; '' if there is none."""
        query = "SELECT coalesce(max(unit_id), '') FROM windows WHERE table_name = $table AND rows > 0"
        return str(self._query(venue, query, {"table": table})[0][0])

    def underived(self, venue: str, table: str, by: str) -> list[RecordedWindow]:
        """Windows of a table that were not derived into the table ``by`` yet, in the order of recording: no window
        of ``by`` names their unit at the end of its scope (``<scope>/<unit>``)."""
        derived = "SELECT split_part(scope, '/', -1) FROM windows WHERE table_name = $by"
        return self._select(venue, f"table_name = $table AND unit_id NOT IN ({derived})", {"table": table, "by": by})

    def _select(self, venue: str, condition: str, parameters: Mapping[str, object]) -> list[RecordedWindow]:
        names = [*Window.__dataclass_fields__, "recorded_at"]
        query = f"SELECT {', '.join(names)} FROM windows WHERE {condition} ORDER BY recorded_at, unit_id, from_at"
        return [RecordedWindow(**dict(zip(names, row, strict=True))) for row in self._query(venue, query, parameters)]

    def _query(self, venue: str, query: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        with self._lake.duck() as connection:
            source = self._lake.scan(TABLE, where={"venue": [venue]})
            return connection.execute(f"WITH windows AS ({source}) {query}", parameters).fetchall()


def _states(windows: Sequence[RecordedWindow]) -> list[tuple[datetime, datetime, str]]:
    return newest_labels((w.from_at, w.to_at, w.recorded_at, w.state) for w in windows)


def _complete(windows: Sequence[RecordedWindow]) -> list[Span]:
    return [(begin, end) for begin, end, state in _states(windows) if state == "complete"]
