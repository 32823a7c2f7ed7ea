"""``mart.parlay_values``: verdicts by hand, and against plain Python with fractions on any quotes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline_tests.marts import computed
from echelon_pipeline_tests.parlay_rows import LEG_A, LEG_B, combo, leg, quote, values_of
from echelon_pipeline_tests.rows import NOON, Row, row

NAME = "mart.parlay_values"
Quote = tuple[Decimal | None, Decimal | None]


def _parlay(bid: Decimal | str | None, ask: Decimal | str | None, legs: int = 2, **values: Any) -> Row:
    made = {
        "instrument_id": "kalshi:C",
        "leg_count": legs,
        "legs_known": True,
        "status": "active",
        "bid": None if bid is None else Decimal(bid),
        "ask": None if ask is None else Decimal(ask),
        "observed_at": NOON,
    }
    return row("core.parlays", **{**made, **values})


def _leg(index: int, bid: Decimal | str | None, ask: Decimal | str | None, **values: Any) -> Row:
    sides = [None if text is None else Decimal(text) for text in (bid, ask)]
    middle = (sides[0] + sides[1]) / 2 if sides[0] is not None and sides[1] is not None else None
    made = {
        "parlay_id": "kalshi:C",
        "leg_index": index,
        "event_id": f"kalshi:E{index}",
        "status": "active",
        "is_scalar": False,
        "is_known": True,
        "price": middle,
        "price_source": None if middle is None else "mid",
        "bid": sides[0],
        "ask": sides[1],
        "observed_at": NOON,
    }
    return row("core.parlay_legs", **{**made, **values})


TWO = (_leg(0, "0.50", "0.52"), _leg(1, "0.70", "0.74"))  # bounds: 0.20 to 0.52


def _value(parlay: Row, *legs: Row) -> Row:
    (found,) = computed(NAME, {"core.parlays": [parlay], "core.parlay_legs": legs})
    return found


VERDICTS = [
    ("0.30", "0.40", "consistent"),
    ("0.10", "0.20", "consistent"),  # an ask at the lower bound gives nothing away
    ("0.52", "0.52", "consistent"),  # neither does a bid at the upper one
    ("0.30", "0.53", "overpriced_quote"),
    ("0.53", "0.60", "violation"),
    ("0.10", "0.19", "violation"),
]


@pytest.mark.parametrize(("bid", "ask", "verdict"), VERDICTS)
def test_only_what_can_be_traded_at_a_sure_profit_is_a_violation(bid: str, ask: str, verdict: str) -> None:
    found = _value(_parlay(bid, ask), *TWO)
    assert (found["lower_bound"], found["upper_bound"]) == (Decimal("0.20"), Decimal("0.52"))
    assert (found["verdict"], found["verdict_reason"]) == (verdict, None)


def test_a_row_without_a_verdict_still_compares_quotes_with_bounds() -> None:
    found = _value(_parlay(None, "0.90"), *TWO)
    assert (found["verdict"], found["verdict_reason"]) == ("no_verdict", "one_sided")
    sides = [found[f"is_{name}"] for name in ("bid_above_upper", "ask_above_upper", "ask_below_lower")]
    assert sides == [None, True, False]


def _changed(leg_values: dict[str, Any], **parlay: Any) -> Row:
    return _value({**_parlay("0.30", "0.40"), **parlay}, {**TWO[0], **leg_values}, TWO[1])


LATE = NOON + timedelta(seconds=60, microseconds=1)
REFUSALS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"legs_known": False, "unknown_reason": "x"}, "legs_unknown"),
    ({"is_known": False, "unknown_reason": "x"}, {}, "leg_not_held"),
    ({"is_scalar": True}, {}, "scalar_leg"),
    ({}, {"status": "closed"}, "not_trading"),
    ({}, {"status": None}, "not_trading"),
    ({"status": "settled"}, {}, "leg_not_trading"),
    ({"status": None}, {}, "leg_not_trading"),
    ({}, {"bid": None, "ask": None}, "no_quote"),
    ({}, {"bid": None}, "one_sided"),
    ({}, {"ask": None}, "one_sided"),
    ({"bid": None, "ask": None}, {}, "leg_without_quote"),
    ({"bid": Decimal("0.53")}, {}, "crossed_quotes"),
    ({}, {"bid": Decimal("0.41")}, "crossed_quotes"),
    ({"observed_at": LATE}, {}, "stale_quotes"),
    ({}, {"observed_at": LATE}, "stale_quotes"),
    ({"observed_at": NOON - timedelta(seconds=61)}, {}, "stale_quotes"),
]


@pytest.mark.parametrize(("leg_values", "parlay", "reason"), REFUSALS)
def test_every_refusal_has_its_reason(leg_values: dict[str, Any], parlay: dict[str, Any], reason: str) -> None:
    found = _changed(leg_values, **parlay)
    assert (found["verdict"], found["verdict_reason"]) == ("no_verdict", reason)


def test_quotes_within_a_minute_count_as_simultaneous() -> None:
    found = _changed({"observed_at": NOON + timedelta(seconds=60)})
    assert (found["verdict"], found["quote_spread_seconds"]) == ("consistent", 60.0)


def test_the_leg_quote_near_the_combos_quote_is_compared_not_a_newer_one() -> None:
    beside = {"bid_beside": Decimal("0.20"), "ask_beside": Decimal("0.25"), "beside_at": NOON, "observed_at": LATE}
    found = _changed(beside)
    assert (found["upper_bound"], found["verdict"]) == (Decimal("0.25"), "violation")
    assert found["leg_product"] == Decimal("0.225") * Decimal("0.72")


def test_a_leg_without_a_bid_sells_for_0_and_a_leg_without_an_ask_gives_no_upper_bound() -> None:
    found = _value(_parlay("0.60", "0.80"), _leg(0, None, "0.50", price=Decimal("0.4")), _leg(1, "0.90", None))
    assert (found["lower_bound"], found["upper_bound"], found["verdict"]) == (0, Decimal("0.50"), "violation")
    none = _value(_parlay("0.60", "0.80"), _leg(0, "0.50", None), _leg(1, "0.90", None))
    assert (none["lower_bound"], none["upper_bound"]) == (Decimal("0.40"), None)
    assert (none["bounds_reason"], none["verdict"]) == ("no_leg_ask", "consistent")


DEPENDENT: list[tuple[dict[str, Any], str]] = [
    ({"event_id": "kalshi:E1"}, "shared_event"),
    ({"event_id": None}, "unknown_event"),
    ({"is_scalar": True}, "scalar_leg"),
    ({"bid": None, "price": None, "price_source": None}, "no_price"),
]


@pytest.mark.parametrize(("leg_values", "reason"), DEPENDENT)
def test_a_product_is_given_only_for_independent_priced_legs(leg_values: dict[str, Any], reason: str) -> None:
    found = _changed(leg_values)
    assert (found["leg_product"], found["product_reason"]) == (None, reason)
    assert found["lower_bound"] is not None  # bounds are valid for any dependence


def test_legs_of_one_game_have_no_product_and_legs_of_one_day_have() -> None:
    def reason(first: str, second: str) -> str | None:
        legs = [{**made, "event_id": f"kalshi:{e}"} for made, e in zip(TWO, (first, second), strict=True)]
        found: str | None = _value(_parlay("0.30", "0.40"), *legs)["product_reason"]
        return found

    assert reason("KXMLBGAME-26AUG091335ATLNYY", "KXMLBTOTAL-26AUG091335ATLNYY") == "same_game"
    assert reason("KXMLBGAME-26AUG091335ATLNYY", "KXMLBTOTAL-26AUG091410MINMIL") is None
    assert reason("KXHIGHNY-26AUG09", "KXHIGHCHI-26AUG09") is None


def test_a_combo_without_legs_has_that_reason_everywhere() -> None:
    found = _value(_parlay("0.3", "0.4", legs_known=False, unknown_reason="x", leg_count=None))
    reasons = {found[name] for name in ("product_reason", "creation_reason", "bounds_reason", "verdict_reason")}
    assert reasons == {"legs_unknown"}


def test_payouts_of_the_legs_multiply_once_all_are_final() -> None:
    paid = [{**made, "payout": Decimal(p)} for made, p in zip(TWO, ("0.5", "0.3"), strict=True)]
    assert _value(_parlay("0.3", "0.4", payout_0=Decimal("0.15")), *paid)["legs_payout"] == Decimal("0.15")
    assert _value(_parlay("0.3", "0.4"), paid[0], TWO[1])["legs_payout"] is None


def test_ten_legs_of_seven_digits_multiply_to_the_last_digit() -> None:
    price = Decimal("0.987654321098")
    legs = [_leg(n, None, None, price=price, price_source="last_trade", price_at_creation=price) for n in range(10)]
    found = _value(_parlay("0.3", "0.4", legs=10), *legs)
    exact = Fraction(price) ** 10
    assert abs(Fraction(found["leg_product"]) - exact) <= Fraction(1, 2 * 10**12) + Fraction(10, 10**18)
    assert found["leg_product_at_creation"] == found["leg_product"]


def test_from_instruments_to_a_verdict() -> None:
    instruments = [combo(LEG_A, LEG_B), leg("A"), leg("B")]
    quotes = [quote("C", "0.55", "0.60"), quote("A", "0.40", "0.50"), quote("B", "0.20", "0.30")]
    (found,) = values_of({"core.instruments": instruments, "core.instrument_quotes": quotes})
    # A at 0.40 to 0.50 and not B at 0.70 to 0.80: the bid of 0.55 is above what A alone costs.
    assert (found["lower_bound"], found["upper_bound"], found["verdict"]) == (
        Decimal("0.1"),
        Decimal("0.5"),
        "violation",
    )
    assert found["leg_product"] == Decimal("0.45") * Decimal("0.75")


# --- against plain Python

TICK = 10_000
_PRICES = st.integers(1, TICK - 1).map(lambda n: Decimal(n) / TICK)
_SIDED = st.tuples(_PRICES, _PRICES).map(lambda pair: (min(pair), max(pair)))
_QUOTES = st.one_of(_SIDED, _SIDED, st.tuples(_PRICES, st.none()), st.tuples(st.none(), _PRICES), st.just((None, None)))
_LEGS = st.lists(st.tuples(_QUOTES, st.integers(-90, 90)), min_size=1, max_size=6)


def _judged(own: Quote, legs: list[Quote], seconds: list[int]) -> tuple[str, str | None]:
    bid, ask = own
    if bid is None and ask is None:
        return "no_verdict", "no_quote"
    if bid is None or ask is None:
        return "no_verdict", "one_sided"
    if (None, None) in legs:
        return "no_verdict", "leg_without_quote"
    if max(0, *seconds) - min(0, *seconds) > 60:
        return "no_verdict", "stale_quotes"
    upper = min((Fraction(a) for _, a in legs if a is not None), default=Fraction(1))
    lower = max(Fraction(0), sum(Fraction(b or 0) for b, _ in legs) - (len(legs) - 1))
    if Fraction(bid) > upper or Fraction(ask) < lower:
        return "violation", None
    return ("overpriced_quote" if Fraction(ask) > upper else "consistent"), None


def _all(quotes: list[Quote], legs: list[list[Row]]) -> list[Row]:
    """Values of several combos at once: a statement costs more than its rows."""
    names = [f"kalshi:C{n:03}" for n in range(len(legs))]
    parlays = [_parlay(*q, legs=len(rows), instrument_id=i) for i, q, rows in zip(names, quotes, legs, strict=True)]
    flat = [{**made, "parlay_id": i} for i, rows in zip(names, legs, strict=True) for made in rows]
    return computed(NAME, {"core.parlays": parlays, "core.parlay_legs": flat})


_COMBOS = st.lists(st.tuples(_QUOTES, _LEGS, st.booleans()), min_size=10, max_size=30)


@settings(max_examples=10)
@given(_COMBOS)
def test_the_verdict_equals_exact_arithmetic(combos: list[tuple[Quote, list[tuple[Quote, int]], bool]]) -> None:
    rows, expected = [], []
    for own, legs, together in combos:
        seconds = [0 if together else n for _, n in legs]
        times = [NOON + timedelta(seconds=n) for n in seconds]
        rows.append([_leg(n, *q, observed_at=times[n]) for n, (q, _) in enumerate(legs)])
        expected.append(_judged(own, [q for q, _ in legs], seconds))
    found = _all([own for own, _, _ in combos], rows)
    assert [(r["verdict"], r["verdict_reason"]) for r in found] == expected


@settings(max_examples=8)
@given(st.lists(st.lists(_SIDED, min_size=1, max_size=8), min_size=10, max_size=30))
def test_the_product_of_independent_legs_is_within_the_bounds(combos: list[list[tuple[Decimal, Decimal]]]) -> None:
    rows = [[_leg(n, *q) for n, q in enumerate(legs)] for legs in combos]
    for legs, found in zip(combos, _all([(None, None)] * len(rows), rows), strict=True):
        assert found["lower_bound"] <= found["leg_product"] <= found["upper_bound"]
        exact = prod((Fraction(b) + Fraction(a)) / 2 for b, a in legs)
        assert abs(Fraction(found["leg_product"]) - exact) <= Fraction(1, 2 * 10**12) + Fraction(len(legs), 10**18)


@settings(max_examples=5)
@given(st.lists(_SIDED, min_size=2, max_size=9))
def test_another_leg_never_raises_a_bound(legs: list[tuple[Decimal, Decimal]]) -> None:
    made = [_leg(n, *q) for n, q in enumerate(legs)]
    growing = [made[:n] for n in range(1, len(made) + 1)]
    for fewer, more in pairwise(_all([(None, None)] * len(growing), growing)):
        assert more["upper_bound"] <= fewer["upper_bound"]
        assert more["lower_bound"] <= fewer["lower_bound"]
