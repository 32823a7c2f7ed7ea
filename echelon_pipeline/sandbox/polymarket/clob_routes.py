"""CLOB listings, price histories and builder trades over a generated universe.

Belongs here: the CLOB's routes except quotes (reference: Polymarket 2.2, 2.5, 3.2).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox.polymarket.builders import Builders
from echelon_pipeline.sandbox.polymarket.clob_quotes import ClobQuotes, refuse
from echelon_pipeline.sandbox.polymarket.clob_views import ClobViews
from echelon_pipeline.sandbox.polymarket.state import PolymarketState
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.wire import number
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.paths import ONE

Obj = dict[str, Any]
PAGE, LONGEST, END = 1000, 15 * DAY, "LTE="
_INTERVALS = {"max": 31 * DAY, "all": 31 * DAY, "1m": 30 * DAY, "1w": 7 * DAY, "1d": DAY, "6h": 6 * 3600, "1h": 3600}
_MIN_FIDELITY = {"1w": 5, "1m": 10}
_MAX_POINTS = 4_300


def read_place(cursor: str | None) -> int:
    """The position in a listing's cursor; a malformed cursor restarts; the end marker is refused."""
    if not cursor:
        return 0
    if cursor == END:
        raise refuse("next item should be greater than or equal to 0")
    try:
        text = base64.b64decode(cursor, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return 0
    match = re.fullmatch(r"(?:id:)?(\d+)", text)
    return int(match[1]) if match else 0


def place_cursor(place: int | None, head: str = "") -> str:
    return END if place is None else base64.b64encode(f"{head}{place}".encode()).decode()


class Clob:
    """Handlers by path below /clob; each takes a request (POST: and a decoded body)."""

    def __init__(self, state: PolymarketState, builders: Builders, clock: SandboxClock) -> None:
        self.state = state
        self.views = ClobViews(state)
        self.quotes = ClobQuotes(state, self.views, clock)
        self.builders = builders
        self.clock = clock

    def routes(self) -> dict[str, Any]:
        """GET handlers by path, in the order of matching."""
        return {
            "/": lambda _: "OK",
            "/ok": lambda _: "OK",
            "/time": lambda _: self.clock.s,
            "/version": lambda _: {"version": 2},
            **self.quotes.routes(),
            "/markets": self.markets,
            "/simplified-markets": self.simplified,
            "/sampling-markets": self.sampling,
            "/sampling-simplified-markets": self.sampling_simplified,
            "/markets/{condition}": self.market,
            "/clob-markets/{condition}": self.compact,
            "/markets-by-token/{token}": self.by_token,
            "/prices-history": self.prices_history,
            "/builder/trades": self.builder_trades,
            "/fees/builder-fees/{code}": self.builder_fees,
            "/rebates/current": lambda _: None,
        }

    def posts(self) -> dict[str, Any]:
        """POST handlers of (request, body) by path."""
        return {
            **self.quotes.posts(),
            "/batch-prices-history": self.batch_prices_history,
        }

    # --- listings

    def _page(self, request: Request, make: Any, *, sampling: bool) -> Obj:
        """A page of 1000 rows of all markets; ``sampling``: only markets that trade."""
        start, now = read_place(request.query_params.get("next_cursor")), self.clock.s
        i = start
        page: list[Obj] = []
        while len(page) < PAGE and i < self.state.venue.ordinary:
            if self.state.listed(i, now) and (not sampling or self.state.trading(i, now)):
                page.append(make(i, now))
            i += 1
        following = i if i < self.state.venue.ordinary else None
        return {"limit": PAGE, "count": len(page), "next_cursor": place_cursor(following, "id:"), "data": page}

    def markets(self, request: Request) -> Obj:
        return self._page(request, self.views.market, sampling=False)

    def simplified(self, request: Request) -> Obj:
        return self._page(request, self.views.simplified, sampling=False)

    def sampling(self, request: Request) -> Obj:
        return self._page(request, self.views.market, sampling=True)

    def sampling_simplified(self, request: Request) -> Obj:
        return self._page(request, self.views.simplified, sampling=True)

    def _row(self, condition: str) -> int:
        row = self.state.names.find_condition(condition)
        if row is None or not self.state.listed(row, self.clock.s):
            raise refuse("market not found", 404)
        return row

    def market(self, request: Request) -> Obj:
        return self.views.market(self._row(request.path_params["condition"]), self.clock.s)

    def compact(self, request: Request) -> Obj:
        return self.views.compact(self._row(request.path_params["condition"]), self.clock.s)

    def by_token(self, request: Request) -> Obj:
        where = self.state.names.find_token(request.path_params["token"])
        if where is None or not self.state.listed(where[0], self.clock.s):
            raise refuse("market not found", 404)
        tokens = [self.state.names.token(where[0], n) for n in (0, 1)]
        if self.state.venue.bits(where[0], 14) % 2:
            tokens.reverse()
        return {
            "condition_id": self.state.names.condition(where[0]),
            "primary_token_id": tokens[0],
            "secondary_token_id": tokens[1],
        }

    # --- price history

    def prices_history(self, request: Request) -> Obj:
        query = request.query_params
        start, end = _seconds(query, "startTs"), _seconds(query, "endTs")
        points = self._points(query.get("market"), start, end, query.get("interval"), query.get("fidelity"))
        return {"history": points}

    def batch_prices_history(self, _: Request, body: object) -> Obj:
        if not isinstance(body, dict) or not isinstance(body.get("markets"), list):
            raise refuse("Invalid payload")
        if not 1 <= len(body["markets"]) <= 20:
            raise refuse("Payload exceeds the limit")
        window_params = (body.get("start_ts"), body.get("end_ts"), body.get("interval"), body.get("fidelity"))
        return {"history": {str(token): self._points(str(token), *window_params) for token in body["markets"]}}

    def _points(
        self, token: str | None, start: int | None, end: int | None, interval: str | None, fidelity: object
    ) -> list[Obj]:
        if not token:
            raise refuse("invalid filters: 'market' is required")
        now = self.clock.s
        min_fidelity = _MIN_FIDELITY.get(interval or "", 1)
        step = int(str(fidelity)) if str(fidelity or "").isdigit() else 1
        if step < min_fidelity:
            raise refuse(f"invalid filters: minimum 'fidelity' for '{interval}' range is {min_fidelity}")
        low, high = _window(start, end, interval, now)
        where = self.state.names.find_token(token)
        if where is None or not self.state.listed(where[0], now):
            return []
        i, outcome = where
        if start is None and now >= self.state.venue.columns["settled"][i]:
            return []  # interval queries end now: no points for resolved markets
        points = self.views.history(i, outcome, low, high, step * 60, now)
        if start is None:
            points = points[-_MAX_POINTS:]
        if self.state.trading(i, now) and points:  # the appended point of now, even if the window ended long ago
            middle = self.state.middle(i, now)
            points.append((now, middle if outcome == 0 else ONE * 10 - middle))
        return [{"t": t, "p": number(p, ONE * 10)} for t, p in points]

    # --- builders

    def builder_trades(self, request: Request) -> Obj:
        query = request.query_params
        code = query.get("builder_code", "")
        if not re.fullmatch(r"0x[0-9a-fA-F]{64}", code):
            raise refuse("invalid filters: 'builder_code' must be a bytes32 hex string")
        trades, following = self.builders.page(query, read_place(query.get("next_cursor")), self.clock.us)
        return {"limit": 300, "count": len(trades), "next_cursor": place_cursor(following), "data": trades}

    def builder_fees(self, request: Request) -> Obj:
        rates = self.builders.rates(request.path_params["code"])
        if rates is None:
            raise refuse("builder not found", 404)
        return {"builder_maker_fee_rate_bps": rates[0], "builder_taker_fee_rate_bps": rates[1]}


def _seconds(query: QueryParams, name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise refuse(f"invalid filters: '{name}' must be a timestamp")
    return int(text)


def window(query: QueryParams, now: int) -> tuple[int, int]:
    """Start and end (seconds) of a history query; refuses invalid ones like the venue."""
    return _window(_seconds(query, "startTs"), _seconds(query, "endTs"), query.get("interval"), now)


def _window(start: int | None, end: int | None, interval: str | None, now: int) -> tuple[int, int]:
    """Start and end (seconds); timestamps take precedence over the interval."""
    if start is None and end is not None:
        raise refuse("invalid filters: 'startTs' is required with 'endTs'")
    if start is not None:
        end = now if end is None else end
        if end - start > LONGEST:
            raise refuse("invalid filters: 'startTs' and 'endTs' interval is too long")
        return start, end
    if interval not in _INTERVALS:
        raise refuse("invalid filters: 'interval' or 'startTs' is required")
    return now - _INTERVALS[interval], now
