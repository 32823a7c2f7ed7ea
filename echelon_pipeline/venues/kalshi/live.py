"""Kalshi's stream from the client's side: the signed handshake and the subscriptions (reference/kalshi section 7).

Belongs here: commands. ``stream.py`` decodes the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.base import Levels
from echelon_pipeline.venues.kalshi.auth import Signer
from echelon_pipeline.venues.kalshi.stream import read
from echelon_pipeline.venues.live import OWN, Feed, patient
from echelon_pipeline.venues.ws import Headers, Wire, WsMetrics, WsPolicy, opened

VENUE = "kalshi"
# Books and prints of the tickers. ``ticker`` adds little and doubles the frames: subscribed only
# where quotes are stored.
CHANNELS = ("orderbook_delta", "trade")
QUOTES = "ticker"
OWN_CHANNELS = ("fill", "market_positions", "user_orders")


@dataclass(frozen=True)
class MarketFeed:
    """Books and prints of tickers, and maybe quotes. ``connect``: opens a connection."""

    number: int
    url: str
    instruments: tuple[Instrument, ...]
    connect: Callable[[], AbstractAsyncContextManager[Wire]] = field(repr=False)
    quotes: bool = False
    venue: ClassVar[str] = VENUE
    channels: ClassVar[tuple[str, ...]] = CHANNELS
    read = staticmethod(read)

    def dial(self) -> AbstractAsyncContextManager[Wire]:
        return self.connect()

    async def greet(self, wire: Wire, tickers: Sequence[str]) -> None:
        await subscribe(wire, tickers, quotes=self.quotes)

    async def renew(self, wire: Wire, tickers: Sequence[str], sids: Mapping[str, int]) -> None:
        await renew(wire, tickers, sids)

    async def change(self, wire: Wire, added: Sequence[str], dropped: Sequence[str], sids: Mapping[str, int]) -> None:
        await change(wire, added, dropped, sids)


@dataclass(frozen=True)
class OwnFeed:
    """The account's own channels: no books, nothing to choose."""

    url: str
    connect: Callable[[], AbstractAsyncContextManager[Wire]] = field(repr=False)
    number: ClassVar[int] = OWN
    venue: ClassVar[str] = VENUE
    instruments: ClassVar[tuple[Instrument, ...]] = ()
    channels: ClassVar[tuple[str, ...]] = ()
    quotes: ClassVar[bool] = False
    read = staticmethod(read)

    def dial(self) -> AbstractAsyncContextManager[Wire]:
        return self.connect()

    async def greet(self, wire: Wire, tickers: Sequence[str]) -> None:
        await subscribe_own(wire, tickers)

    async def renew(self, wire: Wire, tickers: Sequence[str], sids: Mapping[str, int]) -> None:
        """There are no books."""

    async def change(self, wire: Wire, added: Sequence[str], dropped: Sequence[str], sids: Mapping[str, int]) -> None:
        """There are no tickers."""


def feed(
    settings: Settings, number: int, instruments: Sequence[Instrument], metrics: WsMetrics, *, quotes: bool = False
) -> Feed:
    """One connection. BadSettings without a key: public channels too want a signed handshake."""
    connect = _dial(settings, WsPolicy.of(settings), metrics)
    return MarketFeed(number, settings.kalshi_stream_url, tuple(instruments), connect, quotes)


def own_feed(settings: Settings, metrics: WsMetrics) -> Feed:
    """The account's own orders, fills and positions, of all markets. BadSettings without a key."""
    return OwnFeed(settings.kalshi_stream_url, _dial(settings, patient(WsPolicy.of(settings)), metrics))


def _dial(settings: Settings, policy: WsPolicy, metrics: WsMetrics) -> Callable[[], AbstractAsyncContextManager[Wire]]:
    signer = Signer.of(settings)
    if signer is None:
        raise BadSettings(
            "Kalshi's streams want a signed handshake: set KALSHI_API_KEY, and KALSHI_PRIVATE_KEY or _PATH"
        )
    url = settings.kalshi_stream_url
    return partial(opened, url, name=VENUE, policy=policy, metrics=metrics, headers=signed(signer, url))


def signed(signer: Signer, url: str) -> Headers:
    """Headers of a handshake, signed for each one."""
    return lambda: signer.headers("GET", urlsplit(url).path)


async def subscribe(wire: Wire, tickers: Sequence[str], *, quotes: bool = False) -> None:
    """Asks for books and prints of the tickers, for what becomes of any market, and maybe for quotes."""
    # The default of use_yes_price is announced to change: set it explicitly.
    wanted = {"channels": list(CHANNELS), "market_tickers": list(tickers), "use_yes_price": False}
    await wire.send({"id": 1, "cmd": "subscribe", "params": wanted})
    await wire.send({"id": 2, "cmd": "subscribe", "params": {"channels": ["market_lifecycle_v2"]}})
    if quotes:
        told = {"channels": [QUOTES], "market_tickers": list(tickers), "send_initial_snapshot": True}
        await wire.send({"id": 5, "cmd": "subscribe", "params": told})


async def subscribe_own(wire: Wire, _: Sequence[str]) -> None:
    """Asks for the account's own channels; without tickers they tell of all."""
    await wire.send({"id": 1, "cmd": "subscribe", "params": {"channels": list(OWN_CHANNELS)}})


async def renew(wire: Wire, tickers: Sequence[str], sids: Mapping[str, int]) -> None:
    """Asks for snapshots of the tickers, without a new subscription. Nothing is asked before there is one."""
    sid = sids.get("orderbook_delta")
    if sid is not None:
        wanted = {"sid": sid, "market_tickers": list(tickers), "action": "get_snapshot"}
        await wire.send({"id": 3, "cmd": "update_subscription", "params": wanted})


async def change(wire: Wire, added: Sequence[str], dropped: Sequence[str], sids: Mapping[str, int]) -> None:
    """Adds tickers to the subscriptions and removes others; an added ticker brings its snapshot. Books do not wait for
    quotes: a venue may refuse them."""
    for channel in (*CHANNELS, QUOTES) if QUOTES in sids else CHANNELS:
        for action, tickers in (("add_markets", added), ("delete_markets", dropped)):
            if tickers:
                wanted = {"sid": sids[channel], "market_tickers": list(tickers), "action": action}
                await wire.send({"id": 4, "cmd": "update_subscription", "params": wanted})


def book_frame(ticker: str, bids: Levels, asks: Levels, event_at: int | None) -> dict[str, Any]:
    """The snapshot that would carry a book: asks at P are levels of no at 1 - P."""
    noes = [[f"{1 - Decimal(price):f}", size] for price, size in asks]
    yes = [list(level) for level in bids]
    msg: dict[str, Any] = {"market_ticker": ticker, "yes_dollars_fp": yes, "no_dollars_fp": noes}
    return {"type": "orderbook_snapshot", "msg": msg if event_at is None else msg | {"ts_ms": event_at // 1_000}}
