"""Kalshi's candlestick and combo-collection endpoints over a generated universe.

Belongs here: the rest of the market data routes (reference: Kalshi REST 3.7, 3.8, 4).
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox.kalshi.candles import as_historical, as_live, candles
from echelon_pipeline.sandbox.kalshi.query import cutoff, integer, limit, next_cursor, not_found, page_start, refuse
from echelon_pipeline.sandbox.kalshi.views import KalshiViews
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.wire import iso, list_param
from echelon_pipeline.sandbox.universe.catalog import COMBO_SERIES, DAY

Obj = dict[str, Any]
BATCH, BATCH_CANDLES = 100, 10_000


class PathLookup:
    """Finds the market or event of a path, or raises 404: unknown, not created yet, or in the other tier."""

    def __init__(self, views: KalshiViews, clock: SandboxClock) -> None:
        self.views = views
        self.clock = clock

    def row(self, ticker: str, *, historical: bool = False) -> int:
        row, now = self.views.names.find(ticker), self.clock.s
        if row is None or self.views.venue.columns["created"][row] > now:
            raise not_found()
        if (self.views.venue.columns["settled"][row] < cutoff(now)) != historical:
            raise not_found()
        return row

    def event_number(self, ticker: str) -> int:
        number = self.views.names.find_event(ticker)
        if number is None or self.views.venue.events[number].created > self.clock.s:
            raise not_found()
        return number


class Candlesticks:
    """Handlers by path below /trade-api/v2."""

    def __init__(self, rows: PathLookup) -> None:
        self.rows = rows
        self.views = rows.views
        self.clock = rows.clock

    def routes(self) -> dict[str, Any]:
        """Handlers by path."""
        return {
            "/series/{series}/markets/{ticker}/candlesticks": self.candlesticks,
            "/series/{series}/events/{ticker}/candlesticks": self.event_candlesticks,
            "/markets/candlesticks": self.batch_candlesticks,
            "/historical/markets/{ticker}/candlesticks": self.historical_candlesticks,
        }

    def _window(self, query: QueryParams) -> tuple[int, int, int]:
        start, end, minutes = (integer(query, n) for n in ("start_ts", "end_ts", "period_interval"))
        if start is None or end is None or minutes is None:
            raise refuse("bad_request", "start_ts, end_ts and period_interval are required")
        if minutes not in (1, 60, 1440) or end < start:
            raise refuse("bad_request", "period_interval must be 1, 60 or 1440 and start_ts <= end_ts")
        return start, end, minutes

    def _live(self, row: int, query: QueryParams) -> list[Obj]:
        start, end, minutes = self._window(query)
        result = candles(self.views, row, start, end, minutes, self.clock.s)
        if query.get("include_latest_before_start") == "true":
            before = candles(self.views, row, start - 30 * DAY, start - 1, minutes, self.clock.s)[-1:]
            result = before + result
        return [as_live(c) for c in result]

    def candlesticks(self, request: Request) -> Obj:
        row = self.rows.row(request.path_params["ticker"])
        if self.views.names.series(self.views.venue.event_of(row)) != request.path_params["series"]:
            raise not_found()
        return {"ticker": request.path_params["ticker"], "candlesticks": self._live(row, request.query_params)}

    def batch_candlesticks(self, request: Request) -> Obj:
        tickers = list_param(request.query_params, "market_tickers")
        if not 1 <= len(tickers) <= BATCH:
            raise refuse("bad_request", f"between 1 and {BATCH} market_tickers are required")
        markets, total = [], 0
        for ticker in tickers:
            row = self.views.names.find(ticker)
            market_candles = [] if row is None else self._live(row, request.query_params)
            total += len(market_candles)
            markets.append({"market_ticker": ticker, "candlesticks": market_candles})
            if total > BATCH_CANDLES:
                raise refuse("bad_request", f"more than {BATCH_CANDLES} candlesticks requested")
        return {"markets": markets}

    def event_candlesticks(self, request: Request) -> Obj:
        number = self.rows.event_number(request.path_params["ticker"])
        event = self.views.venue.events[number]
        rows = range(event.first, event.first + event.count)
        _, end, _ = self._window(request.query_params)
        return {
            "market_tickers": [self.views.market_ticker(i) for i in rows],
            "market_candlesticks": [self._live(i, request.query_params) for i in rows],
            "adjusted_end_ts": min(end, self.clock.s),
        }

    def historical_candlesticks(self, request: Request) -> Obj:
        row = self.rows.row(request.path_params["ticker"], historical=True)
        start, end, minutes = self._window(request.query_params)
        result = candles(self.views, row, start, end, minutes, self.clock.s)
        return {"ticker": request.path_params["ticker"], "candlesticks": [as_historical(c) for c in result]}


class Collections:
    """Handlers by path below /trade-api/v2."""

    def __init__(self, rows: PathLookup) -> None:
        self.views = rows.views
        self.clock = rows.clock

    def routes(self) -> dict[str, Any]:
        """Handlers by path."""
        return {
            "/multivariate_event_collections": self.collections,
            "/multivariate_event_collections/{ticker}": self.collection,
        }

    def collections(self, request: Request) -> Obj:
        query = request.query_params
        size, start = limit(query, 200, 200), page_start(query, "c")
        objects = [self._collection(n) for n in range(len(COMBO_SERIES))]
        if series := query.get("series_ticker"):
            objects = [c for c in objects if c["series_ticker"] == series]
        if ticker := query.get("associated_event_ticker"):
            objects = [c for c in objects if ticker in c["associated_event_tickers"]]
        if query.get("status") in ("unopened", "closed"):
            objects = []
        following = start + size if start + size < len(objects) else None
        return {"multivariate_contracts": objects[start : start + size], "cursor": next_cursor("c", following)}

    def collection(self, request: Request) -> Obj:
        for number, (_, _, ticker) in enumerate(COMBO_SERIES):
            if ticker == request.path_params["ticker"]:
                return {"multivariate_contract": self._collection(number)}
        raise not_found()

    def _collection(self, number: int) -> Obj:
        series, title, ticker = COMBO_SERIES[number]
        now, names, venue = self.clock.s, self.views.names, self.views.venue
        legs = {
            venue.columns["event"][leg]
            for event in venue.events
            if event.combo == number and event.created <= now
            for leg, _ in event.legs
            if venue.columns["closes"][leg] > now
        }
        tickers = sorted(names.events[n] for n in legs)[:200]
        return {
            "collection_ticker": ticker,
            "series_ticker": series,
            "title": title,
            "description": "Choose any combination of outcomes.",
            "open_date": iso(self.views.universe.now - 300 * DAY),
            "close_date": iso(self.views.universe.now + 300 * DAY),
            "associated_events": [
                {"ticker": t, "is_yes_only": False, "size_max": 1, "active_quoters": []} for t in tickers
            ],
            "associated_event_tickers": tickers,
            "is_ordered": False,
            "is_single_market_per_event": True,
            "is_all_yes": False,
            "size_min": 2,
            "size_max": 10,
            "functional_description": "product of the legs",
            "exchange_index": 1,
        }
