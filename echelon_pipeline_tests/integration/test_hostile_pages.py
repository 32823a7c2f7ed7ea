"""Whole pages with hostile members, every list that is walked: the others land, the member is a dead letter.

Belongs here: pages through clients, raw store and parsers to the lake, as the venues' own bytes. The members are those
of ``hostile.py``; what the cutter does with each is in ``unit/test_cutting.py``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from echelon_pipeline.ingest.fills import ingest_fills
from echelon_pipeline.ingest.leaderboards import ingest_leaderboard
from echelon_pipeline.ingest.listings import derive_listings, fetch_listings
from echelon_pipeline.ingest.prices import ingest_prices
from echelon_pipeline.ingest.resolutions import ingest_resolutions
from echelon_pipeline.ingest.trades import ingest_trades
from echelon_pipeline.lake.session import Session
from echelon_pipeline.venues.kalshi.client import KalshiClient
from echelon_pipeline.venues.kalshi.cutoff import cutoff_of
from echelon_pipeline.venues.kalshi.walks import KalshiListings, KalshiPrices, KalshiTrades
from echelon_pipeline.venues.polymarket.client import PolymarketClient
from echelon_pipeline.venues.polymarket.programme import BuilderFills, BuilderRanking, DataPayouts
from echelon_pipeline.venues.polymarket.walks import PolymarketListings, PolymarketPrices, PolymarketTrades
from echelon_pipeline_tests.hostile import HOSTILE, dumped
from echelon_pipeline_tests.integration.test_bad_input import (
    CUTOFF,
    DAY,
    data_trade,
    gamma_market,
    kalshi_market,
    kalshi_trade,
    session_in,
)
from echelon_pipeline_tests.rows import Row, stored

# What is odd and yet JSON of an object with an id would be a member like others: none of these has one.
ODD = list(HOSTILE.values())
Answer = Callable[[str, Mapping[str, str], bytes], bytes | None]


def among(good: list[bytes]) -> bytes:
    """An array that begins and ends with hostile members, and has good ones between them."""
    middle = b", ".join([*good[: len(good) // 2], *ODD[4:], *good[len(good) // 2 :]])
    return b"[" + b", ".join(ODD[:2]) + b", " + middle + b", " + b", ".join(ODD[2:4]) + b"]"


def page(name: str, good: list[Row], **rest: object) -> bytes:
    """``{name: [...]}`` with hostile members among the good ones."""
    more = b"".join(b", " + dumped(key) + b": " + dumped(value) for key, value in rest.items())
    return b'{"' + name.encode() + b'": ' + among([dumped(row) for row in good]) + more + b"}"


def transport(answer: Answer) -> httpx.MockTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        body = answer(request.url.path, dict(request.url.params), request.content)
        if body is None:
            empty: Row = {n: [] for n in ("markets", "events", "series", "trades", "data", "history")}
            bare = "gamma" in request.url.host and not request.url.path.endswith("keyset")
            body = b"[]" if bare else dumped({**empty, "cursor": "", "pagination": {"has_more": False}})
        return httpx.Response(200, content=body)

    return httpx.MockTransport(handle)


def dead(session: Session, endpoint: str) -> set[str]:
    letters = [r for r in stored(session.lake, "core.dead_letters") if r["endpoint"] == endpoint]
    assert all(r["reason"] for r in letters)
    return {r["payload"] for r in letters}


# As stored: bytes that are not UTF-8 are replaced, for text can hold no others.
KEPT = {payload.decode("utf-8", "replace") for payload in ODD}


def test_kalshis_lists_land_around_hostile_members(tmp_path: Path) -> None:
    session = session_in(tmp_path)
    candles = [
        {"market_ticker": name, "candlesticks": [_candle(hour) for hour in range(1, 3)]} for name in ("GOOD", "FINE")
    ]
    served = {
        "/events": page("events", [{"event_ticker": "E", "series_ticker": "S", "title": "t"}], cursor=""),
        "/series": page("series", [{"ticker": "S", "title": "t"}, {"ticker": "R", "title": "t"}], cursor=""),
        "/markets/candlesticks": page("markets", candles),
        "/historical/cutoff": dumped(CUTOFF),
    }

    def answer(path: str, query: Mapping[str, str], _body: bytes) -> bytes | None:
        path = path.removeprefix("/trade-api/v2")
        if path == "/markets" and query.get("status") == "open":
            return page("markets", [kalshi_market("GOOD"), kalshi_market("FINE")], cursor="")
        if path == "/markets/trades":
            good = [kalshi_trade(name) for name in "abc"] if query["ticker"] == "GOOD" else []
            return page("trades", good, cursor="")
        return served.get(path)

    async def go() -> None:
        async with KalshiClient(session.settings, transport=transport(answer)) as client:
            await fetch_listings(session, "kalshi", KalshiListings(client, session.settings))
            derive_listings(session, "kalshi", KalshiListings.kinds)
            cutoff = await cutoff_of(client)
            await ingest_trades(session, "kalshi", KalshiTrades(client, cutoff), [DAY])
            await ingest_prices(session, "kalshi", KalshiPrices(client, session.settings, cutoff), [DAY])

    asyncio.run(go())
    assert {r["native_id"] for r in stored(session.lake, "core.instruments")} == {"GOOD", "FINE"}
    assert {r["native_id"] for r in stored(session.lake, "core.events")} == {"E"}
    assert {r["native_id"] for r in stored(session.lake, "core.series")} == {"S", "R"}
    assert {r["trade_id"] for r in stored(session.lake, "core.trades")} == {"a", "b", "c"}
    prices = [r for r in stored(session.lake, "core.daily_prices") if r["price_source"] == "candle"]
    assert {(r["instrument_id"], r["n_samples"]) for r in prices} == {("kalshi:GOOD", 2), ("kalshi:FINE", 2)}
    for endpoint in ("markets", "events", "series", "trades", "candlesticks"):
        assert dead(session, endpoint) == KEPT, endpoint


def _candle(hour: int) -> Row:
    end = int(datetime(2026, 11, 20, hour, tzinfo=UTC).timestamp())
    return {"end_period_ts": end, "price": {}, "yes_bid": {}, "yes_ask": {}, "volume_fp": "0.00"}


def test_hostile_candles_cost_the_other_candles_of_their_market_nothing(tmp_path: Path) -> None:
    session = session_in(tmp_path)
    market = b'{"market_ticker": "GOOD", "candlesticks": ' + among([dumped(_candle(h)) for h in (1, 2, 3)]) + b"}"

    def answer(path: str, query: Mapping[str, str], _body: bytes) -> bytes | None:
        if path.endswith("/historical/cutoff"):
            return dumped(CUTOFF)
        if path.endswith("/markets/candlesticks"):
            return b'{"markets": [' + market + b"]}"
        if path.endswith("/markets") and query.get("status") == "open":
            return dumped({"markets": [kalshi_market("GOOD")], "cursor": ""})
        return None

    async def go() -> None:
        async with KalshiClient(session.settings, transport=transport(answer)) as client:
            await fetch_listings(session, "kalshi", KalshiListings(client, session.settings))
            derive_listings(session, "kalshi", KalshiListings.kinds)
            feed = KalshiPrices(client, session.settings, await cutoff_of(client))
            await ingest_prices(session, "kalshi", feed, [DAY])

    asyncio.run(go())
    prices = [r for r in stored(session.lake, "core.daily_prices") if r["price_source"] == "candle"]
    assert [(r["instrument_id"], r["n_samples"], r["is_complete"]) for r in prices] == [("kalshi:GOOD", 3, False)]
    letters = dead(session, "candlesticks")
    deep = {"deep arrays", "deep objects"}
    unsound = {"a control character", "NaN", "no JSON", "a number with a bare point", "nothing", *deep}
    assert {HOSTILE[name].decode() for name in unsound} <= letters
    (whole,) = letters - {HOSTILE[name].decode() for name in unsound}
    assert HOSTILE["a long name"].decode() in whole  # the others are counted in one letter of their market


def test_polymarkets_lists_land_around_hostile_members(tmp_path: Path) -> None:
    session = session_in(tmp_path, ECHELON_BUILDER_CODE=f"0x{0xB1:064x}", ECHELON_HISTORY_DAYS="1")
    event = b'{"id": "1", "title": "e", "closed": false, "markets": ' + among([dumped(gamma_market("0xa"))]) + b"}"
    token = {"t": int(datetime(2026, 11, 20, 1, tzinfo=UTC).timestamp()), "p": 0.5}
    served = {
        "/v2/trades": page("data", [data_trade(0), data_trade(1), data_trade(2)], pagination={"has_more": False}),
        "/series": among([dumped({"id": "7", "title": "s"})]),
        "/v2/resolutions": page(
            "data",
            [{"condition_id": "0xd", "status": "resolved", "payouts": [1000000, 0]}],
            pagination={"has_more": False},
        ),
        "/v2/builders/leaderboard": page(
            "data", [{"rank": 1, "builder_code": "0xb1", "volume": 2.5}], pagination={"has_more": False}
        ),
        "/builder/trades": page("data", [_leg("l1"), _leg("l2")], next_cursor="LTE="),
        "/events/keyset": b'{"events": ' + b"[null, " + event + b", " + b", ".join(ODD) + b"]}",
        "/batch-prices-history": b'{"history": {"x": null, "0xa1": '
        + dumped([token])
        + b', "odd": '
        + HOSTILE["deep arrays"]
        + b"}}",
    }

    def answer(path: str, query: Mapping[str, str], _body: bytes) -> bytes | None:
        if path == "/series" and query.get("offset"):
            return None
        if path == "/markets/keyset" and query.get("closed") == "true" and "condition_ids" not in query:
            return page("markets", [gamma_market("0xd", closed=True, endDate="2026-11-19T00:00:00Z")])
        return served.get(path)

    async def go() -> None:
        async with PolymarketClient(session.settings, transport=transport(answer)) as client:
            await fetch_listings(session, "polymarket", PolymarketListings(client, session.settings))
            derive_listings(session, "polymarket", PolymarketListings.kinds)
            feed = PolymarketTrades(client, session.settings, session.clock())
            await ingest_trades(session, "polymarket", feed, [DAY])
            await ingest_prices(session, "polymarket", PolymarketPrices(client), [DAY])
            await ingest_fills(session, "polymarket", BuilderFills(client), [DAY])
            await ingest_leaderboard(session, "polymarket", BuilderRanking(client))
            await ingest_resolutions(session, "polymarket", DataPayouts(client))

    asyncio.run(go())
    assert {r["native_id"] for r in stored(session.lake, "core.instruments")} == {"0xa", "0xd"}
    assert {r["native_id"] for r in stored(session.lake, "core.events")} == {"1"}
    assert {r["native_id"] for r in stored(session.lake, "core.series")} == {"7"}
    assert {r["transaction_hash"] for r in stored(session.lake, "core.trades")} == {"0x0", "0x1", "0x2"}
    assert {r["fill_id"] for r in stored(session.lake, "core.fills")} == {"polymarket:l1", "polymarket:l2"}
    assert {r["range"] for r in stored(session.lake, "core.builder_leaderboard")} == {"day", "week", "month", "all"}
    paid = {r["instrument_id"] for r in stored(session.lake, "core.resolutions") if r["source"] == "data_v2"}
    assert paid == {"polymarket:0xd"}
    sampled = [r for r in stored(session.lake, "core.daily_prices") if r["price_source"] == "mid_sample"]
    assert [r["n_samples"] for r in sampled] == [1]
    for endpoint in ("events", "markets", "series", "trades", "builder_trades", "builders_leaderboard", "resolutions"):
        assert dead(session, endpoint) >= KEPT, endpoint
    # Of a list of points the unreadable one is set apart: here the only one.
    assert dead(session, "prices_history") == {"null", "[]", HOSTILE["deep arrays"].decode()[1:-1]}


def _leg(name: str) -> Row:
    return {
        "id": name,
        "tradeType": "TAKER",
        "builderCode": "0xb1",
        "market": "0xa",
        "assetId": "0xa1",
        "side": "BUY",
        "size": "5",
        "price": "0.4",
        "status": "TRADE_STATUS_CONFIRMED",
        "matchTime": str(int(datetime(2026, 11, 20, 3, tzinfo=UTC).timestamp())),
    }


@pytest.mark.parametrize("bound", ["0", "5"])
def test_a_cut_emoji_in_one_title_costs_neither_the_market_nor_the_listing(tmp_path: Path, bound: str) -> None:
    session = session_in(tmp_path, KALSHI_MAX_INSTRUMENTS=bound)
    odd = dumped(kalshi_market("CUT", volume_24h_fp="900.00")).replace(b'"title": "t"', rb'"title": "t \ud83d"')
    assert rb"\ud83d" in odd

    def answer(path: str, query: Mapping[str, str], _body: bytes) -> bytes | None:
        if path.endswith("/markets") and query.get("status") == "open":
            good = [dumped(kalshi_market(f"M{n}")) for n in range(64)]
            return b'{"markets": [' + b",".join([*good, odd]) + b'], "cursor": ""}'
        return None

    async def go() -> None:
        async with KalshiClient(session.settings, transport=transport(answer)) as client:
            await fetch_listings(session, "kalshi", KalshiListings(client, session.settings))
        derive_listings(session, "kalshi", KalshiListings.kinds)

    asyncio.run(go())
    titles = {r["native_id"]: r["title"] for r in stored(session.lake, "core.instruments")}
    assert len(titles) == (65 if bound == "0" else 5)
    assert titles["CUT"] == "t \ufffd"
    assert stored(session.lake, "core.dead_letters") == []


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_list_that_is_served_in_two_pieces_counts_as_both(tmp_path: Path, venue: Any) -> None:
    """65 markets under one name and one more under the same name again: readers that keep the last lose 64."""
    session = session_in(tmp_path)
    made = kalshi_market if venue == "kalshi" else gamma_market
    first = json.dumps([made(f"0x{n}") for n in range(64)])
    body = f'{{"markets": {first}, "cursor": "", "markets": [{json.dumps(made("0xlast"))}]}}'.encode()

    def answer(path: str, query: Mapping[str, str], _body: bytes) -> bytes | None:
        if path.endswith("/markets") and query.get("status") == "open":
            return body
        if path.endswith("/events/keyset") and query.get("closed") == "false":
            return b'{"events": [{"id": "1", "title": "e", ' + body[1:] + b"]}"
        return None

    async def go() -> None:
        if venue == "kalshi":
            async with KalshiClient(session.settings, transport=transport(answer)) as client:
                await fetch_listings(session, venue, KalshiListings(client, session.settings))
        else:
            async with PolymarketClient(session.settings, transport=transport(answer)) as gamma:
                await fetch_listings(session, venue, PolymarketListings(gamma, session.settings))
        derive_listings(session, venue, (KalshiListings if venue == "kalshi" else PolymarketListings).kinds)

    asyncio.run(go())
    assert len(stored(session.lake, "core.instruments")) == 65
