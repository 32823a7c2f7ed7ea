"""Kalshi's frames to columns, compiled: the current generation of books, changes, trades and tickers.

Belongs here: the plain shape of these, and detecting other shapes. ``stream.py`` defines the meaning of frames and
reads all others; a property test compares both. Importing this imports numba.
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.books.columns import Array, Kind
from echelon_pipeline.books.fast import compiled, constants, decode, entry, scan, values
from echelon_pipeline.books.fast.blocks import BLOCK as START
from echelon_pipeline.books.fast.blocks import Pointer, byte, pointer_to
from echelon_pipeline.books.fast.scan import (
    COMMA,
    FIRST,
    LAST,
    QUOTE,
    first,
    has,
    is_text,
    is_text_or_none,
    length,
    past,
    text_is,
)
from echelon_pipeline.books.fast.values import BAD, between, decimal, whole
from echelon_pipeline.domain.scaled import ONE
from echelon_pipeline.venues.kalshi.stream import read

ENVELOPE = scan.keys("msg", "type", "sid", "seq")
MSG, TYPE, SID, SEQ = constants(0, 4)
FIELDS = scan.keys(
    *("yes_dollars_fp", "no_dollars_fp", "market_ticker", "side", "price_dollars", "delta_fp", "ts_ms", "ts"),
    *("price", "delta", "yes_dollars", "no_dollars", "yes", "no"),
    *("trade_id", "yes_price_dollars", "count_fp", "taker_outcome_side", "taker_side"),
    *("taker_book_side", "is_block_trade"),
    *("yes_price", "count", "yes_bid_dollars", "yes_ask_dollars", "yes_bid", "yes_ask"),
    *("yes_bid_size_fp", "yes_ask_size_fp"),
)
YES_LEVELS, NO_LEVELS, TICKER, SIDE, PRICE, DELTA, TS_MS, TS = constants(0, 8)
OLD_PRICE, OLD_DELTA, YES_DOLLARS, NO_DOLLARS, YES, NO = constants(8, 14)
TRADE_ID, YES_PRICE, COUNT, OUTCOME, TAKER, TAKER_BOOK, BLOCK = constants(14, 21)
OLD_YES_PRICE, OLD_COUNT, YES_BID, YES_ASK, OLD_BID, OLD_ASK, BID_SIZE, ASK_SIZE = constants(21, 29)
HEAD_NAMES, NAMES = 4, 29
DELTA_WORD, BOOK_WORD, TRADE_WORD, TICKER_WORD = b"orderbook_delta", b"orderbook_snapshot", b"trade", b"ticker"
YES_WORD, NO_WORD = b"yes", b"no"
CHANGE, SNAPSHOT, TRADED, QUOTED = int(Kind.CHANGE), int(Kind.SNAPSHOT), int(Kind.TRADED), int(Kind.QUOTED)


@compiled
def _change(t: Pointer, spans: Array, event: Any) -> bool:
    if has(spans, OLD_PRICE) or has(spans, OLD_DELTA):
        return False
    price, by = values.price(t, spans, PRICE), decimal(t, spans, DELTA)
    if price == BAD or by == BAD or not is_text(t, spans, SIDE):
        return False
    yes = text_is(t, spans, SIDE, YES_WORD)
    if not (yes or text_is(t, spans, SIDE, NO_WORD)):
        return False
    event.price, event.size, event.side, event.relative = price if yes else ONE - price, by, not yes, 1
    return True


@compiled
def _levels(t: Pointer, spans: Array, key: int, levels: Array, at: int, turn: bool) -> int:
    """One side of pairs like ``["0.4200","13.00"]``, prices rising; past its last level; -1: not plain."""
    if not has(spans, key):
        return at
    i, end, before = scan.space(t, first(spans, key) + 1), past(spans, key), 0
    if byte(t, i) == LAST:
        return at
    while True:
        if byte(t, i) != FIRST:
            return -1
        begin = scan.space(t, i + 1)
        stop = scan.string_end(t, begin, end) if byte(t, begin) == QUOTE else -1
        if stop < 0:
            return -1
        price = between(t, begin + 1, stop - 1)
        i = scan.space(t, stop)
        begin = scan.space(t, i + 1)
        stop = scan.string_end(t, begin, end) if byte(t, i) == COMMA and byte(t, begin) == QUOTE else -1
        if stop < 0:
            return -1
        size = between(t, begin + 1, stop - 1)
        i = scan.space(t, stop)
        if byte(t, i) != LAST or not before < price < ONE or size <= 0:
            return -1
        before = price
        levels[at].price, levels[at].size = ONE - price if turn else price, size
        at += 1
        i = scan.space(t, i + 1)
        if byte(t, i) != COMMA:
            return at if byte(t, i) == LAST and i + 1 == end else -1
        i = scan.space(t, i + 1)


@compiled
def _snapshot(t: Pointer, spans: Array, event: Any, levels: Array, at: int) -> int:
    for key in range(YES_DOLLARS, NO + 1):
        if has(spans, key):
            return -1
    for key in range(YES_LEVELS, NO_LEVELS + 1):
        if has(spans, key) and byte(t, first(spans, key)) != FIRST:
            return -1
    event.bids = at
    at = _levels(t, spans, YES_LEVELS, levels, at, False)
    if at < 0:
        return -1
    event.asks = at
    at = _levels(t, spans, NO_LEVELS, levels, at, True)
    event.last = at
    return at


@compiled
def _is_trade(t: Pointer, spans: Array) -> bool:
    for key in range(TRADE_ID, TAKER_BOOK + 1):
        if not is_text_or_none(t, spans, key):
            return False
    if has(spans, BLOCK) and not 97 <= byte(t, first(spans, BLOCK)) <= 122:
        return False
    if has(spans, OLD_YES_PRICE) or has(spans, OLD_COUNT) or whole(t, spans, TS) == BAD:
        return False
    return 0 <= decimal(t, spans, YES_PRICE) <= ONE and decimal(t, spans, COUNT) >= 0


@compiled
def _ticker(t: Pointer, spans: Array, event: Any) -> bool:
    bid, ask, seconds = values.quote(t, spans, YES_BID), values.quote(t, spans, YES_ASK), whole(t, spans, TS)
    event.best_bid, event.best_ask = bid, ask
    if event.at < 0 and seconds >= 0:
        event.at = 1_000 * seconds
    if bid == BAD or ask == BAD or seconds == BAD:
        return False
    if whole(t, spans, OLD_BID) == BAD or whole(t, spans, OLD_ASK) == BAD:
        return False
    if has(spans, OLD_BID) > has(spans, YES_BID) or has(spans, OLD_ASK) > has(spans, YES_ASK):
        return False
    if has(spans, BID_SIZE) and decimal(t, spans, BID_SIZE) < 0:
        return False
    return not has(spans, ASK_SIZE) or decimal(t, spans, ASK_SIZE) >= 0


@compiled
def _message(t: Pointer, head: Array, spans: Array, event: Any, levels: Array, at: int) -> int:
    """Past the last level; -1: not plain."""
    at_ms = whole(t, spans, TS_MS)
    if at_ms == BAD:
        return -1
    if text_is(t, head, TYPE, BOOK_WORD):
        event.kind, event.at = SNAPSHOT, at_ms
        return int(_snapshot(t, spans, event, levels, at))
    if has(spans, YES_LEVELS) or has(spans, NO_LEVELS):
        return -1  # not looked into here, it need not even be JSON
    if text_is(t, head, TYPE, DELTA_WORD):
        event.kind, event.at = CHANGE, at_ms
        return at if _change(t, spans, event) else -1
    if text_is(t, head, TYPE, TRADE_WORD):
        event.kind, event.price = TRADED, decimal(t, spans, YES_PRICE)
        return at if _is_trade(t, spans) else -1
    if text_is(t, head, TYPE, TICKER_WORD):
        event.kind, event.at = QUOTED, at_ms
        return at if _ticker(t, spans, event) else -1
    return -1


@compiled
def _are_found(t: Pointer, end: int, head: Array, spans: Array, guessed: bool) -> bool:
    """The members of a frame and of its message, which comes last, mostly: so its end may be guessed."""
    i = scan.members(t, scan.space(t, START), end, ENVELOPE, 1, head, guessed)
    if i < 0 or scan.space(t, i) != end or not (is_text(t, head, TYPE) and has(head, MSG)):
        return False
    return bool(scan.members(t, first(head, MSG), past(head, MSG), FIELDS, 2, spans, False) == past(head, MSG))


@entry
def _frames(
    b: Array,
    ends: Array,
    room: Array,
    frames: Array,
    events: Array,
    levels: Array,
    pool: Array,
    text_ends: Array,
    slots: Array,
    head: Array,
    spans: Array,
) -> tuple[int, int]:
    """Every plain frame; the others begin at -1. How many events and levels there are."""
    made = at = 0
    data, t, texts = pointer_to(b), pointer_to(room), pointer_to(pool)
    for n in range(len(frames)):
        frame, end = frames[n], scan.end_of(data, ends[n], ends[n + 1])
        frame.first = frame.last = -1
        if not scan.copy_plain(data, ends[n], end, t, START):
            continue
        end += START - ends[n]
        if not _are_found(t, end, head, spans, True) and not _are_found(t, end, head, spans, False):
            continue
        frame.sid, frame.seq = whole(t, head, SID), whole(t, head, SEQ)
        if frame.sid == BAD or frame.seq == BAD or length(spans, TICKER) <= 2 or not is_text(t, spans, TICKER):
            continue
        token = values.text_number(t, first(spans, TICKER), past(spans, TICKER), texts, text_ends, slots)
        values.blank(events[made], CHANGE, token)
        beyond = _message(t, head, spans, events[made], levels, at)
        if beyond >= 0:
            frame.first, frame.last, at = made, made + 1, beyond
            made += 1
    return made, at


columns = decode.columns_by(_frames, read, [HEAD_NAMES, NAMES], event_bytes=64)

__all__ = ["columns"]
