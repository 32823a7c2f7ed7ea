"""CLOB read endpoints over a generated universe.

Belongs here: books, prices, market listings, price histories, builder trades (reference: Polymarket 2, 3.2).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox.builders import Builders
from echelon_pipeline.sandbox.catalog import DAY
from echelon_pipeline.sandbox.clob_views import ClobViews
from echelon_pipeline.sandbox.clock import SandboxClock
from echelon_pipeline.sandbox.gamma_views import PolymarketState
from echelon_pipeline.sandbox.paths import ONE
from echelon_pipeline.sandbox.wire import Refused, number, plain

Obj = dict[str, Any]
PAGE, LONGEST, END = 1000, 15 * DAY, "LTE="
_INTERVALS = {"max": 31 * DAY, "all": 31 * DAY, "1m": 30 * DAY, "1w": 7 * DAY, "1d": DAY, "6h": 6 * 3600, "1h": 3600}
_LEAST_FIDELITY = {"1w": 5, "1m": 10}
_MOST_POINTS = 4_300
BATCH = 500


def refuse(message: str, status: int = 400) -> Refused:
    """The CLOB's error body."""
    return Refused(status, {"error": message})


def read_place(cursor: str | None) -> int:
    """Where a listing's cursor begins; malformed ones restart; the end marker is refused."""
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
    """Handlers by path below /clob; each takes a request (and a decoded body where it is a POST)."""

    def __init__(self, state: PolymarketState, builders: Builders, clock: SandboxClock) -> None:
        self.state = state
        self.views = ClobViews(state)
        self.builders = builders
        self.clock = clock

    def routes(self) -> dict[str, Any]:
        """GET paths in the order they are tried."""
        invalid = self._invalid_payload
        return {
            "/": lambda _: "OK",
            "/ok": lambda _: "OK",
            "/time": lambda _: self.clock.s,
            "/version": lambda _: {"version": 2},
            "/book": self.book,
            "/books": invalid,
            "/midpoint": self.midpoint,
            "/midpoints": invalid,
            "/price": self.price,
            "/prices": invalid,
            "/spread": self.spread,
            "/last-trade-price": self.last_trade_price,
            "/last-trades-prices": invalid,
            "/tick-size": self.tick_size,
            "/tick-size/{token}": self.tick_size,
            "/neg-risk": self.neg_risk,
            "/fee-rate": self.fee_rate,
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
        """POST paths: handlers of (request, body)."""
        return {
            "/books": self.books,
            "/midpoints": self.midpoints,
            "/prices": self.prices,
            "/spreads": self.spreads,
            "/last-trades-prices": self.last_trades_prices,
            "/batch-prices-history": self.batch_prices_history,
        }

    @staticmethod
    def _invalid_payload(_: Request) -> Obj:
        raise refuse("Invalid payload")

    # --- books and prices

    def _token(self, text: str | None) -> tuple[int, int]:
        """Row and outcome of a token with a live book."""
        if not text or not text.isdigit():
            raise refuse("Invalid token id")
        found = self.state.names.find_token(text)
        if (
            found is None
            or not self.state.listed(found[0], self.clock.s)
            or not self.state.trading(found[0], self.clock.s)
        ):
            raise refuse("No orderbook exists for the requested token id", 404)
        return found

    def _asked(self, body: object) -> list[tuple[str, tuple[int, int], Obj]]:
        """Known tokens of a batch body; unknown ones are left out."""
        if not isinstance(body, list) or not all(isinstance(item, dict) and "token_id" in item for item in body):
            raise refuse("Invalid payload")
        if len(body) > BATCH:
            raise refuse("Payload exceeds the limit")
        found = []
        for item in body:
            try:
                found.append((str(item["token_id"]), self._token(str(item["token_id"])), item))
            except Refused:
                continue
        return found

    def book(self, request: Request) -> Obj:
        return self.views.book(*self._token(request.query_params.get("token_id")), self.clock.us)

    def books(self, _: Request, body: object) -> list[Obj]:
        return [self.views.book(*where, self.clock.us) for _, where, _ in self._asked(body)]

    def _quote(self, where: tuple[int, int]) -> tuple[int, int]:
        bid, ask = self.state.quote(where[0], self.clock.s)
        return (bid, ask) if where[1] == 0 else (ONE - ask, ONE - bid)

    def midpoint(self, request: Request) -> Obj:
        return {"mid": plain(sum(self._quote(self._token(request.query_params.get("token_id")))) * 5, 5)}

    def midpoints(self, _: Request, body: object) -> Obj:
        return {token: plain(sum(self._quote(where)) * 5, 5) for token, where, _ in self._asked(body)}

    def price(self, request: Request) -> Obj:
        bid, ask = self._quote(self._token(request.query_params.get("token_id")))
        side = request.query_params.get("side", "").upper()
        if side not in ("BUY", "SELL"):
            raise refuse("Invalid side")
        return {"price": plain(bid if side == "BUY" else ask, 4)}

    def prices(self, _: Request, body: object) -> Obj:
        found: Obj = {}
        for token, where, item in self._asked(body):
            bid, ask = self._quote(where)
            side = str(item.get("side") or "SELL")
            found.setdefault(token, {})[side] = plain(bid if side == "BUY" else ask, 4)
        return found

    def _spread(self, where: tuple[int, int]) -> str:
        bid, ask = self._quote(where)
        return plain(ask - bid, 4)

    def spread(self, request: Request) -> Obj:
        return {"spread": self._spread(self._token(request.query_params.get("token_id")))}

    def spreads(self, _: Request, body: object) -> Obj:
        return {token: self._spread(where) for token, where, _ in self._asked(body)}

    def _last(self, where: tuple[int, int]) -> Obj:
        i, outcome = where
        table = self.state.venue.trades
        rows = table.of(i, 0, table.visible(self.clock.us))
        if not rows:
            return {"price": "0.5", "side": ""}
        n = rows[-1]
        price = table.price[n] if outcome == 0 else ONE - table.price[n]
        buys = (table.key[n] % 2 == 0) == (outcome == 0)
        return {"price": plain(price, 4), "side": "BUY" if buys else "SELL"}

    def last_trade_price(self, request: Request) -> Obj:
        return self._last(self._token(request.query_params.get("token_id")))

    def last_trades_prices(self, _: Request, body: object) -> list[Obj]:
        return [{"token_id": token, **self._last(where)} for token, where, _ in self._asked(body)]

    def tick_size(self, request: Request) -> Obj:
        token = request.path_params.get("token") or request.query_params.get("token_id")
        return {"minimum_tick_size": number(self.state.tick(self._token(token)[0]), ONE)}

    def neg_risk(self, request: Request) -> Obj:
        return {"neg_risk": self.state.names.neg_risk(self._token(request.query_params.get("token_id"))[0])}

    def fee_rate(self, request: Request) -> Obj:
        self._token(request.query_params.get("token_id"))
        return {"base_fee": 1000}

    # --- listings

    def _page(self, request: Request, make: Any, *, sampling: bool) -> Obj:
        """A page of 1000 rows of every market ever created; ``sampling`` keeps those that trade."""
        start, now = read_place(request.query_params.get("next_cursor")), self.clock.s
        found, i = [], start
        while len(found) < PAGE and i < self.state.venue.ordinary:
            if self.state.listed(i, now) and (not sampling or self.state.trading(i, now)):
                found.append(make(i, now))
            i += 1
        following = i if i < self.state.venue.ordinary else None
        return {"limit": PAGE, "count": len(found), "next_cursor": place_cursor(following, "id:"), "data": found}

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
        found = self.state.names.find_token(request.path_params["token"])
        if found is None or not self.state.listed(found[0], self.clock.s):
            raise refuse("market not found", 404)
        tokens = [self.state.names.token(found[0], n) for n in (0, 1)]
        if self.state.venue.bits(found[0], 14) % 2:
            tokens.reverse()
        return {
            "condition_id": self.state.names.condition(found[0]),
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
        asked = (body.get("start_ts"), body.get("end_ts"), body.get("interval"), body.get("fidelity"))
        return {"history": {str(token): self._points(str(token), *asked) for token in body["markets"]}}

    def _points(
        self, token: str | None, start: int | None, end: int | None, interval: str | None, fidelity: object
    ) -> list[Obj]:
        if not token:
            raise refuse("invalid filters: 'market' is required")
        now = self.clock.s
        least = _LEAST_FIDELITY.get(interval or "", 1)
        step = int(str(fidelity)) if str(fidelity or "").isdigit() else 1
        if step < least:
            raise refuse(f"invalid filters: minimum 'fidelity' for '{interval}' range is {least}")
        low, high = _window(start, end, interval, now)
        found = self.state.names.find_token(token)
        if found is None or not self.state.listed(found[0], now):
            return []
        i, outcome = found
        if start is None and now >= self.state.venue.columns["settled"][i]:
            return []  # interval forms are anchored to now: nothing for resolved markets
        points = self.views.history(i, outcome, low, high, step * 60, now)
        if start is None:
            points = points[-_MOST_POINTS:]
        if self.state.trading(i, now) and points:  # the extra point, even where the window ended long ago
            middle = self.state.middle(i, now)
            points.append((now, middle if outcome == 0 else ONE * 10 - middle))
        return [{"t": t, "p": number(p, ONE * 10)} for t, p in points]

    # --- builders

    def builder_trades(self, request: Request) -> Obj:
        query = request.query_params
        code = query.get("builder_code", "")
        if not re.fullmatch(r"0x[0-9a-fA-F]{64}", code):
            raise refuse("invalid filters: 'builder_code' must be a bytes32 hex string")
        found, following = self.builders.page(query, read_place(query.get("next_cursor")), self.clock.us)
        return {"limit": 300, "count": len(found), "next_cursor": place_cursor(following), "data": found}

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


def _window(start: int | None, end: int | None, interval: str | None, now: int) -> tuple[int, int]:
    """Seconds from and to; timestamps win over the interval."""
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
