"""Kalshi's public REST endpoints over a generated universe.

Belongs here: paths, parameters, envelopes. Objects come from the views, rows from the queries.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox import kalshi_static
from echelon_pipeline.sandbox.catalog import COMBO_SERIES, DAY
from echelon_pipeline.sandbox.clock import SandboxClock
from echelon_pipeline.sandbox.columns import Ints
from echelon_pipeline.sandbox.kalshi_candles import as_historical, as_live, candles
from echelon_pipeline.sandbox.kalshi_query import (
    KalshiQuery,
    cutoff,
    limit,
    next_cursor,
    not_found,
    refuse,
    start_at,
    whole,
)
from echelon_pipeline.sandbox.kalshi_views import KalshiViews
from echelon_pipeline.sandbox.universe import Universe
from echelon_pipeline.sandbox.wire import contracts, iso, many

Obj = dict[str, Any]
BATCH, BATCH_CANDLES = 100, 10_000


class Kalshi:
    """Handlers by path below /trade-api/v2; each takes a request and gives the body."""

    def __init__(self, universe: Universe, clock: SandboxClock) -> None:
        self.views = KalshiViews(universe)
        self.query = KalshiQuery(self.views)
        self.clock = clock
        self.series_by_ticker = {s["ticker"]: s for s in self.views.series_list()}

    def routes(self) -> dict[str, Any]:
        """Paths in the order they are tried."""
        return {
            "/series": self.series_list,
            "/series/fee_changes": kalshi_static.series_fee_changes,
            "/series/{series}": self.series,
            "/series/{series}/markets/{ticker}/candlesticks": self.candlesticks,
            "/series/{series}/events/{ticker}/candlesticks": self.event_candlesticks,
            "/events": self.events,
            "/events/multivariate": self.multivariate_events,
            "/events/fee_changes": kalshi_static.event_fee_changes,
            "/events/{ticker}": self.event,
            "/events/{ticker}/metadata": self.event_metadata,
            "/markets": self.markets,
            "/markets/trades": self.trades,
            "/markets/orderbooks": self.orderbooks,
            "/markets/candlesticks": self.batch_candlesticks,
            "/markets/{ticker}": self.market,
            "/markets/{ticker}/orderbook": self.orderbook,
            "/historical/cutoff": self.cutoff,
            "/historical/markets": self.historical_markets,
            "/historical/trades": self.historical_trades,
            "/historical/markets/{ticker}": self.historical_market,
            "/historical/markets/{ticker}/candlesticks": self.historical_candlesticks,
            "/multivariate_event_collections": self.collections,
            "/multivariate_event_collections/{ticker}": self.collection,
            **kalshi_static.routes(self.clock),
        }

    # --- series, events

    def series_list(self, request: Request) -> Obj:
        query = request.query_params
        found = list(self.series_by_ticker.values())
        if category := query.get("category"):
            found = [s for s in found if category in s["categories"]]
        if tags := many(query, "tags"):
            found = [s for s in found if set(tags) & set(s["tags"] or [])]
        if (at := whole(query, "min_updated_ts")) is not None:
            found = [s for s in found if s["last_updated_ts"] > iso(at)]
        return {"series": [self._with_volume(s, query) for s in found]}

    def series(self, request: Request) -> Obj:
        found = self.series_by_ticker.get(request.path_params["series"])
        if found is None:
            raise not_found()
        return {"series": self._with_volume(found, request.query_params)}

    def _with_volume(self, series: Obj, query: QueryParams) -> Obj:
        if query.get("include_volume") != "true":
            return series
        if series["category"] == "Exotics":
            return series | {"volume_fp": "0.00"}
        seen = self.views.venue.trades.visible(self.clock.us)
        names, events = self.views.names, self.views.venue.events
        rows = (
            i
            for event in events
            if not event.legs and names.series(event) == series["ticker"]
            for i in range(event.first, event.first + event.count)
        )
        return series | {"volume_fp": contracts(sum(self.views.venue.trades.totals(i, seen)[1] for i in rows))}

    def events(self, request: Request) -> Obj:
        return self._event_page(request, combos=False, default=200)

    def multivariate_events(self, request: Request) -> Obj:
        return self._event_page(request, combos=True, default=100)

    def _event_page(self, request: Request, *, combos: bool, default: int) -> Obj:
        query, now = request.query_params, self.clock.s
        size, start = limit(query, default, 200), start_at(query, "e")
        rows = self.query.events(query, now, combos=combos)
        page = rows[start : start + size].tolist()
        nested = query.get("with_nested_markets") == "true"
        found = [self._event(n, now, nested=nested) for n in page]
        body: Obj = {"events": found, "cursor": next_cursor("e", _more(start, size, rows))}
        return body | ({"milestones": []} if query.get("with_milestones") == "true" else {})

    def _event(self, number: int, now: int, *, nested: bool) -> Obj:
        body = self.views.event(number)
        return body | {"markets": self._markets_of(number, now)} if nested else body

    def _markets_of(self, number: int, now: int) -> list[Obj]:
        event, settled = self.views.venue.events[number], self.views.venue.columns["settled"]
        rows = range(event.first, event.first + event.count)
        return self._market_list([i for i in rows if settled[i] >= cutoff(now)], now)

    def event(self, request: Request) -> Obj:
        number, now = self._event_number(request.path_params["ticker"]), self.clock.s
        nested = request.query_params.get("with_nested_markets") == "true"
        markets = self._markets_of(number, now)
        event = self.views.event(number)
        return (
            {"event": event | {"markets": markets}, "markets": []} if nested else {"event": event, "markets": markets}
        )

    def _event_number(self, ticker: str) -> int:
        number = self.views.names.find_event(ticker)
        if number is None or self.views.venue.events[number].created > self.clock.s:
            raise not_found()
        return number

    def event_metadata(self, request: Request) -> Obj:
        number = self._event_number(request.path_params["ticker"])
        event = self.views.venue.events[number]
        return {
            "image_url": "https://example.com/event.webp",
            "featured_image_url": "",
            "market_details": [
                {"market_ticker": self.views.market_ticker(i), "image_url": "", "color_code": "#AA00FF"}
                for i in range(event.first, event.first + event.count)
            ],
            "settlement_sources": [{"name": "Official source", "url": "https://example.com/source"}],
        }

    # --- markets

    def _market_list(self, rows: list[int], now: int) -> list[Obj]:
        table, us = self.views.venue.trades, now * 1_000_000
        seen, seen_day = table.visible(us), table.visible(us - DAY * 1_000_000)
        return [self.views.market(i, now, seen, seen_day) for i in rows]

    def markets(self, request: Request) -> Obj:
        return self._market_page(request, historical=False)

    def historical_markets(self, request: Request) -> Obj:
        return self._market_page(request, historical=True)

    def _market_page(self, request: Request, *, historical: bool) -> Obj:
        query, now = request.query_params, self.clock.s
        size, start = limit(query, 100, 1000), start_at(query, "m")
        rows = self.query.markets(query, now, historical=historical)
        page = rows[start : start + size].tolist()
        return {"markets": self._market_list(page, now), "cursor": next_cursor("m", _more(start, size, rows))}

    def market(self, request: Request) -> Obj:
        return {"market": self._market_list([self._row(request.path_params["ticker"])], self.clock.s)[0]}

    def historical_market(self, request: Request) -> Obj:
        row = self._row(request.path_params["ticker"], historical=True)
        return {"market": self._market_list([row], self.clock.s)[0]}

    def _row(self, ticker: str, *, historical: bool = False) -> int:
        row, now = self.views.names.find(ticker), self.clock.s
        if row is None or self.views.venue.columns["created"][row] > now:
            raise not_found()
        if (self.views.venue.columns["settled"][row] < cutoff(now)) != historical:
            raise not_found()
        return row

    # --- books, trades

    def orderbook(self, request: Request) -> Obj:
        depth = whole(request.query_params, "depth") or 0
        if not 0 <= depth <= 100:
            raise refuse("bad_request", "depth must be between 0 and 100")
        return {"orderbook_fp": self.views.book(self._row(request.path_params["ticker"]), self.clock.s, depth)}

    def orderbooks(self, request: Request) -> Obj:
        tickers = request.query_params.getlist("tickers")
        if not 1 <= len(tickers) <= BATCH:
            raise refuse("bad_request", f"between 1 and {BATCH} tickers are required")
        now, find = self.clock.s, self.views.names.find
        rows = [(t, row) for t in tickers if (row := find(t)) is not None]
        return {"orderbooks": [{"ticker": t, "orderbook_fp": self.views.book(row, now)} for t, row in rows]}

    def trades(self, request: Request) -> Obj:
        return self._trade_page(request, historical=False)

    def historical_trades(self, request: Request) -> Obj:
        return self._trade_page(request, historical=True)

    def _trade_page(self, request: Request, *, historical: bool) -> Obj:
        query = request.query_params
        size = limit(query, 100, 1000)
        rows, following = self.query.trade_page(query, self.clock.us, size, historical=historical)
        return {"trades": self.views.trades(rows), "cursor": next_cursor("t", following)}

    # --- candlesticks

    def _window(self, query: QueryParams) -> tuple[int, int, int]:
        start, end, minutes = (whole(query, n) for n in ("start_ts", "end_ts", "period_interval"))
        if start is None or end is None or minutes is None:
            raise refuse("bad_request", "start_ts, end_ts and period_interval are required")
        if minutes not in (1, 60, 1440) or end < start:
            raise refuse("bad_request", "period_interval must be 1, 60 or 1440 and start_ts <= end_ts")
        return start, end, minutes

    def _live(self, row: int, query: QueryParams) -> list[Obj]:
        start, end, minutes = self._window(query)
        found = candles(self.views, row, start, end, minutes, self.clock.s)
        if query.get("include_latest_before_start") == "true":
            before = candles(self.views, row, start - 30 * DAY, start - 1, minutes, self.clock.s)[-1:]
            found = before + found
        return [as_live(c) for c in found]

    def candlesticks(self, request: Request) -> Obj:
        row = self._row(request.path_params["ticker"])
        if self.views.names.series(self.views.venue.event_of(row)) != request.path_params["series"]:
            raise not_found()
        return {"ticker": request.path_params["ticker"], "candlesticks": self._live(row, request.query_params)}

    def batch_candlesticks(self, request: Request) -> Obj:
        tickers = many(request.query_params, "market_tickers")
        if not 1 <= len(tickers) <= BATCH:
            raise refuse("bad_request", f"between 1 and {BATCH} market_tickers are required")
        markets, total = [], 0
        for ticker in tickers:
            row = self.views.names.find(ticker)
            found = [] if row is None else self._live(row, request.query_params)
            total += len(found)
            markets.append({"market_ticker": ticker, "candlesticks": found})
            if total > BATCH_CANDLES:
                raise refuse("bad_request", f"more than {BATCH_CANDLES} candlesticks requested")
        return {"markets": markets}

    def event_candlesticks(self, request: Request) -> Obj:
        number = self._event_number(request.path_params["ticker"])
        event = self.views.venue.events[number]
        rows = range(event.first, event.first + event.count)
        _, end, _ = self._window(request.query_params)
        return {
            "market_tickers": [self.views.market_ticker(i) for i in rows],
            "market_candlesticks": [self._live(i, request.query_params) for i in rows],
            "adjusted_end_ts": min(end, self.clock.s),
        }

    def historical_candlesticks(self, request: Request) -> Obj:
        row = self._row(request.path_params["ticker"], historical=True)
        start, end, minutes = self._window(request.query_params)
        found = candles(self.views, row, start, end, minutes, self.clock.s)
        return {"ticker": request.path_params["ticker"], "candlesticks": [as_historical(c) for c in found]}

    def cutoff(self, _: Request) -> Obj:
        at = iso(cutoff(self.clock.s))
        return {"market_settled_ts": at, "trades_created_ts": at, "orders_updated_ts": at}

    # --- combos

    def collections(self, request: Request) -> Obj:
        query = request.query_params
        size, start = limit(query, 200, 200), start_at(query, "c")
        found = [self._collection(n) for n in range(len(COMBO_SERIES))]
        if series := query.get("series_ticker"):
            found = [c for c in found if c["series_ticker"] == series]
        if ticker := query.get("associated_event_ticker"):
            found = [c for c in found if ticker in c["associated_event_tickers"]]
        if query.get("status") in ("unopened", "closed"):
            found = []
        following = start + size if start + size < len(found) else None
        return {"multivariate_contracts": found[start : start + size], "cursor": next_cursor("c", following)}

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


def _more(start: int, size: int, rows: Ints) -> int | None:
    return start + size if start + size < len(rows) else None
