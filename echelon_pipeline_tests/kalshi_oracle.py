"""What Kalshi payloads mean, in plain Python: the second opinion that the SQL is compared with.

Belongs here: values of a payload by the rules of the reference, row by row, with Decimal. Nothing is shared
with the SQL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

CENT = Decimal("0.01")
MICRO = Decimal("0.000001")
PICO = Decimal("0.000000000001")
EASTERN = ZoneInfo("America/New_York")

STATUS = {
    "initialized": "unopened",
    "unopened": "unopened",
    "inactive": "paused",
    "paused": "paused",
    "active": "active",
    "open": "active",
    "closed": "closed",
    "determined": "determined",
    "disputed": "determined",
    "amended": "determined",
    "finalized": "settled",
    "settled": "settled",
}


class Odd(Exception):  # noqa: N818 - a verdict, not an error
    """The payload cannot become a row; the message names the field."""


def rounded(value: Decimal, unit: Decimal) -> Decimal:
    return value.quantize(unit, rounding=ROUND_HALF_UP)


def said(o: Mapping[str, Any], key: str) -> str | None:
    """A member as text; None where it is missing, null or empty."""
    value = o.get(key)
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def identity(o: Mapping[str, Any], key: str) -> str:
    """An id; Odd for what can be none."""
    text = said(o, key)
    if text is None or text[0] in "{[":
        raise Odd(key)
    return text


def number(text: str | None, key: str) -> Decimal | None:
    """Plain digits as a number below 10^12; Odd for what is none."""
    if text is None:
        return None
    if not re.fullmatch(r"-?[0-9]+([.][0-9]+)?", text):
        raise Odd(key)
    value = rounded(Decimal(text), PICO)
    if abs(value) >= 10**12:
        raise Odd(key)
    return value


def price(o: Mapping[str, Any], name: str) -> Decimal | None:
    """Dollars by the key's name; both encodings must tell the same cent."""
    dollars = number(said(o, f"{name}_dollars"), f"{name}_dollars")
    if dollars is not None and not 0 <= dollars <= 1:
        raise Odd(f"{name}_dollars")
    cents = number(said(o, name), name)
    if cents is not None and (not 0 <= cents <= 100 or cents != int(cents) or str(said(o, name)).startswith("-")):
        raise Odd(name)
    if dollars is not None and cents is not None and abs(dollars - cents * CENT) >= CENT:
        raise Odd(f"{name}_dollars")
    if dollars is not None:
        return dollars
    return None if cents is None else cents * CENT


def contracts(o: Mapping[str, Any], name: str) -> Decimal | None:
    """Contracts by the key's name; both encodings must tell the same whole number."""
    fixed = number(said(o, f"{name}_fp"), f"{name}_fp")
    if fixed is not None and fixed < 0:
        raise Odd(f"{name}_fp")
    whole = number(said(o, name), name)
    if whole is not None and whole < 0:
        raise Odd(name)
    if fixed is not None and whole is not None and abs(fixed - whole) >= 1:
        raise Odd(f"{name}_fp")
    return whole if fixed is None else fixed


def moment(text: str | None) -> datetime | None:
    if text is None or text.startswith("0001-01-01"):
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def trade(o: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a trade; raises Odd where it has none."""
    trade_id, ticker = identity(o, "trade_id"), identity(o, "ticker")
    event_at = moment(said(o, "created_time"))
    if event_at is None:
        raise Odd("created_time")
    yes, no = price(o, "yes_price"), price(o, "no_price")
    if yes is None and no is None:
        raise Odd("yes_price_dollars")
    if yes is not None and no is not None and yes + no != 1:
        raise Odd("yes_price_dollars")
    yes = 1 - no if yes is None and no is not None else yes
    assert yes is not None
    size = contracts(o, "count")
    if size is None or rounded(size, MICRO) <= 0 or rounded(size, MICRO) >= 10**12:
        raise Odd("count_fp")
    side = (said(o, "taker_outcome_side") or said(o, "taker_side") or "").lower()
    if not side:
        side = {"bid": "yes", "ask": "no"}.get((said(o, "taker_book_side") or "").lower(), "")
    index = {"yes": 0, "no": 1}.get(side)
    paid = 1 - yes if index == 1 else yes
    size = rounded(size, MICRO)
    return {
        "trade_id": trade_id,
        "instrument_id": f"kalshi:{ticker}",
        "event_at": event_at,
        "date": event_at.date(),
        "outcome_index": index,
        "unmapped_reason": "no taker side" if index is None else None,
        "price": paid,
        "price_0": yes,
        "size": size,
        "taker_notional_usd": rounded(paid * size, MICRO),
        "taker_direction": None if index is None else 1 - 2 * index,
        "taker_side": None if index is None else "buy",
        "is_block_trade": said(o, "is_block_trade") == "true",
        "grain": "match",
        "identity": "strong",
        "ordinal": 0,
    }


def quote(value: Decimal | None) -> Decimal | None:
    """0 and 1 are no quotes."""
    return value if value is not None and 0 < value < 1 else None


def top_size(o: Mapping[str, Any], key: str) -> Decimal | None:
    """A size at the top of the book; None for what is none, which loses no market."""
    try:
        size = number(said(o, key), key)
    except Odd:
        return None
    return size if size is not None and size >= 0 else None


def odd_sizes(o: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Keys and texts of sizes at the top of the book that are served and are none."""
    keys = ("yes_bid_size_fp", "yes_ask_size_fp")
    return [(key, said(o, key)) for key in keys if said(o, key) is not None and top_size(o, key) is None]


def market(o: Mapping[str, Any], received: datetime) -> dict[str, Any]:
    """Some values of a market's rows, by table; raises Odd where it has none."""
    ticker = identity(o, "ticker")
    if said(o, "status") is None:
        raise Odd("status")
    named = {n: price(o, n) for n in ("yes_bid", "yes_ask", "no_bid", "no_ask", "last_price", "settlement_value")}
    sizes = {n: contracts(o, n) for n in ("volume", "volume_24h", "open_interest")}
    closes = moment(said(o, "close_time"))
    over = closes is not None and closes <= received
    status = STATUS.get(str(said(o, "status")).lower(), "closed" if over else "active")
    bid, ask = quote(named["yes_bid"]), quote(named["yes_ask"])
    return {
        "core.instruments": {
            "instrument_id": f"kalshi:{ticker}",
            "event_id": f"kalshi:{o['event_ticker']}" if o.get("event_ticker") else None,
            "status": status,
            "venue_status": o["status"],
            "is_disputed": str(o["status"]).lower() == "disputed",
            "is_combo": bool(o.get("mve_collection_ticker")),
            "closes_at": closes,
            "created_at": moment(said(o, "created_time")),
            "trading_ended_at": closes if over and status in {"closed", "determined", "settled"} else None,
        },
        "core.instrument_quotes": {
            "best_bid": None if bid is None else rounded(bid, MICRO),
            "best_ask": None if ask is None else rounded(ask, MICRO),
            "best_bid_size": top_size(o, "yes_bid_size_fp") if bid is not None else None,
            "best_ask_size": top_size(o, "yes_ask_size_fp") if ask is not None else None,
            "last_price": named["last_price"] or None,
            "volume": sizes["volume"],
            "volume_24h": sizes["volume_24h"],
            "open_interest": sizes["open_interest"],
        },
        "core.resolutions": resolution(o, status, named["settlement_value"]),
    }


def resolution(o: Mapping[str, Any], status: str, value: Decimal | None) -> dict[str, Any] | None:
    """Payouts, or None where the venue says nothing yet."""
    result = said(o, "result")
    if result is None and value is None and status not in {"determined", "settled"}:
        return None
    word = (result or "").lower()
    payout = {"yes": Decimal(1), "no": Decimal(0)}.get(word) if value is None else value
    known = payout is not None and (value is None or {"yes": Decimal(0), "no": Decimal(1)}.get(word) != value)
    final = "settled" if status == "settled" else "determined"
    return {
        "status": final if known else "unresolved",
        "result": result,
        "payout_0": payout if known else None,
        "payout_1": 1 - payout if known and payout is not None else None,
    }


@dataclass(frozen=True)
class Candle:
    """One candle of outcome 0."""

    end: int
    ohlc: tuple[Decimal, ...]
    previous: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    volume: Decimal | None
    open_interest: Decimal | None


def candle(o: Mapping[str, Any], *, historical: bool) -> Candle:
    """A candle; raises Odd where it cannot be used. Bare keys hold cents in the live tier only."""
    if (
        not re.fullmatch(r"[0-9]{1,11}", said(o, "end_period_ts") or "")
        or not 0 < int(o["end_period_ts"]) < 253402300800
    ):
        raise Odd("end_period_ts")
    for side in ("price", "yes_bid", "yes_ask"):
        if not isinstance(o.get(side), dict | None):
            raise Odd(side)

    def value(side: str, name: str) -> Decimal | None:
        members = dict(o.get(side) or {})
        if historical:
            members = {f"{name}_dollars": said(members, f"{name}_dollars") or said(members, name)}
        return price(members, name)

    prices = [value("price", n) for n in ("open", "high", "low", "close")]
    found = tuple(p for p in prices if p is not None)
    if len(found) not in (0, 4):
        raise Odd("price")
    if found and not (found[2] <= min(found[0], found[3]) and found[1] >= max(found[0], found[3])):
        raise Odd("price")
    return Candle(
        int(o["end_period_ts"]),
        found,
        value("price", "previous"),
        value("yes_bid", "close"),
        value("yes_ask", "close"),
        contracts(o, "volume"),
        contracts(o, "open_interest"),
    )


def day_of(end: int, minutes: int) -> date:
    """The day that a candle with this inclusive end belongs to."""
    zone = EASTERN if minutes == 1440 else UTC
    return (datetime.fromtimestamp(end, UTC) - timedelta(microseconds=1)).astimezone(zone).date()


def bounds(day: date, minutes: int) -> tuple[float, float]:
    zone = EASTERN if minutes == 1440 else UTC
    begin, end = (datetime.combine(d, time(), zone).timestamp() for d in (day, day + timedelta(days=1)))
    return begin, end


def days(
    candles: Iterable[Candle], minutes: int, spans: Sequence[tuple[int, int]], received: datetime
) -> dict[date, dict[str, Any]]:
    """Rows by day of candles that were read once; ``spans``: windows that were asked for and read whole."""
    by_day: dict[date, list[Candle]] = {}
    for one in candles:
        by_day.setdefault(day_of(one.end, minutes), []).append(one)
    rows = {}
    for day, some in by_day.items():
        some = sorted(some, key=lambda c: c.end)
        traded = [c.ohlc for c in some if c.ohlc]
        begin, end = bounds(day, minutes)
        reached = begin
        for low, high in sorted(spans):
            if low <= reached:
                reached = max(reached, min(high, received.timestamp()))
        volumes = [c.volume for c in some if c.volume is not None]
        rows[day] = {
            "open": traded[0][0] if traded else None,
            "high": max(t[1] for t in traded) if traded else None,
            "low": min(t[2] for t in traded) if traded else None,
            "close": traded[-1][3] if traded else None,
            "previous_close": some[0].previous,
            "bid_close": quote(some[-1].bid),
            "ask_close": quote(some[-1].ask),
            "volume": sum(volumes) if volumes else None,
            "open_interest": some[-1].open_interest,
            "n_samples": len(some),
            "grain_seconds": minutes * 60,
            "is_complete": reached >= end,
        }
    return rows
