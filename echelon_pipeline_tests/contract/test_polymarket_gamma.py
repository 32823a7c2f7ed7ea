"""Every recorded Gamma answer, through the parsers, against plain Python over Decimal."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from echelon_pipeline.venues.polymarket.parse import KINDS
from echelon_pipeline_tests.fakes import RECEIVED, Parsed, needs_recordings
from echelon_pipeline_tests.polymarket_payloads import (
    POLYMARKET,
    at,
    dec,
    load,
    market_objects,
    page,
    parse,
    parse_pages,
    recorded_gamma,
)

pytestmark = needs_recordings

FILES = (
    sorted(p.name for p in (POLYMARKET / "gamma").iterdir() if "clob_markets_page" not in p.name)
    if POLYMARKET.is_dir()
    else []
)


@cache
def gamma() -> dict[str, tuple[list[Any], list[Any]]]:
    return recorded_gamma()


def plain(payload: bytes) -> Any:
    return json.loads(payload, parse_float=Decimal, parse_int=Decimal)


def texts(value: Any) -> list[Any]:
    return json.loads(value, parse_float=Decimal) if isinstance(value, str) and value else value or []


@cache
def parsed(name: str) -> tuple[dict[str, Any], Parsed]:
    """By condition id the last object of a file, and what the parser made of the file."""
    events, markets = gamma()[name]
    objects = market_objects(events, markets)
    by_condition = {}
    for found in objects:
        market = plain(found.payload)
        assert market["conditionId"]
        by_condition[market["conditionId"]] = (market, json.loads(found.context or "{}"))
    return by_condition, parse_pages(KINDS["markets"], [page("markets", objects)])


def is_paid(market: Any) -> bool:
    """A word of resolution, and prices that can be payouts. Old markets were recorded without such a word."""
    says_so = market.get("umaResolutionStatus") == "resolved"
    return says_so and sum(Decimal(p) for p in texts(market["outcomePrices"])) == 1


def expected_status(market: Any) -> str:
    """Only the cases that recordings hold: final payouts, closed without them, trading."""
    if market["closed"]:
        return "settled" if is_paid(market) else "closed"
    return "active" if market["acceptingOrders"] else "closed"


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_market_becomes_one_instrument_with_exact_values(name: str) -> None:
    markets, result = parsed(name)
    assert result.dead == []
    assert result.drift == []
    rows = {r["native_id"]: r for r in result.rows["core.instruments"]}
    assert len(result.rows["core.instruments"]) == len(rows) == len(markets)
    for condition, (market, context) in markets.items():
        row = rows[condition]
        own = (market.get("events") or [{}])[0]
        event = context.get("event_id") or own.get("id")
        assert row["instrument_id"] == f"polymarket:{condition}"
        assert row["event_id"] == (f"polymarket:{event}" if event else None)
        assert row["status"] == expected_status(market)
        assert row["title"] == market["question"]
        assert row["tick_size"] == dec(market.get("orderPriceMinTickSize"), 6)
        assert row["min_order_size"] == dec(market.get("orderMinSize"), 6)
        schedule = market.get("feeSchedule") or {}
        assert row["fee_rate"] == (dec(schedule.get("rate"), 8) if market.get("feesEnabled") else dec(0, 8))
        assert row["outcome_count"] == len(texts(market["clobTokenIds"]))
        assert row["created_at"] == at(market["createdAt"])
        assert row["opens_at"] == at(market.get("startDate"))
        assert row["closes_at"] == at(market["endDate"])
        assert row["trading_ended_at"] == at(market.get("closedTime"))
        assert row["occurrence_at"] == at(market.get("gameStartTime") or market.get("eventStartTime"))
        assert row["is_combo"] is False
        if context:
            assert row["tags"] == context["tags"]
            assert row["series_id"] == (f"polymarket:{context['series'][0]}" if context["series"] else None)


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_outcome_has_the_index_of_its_token(name: str) -> None:
    markets, result = parsed(name)
    expected = {
        (f"polymarket:{condition}", index, token, label)
        for condition, (market, _) in markets.items()
        for index, (token, label) in enumerate(
            zip(texts(market["clobTokenIds"]), texts(market["outcomes"]), strict=True)
        )
    }
    rows = result.rows["core.outcomes"]
    assert {(r["instrument_id"], r["outcome_index"], r["token_id"], r["label"]) for r in rows} == expected
    assert len(rows) == len(expected)
    means_yes = {"yes": True, "no": False}
    assert all(r["is_affirmative"] is means_yes.get(r["label"].lower()) for r in rows)


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_quote_is_exact_and_zero_or_one_is_no_quote(name: str) -> None:
    markets, result = parsed(name)
    rows = {r["instrument_id"]: r for r in result.rows["core.instrument_quotes"]}
    assert len(rows) == len(markets)
    for condition, (market, _) in markets.items():
        row = rows[f"polymarket:{condition}"]
        bid, ask, last = (dec(market.get(k), 6) for k in ("bestBid", "bestAsk", "lastTradePrice"))
        assert row["best_bid"] == (bid or None)
        assert row["best_ask"] == (None if ask == 1 else ask)
        assert row["last_price"] == (last or None)
        assert row["volume_usd"] == dec(market.get("volume", market.get("volumeNum")), 6)
        assert row["volume_24h_usd"] == dec(market.get("volume24hr"), 6)
        assert row["liquidity_usd"] == dec(market.get("liquidity"), 6)
        assert row["observed_at"] == RECEIVED


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_closed_market_has_one_resolution(name: str) -> None:
    markets, result = parsed(name)
    closed = {f"polymarket:{c}": m for c, (m, _) in markets.items() if m["closed"]}
    rows = {r["instrument_id"]: r for r in result.rows["core.resolutions"]}
    assert set(rows) == set(closed)
    assert len(result.rows["core.resolutions"]) == len(closed)
    for instrument, market in closed.items():
        row, prices = rows[instrument], [Decimal(p) for p in texts(market["outcomePrices"])]
        assert row["source"] == "gamma"
        if not is_paid(market):
            said = (row["status"], row["payout_0"], row["payout_1"], row["payout_text"])
            assert said == ("unresolved", None, None, None)
            assert row["unresolved_reason"]
            continue
        assert row["payout_text"] == market["outcomePrices"]
        assert (row["status"], row["payout_0"], row["payout_1"]) == ("settled", dec(prices[0], 12), dec(prices[1], 12))
        winners = [label for label, p in zip(texts(market["outcomes"]), prices, strict=True) if p == 1]
        assert row["result"] == (winners[0] if winners else None)


def test_the_recordings_hold_the_cases_that_this_file_claims() -> None:
    rows = [r for name in FILES for r in parsed(name)[1].rows["core.resolutions"]]
    assert sum(r["status"] == "settled" for r in rows) == 298
    none = "closed without a word of resolution, prices "
    assert sorted(r["unresolved_reason"] for r in rows if r["status"] == "unresolved") == [
        none + '["0", "0"]',
        none + '["0.5843311669077693146635445446077281", "0.4156688330922306853364554553922719"]',
        none + '["1", "0"]',
    ]


def test_every_recorded_event_and_series_becomes_one_row() -> None:
    events = [e for found, _ in gamma().values() for e in found]
    result = parse("events", events)
    rows = {r["native_id"]: r for r in result.rows["core.events"]}
    last = {e["id"]: e for e in events}
    assert (set(rows), len(result.rows["core.events"]), result.dead, result.drift) == (set(last), len(last), [], [])
    for native_id, event in last.items():
        row = rows[native_id]
        assert row["title"] == event["title"]
        assert row["series_id"] == (f"polymarket:{event['series'][0]['id']}" if event.get("series") else None)
        assert row["tags"] == ([t["label"] for t in event["tags"]] if event.get("tags") is not None else None)
        assert row["is_neg_risk"] is event.get("negRisk")
        assert row["starts_at"] == at(event.get("startDate"))
        assert row["ends_at"] == at(event.get("endDate"))
    series = {s["id"]: s for e in events for s in e.get("series") or []}
    found = parse("series", list(series.values()))
    assert found.dead == []
    assert {r["native_id"]: (r["title"], r["frequency"]) for r in found.rows["core.series"]} == {
        k: (s["title"], s.get("recurrence")) for k, s in series.items()
    }


@pytest.mark.parametrize("name", ["gamma/nautilus_clob_markets_page.json", "gamma/clob_markets_page_2025-05.json.gz"])
def test_every_recorded_clob_market_is_accounted_for(name: str) -> None:
    rows = load(name)["data"]
    # Gamma's order is not known for these markets: the test takes the CLOB's order reversed, so that only a
    # mapping by token id can give the expected payouts.
    outcomes = [
        (t["token_id"], f"polymarket:{r['condition_id']}", 1 - n)
        for r in rows
        if r["condition_id"]
        for n, t in enumerate(r["tokens"])
        if t["token_id"]
    ]
    result = parse("clob_markets", rows, outcomes)
    nameless = [r for r in rows if not r["condition_id"]]
    closed = {f"polymarket:{r['condition_id']}": r for r in rows if r["condition_id"] and r["closed"]}
    found = {r["instrument_id"]: r for r in result.rows["core.resolutions"]}
    assert len(result.dead) == len(nameless)
    assert {d["reason"] for d in result.dead} <= {"no condition id, or no JSON object: the market has no identity"}
    assert len(result.rows["core.resolutions"]) == len(found)
    assert set(found) == set(closed)
    assert result.drift == []
    for instrument, market in closed.items():
        row, winners = found[instrument], [n for n, t in enumerate(market["tokens"]) if t["winner"]]
        half = market["is_50_50_outcome"] and all(t["price"] == 0.5 for t in market["tokens"])
        if len(winners) == 1:
            expected: Any = ("settled", Decimal(winners[0]), Decimal(1 - winners[0]))
        else:
            expected = ("settled", Decimal("0.5"), Decimal("0.5")) if half else ("unresolved", None, None)
        assert (row["status"], row["payout_0"], row["payout_1"]) == expected
        assert row["result"] == (market["tokens"][winners[0]]["outcome"] if winners else None)
        assert (row["unresolved_reason"] is None) == (row["status"] == "settled")
