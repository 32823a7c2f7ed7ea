"""The entry points of the main job: one function per asset, for any venue.

Belongs here: opening a venue's REST side, running the async part, adding the request metrics. The other modules of
this room do the work.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import date
from typing import Any, cast, get_args

from echelon_pipeline import stopping
from echelon_pipeline.errors import BadSettings, NotAvailable
from echelon_pipeline.ingest import fills, leaderboards, resolutions
from echelon_pipeline.ingest.homes import require_own_venues
from echelon_pipeline.ingest.late_values import derive_late_values
from echelon_pipeline.ingest.listings import Mode, derive_listings, fetch_listings
from echelon_pipeline.ingest.parlays import fetch_parlays
from echelon_pipeline.ingest.prices import ingest_prices, prices_from_trades
from echelon_pipeline.ingest.rederive import rederive
from echelon_pipeline.ingest.trades import CONFIGURED, day_span, ingest_trades, trade_scope
from echelon_pipeline.ingest.unavailable import nothing_read
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.venues.base import Rest
from echelon_pipeline.venues.registry import venue_of

_Work = Callable[[Rest], Coroutine[Any, Any, Counts]]


def fetch(session: Session, venue: Venue, mode: Mode = "auto") -> Counts:
    """Scans a venue's listings into raw."""
    return _run(session, venue, lambda rest: fetch_listings(session, venue, rest.listings(), mode))


def derive(session: Session, venue: Venue, *, again: bool = False) -> Counts:
    """Derives units that were fetched and not derived yet, then rows whose missing values are known; ``again``: all of
    raw."""
    counts = derive_listings(session, venue, venue_of(venue).listing_kinds, again=again)
    counts.add(derive_late_values(session, venue))
    return counts


def trades(session: Session, venue: Venue, days: Sequence[date], *, refetch: bool = False) -> Counts:
    """Reads the days' missing trades."""

    async def work(rest: Rest) -> Counts:
        try:
            feed = await rest.trades()
        except NotAvailable as error:
            span = day_span(days, session.clock())
            return nothing_read(session, venue, "core.trades", trade_scope(session, venue), span, error)
        return await ingest_trades(session, venue, feed, days, refetch=refetch)

    return _run(session, venue, work)


def prices(session: Session, venue: Venue, days: Sequence[date], *, refetch: bool = False) -> Counts:
    """Reads the days' missing prices, then derives prices from our own trades."""

    async def work(rest: Rest) -> Counts:
        try:
            feed = await rest.prices()
        except NotAvailable as error:
            return nothing_read(session, venue, "core.daily_prices", CONFIGURED, day_span(days, session.clock()), error)
        return await ingest_prices(session, venue, feed, days, refetch=refetch)

    counts = _run(session, venue, work)
    counts.add(prices_from_trades(session, venue, days))
    return counts


def rederive_days(session: Session, venue: Venue, table: str, days: Sequence[date]) -> Counts:
    """Derives days of a table again from raw, without requests to the venue. Notes incomplete days and deleted rows."""
    done = rederive(session, [table], [venue], days)
    done.counts.notes += [f"{gap.day}: raw of {gap.pages} page(s) is gone" for gap in done.gaps]
    if done.dropped:
        done.counts.notes.append(f"{done.dropped:,} row(s) deleted: the newer parser does not make them")
    return done.counts


def parlays(session: Session, venue: Venue) -> Counts:
    """Reads a sample of the venue's combos with their legs, re-reads known combos, then derives them."""
    counts = _run(session, venue, lambda rest: fetch_parlays(session, venue, rest.combos()))
    counts.add(derive(session, venue))
    return counts


def builder_fills(session: Session, venue: Venue, days: Sequence[date]) -> Counts:
    """Reads the days' fills of the configured builder codes."""
    return _run(session, venue, lambda rest: fills.ingest_fills(session, venue, rest.fills(), days))


def builder_leaderboard(session: Session, venue: Venue) -> Counts:
    """Reads the venue's own ranking of builders."""
    return _run(session, venue, lambda rest: leaderboards.ingest_leaderboard(session, venue, rest.ranking()))


def data_resolutions(session: Session, venue: Venue) -> Counts:
    """Requests payouts that are not final yet from the venue's second source."""
    return _run(session, venue, lambda rest: resolutions.ingest_resolutions(session, venue, rest.payouts()))


def _run(session: Session, venue: Venue, work: _Work) -> Counts:
    require_own_venues(session.settings)

    async def go() -> Counts:
        async with venue_of(venue).rest(session.settings) as rest:
            counts = await work(rest)
            counts.requests = rest.requests()
            return counts

    return stopping.run(go())


def as_mode(text: str) -> Mode:
    """A listing mode from a config text; BadSettings names the choices."""
    for mode in get_args(Mode):
        if text == mode:
            return cast("Mode", mode)
    raise BadSettings(f"listing mode {text!r}: expected one of {', '.join(get_args(Mode))}")
