"""Polymarket's registration: its feeds, streams, probes and facts.

Belongs here: combining the parts of this folder. Clients, streams and the compiled decoder are imported by the
call that needs them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from echelon_pipeline.domain.fees import TakerFees
from echelon_pipeline.settings import Settings
from echelon_pipeline.settings.polymarket import PolymarketSettings
from echelon_pipeline.tables.schema import Feeder
from echelon_pipeline.venues.base import Facts, Levels, Probe, Rest, StreamProbe, Venue
from echelon_pipeline.venues.polymarket.parse import KINDS, LISTED

if TYPE_CHECKING:
    import httpx

    from echelon_pipeline.books.book import Instrument
    from echelon_pipeline.books.events import Message
    from echelon_pipeline.venues.feeds import (
        BookSource,
        FillFeed,
        ListingSource,
        PayoutSource,
        PriceFeed,
        RankingSource,
        TradeFeed,
    )
    from echelon_pipeline.venues.live import Feed
    from echelon_pipeline.venues.polymarket.client import PolymarketClient
    from echelon_pipeline.venues.ws import WsMetrics

NAME = "polymarket"
DATA_URL = "ECHELON_POLYMARKET_DATA_URL"


class PolymarketRest(Rest):
    """Feeds over one client of three hosts."""

    venue = NAME

    def __init__(self, client: PolymarketClient, settings: Settings) -> None:
        self._client, self._settings = client, settings

    def requests(self) -> dict[str, int | float]:
        return self._client.metrics.as_dict()

    def listings(self) -> ListingSource:
        from echelon_pipeline.venues.polymarket.walks import PolymarketListings

        return PolymarketListings(self._client, self._settings)

    async def trades(self) -> TradeFeed:
        from echelon_pipeline.venues.polymarket.walks import PolymarketTrades

        return PolymarketTrades(self._client, self._settings, self._settings.clock())

    async def prices(self) -> PriceFeed:
        from echelon_pipeline.venues.polymarket.walks import PolymarketPrices

        return PolymarketPrices(self._client)

    def fills(self) -> FillFeed:
        from echelon_pipeline.venues.polymarket.programme import BuilderFills

        return BuilderFills(self._client)

    def payouts(self) -> PayoutSource:
        from echelon_pipeline.venues.polymarket.programme import DataPayouts

        return DataPayouts(self._client)

    def ranking(self) -> RankingSource:
        from echelon_pipeline.venues.polymarket.programme import BuilderRanking

        return BuilderRanking(self._client)

    def books(self) -> BookSource:
        from echelon_pipeline.venues.polymarket.rest_books import PolymarketBooks

        return PolymarketBooks(self._client)


@asynccontextmanager
async def _rest(settings: Settings) -> AsyncIterator[Rest]:
    from echelon_pipeline.venues.polymarket.client import PolymarketClient

    async with PolymarketClient(settings) as client:
        yield PolymarketRest(client, settings)


class PolymarketStream:
    """Its market channel, and its user channel for an account's own."""

    tokens = 500  # beyond them a connection silently stops bringing some (reference 5.2)
    quote_word = '"best_bid_ask"'

    def feed(
        self,
        settings: Settings,
        number: int,
        instruments: Sequence[Instrument],
        metrics: WsMetrics,
        *,
        quotes: bool = False,
    ) -> Feed:
        from echelon_pipeline.venues.polymarket.live import feed

        return feed(settings, number, instruments, metrics, quotes=quotes)

    def own(self, settings: Settings, metrics: WsMetrics) -> Feed:
        from echelon_pipeline.venues.polymarket.live import own_feed

        return own_feed(settings, metrics)

    def reader(self, *, quotes: bool = False) -> Callable[[bytes], Message]:  # noqa: ARG002 - frames say all of them
        from echelon_pipeline.venues.polymarket.stream import read

        return read

    def is_frame(self, frame: Mapping[str, Any]) -> bool:
        return "event_type" in frame

    def book(
        self, name: str, bids: Levels, asks: Levels, received_at: int, event_at: int | None, digest: str | None
    ) -> dict[str, Any]:
        from echelon_pipeline.venues.polymarket.live import book_frame

        return book_frame(name, bids, asks, received_at if event_at is None else event_at, digest)

    def decoder(self) -> Callable[[Any, Any], Any]:
        from echelon_pipeline.venues.polymarket.fast import columns

        return columns

    def probe(self, settings: Settings) -> StreamProbe:
        from echelon_pipeline.venues.polymarket.live import KEEPALIVE

        return StreamProbe(NAME, settings.polymarket_ws_url, "PING", "POLYMARKET_WS_URL", keepalive=KEEPALIVE)


def _addresses(settings: Settings) -> Mapping[str, str]:
    return {
        "POLYMARKET_GAMMA_URL": settings.polymarket_gamma_url,
        "POLYMARKET_API_URL": settings.polymarket_api_url,
        DATA_URL: settings.polymarket_data_url,
    }


def _streams(settings: Settings) -> Mapping[str, str]:
    return {
        "POLYMARKET_WS_URL": settings.polymarket_ws_url,
        "ECHELON_POLYMARKET_USER_WS_URL": settings.polymarket_user_ws_url,
    }


def _probes(settings: Settings) -> Sequence[Probe]:
    return [
        Probe(f"{NAME} gamma", f"{settings.polymarket_gamma_url}/markets/keyset?limit=1", "POLYMARKET_GAMMA_URL"),
        Probe(f"{NAME} clob", f"{settings.polymarket_api_url}/time", "POLYMARKET_API_URL", clock=_clock),
        Probe(f"{NAME} data", f"{settings.polymarket_data_url}/v2/status", DATA_URL),
    ]


def _clock(answer: httpx.Response) -> datetime | None:
    """The CLOB's own clock, in whole seconds."""
    text = answer.text.strip()
    return datetime.fromtimestamp(int(text), UTC) if answer.status_code == 200 and text.isdigit() else None


POLYMARKET = Venue(
    name=NAME,
    title="Polymarket",
    settings=PolymarketSettings,
    kinds=KINDS,
    listing_kinds=LISTED,
    rest=_rest,
    stream=PolymarketStream(),
    feeds={
        Feeder.TRADES: "Trades of polymarket, walked from new to old; what is complete is in core.ingest_windows.",
        Feeder.PRICES: "polymarket: hourly sampled midpoints, and OHLC, VWAP and volume of our own trades.",
        Feeder.FILLS: "Builder-attributed legs of the configured codes (ECHELON_BUILDER_CODE).",
        Feeder.PAYOUTS: "The second source for Polymarket: Data API v2 is asked about ended instruments.",
        Feeder.RANKING: "The venue's own ranking, in shares; our codes' volume in dollars is in the marts.",
    },
    facts=Facts(has_tokens=True, has_builder_trades=True, closes_on_time=False),
    payout_sources=("gamma", "clob", "data_v2"),
    names_instruments_by="condition",
    addresses=_addresses,
    streams=_streams,
    probes=_probes,
    fees=TakerFees(places=5),
    unlisted_combos=("0x03", "0x04", "0x03[0-9a-f]{60}"),
)
