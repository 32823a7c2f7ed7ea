"""Polymarket's streams from the client's side: subscriptions of the market and user channels (reference/polymarket
section 5).

Belongs here: subscriptions. ``stream.py`` decodes the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from pydantic import SecretStr

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.base import Levels
from echelon_pipeline.venues.live import OWN, Feed, patient
from echelon_pipeline.venues.polymarket.stream import read
from echelon_pipeline.venues.ws import Wire, WsMetrics, WsPolicy, opened

VENUE = "polymarket"
KEEPALIVE = ("PING", "PONG")


@dataclass(frozen=True)
class MarketFeed:
    """Books, prints and quotes of tokens. ``connect``: opens a connection."""

    number: int
    url: str
    instruments: tuple[Instrument, ...]
    connect: Callable[[], AbstractAsyncContextManager[Wire]] = field(repr=False)
    quotes: bool = False
    venue: ClassVar[str] = VENUE
    channels: ClassVar[tuple[str, ...]] = ()
    read = staticmethod(read)

    def dial(self) -> AbstractAsyncContextManager[Wire]:
        return self.connect()

    async def greet(self, wire: Wire, tokens: Sequence[str]) -> None:
        await subscribe(wire, tokens)

    async def renew(self, wire: Wire, tokens: Sequence[str], sids: Mapping[str, int]) -> None:
        await renew(wire, tokens, sids)

    async def change(self, wire: Wire, added: Sequence[str], dropped: Sequence[str], sids: Mapping[str, int]) -> None:
        await change(wire, added, dropped, sids)


@dataclass(frozen=True)
class OwnFeed:
    """The account's own orders and trades. ``key``: what the account is let in with."""

    url: str
    connect: Callable[[], AbstractAsyncContextManager[Wire]] = field(repr=False)
    key: Mapping[str, SecretStr] = field(repr=False)
    number: ClassVar[int] = OWN
    venue: ClassVar[str] = VENUE
    instruments: ClassVar[tuple[Instrument, ...]] = ()
    channels: ClassVar[tuple[str, ...]] = ()
    quotes: ClassVar[bool] = False
    read = staticmethod(read)

    def dial(self) -> AbstractAsyncContextManager[Wire]:
        return self.connect()

    async def greet(self, wire: Wire, tokens: Sequence[str]) -> None:  # noqa: ARG002
        """Without markets: all of them."""
        told = {name: value.get_secret_value() for name, value in self.key.items()}
        await wire.send({"type": "user", "auth": told})

    async def renew(self, wire: Wire, tokens: Sequence[str], sids: Mapping[str, int]) -> None:
        """There are no books."""

    async def change(self, wire: Wire, added: Sequence[str], dropped: Sequence[str], sids: Mapping[str, int]) -> None:
        """There are no tokens."""


def feed(
    settings: Settings, number: int, instruments: Sequence[Instrument], metrics: WsMetrics, *, quotes: bool = False
) -> Feed:
    """One connection. ``quotes`` come anyway: they say whether tables are to have them."""
    url = settings.polymarket_ws_url
    connect = partial(opened, url, name=VENUE, policy=WsPolicy.of(settings), metrics=metrics, keepalive=KEEPALIVE)
    return MarketFeed(number, url, tuple(instruments), connect, quotes)


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


async def subscribe(wire: Wire, tokens: Sequence[str]) -> None:
    """Asks for the books of the tokens; ``initial_dump`` is said because not all came without it (reference 5.1)."""
    wanted = {"type": "market", "assets_ids": list(tokens), "initial_dump": True, "custom_feature_enabled": True}
    await wire.send(wanted)


async def renew(wire: Wire, tokens: Sequence[str], sids: Mapping[str, int]) -> None:
    """Leaves the tokens and asks for them again, which brings their books."""
    await change(wire, tokens, tokens, sids)


async def change(wire: Wire, added: Sequence[str], dropped: Sequence[str], _: Mapping[str, int]) -> None:
    """Leaves tokens, then asks for others."""
    if dropped:
        await wire.send({"operation": "unsubscribe", "assets_ids": list(dropped)})
    if added:
        wanted = {"assets_ids": list(added), "initial_dump": True, "custom_feature_enabled": True}
        await wire.send({"operation": "subscribe", **wanted})


def book_frame(token: str, bids: Levels, asks: Levels, event_at: int, digest: str | None) -> dict[str, Any]:
    """The frame that would carry a book, without the facts of its market."""
    sides = ([{"price": price, "size": size} for price, size in side] for side in (bids, asks))
    levels = dict(zip(("bids", "asks"), sides, strict=True))
    body = {"event_type": "book", "asset_id": token, "timestamp": str(event_at // 1_000), **levels}
    return body if digest is None else body | {"hash": digest}
