"""Polymarket's official client follows the market channel of a sandbox.

Belongs here: calls of ``polymarket-client`` only. A log line from WARNING up is an error.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import sys
from collections import Counter
from typing import Any


def _environment(base_url: str) -> Any:
    from polymarket import environments  # type: ignore[import-not-found]

    config = dataclasses.replace(
        environments.PRODUCTION._config,
        gamma_url=f"{base_url}/gamma",
        clob_url=f"{base_url}/clob",
        data_url=f"{base_url}/data",
        clob_market_ws_url=os.environ["POLYMARKET_WS_URL"],
    )
    return environments._create_environment(name="sandbox", config=config)


class Follower:
    """Best prices from books and changes, compared with the best prices in every change."""

    def __init__(self) -> None:
        self.sides: dict[str, tuple[dict[Any, Any], dict[Any, Any]]] = {}
        self.counts: Counter[str] = Counter()
        self.wrong = 0

    def take(self, event: Any) -> None:
        self.counts[event.type] += 1
        payload = event.payload
        if event.type == "book":
            bids, asks = ({x.price: x.size for x in side} for side in (payload.bids, payload.asks))
            self.sides[payload.asset_id] = (bids, asks)
        elif event.type == "price_change":
            for change in payload.price_changes:
                self.sides[change.asset_id][change.side == "SELL"][change.price] = change.size
            for asset, last in {c.asset_id: c for c in payload.price_changes}.items():
                left = [[p for p, size in side.items() if size] for side in self.sides[asset]]
                self.wrong += (max(left[0], default=0), min(left[1], default=1)) != (last.best_bid, last.best_ask)


async def follow(base_url: str) -> dict[str, Any]:
    """Counts of events by type."""
    from polymarket.clients.async_public import AsyncPublicClient  # type: ignore[import-not-found]
    from polymarket.clients.public import PublicClient  # type: ignore[import-not-found]
    from polymarket.streams import MarketSpec  # type: ignore[import-not-found]

    complaints: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    with PublicClient(_environment(base_url)) as reader:
        markets = list(reader.list_markets(closed=False, page_size=100).iter_items())
    pairs = [(m.version, o) for m in markets if m.state.accepting_orders for o in (m.outcomes.yes, m.outcomes.no)]
    assets = [o.position_id if version == "v2" else o.token_id for version, o in pairs][:80]
    follower = Follower()
    async with AsyncPublicClient(_environment(base_url)) as client:
        stream = await client.subscribe(MarketSpec(asset_ids=assets, custom_feature_enabled=True))
        try:
            async with stream, asyncio.timeout(30):
                async for event in stream:
                    follower.take(event)
                    if follower.counts.total() > 1_000 and len(follower.counts) >= 3:
                        break
        except TimeoutError:
            complaints.append("too few events in time")
    return {"counts": follower.counts, "books": len(follower.sides), "wrong": follower.wrong, "complaints": complaints}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(follow(sys.argv[1]))))
