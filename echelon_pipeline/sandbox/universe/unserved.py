"""Recorded objects that cannot be served as their venue would serve them, listed by name.

Belongs here: finding these objects. ``kalshi/recorded.py`` and ``polymarket/recorded.py`` serve a recorded universe.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise

from echelon_pipeline.sandbox.universe.recorded import RecordedObject, RecordedUniverse

HOURLY = 60


def unserved(universe: RecordedUniverse) -> dict[str, list[str]]:
    """Names of objects by reason; only reasons that occur."""
    by_reason: dict[str, list[str]] = {}
    for reason, name in (*_files(universe), *_kalshi(universe), *_polymarket(universe)):
        by_reason.setdefault(reason, []).append(name)
    return {reason: sorted(names) for reason, names in by_reason.items()}


def is_combo(market: RecordedObject) -> bool:
    """Whether a market combines outcomes of other markets: it names a collection or its legs."""
    return bool(market.get("mve_collection_ticker") or market.get("mve_selected_legs"))


def settled_at(market: RecordedObject) -> str | None:
    """Settlement time of a market; if the payload has none, its close time."""
    stated = market.get("settlement_ts")
    return stated or (market.get("close_time") if market.get("status") in ("finalized", "settled") else None)


def candle_minutes(ends: list[int]) -> int:
    """Length of candles in minutes, from the median gap; a single candle counts as daily."""
    gaps = sorted(b - a for a, b in pairwise(ends))
    usual = gaps[len(gaps) // 2] // 60 if gaps else 1440
    return min((1, 60, 1440), key=lambda minutes: abs(minutes - usual))


def tokens_of(market: RecordedObject) -> list[str]:
    """Token ids of a Gamma market; none if the field is missing or unreadable."""
    served = market.get("clobTokenIds")
    try:
        tokens = json.loads(served) if isinstance(served, str) else served
    except ValueError:
        return []
    return [str(token) for token in tokens] if isinstance(tokens, list) else []


def _files(universe: RecordedUniverse) -> Iterator[tuple[str, str]]:
    yield from (("file of an unknown kind", name) for name in universe.unread)
    yield from (("file without a known object", name) for name in universe.empty)


def _kalshi(universe: RecordedUniverse) -> Iterator[tuple[str, str]]:
    markets, events = universe.objects["kalshi market"], universe.objects["kalshi event"]
    collections = universe.objects["kalshi collection"]
    for ticker, market in markets.items():
        if market.get("status") in ("finalized", "settled") and not market.get("settlement_ts"):
            yield "settled market without a settlement time: listed by its close_time", ticker
        if is_combo(market):
            if str(market.get("mve_collection_ticker") or "") not in collections:
                yield "combo without a recorded collection: listed as a combo, in no collection", ticker
        elif str(market.get("event_ticker")) not in events:
            yield "kalshi market without a recorded event: listed without the event", ticker
    traded = (str(trade.get("ticker")) for trade in universe.objects["kalshi trade"].values())
    yield from _of_unknown_markets("kalshi trade", traded, markets)
    yield from _of_unknown_markets("kalshi book", universe.books, markets)
    yield from _of_unknown_markets("kalshi candles", universe.candles, markets)
    for ticker, candles in universe.candles.items():
        if candle_minutes(sorted(candles)) != HOURLY:
            yield "kalshi candles that are not hourly: served with their own period_interval only", ticker


def _polymarket(universe: RecordedUniverse) -> Iterator[tuple[str, str]]:
    markets = universe.objects["gamma market"].values()
    events = {str(e["id"]) for m in markets for e in _events(m)} | set(universe.objects["gamma event"])
    inside = {
        str(one.get("conditionId"))
        for event in universe.objects["gamma event"].values()
        for one in event.get("markets") or []
        if isinstance(one, dict)
    }
    for market in markets:
        condition = str(market.get("conditionId"))
        named = any(str(e["id"]) in events for e in _events(market))
        if not market.get("closed") and not named and condition not in inside:
            yield "open polymarket market without an event: in no listing of open events", condition
    tokens = {token for market in markets for token in tokens_of(market)}
    conditions = {str(market.get("conditionId")) for market in markets}
    yield from _of_unknown_markets("polymarket history", universe.histories, tokens)
    yield from _of_unknown_markets("polymarket book", universe.objects["clob book"], tokens)
    trades = universe.objects["data trade"].values()
    yield from _of_unknown_markets("polymarket trade", (str(t.get("conditionId")) for t in trades), conditions)
    for trade in trades:
        yield (
            "polymarket trade of Data API v1: served at /data/trades, not at /data/v2/trades",
            str(trade.get("transactionHash")),
        )


def _events(market: RecordedObject) -> list[dict[str, object]]:
    events = market.get("events")
    return [one for one in events if isinstance(one, dict) and "id" in one] if isinstance(events, list) else []


def _of_unknown_markets(what: str, names: Iterable[str], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(name for name in names if name not in known):
        yield f"{what} of a market that is not recorded: served only by name", name
