"""Writes rows and gaps when they end: the timeline of ``books/rows.py`` compiled.

Belongs here: writing finished output into arrays. The caller makes sure that there is space.
"""

from __future__ import annotations

from echelon_pipeline.books.fast import compiled, inside
from echelon_pipeline.books.fast.arrays import (
    AT_ASKS,
    AT_BIDS,
    AT_GAPS,
    AT_NOTES,
    AT_ROWS,
    CLOSED,
    LEVELS,
    LIVE,
    UNKNOWN,
    VALID,
    KernelOutput,
    KernelState,
)


@inside
def end(m: KernelState, out: KernelOutput, book: int, at: int) -> None:
    """Ends the current row and outputs it."""
    b = m.books[book]
    if at <= b.row_from:
        return
    row = out.rows[out.ends[AT_ROWS]]
    out.ends[AT_ROWS] += 1
    row.name, row.valid_from, row.valid_to, row.state, row.reason = b.name, b.row_from, at, b.row_state, b.row_reason
    row.event_at, row.connection, row.number = b.row_event, b.row_connection, b.row_number
    row.bid_depth, row.ask_depth = b.row_bid_depth, b.row_ask_depth
    row.bid_levels, row.ask_levels, row.bids, row.asks = b.row_bid_levels, b.row_ask_levels, b.row_bids, b.row_asks
    first = out.ends[AT_BIDS]
    for n in range(b.row_bids):
        out.bid_prices[first + n] = m.shown[book, 0, n].price
        out.bid_sizes[first + n] = m.shown[book, 0, n].size
    out.ends[AT_BIDS] += b.row_bids
    first = out.ends[AT_ASKS]
    for n in range(b.row_asks):
        out.ask_prices[first + n] = m.shown[book, 1, n].price
        out.ask_sizes[first + n] = m.shown[book, 1, n].size
    out.ends[AT_ASKS] += b.row_asks
    b.row_from = at


@inside
def _next(m: KernelState, out: KernelOutput, book: int, at: int) -> None:
    at = max(at, m.books[book].row_from)
    end(m, out, book, at)
    m.books[book].row_from = at


@inside
def _is_shown(m: KernelState, book: int) -> bool:
    """Whether the current row has the levels and sums of the ladder."""
    b, bids, asks = m.books[book], m.sides[4 * book], m.sides[4 * book + 1]
    if b.row_bid_levels != bids.count or b.row_ask_levels != asks.count:
        return False
    if b.row_bid_depth != bids.depth or b.row_ask_depth != asks.depth:
        return False
    for n in range(b.row_bids):
        shown, level = m.shown[book, 0, n], m.pool[bids.start + bids.count - 1 - n]
        if shown.price != level.price or shown.size != level.size:
            return False
    for n in range(b.row_asks):
        shown, level = m.shown[book, 1, n], m.pool[asks.start + n]
        if shown.price != level.price or shown.size != level.size:
            return False
    return True


@inside
def show(m: KernelState, out: KernelOutput, book: int) -> None:
    """Starts a row with the book of outcome 0, from the last frame of its batch."""
    b, bids, asks = m.books[book], m.sides[4 * book], m.sides[4 * book + 1]
    if b.row_state == LIVE and _is_shown(m, book):
        return
    _next(m, out, book, b.batch_last)
    b.row_state, b.row_reason, b.row_event = LIVE, VALID, b.batch_at
    b.row_connection, b.row_number = b.batch_connection, b.batch_number
    b.row_bid_levels, b.row_ask_levels = bids.count, asks.count
    b.row_bid_depth, b.row_ask_depth = bids.depth, asks.depth
    b.row_bids, b.row_asks = min(bids.count, LEVELS), min(asks.count, LEVELS)
    for n in range(b.row_bids):
        level = m.pool[bids.start + bids.count - 1 - n]
        m.shown[book, 0, n].price = level.price
        m.shown[book, 0, n].size = level.size
    for n in range(b.row_asks):
        level = m.pool[asks.start + n]
        m.shown[book, 1, n].price = level.price
        m.shown[book, 1, n].size = level.size


@compiled
def hide(m: KernelState, out: KernelOutput, book: int, at: int, reason: int) -> None:
    """Starts a row without a book."""
    b = m.books[book]
    _next(m, out, book, at)
    b.row_state, b.row_reason, b.row_event = UNKNOWN, reason, -1
    b.row_connection, b.row_number = m.clock[0].connection, m.clock[0].number
    b.row_bids = b.row_asks = 0
    b.row_bid_levels = b.row_ask_levels = -1
    b.row_bid_depth = b.row_ask_depth = -1


@inside
def restate(m: KernelState, out: KernelOutput, book: int, at: int, state: int) -> None:
    """Starts a row with the same book in another state."""
    if m.books[book].row_state != state:
        _next(m, out, book, at)
        m.books[book].row_state = state


@compiled
def end_gap(m: KernelState, out: KernelOutput, book: int, to_at: int) -> None:
    """Outputs the gap that ends at ``to_at``; -1: it has not ended."""
    b = m.books[book]
    if b.reason in (VALID, CLOSED):
        return
    gap = out.gaps[out.ends[AT_GAPS]]
    out.ends[AT_GAPS] += 1
    gap.name, gap.reason, gap.connection = b.name, b.reason, m.clock[0].connection
    gap.last_good_at, gap.from_at, gap.to_at, gap.discarded = b.last_good_at, b.from_at, to_at, b.discarded


@compiled
def note_facts(m: KernelState, out: KernelOutput, book: int) -> None:
    """Outputs a note that no hash matched with these facts."""
    b, note = m.books[book], out.notes[out.ends[AT_NOTES]]
    out.ends[AT_NOTES] += 1
    b.noted = 1
    note.name, note.at, note.neg_risk = b.name, b.batch_last, b.neg_risk
    note.market, note.min_order_size, note.tick = b.market, b.min_order_size, b.tick
    note.traded, note.traded_price = b.traded, b.traded_price
