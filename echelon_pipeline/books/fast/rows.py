"""Rows and gaps as they end: the timeline of ``books/rows.py`` compiled.

Belongs here: writing what is finished into arrays. Who calls has seen to it that there is room.
"""

from __future__ import annotations

from echelon_pipeline.books.fast import compiled, inside
from echelon_pipeline.books.fast.state import (
    AT_ASKS,
    AT_BIDS,
    AT_GAPS,
    AT_NOTES,
    AT_ROWS,
    BELIEVED,
    CLOSED,
    LEVELS,
    LIVE,
    UNKNOWN,
    Made,
    Memory,
)


@inside
def end(m: Memory, made: Made, book: int, at: int) -> None:
    """Gives out what holds until now."""
    b = m.books[book]
    if at <= b.row_from:
        return
    row = made.rows[made.ends[AT_ROWS]]
    made.ends[AT_ROWS] += 1
    row.name, row.valid_from, row.valid_to, row.state, row.reason = b.name, b.row_from, at, b.row_state, b.row_reason
    row.event_at, row.connection, row.number = b.row_event, b.row_connection, b.row_number
    row.bid_depth, row.ask_depth = b.row_bid_depth, b.row_ask_depth
    row.bid_levels, row.ask_levels, row.bids, row.asks = b.row_bid_levels, b.row_ask_levels, b.row_bids, b.row_asks
    first = made.ends[AT_BIDS]
    for n in range(b.row_bids):
        made.bid_prices[first + n] = m.shown[book, 0, n].price
        made.bid_sizes[first + n] = m.shown[book, 0, n].size
    made.ends[AT_BIDS] += b.row_bids
    first = made.ends[AT_ASKS]
    for n in range(b.row_asks):
        made.ask_prices[first + n] = m.shown[book, 1, n].price
        made.ask_sizes[first + n] = m.shown[book, 1, n].size
    made.ends[AT_ASKS] += b.row_asks
    b.row_from = at


@inside
def _next(m: Memory, made: Made, book: int, at: int) -> None:
    at = max(at, m.books[book].row_from)
    end(m, made, book, at)
    m.books[book].row_from = at


@inside
def _is_shown(m: Memory, book: int) -> bool:
    """The open row has the levels and sums that the ladder has."""
    b, bids, asks = m.books[book], m.sides[4 * book], m.sides[4 * book + 1]
    if b.row_bid_levels != bids.count or b.row_ask_levels != asks.count:
        return False
    if b.row_bid_depth != bids.depth or b.row_ask_depth != asks.depth:
        return False
    for n in range(b.row_bids):
        mine, its = m.shown[book, 0, n], m.pool[bids.start + bids.count - 1 - n]
        if mine.price != its.price or mine.size != its.size:
            return False
    for n in range(b.row_asks):
        mine, its = m.shown[book, 1, n], m.pool[asks.start + n]
        if mine.price != its.price or mine.size != its.size:
            return False
    return True


@inside
def show(m: Memory, made: Made, book: int) -> None:
    """The book of outcome 0 as of its last batch holds from that batch's last frame on."""
    b, bids, asks = m.books[book], m.sides[4 * book], m.sides[4 * book + 1]
    if b.row_state == LIVE and _is_shown(m, book):
        return
    _next(m, made, book, b.batch_last)
    b.row_state, b.row_reason, b.row_event = LIVE, BELIEVED, b.batch_at
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
def hide(m: Memory, made: Made, book: int, at: int, reason: int) -> None:
    """No book from now on."""
    b = m.books[book]
    _next(m, made, book, at)
    b.row_state, b.row_reason, b.row_event = UNKNOWN, reason, -1
    b.row_connection, b.row_number = m.clock[0].connection, m.clock[0].number
    b.row_bids = b.row_asks = 0
    b.row_bid_levels = b.row_ask_levels = -1
    b.row_bid_depth = b.row_ask_depth = -1


@inside
def restate(m: Memory, made: Made, book: int, at: int, state: int) -> None:
    """The same book, worth more or less from now on."""
    if m.books[book].row_state != state:
        _next(m, made, book, at)
        m.books[book].row_state = state


@compiled
def end_gap(m: Memory, made: Made, book: int, to_at: int) -> None:
    """The stretch without a book that ends now; -1: it lasts."""
    b = m.books[book]
    if b.reason in (BELIEVED, CLOSED):
        return
    gap = made.gaps[made.ends[AT_GAPS]]
    made.ends[AT_GAPS] += 1
    gap.name, gap.reason, gap.connection = b.name, b.reason, m.clock[0].connection
    gap.last_good_at, gap.from_at, gap.to_at, gap.discarded = b.last_good_at, b.from_at, to_at, b.discarded


@compiled
def note_facts(m: Memory, made: Made, book: int) -> None:
    """Hashes never matched: with these facts."""
    b, note = m.books[book], made.notes[made.ends[AT_NOTES]]
    made.ends[AT_NOTES] += 1
    b.noted = 1
    note.name, note.at, note.neg_risk = b.name, b.batch_last, b.neg_risk
    note.market, note.least, note.tick = b.market, b.least, b.tick
    note.traded, note.traded_price = b.traded, b.traded_price
