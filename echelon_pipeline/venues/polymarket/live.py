"""Polymarket's streams from the client's side: subscriptions of the market and user channels (reference/polymarket
section 5).

Belongs here: subscriptions. ``stream.py`` decodes the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from pydantic import SecretStr

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.base import Levels
from echelon_pipeline.venues.live import Feed, MarketConnection, OwnConnection, patient
from echelon_pipeline.venues.polymarket.stream import read
from echelon_pipeline.venues.ws import Wire, WsMetrics, WsPolicy, opened

VENUE = "polymarket"
KEEPALIVE = ("PING", "PONG")


class MarketFeed(MarketConnection):
    """Books, prints and quotes of tokens."""

    venue: ClassVar[str] = VENUE
    channels: ClassVar[tuple[str, ...]] = ()
    read = staticmethod(read)

    async def greet(self, wire: Wire, tokens: Sequence[str]) -> None:
        """Subscribes to the tokens. Without an explicit ``initial_dump`` some books did not come (reference 5.1)."""
        await wire.send({"type": "market", **_with_books(tokens)})

    async def renew(self, wire: Wire, tokens: Sequence[str], sids: Mapping[str, int]) -> None:
        """Unsubscribes from the tokens and subscribes again, which brings their books."""
        await self.change(wire, tokens, tokens, sids)

    async def change(self, wire: Wire, added: Sequence[str], dropped: Sequence[str], _: Mapping[str, int]) -> None:
        """Unsubscribes from tokens, then subscribes to others."""
        if dropped:
            await wire.send({"operation": "unsubscribe", "assets_ids": list(dropped)})
        if added:
            await wire.send({"operation": "subscribe", **_with_books(added)})


def _with_books(tokens: Sequence[str]) -> dict[str, Any]:
    return {"assets_ids": list(tokens), "initial_dump": True, "custom_feature_enabled": True}


@dataclass(frozen=True)
class OwnFeed(OwnConnection):
    """The account's own orders and trades. ``key``: its credentials."""

    key: Mapping[str, SecretStr] = field(repr=False)
    venue: ClassVar[str] = VENUE
    read = staticmethod(read)

    async def greet(self, wire: Wire, _: Sequence[str]) -> None:
        """Subscribes to the user channel, of all markets."""
        credentials = {name: value.get_secret_value() for name, value in self.key.items()}
        await wire.send({"type": "user", "auth": credentials})


def feed(
    settings: Settings, number: int, instruments: Sequence[Instrument], metrics: WsMetrics, *, quotes: bool = False
) -> Feed:
    """One connection. ``quotes`` come anyway: they say whether tables are to have them."""
    url = settings.polymarket_ws_url
    connect = partial(opened, url, name=VENUE, policy=WsPolicy.of(settings), metrics=metrics, keepalive=KEEPALIVE)
    return MarketFeed(url, connect, number, tuple(instruments), quotes)


def own_feed(settings: Settings, metrics: WsMetrics) -> Feed:
    """The account's own orders and trades, of all markets. BadSettings that names what is missing of its key."""
    key = {
        "apiKey": ("POLYMARKET_API_KEY", settings.polymarket_api_key),
        "secret": ("POLYMARKET_API_SECRET", settings.polymarket_api_secret),
        "passphrase": ("ECHELON_POLYMARKET_API_PASSPHRASE", settings.polymarket_api_passphrase),
    }
    if missing := [variable for variable, value in key.values() if value is None]:
        raise BadSettings(f"Polymarket's user channel needs the account's key: set {', '.join(missing)}")
    url, policy = settings.polymarket_user_ws_url, patient(WsPolicy.of(settings))
    connect = partial(opened, url, name=VENUE, policy=policy, metrics=metrics, keepalive=KEEPALIVE)
    return OwnFeed(url, connect, {name: value for name, (_, value) in key.items() if value is not None})


def book_frame(token: str, bids: Levels, asks: Levels, event_at: int, digest: str | None) -> dict[str, Any]:
    """The frame that would carry a book, without the facts of its market."""
    sides = ([{"price": price, "size": size} for price, size in side] for side in (bids, asks))
    levels = dict(zip(("bids", "asks"), sides, strict=True))
    body = {"event_type": "book", "asset_id": token, "timestamp": str(event_at // 1_000), **levels}
    return body if digest is None else body | {"hash": digest}
