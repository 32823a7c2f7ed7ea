"""Kalshi's endpoints over a recorded universe.

Belongs here: the generated universe's paths and filters over objects as they were recorded. What was not
recorded answers 404 ``not_available_in_recording``, never an empty success.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox.kalshi.query import limit, next_cursor, refuse, start_at, whole
from echelon_pipeline.sandbox.server.wire import Refused, many
from echelon_pipeline.sandbox.universe.recorded import RecordedUniverse, Recording
from echelon_pipeline.sandbox.universe.unserved import is_combo, settled_at, spacing

Obj = dict[str, Any]
_STATUS = {
    "unopened": {"initialized"},
    "open": {"active", "open"},
    "paused": {"inactive"},
    "closed": {"closed", "determined", "disputed", "amended"},
    "settled": {"finalized", "settled"},
}
# A recording has one tier: everything in it is served where the venue serves what is recent.
ONE_TIER = dict.fromkeys(("market_settled_ts", "trades_created_ts", "orders_updated_ts"), "2000-01-01T00:00:00Z")
_TIMES = {"close": "close_time", "created": "created_time", "settled": "settlement_ts", "updated": "updated_time"}


def not_recorded(what: str) -> Refused:
    """The answer for whatever the folder does not hold."""
    return refuse("not_available_in_recording", f"{what} is not in this recording", 404)


def seconds(text: str | None) -> int:
    """RFC 3339 as Unix seconds; 0 where there is none."""
    return int(datetime.fromisoformat(text).timestamp()) if text and not text.startswith("0001") else 0


class RecordedKalshi:
    """Handlers by path below /trade-api/v2; each takes a request and gives the body."""

    def __init__(self, universe: RecordedUniverse) -> None:
        self.universe = universe
        self.markets_by_ticker = universe.objects["kalshi market"]
        self.events_by_ticker = universe.objects["kalshi event"]
        self._by_event: dict[str, list[Recording]] = {}
        for market in self.markets_by_ticker.values():
            self._by_event.setdefault(str(market.get("event_ticker")), []).append(market)

    def routes(self) -> dict[str, Any]:
        """Paths in the order they are tried."""
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
        """An endpoint whose whole answer was recorded; a recorder's wrapper is taken off."""
        raw = self.universe.answers[path]
        return lambda _: raw

    def _page(self, request: Request, name: str, found: list[Any], default: int, most: int) -> Obj:
        size, start = limit(request.query_params, default, most), start_at(request.query_params, "r")
        following = start + size if start + size < len(found) else None
        return {name: found[start : start + size], "cursor": next_cursor("r", following)}

    def _recorded(self, kind: str) -> dict[str, Recording]:
        """Objects of a kind; where none was recorded, a list of them would be an empty success."""
        found = self.universe.objects[f"kalshi {kind}"]
        if not found:
            raise not_recorded(f"a {kind}")
        return found

    # --- series, events

    def series_list(self, request: Request) -> Obj:
        found = list(self._recorded("series").values())
        if category := request.query_params.get("category"):
            found = [s for s in found if category == s.get("category")]
        return {"series": [s.raw for s in found]}

    def series(self, request: Request) -> Obj:
        found = self.universe.objects["kalshi series"].get(request.path_params["series"])
        if found is None:
            raise not_recorded("this series")
        return {"series": found.raw}

    def events(self, request: Request, *, combos: bool) -> Obj:
        query = request.query_params
        nested = query.get("with_nested_markets") == "true"
        tickers, series, status = many(query, "tickers"), query.get("series_ticker"), query.get("status")
        found = []
        for ticker, event in self._recorded("event").items():
            if ticker.startswith("KXMVE") != combos or (tickers and ticker not in tickers):
                continue
            if series and event.get("series_ticker") != series:
                continue
            if status and not any(m.get("status") in _STATUS.get(status, ()) for m in self._markets_of(ticker)):
                continue
            found.append(self._event(ticker, nested=nested))
        return self._page(request, "events", found, 100 if combos else 200, 200)

    def _markets_of(self, ticker: str) -> list[Recording]:
        return self._by_event.get(ticker, [])

    def _event(self, ticker: str, *, nested: bool) -> object:
        event = self.events_by_ticker[ticker]
        if nested:
            return event.but("markets", markets=[m.raw for m in self._markets_of(ticker)])
        return event.raw if "markets" not in event.fields else event.but("markets")

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

    def _chosen(self, query: QueryParams) -> list[Recording]:
        tickers, status = many(query, "tickers"), query.get("status")
        event, series, mve = query.get("event_ticker"), query.get("series_ticker"), query.get("mve_filter")
        found = []
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
                found.append(market)
        return found

    def _series_of(self, market: Recording) -> str:
        event = self.events_by_ticker.get(str(market.get("event_ticker")))
        return str(event.get("series_ticker")) if event else str(market.get("event_ticker")).split("-")[0]

    def market(self, request: Request) -> Obj:
        found = self.markets_by_ticker.get(request.path_params["ticker"])
        if found is None:
            raise not_recorded("this market")
        return {"market": found.raw}

    # --- books, trades, candles

    def orderbook(self, request: Request) -> msgspec.Raw:
        found = self.universe.books.get(request.path_params["ticker"])
        if found is None:
            raise not_recorded("a book of this market")
        return found

    def orderbooks(self, request: Request) -> Obj:
        found = []
        for ticker in request.query_params.getlist("tickers"):
            if ticker in self.universe.books:
                book = msgspec.json.decode(self.universe.books[ticker], type=dict[str, msgspec.Raw])
                found.append({"ticker": ticker, **book})
        if not found:
            raise not_recorded("a book of these markets")
        return {"orderbooks": found}

    def trades(self, request: Request) -> Obj:
        query = request.query_params
        low, high, ticker = whole(query, "min_ts"), whole(query, "max_ts"), query.get("ticker")
        known = self.universe.objects["kalshi trade"].values()
        found = sorted(
            (t for t in known if not ticker or t.get("ticker") == ticker), key=lambda t: -seconds(t.get("created_time"))
        )
        found = [t for t in found if (low or 0) <= seconds(t.get("created_time")) <= (high or 2**60)]
        if not found:
            raise not_recorded("a trade of this market and time")
        return self._page(request, "trades", [t.raw for t in found], 100, 1000)

    def _candles(self, ticker: str, query: QueryParams) -> list[msgspec.Raw]:
        """Recorded candles of a market within the times asked for; none where they have another length."""
        found = self.universe.candles.get(ticker)
        start, end, minutes = (whole(query, n) for n in ("start_ts", "end_ts", "period_interval"))
        if start is None or end is None or minutes is None:
            raise refuse("bad_request", "start_ts, end_ts and period_interval are required")
        if not found or spacing(sorted(found)) != minutes:
            return []
        return [found[at] for at in sorted(found) if start <= at <= end]

    def candlesticks(self, request: Request) -> Obj:
        ticker = request.path_params["ticker"]
        found = self._candles(ticker, request.query_params)
        if not found:
            raise not_recorded(f"such a candle of {ticker}")
        return {"ticker": ticker, "candlesticks": found}

    def batch_candlesticks(self, request: Request) -> Obj:
        query = request.query_params
        asked = {ticker: self._candles(ticker, query) for ticker in many(query, "market_tickers")}
        found = [{"market_ticker": t, "candlesticks": candles} for t, candles in asked.items() if candles]
        if not found:
            raise not_recorded("such a candle of these markets")
        return {"markets": found}

    # --- combos

    def collections(self, request: Request) -> Obj:
        found = [c.raw for c in self._recorded("collection").values()]
        return self._page(request, "multivariate_contracts", found, 200, 200)

    def collection(self, request: Request) -> Obj:
        found = self.universe.objects["kalshi collection"].get(request.path_params["ticker"])
        if found is None:
            raise not_recorded("this collection")
        return {"multivariate_contract": found.raw}


def _in_times(market: Recording, query: QueryParams) -> bool:
    for kind, name in _TIMES.items():
        low, high = whole(query, f"min_{kind}_ts"), whole(query, f"max_{kind}_ts")
        if low is None and high is None:
            continue
        at = seconds(settled_at(market) if kind == "settled" else market.get(name))
        if not at or (low is not None and at <= low) or (high is not None and at >= high):
            return False
    return True
