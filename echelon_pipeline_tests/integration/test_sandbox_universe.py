"""The generated universe: deterministic, consistent in all its answers, a function of time."""

from __future__ import annotations

import itertools
import json
from bisect import bisect_left
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.sandbox.polymarket.clob_views import book_hash
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.markets import market_text
from echelon_pipeline.sandbox.universe.paths import HIGHEST, LOWEST, Shape, mid, mids
from echelon_pipeline.sandbox.universe.randomness import Scramble, bits_at, mix
from echelon_pipeline.sandbox.universe.wording import VenueName, event_title, market_title
from echelon_pipeline_tests.clients.local import KALSHI, Local, universe

WORDS = st.integers(min_value=0, max_value=2**32 - 1)


@pytest.fixture
def sandbox() -> Local:
    return Local(universe())


@given(st.lists(WORDS, min_size=1, max_size=20), WORDS)
def test_hashes_of_columns_equal_the_hashes_of_their_values(numbers: list[int], key: int) -> None:
    column = pl.Series(numbers, dtype=pl.Int64)
    assert mix(column).to_list() == [mix(n) for n in numbers]
    assert bits_at(column * 0 + key, column).to_list() == [bits_at(key, n) for n in numbers]


@given(WORDS, WORDS)
def test_scrambled_numbers_can_be_decoded(seed: int, number: int) -> None:
    scramble = Scramble(seed)
    assert scramble.find(scramble.hide(number)) == number


@given(WORDS, st.integers(100, 9_900), st.integers(-4_000, 4_000), st.sampled_from([0, 5_000, 10_000]), WORDS)
def test_a_path_is_the_same_for_single_minutes_and_for_an_array(
    key: int, base: int, swing: int, final: int, start: int
) -> None:
    opens = 1_700_000_000 + start % 10_000_000
    shape = Shape(key, base, swing, final, opens, opens + 400 * 60)
    first = opens // 60
    alone = [mid(shape, m) for m in range(first, first + 399)]
    assert mids(shape, np.arange(first, first + 399)).tolist() == alone
    assert all(LOWEST - 40 <= price <= HIGHEST + 40 for price in alone)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    paths = (f"{KALSHI}/markets?limit=200", f"{KALSHI}/markets/trades?limit=500", "/gamma/markets/keyset?limit=100")
    one, again, other = (Local(u) for u in (universe(), type(universe())(universe().options), universe(8)))
    for path in paths:
        first = one.ask("GET", path).content
        assert again.ask("GET", path).content == first
        assert other.ask("GET", path).content != first


def _busiest(sandbox: Local) -> dict[str, Any]:
    markets = sandbox.pages(f"{KALSHI}/markets", "markets", status="open", mve_filter="exclude", limit=1000)
    return max(markets, key=lambda m: Decimal(m["volume_fp"]))


def _all_trades(sandbox: Local, ticker: str) -> list[dict[str, Any]]:
    live = sandbox.pages(f"{KALSHI}/markets/trades", "trades", ticker=ticker, limit=1000)
    return live + sandbox.pages(f"{KALSHI}/historical/trades", "trades", ticker=ticker, limit=1000)


def test_a_markets_volume_is_the_sum_of_its_trades(sandbox: Local) -> None:
    market = _busiest(sandbox)
    trades = _all_trades(sandbox, market["ticker"])
    assert len(trades) > 50
    assert sum(Decimal(t["count_fp"]) for t in trades) == Decimal(market["volume_fp"])
    assert trades[0]["yes_price_dollars"] == market["last_price_dollars"]
    assert [t["created_time"] for t in trades] == sorted((t["created_time"] for t in trades), reverse=True)


@pytest.mark.parametrize("minutes", [60, 1440])
def test_candles_add_up_to_the_trades_of_their_periods(sandbox: Local, minutes: int) -> None:
    market = _busiest(sandbox)
    series = sandbox.get(f"{KALSHI}/events/{market['event_ticker']}")["event"]["series_ticker"]
    now = sandbox.clock.s
    path = f"{KALSHI}/series/{series}/markets/{market['ticker']}/candlesticks"
    candles = sandbox.get(path, start_ts=now - 20 * DAY, end_ts=now, period_interval=minutes)["candlesticks"]
    ends = [c["end_period_ts"] for c in candles]
    assert ends == sorted(set(ends))
    trades = _all_trades(sandbox, market["ticker"])
    by_end: dict[int, list[dict[str, Any]]] = {}
    for trade in trades:
        at = bisect_left(ends, _seconds_up(trade["created_time"]))
        if at < len(ends) and _seconds_up(trade["created_time"]) > ends[0] - minutes * 60:
            by_end.setdefault(ends[at], []).append(trade)
    for candle in candles[1:]:
        inside = by_end.get(candle["end_period_ts"], [])
        assert Decimal(candle["volume_fp"]) == sum(Decimal(t["count_fp"]) for t in inside)
        prices = [Decimal(t["yes_price_dollars"]) for t in inside if not t["is_block_trade"]]
        if prices:
            assert Decimal(candle["price"]["close_dollars"]) == prices[0]
            assert Decimal(candle["price"]["high_dollars"]) == max(prices)
        else:
            assert "close_dollars" not in candle["price"]


def _seconds_up(text: str) -> int:
    """RFC 3339 as Unix seconds, rounded up: a candle covers (start, end]."""
    return ceil(datetime.fromisoformat(text).timestamp())


def test_an_hours_quote_range_covers_its_minutes(sandbox: Local) -> None:
    market = _busiest(sandbox)
    series = sandbox.get(f"{KALSHI}/events/{market['event_ticker']}")["event"]["series_ticker"]
    path = f"{KALSHI}/series/{series}/markets/{market['ticker']}/candlesticks"
    end = sandbox.clock.s // 3600 * 3600
    hour = sandbox.get(path, start_ts=end, end_ts=end, period_interval=60)["candlesticks"][0]
    minutes = sandbox.get(path, start_ts=end - 3540, end_ts=end, period_interval=1)["candlesticks"]
    assert len(minutes) == 60
    assert hour["yes_bid"]["high_dollars"] == max(m["yes_bid"]["high_dollars"] for m in minutes)
    assert hour["yes_ask"]["low_dollars"] == min(m["yes_ask"]["low_dollars"] for m in minutes)
    assert hour["yes_bid"]["close_dollars"] == minutes[-1]["yes_bid"]["close_dollars"]


def test_trades_are_at_the_quote_of_their_minute() -> None:
    venue = universe().kalshi
    table = venue.trades
    for n in range(0, len(table.t), 97):
        middle = venue.mid(table.inst[n], table.t[n] // 10**6)
        assert abs(table.price[n] - middle) <= 700  # at most four ticks of spread and one deeper


def test_books_are_ordered_and_have_the_venue_s_hash(sandbox: Local) -> None:
    markets = sandbox.get("/gamma/markets/keyset", closed="false", limit=100)["markets"]
    tokens = [m.get("positionIds") or json.loads(m["clobTokenIds"]) for m in markets if m["acceptingOrders"]]
    assert len(tokens) > 20
    for pair in tokens[:20]:
        books = sandbox.post("/clob/books", [{"token_id": t} for t in pair])
        assert [b["hash"] for b in books] == [book_hash(b) for b in books]
        mirrored = [(1 - Decimal(level["price"]), level["size"]) for level in books[1]["asks"]]
        assert [(Decimal(level["price"]), level["size"]) for level in books[0]["bids"]] == mirrored
        bids = [Decimal(level["price"]) for level in books[0]["bids"]]
        asks = [Decimal(level["price"]) for level in books[0]["asks"]]
        assert bids == sorted(bids)
        assert asks == sorted(asks, reverse=True)
        assert not (bids and asks) or bids[-1] < asks[-1]


def test_nothing_after_now_is_visible_until_the_clock_is_advanced(sandbox: Local) -> None:
    newest = sandbox.get(f"{KALSHI}/markets/trades", limit=1)["trades"][0]["created_time"]
    markets = sandbox.pages(f"{KALSHI}/markets", "markets", limit=1000)
    settled = {m["ticker"] for m in markets if m["status"] == "finalized"}
    assert newest <= sandbox.clock.at().isoformat()
    assert all(m["created_time"] <= sandbox.clock.at().isoformat() for m in markets)
    sandbox.post("/__sandbox__/advance", {"seconds": 3 * DAY})
    later = sandbox.get(f"{KALSHI}/markets/trades", limit=1)["trades"][0]["created_time"]
    after = {m["ticker"]: m["status"] for m in sandbox.pages(f"{KALSHI}/markets", "markets", limit=1000)}
    assert later > newest
    assert len({t for t, status in after.items() if status == "finalized"}) > len(settled)
    assert set(after) - {m["ticker"] for m in markets}
    assert sandbox.ask("POST", "/__sandbox__/advance", body={"seconds": 400 * DAY}).status_code == 400


def test_old_pages_do_not_change_when_the_clock_advances(sandbox: Local) -> None:
    first = sandbox.get(f"{KALSHI}/markets/trades", limit=100)
    second = sandbox.get(f"{KALSHI}/markets/trades", limit=100, cursor=first["cursor"])
    sandbox.clock.advance(3600)
    assert sandbox.get(f"{KALSHI}/markets/trades", limit=100, cursor=first["cursor"]) == second


def test_the_universe_has_every_special_case_of_the_venues() -> None:
    sandbox = Local(universe())
    statuses: set[str] = set()
    results: set[str] = set()
    for step in range(5):
        sandbox.clock.advance(0 if step == 0 else 2 * DAY + 3000)
        markets = sandbox.pages(f"{KALSHI}/markets", "markets", limit=1000)
        statuses |= {m["status"] for m in markets}
        results |= {m["result"] for m in markets}
    assert {"initialized", "active", "inactive", "finalized"} <= statuses
    assert statuses & {"closed", "determined", "disputed", "amended"}
    assert {"", "yes", "no", "scalar"} <= results
    assert any(m["created_time"].startswith("0001") for m in markets)
    assert any("." in m["ticker"] for m in markets)
    assert {len(m.get("mve_selected_legs", [])) for m in markets} >= {0, 2}
    gamma = _gamma(sandbox)
    assert {len(m["conditionId"]) for m in gamma} == {64, 66}
    assert {m["version"] for m in gamma} == {"v1", "v2"}
    assert any(m["negRisk"] for m in gamma)
    assert {json.loads(m["outcomes"])[0] for m in gamma} >= {"Yes", "Up"}
    assert any(json.loads(m["outcomePrices"]) == ["0.5", "0.5"] for m in gamma if m["closed"])


def _gamma(sandbox: Local) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        body = sandbox.get("/gamma/markets/keyset", limit=100, **({"after_cursor": cursor} if cursor else {}))
        found += body["markets"]
        if "next_cursor" not in body:
            return found
        cursor = body["next_cursor"]


def test_one_transaction_can_hold_identical_prints() -> None:
    sandbox = Local(universe())
    trades = sandbox.get("/data/v2/trades", limit=1000)["data"]
    keys = [tuple(sorted((k, str(v)) for k, v in t.items())) for t in trades]
    assert len(set(keys)) < len(keys)
    assert len({t["transaction_hash"] for t in trades}) < len(set(keys))


def test_combos_pay_the_product_of_their_legs(sandbox: Local) -> None:
    combos = sandbox.pages(f"{KALSHI}/markets", "markets", mve_filter="only", limit=1000)
    settled = [m for m in combos if m["status"] == "finalized"]
    assert settled
    for market in settled:
        product = Decimal(1)
        for leg in market["mve_selected_legs"]:
            value = Decimal(leg["yes_settlement_value_dollars"])
            product *= value if leg["side"] == "yes" else 1 - value
        assert abs(Decimal(market["settlement_value_dollars"]) - product) < Decimal("0.0005")


def test_some_questions_exist_on_both_venues_each_in_its_venues_words(sandbox: Local) -> None:
    kalshi = {e["title"] for e in sandbox.pages(f"{KALSHI}/events", "events", limit=200)}
    polymarket = {m["events"][0]["title"] for m in _gamma(sandbox)}
    both = [t for t in (e.topic for e in universe().kalshi.events if not e.legs) if t.on_polymarket]
    shared = [t for t in both if event_title(t, "kalshi") in kalshi and event_title(t, "polymarket") in polymarket]
    assert len(shared) > 10
    assert len(shared) < min(len(kalshi), len(polymarket))
    for topic in shared:
        if topic.family.style in ("ladder", "range"):
            strikes = [market_text(topic, n, 9) for n in range(9)]
            assert len({(s.floor, s.cap) for s in strikes}) == len({s.label for s in strikes}) == 9


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_titles_of_an_events_markets_differ_and_have_no_open_place(venue: VenueName) -> None:
    made = getattr(universe(), venue)
    for event in (e for e in made.events if not e.legs):
        texts = [market_text(event.topic, n, event.count) for n in range(event.count)]
        titles = [event_title(event.topic, venue), *(market_title(event.topic, text, venue) for text in texts)]
        assert not [t for t in titles if "{" in t or "  " in t or t != t.strip()]
        names = [(title, text.label) for title, text in zip(titles[1:], texts, strict=True)]
        assert len(set(names)) == event.count
        assert len({text.suffix for text in texts}) == event.count


def test_buckets_of_a_range_touch_each_other() -> None:
    topic = next(e.topic for e in universe().kalshi.events if not e.legs and e.topic.ticker.startswith("KXHIGH"))
    buckets = [market_text(topic, n, 6) for n in range(6)]
    assert (buckets[0].floor, buckets[-1].cap) == (None, None)
    assert buckets[1].floor == buckets[0].cap
    assert buckets[-1].floor == buckets[-2].cap
    for low, high in itertools.pairwise(buckets[1:-1]):
        assert low.cap is not None
        assert high.floor == low.cap + 1
