"""Kalshi's stream from the client's side: the signed handshake and the subscriptions (reference/kalshi section 7).

Belongs here: commands. ``stream.py`` decodes the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
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
from echelon_pipeline.venues.live import Feed, MarketConnection, OwnConnection, patient
from echelon_pipeline.venues.ws import Headers, Wire, WsMetrics, WsPolicy, opened

VENUE = "kalshi"
# Books and prints of the tickers. ``ticker`` adds little and doubles the frames: subscribed only where quotes are
# stored.
CHANNELS = ("orderbook_delta", "trade")
QUOTES = "ticker"
OWN_CHANNELS = ("fill", "market_positions", "user_orders")


class MarketFeed(MarketConnection):
    """Books and prints of tickers, and maybe quotes."""

    venue: ClassVar[str] = VENUE
    channels: ClassVar[tuple[str, ...]] = CHANNELS
    read = staticmethod(read)

    async def greet(self, wire: Wire, tickers: Sequence[str]) -> None:
        """Subscribes to books and prints of the tickers, to lifecycles of all markets, and maybe to quotes."""
        # The default of use_yes_price is announced to change: set it explicitly.
        params = {"channels": list(CHANNELS), "market_tickers": list(tickers), "use_yes_price": False}
        await wire.send({"id": 1, "cmd": "subscribe", "params": params})
        await wire.send({"id": 2, "cmd": "subscribe", "params": {"channels": ["market_lifecycle_v2"]}})
        if self.quotes:
            params = {"channels": [QUOTES], "market_tickers": list(tickers), "send_initial_snapshot": True}
            await wire.send({"id": 5, "cmd": "subscribe", "params": params})

    async def renew(self, wire: Wire, tickers: Sequence[str], sids: Mapping[str, int]) -> None:
        """Requests snapshots of the tickers, without a new subscription; nothing before there is one."""
        sid = sids.get("orderbook_delta")
        if sid is not None:
            params = {"sid": sid, "market_tickers": list(tickers), "action": "get_snapshot"}
            await wire.send({"id": 3, "cmd": "update_subscription", "params": params})

    async def change(self, wire: Wire, added: Sequence[str], dropped: Sequence[str], sids: Mapping[str, int]) -> None:
        """Adds tickers to the subscriptions and removes others; an added ticker brings its snapshot. Books do not wait
        for quotes: a venue may refuse them."""
        for channel in (*CHANNELS, QUOTES) if QUOTES in sids else CHANNELS:
            for action, tickers in (("add_markets", added), ("delete_markets", dropped)):
                if tickers:
                    params = {"sid": sids[channel], "market_tickers": list(tickers), "action": action}
                    await wire.send({"id": 4, "cmd": "update_subscription", "params": params})


class OwnFeed(OwnConnection):
    """The account's own channels."""

    venue: ClassVar[str] = VENUE
    read = staticmethod(read)

    async def greet(self, wire: Wire, _: Sequence[str]) -> None:
        """Subscribes to the account's own channels, of all markets."""
        await wire.send({"id": 1, "cmd": "subscribe", "params": {"channels": list(OWN_CHANNELS)}})


def feed(
    settings: Settings, number: int, instruments: Sequence[Instrument], metrics: WsMetrics, *, quotes: bool = False
) -> Feed:
    """One connection. BadSettings without a key: public channels too need a signed handshake."""
    connect = _dial(settings, WsPolicy.of(settings), metrics)
    return MarketFeed(settings.kalshi_stream_url, connect, number, tuple(instruments), quotes)


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


def book_frame(ticker: str, bids: Levels, asks: Levels, event_at: int | None) -> dict[str, Any]:
    """The snapshot that would carry a book: asks at P are levels of no at 1 - P."""
    noes = [[f"{1 - Decimal(price):f}", size] for price, size in asks]
    yes = [list(level) for level in bids]
    msg: dict[str, Any] = {"market_ticker": ticker, "yes_dollars_fp": yes, "no_dollars_fp": noes}
    return {"type": "orderbook_snapshot", "msg": msg if event_at is None else msg | {"ts_ms": event_at // 1_000}}
