"""Kalshi markets, events and series: status words, quotes, payouts, combos, eras, dead letters."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from echelon_pipeline.venues.kalshi.parse import KINDS
from echelon_pipeline_tests.fakes import RECEIVED, Parsed, Row, parse_payloads

MARKET = {
    "ticker": "KXHIGHNY-26JAN09-B49.5",
    "event_ticker": "KXHIGHNY-26JAN09",
    "market_type": "binary",
    "title": "Will it be warm?",
    "yes_sub_title": "49 to 50",
    "no_sub_title": "49 to 50",
    "status": "active",
    "result": "",
    "created_time": "2026-01-08T10:00:00Z",
    "open_time": "2026-01-08T11:00:00Z",
    "close_time": "2026-12-09T05:00:00Z",
    "yes_bid_dollars": "0.4200",
    "yes_ask_dollars": "0.4400",
    "yes_bid_size_fp": "13.00",
    "yes_ask_size_fp": "17.50",
    "last_price_dollars": "0.4300",
    "volume_fp": "1203.50",
    "volume_24h_fp": "3.00",
    "open_interest_fp": "800.00",
    "price_level_structure": "linear_cent",
    "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
}
PAST = "2026-11-19T05:00:00Z"


def parsed(**change: Any) -> Parsed:
    payload = {k: v for k, v in {**MARKET, **change}.items() if v is not ...}
    return parse_payloads(KINDS["markets"], [payload])


def row(table: str, **change: Any) -> Row:
    found = parsed(**change)
    assert found.dead == []
    return found.rows[table][0]


def instrument(**change: Any) -> Row:
    return row("core.instruments", **change)


def quote(**change: Any) -> Row:
    return row("core.instrument_quotes", **change)


def resolution(**change: Any) -> Row:
    return row("core.resolutions", **change)


@pytest.mark.parametrize(
    ("word", "status", "disputed"),
    [
        ("initialized", "unopened", False),
        ("unopened", "unopened", False),
        ("inactive", "paused", False),
        ("active", "active", False),
        ("open", "active", False),
        ("closed", "closed", False),
        ("determined", "determined", False),
        ("disputed", "determined", True),
        ("amended", "determined", False),
        ("finalized", "settled", False),
        ("settled", "settled", False),
    ],
)
def test_a_status_word_maps_to_one_of_six(word: str, status: str, disputed: bool) -> None:
    found = instrument(status=word)
    assert (found["status"], found["venue_status"], found["is_disputed"]) == (status, word, disputed)


def test_an_unknown_status_keeps_the_instrument_and_is_counted() -> None:
    assert instrument(status="frozen")["status"] == "active"
    found = parsed(status="frozen", close_time=PAST)
    assert found.rows["core.instruments"][0]["status"] == "closed"
    assert found.rows["core.instruments"][0]["venue_status"] == "frozen"
    assert [(d["path"], d["value"]) for d in found.drift] == [("status", "frozen")]


def test_a_market_without_a_status_or_ticker_is_a_dead_letter() -> None:
    assert parsed(status=None).dead[0]["path"] == "$.status"
    assert parsed(ticker="").dead[0]["path"] == "$.ticker"


def test_trading_ended_only_where_it_is_over() -> None:
    assert instrument(status="closed", close_time=PAST)["trading_ended_at"] == datetime(2026, 11, 19, 5, tzinfo=UTC)
    assert instrument(status="closed")["trading_ended_at"] is None
    assert instrument(status="active", close_time=PAST)["trading_ended_at"] is None


def test_the_zero_time_is_no_time() -> None:
    assert instrument(created_time="0001-01-01T00:00:00Z")["created_at"] is None


def test_slow_attributes_are_kept() -> None:
    found = instrument(rules_primary="If warm.", rules_secondary="Else not.", strike_type="between", floor_strike=49)
    assert found["instrument_id"] == "kalshi:KXHIGHNY-26JAN09-B49.5"
    assert (found["event_id"], found["series_id"], found["outcome_count"]) == ("kalshi:KXHIGHNY-26JAN09", None, 2)
    assert (found["rules"], found["floor_strike"], found["sub_title"]) == ("If warm.\n\nElse not.", "49", "49 to 50")
    assert found["tick_size"] == Decimal("0.01")
    assert found["price_ranges"] is None


def test_the_tick_is_the_smallest_step_and_an_uneven_grid_is_kept() -> None:
    ranges = [
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.1000", "end": "1.0000", "step": "0.0100"},
    ]
    found = instrument(price_ranges=ranges)
    assert found["tick_size"] == Decimal("0.001")
    assert json.loads(found["price_ranges"]) == ranges
    assert instrument(price_ranges=..., tick_size=1)["tick_size"] == Decimal("0.01")


def test_a_combo_is_known_by_its_collection_and_never_by_its_prefix() -> None:
    legs = [{"event_ticker": "E", "market_ticker": "M", "side": "no"}]
    found = instrument(ticker="KXCITIES-1", mve_collection_ticker="KXCITIES-R", mve_selected_legs=legs)
    assert (found["is_combo"], found["collection_id"]) == (True, "KXCITIES-R")
    assert json.loads(found["external_ref"])["legs"] == legs
    assert instrument(ticker="KXMVEX-1")["is_combo"] is False


def test_an_instrument_served_twice_is_one_row_and_the_later_one_counts() -> None:
    found = parse_payloads(KINDS["markets"], [{**MARKET, "title": "a"}, {**MARKET, "title": "b"}])
    assert [r["title"] for r in found.rows["core.instruments"]] == ["b"]
    assert len(found.rows["core.outcomes"]) == 2
    assert len(found.rows["core.instrument_quotes"]) == 1


def test_outcome_0_is_yes_and_1_is_no() -> None:
    found = parsed(yes_sub_title="Up", no_sub_title="").rows["core.outcomes"]
    assert [(o["outcome_index"], o["label"], o["is_affirmative"]) for o in sorted(found, key=lambda o: o["label"])] == [
        (1, "No", False),
        (0, "Up", True),
    ]


# --- quotes


def test_quotes_are_exact_and_dated_by_the_poll() -> None:
    found = quote()
    assert (found["best_bid"], found["best_ask"]) == (Decimal("0.42"), Decimal("0.44"))
    assert (found["best_bid_size"], found["best_ask_size"]) == (Decimal(13), Decimal("17.5"))
    assert (found["last_price"], found["volume"], found["open_interest"]) == (
        Decimal("0.43"),
        Decimal("1203.5"),
        Decimal(800),
    )
    assert (found["date"], found["observed_at"]) == (date(2026, 11, 20), RECEIVED)


def test_a_bid_of_0_and_an_ask_of_1_are_no_quotes() -> None:
    empty = quote(yes_bid_dollars="0.0000", yes_ask_dollars="1.0000", last_price_dollars="0.0000")
    assert [empty[k] for k in ("best_bid", "best_ask", "best_bid_size", "best_ask_size", "last_price")] == [None] * 5
    provisional = quote(yes_bid_dollars="0.0000", yes_ask_dollars="0.0000")
    assert (provisional["best_bid"], provisional["best_ask"]) == (None, None)


def test_markets_in_cents_give_dollars() -> None:
    gone: dict[str, Any] = dict.fromkeys((k for k in MARKET if k.endswith(("_dollars", "_fp"))), ...)
    found = quote(**gone, yes_bid=1, yes_ask=3, last_price=2, volume=35001, volume_24h=10, open_interest=13679)
    assert (found["best_bid"], found["best_ask"], found["last_price"]) == (
        Decimal("0.01"),
        Decimal("0.03"),
        Decimal("0.02"),
    )
    assert (found["volume"], found["open_interest"]) == (Decimal(35001), Decimal(13679))


@pytest.mark.parametrize("text", ["-1739192.00", "-1", "x", "9e20", "1000000000000", "12..", " 3"])
@pytest.mark.parametrize(("side", "other"), [("bid", "ask"), ("ask", "bid")])
def test_a_size_that_is_none_loses_no_market_and_is_counted(side: str, other: str, text: str) -> None:
    field = f"yes_{side}_size_fp"
    found = parsed(status="finalized", result="yes", **{field: text})
    assert found.dead == []
    assert [len(rows) for rows in found.rows.values()] == [1, 2, 1, 1]
    (served,) = found.rows["core.instrument_quotes"]
    assert (served[f"best_{side}"], served[f"best_{side}_size"]) == (quote()[f"best_{side}"], None)
    assert served[f"best_{other}_size"] == quote()[f"best_{other}_size"]
    assert [(d["path"], d["kind"], d["value"], d["objects"]) for d in found.drift] == [(field, "value", text, 1)]


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ("0.00", 0),
        ("0", 0),
        (5, 5),
        ("1e3", 1000),
        ("12.", 12),
        (".5", Decimal("0.5")),
        ("25e-1", Decimal("2.5")),
        ("999999999999.99", Decimal("999999999999.99")),
        ("", None),
    ],
)
def test_a_size_of_0_or_more_is_kept_and_none_at_all_is_not_counted(given: object, size: Decimal | None) -> None:
    found = parsed(yes_bid_size_fp=given)
    assert (found.rows["core.instrument_quotes"][0]["best_bid_size"], found.dead, found.drift) == (size, [], [])
    missing = parsed(yes_bid_size_fp=None, yes_ask_size_fp=...)
    assert (missing.rows["core.instrument_quotes"][0]["best_ask_size"], missing.drift) == (None, [])


@pytest.mark.parametrize(
    ("change", "path", "text"),
    [
        ({"yes_bid": 41}, "$.yes_bid_dollars", "yes_bid_dollars 0.4200 and yes_bid 41 (cents) disagree"),
        ({"volume": 1000}, "$.volume_fp", "volume_fp 1203.50 and volume 1000 disagree"),
        ({"last_price_dollars": "1.0100"}, "$.last_price_dollars", "expected dollars in 0..1, got 1.0100"),
        ({"no_bid_dollars": "x"}, "$.no_bid_dollars", "got x"),
        ({"settlement_value_dollars": "2"}, "$.settlement_value_dollars", "got 2"),
        ({"volume_24h_fp": "-1"}, "$.volume_24h_fp", "got -1"),
        ({"open_interest_fp": "1e30"}, "$.open_interest_fp", "got 1e30"),
    ],
)
def test_an_illegal_number_says_which_field_and_value(change: dict[str, Any], path: str, text: str) -> None:
    found = parsed(**change)
    assert found.rows["core.instruments"] == []
    assert found.dead[0]["path"] == path
    assert text in found.dead[0]["reason"]


# --- resolutions


def test_an_open_market_has_no_resolution() -> None:
    assert parsed().rows["core.resolutions"] == []
    assert parsed(status="closed").rows["core.resolutions"] == []


@pytest.mark.parametrize(("result", "value", "payout"), [("yes", "1.0000", 1), ("no", "0.0000", 0), ("yes", None, 1)])
def test_a_settled_market_pays_its_settlement_value(result: str, value: str | None, payout: int) -> None:
    found = resolution(
        status="finalized", result=result, settlement_value_dollars=value, settlement_ts="2026-11-19T06:00:00Z"
    )
    assert (found["status"], found["source"], found["unresolved_reason"]) == ("settled", "kalshi_market", None)
    assert (found["payout_0"], found["payout_1"]) == (payout, 1 - payout)
    assert found["resolved_at"] == datetime(2026, 11, 19, 6, tzinfo=UTC)


def test_a_scalar_result_pays_fractions() -> None:
    found = resolution(status="finalized", result="scalar", settlement_value_dollars="0.333333")
    assert (found["payout_0"], found["payout_1"]) == (Decimal("0.333333"), Decimal("0.666667"))
    assert found["payout_text"] == "0.333333"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"result": "scalar"}, "result scalar without a settlement value"),
        ({"result": "void"}, "result void without a settlement value"),
        ({"result": ""}, "no result yet"),
        ({"result": "yes", "settlement_value_dollars": "0.0000"}, "disagree"),
        ({"result": "no", "settlement_value": 100}, "disagree"),
    ],
)
def test_what_has_no_payout_is_unresolved_with_a_reason(change: dict[str, Any], reason: str) -> None:
    found = resolution(status="finalized", **change)
    assert (found["status"], found["payout_0"], found["payout_1"]) == ("unresolved", None, None)
    assert reason in found["unresolved_reason"]


def test_a_determined_result_is_not_final_yet() -> None:
    found = resolution(status="disputed", result="no", settlement_value_dollars="0.0000", expiration_value="48")
    assert (found["status"], found["was_disputed"], found["resolved_at"]) == ("determined", True, None)
    assert (found["payout_0"], found["expiration_value"]) == (0, "48")
    assert resolution(status="active", result="yes")["status"] == "determined"


# --- series and events


def test_an_event_has_its_own_fees_only_if_it_overrides_those_of_its_series() -> None:
    own = {"event_ticker": "A-1", "fee_type_override": "flat", "fee_multiplier_override": 0.5}
    found = parse_payloads(KINDS["events"], [own, {"event_ticker": "A-2"}]).rows["core.events"]
    assert [(r["native_id"], r["fee_type"], r["fee_multiplier"]) for r in found] == [
        ("A-1", "flat", Decimal("0.5")),
        ("A-2", None, None),
    ]


def test_the_end_of_a_fee_waiver_is_in_the_fee_schedule() -> None:
    waived = {"ticker": "A-1", "status": "active", "fee_waiver_expiration_time": "2026-12-01T00:00:00Z"}
    found = parse_payloads(KINDS["markets"], [waived, {"ticker": "A-2", "status": "active"}]).rows["core.instruments"]
    by_id = {r["native_id"]: r["fee_schedule"] for r in found}
    assert json.loads(by_id["A-1"]) == {"waived_until": "2026-12-01 00:00:00+00"}
    assert by_id["A-2"] is None


def test_a_series_keeps_all_its_categories_and_tags() -> None:
    payload = {
        "ticker": "KXMVECROSSCATEGORY-SHARD1",
        "title": "Combos",
        "category": "Exotics",
        "categories": ["Exotics", "Sports"],
        "tags": None,
        "fee_type": "quadratic",
        "fee_multiplier": 0.5,
        "settlement_sources": [{"name": "n", "url": "u"}],
        "last_updated_ts": "2026-08-19T15:45:47.523967Z",
        "frequency": "custom",
    }
    (found,) = parse_payloads(KINDS["series"], [payload]).rows["core.series"]
    assert (found["series_id"], found["categories"], found["tags"]) == (
        "kalshi:KXMVECROSSCATEGORY-SHARD1",
        ["Exotics", "Sports"],
        None,
    )
    assert found["fee_multiplier"] == Decimal("0.5")
    assert json.loads(found["settlement_sources"]) == payload["settlement_sources"]


@pytest.mark.parametrize(
    ("context", "combo"), [('{"multivariate":true}', True), ('{"multivariate":false}', False), (None, None)]
)
def test_an_event_is_a_combo_where_its_listing_says_so(context: str | None, combo: bool | None) -> None:
    payload = {"event_ticker": "APPLEUS", "series_ticker": "KXAPPLEUS", "title": "t", "mutually_exclusive": True}
    (found,) = parse_payloads(KINDS["events"], [payload], context=context).rows["core.events"]
    assert (found["event_id"], found["series_id"], found["is_combo"]) == ("kalshi:APPLEUS", "kalshi:KXAPPLEUS", combo)
    assert (found["is_mutually_exclusive"], found["strike_at"]) == (True, None)


@pytest.mark.parametrize("endpoint", ["series", "events"])
def test_a_row_without_a_ticker_is_a_dead_letter(endpoint: str) -> None:
    found = parse_payloads(KINDS[endpoint], [{"title": "x"}, [], 1])
    assert (len(found.dead), list(found.rows.values())) == (3, [[]])
