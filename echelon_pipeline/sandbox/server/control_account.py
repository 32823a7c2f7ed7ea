"""Control routes of the sandbox's own account: its orders and positions, and actions on them.

Belongs here: routes below /__sandbox__/account, for tests. Every account event is sent at once to the account's
connections.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from echelon_pipeline.sandbox.server.hub import Hub
from echelon_pipeline.sandbox.server.wire import ErrorResponse, answer, json_body, plain
from echelon_pipeline.sandbox.universe.account import UNIT, AccountEvent, Order
from echelon_pipeline.sandbox.universe.paths import ONE
from echelon_pipeline.sandbox.universe.world import World

Obj = dict[str, Any]
_EXPECTED = (
    '{"do": "place", "instrument": <venue>:<native id>, "outcome": 0 or 1, "is_buy": .., "price": text, "size": text, '
    '"client_order_id"?: text}, {"do": "fill", "order_id": .., "size": text, "is_maker": ..} or '
    '{"do": "cancel", "order_id": ..}'
)


def account_routes(hub: Hub, world: World) -> list[Route]:
    """Routes: GET account: orders and positions; POST account: an action."""

    async def account(request: Request) -> Response:
        if request.method == "POST":
            body = await json_body(request)
            hub.pump()
            try:
                event = _perform(world, body if isinstance(body, dict) else {}, hub.us)
            except ErrorResponse as refused:
                return answer(refused.body, refused.status)
            hub.publish(event)
            return answer(_order(world, event.order) | {"trade_id": event.trade_id, "fee_usd": plain(event.fee, 4)})
        orders = [_order(world, order) for order in world.account.orders.values()]
        positions = {world.instrument(*where): _signed(p.size) for where, p in world.account.positions.items()}
        return answer({"orders": orders, "positions": positions})

    return [Route("/__sandbox__/account", account, methods=["GET", "POST"])]


def _perform(world: World, body: Obj, us: int) -> AccountEvent:
    name = str(body.get("order_id", ""))
    try:
        if body.get("do") == "cancel":
            return world.account.cancel(name, us)
        if body.get("do") == "fill":
            return world.account.fill(name, _scaled(body.get("size"), UNIT), us, is_maker=body.get("is_maker") is True)
        if body.get("do") == "place":
            return world.account.place(_placed(world, body, us))
    except ValueError as error:
        raise ErrorResponse(400, {"error": str(error)}) from None
    raise ErrorResponse(400, {"error": f"expected {_EXPECTED}"})


def _placed(world: World, body: Obj, us: int) -> Order:
    instrument = world.find(str(body.get("instrument", "")))
    outcome, is_buy = body.get("outcome"), body.get("is_buy")
    if instrument is None or type(outcome) is not int or outcome not in (0, 1) or not isinstance(is_buy, bool):
        raise ErrorResponse(400, {"error": f"expected {_EXPECTED}"})
    price, size = _scaled(body.get("price"), ONE), _scaled(body.get("size"), UNIT)
    name = str(body.get("client_order_id", ""))
    return Order(0, "", *instrument, outcome, is_buy, price, size, name, placed_us=us, changed_us=us)


def _scaled(text: object, scale: int) -> int:
    try:
        number = Decimal(str(text)) * scale
    except InvalidOperation:
        raise ValueError(f"expected a decimal, got {str(text)[:40]!r}") from None
    if not number.is_finite() or number != int(number):
        raise ValueError(f"expected whole units of 1/{scale}, got {str(text)[:40]!r}")
    return int(number)


def _order(world: World, order: Order) -> Obj:
    return {
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "instrument": world.instrument(order.venue, order.row),
        "outcome": order.outcome,
        "is_buy": order.is_buy,
        "price": plain(order.price, 4),
        "size": plain(order.size, 6),
        "filled": plain(order.filled, 6),
        "remaining": plain(order.remaining, 6),
    }


def _signed(size: int) -> str:
    return f"{'-' if size < 0 else ''}{plain(abs(size), 6)}"
