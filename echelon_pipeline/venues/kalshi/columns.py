"""Kalshi's frames to columns, compiled: the current generation of books, changes, trades and tickers.

Belongs here: the plain shape of these, and when something is not of it. What frames mean is ``stream.py``, which reads
all others; a property test holds both against each other. Importing this imports numba.
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.books.columns import Array, Kind
from echelon_pipeline.books.compiled import compiled, constants, entry
from echelon_pipeline.domain.scaled import ONE
from echelon_pipeline.venues import scan
from echelon_pipeline.venues.kalshi.stream import read
from echelon_pipeline.venues.scan import BAD, COMMA, FIRST, LAST, QUOTE, decimal, has, is_text, is_text_or_none, whole

ENVELOPE = scan.keys("msg", "type", "sid", "seq")
MSG, TYPE, SID, SEQ = constants(0, 4)
FIELDS = scan.keys(
    *("yes_dollars_fp", "no_dollars_fp", "market_ticker", "side", "price_dollars", "delta_fp", "ts_ms", "ts"),
    *("price", "delta", "yes_dollars", "no_dollars", "yes", "no"),
    *("trade_id", "yes_price_dollars", "count_fp", "taker_outcome_side", "taker_side", "is_block_trade"),
    *("yes_price", "count", "yes_bid_dollars", "yes_ask_dollars", "yes_bid", "yes_ask"),
    *("yes_bid_size_fp", "yes_ask_size_fp"),
)
YES_LEVELS, NO_LEVELS, TICKER, SIDE, PRICE, DELTA, TS_MS, TS = constants(0, 8)
OLD_PRICE, OLD_DELTA, YES_DOLLARS, NO_DOLLARS, YES, NO = constants(8, 14)
TRADE_ID, YES_PRICE, COUNT, OUTCOME, TAKER, BLOCK = constants(14, 20)
OLD_YES_PRICE, OLD_COUNT, YES_BID, YES_ASK, OLD_BID, OLD_ASK, BID_SIZE, ASK_SIZE = constants(20, 28)
DELTA_WORD, BOOK_WORD, TRADE_WORD, TICKER_WORD = b"orderbook_delta", b"orderbook_snapshot", b"trade", b"ticker"
YES_WORD, NO_WORD = b"yes", b"no"
CHANGE, SNAPSHOT, TRADED, QUOTED = int(Kind.CHANGE), int(Kind.SNAPSHOT), int(Kind.TRADED), int(Kind.QUOTED)


@compiled
def _change(b: Array, spans: Array, event: Any) -> bool:
    if has(spans, OLD_PRICE) or has(spans, OLD_DELTA):
        return False
    price, by = scan.price(b, spans, PRICE), decimal(b, spans, DELTA)
    if price == BAD or by == BAD or not is_text(b, spans, SIDE):
        return False
    yes = scan.text_is(b, spans, SIDE, YES_WORD)
    if not (yes or scan.text_is(b, spans, SIDE, NO_WORD)):
        return False
    event.price, event.size, event.side, event.relative = price if yes else ONE - price, by, not yes, 1
    return True


@compiled
def _text(b: Array, i: int, end: int, spans: Array, key: int) -> int:
    """A text at ``i``; past it."""
    stop = scan.string_end(b, i, end) if i < end and b[i] == QUOTE else -1
    spans[key, 0], spans[key, 1] = i, stop
    return int(stop)


@compiled
def _pair(b: Array, i: int, end: int, spans: Array) -> int:
    """``["0.4200","13.00"]`` at ``i``, taken into the spans of price and delta; past it."""
    if i >= end or b[i] != FIRST:
        return -1
    i = _text(b, scan.space(b, i + 1, end), end, spans, PRICE)
    if i < 0:
        return -1
    i = scan.space(b, i, end)
    if i >= end or b[i] != COMMA:
        return -1
    i = _text(b, scan.space(b, i + 1, end), end, spans, DELTA)
    if i < 0:
        return -1
    i = scan.space(b, i, end)
    return i + 1 if i < end and b[i] == LAST else -1


@compiled
def _levels(b: Array, spans: Array, key: int, levels: Array, at: int, turn: bool) -> int:
    """One side, prices rising; past its last level."""
    i, end, before = spans[key, 0], spans[key, 1], 0
    if end == 0:
        return at
    i = scan.space(b, i + 1, end)
    if b[i] == LAST:
        return at
    while True:
        i = _pair(b, i, end, spans)
        if i < 0:
            return -1
        price, size = scan.price(b, spans, PRICE), decimal(b, spans, DELTA)
        if price <= before or size <= 0:
            return -1
        before = price
        levels[at].price, levels[at].size = ONE - price if turn else price, size
        at += 1
        i = scan.space(b, i, end)
        if b[i] == LAST:
            return at if i + 1 == end else -1
        if b[i] != COMMA:
            return -1
        i = scan.space(b, i + 1, end)


@compiled
def _snapshot(b: Array, spans: Array, event: Any, levels: Array, at: int) -> int:
    for key in range(YES_DOLLARS, NO + 1):
        if has(spans, key):
            return -1
    for key in range(YES_LEVELS, NO_LEVELS + 1):
        if has(spans, key) and b[spans[key, 0]] != FIRST:
            return -1
    event.bids = at
    at = _levels(b, spans, YES_LEVELS, levels, at, False)
    if at < 0:
        return -1
    event.asks = at
    at = _levels(b, spans, NO_LEVELS, levels, at, True)
    event.last = at
    return at


@compiled
def _is_trade(b: Array, spans: Array) -> bool:
    for key in range(TRADE_ID, TAKER + 1):
        if not is_text_or_none(b, spans, key):
            return False
    if has(spans, BLOCK) and not 97 <= b[spans[BLOCK, 0]] <= 122:
        return False
    if has(spans, OLD_YES_PRICE) or has(spans, OLD_COUNT) or whole(b, spans, TS) == BAD:
        return False
    return 0 <= decimal(b, spans, YES_PRICE) <= ONE and decimal(b, spans, COUNT) >= 0


@compiled
def _is_ticker(b: Array, spans: Array) -> bool:
    if whole(b, spans, TS) == BAD or not (scan.is_quote(b, spans, YES_BID) and scan.is_quote(b, spans, YES_ASK)):
        return False
    if whole(b, spans, OLD_BID) == BAD or whole(b, spans, OLD_ASK) == BAD:
        return False
    if has(spans, OLD_BID) > has(spans, YES_BID) or has(spans, OLD_ASK) > has(spans, YES_ASK):
        return False
    if has(spans, BID_SIZE) and decimal(b, spans, BID_SIZE) < 0:
        return False
    return not has(spans, ASK_SIZE) or decimal(b, spans, ASK_SIZE) >= 0


@compiled
def _message(b: Array, head: Array, spans: Array, event: Any, levels: Array, at: int) -> int:
    """Past the last level; -1: not plain."""
    at_ms, kind = whole(b, spans, TS_MS), head[TYPE]
    if at_ms == BAD or not is_text(b, spans, TICKER) or spans[TICKER, 1] - spans[TICKER, 0] == 2:
        return -1
    if scan.word_is(b, kind[0] + 1, kind[1] - 1, DELTA_WORD):
        event.kind, event.at = CHANGE, at_ms
        return at if _change(b, spans, event) else -1
    if scan.word_is(b, kind[0] + 1, kind[1] - 1, BOOK_WORD):
        event.kind, event.at = SNAPSHOT, at_ms
        return int(_snapshot(b, spans, event, levels, at))
    if scan.word_is(b, kind[0] + 1, kind[1] - 1, TRADE_WORD):
        event.kind, event.price = TRADED, decimal(b, spans, YES_PRICE)
        return at if _is_trade(b, spans) else -1
    if scan.word_is(b, kind[0] + 1, kind[1] - 1, TICKER_WORD):
        event.kind = QUOTED
        return at if _is_ticker(b, spans) else -1
    return -1


@entry
def _frames(
    b: Array,
    ends: Array,
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
    for n in range(len(frames)):
        frame, end = frames[n], scan.end_of(b, ends[n], ends[n + 1])
        frame.first = frame.last = -1
        if not scan.is_simple(b, ends[n], end):
            continue
        stop = scan.members(b, scan.space(b, ends[n], end), end, ENVELOPE, 1, head)
        if stop < 0 or scan.space(b, stop, end) != end or not (is_text(b, head, TYPE) and has(head, MSG)):
            continue
        frame.sid, frame.seq = whole(b, head, SID), whole(b, head, SEQ)
        if frame.sid == BAD or frame.seq == BAD or scan.members(b, head[MSG, 0], head[MSG, 1], FIELDS, 2, spans) < 0:
            continue
        token = scan.text_number(b, spans[TICKER, 0], spans[TICKER, 1], pool, text_ends, slots)
        scan.blank(events[made], CHANGE, token)
        past = _message(b, head, spans, events[made], levels, at)
        if past >= 0:
            frame.first, frame.last, at = made, made + 1, past
            made += 1
    return made, at


columns = scan.columns_by(_frames, read, [ENVELOPE, FIELDS], event_bytes=64)

__all__ = ["columns"]
