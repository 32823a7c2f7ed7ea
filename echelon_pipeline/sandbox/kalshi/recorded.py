"""Kalshi's endpoints over a recorded universe.

Belongs here: the generated universe's paths and filters over recorded objects. A request for objects that were not
recorded is answered with 404 ``not_available_in_recording``, never with an empty list.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox.kalshi.query import integer, limit, next_cursor, page_start, refuse
from echelon_pipeline.sandbox.server.wire import ErrorResponse, list_param
from echelon_pipeline.sandbox.universe.recorded import RecordedObject, RecordedUniverse
from echelon_pipeline.sandbox.universe.unserved import candle_minutes, is_combo, settled_at

Obj = dict[str, Any]
_STATUS = {
    "unopened": {"initialized"},
    "open": {"active", "open"},
    "paused": {"inactive"},
    "closed": {"closed", "determined", "disputed", "amended"},
    "settled": {"finalized", "settled"},
}
# A recording has one tier: everything is served by the live routes.
ONE_TIER = dict.fromkeys(("market_settled_ts", "trades_created_ts", "orders_updated_ts"), "2000-01-01T00:00:00Z")
_TIMES = {"close": "close_time", "created": "created_time", "settled": "settlement_ts", "updated": "updated_time"}


def not_recorded(what: str) -> ErrorResponse:
    """The answer for objects that the folder does not have."""
    return refuse("not_available_in_recording", f"{what} is not in this recording", 404)


def seconds(text: str | None) -> int:
    """RFC 3339 as Unix seconds; 0 if there is no time."""
    return int(datetime.fromisoformat(text).timestamp()) if text and not text.startswith("0001") else 0


class RecordedKalshi:
    """Handlers by path below /trade-api/v2; each takes a request and returns the body."""

    def __init__(self, universe: RecordedUniverse) -> None:
        self.universe = universe
        self.markets_by_ticker = universe.objects["kalshi market"]
        self.events_by_ticker = universe.objects["kalshi event"]
        self._by_event: dict[str, list[RecordedObject]] = {}
        for market in self.markets_by_ticker.values():
            self._by_event.setdefault(str(market.get("event_ticker")), []).append(market)

    def routes(self) -> dict[str, Any]:
        """Handlers by path, in the order of matching."""
        return {
            "/series": self.series_list,
            "/series/{series}": self.series,
            "/series/{series}/markets/{ticker}/candlesticks": self.candlesticks,
            "/events": lambda request: self.events(request, combos=False),
            "/events/multivariate": lambda request: self.events(request, combos=True),
            "/events/{ticker}": self.event,
            "/markets": self.markets,
            "/markets/trades": self.trades,
            "/markets/orderbooks": self.orderbooks,
            "/markets/candlesticks": self.batch_candlesticks,
            "/markets/{ticker}": self.market,
            "/markets/{ticker}/orderbook": self.orderbook,
            "/historical/cutoff": lambda _: ONE_TIER,
            "/multivariate_event_collections": self.collections,
            "/multivariate_event_collections/{ticker}": self.collection,
            **{path: self._answer(path) for path in self.universe.answers},
        }

    def _answer(self, path: str) -> Callable[[Request], msgspec.Raw]:
        """A handler that returns a whole recorded answer, without the recorder's wrapper."""
        raw = self.universe.answers[path]
        return lambda _: raw

    def _page(self, request: Request, name: str, rows: list[Any], default: int, maximum: int) -> Obj:
        size, start = limit(request.query_params, default, maximum), page_start(request.query_params, "r")
        following = start + size if start + size < len(rows) else None
        return {name: rows[start : start + size], "cursor": next_cursor("r", following)}

    def _recorded(self, kind: str) -> dict[str, RecordedObject]:
        """Objects of a kind; raises 404 if none was recorded, instead of an empty list."""
        objects = self.universe.objects[f"kalshi {kind}"]
        if not objects:
            raise not_recorded(f"a {kind}")
        return objects

    # --- series, events

    def series_list(self, request: Request) -> Obj:
        objects = list(self._recorded("series").values())
        if category := request.query_params.get("category"):
            objects = [s for s in objects if category == s.get("category")]
        return {"series": [s.raw for s in objects]}

    def series(self, request: Request) -> Obj:
        series = self.universe.objects["kalshi series"].get(request.path_params["series"])
        if series is None:
            raise not_recorded("this series")
        return {"series": series.raw}

    def events(self, request: Request, *, combos: bool) -> Obj:
        query = request.query_params
        nested = query.get("with_nested_markets") == "true"
        tickers, series, status = list_param(query, "tickers"), query.get("series_ticker"), query.get("status")
        events = []
        for ticker, event in self._recorded("event").items():
            if ticker.startswith("KXMVE") != combos or (tickers and ticker not in tickers):
                continue
            if series and event.get("series_ticker") != series:
                continue
            if status and not any(m.get("status") in _STATUS.get(status, ()) for m in self._markets_of(ticker)):
                continue
            events.append(self._event(ticker, nested=nested))
        return self._page(request, "events", events, 100 if combos else 200, 200)

    def _markets_of(self, ticker: str) -> list[RecordedObject]:
        return self._by_event.get(ticker, [])

    def _event(self, ticker: str, *, nested: bool) -> object:
        event = self.events_by_ticker[ticker]
        if nested:
            return event.without("markets", markets=[m.raw for m in self._markets_of(ticker)])
        return event.raw if "markets" not in event.fields else event.without("markets")

    def event(self, request: Request) -> Obj:
        ticker = request.path_params["ticker"]
        if ticker not in self.events_by_ticker:
            raise not_recorded("this event")
        if request.query_params.get("with_nested_markets") == "true":
            return {"event": self._event(ticker, nested=True), "markets": []}
        markets = [m.raw for m in self._markets_of(ticker)]
        return {"event": self._event(ticker, nested=False), "markets": markets}

    # --- markets

    def markets(self, request: Request) -> Obj:
        query = request.query_params
        return self._page(request, "markets", [m.raw for m in self._chosen(query)], 100, 1000)

    def _chosen(self, query: QueryParams) -> list[RecordedObject]:
        tickers, status = list_param(query, "tickers"), query.get("status")
        event, series, mve = query.get("event_ticker"), query.get("series_ticker"), query.get("mve_filter")
        markets = []
        for ticker, market in self._recorded("market").items():
            if (tickers and ticker not in tickers) or (status and market.get("status") not in _STATUS.get(status, ())):
                continue
            if event and market.get("event_ticker") != event:
                continue
            if series and self._series_of(market) != series:
                continue
            if mve and is_combo(market) != (mve == "only"):
                continue
            if _in_times(market, query):
                markets.append(market)
        return markets

    def _series_of(self, market: RecordedObject) -> str:
        event = self.events_by_ticker.get(str(market.get("event_ticker")))
        return str(event.get("series_ticker")) if event else str(market.get("event_ticker")).split("-")[0]

    def market(self, request: Request) -> Obj:
        market = self.markets_by_ticker.get(request.path_params["ticker"])
        if market is None:
            raise not_recorded("this market")
        return {"market": market.raw}

    # --- books, trades, candles

    def orderbook(self, request: Request) -> msgspec.Raw:
        book = self.universe.books.get(request.path_params["ticker"])
        if book is None:
            raise not_recorded("a book of this market")
        return book

    def orderbooks(self, request: Request) -> Obj:
        books = []
        for ticker in request.query_params.getlist("tickers"):
            if ticker in self.universe.books:
                book = msgspec.json.decode(self.universe.books[ticker], type=dict[str, msgspec.Raw])
                books.append({"ticker": ticker, **book})
        if not books:
            raise not_recorded("a book of these markets")
        return {"orderbooks": books}

    def trades(self, request: Request) -> Obj:
        query = request.query_params
        low, high, ticker = integer(query, "min_ts"), integer(query, "max_ts"), query.get("ticker")
        recorded = self.universe.objects["kalshi trade"].values()
        trades = sorted(
            (t for t in recorded if not ticker or t.get("ticker") == ticker),
            key=lambda t: -seconds(t.get("created_time")),
        )
        trades = [t for t in trades if (low or 0) <= seconds(t.get("created_time")) <= (high or 2**60)]
        if not trades:
            raise not_recorded("a trade of this market and time")
        return self._page(request, "trades", [t.raw for t in trades], 100, 1000)

    def _candles(self, ticker: str, query: QueryParams) -> list[msgspec.Raw]:
        """Recorded candles of a market within the requested times; none if they have another length."""
        candles = self.universe.candles.get(ticker)
        start, end, minutes = (integer(query, n) for n in ("start_ts", "end_ts", "period_interval"))
        if start is None or end is None or minutes is None:
            raise refuse("bad_request", "start_ts, end_ts and period_interval are required")
        if not candles or candle_minutes(sorted(candles)) != minutes:
            return []
        return [candles[at] for at in sorted(candles) if start <= at <= end]

    def candlesticks(self, request: Request) -> Obj:
        ticker = request.path_params["ticker"]
        candles = self._candles(ticker, request.query_params)
        if not candles:
            raise not_recorded(f"such a candle of {ticker}")
        return {"ticker": ticker, "candlesticks": candles}

    def batch_candlesticks(self, request: Request) -> Obj:
        query = request.query_params
        by_ticker = {ticker: self._candles(ticker, query) for ticker in list_param(query, "market_tickers")}
        markets = [{"market_ticker": t, "candlesticks": candles} for t, candles in by_ticker.items() if candles]
        if not markets:
            raise not_recorded("such a candle of these markets")
        return {"markets": markets}

    # --- combos

    def collections(self, request: Request) -> Obj:
        collections = [c.raw for c in self._recorded("collection").values()]
        return self._page(request, "multivariate_contracts", collections, 200, 200)

    def collection(self, request: Request) -> Obj:
        collection = self.universe.objects["kalshi collection"].get(request.path_params["ticker"])
        if collection is None:
            raise not_recorded("this collection")
        return {"multivariate_contract": collection.raw}


def _in_times(market: RecordedObject, query: QueryParams) -> bool:
    for kind, name in _TIMES.items():
        low, high = integer(query, f"min_{kind}_ts"), integer(query, f"max_{kind}_ts")
        if low is None and high is None:
            continue
        at = seconds(settled_at(market) if kind == "settled" else market.get(name))
        if not at or (low is not None and at <= low) or (high is not None and at >= high):
            return False
    return True
