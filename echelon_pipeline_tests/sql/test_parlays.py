"""``core.parlays`` and ``core.parlay_legs``: definitions, names, sides, and prices now and at creation."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from echelon_pipeline_tests.marts import computed
from echelon_pipeline_tests.parlay_rows import LEG_A, LEG_B, NOBODY, combo, leg, legs_of, quote
from echelon_pipeline_tests.rows import DAY, NOON, Row, row, trade

CONDITION = "0x03" + "a" * 60
MINUTE = timedelta(minutes=1)


def _parlay(given: dict[str, list[Row]]) -> Row:
    (found,) = computed("core.parlays", given)
    return found


def _given(*legs: Row, **more: list[Row]) -> dict[str, list[Row]]:
    made = {
        "core.instruments": [combo(*legs), leg("A", event_id="kalshi:E1"), leg("B", event_id="kalshi:E2")],
        "core.instrument_quotes": [quote("C", "0.20", "0.30"), quote("A", "0.40", "0.50"), quote("B", "0.60", "0.70")],
    }
    return {**made, **{f"core.{name}": rows for name, rows in more.items()}}


def test_a_combo_is_a_row_with_its_legs_as_served_its_quote_and_its_payout() -> None:
    given = _given(LEG_A, LEG_B, resolutions=[_payout("C", "0.25")])
    found = _parlay(given)
    assert json.loads(found["definition"]) == [LEG_A, LEG_B]
    assert (found["leg_count"], found["legs_known"], found["unknown_reason"]) == (2, True, None)
    assert (found["bid"], found["ask"], found["observed_at"]) == (Decimal("0.20"), Decimal("0.30"), NOON)
    assert (found["collection_id"], found["payout_0"]) == ("KXCITIES-R", Decimal("0.25"))


def _payout(native: str, value: str, **values: Any) -> Row:
    made = {"instrument_id": f"kalshi:{native}", "payout_0": Decimal(value), "payout_1": 1 - Decimal(value)}
    return row("core.resolutions", **{**made, **values})


def test_only_combos_are_parlays_independent_of_the_form_of_the_ticker() -> None:
    odd = leg("KXMVECROSSCATEGORY-1")
    assert computed("core.parlays", {"core.instruments": [odd]}) == []


NAMES = [
    ("Senate 2024", None, "Will A win the Senate?", "Will A win the Senate?: YES"),
    ("Senate 2024", "Party A", "Will A win the Senate?", "Senate 2024 - Party A: YES"),
    ("Who wins?", "Yes", "Will A win?", "Will A win?: YES"),
    ("Who wins?", "Will A win?", "Will A win?", "Will A win?: YES"),
    ("Who wins?", None, None, "Who wins?: YES"),
    (None, "Atlanta", "Atlanta vs New York Winner?", "Atlanta vs New York Winner? - Atlanta: YES"),
    (None, "Party A", None, "Party A: YES"),
    (None, None, None, "A: YES"),
]


@pytest.mark.parametrize(("event", "label", "title", "name"), NAMES)
def test_a_leg_is_named_by_its_event_and_the_subject_within_it(
    event: str | None, label: str | None, title: str | None, name: str
) -> None:
    events = [row("core.events", event_id="kalshi:E1", title=event)] if event else []
    held = leg("A", event_id="kalshi:E1", title=title, sub_title=label)
    assert _parlay({"core.instruments": [combo(LEG_A), held], "core.events": events})["display_name"] == name


def test_a_long_name_is_cut_within_the_leg_and_after_four_legs() -> None:
    many = [{"event_ticker": f"E{n}", "market_ticker": f"L{n}", "side": "no"} for n in range(6)]
    held = [leg("L0", title="x" * 200, sub_title="y" * 200), leg("L2", title="Rain in Paris"), leg("L3"), combo(*many)]
    found = _parlay({"core.instruments": held})["display_name"]
    assert found == "x" * 59 + "… - " + "y" * 59 + "…: NO + L1: NO + Rain in Paris: NO + L3: NO + 2 more"


UNKNOWN = [
    ([{"event_ticker": "E", "side": "yes"}], "leg 0 names no market"),
    ([LEG_A, {"market_ticker": "B", "side": "maybe"}], "leg 1 is on neither side"),
    ([LEG_A, 5], "leg 1 names no market"),
    ([], "the venue served no legs"),
    (None, "the venue served no legs"),
    ({"market_ticker": "A"}, "the venue served no legs"),
]


@pytest.mark.parametrize(("served", "reason"), UNKNOWN)
def test_an_unreadable_definition_is_a_reason_and_the_combo_is_kept(served: object, reason: str) -> None:
    found = _parlay({"core.instruments": [combo(external_ref=json.dumps({"legs": served}))]})
    assert (found["legs_known"], found["unknown_reason"]) == (False, reason)
    assert found["display_name"]


def test_a_combo_without_other_ids_is_kept() -> None:
    assert _parlay({"core.instruments": [combo(external_ref=None)]})["legs_known"] is False


def test_a_polymarket_combo_that_traded_is_a_parlay_of_unknown_legs_once() -> None:
    prints = [trade(n, venue="polymarket", instrument_id=f"polymarket:{CONDITION}") for n in (1, 2)]
    others = [f"polymarket:0x03{'a' * 62}", f"polymarket:0x02{'a' * 60}"]
    prints += [trade(9 + n, venue="polymarket", instrument_id=i) for n, i in enumerate(others)]
    found = _parlay({"core.trades": prints})
    assert (found["venue"], found["instrument_id"], found["native_id"]) == (
        "polymarket",
        f"polymarket:{CONDITION}",
        CONDITION,
    )
    assert (found["legs_known"], found["leg_count"], found["status"]) == (False, None, None)
    assert found["unknown_reason"] == "Polymarket does not publish the legs of its combos"
    assert found["display_name"] == "Combo 0x03aaaaaaaa… of unknown legs"


def test_a_listed_polymarket_combo_has_one_row() -> None:
    listed = combo(venue="polymarket", instrument_id=f"polymarket:{CONDITION}", native_id=CONDITION, external_ref=None)
    prints = [trade(1, venue="polymarket", instrument_id=f"polymarket:{CONDITION}")]
    assert _parlay({"core.instruments": [listed], "core.trades": prints})["status"] == "active"


# --- legs


def test_prices_of_a_leg_are_those_of_its_side() -> None:
    first, second = legs_of(_given(LEG_A, LEG_B))
    assert (first["outcome_index"], first["bid"], first["ask"]) == (0, Decimal("0.40"), Decimal("0.50"))
    assert (first["price"], first["price_source"]) == (Decimal("0.45"), "mid")
    assert (second["outcome_index"], second["bid"], second["ask"]) == (1, Decimal("0.30"), Decimal("0.40"))
    assert second["price"] == Decimal("0.35")
    assert [r["event_id"] for r in (first, second)] == ["kalshi:E1", "kalshi:E2"]


def test_a_side_without_a_quote_on_yes_has_none_on_no() -> None:
    given = _given(LEG_A, LEG_B)
    given["core.instrument_quotes"] = [quote("B", "0.60", None, last_price=Decimal("0.65"))]
    first, second = legs_of(given)
    assert (first["price"], first["price_reason"]) == (None, "never polled")
    assert (second["bid"], second["ask"]) == (None, Decimal("0.40"))
    assert (second["price"], second["price_source"]) == (Decimal("0.35"), "last_trade")


def test_a_settled_leg_is_worth_its_payout_and_a_fraction_makes_it_scalar() -> None:
    first, second = legs_of(_given(LEG_A, LEG_B, resolutions=[_payout("A", "1"), _payout("B", "0.3")]))
    assert (first["price"], first["payout"], first["price_source"], first["is_scalar"]) == (1, 1, "payout", False)
    assert (second["price"], second["payout"], second["is_scalar"]) == (Decimal("0.7"), Decimal("0.7"), True)


def test_a_payout_that_is_not_final_is_null() -> None:
    first, _ = legs_of(_given(LEG_A, LEG_B, resolutions=[_payout("A", "1", status="determined")]))
    assert (first["payout"], first["price_source"]) == (None, "mid")


def test_a_leg_without_an_instrument_is_a_row_with_a_reason() -> None:
    given = _given(LEG_A, {"event_ticker": "E9", "market_ticker": "Z", "side": "no"}, {"side": "yes"})
    _, missing, nameless = legs_of(given)
    assert (missing["is_known"], missing["unknown_reason"]) == (False, "the instrument is not held")
    assert (missing["instrument_id"], missing["event_id"], missing["outcome_index"]) == ("kalshi:Z", "kalshi:E9", 1)
    assert (nameless["instrument_id"], nameless["unknown_reason"]) == (None, "the leg names no market")


def test_the_quote_near_the_combos_own_is_kept_when_a_newer_one_arrives() -> None:
    given = _given(LEG_A, LEG_B)
    given["core.instrument_quotes"] += [
        quote("A", "0.41", "0.43", NOON + timedelta(seconds=60)),
        quote("A", "0.80", "0.90", NOON + timedelta(seconds=61)),
    ]
    first, second = legs_of(given)
    assert (first["bid_beside"], first["ask_beside"]) == (Decimal("0.41"), Decimal("0.43"))
    assert (first["bid"], first["ask"], first["price"]) == (Decimal("0.80"), Decimal("0.90"), Decimal("0.85"))
    assert (second["bid_beside"], second["ask_beside"], second["beside_at"]) == (
        Decimal("0.30"),
        Decimal("0.40"),
        NOON,
    )


def test_without_a_quote_within_a_minute_there_is_no_near_quote() -> None:
    given = _given(LEG_A)
    given["core.instrument_quotes"] = [
        quote("C", "0.20", "0.30"),
        quote("A", "0.41", "0.43", NOON - timedelta(seconds=61)),
        quote("A", "0.42", "0.44", NOON + timedelta(seconds=61)),
    ]
    (first,) = legs_of(given)
    assert (first["beside_at"], first["bid_beside"], first["bid"]) == (None, None, Decimal("0.42"))


BORN = NOON - timedelta(hours=2)  # when the combo of the rows was created


def _day(date_back: int, close: str | None, source: str = "trades") -> Row:
    return row(
        "core.daily_prices",
        instrument_id="kalshi:B",
        date=DAY - timedelta(days=date_back),
        price_source=source,
        close=None if close is None else Decimal(close),
    )


def _print(number: int, price: str, at: Any, **values: Any) -> Row:
    made = {"instrument_id": "kalshi:B", "price_0": Decimal(price), "event_at": at, "date": at.date()}
    return trade(number, **{**made, **values})


def _at_creation(**more: list[Row]) -> tuple[Any, Any, Any, Any]:
    (found,) = legs_of(_given(LEG_B, **more))
    return (
        found["price_at_creation"],
        found["creation_source"],
        found["creation_known_at"],
        found["creation_reason"],
    )


def test_the_price_at_creation_is_the_last_print_at_or_before_it_on_the_combos_side() -> None:
    prints = [
        _print(1, "0.70", BORN - MINUTE),
        _print(2, "0.61", BORN),
        _print(3, "0.62", BORN),
        _print(4, "0.10", BORN + timedelta(microseconds=1)),
        _print(5, "0.05", BORN, is_block_trade=True),
    ]
    assert _at_creation(trades=prints) == (Decimal("0.38"), "trade", BORN, None)


def test_a_poll_between_the_last_print_and_the_creation_is_preferred() -> None:
    polls = [quote("B", "0.60", "0.61", BORN - MINUTE), quote("B", "0.10", "0.20", BORN + MINUTE)]
    prints = [_print(1, "0.70", BORN - 2 * MINUTE)]
    found = _at_creation(trades=prints, instrument_quotes=polls)
    assert found == (Decimal("0.395"), "quote", BORN - MINUTE, None)


def test_an_older_price_is_the_close_of_the_last_day_with_a_close() -> None:
    days = [_day(0, "0.99"), _day(1, None), _day(2, "0.80", "candle"), _day(2, "0.75"), _day(3, "0.50")]
    midnight = NOON.replace(hour=0) - timedelta(days=1)
    assert _at_creation(daily_prices=days) == (Decimal("0.25"), "daily_close", midnight, None)


def test_the_venues_own_day_and_prints_of_three_days_ago_do_not_count() -> None:
    days = [_day(2, "0.80", "venue_day")]
    prints = [_print(1, "0.70", BORN - timedelta(days=3))]
    assert _at_creation(daily_prices=days, trades=prints) == (None, None, None, NOBODY)


def test_without_a_creation_time_there_is_no_price_at_creation() -> None:
    given = _given(LEG_A)
    given["core.instruments"][0]["created_at"] = None
    (found,) = legs_of(given)
    assert (found["price_at_creation"], found["creation_reason"]) == (None, "the combo's creation time is unknown")
