"""Polymarket's frames to columns, compiled: the current generation of books, changes, trades and quotes.

Belongs here: the plain shape of these, and when something is not of it. What frames mean is ``stream.py``, which reads
all others; a property test holds both against each other. Importing this imports numba.
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.books.columns import NONE, STRANGER, Array, Kind
from echelon_pipeline.books.compiled import compiled, constants, entry
from echelon_pipeline.domain.scaled import ONE
from echelon_pipeline.venues import scan
from echelon_pipeline.venues.polymarket.stream import TIMESTAMP_DIGITS, read
from echelon_pipeline.venues.scan import (
    BAD,
    COMMA,
    FIRST,
    LAST,
    NINE,
    OPEN,
    ZERO,
    decimal,
    has,
    is_text,
    is_text_or_none,
    word_is,
)

FIELDS = scan.keys(
    *("price_changes", "bids", "asks", "event_type", "asset_id", "timestamp", "hash", "market"),
    *("min_order_size", "tick_size", "last_trade_price", "neg_risk"),
    *("price", "size", "side", "transaction_hash", "best_bid", "best_ask", "token_id", "changes"),
)
CHANGES, BIDS, ASKS, TYPE, ASSET, TIME, HASH, MARKET = constants(0, 8)
LEAST, TICK, LAST_TRADE, NEG_RISK = constants(8, 12)
PRICE, SIZE, SIDE, TRANSACTION, BEST_BID, BEST_ASK, TOKEN, OLD_CHANGES = constants(12, 20)
ONE_CHANGE = scan.keys("price", "size", "asset_id", "side", "hash", "token_id")
ONE_LEVEL = scan.keys("price", "size")
ITS_PRICE, ITS_SIZE, ITS_ASSET, ITS_SIDE, ITS_HASH, ITS_TOKEN = constants(0, 6)
BOOK_WORD, CHANGE_WORD, TRADE_WORD, QUOTE_WORD = b"book", b"price_change", b"last_trade_price", b"best_bid_ask"
BUY, SELL, PING, PONG = b"BUY", b"SELL", b"PING", b"PONG"
CHANGE, SNAPSHOT, TRADED, QUOTED, KEPT_ALIVE = constants(0, 12)[:2] + [
    constants(0, 12)[kind] for kind in (Kind.TRADED, Kind.QUOTED, Kind.ACKNOWLEDGED)
]


@compiled
def _at(b: Array, spans: Array) -> int:
    """Milliseconds; BAD where they are no text of digits."""
    i, end, number = spans[TIME, 0] + 1, spans[TIME, 1] - 1, 0
    if not is_text(b, spans, TIME) or i == end or end - i > TIMESTAMP_DIGITS:
        return BAD
    for n in range(i, end):
        if not ZERO <= b[n] <= NINE:
            return BAD
        number = number * 10 + b[n] - ZERO
    return number


@compiled
def _number(b: Array, spans: Array, key: int, texts: Any) -> int:
    """The number of a text; NONE where there is none of that name."""
    if not has(spans, key):
        return NONE
    return scan.text_number(b, spans[key, 0], spans[key, 1], texts[0], texts[1], texts[2])


@compiled
def _next(b: Array, i: int, end: int) -> int:
    """Past the comma behind a member, or at the bracket that ends an array at ``end``; -1: neither."""
    i = scan.space(b, i, end)
    if i == end - 1 and b[i] == LAST:
        return i
    return scan.space(b, i + 1, end) if i < end and b[i] == COMMA else -1


@compiled
def _changes(b: Array, spans: Array, its: Array, events: Array, made: int, at: int, texts: Any) -> int:
    """Past the last change; -1: not plain."""
    i, end = spans[CHANGES, 0], spans[CHANGES, 1]
    if end == 0 or b[i] != FIRST:
        return -1
    i = scan.space(b, i + 1, end)
    while i != end - 1:
        stop = scan.members(b, i, end, ONE_CHANGE, 0, its)
        if stop < 0 or not (is_text(b, its, ITS_ASSET) and is_text(b, its, ITS_SIDE)) or has(its, ITS_TOKEN):
            return -1
        price, size = scan.price(b, its, ITS_PRICE), decimal(b, its, ITS_SIZE)
        buys = scan.text_is(b, its, ITS_SIDE, BUY)
        if price == BAD or size < 0 or not (buys or scan.text_is(b, its, ITS_SIDE, SELL)):
            return -1
        if its[ITS_ASSET, 1] - its[ITS_ASSET, 0] == 2 or not is_text_or_none(b, its, ITS_HASH):
            return -1
        event = events[made]
        scan.blank(event, CHANGE, _number(b, its, ITS_ASSET, texts))
        event.price, event.size, event.side, event.at = price, size, not buys, at
        if its[ITS_HASH, 1] - its[ITS_HASH, 0] > 2:  # an empty one is as if there were none
            scan.take_hash(b, its, ITS_HASH, event)
        made += 1
        i = _next(b, stop, end)
        if i < 0:
            return -1
    return made if b[end - 1] == LAST and scan.space(b, spans[CHANGES, 0] + 1, end) != end - 1 else -1


@compiled
def _levels(b: Array, spans: Array, key: int, its: Array, levels: Array, at: int) -> int:
    """One side, prices rising or falling; past its last level; -1: not plain."""
    i, end, way, before = spans[key, 0], spans[key, 1], 0, 0
    if end == 0 or b[i] != FIRST or b[end - 1] != LAST:
        return -1
    i = scan.space(b, i + 1, end)
    while i != end - 1:
        stop = scan.members(b, i, end, ONE_LEVEL, 0, its)
        if stop < 0:
            return -1
        price, size = scan.price(b, its, ITS_PRICE), decimal(b, its, ITS_SIZE)
        if price == BAD or size <= 0:
            return -1
        if before > 0:
            step = 1 if price > before else -1 if price < before else 0
            if step == 0 or step == -way:
                return -1  # perhaps a price is there twice
            way = step
        before = price
        levels[at].price, levels[at].size = price, size
        at += 1
        i = _next(b, stop, end)
        if i < 0:
            return -1
    return at


@compiled
def _has_facts(b: Array, spans: Array) -> bool:
    for key in (HASH, MARKET, LEAST, TICK, LAST_TRADE):
        if not is_text_or_none(b, spans, key):
            return False
    for key in (LEAST, TICK, LAST_TRADE):
        if has(spans, key) and spans[key, 1] - spans[key, 0] > 2 and decimal(b, spans, key) < 0:
            return False
    return not has(spans, NEG_RISK) or 97 <= b[spans[NEG_RISK, 0]] <= 122


@compiled
def _learned(b: Array, spans: Array, event: Any, texts: Any) -> bool:
    """The facts of a book; False where one of them was never met, so that it has no number yet."""
    event.market, event.least = _number(b, spans, MARKET, texts), _number(b, spans, LEAST, texts)
    event.tick, event.traded = _number(b, spans, TICK, texts), _number(b, spans, LAST_TRADE, texts)
    if has(spans, NEG_RISK):
        event.neg_risk = b[spans[NEG_RISK, 0]] == 116
    return bool(min(event.market, event.least, event.tick, event.traded) > STRANGER)


@compiled
def _book(b: Array, spans: Array, its: Array, event: Any, levels: Array, at: int, texts: Any) -> int:
    """Past the last level; -1: not plain."""
    if not _has_facts(b, spans):
        return -1
    event.kind, event.bids = SNAPSHOT, at
    at = _levels(b, spans, BIDS, its, levels, at)
    if at < 0:
        return -1
    event.asks = at
    at = _levels(b, spans, ASKS, its, levels, at)
    if at < 0:
        return -1
    event.last = at
    if has(spans, HASH):
        scan.take_hash(b, spans, HASH, event)
    if event.token >= 0 and not _learned(b, spans, event, texts):
        return -1
    return at


@compiled
def _other(b: Array, spans: Array, event: Any) -> bool:
    """A trade or a quote."""
    event.at, i, end = NONE, spans[TYPE, 0] + 1, spans[TYPE, 1] - 1
    if word_is(b, i, end, TRADE_WORD):
        event.kind, event.price = TRADED, decimal(b, spans, PRICE)
        right = 0 <= event.price <= ONE and decimal(b, spans, SIZE) >= 0
        return right and is_text_or_none(b, spans, SIDE) and is_text_or_none(b, spans, TRANSACTION)
    if word_is(b, i, end, QUOTE_WORD):
        event.kind = QUOTED
        return scan.is_quote(b, spans, BEST_BID) and scan.is_quote(b, spans, BEST_ASK)
    return False


@compiled
def _object(
    b: Array, spans: Array, its: Array, events: Array, levels: Array, made: int, at: int, texts: Any
) -> tuple[int, int]:
    """Past the last event and level of an object whose members are found; -1: not plain."""
    if not is_text(b, spans, TYPE) or has(spans, TOKEN) or has(spans, OLD_CHANGES):
        return -1, at
    when, i, end = _at(b, spans), spans[TYPE, 0] + 1, spans[TYPE, 1] - 1
    if when == BAD:
        return -1, at
    if word_is(b, i, end, CHANGE_WORD):
        if has(spans, ASSET) or has(spans, HASH) or has(spans, PRICE) or has(spans, SIZE) or has(spans, SIDE):
            return -1, at
        return _changes(b, spans, its, events, made, when, texts), at
    if not is_text(b, spans, ASSET) or spans[ASSET, 1] - spans[ASSET, 0] == 2:
        return -1, at
    event = events[made]
    scan.blank(event, CHANGE, _number(b, spans, ASSET, texts))
    event.at = when
    if word_is(b, i, end, BOOK_WORD):
        past = _book(b, spans, its, event, levels, at, texts)
        return (made + 1, past) if past >= 0 else (-1, at)
    return (made + 1, at) if _other(b, spans, event) else (-1, at)


@compiled
def _frame(
    b: Array, i: int, end: int, spans: Array, its: Array, events: Array, levels: Array, made: int, at: int, texts: Any
) -> tuple[int, int]:
    """Past the last event and level of a frame; -1: not plain."""
    if not scan.is_simple(b, i, end):
        return -1, at
    if word_is(b, i, end, PONG) or word_is(b, i, end, PING):
        scan.blank(events[made], KEPT_ALIVE, NONE)
        return made + 1, at
    i = scan.space(b, i, end)
    several = i < end and b[i] == FIRST
    if several:
        i = scan.space(b, i + 1, end)
    while True:
        if i >= end or b[i] != OPEN:
            return -1, at
        stop = scan.members(b, i, end, FIELDS, 3, spans)
        if stop < 0:
            return -1, at
        made, at = _object(b, spans, its, events, levels, made, at, texts)
        if made < 0:
            return -1, at
        i = scan.space(b, stop, end)
        if not several or (i < end and b[i] == LAST):
            return (made, at) if scan.space(b, i + several, end) == end else (-1, at)
        if i >= end or b[i] != COMMA:
            return -1, at
        i = scan.space(b, i + 1, end)


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
    spans: Array,
    its: Array,
) -> tuple[int, int]:
    """Every plain frame; the others begin at -1. How many events and levels there are."""
    made, at, texts = 0, 0, (pool, text_ends, slots)
    for n in range(len(frames)):
        frame = frames[n]
        frame.first = frame.last = frame.sid = frame.seq = NONE
        end = scan.end_of(b, ends[n], ends[n + 1])
        past, levels_past = _frame(b, ends[n], end, spans, its, events, levels, made, at, texts)
        if past >= 0:
            frame.first, frame.last = made, past
            made, at = past, levels_past
    return made, at


columns = scan.columns_by(_frames, read, [FIELDS, ONE_CHANGE], event_bytes=32)

__all__ = ["columns"]
