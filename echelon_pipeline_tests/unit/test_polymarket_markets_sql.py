"""Rules of markets, resolutions and fills that the recordings do not show."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from echelon_pipeline.venues.page import RawObject
from echelon_pipeline_tests.polymarket_payloads import context, parse

LONG = "0x" + "a" * 64


def market(**changed: object) -> dict[str, Any]:
    return {
        "id": "1",
        "conditionId": LONG,
        "question": "Q",
        "outcomes": '["Up", "Down"]',
        "outcomePrices": '["0.4", "0.6"]',
        "clobTokenIds": '["11", "12"]',
        "active": True,
        "closed": False,
        "acceptingOrders": True,
        "startDate": "2026-01-01T00:00:00Z",
    } | changed


def instrument(**changed: object) -> dict[str, Any]:
    (row,) = parse("markets", [market(**changed)]).rows["core.instruments"]
    return row


def resolution(**changed: object) -> dict[str, Any] | None:
    rows = parse("markets", [market(**changed)]).rows["core.resolutions"]
    assert len(rows) <= 1
    return rows[0] if rows else None


CLOSED = {"closed": True, "outcomePrices": '["1", "0"]', "closedTime": "2026-02-01 10:00:00+00"}
PAID = CLOSED | {"umaResolutionStatus": "resolved"}
QUIET = {"acceptingOrders": False}


@pytest.mark.parametrize(
    ("changed", "status", "disputed"),
    [
        ({}, "active", False),
        ({"acceptingOrders": None}, "active", False),
        ({"acceptingOrders": None, "archived": True}, "closed", False),
        (QUIET, "closed", False),
        (QUIET | {"startDate": "2027-01-01T00:00:00Z"}, "unopened", False),
        ({"startDate": "2027-01-01T00:00:00Z"}, "active", False),
        ({"umaResolutionStatus": "proposed"}, "determined", False),
        (QUIET | {"umaResolutionStatuses": '["proposed", "disputed"]'}, "determined", True),
        (QUIET | {"umaResolutionStatus": "challenged"}, "determined", True),
        (QUIET | {"umaResolutionStatus": "requested"}, "closed", False),
        (QUIET | {"umaResolutionStatus": "resolved"}, "determined", False),
        (PAID, "settled", False),
        (CLOSED | {"umaResolutionStatus": "settled"}, "settled", False),
        (PAID | {"umaResolutionStatuses": '["proposed"]'}, "settled", False),
        (PAID | {"umaResolutionStatuses": '["proposed", "disputed"]'}, "settled", False),
        (CLOSED | {"umaResolutionStatuses": '["proposed", "resolved"]'}, "settled", False),
        (CLOSED, "closed", False),
        (CLOSED | {"outcomePrices": '["0.63", "0.37"]'}, "closed", False),
        (CLOSED | {"umaResolutionStatus": "requested"}, "closed", False),
        (CLOSED | {"umaResolutionStatus": "surprising"}, "closed", False),
        (CLOSED | {"umaResolutionStatus": "", "umaResolutionStatuses": "[]"}, "closed", False),
        (CLOSED | {"umaResolutionStatuses": '["proposed"]'}, "determined", False),
        (CLOSED | {"umaResolutionStatuses": '["resolved", "disputed"]'}, "determined", True),
        (CLOSED | {"umaResolutionStatus": "proposed"}, "determined", False),
        (CLOSED | {"umaResolutionStatus": "disputed"}, "determined", True),
        (PAID | {"outcomePrices": '["0", "0"]'}, "closed", False),
        (PAID | {"outcomePrices": '["0.5", "0.5"]'}, "settled", False),
        (PAID | {"outcomePrices": '["1.5", "-0.5"]'}, "closed", False),
        (PAID | {"outcomePrices": ""}, "closed", False),
    ],
)
def test_status_follows_orders_uma_and_payouts(changed: dict[str, object], status: str, disputed: bool) -> None:
    row = instrument(**changed)
    assert (row["status"], row["is_disputed"]) == (status, disputed)


def test_trading_ended_at_is_the_closed_time_and_never_the_end_date() -> None:
    assert instrument(endDate="2026-01-31T00:00:00Z")["trading_ended_at"] is None
    row = instrument(endDate="2026-03-31T00:00:00Z", **PAID)
    assert row["trading_ended_at"] == row["settled_at"] == datetime(2026, 2, 1, 10, tzinfo=UTC)
    assert row["closes_at"] == datetime(2026, 3, 31, tzinfo=UTC)


@pytest.mark.parametrize("served", ['["11", "12"]', ["11", "12"]])
def test_lists_come_as_json_text_or_as_arrays(served: object) -> None:
    rows = parse("markets", [market(clobTokenIds=served)]).rows["core.outcomes"]
    assert [(r["outcome_index"], r["token_id"]) for r in rows] == [(0, "11"), (1, "12")]


@pytest.mark.parametrize(("version", "tokens"), [("v1", ["11", "12"]), ("v2", ["21", "22"]), (None, ["11", "12"])])
def test_the_version_says_which_ids_are_traded(version: str | None, tokens: list[str]) -> None:
    rows = parse("markets", [market(version=version, positionIds=["21", "22"])]).rows["core.outcomes"]
    assert [r["token_id"] for r in rows] == tokens


def test_only_yes_and_no_are_affirmative_or_negative() -> None:
    rows = parse("markets", [market(outcomes='["no", "Yes", "Trump"]', clobTokenIds='["1", "2", "3"]')])
    found = rows.rows["core.outcomes"]
    assert [r["is_affirmative"] for r in sorted(found, key=lambda r: r["outcome_index"])] == [False, True, None]
    assert rows.rows["core.instruments"][0]["outcome_count"] == 3


def test_an_instrument_without_outcomes_is_kept() -> None:
    result = parse("markets", [market(outcomes="", clobTokenIds=None)])
    assert [r["outcome_count"] for r in result.rows["core.instruments"]] == [0]
    assert (result.rows["core.outcomes"], result.dead) == ([], [])


@pytest.mark.parametrize("served", [None, ""])
def test_a_market_without_condition_id_is_a_dead_letter(served: str | None) -> None:
    result = parse("markets", [market(conditionId=served), market()])
    assert [d["path"] for d in result.dead] == ["$.conditionId"]
    assert len(result.rows["core.instruments"]) == 1


@pytest.mark.parametrize(
    ("condition", "combo"),
    [("0x03" + "a" * 60, True), ("0x03" + "a" * 62, False), ("0x02" + "a" * 60, False), ("anything.at-all", False)],
)
def test_combos_are_known_by_their_id_and_no_id_is_refused(condition: str, combo: bool) -> None:
    row = instrument(conditionId=condition)
    assert (row["instrument_id"], row["is_combo"]) == (f"polymarket:{condition}", combo)


def test_payouts_with_more_digits_than_stored_still_sum_to_1() -> None:
    row = resolution(**PAID | {"outcomePrices": '["0.3333333333335", "0.6666666666665"]'})
    assert row is not None
    assert (row["payout_0"], row["payout_1"]) == (Decimal("0.333333333334"), Decimal("0.666666666666"))
    assert row["payout_text"] == '["0.3333333333335", "0.6666666666665"]'


def test_prices_of_a_closed_market_are_no_payouts_before_it_is_resolved() -> None:
    row = resolution(**CLOSED | {"outcomePrices": '["0.63", "0.37"]'})
    assert row is not None
    assert row["unresolved_reason"] == 'closed without a word of resolution, prices ["0.63", "0.37"]'
    said = ("payout_0", "payout_1", "payout_text", "result", "resolved_at")
    assert (row["status"], *(row[name] for name in said)) == ("unresolved", None, None, None, None, None)


def test_zero_payouts_are_unresolved_with_the_reason() -> None:
    row = resolution(**PAID | {"outcomePrices": '["0", "0"]'})
    assert row is not None
    assert (row["status"], row["payout_0"], row["payout_text"]) == ("unresolved", None, '["0", "0"]')
    assert row["unresolved_reason"] == 'expected payouts that sum to 1, got ["0", "0"]'


def test_a_market_with_three_outcomes_settles_without_a_pair_of_payouts() -> None:
    three = {"outcomes": '["A", "B", "C"]', "clobTokenIds": '["1", "2", "3"]', "outcomePrices": '["0", "1", "0"]'}
    row = resolution(**PAID | three)
    assert row is not None
    assert (row["status"], row["result"], row["payout_0"], row["payout_1"]) == ("settled", "B", None, None)


def test_an_open_market_has_no_resolution_until_one_is_proposed() -> None:
    assert resolution() is None
    row = resolution(umaResolutionStatuses='["proposed", "disputed", "proposed"]')
    assert row is not None
    assert (row["status"], row["was_disputed"], row["payout_0"]) == ("determined", True, None)


def test_fees_that_are_switched_off_are_zero_and_otherwise_the_schedules_rate() -> None:
    schedule = {"rate": 0.04, "exponent": 1}
    assert instrument(feesEnabled=False, feeSchedule=schedule)["fee_rate"] == 0
    assert instrument(feesEnabled=True, feeSchedule=schedule)["fee_rate"] == Decimal("0.04")
    assert instrument(feesEnabled=True)["fee_rate"] is None


def test_event_series_and_tags_come_from_the_context_or_from_the_markets_own_events() -> None:
    said = context(event_id="7", series=["35"], tags=["Fed"], category="Economy")
    own = market(conditionId="0xb", events=[{"id": "8", "series": [{"id": 36}], "tags": [{"label": "X"}]}])
    cut = RawObject(json.dumps(market()).encode(), None, said)
    rows = {r["native_id"]: r for r in parse("markets", [cut, own]).rows["core.instruments"]}
    shown = [(r["event_id"], r["series_id"], r["tags"], r["category"]) for r in (rows[LONG], rows["0xb"])]
    assert shown == [
        ("polymarket:7", "polymarket:35", ["Fed"], "Economy"),
        ("polymarket:8", "polymarket:36", ["X"], None),
    ]


def test_unknown_fields_and_words_are_counted() -> None:
    drift = parse("markets", [market(brandNew=1, umaResolutionStatus="surprising")]).drift
    assert {(d["path"], d["kind"], d["value"]) for d in drift} == {
        ("brandNew", "field", None),
        ("umaResolutionStatus", "value", "surprising"),
    }


def clob(winners: tuple[bool, bool], **changed: object) -> dict[str, Any]:
    tokens = [
        {"token_id": t, "outcome": o, "price": 0.5, "winner": w}
        for t, o, w in zip("ab", ("Up", "Down"), winners, strict=True)
    ]
    return {"condition_id": "0xc", "closed": True, "is_50_50_outcome": False, "tokens": tokens} | changed


@pytest.mark.parametrize(
    ("served", "status", "payout_0"),
    [
        (clob((True, False)), "settled", Decimal(0)),
        (clob((False, True)), "settled", Decimal(1)),
        (clob((False, False)), "unresolved", None),
        (clob((True, True)), "unresolved", None),
        (clob((False, False), is_50_50_outcome=True), "settled", Decimal("0.5")),
        (clob((False, False), tokens=None), "unresolved", None),
    ],
)
def test_clob_winners_are_read_by_token_id(served: object, status: str, payout_0: Decimal | None) -> None:
    known = [("a", "polymarket:0xc", 1), ("b", "polymarket:0xc", 0)]
    (row,) = parse("clob_markets", [served], known).rows["core.resolutions"]
    assert (row["status"], row["payout_0"]) == (status, payout_0)
    assert row["payout_1"] == (None if payout_0 is None else 1 - payout_0)


def test_clob_winners_of_unknown_tokens_have_a_label_but_no_payouts() -> None:
    (row,) = parse("clob_markets", [clob((True, False))]).rows["core.resolutions"]
    assert (row["status"], row["result"], row["payout_0"]) == ("settled", "Up", None)
    assert row["unresolved_reason"] == "the tokens are not those of two known outcomes"
    assert parse("clob_markets", [clob((True, False), closed=False)]).rows["core.resolutions"] == []


@pytest.mark.parametrize(
    ("changed", "status", "payout_0"),
    [
        ({"status": "resolved", "payouts": [1000000, 0]}, "settled", Decimal(1)),
        ({"status": "resolved", "payouts": ["333333", "666667"]}, "settled", Decimal("0.333333")),
        ({"status": "resolved", "payouts": [0, 0]}, "unresolved", None),
        ({"status": "resolved", "payouts": None}, "unresolved", None),
        ({"status": "disputed", "payouts": [1000000, 0]}, "determined", None),
        ({"status": "posed"}, "unresolved", None),
    ],
)
def test_v2_resolutions_are_micro_payouts(changed: dict[str, object], status: str, payout_0: Decimal | None) -> None:
    served = {"condition_id": "0xc", "price": "69", "was_disputed": True, "resolved_at": "1790000000"} | changed
    (row,) = parse("resolutions", [served]).rows["core.resolutions"]
    assert (row["status"], row["payout_0"], row["expiration_value"]) == (status, payout_0, None)
    assert (row["was_disputed"], row["resolved_at"]) == (True, datetime.fromtimestamp(1790000000, UTC))
    assert (row["unresolved_reason"] is None) == (status == "settled")


def leg(**changed: object) -> dict[str, Any]:
    return {
        "id": "leg-1",
        "tradeType": "MAKER",
        "builder": "",
        "builderCode": "0xb",
        "market": "0xc",
        "assetId": "a",
        "side": "SELL",
        "size": "5",
        "sizeUsdc": "0.05",
        "price": "0.01",
        "status": "TRADE_STATUS_CONFIRMED",
        "outcome": "Up",
        "outcomeIndex": 0,
        "matchTime": "1790000000",
        "feeUsdc": "0.002",
        "builderFee": "0.0001",
    } | changed


def test_a_builder_leg_is_one_fill_in_decimal_units() -> None:
    (row,) = parse("builder_trades", [leg()], [("a", "polymarket:0xc", 1)]).rows["core.fills"]
    money = {k: row[k] for k in ("price", "size", "notional_usd", "fee_usd", "builder_fee_usd")}
    assert [str(v.normalize()) for v in money.values()] == ["0.01", "5", "0.05", "0.002", "0.0001"]
    assert (row["fill_id"], row["role"], row["side"], row["builder_code"]) == (
        "polymarket:leg-1",
        "maker",
        "sell",
        "0xb",
    )
    assert (row["instrument_id"], row["outcome_index"]) == ("polymarket:0xc", 1)
    assert row["event_at"] == datetime.fromtimestamp(1790000000, UTC)


@pytest.mark.parametrize(
    ("word", "status", "terminal"),
    [
        ("MATCHED", "matched", False),
        ("MATCHED_NOT_BROADCASTED", "matched", False),
        ("MINED", "mined", False),
        ("RETRYING", "retrying", False),
        ("CONFIRMED", "confirmed", True),
        ("FAILED", "failed", True),
        ("PONDERING", "pondering", False),
    ],
)
def test_fill_status_is_mapped_and_only_confirmed_and_failed_are_final(word: str, status: str, terminal: bool) -> None:
    (row,) = parse("builder_trades", [leg(status=f"TRADE_STATUS_{word}")]).rows["core.fills"]
    assert (row["status"], row["venue_status"], row["is_terminal"]) == (status, f"TRADE_STATUS_{word}", terminal)


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"id": ""}, "$.id"),
        ({"market": None}, "$.market"),
        ({"matchTime": "soon"}, "$.matchTime"),
        ({"tradeType": ""}, "$.tradeType"),
        ({"status": None}, "$.status"),
        ({"price": "1.01"}, "$.price"),
        ({"size": "0"}, "$.size"),
    ],
)
def test_a_leg_that_cannot_be_a_fill_is_a_dead_letter(changed: dict[str, object], path: str) -> None:
    result = parse("builder_trades", [leg(**changed)])
    assert (result.rows["core.fills"], [d["path"] for d in result.dead]) == ([], [path])


def test_the_last_reading_of_a_leg_counts() -> None:
    rows = parse("builder_trades", [leg(status="TRADE_STATUS_MINED"), leg()]).rows["core.fills"]
    assert [r["status"] for r in rows] == ["confirmed"]
