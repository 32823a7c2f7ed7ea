"""Kalshi's public REST endpoints over a generated universe.

Belongs here: paths, parameters, envelopes. ``views.py`` makes the objects, ``query.py`` selects the rows.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox.kalshi import static as kalshi_static
from echelon_pipeline.sandbox.kalshi.candle_routes import BATCH, Candlesticks, Collections, PathLookup
from echelon_pipeline.sandbox.kalshi.query import (
    KalshiQuery,
    cutoff,
    integer,
    limit,
    next_cursor,
    not_found,
    page_start,
    refuse,
)
from echelon_pipeline.sandbox.kalshi.series import series_list
from echelon_pipeline.sandbox.kalshi.views import KalshiViews
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.wire import contracts, iso, list_param
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.columns import Ints

Obj = dict[str, Any]


class Kalshi:
    """Handlers by path below /trade-api/v2; each takes a request and returns the body."""

    def __init__(self, views: KalshiViews, clock: SandboxClock) -> None:
        self.views = views
        self.query = KalshiQuery(views)
        self.clock = clock
        self.rows = PathLookup(self.views, clock)
        self.series_by_ticker = {s["ticker"]: s for s in series_list(views.universe.now)}

    def routes(self) -> dict[str, Any]:
        """Handlers by path, in the order of matching."""
        return {
            "/series": self.series_list,
            "/series/fee_changes": kalshi_static.series_fee_changes,
            "/series/{series}": self.series,
            "/events": self.events,
            "/events/multivariate": self.multivariate_events,
            "/events/fee_changes": kalshi_static.event_fee_changes,
            "/events/{ticker}": self.event,
            "/events/{ticker}/metadata": self.event_metadata,
            "/markets": self.markets,
            "/markets/trades": self.trades,
            "/markets/orderbooks": self.orderbooks,
            "/markets/{ticker}": self.market,
            "/markets/{ticker}/orderbook": self.orderbook,
            "/historical/cutoff": self.cutoff,
            "/historical/markets": self.historical_markets,
            "/historical/trades": self.historical_trades,
            "/historical/markets/{ticker}": self.historical_market,
            **Candlesticks(self.rows).routes(),
            **Collections(self.rows).routes(),
            **kalshi_static.routes(self.clock),
        }

    # --- series, events

    def series_list(self, request: Request) -> Obj:
        query = request.query_params
        objects = list(self.series_by_ticker.values())
        if category := query.get("category"):
            objects = [s for s in objects if category in s["categories"]]
        if tags := list_param(query, "tags"):
            objects = [s for s in objects if set(tags) & set(s["tags"] or [])]
        if (at := integer(query, "min_updated_ts")) is not None:
            objects = [s for s in objects if s["last_updated_ts"] > iso(at)]
        return {"series": [self._with_volume(s, query) for s in objects]}

    def series(self, request: Request) -> Obj:
        series = self.series_by_ticker.get(request.path_params["series"])
        if series is None:
            raise not_found()
        return {"series": self._with_volume(series, request.query_params)}

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
        size, start = limit(query, default, 200), page_start(query, "e")
        rows = self.query.events(query, now, combos=combos)
        page = rows[start : start + size].tolist()
        nested = query.get("with_nested_markets") == "true"
        events = [self._event(n, now, nested=nested) for n in page]
        body: Obj = {"events": events, "cursor": next_cursor("e", _more(start, size, rows))}
        return body | ({"milestones": []} if query.get("with_milestones") == "true" else {})

    def _event(self, number: int, now: int, *, nested: bool) -> Obj:
        body = self.views.event(number)
        return body | {"markets": self._markets_of(number, now)} if nested else body

    def _markets_of(self, number: int, now: int) -> list[Obj]:
        event, settled = self.views.venue.events[number], self.views.venue.columns["settled"]
        rows = range(event.first, event.first + event.count)
        return self._market_list([i for i in rows if settled[i] >= cutoff(now)], now)

    def event(self, request: Request) -> Obj:
        number, now = self.rows.event_number(request.path_params["ticker"]), self.clock.s
        nested = request.query_params.get("with_nested_markets") == "true"
        markets = self._markets_of(number, now)
        event = self.views.event(number)
        return (
            {"event": event | {"markets": markets}, "markets": []} if nested else {"event": event, "markets": markets}
        )

    def event_metadata(self, request: Request) -> Obj:
        number = self.rows.event_number(request.path_params["ticker"])
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
        size, start = limit(query, 100, 1000), page_start(query, "m")
        rows = self.query.markets(query, now, historical=historical)
        page = rows[start : start + size].tolist()
        return {"markets": self._market_list(page, now), "cursor": next_cursor("m", _more(start, size, rows))}

    def market(self, request: Request) -> Obj:
        return {"market": self._market_list([self.rows.row(request.path_params["ticker"])], self.clock.s)[0]}

    def historical_market(self, request: Request) -> Obj:
        row = self.rows.row(request.path_params["ticker"], historical=True)
        return {"market": self._market_list([row], self.clock.s)[0]}

    # --- books, trades

    def orderbook(self, request: Request) -> Obj:
        depth = integer(request.query_params, "depth") or 0
        if not 0 <= depth <= 100:
            raise refuse("bad_request", "depth must be between 0 and 100")
        return {"orderbook_fp": self.views.book(self.rows.row(request.path_params["ticker"]), self.clock.us, depth)}

    def orderbooks(self, request: Request) -> Obj:
        tickers = request.query_params.getlist("tickers")
        if not 1 <= len(tickers) <= BATCH:
            raise refuse("bad_request", f"between 1 and {BATCH} tickers are required")
        now, find = self.clock.us, self.views.names.find
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

    def cutoff(self, _: Request) -> Obj:
        at = iso(cutoff(self.clock.s))
        return {"market_settled_ts": at, "trades_created_ts": at, "orders_updated_ts": at}


def _more(start: int, size: int, rows: Ints) -> int | None:
    return start + size if start + size < len(rows) else None
