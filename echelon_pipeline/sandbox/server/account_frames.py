"""Private messages of both venues to the sandbox's own account.

Belongs here: bodies of Kalshi's private channels and of Polymarket's user channel, with the members that the venues'
specifications and clients name (reference: Kalshi 7, Polymarket 5.4).
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.sandbox.server.wire import contracts, dollars, iso_us, plain
from echelon_pipeline.sandbox.universe.account import AccountEvent, Order
from echelon_pipeline.sandbox.universe.names import PolymarketNames
from echelon_pipeline.sandbox.universe.randomness import Digests

Obj = dict[str, Any]
STATUSES = ("MATCHED", "CONFIRMED")  # a trade is sent again when it is on the chain
_TYPES = {"placed": "PLACEMENT", "filled": "UPDATE", "cancelled": "CANCELLATION"}


def kalshi_messages(event: AccountEvent, ticker: str, digests: Digests) -> list[tuple[str, str, Obj]]:
    """(channel, type, msg) of an account event."""
    messages = [("user_orders", "user_order", _kalshi_order(event.order, ticker, digests))]
    if event.kind == "filled":
        messages.append(("fill", "fill", _kalshi_fill(event, ticker)))
        messages.append(("market_positions", "market_position", _kalshi_position(event, ticker, digests)))
    return messages


def _direction(order: Order) -> Obj:
    return {
        "side": "yes" if order.outcome == 0 else "no",
        "outcome_side": "yes" if order.is_yes else "no",
        "book_side": "bid" if order.is_yes else "ask",
        "yes_price_dollars": dollars(order.price_0),
    }


def _kalshi_order(order: Order, ticker: str, digests: Digests) -> Obj:
    status = "canceled" if order.is_cancelled else "resting" if order.remaining else "executed"
    return _direction(order) | {
        "order_id": order.order_id,
        "user_id": digests.uuid("own user", 0),
        "ticker": ticker,
        "status": status,
        "is_yes": order.is_yes,
        "fill_count_fp": contracts(order.filled),
        "remaining_count_fp": contracts(order.remaining),
        "initial_count_fp": contracts(order.size),
        "taker_fill_cost_dollars": dollars(order.paid[0]),
        "maker_fill_cost_dollars": dollars(order.paid[1]),
        "taker_fees_dollars": dollars(order.fees[0]),
        "maker_fees_dollars": dollars(order.fees[1]),
        "client_order_id": order.client_order_id,
        "created_time": iso_us(order.placed_us),
        "created_ts_ms": order.placed_us // 1000,
        "last_update_time": iso_us(order.changed_us),
        "last_updated_ts_ms": order.changed_us // 1000,
        "subaccount_number": 0,
    }


def _kalshi_fill(event: AccountEvent, ticker: str) -> Obj:
    order = event.order
    own = {"client_order_id": order.client_order_id} if order.client_order_id else {}
    direction = _direction(order)
    return (
        direction
        | own
        | {
            "trade_id": event.trade_id,
            "order_id": order.order_id,
            "market_ticker": ticker,
            "is_taker": not event.is_maker,
            "count_fp": contracts(event.size),
            "fee_cost": dollars(event.fee),
            "action": "buy" if order.is_buy else "sell",
            "purchased_side": direction["outcome_side"],
            "post_position_fp": _signed(event.position.size),
            "ts": event.us // 1_000_000,
            "ts_ms": event.us // 1000,
            "subaccount": 0,
        }
    )


def _kalshi_position(event: AccountEvent, ticker: str, digests: Digests) -> Obj:
    position = event.position
    return {
        "user_id": digests.uuid("own user", 0),
        "market_ticker": ticker,
        "position_fp": _signed(position.size),
        "position_cost_dollars": dollars(position.cost),
        "realized_pnl_dollars": "0.0000",
        "fees_paid_dollars": dollars(position.fees),
        "position_fee_cost_dollars": dollars(position.fees),
        "volume_fp": contracts(position.volume),
        "subaccount": 0,
    }


def _signed(size: int) -> str:
    return f"{'-' if size < 0 else ''}{contracts(abs(size))}"


def polymarket_bodies(event: AccountEvent, names: PolymarketNames, digests: Digests, owner: str) -> list[Obj]:
    """Bodies of an account event: the order, and for a fill the trade with every status. ``owner``: the account's API
    key."""
    bodies = [_polymarket_order(event, names, owner)]
    if event.kind == "filled":
        bodies += [_polymarket_trade(event, status, names, digests, owner) for status in STATUSES]
    return bodies


def _polymarket_order(event: AccountEvent, names: PolymarketNames, owner: str) -> Obj:
    order = event.order
    status = "CANCELED" if order.is_cancelled else "LIVE" if order.remaining else "MATCHED"
    return {
        "event_type": "order",
        "id": order.order_id,
        "owner": owner,
        "order_owner": owner,
        "market": names.condition(order.row),
        "asset_id": names.token(order.row, order.outcome),
        "side": "BUY" if order.is_buy else "SELL",
        "price": plain(order.price, 4),
        "original_size": plain(order.size, 6),
        "size_matched": plain(order.filled, 6),
        "outcome": names.outcomes(order.row)[order.outcome],
        "type": _TYPES[event.kind],
        "status": status,
        "order_type": "GTC",
        "associate_trades": [event.trade_id] if event.trade_id else None,
        "created_at": str(order.placed_us // 1_000_000),
        "timestamp": str(event.us // 1000),
    }


def _polymarket_trade(event: AccountEvent, status: str, names: PolymarketNames, digests: Digests, owner: str) -> Obj:
    """A trade from the taker's point of view. If the account's order rested, another account is the taker."""
    order, counterparty = event.order, digests.uuid("stranger", event.order.number)
    side, other = ("BUY", "SELL") if order.is_buy else ("SELL", "BUY")
    ours = {"owner": owner, "order_id": order.order_id, "side": side}
    theirs = {"owner": counterparty, "order_id": f"0x{digests.hex('stranger order', order.number)}", "side": other}
    taker, maker = (theirs, ours) if event.is_maker else (ours, theirs)
    leg = {"asset_id": names.token(order.row, order.outcome), "outcome": names.outcomes(order.row)[order.outcome]}
    return {
        "event_type": "trade",
        "type": "TRADE",
        "id": event.trade_id,
        "taker_order_id": taker["order_id"],
        "market": names.condition(order.row),
        **leg,
        "side": taker["side"],
        "size": plain(event.size, 6),
        "price": plain(order.price, 4),
        "fee_rate_bps": "0",
        "status": status,
        "owner": owner,
        "trade_owner": taker["owner"],
        "trader_side": "MAKER" if event.is_maker else "TAKER",
        "maker_orders": [
            {
                **maker,
                **leg,
                "matched_amount": plain(event.size, 6),
                "price": plain(order.price, 4),
                "fee_rate_bps": "0",
            }
        ],
        "transaction_hash": f"0x{digests.hex('own tx', order.number)}" if status == "CONFIRMED" else "",
        "bucket_index": 0,
        "match_time": str(event.us // 1_000_000),
        "last_update": str(event.us // 1_000_000),
        "timestamp": str(event.us // 1000),
    }
