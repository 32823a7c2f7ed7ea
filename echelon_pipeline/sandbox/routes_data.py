"""Data API endpoints, v1 and v2, over a generated universe.

Belongs here: trades, tokens, resolutions, price history, open interest, holders, builder figures
(reference: Polymarket 3.4, 4). v1 speaks camelCase in bare arrays, v2 snake_case in an envelope.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox.builders import CODES, NAMES, Builders, side_of, wallet
from echelon_pipeline.sandbox.catalog import DAY
from echelon_pipeline.sandbox.clob_views import ClobViews
from echelon_pipeline.sandbox.clock import SandboxClock
from echelon_pipeline.sandbox.data_query import DataQuery, deny
from echelon_pipeline.sandbox.gamma_views import PolymarketState
from echelon_pipeline.sandbox.names import EVENT_ID
from echelon_pipeline.sandbox.paths import ONE
from echelon_pipeline.sandbox.wire import cursor_of, iso, many, number

Obj = dict[str, Any]
PERIODS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY, "all": 10_000 * DAY}
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
    """Handlers by path below /data; each takes a request and gives the body."""

    def __init__(self, state: PolymarketState, builders: Builders, clock: SandboxClock) -> None:
        self.state = state
        self.query = DataQuery(state)
        self.clob = ClobViews(state)
        self.builders = builders
        self.clock = clock

    def routes(self) -> dict[str, Any]:
        """Paths in the order they are tried."""
        return {
            "/": lambda _: {"data": "OK"},
            "/trades": self.v1_trades,
            "/oi": self.v1_oi,
            "/holders": self.v1_holders,
            "/v1/builders/leaderboard": self.v1_leaderboard,
            "/v1/builders/volume": self.v1_volume,
            "/v2/status": self.status,
            "/v2/trades": self.trades,
            "/v2/tokens": self.tokens,
            "/v2/resolutions": self.resolutions,
            "/v2/prices-history": self.prices_history,
            "/v2/oi": self.oi,
            "/v2/holders": self.holders,
            "/v2/builders/leaderboard": self.leaderboard,
            "/v2/builders/volume": self.volume,
        }

    # --- trades

    def _trade(self, n: int) -> Obj:
        """One row with v2's names; ``price`` of one in ten is an average with many digits."""
        table, names, i = self.state.venue.trades, self.state.names, self.state.venue.trades.inst[n]
        key, event = table.key[n], self.state.venue.event_of(i)
        outcome, buys = side_of(key)
        price = table.price[n] if outcome == 0 else ONE - table.price[n]
        combo = bool(event.legs)
        person = key % 5_000
        return {
            "proxy_wallet": wallet(self.state, key),
            "side": "BUY" if buys else "SELL",
            "token_id": names.token(i, outcome),
            "condition_id": names.condition(i),
            "size": number(table.size[n], 10**6),
            "price": (price * 300 + 1) / (ONE * 300) if key // 2**9 % 10 == 0 else number(price, ONE),
            "timestamp": table.t[n] // 1_000_000,
            "title": "" if combo else event.topic.title(),
            "slug": "" if combo else names.slug(i),
            "icon": "",
            "event_slug": "" if combo else names.events[self.state.venue.columns["event"][i]],
            "outcome": "" if combo else names.outcomes(i)[outcome],
            "outcome_index": 999 if combo else outcome,
            "name": f"trader{person}",
            "pseudonym": f"Sample-{person}",
            "bio": "",
            "profile_image": "",
            "profile_image_optimized": "",
            "transaction_hash": f"0x{self.state.universe.digests.hex('tx', table.tx[n])}",
        }

    def trades(self, request: Request) -> Obj:
        query = request.query_params
        size = _limit(query)
        rows, following = self.query.trades(query, self.clock.us, size)
        return _envelope([self._trade(n) for n in rows], size, None if following is None else f"d:{following}")

    def v1_trades(self, request: Request) -> list[Obj]:
        query = request.query_params
        rows = self.query.v1_trades(query, self.clock.us)
        return [{_CAMEL.get(k, k): v for k, v in self._trade(n).items()} for n in rows]

    # --- markets

    def _rows(self, query: QueryParams, most: int) -> list[int]:
        """Markets of ``condition`` or ``event_id`` (Gamma id)."""
        conditions, events = many(query, "condition"), many(query, "event_id")
        if conditions and events:
            raise deny("must provide either eventId or condition, not both", "condition")
        if len(conditions) > most or len(events) > 20:
            raise deny(f"at most {most} values", "condition" if conditions else "event_id")
        now = self.clock.s
        found = [row for c in conditions if (row := self.state.names.find_condition(c)) is not None]
        for text in events:
            n = int(text) - EVENT_ID if text.isdigit() else -1
            if 0 <= n < len(self.state.venue.events):
                event = self.state.venue.events[n]
                found += range(event.first, event.first + event.count)
        return [i for i in found if self.state.venue.columns["created"][i] <= now]

    def tokens(self, request: Request) -> Obj:
        query = request.query_params
        tokens = many(query, "token_id")
        if len(tokens) > 50:
            raise deny("at most 50 values", "token_id")
        pairs = [found for t in tokens if (found := self.state.names.find_token(t)) is not None]
        pairs += [(i, n) for i in self._rows(query, 10) for n in range(len(self.state.names.outcomes(i)))]
        return _envelope([self._token(i, n) for i, n in pairs], 100, None)

    def _token(self, i: int, outcome: int) -> Obj:
        names, now = self.state.names, self.clock.s
        settled = now >= self.state.venue.columns["settled"][i]
        final = self.state.venue.columns["final"][i]
        combo, neg = bool(self.state.venue.event_of(i).legs), names.neg_risk(i)
        module = "combo" if combo else "v1_ctf" if names.version(i) == "v1" else "neg_risk" if neg else "binary"
        return {
            "token_id": names.token(i, outcome),
            "condition_id": names.condition(i),
            "module": module,
            "outcome": "" if combo else names.outcomes(i)[outcome],
            "outcome_index": 999 if combo else outcome,
            "opposite_token_id": names.token(i, 1 - outcome) if outcome < 2 else "",
            "resolved": settled,
            "final_price": number(final if outcome == 0 else ONE - final, ONE) if settled else None,
            "neg_risk": neg,
        }

    def resolutions(self, request: Request) -> Obj:
        query = request.query_params
        if not (query.get("condition") or query.get("event_id") or query.get("question_id")):
            raise deny("one of question_id, condition, event_id is required", "condition")
        return _envelope([self._resolution(i) for i in self._rows(query, 20)], 100, None)

    def _resolution(self, i: int) -> Obj:
        c, now = self.state.venue.columns, self.clock.s
        uma = self.state.uma(i, now)
        settled, final = uma == "resolved", c["final"][i]
        disputed = c["settled"][i] - c["determined"][i] > DAY and now >= c["determined"][i]
        updown = self.state.venue.event_of(i).topic.family.style == "updown"
        return {
            "condition_id": self.state.names.condition(i),
            "question_id": f"0x{self.state.names.question(i)}",
            "status": uma or "initialized",
            "payouts": [final * 100, 1_000_000 - final * 100] if settled else None,
            "price": str(final * 10**14) if settled else "69",
            "was_disputed": disputed,
            "expected_settlement_time": c["settled"][i] if uma == "proposed" else None,
            "reporter": "CHAINLINK" if updown else "UMA_OO",
            "market_type": "ATOMIC_NEGRISK" if self.state.names.neg_risk(i) else "BINARY",
        }

    def prices_history(self, request: Request) -> Obj:
        query, now = request.query_params, self.clock.s
        start, end, bucket, size = self.query.history_window(query, now, _WINDOWS)
        found = self.state.names.find_token(query.get("token_id", ""))
        if found is None:
            return _envelope([], size, None)
        i, outcome = found
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
        return _envelope(rows[at : at + size], size, f"d:{at + size}" if at + size < len(rows) else None)

    def _interest(self, i: int) -> int | float:
        seen = self.state.venue.trades.visible(self.clock.us)
        return number(self.state.venue.trades.totals(i, seen)[2] * 3 // 10, 10**6)

    def oi(self, request: Request) -> Obj:
        rows = self._rows(request.query_params, 20)
        return _envelope(
            [{"condition_id": self.state.names.condition(i), "value": self._interest(i)} for i in rows], 100, None
        )

    def v1_oi(self, request: Request) -> list[Obj]:
        found = [self.state.names.find_condition(c) for c in many(request.query_params, "market")]
        return [{"market": self.state.names.condition(i), "value": self._interest(i)} for i in found if i is not None]

    def _holders(self, i: int, outcome: int, most: int) -> list[tuple[str, int | float, int]]:
        keys = [self.state.venue.bits(i, 900 + outcome * 100 + n) for n in range(min(most, 20))]
        held = [(wallet(self.state, key), number(key % 10**9 * 100, 10**6), key % 5_000) for key in keys]
        return sorted(held, key=lambda h: -h[1])

    def holders(self, request: Request) -> Obj:
        rows = [
            {
                "token_id": self.state.names.token(i, n),
                "condition_id": self.state.names.condition(i),
                "proxy_wallet": who,
                "amount": amount,
                "outcome_index": n,
                "name": f"trader{person}",
                "pseudonym": f"Sample-{person}",
            }
            for i in self._rows(request.query_params, 20)
            for n in (0, 1)
            for who, amount, person in self._holders(i, n, 20)
        ]
        size = _limit(request.query_params)
        return _envelope(rows[:size], size, None)

    def v1_holders(self, request: Request) -> list[Obj] | None:
        wanted = many(request.query_params, "market")
        if not wanted or any(not c.startswith("0x") for c in wanted):
            raise deny("required query param 'market' not provided", v1=True)
        found = [row for c in wanted if (row := self.state.names.find_condition(c)) is not None]
        return [
            {
                "token": self.state.names.token(i, n),
                "holders": [
                    {"proxyWallet": who, "amount": amount, "outcomeIndex": n, "name": f"trader{person}"}
                    for who, amount, person in self._holders(i, n, 20)
                ],
            }
            for i in found
            for n in (0, 1)
        ] or None

    def status(self, _: Request) -> Obj:
        return {"data": {"status": "ok", "as_of": self.clock.s - 20}, "pagination": None}

    # --- builders

    def _ranked(self, period: str) -> list[tuple[int, int, int, int]]:
        since = max(self.clock.s - PERIODS[period], 0)
        return sorted(self.builders.volumes(since, self.clock.us), key=lambda v: -v[1])

    def leaderboard(self, request: Request) -> Obj:
        period = request.query_params.get("time_period", "day")
        if period not in PERIODS:
            raise deny("unknown time_period", "time_period")
        rows = [
            {
                "rank": rank + 1,
                "builder_name": NAMES[b],
                "builder_code": CODES[b],
                "profile_image": "",
                "verified": b < 3,
                "volume": number(shares, 10**6),
                "active_users": wallets,
            }
            for rank, (b, shares, _, wallets) in enumerate(self._ranked(period))
        ]
        size = _limit(request.query_params)
        return _envelope(rows[:size], size, None)

    def volume(self, request: Request) -> Obj:
        query = request.query_params
        interval = query.get("interval", "day")
        if interval not in PERIODS:
            raise deny("unknown interval", "interval")
        size = min(_limit(query, 30), 90)
        shares = self.builders.by_day(max(self.clock.s - size * DAY, 0), self.clock.us)
        rows = [
            {
                "date": iso(day * DAY)[:10],
                "builder_name": NAMES[b],
                "builder_code": CODES[b],
                "volume": number(v, 10**6),
            }
            for (b, day), v in sorted(shares.items(), key=lambda kv: (-kv[0][1], kv[0][0]))
        ]
        return _envelope(rows, size, None)

    def v1_leaderboard(self, request: Request) -> list[Obj]:
        query = request.query_params
        period = query.get("timePeriod", "DAY").lower()
        start, size = int(query.get("offset", 0)), min(int(query.get("limit", 25)), 50)
        rows = [
            {
                "rank": str(rank + 1),
                "builder": NAMES[b],
                "builderCode": CODES[b],
                "volume": number(cash, 10**6),
                "activeUsers": wallets,
                "verified": b < 3,
                "builderLogo": "",
            }
            for rank, (b, _, cash, wallets) in enumerate(self._ranked(period if period in PERIODS else "day"))
        ]
        return rows[start : start + size]

    def v1_volume(self, request: Request) -> list[Obj]:
        period = request.query_params.get("timePeriod", "DAY").lower()
        since = max(self.clock.s - PERIODS.get(period, DAY), 0)
        return [
            {
                "dt": iso(day * DAY),
                "builder": NAMES[b],
                "builderCode": CODES[b],
                "builderLogo": "",
                "verified": b < 3,
                "volume": number(shares, 10**6),
                "activeUsers": 1,
                "rank": str(b + 1),
            }
            for (b, day), shares in sorted(self.builders.by_day(since, self.clock.us).items())
        ]


_CAMEL = {
    "proxy_wallet": "proxyWallet",
    "token_id": "asset",
    "condition_id": "conditionId",
    "event_slug": "eventSlug",
    "outcome_index": "outcomeIndex",
    "profile_image": "profileImage",
    "profile_image_optimized": "profileImageOptimized",
    "transaction_hash": "transactionHash",
}


def _limit(query: QueryParams, default: int = 100) -> int:
    """v2 page size: above 1000 is refused, not clamped; ``offset`` is refused everywhere."""
    if "offset" in query:
        raise deny("offset is not supported, use cursor", "offset")
    text = query.get("limit")
    if text is None:
        return default
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise deny("limit must be between 1 and 1000", "limit")
    return int(text)


def _envelope(rows: list[Obj], size: int, following: str | None) -> Obj:
    page = {
        "limit": size,
        "offset": len(rows),
        "has_more": following is not None,
        "next_cursor": None if following is None else cursor_of(following),
    }
    return {"data": rows, "pagination": page}
