"""Generated rows of books: ladders of dollars and contracts, over seconds of one day.

Belongs here: builders for tests that read books. Other rows come from ``rows.row``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from echelon_pipeline_tests.rows import DAY, Row, row

MIDNIGHT = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
BOOK = "kalshi:A"
Ladder = Sequence[tuple[str, str | int]]
BIDS: Ladder = (("0.40", 100), ("0.39", 200))
ASKS: Ladder = (("0.42", 50), ("0.45", 500))


def at(seconds: float) -> datetime:
    """A number of seconds into the day."""
    return MIDNIGHT + timedelta(microseconds=round(seconds * 1_000_000))


def book(begin: float, end: float, bids: Ladder = BIDS, asks: Ladder = ASKS, **values: Any) -> Row:
    """A row over seconds of the day within one hour; live by default. Sides have no more levels than shown, unless
    ``bid_levels`` and ``ask_levels`` are given."""
    hour = at(begin).replace(minute=0, second=0, microsecond=0)
    made: Row = {
        "instrument_id": BOOK,
        "date": hour.date(),
        "hour": hour.hour,
        "valid_from": at(begin),
        "valid_to": at(end),
        "state": "live",
        "connection_id": "c",
        "frame": int(begin * 10),
        **_top(bids, asks),
        **_side("bid", bids),
        **_side("ask", asks),
    }
    made |= values
    return row("core.book_snapshots", **{"venue": made["instrument_id"].partition(":")[0], **made})


def unknown(begin: float, end: float, reason: str = "disconnect", **values: Any) -> Row:
    """An interval without a book."""
    bare = row("core.book_snapshots")
    columns = ("bid", "bid_size", "ask", "ask_size", "mid", "spread", "bid_prices", "bid_sizes", "ask_prices")
    more = ("ask_sizes", "bid_depth", "ask_depth", "bid_levels", "ask_levels")
    nothing = {column: bare[column] for column in (*columns, *more)}
    return book(begin, end, state="unknown", reason=reason, **{**nothing, **values})


def _top(bids: Ladder, asks: Ladder) -> Row:
    bid, ask = (Decimal(side[0][0]) if side else None for side in (bids, asks))
    both = bid is not None and ask is not None
    return {
        "bid": bid,
        "bid_size": Decimal(bids[0][1]) if bids else None,
        "ask": ask,
        "ask_size": Decimal(asks[0][1]) if asks else None,
        "mid": (bid + ask) / 2 if both else None,  # type: ignore[operator]
        "spread": ask - bid if both else None,  # type: ignore[operator]
    }


def _side(side: str, levels: Ladder) -> Row:
    sizes = [Decimal(size) for _, size in levels]
    return {
        f"{side}_prices": [int(Decimal(price) * 1_000_000) for price, _ in levels],
        f"{side}_sizes": [int(size * 1_000_000) for size in sizes],
        f"{side}_depth": sum(sizes, Decimal(0)),
        f"{side}_levels": len(levels),
    }
