"""Order books: one book at a time, and the statement for books at regular times.

Belongs here: values of one book, and SQL over ``core.book_at`` and ``core.books_every``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from typing import Any, NamedTuple

from echelon_pipeline.errors import BadQuery
from echelon_pipeline.reading.times import Step, sql_step, sql_time, step
from echelon_pipeline.sqltools.text import literal

# More rows than this are a mistake in a step more often than a plan.
MAX_BOOKS = 10_000_000


class Level(NamedTuple):
    """One price level: dollars per share, and contracts there."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True)
class Book:
    """The order book of an instrument at a time, in prices of outcome 0, best level first.

    ``state``: ``live`` (proved to be current), ``stale`` (the last proof is too old) or ``unknown`` (then there are no
    levels, and ``reason`` says why). ``age_seconds``: time since the last change of the book. ``bid_levels`` and
    ``ask_levels`` are the numbers of levels of the whole book; at most 25 of a side are stored.
    """

    instrument_id: str
    as_of_at: datetime
    state: str
    reason: str | None
    age_seconds: float | None
    is_verified: bool | None
    bid: Decimal | None
    ask: Decimal | None
    mid: Decimal | None
    spread: Decimal | None
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    bid_levels: int | None
    ask_levels: int | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Book:
        """The book of a row of ``core.book_at``."""
        sides = {
            side: tuple(map(Level, row[f"{side}_prices"] or (), row[f"{side}_sizes"] or ())) for side in ("bid", "ask")
        }
        facts = {name: row[name] for name in cls.__dataclass_fields__ if name not in ("bids", "asks")}
        return cls(**facts, bids=sides["bid"], asks=sides["ask"])

    @property
    def is_known(self) -> bool:
        """Whether there is a book: its state is not ``unknown``."""
        return self.state != "unknown"

    def depth(self, side: str, within: Decimal | float | str) -> Decimal:
        """Contracts on a side (``"bid"`` or ``"ask"``) whose price is at most this many dollars from the best one."""
        if side not in ("bid", "ask"):
            raise BadQuery(f"side={side!r}: expected bid or ask")
        levels = self.bids if side == "bid" else self.asks
        distance = Decimal(str(within))
        return sum((size for price, size in levels if abs(price - levels[0].price) <= distance), Decimal(0))

    def levels(self) -> list[dict[str, Any]]:
        """One row per level: side, level (0 is the best), price, size, and the size up to here."""
        rows: list[dict[str, Any]] = []
        for side, levels in (("bid", self.bids), ("ask", self.asks)):
            totals = accumulate(level.size for level in levels)
            rows += [
                {"side": side, "level": n, "price": level.price, "size": level.size, "total_size": total}
                for n, (level, total) in enumerate(zip(levels, totals, strict=True))
            ]
        return rows


def book_at(instrument: str, at: datetime) -> str:
    """The statement for one book."""
    return f"FROM core.book_at({literal(instrument)}, {sql_time(at)})"


def books_every(instrument: str, every: Step, since: datetime, until: datetime) -> str:
    """The statement for books at regular times. Raises BadQuery if there would be too many."""
    between = step(every)
    count = (until - since) / between
    if count > MAX_BOOKS:
        raise BadQuery(
            f"{count:,.0f} books of {instrument}: expected at most {MAX_BOOKS:,}; choose a longer step or less time"
        )
    arguments = (literal(instrument), sql_step(between), sql_time(since), sql_time(until))
    return f"FROM core.books_every({', '.join(arguments)}) ORDER BY as_of_at"


def recorded_span(instrument: str) -> str:
    """The statement for the first and the last time at which a book of an instrument was recorded."""
    venue = instrument.partition(":")[0]
    return (
        "SELECT min(valid_from) AS first_at, max(valid_to) AS last_at FROM core.book_snapshots "
        f"WHERE venue = {literal(venue)} AND instrument_id = {literal(instrument)}"
    )
