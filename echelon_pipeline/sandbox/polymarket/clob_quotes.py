"""CLOB endpoints of one token's book: books, prices, spreads, tick sizes, single and in batches.

Belongs here: the quote routes (reference: Polymarket 2.1). The plural GET forms answer 400, as at the venue.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from echelon_pipeline.sandbox.polymarket.clob_views import ClobViews
from echelon_pipeline.sandbox.polymarket.state import PolymarketState
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.wire import ErrorResponse, number, plain
from echelon_pipeline.sandbox.universe.paths import ONE

Obj = dict[str, Any]
BATCH = 500


def refuse(message: str, status: int = 400) -> ErrorResponse:
    """The CLOB's error body."""
    return ErrorResponse(status, {"error": message})


class ClobQuotes:
    """Handlers by path below /clob; POST handlers take the decoded body too."""

    def __init__(self, state: PolymarketState, views: ClobViews, clock: SandboxClock) -> None:
        self.state = state
        self.views = views
        self.clock = clock

    def routes(self) -> dict[str, Any]:
        """GET handlers by path."""
        invalid = self._invalid_payload
        return {
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
        }

    def posts(self) -> dict[str, Any]:
        """POST handlers by path."""
        return {
            "/books": self.books,
            "/midpoints": self.midpoints,
            "/prices": self.prices,
            "/spreads": self.spreads,
            "/last-trades-prices": self.last_trades_prices,
        }

    @staticmethod
    def _invalid_payload(_: Request) -> Obj:
        raise refuse("Invalid payload")

    def _token(self, text: str | None) -> tuple[int, int]:
        """Row and outcome of a token with a live book."""
        if not text or not text.isdigit():
            raise refuse("Invalid token id")
        where = self.state.names.find_token(text)
        if (
            where is None
            or not self.state.listed(where[0], self.clock.s)
            or not self.state.trading(where[0], self.clock.s)
        ):
            raise refuse("No orderbook exists for the requested token id", 404)
        return where

    def _batch(self, body: object) -> list[tuple[str, tuple[int, int], Obj]]:
        """Known tokens of a batch body; unknown tokens are left out."""
        if not isinstance(body, list) or not all(isinstance(item, dict) and "token_id" in item for item in body):
            raise refuse("Invalid payload")
        if len(body) > BATCH:
            raise refuse("Payload exceeds the limit")
        items = []
        for item in body:
            try:
                items.append((str(item["token_id"]), self._token(str(item["token_id"])), item))
            except ErrorResponse:
                continue
        return items

    def book(self, request: Request) -> Obj:
        return self.views.book(*self._token(request.query_params.get("token_id")), self.clock.us)

    def books(self, _: Request, body: object) -> list[Obj]:
        return [self.views.book(*where, self.clock.us) for _, where, _ in self._batch(body)]

    def _quote(self, where: tuple[int, int]) -> tuple[int, int]:
        bid, ask = self.state.books.quote(where[0], self.clock.us)
        return (bid, ask) if where[1] == 0 else (ONE - ask, ONE - bid)

    def midpoint(self, request: Request) -> Obj:
        return {"mid": plain(sum(self._quote(self._token(request.query_params.get("token_id")))) * 5, 5)}

    def midpoints(self, _: Request, body: object) -> Obj:
        return {token: plain(sum(self._quote(where)) * 5, 5) for token, where, _ in self._batch(body)}

    def price(self, request: Request) -> Obj:
        bid, ask = self._quote(self._token(request.query_params.get("token_id")))
        side = request.query_params.get("side", "").upper()
        if side not in ("BUY", "SELL"):
            raise refuse("Invalid side")
        return {"price": plain(bid if side == "BUY" else ask, 4)}

    def prices(self, _: Request, body: object) -> Obj:
        by_token: Obj = {}
        for token, where, item in self._batch(body):
            bid, ask = self._quote(where)
            side = str(item.get("side") or "SELL")
            by_token.setdefault(token, {})[side] = plain(bid if side == "BUY" else ask, 4)
        return by_token

    def _spread(self, where: tuple[int, int]) -> str:
        bid, ask = self._quote(where)
        return plain(ask - bid, 4)

    def spread(self, request: Request) -> Obj:
        return {"spread": self._spread(self._token(request.query_params.get("token_id")))}

    def spreads(self, _: Request, body: object) -> Obj:
        return {token: self._spread(where) for token, where, _ in self._batch(body)}

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
        return [{"token_id": token, **self._last(where)} for token, where, _ in self._batch(body)]

    def tick_size(self, request: Request) -> Obj:
        token = request.path_params.get("token") or request.query_params.get("token_id")
        return {"minimum_tick_size": number(self.state.tick(self._token(token)[0], self.clock.s), ONE)}

    def neg_risk(self, request: Request) -> Obj:
        return {"neg_risk": self.state.names.neg_risk(self._token(request.query_params.get("token_id"))[0])}

    def fee_rate(self, request: Request) -> Obj:
        self._token(request.query_params.get("token_id"))
        return {"base_fee": 1000}
