"""Updates of instruments between two times, in the order of time.

Belongs here: book steps, trades, new markets and results for any set of rows of one venue. Sessions turn updates into
frames, so the frames depend on the subscriptions and not on how often a session is advanced.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from echelon_pipeline.sandbox.universe.books import SECOND_US, Books

MarketUpdateKind = Literal["created", "book", "refined", "trade", "determined", "settled"]


@dataclass(frozen=True, slots=True, order=True)
class MarketUpdate:
    """``rank`` orders updates of the same time; ``number``: number of the trade."""

    us: int
    rank: int
    row: int
    number: int
    kind: MarketUpdateKind


class MarketUpdates:
    """Updates of one venue's instruments."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self._table, self._columns = books.venue.trades, books.venue.columns

    def steps(self, rows: Collection[int], after: int, until: int) -> list[MarketUpdate]:
        """Every time in (after, until] at which a book of these rows may change."""
        return [MarketUpdate(at, 1, row, 0, "book") for row in rows for at in self.books.edges(row, after, until)]

    def trades(self, rows: Collection[int] | None, after: int, until: int) -> list[MarketUpdate]:
        """Trades in (after, until]; ``rows`` None: of all rows. There are none after an early end."""
        table = self._table
        updates = []
        for n in range(table.visible(after), table.visible(until)):
            row, at = table.inst[n], table.t[n]
            if (rows is None or row in rows) and at < self.books.closes(row):
                updates.append(MarketUpdate(at, 2, row, n, "trade"))
        return updates

    def results(self, rows: Collection[int] | None, after: int, until: int) -> list[MarketUpdate]:
        """Determinations and settlements in (after, until]."""
        candidates = self._near(after, until) if rows is None else rows
        updates = []
        for row in candidates:
            determined, settled = self.books.settles(row)
            if after < determined <= until:
                updates.append(MarketUpdate(determined, 3, row, 0, "determined"))
            if after < settled <= until:
                updates.append(MarketUpdate(settled, 4, row, 0, "settled"))
        return updates

    def refined(self, after: int, until: int) -> list[MarketUpdate]:
        """Ticks that a fault makes finer in (after, until]."""
        times = ((self.books.faults.since(row, "tick_change"), row) for row in self.books.faults.rows())
        return [MarketUpdate(at, 1, row, 0, "refined") for at, row in times if after < at <= until]

    def created(self, after: int, until: int) -> list[MarketUpdate]:
        """Markets created in (after, until]."""
        times, rows = self._by_created
        low, high = bisect_right(times, after // SECOND_US), bisect_right(times, until // SECOND_US)
        return [MarketUpdate(times[k] * SECOND_US, 0, rows[k], 0, "created") for k in range(low, high)]

    @cached_property
    def _by_created(self) -> tuple[list[int], list[int]]:
        return self._sorted("created")

    @cached_property
    def _by_result(self) -> list[tuple[list[int], list[int]]]:
        return [self._sorted("determined"), self._sorted("settled")]

    def _sorted(self, column: str) -> tuple[list[int], list[int]]:
        """Times in ascending order, and their rows."""
        frame = self.books.venue.frame.select(column).with_row_index("row").sort(column, "row")
        return frame[column].to_list(), frame["row"].to_list()

    def _near(self, after: int, until: int) -> set[int]:
        """Rows that may be determined or settled in (after, until]."""
        rows = set(self.books.faults.rows())
        for times, sorted_rows in self._by_result:
            low, high = bisect_right(times, after // SECOND_US), bisect_right(times, until // SECOND_US)
            rows.update(sorted_rows[low:high])
        return rows
