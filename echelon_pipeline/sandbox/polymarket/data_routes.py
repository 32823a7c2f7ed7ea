"""Data API endpoints, v1 and v2, over a generated universe.

Belongs here: trades, tokens, resolutions, price history, open interest, holders, builder figures
(reference: Polymarket 3.4, 4). v1: camelCase in bare arrays; v2: snake_case in an envelope.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox.polymarket.builder_routes import BuilderFigures
from echelon_pipeline.sandbox.polymarket.builders import Builders, wallet
from echelon_pipeline.sandbox.polymarket.clob_views import ClobViews
from echelon_pipeline.sandbox.polymarket.data_query import DataQuery, deny, envelope, page_size, requested_conditions
from echelon_pipeline.sandbox.polymarket.data_views import CAMEL, DataViews
from echelon_pipeline.sandbox.polymarket.state import PolymarketState
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.wire import list_param, number
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.names import EVENT_ID
from echelon_pipeline.sandbox.universe.paths import ONE

Obj = dict[str, Any]
_WINDOWS = {
    "1m": 30 * DAY,
    "1w": 7 * DAY,
    "1d": DAY,
    "6h": 6 * 3600,
    "1h": 3600,
    "max": 3_000 * DAY,
    "all": 3_000 * DAY,
}


class Data:
    """Handlers by path below /data; each takes a request and returns the body."""

    def __init__(self, state: PolymarketState, builders: Builders, clock: SandboxClock) -> None:
        self.state = state
        self.query = DataQuery(state)
        self.clob = ClobViews(state)
        self.views = DataViews(state)
        self.figures = BuilderFigures(builders, clock)
        self.clock = clock

    def routes(self) -> dict[str, Any]:
        """Handlers by path, in the order of matching."""
        return {
            "/": lambda _: {"data": "OK"},
            "/trades": self.v1_trades,
            "/oi": self.v1_oi,
            "/holders": self.v1_holders,
            **self.figures.routes(),
            "/v2/status": self.status,
            "/v2/trades": self.trades,
            "/v2/tokens": self.tokens,
            "/v2/resolutions": self.resolutions,
            "/v2/prices-history": self.prices_history,
            "/v2/oi": self.oi,
            "/v2/holders": self.holders,
        }

    # --- trades

    def trades(self, request: Request) -> Obj:
        query = request.query_params
        size = page_size(query)
        rows, following = self.query.trades(query, self.clock.us, size)
        return envelope(self.views.trades(rows), size, None if following is None else f"d:{following}")

    def v1_trades(self, request: Request) -> list[Obj]:
        query = request.query_params
        rows = self.query.v1_trades(query, self.clock.us)
        return [{CAMEL.get(k, k): v for k, v in trade.items()} for trade in self.views.trades(rows)]

    # --- markets

    def _rows(self, query: QueryParams, maximum: int) -> list[int]:
        """Markets of ``condition`` or ``event_id`` (Gamma id)."""
        conditions, events = requested_conditions(query), list_param(query, "event_id")
        if conditions and events:
            raise deny("must provide either eventId or condition, not both", "condition")
        if len(conditions) > maximum or len(events) > 20:
            raise deny(f"at most {maximum} values", "condition" if conditions else "event_id")
        now = self.clock.s
        rows = [row for c in conditions if (row := self.state.names.find_condition(c)) is not None]
        for text in events:
            n = int(text) - EVENT_ID if text.isdigit() else -1
            if 0 <= n < len(self.state.venue.events):
                event = self.state.venue.events[n]
                rows += range(event.first, event.first + event.count)
        return [i for i in rows if self.state.venue.columns["created"][i] <= now]

    def tokens(self, request: Request) -> Obj:
        query = request.query_params
        tokens = list_param(query, "token_id")
        if len(tokens) > 50:
            raise deny("at most 50 values", "token_id")
        pairs = [where for t in tokens if (where := self.state.names.find_token(t)) is not None]
        pairs += [(i, n) for i in self._rows(query, 10) for n in range(len(self.state.names.outcomes(i)))]
        return envelope([self.views.token(i, n, self.clock.s) for i, n in pairs], 100, None)

    def resolutions(self, request: Request) -> Obj:
        query = request.query_params
        if not (requested_conditions(query) or query.get("event_id") or query.get("question_id")):
            raise deny("one of question_id, condition, event_id is required", "condition")
        return envelope([self.views.resolution(i, self.clock.s) for i in self._rows(query, 20)], 100, None)

    def prices_history(self, request: Request) -> Obj:
        query, now = request.query_params, self.clock.s
        start, end, bucket, size = self.query.history_window(query, now, _WINDOWS)
        where = self.state.names.find_token(query.get("token_id", ""))
        if where is None:
            return envelope([], size, None)
        i, outcome = where
        points = self.clob.history(i, outcome, start, end, bucket, now)
        rows = [{"timestamp": t, "price": number(p, ONE * 10), "resolution_seconds": bucket} for t, p in points]
        settled = self.state.venue.columns["settled"][i]
        if rows and settled <= min(end, now):
            final = self.state.venue.columns["final"][i]
            price = number(final if outcome == 0 else ONE - final, ONE)
            rows.append({"timestamp": settled, "price": price, "resolution_seconds": 0})
        elif rows and end >= now:
            middle = self.state.middle(i, now)
            price = number(middle if outcome == 0 else ONE * 10 - middle, ONE * 10)
            rows.append({"timestamp": now, "price": price, "resolution_seconds": 0})
        at = self.query.place(query)
        return envelope(rows[at : at + size], size, f"d:{at + size}" if at + size < len(rows) else None)

    def _interest(self, i: int) -> int | float:
        seen = self.state.venue.trades.visible(self.clock.us)
        return number(self.state.venue.trades.totals(i, seen)[2] * 3 // 10, 10**6)

    def oi(self, request: Request) -> Obj:
        rows = self._rows(request.query_params, 20)
        return envelope(
            [{"condition_id": self.state.names.condition(i), "value": self._interest(i)} for i in rows], 100, None
        )

    def v1_oi(self, request: Request) -> list[Obj]:
        rows = [self.state.names.find_condition(c) for c in list_param(request.query_params, "market")]
        return [{"market": self.state.names.condition(i), "value": self._interest(i)} for i in rows if i is not None]

    def _holders(self, i: int, outcome: int, maximum: int) -> list[tuple[str, int | float, int]]:
        keys = [self.state.venue.bits(i, 900 + outcome * 100 + n) for n in range(min(maximum, 20))]
        positions = [(wallet(self.state, key), number(key % 10**9 * 100, 10**6), key % 5_000) for key in keys]
        return sorted(positions, key=lambda h: -h[1])

    def holders(self, request: Request) -> Obj:
        rows = [
            {
                "token_id": self.state.names.token(i, n),
                "condition_id": self.state.names.condition(i),
                "proxy_wallet": who,
                "amount": amount,
                "outcome_index": n,
                "display_username_public": True,
                "verified": False,
                "name": f"trader{person}",
                "pseudonym": f"Sample-{person}",
            }
            for i in self._rows(request.query_params, 20)
            for n in (0, 1)
            for who, amount, person in self._holders(i, n, 20)
        ]
        size = page_size(request.query_params)
        return envelope(rows[:size], size, None)

    def v1_holders(self, request: Request) -> list[Obj] | None:
        wanted = list_param(request.query_params, "market")
        if not wanted or any(not c.startswith("0x") for c in wanted):
            raise deny("required query param 'market' not provided", v1=True)
        rows = [row for c in wanted if (row := self.state.names.find_condition(c)) is not None]
        return [
            {
                "token": self.state.names.token(i, n),
                "holders": [
                    {"proxyWallet": who, "amount": amount, "outcomeIndex": n, "name": f"trader{person}"}
                    for who, amount, person in self._holders(i, n, 20)
                ],
            }
            for i in rows
            for n in (0, 1)
        ] or None

    def status(self, _: Request) -> Obj:
        return {"data": {"status": "ok", "as_of": self.clock.s - 20}, "pagination": None}
