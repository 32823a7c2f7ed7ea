"""Decodes Kalshi's WebSocket frames.

Belongs here: pure functions of a frame's bytes. Three generations are read: prices in cents, in dollars, and
fixed-point texts (reference: section 7). Where a frame carries two of them they must agree. An unreadable
frame becomes a value with its bytes and the reason; nothing raises.
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
    Level,
    Message,
    Notice,
    Quoted,
    Refused,
    Side,
    Snapshot,
    Subscribed,
    SubscriptionLost,
    Traded,
    Unreadable,
)
from echelon_pipeline.domain.scaled import CENT, ONE, decimal_text, scaled
from echelon_pipeline.venues import doubts, rest_books
from echelon_pipeline.venues.frames import UNREADABLE, Name, Natural, ladder, level, price, quote, reason, share, size
from echelon_pipeline.venues.kalshi import own
from echelon_pipeline.venues.kalshi.rest_books import read_books

# The venue keeps nothing of these subscriptions: subscribe again (reference: section 7, errors).
TERMINAL_CODES = {10, 25}
MILLISECOND, SECOND = 1_000, 1_000_000

Pairs = list[tuple[str, str | int]] | None


class _Envelope(msgspec.Struct):
    type: str
    sid: Natural | None = None
    seq: Natural | None = None
    msg: msgspec.Raw = msgspec.Raw(b"{}")


class _Book(msgspec.Struct):
    market_ticker: Name
    yes_dollars_fp: Pairs = None
    no_dollars_fp: Pairs = None
    yes_dollars: Pairs = None
    no_dollars: Pairs = None
    yes: list[tuple[int, int]] | None = None
    no: list[tuple[int, int]] | None = None
    ts_ms: Natural | None = None


class _Delta(msgspec.Struct):
    market_ticker: Name
    side: str
    price_dollars: str | None = None
    price: int | None = None
    delta_fp: str | None = None
    delta: int | None = None
    ts_ms: Natural | None = None


class _Trade(msgspec.Struct):
    market_ticker: Name
    trade_id: str | None = None
    yes_price_dollars: str | None = None
    yes_price: int | None = None
    count_fp: str | None = None
    count: int | None = None
    taker_outcome_side: str | None = None
    taker_side: str | None = None
    taker_book_side: str | None = None
    is_block_trade: bool | None = None
    ts_ms: Natural | None = None
    ts: Natural | None = None


class _Ticker(msgspec.Struct):
    market_ticker: Name
    yes_bid_dollars: str | None = None
    yes_ask_dollars: str | None = None
    yes_bid: int | None = None
    yes_ask: int | None = None
    yes_bid_size_fp: str | None = None
    yes_ask_size_fp: str | None = None
    ts_ms: Natural | None = None
    ts: Natural | None = None


class _Named(msgspec.Struct):
    market_ticker: str | None = None
    event_type: str | None = None
    ts_ms: Natural | None = None


class _Channel(msgspec.Struct):
    channel: str
    sid: Natural


class _Error(msgspec.Struct):
    code: int | None = None
    msg: str = ""


def _decoder(shape: Any) -> Callable[[msgspec.Raw], Any]:
    return msgspec.json.Decoder(shape).decode


_ENVELOPE = msgspec.json.Decoder(_Envelope).decode
_BOOK, _DELTA, _TRADE, _TICKER, _NAMED, _CHANNEL, _ERROR = map(
    _decoder, (_Book, _Delta, _Trade, _Ticker, _Named, _Channel, _Error)
)
# Lifecycles, fees, requests for quotes, indexes: kept as served.
_LIFECYCLES = frozenset({"market_lifecycle_v2", "market_lifecycle", "multivariate_market_lifecycle"})
_NOTICES = _LIFECYCLES | {
    *("multivariate_lookup", "event_lifecycle", "event_fee_update", "rfq_created", "rfq_deleted"),
    *("cfbenchmarks_value", "cfbenchmarks_value_5hz", "pyth_value"),
}
_FOR_GOOD = frozenset({"determined", "settled"})
_SIDES, _BOOK_SIDES = {"yes": True, "no": False}, {"bid": True, "ask": False}  # whether the taker bought yes
_BOOKS = frozenset({"orderbook_snapshot", "orderbook_delta"})


def read(payload: bytes, *, yes_priced: bool = False) -> Message:
    """One frame. ``yes_priced``: subscribed with ``use_yes_price``, so no levels are priced in yes dollars."""
    if payload.startswith(rest_books.MARK):
        return rest_books.read(payload, read_books)
    try:
        return _message(payload, yes_priced)
    except UNREADABLE as error:
        whole = doubts.mended(payload)
        if whole != payload:
            with suppress(*UNREADABLE):
                return _message(whole, yes_priced)
        return _unread(payload, reason(error))


def _message(payload: bytes, yes_priced: bool) -> Message:
    envelope = _ENVELOPE(payload)
    return Message(_events(envelope, payload, yes_priced), envelope.sid, envelope.seq)


def _unread(payload: bytes, why: str) -> Message:
    """A frame that cannot be read, with its number in its subscription where that can be."""
    decoded = doubts.loosely(payload)
    if decoded is doubts.NOT_JSON:
        kinds = doubts.types(payload, "type")
        cut = [] if kinds and not kinds & _BOOKS else doubts.texts(payload, "market_ticker") or None
        return Message(doubts.unreadable(payload, why, cut))
    if not isinstance(decoded, dict):
        return Message(doubts.unreadable(payload, why, []))
    kind, msg = decoded.get("type"), decoded.get("msg")
    name = msg.get("market_ticker") if isinstance(msg, dict) else None
    names: list[str] | None = []
    if not isinstance(kind, str) or kind in _BOOKS:
        # A message about a book always names its market: without a name, only its type says that it is about one.
        of_a_book = isinstance(kind, str) or name
        names = [name] if doubts.is_name(name) else None if of_a_book else []
    return Message(doubts.unreadable(payload, why, names), _natural(decoded.get("sid")), _natural(decoded.get("seq")))


def _natural(value: Any) -> int | None:
    """A number as the envelope has it; None for anything else."""
    return value if type(value) is int and 0 <= value < 1 << 53 else None


def _events(envelope: _Envelope, payload: bytes, yes_priced: bool) -> tuple[Event, ...]:
    kind, msg = envelope.type, envelope.msg
    if kind == "orderbook_delta":
        return (_change(_DELTA(msg), yes_priced),)
    if kind == "orderbook_snapshot":
        return (_snapshot(_BOOK(msg), yes_priced),)
    if kind == "trade":
        return (_traded(_TRADE(msg)),)
    if kind == "ticker":
        return (_quoted(_TICKER(msg)),)
    if kind in _NOTICES:
        return _notice(kind, _NAMED(msg), payload)
    if kind in own.TYPES:
        return (own.own(kind, msg, payload),)
    if kind == "subscribed":
        channel = _CHANNEL(msg)
        return (Subscribed(channel.channel, channel.sid),)
    return _answer(kind, msg, envelope.sid, payload)


def _answer(kind: str, msg: msgspec.Raw, sid: int | None, payload: bytes) -> tuple[Event, ...]:
    if kind == "ok":
        return (Acknowledged(kind),)
    if kind == "unsubscribed":
        return (SubscriptionLost(kind) if sid is not None else Acknowledged(kind),)
    if kind == "error":
        error = _ERROR(msg)
        refused = Refused(error.code, error.msg)
        return (refused, SubscriptionLost(error.msg)) if error.code in TERMINAL_CODES else (refused,)
    return (Unreadable(payload, f"unknown type {kind[:40]!r}", affects_book=False),)


def _agree(name: str, new: int | None, old: int | None, step: int) -> int:
    """One value of two encodings. The older one gave whole steps, so they disagree from one step on."""
    value = old if new is None else new
    if value is None:
        raise ValueError(f"no {name}")
    if new is not None and old is not None and abs(new - old) >= step:
        raise ValueError(f"two encodings of {name} disagree")
    return value


def _cents(cents: int | None) -> int | None:
    return None if cents is None else cents * CENT


def _levels(*encodings: Pairs) -> tuple[Level, ...]:
    """One side of a ladder in as many encodings as the frame has, the finest first."""
    sides = [sorted([level(str(p), str(s)) for p, s in pairs]) for pairs in encodings if pairs is not None]
    for other in sides[1:]:
        if len(other) != len(sides[0]):
            raise ValueError("two encodings have different numbers of levels")
        for new, old in zip(sides[0], other, strict=True):
            _agree("level's price", new[0], old[0], CENT)
            _agree("level's size", new[1], old[1], ONE)
    return ladder(sides[0]) if sides else ()


def _in_dollars(cents: list[tuple[int, int]] | None) -> Pairs:
    return None if cents is None else [(decimal_text(p * CENT), s) for p, s in cents]


def _snapshot(book: _Book, yes_priced: bool) -> Snapshot:
    yes = _levels(book.yes_dollars_fp, book.yes_dollars, _in_dollars(book.yes))
    no = _levels(book.no_dollars_fp, book.no_dollars, _in_dollars(book.no))
    asks = no if yes_priced else tuple([(ONE - p, s) for p, s in no])
    return Snapshot(book.market_ticker, yes, asks, _at(book.ts_ms, None))


def _change(delta: _Delta, yes_priced: bool) -> Change:
    dollars = None if delta.price_dollars is None else price(delta.price_dollars)
    of_side = _agree("price", dollars, _cents(delta.price), CENT)
    fixed = None if delta.delta_fp is None else scaled(delta.delta_fp)
    by = _agree("delta", fixed, None if delta.delta is None else scaled(str(delta.delta)), ONE)
    if not 0 < of_side < ONE:
        raise ValueError(f"expected a price between 0 and 1, got {of_side} millionths")
    if delta.side not in ("yes", "no"):
        raise ValueError(f"unknown side {delta.side[:40]!r}")
    side = Side.BID if delta.side == "yes" else Side.ASK
    at = of_side if delta.side == "yes" or yes_priced else ONE - of_side
    return Change(delta.market_ticker, side, at, by, relative=True, at=_at(delta.ts_ms, None))


def _traded(trade: _Trade) -> Traded:
    dollars = None if trade.yes_price_dollars is None else share(trade.yes_price_dollars)
    paid = _agree("price", dollars, _cents(trade.yes_price), CENT)
    fixed = None if trade.count_fp is None else size(trade.count_fp)
    count = _agree("count", fixed, None if trade.count is None else size(str(trade.count)), ONE)
    if not 0 <= paid <= ONE:
        raise ValueError(f"expected a price in 0..1, got {paid} millionths")
    # The first side that is named counts, as in sql/parse/kalshi/trades.sql; a bid is one for yes.
    side = trade.taker_outcome_side or trade.taker_side
    buys = _SIDES.get(side.lower()) if side else _BOOK_SIDES.get((trade.taker_book_side or "").lower())
    at, block = _at(trade.ts_ms, trade.ts), bool(trade.is_block_trade)
    return Traded(trade.market_ticker, paid, count, buys, trade.trade_id, at, block)


def _best(dollars: str | None, cents: int | None) -> int | None:
    if dollars is not None or cents is None:
        return quote(dollars)
    if not 0 <= cents <= 100:
        raise ValueError(f"expected cents in 0..100, got {cents}")
    return None if cents in (0, 100) else cents * CENT


def _quoted(ticker: _Ticker) -> Quoted:
    bid, ask = _best(ticker.yes_bid_dollars, ticker.yes_bid), _best(ticker.yes_ask_dollars, ticker.yes_ask)
    bids, asks = (None if text is None else size(text) for text in (ticker.yes_bid_size_fp, ticker.yes_ask_size_fp))
    return Quoted(ticker.market_ticker, bid, ask, bids, asks, _at(ticker.ts_ms, ticker.ts))


def _notice(kind: str, named: _Named, payload: bytes) -> tuple[Event, ...]:
    at = _at(named.ts_ms, None)
    notice = Notice(kind, named.market_ticker, payload, at)
    if kind in _LIFECYCLES and named.market_ticker and named.event_type in _FOR_GOOD:
        return (notice, Ended(named.market_ticker, at))
    return (notice,)


def _at(milliseconds: int | None, seconds: int | None) -> int | None:
    if milliseconds is not None:
        return milliseconds * MILLISECOND
    return None if seconds is None else seconds * SECOND
