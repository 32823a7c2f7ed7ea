"""REST books: ``resync`` and ``compare`` of ``books/book.py``, compiled.

Belongs here: what a REST book does to a book, and the changes that are buffered for it. Buffered changes are linked
lists in ``kept``, one per ladder.
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.books.book import KEPT_CHANGES
from echelon_pipeline.books.columns import NONE
from echelon_pipeline.books.fast import compiled, hashes, inside, ladders
from echelon_pipeline.books.fast.arrays import (
    DIFFERENT,
    EQUAL,
    FULL,
    LATER,
    NO_TRUST,
    UNDECIDED,
    UNPROVED,
    KernelState,
)
from echelon_pipeline.domain.scaled import ONE


@compiled
def drop_kept(m: KernelState, ladder: int) -> None:
    """Returns the buffered changes of a ladder to the free list."""
    ladder_state, clock = m.ladders[ladder], m.clock[0]
    if ladder_state.kept_count == 0:
        return
    m.kept_after[ladder_state.kept_last] = clock.first_kept
    clock.first_kept = ladder_state.kept_first
    clock.free_kept += ladder_state.kept_count
    ladder_state.kept_first = ladder_state.kept_last = NONE
    ladder_state.kept_count = 0


@compiled
def _keep(m: KernelState, ladder: int, event: Any) -> None:
    """Buffers a change; the oldest one is dropped if there are too many."""
    ladder_state, clock = m.ladders[ladder], m.clock[0]
    new = clock.first_kept
    clock.first_kept = m.kept_after[new]
    clock.free_kept -= 1
    copy = m.kept[new]
    copy.price, copy.size, copy.at, copy.side = event.price, event.size, event.at, event.side
    copy.best_bid, copy.best_ask, copy.claims = event.best_bid, event.best_ask, event.claims
    for n in range(5):
        copy.hash[n] = event.hash[n]
    m.kept_after[new] = NONE
    if ladder_state.kept_count == 0:
        ladder_state.kept_first = new
    else:
        m.kept_after[ladder_state.kept_last] = new
    ladder_state.kept_last = new
    ladder_state.kept_count += 1
    if ladder_state.kept_count > KEPT_CHANGES:
        oldest = ladder_state.kept_first
        ladder_state.kept_first = m.kept_after[oldest]
        ladder_state.kept_count -= 1
        m.kept_after[oldest] = clock.first_kept
        clock.first_kept = oldest
        clock.free_kept += 1


@compiled
def is_applied(m: KernelState, ladder: int, event: Any) -> bool:
    """Buffers a change of a ladder that is not valid; whether the change is applied to the ladder now."""
    if not event.relative:
        _keep(m, ladder, event)
    if m.ladders[ladder].trust == NO_TRUST:
        m.books[ladder >> 1].discarded += 1
        return False
    return bool(event.at > m.ladders[ladder].rest_at)


@inside
def set_best(m: KernelState, ladder: int, event: Any) -> None:
    """Stores best prices on outcome 0's axis; 0: the side is empty."""
    ladder_state = m.ladders[ladder]
    if ladder & 1:
        ladder_state.best_bid = ONE - event.best_ask if event.best_ask > 0 else event.best_ask
        ladder_state.best_ask = ONE - event.best_bid if event.best_bid > 0 else event.best_bid
    else:
        ladder_state.best_bid, ladder_state.best_ask = event.best_bid, event.best_ask


@compiled
def fill(m: KernelState, ladder: int, event: Any, levels: Any) -> None:
    """Replaces all levels and discards what is known of the earlier ones."""
    ladders.clear(m, ladder)
    for n in range(event.bids, event.last):
        side, price = ladders.on_outcome_0(ladder & 1, 0 if n < event.asks else 1, levels[n].price)
        ladders.put(m, 2 * ladder + side, price, levels[n].size)
    m.ladders[ladder].best_bid = m.ladders[ladder].best_ask = NONE
    hashes.clear_claims(m, ladder)


@compiled
def resync(m: KernelState, ladder: int, event: Any, levels: Any) -> bool:
    """Adopts a REST book, and applies the buffered changes after it. False: it has no time, or is not newer."""
    ladder_state = m.ladders[ladder]
    if (
        event.at < 0
        or ladder_state.trust == FULL
        or (ladder_state.trust == UNPROVED and event.at <= ladder_state.rest_at)
    ):
        return False
    fill(m, ladder, event, levels)
    ladder_state.trust, ladder_state.rest_at = UNPROVED, event.at
    at = ladder_state.kept_first
    while at >= 0:
        change = m.kept[at]
        if change.at > ladder_state.rest_at:
            side, price = ladders.on_outcome_0(ladder & 1, change.side, change.price)
            if not ladders.put(m, 2 * ladder + side, price, change.size):
                m.books[ladder >> 1].missing_removals += 1
            set_best(m, ladder, change)
            if change.claims and change.at >= 0:
                hashes.claim(m, ladder, change)
        at = m.kept_after[at]
    return True


@compiled
def _is_equal(m: KernelState, ladder: int, event: Any, levels: Any) -> bool:
    """Whether a REST book has the same levels as a ladder."""
    flip = ladder & 1
    bids, asks = event.asks - event.bids, event.last - event.asks
    if m.sides[2 * ladder + flip].count != bids or m.sides[2 * ladder + 1 - flip].count != asks:
        return False
    for n in range(event.bids, event.last):
        side, price = ladders.on_outcome_0(flip, 0 if n < event.asks else 1, levels[n].price)
        where = ladders.place(m, 2 * ladder + side, price)
        if ladders.size_at(m, 2 * ladder + side, where, price) != levels[n].size:
            return False
    return True


@compiled
def compare(m: KernelState, ladder: int, event: Any, levels: Any) -> int:
    """Compares a REST book with the valid book. Within a batch only an equal one decides anything."""
    b = m.books[ladder >> 1]
    result = LATER
    if m.ladders[ladder].trust != FULL:
        result = UNDECIDED
    elif _is_equal(m, ladder, event, levels):
        result = EQUAL
    elif event.at < 0 or b.batch_at < 0 or event.at < b.batch_at or b.batch_open:
        result = UNDECIDED
    elif event.at == b.batch_at:
        result = DIFFERENT
    return int(result)
