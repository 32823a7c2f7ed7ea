"""The entry points of the main job: one function per asset, for either venue.

Belongs here: opening clients, running the async part, adding the clients' request metrics. The work is
in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import date
from typing import Any, cast, get_args

from echelon_pipeline import stopping
from echelon_pipeline.errors import BadSettings, NotAvailable
from echelon_pipeline.ingest import fills, leaderboards, resolutions
from echelon_pipeline.ingest.homes import require_own_venues
from echelon_pipeline.ingest.kalshi import KalshiListings, KalshiPrices, KalshiTrades
from echelon_pipeline.ingest.late_values import derive_later
from echelon_pipeline.ingest.listings import Mode, derive_listings, fetch_listings
from echelon_pipeline.ingest.parlays import fetch_parlays
from echelon_pipeline.ingest.polymarket import PolymarketListings, PolymarketPrices, PolymarketTrades
from echelon_pipeline.ingest.prices import ingest_prices, prices_from_trades
from echelon_pipeline.ingest.trades import CONFIGURED, day_span, ingest_trades, trade_scope
from echelon_pipeline.ingest.unavailable import nothing_read
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.venues.kalshi.client import KalshiClient
from echelon_pipeline.venues.kalshi.cutoff import cutoff_of
from echelon_pipeline.venues.polymarket.client import PolymarketClient

_KalshiWork = Callable[[KalshiClient], Coroutine[Any, Any, Counts]]
_PolymarketWork = Callable[[PolymarketClient], Coroutine[Any, Any, Counts]]


def fetch(session: Session, venue: Venue, mode: Mode = "auto") -> Counts:
    """Scans a venue's listings into raw."""
    if venue == "kalshi":
        return _kalshi(session, lambda c: fetch_listings(session, venue, KalshiListings(c, session.settings), mode))
    return _polymarket(session, lambda c: fetch_listings(session, venue, PolymarketListings(c, session.settings), mode))


def derive(session: Session, venue: Venue, *, again: bool = False) -> Counts:
    """Derives what was fetched and not derived yet, then what lacked what is known by now; ``again``: all of raw."""
    kinds = KalshiListings.kinds if venue == "kalshi" else PolymarketListings.kinds
    counts = derive_listings(session, venue, kinds, again=again)
    counts.add(derive_later(session, venue))
    return counts


def trades(session: Session, venue: Venue, days: Sequence[date], *, refetch: bool = False) -> Counts:
    """Reads the days' missing trades."""
    if venue == "kalshi":

        async def work(client: KalshiClient) -> Counts:
            try:
                feed = KalshiTrades(client, await cutoff_of(client))
            except NotAvailable as error:
                span = day_span(days, session.clock())
                return nothing_read(session, venue, "core.trades", trade_scope(session, venue), span, error)
            return await ingest_trades(session, venue, feed, days, refetch=refetch)

        return _kalshi(session, work)

    return _polymarket(
        session,
        lambda c: ingest_trades(
            session, venue, PolymarketTrades(c, session.settings, session.clock()), days, refetch=refetch
        ),
    )


def prices(session: Session, venue: Venue, days: Sequence[date], *, refetch: bool = False) -> Counts:
    """Reads the days' missing prices, then derives prices from our own trades."""
    if venue == "kalshi":

        async def work(client: KalshiClient) -> Counts:
            try:
                feed = KalshiPrices(client, session.settings, await cutoff_of(client))
            except NotAvailable as error:
                span = day_span(days, session.clock())
                return nothing_read(session, venue, "core.daily_prices", CONFIGURED, span, error)
            return await ingest_prices(session, venue, feed, days, refetch=refetch)

        counts = _kalshi(session, work)
    else:
        counts = _polymarket(
            session, lambda c: ingest_prices(session, venue, PolymarketPrices(c), days, refetch=refetch)
        )
    counts.add(prices_from_trades(session, venue, days))
    return counts


def parlays(session: Session) -> Counts:
    """Reads a sample of Kalshi's combos with their legs and the known ones again, then derives them."""
    counts = _kalshi(session, lambda c: fetch_parlays(session, c))
    counts.add(derive(session, "kalshi"))
    return counts


def builder_fills(session: Session, days: Sequence[date]) -> Counts:
    """Reads the days' fills of the configured builder codes."""
    return _polymarket(session, lambda c: fills.ingest_fills(session, c, days))


def builder_leaderboard(session: Session) -> Counts:
    """Reads the venue's own ranking of builders."""
    return _polymarket(session, lambda c: leaderboards.ingest_leaderboard(session, c))


def data_resolutions(session: Session) -> Counts:
    """Asks Data API v2 about payouts that are not final yet."""
    return _polymarket(session, lambda c: resolutions.ingest_resolutions(session, c))


def _kalshi(session: Session, work: _KalshiWork) -> Counts:
    require_own_venues(session.settings)

    async def go() -> Counts:
        async with KalshiClient(session.settings) as client:
            counts = await work(client)
            counts.requests = client.metrics.as_dict()
            return counts

    return stopping.run(go())


def _polymarket(session: Session, work: _PolymarketWork) -> Counts:
    require_own_venues(session.settings)

    async def go() -> Counts:
        async with PolymarketClient(session.settings) as client:
            counts = await work(client)
            counts.requests = client.metrics.as_dict()
            return counts

    return stopping.run(go())


def as_mode(text: str) -> Mode:
    """A listing mode from a config text; BadSettings names the choices."""
    for mode in get_args(Mode):
        if text == mode:
            return cast("Mode", mode)
    raise BadSettings(f"listing mode {text!r}: expected one of {', '.join(get_args(Mode))}")
