"""``mart.book_depth`` and ``mart.spread_stats``: by hand, against plain Python, and day by day."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline_tests.book_rows import ASKS, BIDS, Ladder, book, unknown
from echelon_pipeline_tests.marts import computed, day_by_day
from echelon_pipeline_tests.rows import DAY, Row

DEPTH, SPREAD = "mart.book_depth", "mart.spread_stats"
HOUR, A_DAY = 3600, 24 * 3600


def depth(*rows: Row) -> Row:
    (found,) = computed(DEPTH, {"core.book_snapshots": rows})
    return found


def spread(*rows: Row) -> Row:
    (found,) = computed(SPREAD, {"core.book_snapshots": rows})
    return found


# 0.40 / 0.42: the mid is 0.41; 0.39 is 2 cents off, 0.45 is 4.
def test_depth_within_a_distance_includes_its_limit() -> None:
    found = depth(book(0, 60))
    assert [found[f"bid_depth_{c}c"] for c in (1, 2, 5, 10)] == [100, 300, 300, 300]
    assert [found[f"ask_depth_{c}c"] for c in (1, 2, 5, 10)] == [50, 50, 550, 550]


def test_depth_is_weighted_by_time_not_by_rows() -> None:
    thin: Ladder = [("0.40", 10)]
    found = depth(book(0, 30), book(30, 31, bids=thin), book(31, 40, bids=thin))
    assert found["bid_depth_1c"] == pytest.approx((100 * 30 + 10 * 10) / 40)
    assert found["live_seconds"] == found["two_sided_seconds"] == 40


def test_imbalance_is_the_mean_of_the_imbalances_of_books() -> None:
    found = depth(book(0, 10, bids=[("0.40", 300)], asks=[("0.42", 100)]), book(10, 40, bids=[("0.40", 1)], asks=ASKS))
    assert found["imbalance"] == pytest.approx((0.5 * 10 + (1 - 550) / 551 * 30) / 40, abs=1e-8)


def test_a_book_without_size_near_its_mid_has_no_imbalance_and_no_depth() -> None:
    # 0.30 / 0.60: the mid is 0.45, both best prices lie 15 cents away from it.
    found = depth(book(0, 60, bids=[("0.30", 10)], asks=[("0.60", 10)]))
    assert found["imbalance"] is None
    assert (found["two_sided_seconds"], found["bid_depth_10c"], found["ask_depth_10c"]) == (60, 0, 0)


def test_time_without_depth_near_the_mid_has_no_weight_in_the_imbalance() -> None:
    far = book(10, 100, bids=[("0.30", 10)], asks=[("0.60", 10)])
    found = depth(book(0, 10, bids=[("0.40", 300)], asks=[("0.42", 100)]), far)
    assert found["imbalance"] == pytest.approx(0.5)


def test_stale_and_unknown_books_do_not_count() -> None:
    found = depth(book(0, 10), book(10, 20, bids=[("0.1", 1)], state="stale"), unknown(20, 30))
    assert (found["live_seconds"], found["bid_depth_1c"]) == (10, 100)
    assert computed(DEPTH, {"core.book_snapshots": [book(10, 20, state="stale"), unknown(20, 30)]}) == []


def test_taking_size_costs_the_difference_to_the_mid() -> None:
    found = depth(book(0, 60))
    assert found["buy_100_usd"] == pytest.approx(50 * 0.01 + 50 * 0.04)
    assert found["sell_100_usd"] == pytest.approx(100 * 0.01)
    assert (found["buy_1000_usd"], found["buy_1000_share"], found["buy_100_share"]) == (None, 0, 1)
    assert (found["buy_missing_reason"], found["sell_missing_reason"]) == ("too_thin", "too_thin")


def test_a_cost_is_a_mean_over_the_time_with_enough_size() -> None:
    deep: Ladder = [("0.42", 10_000)]
    found = depth(book(0, 30, asks=deep), book(30, 120))
    assert (found["buy_10000_usd"], found["buy_10000_share"]) == (pytest.approx(100), pytest.approx(0.25))
    assert found["buy_100_usd"] == pytest.approx((1 * 30 + 2.5 * 90) / 120)
    assert found["buy_missing_reason"] is None


def test_levels_that_are_not_stored_differ_from_levels_that_do_not_exist() -> None:
    deeper = book(0, 60, ask_levels=30, ask_depth=Decimal(5_000))
    found = depth(deeper)
    assert (
        found["buy_missing_reason"] == "beyond_levels"
    )  # the levels have 1,000; whether the side has 10,000 is unknown
    assert [found[f"capped_share_{c}c"] for c in (1, 2, 5, 10)] == [0, 0, 1, 1]
    assert [depth(book(0, 60))[f"capped_share_{c}c"] for c in (1, 2, 5, 10)] == [0, 0, 0, 0]


@pytest.mark.parametrize(("bids", "asks"), [(BIDS, []), ([], ASKS), ([], [])])
def test_without_both_sides_there_is_no_depth_and_a_reason(bids: Ladder, asks: Ladder) -> None:
    found = depth(book(0, 60, bids=bids, asks=asks))
    assert (found["live_seconds"], found["two_sided_seconds"]) == (60, 0)
    assert (found["bid_depth_1c"], found["imbalance"], found["buy_100_usd"]) == (None, None, None)
    assert (found["buy_missing_reason"], found["sell_missing_reason"]) == ("one_sided", "one_sided")


def test_a_spread_is_weighted_by_time() -> None:
    wide: Ladder = [("0.50", 1)]
    found = spread(book(0, 90), book(90, 95, asks=wide), book(95, 100, asks=wide))  # 0.02 for 90 s, 0.10 for 10 s
    assert found["mean_spread"] == pytest.approx(0.028)
    assert (found["median_spread"], found["p95_spread"]) == (pytest.approx(0.02), pytest.approx(0.10))
    assert found["median_relative_spread"] == pytest.approx(0.02 / 0.41, abs=1e-9)
    assert found["p95_relative_spread"] == pytest.approx(0.10 / 0.45, abs=1e-9)


def test_one_sided_time_has_no_spread() -> None:
    found = spread(book(0, 30), book(30, 40, asks=[]), book(40, 60, bids=[], asks=[]))
    assert (found["live_seconds"], found["quoted_seconds"]) == (60, 30)
    assert found["one_sided_share"] == pytest.approx(1 / 6)
    assert found["p95_spread"] == pytest.approx(0.02)
    assert spread(book(0, 30, asks=[]))["mean_spread"] is None


def test_a_best_price_changes_between_live_rows_without_a_break() -> None:
    higher: Ladder = [("0.41", 100)]
    bigger: Ladder = [("0.40", 999)]
    unbroken = [book(0, 10), book(10, 20, bids=higher), book(20, 30, bids=higher, asks=[]), book(30, 40, bids=bigger)]
    assert spread(*unbroken)["best_changes"] == 3
    assert spread(book(0, 10), book(10, 20, bids=bigger))["best_changes"] == 0
    assert spread(book(0, 10), unknown(10, 20), book(20, 30, bids=higher))["best_changes"] == 0
    assert spread(book(0, 10), book(10, 20, state="stale"), book(20, 30))["best_changes"] == 0


def walked(levels: Sequence[tuple[Fraction, Fraction]], wanted: int) -> Fraction | None:
    cost, left = Fraction(0), Fraction(wanted)
    for price, size in levels:
        taken = min(left, size)
        cost, left = cost + taken * price, left - taken
    return None if left else cost


def expected_depth(rows: Sequence[Row]) -> dict[str, float | None]:
    """The same figures, in fractions."""
    sums: dict[str, Fraction] = {}
    times: dict[str, Fraction] = {}

    def note(name: str, value: Fraction | None, seconds: Fraction) -> None:
        if value is not None:
            sums[name] = sums.get(name, Fraction(0)) + value * seconds
            times[name] = times.get(name, Fraction(0)) + seconds

    for r in rows:
        seconds = Fraction((r["valid_to"] - r["valid_from"]) // timedelta(microseconds=1), 1_000_000)
        sides = {
            side: [(Fraction(p, 10**6), Fraction(s, 10**6)) for p, s in zip(r[f"{side}_prices"], r[f"{side}_sizes"])]  # noqa: B905
            for side in ("bid", "ask")
        }
        if not sides["bid"] or not sides["ask"]:
            continue
        mid = (sides["bid"][0][0] + sides["ask"][0][0]) / 2
        near = {}
        for side, levels in sides.items():
            for cents in (1, 2, 5, 10):
                near[side] = sum((s for p, s in levels if abs(p - mid) <= Fraction(cents, 100)), Fraction(0))
                note(f"{side}_depth_{cents}c", near[side], seconds)
        if total := near["bid"] + near["ask"]:
            note("imbalance", (near["bid"] - near["ask"]) / total, seconds)
        for wanted in (100, 1_000, 10_000):
            bought, sold = walked(sides["ask"], wanted), walked(sides["bid"], wanted)
            note(f"buy_{wanted}_usd", None if bought is None else bought - wanted * mid, seconds)
            note(f"sell_{wanted}_usd", None if sold is None else wanted * mid - sold, seconds)
    return {name: float(total / times[name]) for name, total in sums.items()}


LADDERS = st.tuples(
    st.integers(1, 97),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(1, 8), st.sampled_from([1, 30, 99, 100, 950, 20_000])), max_size=6),
    st.lists(st.tuples(st.integers(1, 8), st.sampled_from([1, 30, 99, 100, 950, 20_000])), max_size=6),
    st.integers(1, 50),
)


def _ladder(start: int, sign: int, steps: Sequence[tuple[int, int]]) -> Ladder:
    """Levels in half cents away from the mid."""
    found, place = [], start
    for step, size in steps:
        if 0 < place < 200:
            found.append((str(Decimal(place) / 200), size))
        place += sign * step
    return found


@settings(max_examples=20)
@given(st.lists(LADDERS, min_size=1, max_size=12))
def test_depth_equals_exact_fractions(
    given_books: list[tuple[int, int, list[tuple[int, int]], list[tuple[int, int]], int]],
) -> None:
    rows, begin = [], 0
    for bid, gap, bids, asks, seconds in given_books:
        rows.append(book(begin, begin + seconds, _ladder(2 * bid, -1, bids), _ladder(2 * bid + gap, 1, asks)))
        begin += seconds
    found, expected = depth(*rows), expected_depth(rows)
    figures = [c for c in found if c.endswith(("_usd", "c", "imbalance")) and not c.startswith("capped")]
    assert {c: found[c] for c in figures} == {
        c: pytest.approx(expected[c], abs=2e-9) if c in expected else None for c in figures
    }


def expected_quantile(rows: Sequence[Row], share: Fraction) -> Decimal | None:
    """Of the spreads second by second."""
    seconds = sorted(r["spread"] for r in rows if r["spread"] is not None for _ in range(_seconds(r)))
    return seconds[-(-len(seconds) * share.numerator // share.denominator) - 1] if seconds else None


def _seconds(row: Row) -> int:
    return int((row["valid_to"] - row["valid_from"]).total_seconds())


def random_day(dice: random.Random, instrument: str, day: int) -> list[Row]:
    """Rows that follow each other, some with breaks, over three hours of a day."""
    rows = []
    for hour in (0, 1, 23):
        begin = day * A_DAY + hour * HOUR
        end = begin + HOUR
        while begin < end:
            until = min(end, begin + dice.randint(1, 900))
            bid = dice.randint(30, 50)
            bids = _ladder(2 * bid, -1, [(2, dice.choice([10, 500, 20_000])) for _ in range(dice.randint(0, 4))])
            asks = _ladder(
                2 * bid + dice.randint(1, 6), 1, [(2, dice.choice([10, 700])) for _ in range(dice.randint(1, 4))]
            )
            kind = dice.choice(["live", "live", "live", "stale", "unknown"])
            made = {"instrument_id": instrument}
            rows.append(
                unknown(begin, until, **made)
                if kind == "unknown"
                else book(begin, until, bids, asks, state=kind, **made)
            )
            begin = until
    return rows


ROWS = [
    r
    for n, name in enumerate("AB")
    for day in (-1, 0)
    for r in random_day(random.Random(n * 7 + day), f"kalshi:{name}", day)
]
SPAN = (DAY - timedelta(days=1), DAY)


@pytest.mark.parametrize("name", [DEPTH, SPREAD])
def test_building_day_by_day_equals_the_full_build(name: str) -> None:
    given = {"core.book_snapshots": ROWS}
    built = computed(name, given, SPAN)
    assert len({r["date"] for r in built}) == 2
    assert day_by_day(name, given, SPAN) == built


def test_depth_of_a_random_day_equals_plain_python() -> None:
    for found in computed(DEPTH, {"core.book_snapshots": ROWS}, SPAN):
        mine = [
            r for r in ROWS if all(r[c] == found[c] for c in ("instrument_id", "date", "hour")) and r["state"] == "live"
        ]
        assert found["live_seconds"] == sum(map(_seconds, mine))
        for figure, value in expected_depth(mine).items():
            assert found[figure] == pytest.approx(value, abs=2e-9), figure


def test_spreads_of_a_random_day_equal_plain_python() -> None:
    for found in computed(SPREAD, {"core.book_snapshots": ROWS}, SPAN):
        mine = [r for r in ROWS if (r["instrument_id"], r["date"]) == (found["instrument_id"], found["date"])]
        live = [r for r in mine if r["state"] == "live"]
        both = [r for r in live if r["spread"] is not None]
        assert found["live_seconds"] == sum(map(_seconds, live))
        assert found["mean_spread"] == pytest.approx(
            float(sum(r["spread"] * _seconds(r) for r in both)) / sum(map(_seconds, both))
        )
        for column, share in (("median_spread", Fraction(1, 2)), ("p95_spread", Fraction(95, 100))):
            assert Decimal(str(found[column])) == expected_quantile(live, share)
        changes = sum(
            a["state"] == b["state"] == "live"
            and a["valid_to"] == b["valid_from"]
            and (a["bid"], a["ask"]) != (b["bid"], b["ask"])
            for a, b in pairwise(mine)
        )
        assert found["best_changes"] == changes
