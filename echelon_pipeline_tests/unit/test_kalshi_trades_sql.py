"""Kalshi trades: units by the key's name, orientation, exact notional, dead letters with a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.kalshi.parse import KINDS
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline_tests import kalshi_oracle as oracle
from echelon_pipeline_tests.fakes import Parsed, parse_payloads, raw_table

TRADES = KINDS["trades"]
BASE = {
    "trade_id": "t-1",
    "ticker": "KXHIGHNY-26JAN09-B49.5",
    "count_fp": "5.00",
    "yes_price_dollars": "0.4300",
    "no_price_dollars": "0.5700",
    "taker_outcome_side": "yes",
    "created_time": "2026-09-01T23:59:59.123456Z",
    "is_block_trade": False,
}


def parsed(*changes: dict[str, Any]) -> Parsed:
    """Trades like BASE with changes; a value of ... takes the key away."""
    payloads = [
        {k: v for k, v in {**BASE, "trade_id": f"t-{n}", **change}.items() if v is not ...}
        for n, change in enumerate(changes)
    ]
    return parse_payloads(TRADES, payloads)


def only(**change: Any) -> dict[str, Any]:
    found = parsed(change)
    assert found.dead == []
    (row,) = found.rows["core.trades"]
    return row


def reason(**change: Any) -> tuple[str, str]:
    found = parsed(change)
    assert found.rows["core.trades"] == []
    (dead,) = found.dead
    return dead["path"], dead["reason"]


def test_a_trade_in_dollars_is_typed_exactly() -> None:
    row = only()
    assert (row["price"], row["price_0"], row["size"]) == (Decimal("0.43"), Decimal("0.43"), Decimal(5))
    assert row["taker_notional_usd"] == Decimal("2.15")
    assert (row["outcome_index"], row["taker_direction"], row["taker_side"]) == (0, 1, "buy")
    assert row["event_at"] == datetime(2026, 9, 1, 23, 59, 59, 123456, tzinfo=UTC)
    assert row["price_text"] == "0.4300"
    assert (row["grain"], row["identity"], row["set_id"], row["source"]) == (
        "match",
        "strong",
        row["trade_id"],
        "kalshi markets/trades",
    )


def test_the_price_of_a_no_taker_is_the_price_of_no() -> None:
    row = only(taker_outcome_side="no")
    assert (row["price"], row["price_0"], row["price_text"]) == (Decimal("0.57"), Decimal("0.43"), "0.5700")
    assert (row["outcome_index"], row["taker_direction"]) == (1, -1)
    assert row["taker_notional_usd"] == Decimal("2.85")


@pytest.mark.parametrize(
    ("change", "direction"),
    [
        ({"taker_side": "no", "taker_outcome_side": ...}, -1),
        ({"taker_side": "no", "taker_outcome_side": "yes"}, 1),
        ({"taker_outcome_side": ..., "taker_book_side": "bid"}, 1),
        ({"taker_outcome_side": "", "taker_side": None, "taker_book_side": "ask"}, -1),
    ],
)
def test_the_taker_side_is_the_outcome_side_else_the_older_words(change: dict[str, Any], direction: int) -> None:
    assert only(**change)["taker_direction"] == direction


def test_a_trade_without_a_taker_side_is_kept_without_direction() -> None:
    row = only(taker_outcome_side=...)
    assert (row["outcome_index"], row["taker_direction"], row["taker_side"]) == (None, None, None)
    assert row["unmapped_reason"] == "no taker side"
    assert (row["price"], row["price_0"]) == (Decimal("0.43"), Decimal("0.43"))


CENTS = {"yes_price_dollars": ..., "no_price_dollars": ..., "count_fp": ..., "count": 7}


def test_keys_without_a_suffix_are_cents_and_whole_contracts() -> None:
    row = only(**CENTS, yes_price=1, no_price=99)
    assert (row["price_0"], row["size"], row["taker_notional_usd"]) == (Decimal("0.01"), Decimal(7), Decimal("0.07"))


def test_the_unit_comes_from_the_key_and_never_from_the_size_of_the_number() -> None:
    """0.43 in a key of cents is no price, and 43 in a key of dollars is none either."""
    assert reason(**CENTS, yes_price="0.43", no_price="0.57")[0] == "$.yes_price"
    assert reason(yes_price_dollars="43", no_price_dollars=...)[0] == "$.yes_price_dollars"
    assert only(**CENTS, yes_price=1, no_price=...)["price_0"] == Decimal("0.01")


def test_two_encodings_that_disagree_are_a_dead_letter() -> None:
    path, text = reason(yes_price=42, no_price=58)
    assert path == "$.yes_price_dollars"
    assert text == "yes_price_dollars 0.4300 and yes_price 42 (cents) disagree"
    assert reason(count=6)[1] == "count_fp 5.00 and count 6 disagree"


@pytest.mark.parametrize("cents", [42, 43])
def test_cents_of_a_price_below_a_cent_tell_the_cent_beside_it(cents: int) -> None:
    row = only(yes_price_dollars="0.4250", no_price_dollars="0.5750", yes_price=cents, no_price=100 - cents)
    assert row["price_0"] == Decimal("0.425")


def test_whole_contracts_beside_a_fraction_tell_the_number_beside_it() -> None:
    assert only(count_fp="2.50", count=2)["size"] == Decimal("2.5")


@pytest.mark.parametrize("second", ["999.00", "5.00"])
def test_an_object_that_names_a_field_twice_is_a_dead_letter(second: str) -> None:
    """Readers of JSON differ in which of the two values they take."""
    served = json.dumps(BASE)
    twice = served.replace('"count_fp"', f'"count_fp": "{second}", "count_fp"')
    found = parse_payloads(TRADES, [served.replace("t-1", "t-2"), twice])
    assert [row["trade_id"] for row in found.rows["core.trades"]] == ["t-2"]
    assert [(d["path"], d["reason"], d["payload"]) for d in found.dead] == [
        ("$.count_fp", "count_fp: the object has this field twice", twice)
    ]


def test_a_field_that_is_never_read_may_be_named_twice() -> None:
    found = parse_payloads(TRADES, [json.dumps(BASE).replace("{", '{"note": 1, "note": 2, ', 1)])
    assert (len(found.rows["core.trades"]), found.dead) == (1, [])


@pytest.mark.parametrize(
    ("change", "path", "text"),
    [
        (
            {"yes_price_dollars": "1.2000"},
            "$.yes_price_dollars",
            "yes_price_dollars: expected dollars in 0..1, got 1.2000",
        ),
        ({"no_price_dollars": "-0.1"}, "$.no_price_dollars", "no_price_dollars: expected dollars in 0..1, got -0.1"),
        ({"no_price_dollars": "0.5600"}, "$.yes_price_dollars", "do not sum to 1"),
        ({"count_fp": "-3.00"}, "$.count_fp", "got -3.00"),
        ({"count_fp": "0.00"}, "$.count_fp", "expected contracts above 0"),
        ({"count_fp": "1000000000000.00"}, "$.count_fp", "below 1e12, got 1000000000000.00"),
        ({"count_fp": "999999999999.99999999"}, "$.count_fp", "below 1e12"),
        ({"count_fp": "0.0000001"}, "$.count_fp", "expected contracts above 0"),
        ({"count_fp": None}, "$.count_fp", "no size"),
        ({"count_fp": "5e13"}, "$.count_fp", "got 5e13"),
        ({"yes_price_dollars": None, "no_price_dollars": ""}, "$.yes_price_dollars", "no price"),
        ({"yes_price_dollars": "0.4_3"}, "$.yes_price_dollars", "got 0.4_3"),
        ({"yes_price_dollars": ["0.43"]}, "$.yes_price_dollars", 'got ["0.43"]'),
        ({"trade_id": ""}, "$.trade_id", "no identity"),
        ({"ticker": None}, "$.ticker", "no ticker"),
        ({"ticker": {"a": 1}}, "$.ticker", "no ticker"),
        ({"created_time": "yesterday"}, "$.created_time", "got yesterday"),
        ({"created_time": "0001-01-01T00:00:00Z"}, "$.created_time", "expected a time"),
        ({"created_time": "20260-01-01T00:00:00Z"}, "$.created_time", "expected a time"),
    ],
)
def test_what_is_no_trade_says_which_field_and_value(change: dict[str, Any], path: str, text: str) -> None:
    where, why = reason(**change)
    assert where == path
    assert text in why


@pytest.mark.parametrize("payload", ["[1]", '"x"', "5", "null", '{"trade_id": 1e999}'])
def test_what_is_no_object_is_a_dead_letter(payload: str) -> None:
    found = parse_payloads(TRADES, [payload])
    assert found.rows["core.trades"] == []
    assert len(found.dead) == 1


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.endpoint)
def test_what_is_no_json_is_rejected_by_every_parse_statement(kind: PayloadKind) -> None:
    payloads = ["{", "", '{"a":"\\ud800"}', "[1, 2", "NaN"]
    with connect() as connection:
        connection.register("raw_objects", raw_table(kind, payloads))
        rows = connection.execute(f"SELECT reject_reason FROM ({statement(kind.parse).text})").fetchall()
    assert len(rows) == len(payloads)
    assert all(reason is not None for (reason,) in rows)


def test_a_price_may_be_given_for_one_side_only() -> None:
    assert only(no_price_dollars=...)["price_0"] == Decimal("0.43")
    row = only(yes_price_dollars=None, taker_outcome_side="no")
    assert (row["price"], row["price_0"], row["price_text"]) == (Decimal("0.57"), Decimal("0.43"), "0.5700")


def test_a_notional_of_millions_of_contracts_is_exact() -> None:
    """Price x size in units of 10^-12 passes 64 bits from nine million contracts on."""
    row = only(count_fp="31000000.01", yes_price_dollars="0.999999", no_price_dollars="0.000001")
    assert row["taker_notional_usd"] == Decimal("30999969.010000")
    top = only(count_fp="999999999999.999999", yes_price_dollars="1.0000", no_price_dollars="0.0000")
    assert top["taker_notional_usd"] == Decimal("999999999999.999999")


def test_a_trade_that_two_tiers_serve_is_one_row() -> None:
    found = parsed({"trade_id": "same"}, {"trade_id": "same"}, {"trade_id": "other"})
    assert sorted(r["trade_id"] for r in found.rows["core.trades"]) == ["other", "same"]


def test_a_block_trade_is_flagged_and_the_default_is_false() -> None:
    assert only(is_block_trade=True)["is_block_trade"] is True
    assert only(is_block_trade=...)["is_block_trade"] is False


def test_unknown_fields_and_words_are_counted() -> None:
    found = parsed({"taker_outcome_side": "maybe", "brand_new": 1})
    assert {(d["path"], d["kind"], d["value"]) for d in found.drift} == {
        ("brand_new", "field", None),
        ("taker_outcome_side", "value", "maybe"),
    }
    assert found.rows["core.trades"][0]["unmapped_reason"] == "no taker side"


# --- against plain Python, on odd but legal payloads

_cents = st.integers(0, 100)
_dollars = st.decimals(0, 1, places=6).map(str) | st.decimals(0, 1, places=4).map(str)
_sizes = st.decimals("0.01", 10**7, places=2).map(str) | st.integers(1, 10**6).map(str)
_noise: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "abc", "-1", -3, True, 1.5, "1.01", 101, "0.5.5", [], {"a": 1}, "99999999999999"]
)
_times = st.datetimes(datetime(2021, 1, 1), datetime(2027, 1, 1)).map(lambda t: t.isoformat() + "Z")  # noqa: DTZ001
_sides = st.sampled_from(["yes", "no", "YES", "", None, "both"])


@st.composite
def trades(draw: st.DrawFn) -> dict[str, Any]:
    """A trade of one of the eras, sometimes with a field that is missing, null or odd."""
    cents = draw(_cents)
    dollars = Decimal(draw(_dollars))
    era = draw(st.sampled_from(["cents", "both", "dollars", "sub-cent"]))
    o: dict[str, Any] = {
        "trade_id": draw(st.uuids().map(str)),
        "ticker": draw(st.sampled_from(["KXA-B.5", "CO2", "é"])),
    }
    if era in {"cents", "both"}:
        o |= {"yes_price": cents, "no_price": 100 - cents, "count": draw(st.integers(1, 10**6))}
    if era == "both":
        whole = Decimal(cents) / 100
        o |= {"yes_price_dollars": f"{whole:.4f}", "no_price_dollars": f"{1 - whole:.4f}"}
        o |= {"count_fp": f"{o['count']}.00"} if draw(st.booleans()) else {}
    if era in {"dollars", "sub-cent"}:
        o |= {"yes_price_dollars": str(dollars), "no_price_dollars": str(1 - dollars), "count_fp": draw(_sizes)}
    if era == "sub-cent":
        o |= {"yes_price": int(dollars * 100)}
    o |= {"taker_outcome_side": draw(_sides), "taker_side": draw(_sides), "created_time": draw(_times)}
    o |= {"taker_book_side": draw(st.sampled_from(["bid", "ask", None])), "is_block_trade": draw(st.booleans())}
    for key in draw(st.lists(st.sampled_from(sorted(o)), max_size=2)):
        if key != "trade_id":
            o[key] = draw(_noise)
    return o


def verdict(payload: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return oracle.trade(payload)
    except oracle.Odd:
        return None


@settings(max_examples=40)
@given(st.lists(trades(), min_size=1, max_size=25, unique_by=lambda o: o["trade_id"]))
def test_the_sql_agrees_with_plain_python_on_every_trade(payloads: list[dict[str, Any]]) -> None:
    found = parse_payloads(TRADES, payloads)
    rows = {row["trade_id"]: row for row in found.rows["core.trades"]}
    assert len(rows) + len(found.dead) == len(payloads)
    dead = {json.loads(d["payload"])["trade_id"] for d in found.dead}
    for payload in payloads:
        expected = verdict(payload)
        if expected is None:
            assert payload["trade_id"] in dead, payload
        else:
            row = rows[payload["trade_id"]]
            assert {key: row[key] for key in expected} == expected, payload
