"""Decodes Polymarket's user channel: an account's orders and trades.

Belongs here: pure functions of a message's bytes, for ``stream.py``. The taker and each of the makers receive a trade,
always from the taker's point of view: a maker's own part is in ``maker_orders`` (reference: sections 2.7 and 5.4).
Raises what ``frames.UNREADABLE`` names.
"""

from __future__ import annotations

import msgspec

from echelon_pipeline.books.events import Level, Own, OwnFill, OwnOrder
from echelon_pipeline.venues.frames import Name, share, size

TYPES = frozenset({"order", "trade"})
MILLISECOND, SECOND = 1_000, 1_000_000
# One member has seconds or milliseconds (recorded by its clients); 11 digits of seconds are the year 5138.
DIGITS_OF_SECONDS = 11
_BUYS = {"BUY": True, "SELL": False}


class _Order(msgspec.Struct):
    id: Name
    market: Name
    side: str
    price: str | None = None
    original_size: str | None = None
    size_matched: str | None = None
    asset_id: Name | None = None
    token_id: Name | None = None
    type: str | None = None
    status: str | None = None
    timestamp: str | None = None
    builder_code: str | None = None


class _Maker(msgspec.Struct):
    order_id: Name
    matched_amount: str
    price: str
    owner: str | None = None
    asset_id: Name | None = None
    token_id: Name | None = None
    side: str | None = None


class _Trade(msgspec.Struct):
    id: Name
    market: Name
    side: str
    price: str
    size: str
    taker_order_id: Name
    owner: str
    asset_id: Name | None = None
    token_id: Name | None = None
    status: str | None = None
    trader_side: str | None = None
    trade_owner: str | None = None
    timestamp: str | None = None
    last_update: str | None = None
    maker_orders: list[_Maker] | None = None
    builder_code: str | None = None


_ORDER, _TRADE = msgspec.json.Decoder(_Order).decode, msgspec.json.Decoder(_Trade).decode


def own(kind: str, payload: bytes) -> tuple[Own, ...]:
    """An object of one of ``TYPES``."""
    return (_ordered(_ORDER(payload), payload),) if kind == "order" else _filled(_TRADE(payload), payload)


def _ordered(order: _Order, payload: bytes) -> OwnOrder:
    return OwnOrder(
        *(_token(order), order.market, order.id, payload),
        at=_at(order.timestamp),
        change=order.type or None,
        status=order.status or None,
        buys=_buys(order.side),
        price=share(order.price) if order.price else None,
        size=size(order.original_size) if order.original_size else None,
        filled=size(order.size_matched) if order.size_matched else None,
        builder_code=order.builder_code or None,
    )


def _filled(trade: _Trade, payload: bytes) -> tuple[OwnFill, ...]:
    if not _is_maker(trade):
        taken = share(trade.price), size(trade.size)
        return (_fill(trade, payload, _token(trade), trade.taker_order_id, taken, _buys(trade.side), is_maker=False),)
    mine = [one for one in trade.maker_orders or () if one.owner == trade.owner]
    if not mine:
        raise ValueError("none of its maker orders is its owner's")
    return tuple(
        _fill(trade, payload, _token(one, trade), one.order_id, _level(one), _makes(one, trade), is_maker=True)
        for one in mine
    )


def _fill(
    trade: _Trade, payload: bytes, token: str, order_id: str, level: Level, buys: bool, *, is_maker: bool
) -> OwnFill:
    return OwnFill(
        ladder=token,
        market=trade.market,
        order_id=order_id,
        trade_id=trade.id,
        price=level[0],
        size=level[1],
        buys=buys,
        is_maker=is_maker,
        payload=payload,
        at=_at(trade.timestamp or trade.last_update),
        status=trade.status or None,
        builder_code=trade.builder_code or None,
    )


def _level(maker: _Maker) -> Level:
    return share(maker.price), size(maker.matched_amount)


def _is_maker(trade: _Trade) -> bool:
    side = (trade.trader_side or "").upper()
    if side in ("MAKER", "TAKER"):
        return side == "MAKER"
    if side:
        raise ValueError(f"unknown trader_side {side[:40]!r}")
    return trade.trade_owner not in (None, "", trade.owner)


def _makes(maker: _Maker, trade: _Trade) -> bool:
    """Whether a maker bought. Without its own side: a maker of the taker's token took the other side, and a maker of
    the other token the same side, because the exchange then mints or redeems pairs."""
    if maker.side:
        return _buys(maker.side)
    return _buys(trade.side) != (_token(maker, trade) == _token(trade))


def _buys(side: str) -> bool:
    buys = _BUYS.get(side.upper())
    if buys is None:
        raise ValueError(f"unknown side {side[:40]!r}")
    return buys


def _token(named: _Order | _Trade | _Maker, outer: _Trade | None = None) -> str:
    """``token_id`` is the newer name of ``asset_id``."""
    token = named.asset_id or named.token_id or (outer and (outer.asset_id or outer.token_id))
    if not token:
        raise ValueError("no asset_id")
    return token


def _at(timestamp: str | None) -> int | None:
    if not timestamp:
        return None
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise ValueError(f"expected seconds or milliseconds, got {timestamp[:40]!r}")
    return int(timestamp) * (SECOND if len(timestamp) <= DIGITS_OF_SECONDS else MILLISECOND)
