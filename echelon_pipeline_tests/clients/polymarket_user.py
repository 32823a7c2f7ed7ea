"""Polymarket's official client follows the user channel of a sandbox whose account places, fills and cancels an order.

Belongs here: calls of ``polymarket-client``, and actions of the account. A log line from WARNING up is an error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from typing import Any

MOST = 5  # an order's placement, update and cancellation, and a trade with two statuses


async def follow(base_url: str, instrument: str) -> dict[str, Any]:
    """The client's objects of every event."""
    import httpx
    from polymarket._internal.streams.clob.user import ClobUserStreamManager  # type: ignore[import-not-found]
    from polymarket.models import ApiKeyCreds  # type: ignore[import-not-found]

    complaints: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)

    async def credentials() -> Any:
        names = ("POLYMARKET_API_KEY", "POLYMARKET_API_SECRET", "ECHELON_POLYMARKET_API_PASSPHRASE")
        told = zip(("apiKey", "secret", "passphrase"), (os.environ[name] for name in names), strict=True)
        return ApiKeyCreds.model_validate(dict(told))

    async def act(body: dict[str, Any]) -> Any:
        answer = await http.post(f"{base_url}/__sandbox__/account", json=body)
        return answer.raise_for_status().json()

    told: list[list[str]] = []
    url = os.environ["ECHELON_POLYMARKET_USER_WS_URL"]
    async with ClobUserStreamManager(url=url, resolve_credentials=credentials) as manager, httpx.AsyncClient() as http:
        handle = await manager.subscribe()
        while not await _is_subscribed(http, base_url):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.05)
        order = {"do": "place", "outcome": 0, "is_buy": True, "price": "0.42", "size": "10", "instrument": instrument}
        name = (await act(order))["order_id"]
        await act({"do": "fill", "order_id": name, "size": "2.5", "is_maker": True})
        await act({"do": "cancel", "order_id": name})
        try:
            async with asyncio.timeout(10):
                async for event in handle:
                    payload = event.payload
                    size = payload.size_matched if event.type == "order" else payload.maker_orders[0].matched_amount
                    told.append([event.type, str(payload.status), str(payload.side), str(payload.price), str(size)])
                    if len(told) == MOST:
                        break
        except TimeoutError:
            complaints.append("too few events in time")
        return {"told": told, "dropped": manager.dropped_events, "complaints": complaints}


async def _is_subscribed(http: Any, base_url: str) -> bool:
    """Whether the sandbox has the client's subscription."""
    found = (await http.get(f"{base_url}/__sandbox__/ws/connections")).json()
    return any(c["received"] for name, c in found.items() if name.startswith("user"))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(follow(*sys.argv[1:]))))
