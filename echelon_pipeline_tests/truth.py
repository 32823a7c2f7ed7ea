"""What the sandbox's venues say, in plain Python: for comparing the lake with it, row by row.

Belongs here: reading endpoints to their end and computing days from what they serve. Nothing of the
pipeline is used: its clients, parsers and statements are what is compared.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Self

import httpx

Row = dict[str, Any]
EXACT, SHOWN = Decimal("0.000000000001"), Decimal("0.000001")
STATUS = {
    "initialized": "unopened",
    "inactive": "paused",
    "active": "active",
    "closed": "closed",
    "determined": "determined",
    "disputed": "determined",
    "amended": "determined",
    "finalized": "settled",
}


@dataclass(frozen=True)
class Print:
    """One trade: instrument, time, price of the traded outcome, size, outcome, price of outcome 0, direction."""

    instrument_id: str
    event_at: datetime
    price: Decimal
    size: Decimal
    outcome_index: int
    price_0: Decimal
    taker_direction: int
    is_block: bool


@dataclass(frozen=True)
class Day:
    """Prices of one instrument's day. ``opens``, ``closes``: prints of the first and the last moment."""

    opens: frozenset[Decimal]
    high: Decimal
    low: Decimal
    closes: frozenset[Decimal]
    vwap: Decimal
    volume: Decimal
    trades: int


class Truth:
    """A sandbox's answers at its present time."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=60)
        kalshi = "/trade-api/v2"
        listed = self._walk(f"{kalshi}/markets", "markets", limit=1000, mve_filter="exclude")
        self.kalshi = {m["ticker"]: m for m in listed}
        gamma = [
            m
            for closed in ("true", "false")
            for m in self._walk(
                "/gamma/markets/keyset", "markets", "after_cursor", "next_cursor", limit=100, closed=closed
            )
        ]
        self.polymarket = {m["conditionId"]: m for m in gamma if len(json.loads(m["outcomes"])) == 2}
        self.prints = [*self._kalshi_prints(), *self._polymarket_prints()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def statuses(self) -> dict[str, str]:
        """Our status of every Kalshi market."""
        return {f"kalshi:{ticker}": STATUS[m["status"]] for ticker, m in self.kalshi.items()}

    def payouts(self) -> dict[str, Decimal]:
        """Payout of outcome 0 of everything that is final."""
        final = {
            f"kalshi:{t}": Decimal(m["settlement_value_dollars"])
            for t, m in self.kalshi.items()
            if m["status"] == "finalized"
        }
        closed = {f"polymarket:{c}": m["outcomePrices"] for c, m in self.polymarket.items() if m["closed"]}
        return final | {c: Decimal(json.loads(prices)[0]) for c, prices in closed.items()}

    def days(self, of: Iterable[date]) -> dict[tuple[str, date], Day]:
        """Days recomputed from the prints; those with block trades only are left out."""
        grouped: dict[tuple[str, date], list[Print]] = defaultdict(list)
        wanted = set(of)
        for p in self.prints:
            if p.event_at.date() in wanted:
                grouped[p.instrument_id, p.event_at.date()].append(p)
        return {key: _day(prints) for key, prints in grouped.items() if not all(p.is_block for p in prints)}

    def candle_days(self, ticker: str, begin: datetime, end: datetime) -> dict[date, tuple[Any, ...]]:
        """Open, high, low, close, volume and number of the hourly candles by UTC day, as the venue serves them."""
        found: dict[date, list[Row]] = defaultdict(list)
        asked = {"start_ts": int(begin.timestamp()), "end_ts": int(end.timestamp()), "period_interval": 60}
        for market in self._get("/trade-api/v2/markets/candlesticks", market_tickers=ticker, **asked)["markets"]:
            for candle in market["candlesticks"]:
                if candle["end_period_ts"] > asked["start_ts"]:
                    found[datetime.fromtimestamp(candle["end_period_ts"] - 1, UTC).date()].append(candle)
        return {day: _candle_day(candles) for day, candles in found.items()}

    def mid_days(self, condition: str, begin: datetime, end: datetime) -> dict[date, tuple[Any, ...]]:
        """Open, high, low, close and number of outcome 0's samples before trading ended, by UTC day."""
        market = self.polymarket[condition]
        token = (
            market["positionIds"][0] if market.get("version") == "v2" else str(json.loads(market["clobTokenIds"])[0])
        )
        ended = market.get("closedTime")
        last = end if ended is None else min(end, datetime.fromisoformat(ended))
        asked = {"startTs": int(begin.timestamp()), "endTs": int(end.timestamp()), "fidelity": 60}
        found: dict[date, list[Decimal]] = defaultdict(list)
        for point in self._get("/clob/prices-history", market=token, **asked)["history"]:
            at = datetime.fromtimestamp(point["t"], UTC)
            if at < last:
                found[at.date()].append(Decimal(point["p"]).quantize(SHOWN))
        return {day: (p[0], max(p), min(p), p[-1], len(p)) for day, p in found.items()}

    def fills(self, code: str) -> dict[str, tuple[Any, ...]]:
        """Time, price, size, role, side, fee and builder fee of a builder's legs by id."""
        rows = self._walk("/clob/builder/trades", "data", "next_cursor", "next_cursor", builder_code=code)
        return {
            f"polymarket:{r['id']}": (
                datetime.fromtimestamp(int(r["matchTime"]), UTC),
                *(Decimal(r[name]) for name in ("price", "size")),
                r["tradeType"].lower(),
                r["side"].lower(),
                *(Decimal(r[name]) for name in ("feeUsdc", "builderFee")),
            )
            for r in rows
        }

    def _kalshi_prints(self) -> Iterable[Print]:
        for t in self._walk("/trade-api/v2/markets/trades", "trades", limit=1000):
            if t["ticker"] in self.kalshi:
                outcome = 0 if t["taker_outcome_side"] == "yes" else 1
                prices = (Decimal(t["yes_price_dollars"]), Decimal(t["no_price_dollars"]))
                at = datetime.fromisoformat(t["created_time"])
                size, block = Decimal(t["count_fp"]), bool(t["is_block_trade"])
                name = f"kalshi:{t['ticker']}"
                yield Print(name, at, prices[outcome], size, outcome, prices[0], 1 - 2 * outcome, block)

    def _polymarket_prints(self) -> Iterable[Print]:
        for t in self._walk("/data/v2/trades", "data", limit=1000, taker_only="true", filter_amount=0):
            if t["condition_id"] in self.polymarket:
                outcome, price = t["outcome_index"], Decimal(t["price"]).quantize(EXACT)
                direction = 1 if (t["side"] == "BUY") == (outcome == 0) else -1
                at = datetime.fromtimestamp(t["timestamp"], UTC)
                name, price_0 = f"polymarket:{t['condition_id']}", price if outcome == 0 else 1 - price
                yield Print(name, at, price, Decimal(t["size"]), outcome, price_0, direction, False)

    def _get(self, path: str, **query: Any) -> Row:
        answer = self._http.get(path, params=query)
        answer.raise_for_status()
        body: Row = json.loads(answer.text, parse_float=Decimal)
        return body

    def _walk(self, path: str, name: str, sent: str = "cursor", given: str = "cursor", **query: Any) -> list[Row]:
        rows: list[Row] = []
        cursor: str | None = None
        while True:
            body = self._get(path, **query, **({sent: cursor} if cursor else {}))
            rows += body[name]
            cursor = body["pagination"]["next_cursor"] if "pagination" in body else body.get(given)
            if not cursor or cursor == "LTE=":
                return rows


def _day(prints: list[Print]) -> Day:
    on_book = [p for p in prints if not p.is_block]
    first, last = min(p.event_at for p in on_book), max(p.event_at for p in on_book)
    shown = [(p.event_at, p.price_0.quantize(SHOWN)) for p in on_book]
    return Day(
        opens=frozenset(price for at, price in shown if at == first),
        high=max(price for _, price in shown),
        low=min(price for _, price in shown),
        closes=frozenset(price for at, price in shown if at == last),
        vwap=sum((p.price_0 * p.size for p in on_book), Decimal(0)) / sum((p.size for p in on_book), Decimal(0)),
        volume=sum((p.size for p in prints), Decimal(0)),
        trades=len(prints),
    )


def _candle_day(candles: list[Row]) -> tuple[Any, ...]:
    traded = [c["price"] for c in candles if c["price"].get("open_dollars") is not None]
    volume = sum((Decimal(c["volume_fp"]) for c in candles), Decimal(0))
    if not traded:
        return (None, None, None, None, volume, len(candles))
    return (
        Decimal(traded[0]["open_dollars"]),
        max(Decimal(p["high_dollars"]) for p in traded),
        min(Decimal(p["low_dollars"]) for p in traded),
        Decimal(traded[-1]["close_dollars"]),
        volume,
        len(candles),
    )


def counted(prints: Iterable[Print], begin: datetime, end: datetime) -> Counter[tuple[Any, ...]]:
    """Prints of [begin, end) as rows of core.trades, with how often each stands."""
    return Counter(
        (p.instrument_id, p.event_at, p.price, p.size, p.outcome_index, p.price_0, p.taker_direction, p.is_block)
        for p in prints
        if begin <= p.event_at < end
    )
