"""Polymarket's frames to columns, compiled: the current generation of books, changes, trades and quotes.

Belongs here: the plain shape of these, and detecting other shapes. ``stream.py`` defines the meaning of frames and
reads all others; a property test compares both. Importing this imports numba.
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.books.columns import NONE, UNLISTED, Array, Kind
from echelon_pipeline.books.fast import compiled, constants, decode, entry, scan, values
from echelon_pipeline.books.fast.blocks import BLOCK, Pointer, byte, pointer_to
from echelon_pipeline.books.fast.scan import (
    COMMA,
    FIRST,
    LAST,
    OPEN,
    first,
    has,
    is_text,
    is_text_or_none,
    length,
    past,
    text_is,
)
from echelon_pipeline.books.fast.values import BAD, decimal
from echelon_pipeline.domain.scaled import ONE
from echelon_pipeline.venues.polymarket.stream import TIMESTAMP_DIGITS, read

FIELDS = scan.keys(
    *("price_changes", "bids", "asks", "event_type", "asset_id", "timestamp", "hash", "market"),
    *("min_order_size", "tick_size", "last_trade_price", "neg_risk"),
    *("price", "size", "side", "transaction_hash", "best_bid", "best_ask", "token_id", "changes"),
)
CHANGES, BIDS, ASKS, TYPE, ASSET, TIME, HASH, MARKET = constants(0, 8)
LEAST, TICK, LAST_TRADE, NEG_RISK = constants(8, 12)
PRICE, SIZE, SIDE, TRANSACTION, BEST_BID, BEST_ASK, TOKEN, OLD_CHANGES = constants(12, 20)
ONE_CHANGE = scan.keys("price", "size", "asset_id", "side", "hash", "token_id", "best_bid", "best_ask")
ONE_LEVEL = scan.keys("price", "size")
ITS_PRICE, ITS_SIZE, ITS_ASSET, ITS_SIDE, ITS_HASH, ITS_TOKEN, ITS_BID, ITS_ASK = constants(0, 8)
NAMES, CHANGE_NAMES = 20, 8
BOOK_WORD, CHANGE_WORD, TRADE_WORD, QUOTE_WORD = b"book", b"price_change", b"last_trade_price", b"best_bid_ask"
BUY, SELL, PING, PONG = b"BUY", b"SELL", b"PING", b"PONG"
CHANGE, SNAPSHOT, TRADED, QUOTED, KEPT_ALIVE = constants(0, 12)[:2] + [
    constants(0, len(Kind))[kind] for kind in (Kind.TRADED, Kind.QUOTED, Kind.ACKNOWLEDGED)
]


@compiled
def _at(t: Pointer, spans: Array) -> int:
    """Milliseconds; BAD where they are no text of digits."""
    if not is_text(t, spans, TIME) or length(spans, TIME) > TIMESTAMP_DIGITS + 2:
        return BAD
    found = values.digits(t, first(spans, TIME) + 1, past(spans, TIME) - 1)
    return found if found >= 0 else BAD


@compiled
def _number(t: Pointer, spans: Array, key: int, texts: Any) -> int:
    """The number of a text; NONE where there is none of that name."""
    if not has(spans, key):
        return NONE
    return values.text_number(t, first(spans, key), past(spans, key), texts[0], texts[1], texts[2])


@compiled
def _next(t: Pointer, i: int, end: int) -> int:
    """At the object behind the comma behind another, or at the bracket that ends an array at ``end``; -1: neither."""
    i = scan.space(t, i)
    if i == end - 1:
        return i
    if byte(t, i) != COMMA:
        return -1
    i = scan.space(t, i + 1)
    return i if byte(t, i) == OPEN else -1


@compiled
def _begin(t: Pointer, spans: Array, key: int) -> int:
    """At the first member of an array or the bracket that ends it; -1: there is no array."""
    if not has(spans, key) or byte(t, first(spans, key)) != FIRST or byte(t, past(spans, key) - 1) != LAST:
        return -1
    return scan.space(t, first(spans, key) + 1)


@compiled
def _changes(t: Pointer, spans: Array, its: Array, events: Array, made: int, at: int, texts: Any) -> int:
    """Past the last change; -1: not plain."""
    i, end = _begin(t, spans, CHANGES), past(spans, CHANGES)
    if i < 0 or i == end - 1:
        return -1
    while i != end - 1:
        i = scan.members(t, i, end, ONE_CHANGE, 0, its, False)
        if i < 0 or not (is_text(t, its, ITS_ASSET) and is_text(t, its, ITS_SIDE)) or has(its, ITS_TOKEN):
            return -1
        price, size = values.price(t, its, ITS_PRICE), decimal(t, its, ITS_SIZE)
        buys = text_is(t, its, ITS_SIDE, BUY)
        if price == BAD or size < 0 or not (buys or text_is(t, its, ITS_SIDE, SELL)):
            return -1
        bid, ask = values.best(t, its, ITS_BID), values.best(t, its, ITS_ASK)
        if length(its, ITS_ASSET) == 2 or not is_text_or_none(t, its, ITS_HASH) or bid == BAD or ask == BAD:
            return -1
        event = events[made]
        values.blank(event, CHANGE, _number(t, its, ITS_ASSET, texts))
        event.price, event.size, event.side, event.at = price, size, not buys, at
        event.best_bid, event.best_ask = bid, ask
        if length(its, ITS_HASH) > 2:  # an empty one is as if there were none
            values.take_hash(t, its, ITS_HASH, event)
        made += 1
        i = _next(t, i, end)
        if i < 0:
            return -1
    return made


@compiled
def _levels(t: Pointer, spans: Array, key: int, its: Array, levels: Array, at: int) -> int:
    """One side, prices rising or falling; past its last level; -1: not plain."""
    i, end, way, before = _begin(t, spans, key), past(spans, key), 0, 0
    if i < 0:
        return -1
    while i != end - 1:
        i = scan.members(t, i, end, ONE_LEVEL, 0, its, False)
        if i < 0:
            return -1
        price, size = values.price(t, its, ITS_PRICE), decimal(t, its, ITS_SIZE)
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
        i = _next(t, i, end)
        if i < 0:
            return -1
    return at


@compiled
def _has_facts(t: Pointer, spans: Array) -> bool:
    for key in (HASH, MARKET, LEAST, TICK, LAST_TRADE):
        if not is_text_or_none(t, spans, key):
            return False
    for key in (LEAST, TICK, LAST_TRADE):
        if length(spans, key) > 2 and decimal(t, spans, key) < 0:
            return False
    return not has(spans, NEG_RISK) or 97 <= byte(t, first(spans, NEG_RISK)) <= 122


@compiled
def _learned(t: Pointer, spans: Array, event: Any, texts: Any) -> bool:
    """The facts of a book; False where one of them was never met, so that it has no number yet."""
    event.market, event.min_order_size = _number(t, spans, MARKET, texts), _number(t, spans, LEAST, texts)
    event.tick, event.traded = _number(t, spans, TICK, texts), _number(t, spans, LAST_TRADE, texts)
    if has(spans, NEG_RISK):
        event.neg_risk = byte(t, first(spans, NEG_RISK)) == 116
    return bool(min(event.market, event.min_order_size, event.tick, event.traded) > UNLISTED)


@compiled
def _book(t: Pointer, spans: Array, its: Array, event: Any, levels: Array, at: int, texts: Any) -> int:
    """Past the last level; -1: not plain."""
    if not _has_facts(t, spans):
        return -1
    event.kind, event.bids = SNAPSHOT, at
    at = _levels(t, spans, BIDS, its, levels, at)
    if at < 0:
        return -1
    event.asks = at
    at = _levels(t, spans, ASKS, its, levels, at)
    if at < 0:
        return -1
    event.last = at
    if length(spans, HASH) > 2:
        values.take_hash(t, spans, HASH, event)
    if event.token >= 0 and not _learned(t, spans, event, texts):
        return -1
    return at


@compiled
def _other(t: Pointer, spans: Array, event: Any) -> bool:
    """A trade or a quote."""
    if text_is(t, spans, TYPE, TRADE_WORD):
        event.at = NONE
        event.kind, event.price = TRADED, decimal(t, spans, PRICE)
        right = 0 <= event.price <= ONE and decimal(t, spans, SIZE) >= 0
        return right and is_text_or_none(t, spans, SIDE) and is_text_or_none(t, spans, TRANSACTION)
    if text_is(t, spans, TYPE, QUOTE_WORD):
        bid, ask = values.quote(t, spans, BEST_BID), values.quote(t, spans, BEST_ASK)
        event.kind, event.best_bid, event.best_ask = QUOTED, bid, ask
        return bid != BAD and ask != BAD
    return False


@compiled
def _object(
    t: Pointer, spans: Array, its: Array, events: Array, levels: Array, made: int, at: int, texts: Any
) -> tuple[int, int]:
    """Past the last event and level of an object whose members are found; -1: not plain."""
    if not is_text(t, spans, TYPE) or has(spans, TOKEN) or has(spans, OLD_CHANGES):
        return -1, at
    when = _at(t, spans)
    if when == BAD:
        return -1, at
    # What is in brackets and not looked into here could be anything: it need not even be JSON.
    sides = has(spans, BIDS) or has(spans, ASKS)
    if text_is(t, spans, TYPE, CHANGE_WORD):
        if sides or has(spans, ASSET) or has(spans, HASH) or has(spans, PRICE) or has(spans, SIZE) or has(spans, SIDE):
            return -1, at
        return _changes(t, spans, its, events, made, when, texts), at
    if not is_text(t, spans, ASSET) or length(spans, ASSET) == 2 or has(spans, CHANGES):
        return -1, at
    event = events[made]
    values.blank(event, CHANGE, _number(t, spans, ASSET, texts))
    event.at = when
    if text_is(t, spans, TYPE, BOOK_WORD):
        beyond = _book(t, spans, its, event, levels, at, texts)
        return (made + 1, beyond) if beyond >= 0 else (-1, at)
    return (made + 1, at) if not sides and _other(t, spans, event) else (-1, at)


@compiled
def _frame(
    t: Pointer, i: int, end: int, spans: Array, its: Array, events: Array, levels: Array, made: int, at: int, texts: Any
) -> tuple[int, int]:
    """Past the last event and level of a frame; -1: not plain."""
    if scan.word_is(t, i, end, PONG) or scan.word_is(t, i, end, PING):
        values.blank(events[made], KEPT_ALIVE, NONE)
        return made + 1, at
    i = scan.space(t, i)
    several = byte(t, i) == FIRST
    if several:
        i = scan.space(t, i + 1)
    while True:
        i = scan.members(t, i, end, FIELDS, 3, spans, True)
        if i < 0:
            return -1, at
        made, at = _object(t, spans, its, events, levels, made, at, texts)
        if made < 0:
            return -1, at
        i = scan.space(t, i)
        if not several or byte(t, i) == LAST:
            return (made, at) if scan.space(t, i + several) == end else (-1, at)
        if byte(t, i) != COMMA:
            return -1, at
        i = scan.space(t, i + 1)


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
    spans: Array,
    its: Array,
) -> tuple[int, int]:
    """Every plain frame; the others begin at -1. How many events and levels there are."""
    made, at, texts = 0, 0, (pointer_to(pool), text_ends, slots)
    data, t = pointer_to(b), pointer_to(room)
    for n in range(len(frames)):
        frame = frames[n]
        frame.first = frame.last = frame.sid = frame.seq = NONE
        end = scan.end_of(data, ends[n], ends[n + 1])
        if not scan.copy_plain(data, ends[n], end, t, BLOCK):
            continue
        made_now, at_now = _frame(t, BLOCK, BLOCK + end - ends[n], spans, its, events, levels, made, at, texts)
        if made_now >= 0:
            frame.first, frame.last = made, made_now
            made, at = made_now, at_now
    return made, at


columns = decode.columns_by(_frames, read, [NAMES, CHANGE_NAMES], event_bytes=32)

__all__ = ["columns"]
