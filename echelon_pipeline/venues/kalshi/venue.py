"""Kalshi's registration: its feeds, streams, probes and facts.

Belongs here: combining the parts of this folder. Clients, streams and the compiled decoder are imported by the
call that needs them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from echelon_pipeline.domain.fees import TakerFees
from echelon_pipeline.settings import Settings
from echelon_pipeline.settings.kalshi import KalshiSettings
from echelon_pipeline.tables.schema import Feeder
from echelon_pipeline.venues.base import Facts, Levels, Probe, Rest, StreamProbe, Venue, VenueState
from echelon_pipeline.venues.kalshi.parse import KINDS, LISTED

if TYPE_CHECKING:
    import httpx

    from echelon_pipeline.books.book import Instrument
    from echelon_pipeline.books.events import Message
    from echelon_pipeline.venues.feeds import BookSource, ComboSource, ListingSource, PriceFeed, TradeFeed
    from echelon_pipeline.venues.kalshi.client import KalshiClient
    from echelon_pipeline.venues.live import Feed
    from echelon_pipeline.venues.ws import WsMetrics

NAME = "kalshi"


class KalshiRest(Rest):
    """Feeds over one client."""

    venue = NAME

    def __init__(self, client: KalshiClient, settings: Settings) -> None:
        self._client, self._settings = client, settings

    def requests(self) -> dict[str, int | float]:
        return self._client.metrics.as_dict()

    def listings(self) -> ListingSource:
        from echelon_pipeline.venues.kalshi.walks import KalshiListings

        return KalshiListings(self._client, self._settings)

    async def trades(self) -> TradeFeed:
        from echelon_pipeline.venues.kalshi.cutoff import cutoff_of
        from echelon_pipeline.venues.kalshi.walks import KalshiTrades

        return KalshiTrades(self._client, await cutoff_of(self._client))

    async def prices(self) -> PriceFeed:
        from echelon_pipeline.venues.kalshi.cutoff import cutoff_of
        from echelon_pipeline.venues.kalshi.walks import KalshiPrices

        return KalshiPrices(self._client, self._settings, await cutoff_of(self._client))

    def combos(self) -> ComboSource:
        from echelon_pipeline.venues.kalshi.combos import Sample

        return Sample(self._client, self._settings)

    def books(self) -> BookSource:
        from echelon_pipeline.venues.kalshi.rest_books import KalshiBooks

        return KalshiBooks(self._client)


@asynccontextmanager
async def _rest(settings: Settings) -> AsyncIterator[Rest]:
    from echelon_pipeline.venues.kalshi.client import KalshiClient

    async with KalshiClient(settings) as client:
        yield KalshiRest(client, settings)


class KalshiStream:
    """Its one socket, which needs a signed handshake for public channels too."""

    tokens = 500_000  # tickers of one connection: the venue's own limit (reference 7)
    quote_word = '"ticker"'

    def feed(
        self,
        settings: Settings,
        number: int,
        instruments: Sequence[Instrument],
        metrics: WsMetrics,
        *,
        quotes: bool = False,
    ) -> Feed:
        from echelon_pipeline.venues.kalshi.live import feed

        return feed(settings, number, instruments, metrics, quotes=quotes)

    def own(self, settings: Settings, metrics: WsMetrics) -> Feed:
        from echelon_pipeline.venues.kalshi.live import own_feed

        return own_feed(settings, metrics)

    def reader(self, *, quotes: bool = False) -> Callable[[bytes], Message]:
        from echelon_pipeline.venues.kalshi import quotes as with_quotes
        from echelon_pipeline.venues.kalshi import stream

        return with_quotes.read if quotes else stream.read

    def is_frame(self, frame: Mapping[str, Any]) -> bool:
        return "event_type" not in frame

    def book(
        self,
        name: str,
        bids: Levels,
        asks: Levels,
        received_at: int,  # noqa: ARG002
        event_at: int | None,
        digest: str | None,  # noqa: ARG002
    ) -> dict[str, Any]:
        from echelon_pipeline.venues.kalshi.live import book_frame

        return book_frame(name, bids, asks, event_at)

    def decoder(self) -> Callable[[Any, Any], Any]:
        from echelon_pipeline.venues.kalshi.fast import columns

        return columns

    def probe(self, settings: Settings) -> StreamProbe:
        from echelon_pipeline.venues.kalshi.auth import Signer
        from echelon_pipeline.venues.kalshi.live import signed

        url, signer = settings.kalshi_stream_url, Signer.of(settings)
        question = {"id": 1, "cmd": "list_subscriptions"}
        if signer is None:
            advice = "Set KALSHI_API_KEY, and KALSHI_PRIVATE_KEY or _PATH, to record Kalshi's order books."
            lacks = ("no key is set, and even public channels want one", advice)
            return StreamProbe(NAME, url, question, "KALSHI_WS_URL", lacks=lacks)
        return StreamProbe(NAME, url, question, "KALSHI_WS_URL", signed(signer, url))


def _addresses(settings: Settings) -> Mapping[str, str]:
    return {"KALSHI_BASE_URL": settings.kalshi_rest}


def _streams(settings: Settings) -> Mapping[str, str]:
    return {"KALSHI_WS_URL": settings.kalshi_stream_url}


def _probes(settings: Settings) -> Sequence[Probe]:
    return [Probe(NAME, f"{settings.kalshi_rest}/exchange/status", "KALSHI_BASE_URL", _status)]


def _status(answer: httpx.Response) -> VenueState | None:
    """500, 503 and 504 answer with the same shape while the exchange is down for maintenance."""
    try:
        status = answer.json()
    except ValueError:  # an edge's error page; the status code says the rest
        return None
    if not isinstance(status, dict) or status.get("exchange_active") is None:
        return None
    resume = status.get("exchange_estimated_resume_time") or "a time that the venue does not say"
    if status["exchange_active"] is False:
        return VenueState(f"in maintenance until {resume}", False, "Wait: runs go on by themselves.")
    if status.get("trading_active") is False:
        return VenueState(f"reachable; trading is paused until {resume}", True)
    return None


def _faults(settings: Settings) -> Iterator[tuple[str, str]]:
    key = settings.kalshi_private_key_path
    if key is not None and not key.is_file():
        yield f"KALSHI_PRIVATE_KEY_PATH: {key} is no file", "Correct the path or unset it."


KALSHI = Venue(
    name=NAME,
    title="Kalshi",
    settings=KalshiSettings,
    kinds=KINDS,
    listing_kinds=LISTED,
    rest=_rest,
    stream=KalshiStream(),
    feeds={
        Feeder.TRADES: "Trades of kalshi, walked from new to old; what is complete is in core.ingest_windows.",
        Feeder.PRICES: "kalshi: hourly candles, and OHLC, VWAP and volume of our own trades.",
        Feeder.COMBOS: "A bounded sample of Kalshi's combos, their collections and legs, and the known ones again "
        "until they settle.",
    },
    facts=Facts(has_tickers=True, has_trade_ids=True, has_numbered_frames=True),
    payout_sources=("kalshi_market",),
    names_instruments_by="ticker",
    addresses=_addresses,
    streams=_streams,
    probes=_probes,
    faults=_faults,
    # Multiplied by the multiplier of the series, or of the event where it has its own. The formula of the type flat is
    # not published.
    fees=TakerFees(
        places=4,
        rounds_up=True,
        exponent=1,
        base_rates=dict.fromkeys(
            ("quadratic", "quadratic_with_maker_fees", "quadratic_with_combo_maker_fees"), Decimal("0.07")
        ),
    ),
    macros="parse/kalshi/macros",
)
