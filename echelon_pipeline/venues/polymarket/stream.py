"""Decodes Polymarket's market channel and its books; ``own.py`` decodes the user channel.

Belongs here: pure functions of a frame's bytes. Frames are an object or an array of objects; changes of prices
come in three generations (``price_changes``, ``changes``, one change flat; reference: section 5.3). An
unreadable frame becomes a value with its bytes and the reason; nothing raises.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from echelon_pipeline.books.events import (
    Acknowledged,
    Change,
    Ended,
    Event,
    Facts,
    Message,
    Notice,
    Quoted,
    Side,
    Snapshot,
    TickSize,
    Traded,
    Unreadable,
)
from echelon_pipeline.venues import doubts, rest_books
from echelon_pipeline.venues.frames import UNREADABLE, Name, best, ladder, level, price, quote, reason, share, size
from echelon_pipeline.venues.polymarket import own

MILLISECOND = 1_000
TIMESTAMP_DIGITS = 15  # of milliseconds: more do not fit 64 bits as microseconds
NO_BOOK = "no book"  # the answer to a subscription of tokens that are unknown or closed
_KEEP_ALIVE = {b"PONG": "PONG", b"PING": "PING"}
_SIDES = {"BUY": Side.BID, "SELL": Side.ASK}
_OF_BOOKS = frozenset({"book", "price_change", "tick_size_change"})
_LISTS = ("price_changes", "changes")
_PARTS = frozenset({*_LISTS, "bids", "asks", "price", "size", "new_tick_size"})


class _Kind(msgspec.Struct):
    event_type: str | None = None


class _Level(msgspec.Struct):
    price: str
    size: str


class _Book(msgspec.Struct):
    timestamp: str
    bids: list[_Level]
    asks: list[_Level]
    asset_id: Name | None = None
    token_id: Name | None = None
    market: str | None = None
    hash: str | None = None
    min_order_size: str | None = None
    tick_size: str | None = None
    neg_risk: bool | None = None
    last_trade_price: str | None = None


class _Change(msgspec.Struct):
    price: str
    size: str
    side: str
    asset_id: Name | None = None
    token_id: Name | None = None
    hash: str | None = None
    best_bid: str | None = None
    best_ask: str | None = None


class _Changes(msgspec.Struct):
    timestamp: str
    price_changes: list[_Change] | None = None
    changes: list[_Change] | None = None
    asset_id: Name | None = None
    token_id: Name | None = None
    hash: str | None = None
    price: str | None = None
    size: str | None = None
    side: str | None = None


class _TickSize(msgspec.Struct):
    new_tick_size: str
    timestamp: str
    asset_id: Name | None = None
    token_id: Name | None = None


class _Trade(msgspec.Struct):
    price: str
    timestamp: str
    size: str
    asset_id: Name | None = None
    token_id: Name | None = None
    side: str | None = None
    transaction_hash: str | None = None


class _Quote(msgspec.Struct):
    timestamp: str
    best_bid: str | None = None
    best_ask: str | None = None
    asset_id: Name | None = None
    token_id: Name | None = None


class _Resolved(msgspec.Struct):
    timestamp: str | None = None
    assets_ids: list[str] | None = None
    asset_ids: list[str] | None = None
    token_ids: list[str] | None = None


def _decoder(shape: Any) -> Callable[[bytes | msgspec.Raw], Any]:
    return msgspec.json.Decoder(shape).decode


_KIND, _BOOK, _CHANGES, _TICK, _TRADE, _QUOTE, _RESOLVED = map(
    _decoder, (_Kind, _Book, _Changes, _TickSize, _Trade, _Quote, _Resolved)
)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read(payload: bytes) -> Message:
    """One frame of the market channel or of the user channel, or one of our own."""
    if payload.startswith(rest_books.MARK):
        return rest_books.read(payload, read_books)
    return Message(_each(payload, _event))


def read_books(payload: bytes) -> Message:
    """One answer of ``POST /books``."""
    return Message(_each(payload, lambda one: (_snapshot(_BOOK(one), rest=True),)))


def _named(payload: bytes) -> list[str] | None:
    """Tokens whose books an unreadable object may have been about; None: any."""
    decoded = doubts.loosely(payload)
    if decoded is doubts.NOT_JSON:
        kinds = doubts.types(payload, "event_type")
        if kinds and not kinds & _OF_BOOKS:
            return []
        # A message is of one market: the tokens before the cut name it.
        return list(dict.fromkeys(doubts.texts(payload, "asset_id", "token_id"))) or None
    if not isinstance(decoded, dict):
        return None if isinstance(decoded, list) else []
    kind = decoded.get("event_type")
    if isinstance(kind, str) and kind not in _OF_BOOKS:
        return []
    tokens: dict[str, None] = {}
    listed = [one for name in _LISTS if isinstance(decoded.get(name), list) for one in decoded[name]]
    for one in listed or [decoded]:
        members = [decoded] if one is decoded else [one, decoded]
        names = [m.get("asset_id") or m.get("token_id") for m in members if isinstance(m, dict)]
        name = next((name for name in names if name), None)
        if not doubts.is_name(name):
            return None if isinstance(kind, str) or name or _PARTS & decoded.keys() else []
        tokens[name] = None
    return list(tokens)


def _each(payload: bytes, event: Callable[[bytes], tuple[Event, ...]]) -> tuple[Event, ...]:
    text = payload.strip()
    if text in _KEEP_ALIVE:
        return (Acknowledged(_KEEP_ALIVE[text]),)
    if not text.startswith(b"["):
        return _one(payload, event)
    try:
        members = _members(text)
    except UNREADABLE as error:
        return (Unreadable(payload, reason(error), affects_book=True),)
    if not members:
        return (Acknowledged(NO_BOOK),)
    return tuple([one for member in members for one in _one(bytes(member), event)])


def _members(text: bytes) -> list[msgspec.Raw]:
    try:
        return _ARRAY(text)
    except UNREADABLE:
        whole = doubts.mended(text)
        if whole == text:
            raise
        return _ARRAY(whole)


def _one(payload: bytes, event: Callable[[bytes], tuple[Event, ...]]) -> tuple[Event, ...]:
    """An object's events; where it breaks, none of them: half of a message is not a book."""
    try:
        return event(payload)
    except UNREADABLE as error:
        whole = doubts.mended(payload)
        if whole != payload:
            with suppress(*UNREADABLE):
                return event(whole)
        return doubts.unreadable(payload, reason(error), _named(payload))


def _event(payload: bytes) -> tuple[Event, ...]:
    kind = _KIND(payload).event_type
    if kind == "price_change":
        return _changes(_CHANGES(payload))
    if kind == "book":
        return (_snapshot(_BOOK(payload)),)
    if kind == "last_trade_price":
        return (_traded(_TRADE(payload)),)
    if kind == "best_bid_ask":
        top = _QUOTE(payload)
        return (Quoted(_token(top), quote(top.best_bid), quote(top.best_ask), at=_at(top.timestamp)),)
    if kind == "tick_size_change":
        tick = _TICK(payload)
        share(tick.new_tick_size)
        return (TickSize(_token(tick), tick.new_tick_size, _at(tick.timestamp)),)
    if kind in ("new_market", "market_resolved"):
        return _notice(kind, _RESOLVED(payload), payload)
    if kind in own.TYPES:
        return own.own(kind, payload)
    if kind is None:
        raise ValueError("no event_type")
    return (Unreadable(payload, f"unknown event_type {kind[:40]!r}", affects_book=False),)


def _token(named: Any, outer: Any = None) -> str:
    """``token_id`` is the newer name of ``asset_id``."""
    for one in (named, outer):
        token: str | None = one and (one.asset_id or one.token_id)
        if token:
            return token
    raise ValueError("no asset_id")


def _at(timestamp: str) -> int:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= TIMESTAMP_DIGITS):
        raise ValueError(f"expected milliseconds, got {timestamp[:40]!r}")
    return int(timestamp) * MILLISECOND


def _snapshot(book: _Book, *, rest: bool = False) -> Snapshot:
    bids, asks = (ladder([level(one.price, one.size) for one in side]) for side in (book.bids, book.asks))
    for text in (book.min_order_size, book.tick_size, book.last_trade_price):
        if text:  # a last trade may be "": there was none
            size(text)
    facts = Facts(book.market, book.min_order_size, book.tick_size, book.neg_risk, book.last_trade_price)
    return Snapshot(_token(book), bids, asks, _at(book.timestamp), book.hash or None, facts, rest)


def _changes(message: _Changes) -> tuple[Event, ...]:
    listed = message.price_changes if message.price_changes is not None else message.changes
    if listed is None:
        if message.price is None or message.size is None or message.side is None:
            raise ValueError("no changes")
        listed = [_Change(message.price, message.size, message.side)]
    if not listed:
        raise ValueError("no changes")
    at = _at(message.timestamp)
    return tuple([_change(change, message, at) for change in listed])


def _change(change: _Change, message: _Changes, at: int) -> Change:
    side = _SIDES.get(change.side)
    if side is None:
        raise ValueError(f"unknown side {change.side[:40]!r}")
    token, digest = _token(change, message), change.hash or message.hash
    top = best(change.best_bid), best(change.best_ask)
    return Change(token, side, price(change.price), size(change.size), False, at, digest or None, *top)


def _traded(trade: _Trade) -> Traded:
    buys = {"BUY": True, "SELL": False}.get(trade.side or "")
    return Traded(
        _token(trade), share(trade.price), size(trade.size), buys, trade.transaction_hash, _at(trade.timestamp)
    )


def _notice(kind: str, market: _Resolved, payload: bytes) -> tuple[Event, ...]:
    at = None if market.timestamp is None else _at(market.timestamp)
    tokens = market.assets_ids or market.asset_ids or market.token_ids or [] if kind == "market_resolved" else []
    return (Notice(kind, None, payload, at), *(Ended(token, at) for token in tokens))
