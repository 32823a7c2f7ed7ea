"""What happens to instruments between two times, in the order of time.

Belongs here: book steps, trades, new markets, results, for any set of rows of one venue. Sessions turn moments
into frames, so the frames follow from what was subscribed when, not from how often anybody looked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from echelon_pipeline.sandbox.universe.books import SECOND_US, Books

MomentKind = Literal["created", "book", "refined", "trade", "determined", "settled"]


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """``rank`` orders moments of one time; ``number`` is the trade's."""

    us: int
    rank: int
    row: int
    number: int
    kind: MomentKind


class Moments:
    """Moments of one venue's instruments."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self._table, self._columns = books.venue.trades, books.venue.columns

    def steps(self, rows: Collection[int], after: int, until: int) -> list[Moment]:
        """Every time in (after, until] at which a book of these rows may differ."""
        return [Moment(at, 1, row, 0, "book") for row in rows for at in self.books.edges(row, after, until)]

    def trades(self, rows: Collection[int] | None, after: int, until: int) -> list[Moment]:
        """Trades in (after, until]; of all rows where ``rows`` is None. None after an early end."""
        table = self._table
        found = []
        for n in range(table.visible(after), table.visible(until)):
            row, at = table.inst[n], table.t[n]
            if (rows is None or row in rows) and at < self.books.closes(row):
                found.append(Moment(at, 2, row, n, "trade"))
        return found

    def results(self, rows: Collection[int] | None, after: int, until: int) -> list[Moment]:
        """Determined and settled in (after, until]."""
        near = self._near(after, until) if rows is None else rows
        found = []
        for row in near:
            determined, settled = self.books.settles(row)
            if after < determined <= until:
                found.append(Moment(determined, 3, row, 0, "determined"))
            if after < settled <= until:
                found.append(Moment(settled, 4, row, 0, "settled"))
        return found

    def refined(self, after: int, until: int) -> list[Moment]:
        """Ticks made finer by a mark in (after, until]."""
        times = ((self.books.marks.since(row, "tick_change"), row) for row in self.books.marks.rows())
        return [Moment(at, 1, row, 0, "refined") for at, row in times if after < at <= until]

    def created(self, after: int, until: int) -> list[Moment]:
        """Markets made in (after, until]."""
        times, rows = self._by_created
        low, high = bisect_right(times, after // SECOND_US), bisect_right(times, until // SECOND_US)
        return [Moment(times[k] * SECOND_US, 0, rows[k], 0, "created") for k in range(low, high)]

    @cached_property
    def _by_created(self) -> tuple[list[int], list[int]]:
        return self._sorted("created")

    @cached_property
    def _by_result(self) -> list[tuple[list[int], list[int]]]:
        return [self._sorted("determined"), self._sorted("settled")]

    def _sorted(self, column: str) -> tuple[list[int], list[int]]:
        """Times ascending and the rows that have them."""
        frame = self.books.venue.frame.select(column).with_row_index("row").sort(column, "row")
        return frame[column].to_list(), frame["row"].to_list()

    def _near(self, after: int, until: int) -> set[int]:
        """Rows that may be determined or settled in (after, until]."""
        rows = set(self.books.marks.rows())
        for times, who in self._by_result:
            low, high = bisect_right(times, after // SECOND_US), bisect_right(times, until // SECOND_US)
            rows.update(who[low:high])
        return rows
