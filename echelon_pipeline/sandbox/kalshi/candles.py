"""Kalshi candlesticks of generated instruments.

Belongs here: aggregating trades and minute quotes into periods. A candle is labelled by its inclusive end. Quotes are
on a minute grid, so a day's high is the high of its minutes. Daily candles are Eastern days, as at the venue. Block
trades count in the volume and not in the prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from echelon_pipeline.sandbox.kalshi.views import KalshiViews, open_interest
from echelon_pipeline.sandbox.server.wire import contracts, dollars
from echelon_pipeline.sandbox.universe.paths import ONE, bid_ask, mids
from echelon_pipeline.sandbox.universe.randomness import Array
from echelon_pipeline.sandbox.universe.trades import is_block, ticks

Obj = dict[str, Any]
Ohlc = tuple[int, int, int, int]
_EASTERN = ZoneInfo("America/New_York")
_NAMES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Candle:
    """One period. Prices in 1e-4 dollars; ``price`` and ``mean`` are None without trades."""

    end: int
    bid: Ohlc
    ask: Ohlc
    price: Ohlc | None
    mean: int | None
    previous: int | None
    size: int
    interest: int


def ends_between(start: int, end: int, minutes: int) -> list[int]:
    """Ends of periods in [start, end] (Unix seconds)."""
    if minutes < 1440:
        step = minutes * 60
        return list(range(-(-start // step) * step, end + 1, step))
    day = (datetime.fromtimestamp(start, UTC).astimezone(_EASTERN) - timedelta(days=1)).date()
    ends: list[int] = []
    while True:
        at = int(datetime(day.year, day.month, day.day, tzinfo=_EASTERN).timestamp())
        if at > end:
            return ends
        if at >= start:
            ends.append(at)
        day += timedelta(days=1)


def candles(views: KalshiViews, i: int, start: int, end: int, minutes: int, now: int) -> list[Candle]:
    """Complete candles of one instrument with ends in [start, end], within its trading time."""
    c = views.venue.columns
    opens, closes = c["opens"][i], c["closes"][i]
    ends = ends_between(max(start, opens + 1), min(end, now, closes + minutes * 60 - 1), minutes)
    if not ends:
        return []
    begins = [ends_between(ends[0] - 2 * minutes * 60, ends[0] - 1, minutes)[-1], *ends[:-1]]
    quotes = _quotes(views, i, begins, ends)
    table = views.venue.trades
    rows = table.of(i, table.visible(begins[0] * 1_000_000), table.visible(ends[-1] * 1_000_000))
    first = rows[0] if rows else table.visible(ends[-1] * 1_000_000)
    _, total, _ = table.totals(i, first)
    previous, at = table.last_price(i, first), 0
    result: list[Candle] = []
    for number, end_at in enumerate(ends):
        inside: list[int] = []
        while at < len(rows) and table.t[rows[at]] <= end_at * 1_000_000:
            inside.append(rows[at])
            at += 1
        size = sum(table.size[n] for n in inside)
        total += size
        open_prints = [(table.price[n], table.size[n]) for n in inside if not is_block(table.key[n])]
        bid, ask = quotes[number]
        result.append(_candle(end_at, bid, ask, open_prints, previous, size, open_interest(total)))
        previous = table.price[inside[-1]] if inside else previous
    return result


def _candle(
    end: int,
    bid: Ohlc,
    ask: Ohlc,
    prints: list[tuple[int, int]],
    previous: int | None,
    size: int,
    interest: int,
) -> Candle:
    if not prints:
        return Candle(end, bid, ask, None, None, previous, size, interest)
    prices = [price for price, _ in prints]
    mean = sum(price * amount for price, amount in prints) // sum(amount for _, amount in prints)
    ohlc = (prices[0], max(prices), min(prices), prices[-1])
    return Candle(end, bid, ask, ohlc, mean, previous, size, interest)


def _quotes(views: KalshiViews, i: int, begins: list[int], ends: list[int]) -> list[tuple[Ohlc, Ohlc]]:
    """Open, high, low, close of bid and ask over the minutes of each period."""
    c = views.venue.columns
    first, last = max(begins[0], c["opens"][i]) // 60, (min(ends[-1], c["closes"][i]) - 1) // 60
    minute = np.arange(first, last + 1)
    grid = views.venue.grid(i)
    bid, ask = bid_ask(mids(views.venue.shape(i), minute), np.array(ticks(grid)), np.array(1 + grid // 8 % 4))
    if views.has_only_asks(i):
        bid = bid * 0
    starts = np.searchsorted(minute, np.array(begins) // 60)
    starts = starts[starts < len(minute)]
    quotes = list(zip(_periods(bid, starts), _periods(ask, starts), strict=True))
    return quotes + [((0, 0, 0, 0), (ONE, ONE, ONE, ONE))] * (len(begins) - len(quotes))


def _periods(quote: Array, starts: Array) -> list[Ohlc]:
    """Open, high, low, close of the ranges of minutes that begin at ``starts``."""
    last = np.append(starts[1:], len(quote)) - 1
    columns = (quote[starts], np.maximum.reduceat(quote, starts), np.minimum.reduceat(quote, starts), quote[last])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def as_live(candle: Candle) -> Obj:
    """A candle of the live tier: names have suffixes, missing prices are left out."""
    price: Obj = {}
    if candle.price is not None:
        price = {f"{n}_dollars": dollars(v) for n, v in zip(_NAMES, candle.price, strict=True)}
    if candle.mean is not None:
        price["mean_dollars"] = dollars(candle.mean)
    if candle.previous is not None:
        price["previous_dollars"] = dollars(candle.previous)
    return {
        "end_period_ts": candle.end,
        "yes_bid": {f"{n}_dollars": dollars(v) for n, v in zip(_NAMES, candle.bid, strict=True)},
        "yes_ask": {f"{n}_dollars": dollars(v) for n, v in zip(_NAMES, candle.ask, strict=True)},
        "price": price,
        "volume_fp": contracts(candle.size),
        "open_interest_fp": contracts(candle.interest),
    }


def as_historical(candle: Candle) -> Obj:
    """A candle of the historical tier: the same strings, names without suffixes, missing prices are null."""
    prices: tuple[int | None, ...] = candle.price or (None,) * 4
    price: Obj = {n: None if v is None else dollars(v) for n, v in zip(_NAMES, prices, strict=True)}
    price["mean"] = None if candle.mean is None else dollars(candle.mean)
    price["previous"] = None if candle.previous is None else dollars(candle.previous)
    return {
        "end_period_ts": candle.end,
        "yes_bid": {n: dollars(v) for n, v in zip(_NAMES, candle.bid, strict=True)},
        "yes_ask": {n: dollars(v) for n, v in zip(_NAMES, candle.ask, strict=True)},
        "price": price,
        "volume": contracts(candle.size),
        "open_interest": contracts(candle.interest),
    }
