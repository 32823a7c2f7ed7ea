"""What the compiled rules remember, as arrays; the names are those of ``book``, ``machine`` and ``rows``.

Belongs here: shapes. A book has two ladders at most (2 * book + outcome), a ladder two sides (2 * ladder + side); a
side is a stretch of ``pool``, prices ascending. Claimed hashes are linked lists in ``claims``. Venue times are
milliseconds, everything else microseconds and millionths; -1 is nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from echelon_pipeline.books.columns import Array, Kind
from echelon_pipeline.books.fast import constants
from echelon_pipeline.books.rows import Reason, State

LEVELS = 25  # of a row, each side
[BELIEVED] = constants(-1, 0)  # in place of a reason
REASONS, STATES = tuple(Reason), tuple(State)
LIVE, _, STALE, UNKNOWN = constants(0, len(STATES))


def number_of(reason: Reason) -> Any:
    """In place of the reason."""
    return constants(0, len(REASONS))[REASONS.index(reason)]


CLOSED = number_of(Reason.CLOSED)
NEVER = np.iinfo(np.int64).max
BY_PRICE = -2  # the last trade's price is a number, as the stream told it, and no served text

# Counts beside the losses by reason.
BACKWARDS, BREAKS, UNWATCHED, UNREADABLE = (len(REASONS) + n for n in range(4))
COUNTS = len(REASONS) + 4


def _shape(**fields: str) -> np.dtype[Any]:
    return np.dtype([(name, kind) for kind, names in fields.items() for name in names.split()], align=True)


CLOCK = np.dtype(
    [
        *((name, "i8") for name in ("now", "number", "budget", "pool_end", "free_claims")),
        *((name, "i4") for name in ("connection", "subscriptions", "first_claim")),
        *((name, "i1") for name in ("sequences", "overflow")),
        ("counts", "i8", COUNTS),
        ("kinds", "i8", len(Kind)),
    ],
    align=True,
)
BOOK = _shape(
    i8="close_at from_at last_good_at discarded batch_last batch_number batch_at absent proved_at hits misses "
    "unchecked traded_price row_from row_event row_number row_bid_depth row_ask_depth",
    i4="name subscription batch_connection market least tick traded row_connection row_bids row_asks row_bid_levels "
    "row_ask_levels",
    i1="used outcomes reason batch_open mirror_miss noted expired neg_risk row_state row_reason",
)
LADDER = np.dtype(
    [
        *((name, "i8") for name in ("claim_at", "miss_at", "miss_number")),
        *((name, "i4") for name in ("token", "claim", "miss", "best_bid", "best_ask")),
        ("miss_state", "u4", 6),
        ("miss_rest", "u1", 64),
        ("miss_size", "i1"),
        ("trusted", "i1"),
    ],
    align=True,
)
SIDE = _shape(i8="start depth", i4="room count")
CLAIM = np.dtype([("words", "u4", 5), ("after", "i4"), ("matchable", "i1")], align=True)
SUBSCRIPTION = _shape(i8="sid expected proved_at", i1="expired")

ROW = _shape(
    i8="valid_from valid_to event_at number bid_depth ask_depth",
    i4="name connection bids asks bid_levels ask_levels",
    i1="state reason",
)
GAP = _shape(i8="last_good_at from_at to_at discarded", i4="name connection", i1="reason")
CHECK = _shape(i8="at number", i4="name", i1="matched")
NOTE = _shape(i8="at traded_price", i4="name market least tick traded", i1="neg_risk")


class Memory(NamedTuple):
    """Everything that outlives a frame."""

    clock: Array
    books: Array
    shown: Array  # levels of each book's open row: side, rank
    ladders: Array
    sides: Array
    pool: Array
    claims: Array
    subscriptions: Array
    quiet: Array
    looks: Array  # of a book: 2 * book + what is looked at again
    book_proofs: Array
    subscription_proofs: Array
    ladder_of: Array  # by text
    texts: Array
    text_ends: Array
    scratch: Array
    state: Array  # of the hash that is being computed
    words: Array


class Made(NamedTuple):
    """What has ended; levels as Arrow has them. ``ends``: how many there are of each, of bids and of asks."""

    rows: Array
    bid_prices: Array
    bid_sizes: Array
    ask_prices: Array
    ask_sizes: Array
    gaps: Array
    checks: Array
    notes: Array
    ends: Array


def room(rows: int) -> Made:
    """Place for so many rows, gaps and checks. What is never written takes no memory."""
    return Made(
        np.empty(rows, ROW),
        np.empty(rows * LEVELS, "i4"),
        np.empty(rows * LEVELS, "i8"),
        np.empty(rows * LEVELS, "i4"),
        np.empty(rows * LEVELS, "i8"),
        np.empty(rows, GAP),
        np.empty(rows, CHECK),
        np.empty(rows, NOTE),
        np.zeros(6, "i8"),
    )


AT_ROWS, AT_BIDS, AT_ASKS, AT_GAPS, AT_CHECKS, AT_NOTES = range(6)
COUNTED = [AT_ROWS, AT_GAPS, AT_CHECKS, AT_NOTES]  # what has as much room as there are rows
