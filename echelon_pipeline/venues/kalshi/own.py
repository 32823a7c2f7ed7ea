"""Decodes Kalshi's private channels: an account's orders, fills and positions.

Belongs here: pure functions of a message's bytes, for ``stream.py``, which knows the envelopes. All values are
on the yes axis: a position in no is a sale of yes at the yes price. Older names of the direction (side and action) are
read where the newer ones are absent. Raises what ``frames.UNREADABLE`` names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from echelon_pipeline.books.events import Own, OwnFill, OwnNote, OwnOrder, OwnPosition
from echelon_pipeline.domain.scaled import scaled
from echelon_pipeline.venues.frames import Name, Natural, share, size

MILLISECOND, SECOND = 1_000, 1_000_000
MOST = 10**18  # millionths that a table holds, like each amount that is read
_BUYS = {"yes": True, "no": False, "bid": True, "ask": False}
_LEGACY = {("buy", "yes"): True, ("sell", "no"): True, ("buy", "no"): False, ("sell", "yes"): False}


class _Fill(msgspec.Struct):
    market_ticker: Name
    trade_id: Name
    order_id: Name
    is_taker: bool
    yes_price_dollars: str
    count_fp: str
    outcome_side: str | None = None
    book_side: str | None = None
    side: str | None = None
    action: str | None = None
    fee_cost: str | None = None
    client_order_id: str | None = None
    ts_ms: Natural | None = None
    ts: Natural | None = None


class _Order(msgspec.Struct):
    ticker: Name
    order_id: Name
    status: Name
    outcome_side: str | None = None
    book_side: str | None = None
    is_yes: bool | None = None
    yes_price_dollars: str | None = None
    initial_count_fp: str | None = None
    fill_count_fp: str | None = None
    remaining_count_fp: str | None = None
    taker_fees_dollars: str | None = None
    maker_fees_dollars: str | None = None
    client_order_id: str | None = None
    last_update_reason: str | None = None
    last_updated_ts_ms: Natural | None = None
    created_ts_ms: Natural | None = None


class _Position(msgspec.Struct):
    market_ticker: Name
    position_fp: str
    fees_paid_dollars: str | None = None
    ts_ms: Natural | None = None


class _Note(msgspec.Struct):
    ts_ms: Natural | None = None


def _decoder(shape: Any) -> Callable[[msgspec.Raw], Any]:
    return msgspec.json.Decoder(shape).decode


_FILL, _ORDER, _POSITION, _NOTE = map(_decoder, (_Fill, _Order, _Position, _Note))


def own(kind: str, msg: msgspec.Raw, payload: bytes) -> Own:
    """A message of one of ``TYPES``; ``payload`` is the whole frame."""
    if kind == "fill":
        return _filled(_FILL(msg), payload)
    if kind == "user_order":
        return _ordered(_ORDER(msg), payload)
    if kind == "market_position":
        position: _Position = _POSITION(msg)
        number, fees, at = scaled(position.position_fp), _money(position.fees_paid_dollars), _at(position.ts_ms)
        return OwnPosition(position.market_ticker, position.market_ticker, number, payload, at, fees)
    return OwnNote(kind, payload, _at(_NOTE(msg).ts_ms))


TYPES = frozenset(
    {
        *("fill", "user_order", "market_position", "order_group_updates"),
        *("quote_created", "quote_accepted", "quote_executed"),
    }
)


def _filled(fill: _Fill, payload: bytes) -> OwnFill:
    buys = _buys(fill.outcome_side, fill.book_side)
    if buys is None:
        buys = _LEGACY.get((fill.action or "", fill.side or ""))
    if buys is None:
        raise ValueError("no direction")
    return OwnFill(
        *(fill.market_ticker, fill.market_ticker, fill.order_id, fill.trade_id),
        price=share(fill.yes_price_dollars),
        size=size(fill.count_fp),
        buys=buys,
        is_maker=not fill.is_taker,
        payload=payload,
        at=_at(fill.ts_ms) if fill.ts_ms is not None or fill.ts is None else fill.ts * SECOND,
        fee=_money(fill.fee_cost),
        client_order_id=fill.client_order_id or None,
    )


def _ordered(order: _Order, payload: bytes) -> OwnOrder:
    buys = _buys(order.outcome_side, order.book_side)
    counts = (order.initial_count_fp, order.fill_count_fp, order.remaining_count_fp)
    whole, filled, left = (None if text is None else size(text) for text in counts)
    return OwnOrder(
        *(order.ticker, order.ticker, order.order_id, payload),
        # An order that was never changed has no last update.
        at=_at(order.last_updated_ts_ms if order.last_updated_ts_ms is not None else order.created_ts_ms),
        change=order.last_update_reason or None,
        status=order.status,
        buys=order.is_yes if buys is None else buys,
        price=None if order.yes_price_dollars is None else share(order.yes_price_dollars),
        size=whole,
        filled=filled,
        remaining=left,
        fee=_sum(_money(order.taker_fees_dollars), _money(order.maker_fees_dollars)),
        client_order_id=order.client_order_id or None,
    )


def _buys(*sides: str | None) -> bool | None:
    """Whether yes is bought; None without a direction."""
    directions = {_BUYS.get(side) for side in sides if side is not None}
    if len(directions) > 1 or directions == {None}:
        raise ValueError(f"sides that do not say one direction: {sides!r}"[:120])
    return directions.pop() if directions else None


def _money(text: str | None) -> int | None:
    return None if text is None else scaled(text)


def _sum(*parts: int | None) -> int | None:
    """The sum of the fees that are given, with as many digits as each of them."""
    given = [part for part in parts if part is not None]
    if abs(sum(given)) >= MOST:
        raise ValueError(f"fees of {sum(given)} millionths of a dollar")
    return sum(given) if given else None


def _at(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds * MILLISECOND
