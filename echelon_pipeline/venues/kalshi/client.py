"""Kalshi's public reads: series, events, collections, markets; trades, candles and books by inheritance.

Belongs here: paths, filters and limits of listings (reference/kalshi sections 3 and 4). Times in are aware and
go out as whole Unix seconds, rounded down. Objects are as served; prices and sizes are not read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Literal

from echelon_pipeline.venues.kalshi.answers import query, single
from echelon_pipeline.venues.kalshi.feeds import LIMIT, Feeds
from echelon_pipeline.venues.page import Page

EVENTS_LIMIT = 200


class KalshiClient(Feeds):
    """Async context manager; every method is an async generator of pages, numbered from 0.

    Limits are per address, not per process: hold the venue's pool around it. Errors are those of
    ``VenueHttp``, plus SchemaDrift for a missing shape, PagingStuck for an endless walk and BadRequest
    for requests that the venue would refuse.
    """

    async def historical_cutoff(self) -> AsyncIterator[Page]:
        """Where the live tier begins, endpoint ``historical_cutoff``; it advances, so ask at the start of a run."""
        path = "/historical/cutoff"
        yield await self._ask("historical_cutoff", path, [], single(path))

    # --- series, events, collections
    def series(
        self, *, category: str | None = None, tags: Sequence[str] | None = None, min_updated_ts: datetime | None = None
    ) -> AsyncIterator[Page]:
        """All series in one page: the endpoint has no limit and no cursor (13,300 rows in August 2026)."""
        params = query(category=category, tags=tags, min_updated_ts=min_updated_ts)
        return self._pages("series", "/series", params, "series", "ticker")

    def events(
        self,
        *,
        status: Literal["unopened", "open", "closed", "settled"] | None = None,
        with_nested_markets: bool | None = None,
        tickers: Sequence[str] | None = None,
        series_ticker: str | None = None,
        min_close_ts: datetime | None = None,
        min_updated_ts: datetime | None = None,
    ) -> AsyncIterator[Page]:
        """Events other than multivariate ones. Nested markets stay inside of the event object."""
        params = query(
            status=status,
            with_nested_markets=with_nested_markets,
            tickers=tickers,
            series_ticker=series_ticker,
            min_close_ts=min_close_ts,
            min_updated_ts=min_updated_ts,
            limit=EVENTS_LIMIT,
        )
        return self._pages("events", "/events", params, "events", "event_ticker", {"multivariate": False})

    def multivariate_collections(
        self, *, status: Literal["unopened", "open", "closed"] | None = None, series_ticker: str | None = None
    ) -> AsyncIterator[Page]:
        """Collections that combos are made from."""
        params = query(status=status, series_ticker=series_ticker, limit=EVENTS_LIMIT)
        path = "/multivariate_event_collections"
        return self._pages("multivariate_collections", path, params, "multivariate_contracts", "collection_ticker")

    # --- markets
    def markets(
        self,
        *,
        status: Literal["unopened", "open", "paused", "closed", "settled"] | None = None,
        tickers: Sequence[str] | None = None,
        event_ticker: str | None = None,
        series_ticker: str | None = None,
        mve_filter: Literal["only", "exclude"] | None = None,
        min_created_ts: datetime | None = None,
        max_created_ts: datetime | None = None,
        min_close_ts: datetime | None = None,
        max_close_ts: datetime | None = None,
        min_settled_ts: datetime | None = None,
        max_settled_ts: datetime | None = None,
        min_updated_ts: datetime | None = None,
    ) -> AsyncIterator[Page]:
        """Markets of the live tier. ``min_updated_ts`` sees metadata changes only, never prices, and goes with
        no other filter than ``mve_filter``; ``min_settled_ts`` goes with status settled or none."""
        params = query(
            status=status,
            tickers=tickers,
            event_ticker=event_ticker,
            series_ticker=series_ticker,
            mve_filter=mve_filter,
            min_created_ts=min_created_ts,
            max_created_ts=max_created_ts,
            min_close_ts=min_close_ts,
            max_close_ts=max_close_ts,
            min_settled_ts=min_settled_ts,
            max_settled_ts=max_settled_ts,
            min_updated_ts=min_updated_ts,
            limit=LIMIT,
        )
        return self._pages("markets", "/markets", params, "markets", "ticker")

    def historical_markets(
        self,
        *,
        tickers: Sequence[str] | None = None,
        event_ticker: str | None = None,
        series_ticker: str | None = None,
        mve_filter: Literal["exclude"] | None = None,
    ) -> AsyncIterator[Page]:
        """Markets of the historical tier; at most one of the filters."""
        params = query(
            tickers=tickers, event_ticker=event_ticker, series_ticker=series_ticker, mve_filter=mve_filter, limit=LIMIT
        )
        return self._pages("markets", "/historical/markets", params, "markets", "ticker")
