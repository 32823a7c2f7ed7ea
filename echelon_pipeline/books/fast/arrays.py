"""State and output of the compiled rules, as arrays; the names are those of ``book``, ``machine`` and ``rows``.

Belongs here: record types. A book has at most two ladders (2 * book + outcome), a ladder two sides (2 * ladder +
side); a side is a slice of ``pool``, prices ascending. Expected hashes are linked lists in ``claims``, buffered
changes in ``kept``. Venue times are
milliseconds, other times microseconds, prices and sizes millionths; -1 means none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from echelon_pipeline.books.book import Comparison, Trust
from echelon_pipeline.books.columns import Array, Kind
from echelon_pipeline.books.fast import constants
from echelon_pipeline.books.rows import BookState, Reason

LEVELS = 25  # per side of a row
[VALID] = constants(-1, 0)  # in place of a reason
REASONS, STATES = tuple(Reason), tuple(BookState)
LIVE, _, STALE, UNKNOWN = constants(0, len(STATES))


def number_of(reason: Reason) -> Any:
    """The number of a reason."""
    return constants(0, len(REASONS))[REASONS.index(reason)]


CLOSED = number_of(Reason.CLOSED)
NEVER = np.iinfo(np.int64).max
BY_PRICE = -2  # the last trade's price is a number from the stream, not a served text

NO_TRUST, UNPROVED, FULL = constants(0, len(Trust))
EQUAL, DIFFERENT, LATER, UNDECIDED = constants(0, len(Comparison))

# Counts by name: of losses by reason, of other events, of comparisons with REST books.
COUNT_NAMES = (
    *(f"lost_{reason}" for reason in REASONS),
    *("clock_backwards", "sequence_breaks", "unwatched", "unreadable", "probes_resynced"),
    *(f"probes_{result}" for result in Comparison),
)
COUNTS = len(COUNT_NAMES)
CLOCK_BACKWARDS, SEQUENCE_BREAKS, UNWATCHED_EVENTS, UNREADABLE_EVENTS, RESYNCED, COMPARED = (
    len(REASONS) + n for n in range(6)
)


def _shape(**fields: str) -> np.dtype[Any]:
    return np.dtype([(name, kind) for kind, names in fields.items() for name in names.split()], align=True)


CLOCK = np.dtype(
    [
        *((name, "i8") for name in ("now", "number", "budget", "pool_end", "free_claims", "free_kept")),
        *((name, "i4") for name in ("connection", "subscriptions", "first_claim", "first_kept")),
        *((name, "i1") for name in ("sequences", "overflow")),
        ("counts", "i8", COUNTS),
        ("kinds", "i8", len(Kind)),
    ],
    align=True,
)
BOOK = _shape(
    i8="close_at from_at last_good_at discarded batch_last batch_number batch_at missing_removals proved_at hits "
    "misses unchecked probed traded_price row_from row_event row_number row_bid_depth row_ask_depth",
    i4="name subscription batch_connection market min_order_size tick traded row_connection row_bids row_asks "
    "row_bid_levels row_ask_levels",
    i1="used outcomes reason batch_open mirror_miss noted expired neg_risk row_state row_reason",
)
LADDER = np.dtype(
    [
        *((name, "i8") for name in ("claim_at", "miss_at", "miss_number", "rest_at")),
        *((name, "i4") for name in ("token", "claim", "miss", "best_bid", "best_ask")),
        *((name, "i4") for name in ("kept_first", "kept_last", "kept_count")),
        ("miss_state", "u4", 6),
        ("miss_rest", "u1", 64),
        ("miss_size", "i1"),
        ("trust", "i1"),
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
NOTE = _shape(i8="at traded_price", i4="name market min_order_size tick traded", i1="neg_risk")


class KernelState(NamedTuple):
    """State that is kept between frames."""

    clock: Array
    books: Array
    shown: Array  # levels of each book's open row: side, rank
    ladders: Array
    sides: Array
    pool: Array
    claims: Array
    kept: Array  # changes buffered for REST books, as events
    kept_after: Array
    subscriptions: Array
    quiet: Array
    rechecks: Array  # by WAYS * book + what is rechecked
    book_proofs: Array
    subscription_proofs: Array
    ladder_of: Array  # by text
    texts: Array
    text_ends: Array
    scratch: Array
    state: Array  # of the hash that is being computed
    words: Array


class KernelOutput(NamedTuple):
    """Finished output; levels are flat, as in Arrow. ``ends``: how much of each array is used."""

    rows: Array
    bid_prices: Array
    bid_sizes: Array
    ask_prices: Array
    ask_sizes: Array
    gaps: Array
    checks: Array
    notes: Array
    ends: Array


def new_output(rows: int) -> KernelOutput:
    """Space for this many rows, gaps and checks. Pages that are never written take no memory."""
    return KernelOutput(
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
COUNTED = [AT_ROWS, AT_GAPS, AT_CHECKS, AT_NOTES]  # arrays as long as ``rows``
