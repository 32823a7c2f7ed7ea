"""Exact numbers and ladders, compared with a naive dictionary.

Belongs here: ``domain/scaled.py``, ``books/ladder.py``, ``books/hashes.py``. Books over time are in
``test_book_machine.py``.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.books.events import Facts, Side
from echelon_pipeline.books.hashes import book_hash, hash_input
from echelon_pipeline.books.ladder import Ladder, mirrored
from echelon_pipeline.domain.scaled import ONE, decimal_text, scaled, three_decimals

PRICES = st.integers(1, ONE - 1)
SIZES = st.integers(1, 10**18)
STEPS = st.lists(st.tuples(st.booleans(), st.sampled_from(Side), st.integers(1, 9), st.integers(-5, 5)))


@given(st.integers(0, 10**18 - 1))
def test_a_decimal_is_unchanged_by_reading_and_writing(number: int) -> None:
    assert scaled(decimal_text(number)) == scaled(three_decimals(number)) == number
    assert Decimal(decimal_text(number)) == Decimal(number) / ONE


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("0.1", 100_000), ("2525", 2_525_000_000), ("-54.00", -54_000_000), ("0.12345600", 123_456)),
        *(
            (".48", 480_000),
            ("1.", 1_000_000),
            ("-.5", -500_000),
            ("1.50", 1_500_000),
            (".0", 0),
            (".4800000000", 480_000),
        ),
    ],
)
def test_a_text_is_read_exactly(text: str, number: int) -> None:
    assert scaled(text) == number


@pytest.mark.parametrize(
    "text", ["", ".", "-", "-.", "1..5", "..5", "1e3", "NaN", "+1", " 1", "1\n", "0.1234567", "1" * 13, "\u0661", "--1"]
)
def test_a_text_that_is_not_a_decimal_of_six_places_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a decimal"):
        scaled(text)


@pytest.mark.parametrize(("number", "text"), [(850_000, "0.850"), (45_000, "0.045"), (500, "0.0005"), (0, "0.000")])
def test_a_last_trade_price_has_at_least_three_decimals(number: int, text: str) -> None:
    assert three_decimals(number) == text


@given(STEPS)
def test_any_changes_give_the_ladder_of_a_naive_dictionary(steps: list[tuple[bool, Side, int, int]]) -> None:
    ladder, naive = Ladder(), {Side.BID: dict[int, int](), Side.ASK: dict[int, int]()}
    for relative, side, price, size in steps:
        old = naive[side].get(price, 0)
        if relative:
            assert ladder.add(side, price, size) == (old + size >= 0)
            naive[side][price] = old + size if old + size >= 0 else old
        else:
            assert ladder.put(side, price, abs(size)) == bool(old or size)
            naive[side][price] = abs(size)
    for side in Side:
        left = {price: size for price, size in naive[side].items() if size}
        best = sorted(left.items(), reverse=side is Side.BID)
        assert ladder.sizes[side] == left
        assert ladder.top(side) == tuple(best)
        assert ladder.top(side, 2) == tuple(best[:2])
        assert ladder.depth[side] == sum(left.values())
        assert (ladder.bid if side is Side.BID else ladder.ask) == (best[0][0] if best else None)
    bids, asks = (ladder.top(side) for side in Side)
    assert ladder.crossed == bool(bids and asks and bids[0][0] >= asks[0][0])
    assert ladder.empty == (not bids and not asks)


@given(st.dictionaries(PRICES, SIZES), st.dictionaries(PRICES, SIZES), STEPS)
def test_a_snapshot_after_anything_equals_a_fresh_ladder(
    bids: dict[int, int], asks: dict[int, int], steps: list[tuple[bool, Side, int, int]]
) -> None:
    used, fresh = Ladder(), Ladder()
    for relative, side, price, size in steps:
        if relative:
            used.add(side, price, size)
        else:
            used.put(side, price, abs(size))
    for ladder in (used, fresh):
        ladder.replace(bids.items(), asks.items())
    assert [used.top(side) for side in Side] == [fresh.top(side) for side in Side]
    assert (used.depth, used.sizes, used.crossed) == (fresh.depth, fresh.sizes, fresh.crossed)


@given(st.sampled_from(Side), PRICES)
def test_a_mirror_of_a_mirror_is_the_level_itself(side: Side, price: int) -> None:
    assert mirrored(*mirrored(side, price)) == (side, price)
    assert mirrored(side, price)[0] is not side


# The reference's vector of June 2026 (section 2.4).
MARKET = "0x31efd0e7ebc0f21b99fdc4298d85345c092d6365e41c0d7c34af54b4e814c17e"
ASSET = "102562980241399842340754882821350311201914838624536401554312024655151357472351"
BIDS = """
    0.01:1075 0.02:465 0.03:1000 0.04:10 0.06:10 0.08:15 0.09:10 0.1:10 0.13:10 0.15:10 0.17:10 0.18:10 0.2:10
    0.21:60 0.23:10 0.24:60 0.26:620 0.27:40 0.29:10 0.3:40 0.31:330 0.32:10 0.33:30 0.35:330 0.36:15 0.38:250
    0.39:20 0.4:10 0.41:5 0.42:190 0.44:120 0.45:10 0.46:10 0.47:60 0.49:65
"""
ASKS = """
    0.99:1075 0.98:465 0.97:1000 0.96:10 0.94:10 0.92:15 0.91:10 0.9:10 0.87:10 0.85:10 0.83:10 0.82:10 0.8:10
    0.79:60 0.77:10 0.76:60 0.74:620 0.73:40 0.71:10 0.7:40 0.69:330 0.68:10 0.67:30 0.65:330 0.64:15 0.62:250
    0.61:20 0.6:10 0.59:5 0.58:190 0.56:120 0.55:10 0.54:10 0.53:60 0.51:72
"""


@pytest.mark.parametrize("outcome", [0, 1])
def test_a_hash_is_that_of_the_venue_s_text_for_both_outcomes(outcome: int) -> None:
    sides = [[tuple(map(scaled, level.split(":"))) for level in text.split()] for text in (BIDS, ASKS)]
    ladder = Ladder()
    if outcome:
        ladder.replace(*([(ONE - price, size) for price, size in side] for side in reversed(sides)))
    else:
        ladder.replace(*([(price, size) for price, size in side] for side in sides))
    facts = Facts(MARKET, "5", "0.01", neg_risk=False)
    text = hash_input(ladder, outcome, ASSET, 1782201457021_000, facts)
    assert text is not None
    assert book_hash(text, "") == book_hash(text, None) == "f95f38769d308ca8d61c394316c5ed77a15ce6c6"
    assert book_hash(text, "0.490") != book_hash(text, "")


@pytest.mark.parametrize("missing", ["market", "min_order_size", "tick_size", "neg_risk"])
def test_without_a_fact_there_is_no_hash(missing: str) -> None:
    known = {"market": MARKET, "min_order_size": "5", "tick_size": "0.01", "neg_risk": True} | {missing: None}
    assert hash_input(Ladder(), 0, ASSET, 0, Facts(**known)) is None  # type: ignore[arg-type]
