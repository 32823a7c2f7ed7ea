"""What a listener says to Polymarket's market channel (reference/polymarket section 5).

Belongs here: subscriptions. What the venue answers is ``stream.py``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from echelon_pipeline.domain.batches import batches
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.live import Feed
from echelon_pipeline.venues.ws import Wire, WsMetrics, WsPolicy, opened

VENUE = "polymarket"
# Beyond 500 tokens a connection silently stops bringing some of them (reference 5.2).
TOKENS_PER_CONNECTION = 500
KEEPALIVE = ("PING", "PONG")


def feeds(settings: Settings, tokens: Sequence[str], metrics: WsMetrics) -> list[Feed]:
    """As many connections as the tokens need. Both tokens of an instrument are given one after the other."""
    url = settings.polymarket_ws_url
    dial = partial(opened, url, name=VENUE, policy=WsPolicy.of(settings), metrics=metrics, keepalive=KEEPALIVE)
    return [
        Feed(VENUE, url, tuple(some), dial, partial(subscribe, tokens=some))
        for some in batches(tokens, TOKENS_PER_CONNECTION)
    ]


async def subscribe(wire: Wire, tokens: Sequence[str]) -> None:
    """Asks for the books of the tokens; ``initial_dump`` is said because not all came without it (reference 5.1)."""
    wanted = {"type": "market", "assets_ids": list(tokens), "initial_dump": True, "custom_feature_enabled": True}
    await wire.send(wanted)
