"""``mart.price_trends``: by hand, against plain Python, day by day, and with a late end of trading."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline_tests.marts import computed, day_by_day, invalid_days
from echelon_pipeline_tests.rows import DAY, Row, row

NAME = "mart.price_trends"
SHORT, LONG = 3, 8
SOURCES = ("trades", "candle", "mid_sample", "venue_day")


def _on(days_ago: int) -> date:
    return DAY - timedelta(days=days_ago)


def _price(days_ago: int, close: str | Decimal | None, source: str = "trades", **values: Any) -> Row:
    """A day whose samples all equal its close."""
    price = None if close is None else Decimal(close)
    made: Row = {"open": price, "high": price, "low": price, "close": price, "instrument_id": "kalshi:A"}
    return row("core.daily_prices", date=_on(days_ago), price_source=source, **{**made, **values})


def _closes(*closes: str | None, source: str = "trades") -> list[Row]:
    """Days that follow each other; the last one is today's."""
    return [_price(len(closes) - 1 - n, close, source) for n, close in enumerate(closes)]


def _instrument(**values: Any) -> Row:
    return row("core.instruments", instrument_id="kalshi:A", **values)


def _found(rows: Sequence[Row], *instruments: Row, short: int = SHORT, long: int = LONG) -> list[Row]:
    days = (min(r["date"] for r in rows), DAY)
    given = {"core.daily_prices": rows, "core.instruments": instruments}
    return computed(NAME, given, days, short_days=short, long_days=long)


def test_a_change_is_in_dollars_between_consecutive_days() -> None:
    found = _found([_price(4, "0.50"), _price(3, "0.53"), _price(1, "0.60"), _price(0, "0.55")])
    assert [r["change"] for r in found] == [None, Decimal("0.03"), None, Decimal("-0.05")]
    assert [r["logit_change"] is None for r in found] == [True, False, True, False]


def test_a_day_without_trades_has_a_row_and_no_change_on_either_side() -> None:
    found = _found(_closes("0.5", "0.6", None, "0.7", "0.8"))
    assert [r["is_fresh"] for r in found] == [True, True, False, True, True]
    assert [r["change"] for r in found] == [None, Decimal("0.1"), None, None, Decimal("0.1")]
    nothing = found[2]
    assert (nothing["close"], nothing["logit_change"], nothing["drawdown"], nothing["z_score"]) == (None,) * 4
    assert (nothing["mean_short"], nothing["days_short"]) == (0.55, 2)


@pytest.mark.parametrize("source", ["trades", "candle", "venue_day"])
def test_an_unchanged_traded_price_is_fresh(source: str) -> None:
    assert [r["change"] for r in _found(_closes("0.5", "0.5", source=source))] == [None, Decimal(0)]


def test_a_midpoint_equal_to_the_close_before_all_day_counts_as_filled() -> None:
    carried = _closes("0.5", "0.5", "0.6", "0.7", source="mid_sample")
    found = _found(carried)
    assert [r["is_fresh"] for r in found] == [True, False, True, True]
    assert [r["change"] for r in found] == [None, None, None, Decimal("0.1")]


def test_a_midpoint_that_moved_and_returned_to_the_close_before_is_fresh() -> None:
    moved = _price(0, "0.5", "mid_sample", high=Decimal("0.52"))
    assert [r["is_fresh"] for r in _found([_price(1, "0.5", "mid_sample"), moved])] == [True, True]


def test_a_served_previous_close_is_preferred() -> None:
    served = _price(0, "0.5", "mid_sample", previous_close=Decimal("0.5"))
    after_a_gap = [_price(2, "0.5", "mid_sample"), _price(0, "0.5", "mid_sample")]
    assert [r["is_fresh"] for r in _found([served])] == [False]
    assert [r["is_fresh"] for r in _found(after_a_gap)] == [True, True]


def test_sources_of_one_instrument_are_separate_rows() -> None:
    rows = _closes("0.5", "0.6") + _closes("0.1", "0.4", source="candle")
    found = {(r["price_source"], r["date"]): r["change"] for r in _found(rows)}
    assert found["trades", DAY] == Decimal("0.1")
    assert found["candle", DAY] == Decimal("0.3")


@pytest.mark.parametrize(("tick", "clip"), [(None, 0.01), (Decimal("0.001"), 0.001), (Decimal(0), 0.01)])
def test_logits_are_clipped_one_tick_from_the_ends(tick: Decimal | None, clip: float) -> None:
    *_, last = _found(_closes("1", "0"), _instrument(tick_size=tick))
    assert last["change"] == -1
    assert last["logit_change"] == pytest.approx(2 * math.log(clip / (1 - clip)), rel=1e-12)


def test_the_close_is_not_in_the_window_that_it_is_compared_with() -> None:
    *_, last = _found(_closes("0.50", "0.52", "0.50", "0.52", "0.50", "0.90"))
    prior = [0.50, 0.52, 0.50, 0.52, 0.50]
    assert last["z_score"] == pytest.approx((0.9 - statistics.mean(prior)) / statistics.stdev(prior), rel=1e-9)
    assert last["days_prior"] == 5


@pytest.mark.parametrize(
    "closes",
    [("0.50", "0.52", "0.50", "0.52", "0.90"), ("0.500", "0.501", "0.500", "0.501", "0.500", "0.90")],
    ids=["four closes", "a deviation below half a tick"],
)
def test_too_few_closes_give_no_z_score(closes: tuple[str, ...]) -> None:
    assert _found(_closes(*closes))[-1]["z_score"] is None


def test_the_drawdown_is_from_the_highest_close_of_the_long_window_only() -> None:
    rows = [_price(LONG, "0.9"), _price(LONG - 1, "0.8"), _price(1, "0.5"), _price(0, "0.6")]
    assert [r["drawdown"] for r in _found(rows)] == [0, Decimal("-0.1"), Decimal("-0.4"), Decimal("-0.2")]


def test_momentum_needs_a_fresh_close_exactly_short_days_ago() -> None:
    rows = [_price(4, "0.2"), _price(3, "0.3"), _price(1, "0.4"), _price(0, "0.6")]
    assert [r["momentum"] for r in _found(rows)] == [None, None, Decimal("0.2"), Decimal("0.3")]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((0, 0, 0), "calm"),
        ((4, -4, 4), "normal"),
        ((15, -15, 15), "volatile"),
    ],
)
def test_the_regime_compares_the_short_window_with_the_window_before_it(steps: tuple[int, ...], expected: str) -> None:
    cents = [50]
    for step in (4, -4, 4, -4, 4, -4, *steps):
        cents.append(cents[-1] + step)
    found = _found(_closes(*(f"0.{c:02}" for c in cents)))
    assert (found[-1]["regime"], found[-1]["changes_before"]) == (expected, 6)
    assert found[-3]["regime"] is None  # four changes before the short window


def test_an_instrument_that_never_moved_is_calm_and_becomes_normal_by_half_a_tick() -> None:
    still = ["0.50"] * 9
    assert _found(_closes(*still))[-1]["regime"] == "calm"
    assert _found(_closes(*still[:-1], "0.51"))[-1]["regime"] == "normal"
    assert _found(_closes(*still[:-1], "0.55"))[-1]["regime"] == "volatile"


def test_days_after_the_end_of_trading_are_excluded_and_its_day_is_included() -> None:
    rows = _closes("0.5", "0.6", "1", "1")
    ended = datetime.combine(_on(2), time(15), UTC)
    midnight = datetime.combine(_on(2), time(), UTC)
    assert [r["date"] for r in _found(rows, _instrument(trading_ended_at=ended))] == [_on(3), _on(2)]
    assert [r["date"] for r in _found(rows, _instrument(trading_ended_at=midnight))] == [_on(3)]


def test_an_eastern_day_that_begins_after_the_end_of_trading_is_excluded() -> None:
    rows = _closes("0.5", "0.6", source="venue_day")
    at_three = datetime.combine(DAY, time(3), UTC)  # 22:00 of the day before in New York
    assert [r["date"] for r in _found(rows, _instrument(trading_ended_at=at_three))] == [_on(1)]


def _stale(found: Sequence[Row], rows: Sequence[Row], **instrument: Any) -> set[date]:
    given = {NAME: found, "core.daily_prices": rows, "core.instruments": [_instrument(**instrument)]}
    return invalid_days(NAME, given)


def test_a_late_end_of_trading_makes_the_affected_days_stale() -> None:
    rows = _closes("0.5", "0.6", "1", "1")
    ended = datetime.combine(_on(2), time(15), UTC)
    before = _found(rows)
    after = _found(rows, _instrument(trading_ended_at=ended))
    assert _stale(before, rows) == set()
    assert _stale(before, rows, trading_ended_at=ended) == {_on(1), DAY}
    assert _stale(after, rows, trading_ended_at=ended) == set()


def test_resumed_trading_makes_the_excluded_days_stale() -> None:
    rows = _closes("0.5", "0.6", "0.7", "0.8")
    ended = datetime.combine(_on(2), time(15), UTC)
    short = _found(rows, _instrument(trading_ended_at=ended))
    assert _stale(short, rows, trading_ended_at=ended + timedelta(days=1)) == {_on(1)}
    assert _stale(short, rows) == {_on(1), DAY}
    gone = _found(rows, _instrument(trading_ended_at=ended - timedelta(days=30)))
    assert gone == []
    assert _stale(gone, rows) == {_on(3), _on(2), _on(1), DAY}


# --- the same in plain Python


def _mean(values: Sequence[float]) -> float | None:
    return statistics.mean(values) if values else None


def _deviation(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def _regime(now: Sequence[float], before: Sequence[float]) -> str | None:
    if len(now) < 3 or len(before) < 5:
        return None
    ratio = statistics.stdev(now) / max(statistics.stdev(before), 0.005)
    return "calm" if ratio < 0.5 else "volatile" if ratio > 2 else "normal"


def expected_rows(rows: Sequence[Row], short: int, long: int) -> dict[tuple[str, str, date], Row]:
    """Every row's figures from its own series, by the columns' texts; ticks are a cent."""
    series: dict[tuple[str, str], dict[date, Row]] = {}
    for r in rows:
        series.setdefault((r["instrument_id"], r["price_source"]), {})[r["date"]] = r
    return {(*key, day): _expected(by_day, day, short, long) for key, by_day in series.items() for day in by_day}


def _expected(by_day: Mapping[date, Row], day: date, short: int, long: int) -> Row:
    fresh = {d: float(r["close"]) for d, r in by_day.items() if _is_fresh(by_day, d)}
    one = timedelta(days=1)
    moves = {d: fresh[d] - fresh[d - one] for d in fresh if d - one in fresh}

    def window(values: Mapping[date, float], first: int, last: int = 0) -> list[float]:
        days = (day - timedelta(days=n) for n in range(first, last - 1, -1))
        return [values[d] for d in days if d in values]

    prior, shorts, before = window(fresh, long, 1), window(moves, short - 1), window(moves, short + long - 1, short)
    deviation, today = _deviation(prior), fresh.get(day)
    ago = fresh.get(day - timedelta(days=short))
    has_z = today is not None and len(prior) >= 5 and deviation is not None and deviation >= 0.005
    return {
        "is_fresh": today is not None,
        "change": moves.get(day),
        "mean_short": _mean(window(fresh, short - 1)),
        "days_short": len(window(fresh, short - 1)),
        "mean_long": _mean(window(fresh, long - 1)),
        "days_long": len(window(fresh, long - 1)),
        "volatility_short": _deviation(shorts),
        "changes_short": len(shorts),
        "volatility_long": _deviation(window(moves, long - 1)),
        "changes_long": len(window(moves, long - 1)),
        "z_score": (today - statistics.mean(prior)) / deviation if has_z and today is not None and deviation else None,
        "days_prior": len(prior),
        "drawdown": None if today is None else today - max(window(fresh, long - 1)),
        "momentum": None if today is None or ago is None else today - ago,
        "volatility_before": _deviation(before),
        "changes_before": len(before),
        "regime": _regime(shorts, before),
    }


def _is_fresh(by_day: Mapping[date, Row], day: date) -> bool:
    r, before = by_day[day], by_day.get(day - timedelta(days=1))
    if r["close"] is None:
        return False
    stood_still = before is not None and r["high"] == r["low"] == before["close"]
    return not (r["price_source"] == "mid_sample" and stood_still)


def assert_equals_python(found: Sequence[Row], rows: Sequence[Row], short: int, long: int) -> None:
    """Every figure within 1e-9."""
    expected = expected_rows(rows, short, long)
    assert {(r["instrument_id"], r["price_source"], r["date"]) for r in found} == expected.keys()
    for r in found:
        for column, value in expected[r["instrument_id"], r["price_source"], r["date"]].items():
            if isinstance(value, float):
                assert float(r[column]) == pytest.approx(value, abs=1e-9), (r, column)
            else:
                assert r[column] == value, (r, column)


_DAYS = st.lists(
    st.tuples(
        st.integers(0, 13),
        st.sampled_from(("A", "B")),
        st.sampled_from(SOURCES),
        # Values whose sums of squares differ from a limit of the rules by far more than a float's last digit.
        st.sampled_from([None, "0", "0.013", "0.37", "0.5", "0.5", "0.5", "0.514", "0.97", "1"]),
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda d: d[:3],
)


def _series(days: Sequence[tuple[int, str, str, str | None]]) -> list[Row]:
    return [_price(ago, close, source, instrument_id=f"kalshi:{i}") for ago, i, source, close in days]


@settings(max_examples=15)
@given(_DAYS)
def test_figures_equal_plain_python(days: Sequence[tuple[int, str, str, str | None]]) -> None:
    assert_equals_python(_found(_series(days)), _series(days), SHORT, LONG)


@settings(max_examples=8)
@given(_DAYS, st.sampled_from(SOURCES))
def test_rows_of_one_source_never_affect_another_source(
    days: Sequence[tuple[int, str, str, str | None]], source: str
) -> None:
    rows = _series(days)
    others = [r for r in rows if r["price_source"] != source]
    if others:
        found = [r for r in _found(rows) if r["price_source"] != source]
        assert [r for r in found if r["date"] >= min(o["date"] for o in others)] == _found(others)


def test_building_day_by_day_equals_the_full_build() -> None:
    dice = random.Random(7)
    prices = [None, "0.1", "0.37", "0.5", "0.5", "0.514", "0.97"]
    every = itertools.product(range(14), "AB", SOURCES)
    rows = _series([(*d, dice.choice(prices)) for d in every if dice.random() < 0.9])
    given = {"core.daily_prices": rows, "core.instruments": [_instrument()]}
    span, params = (_on(13), DAY), {"short_days": SHORT, "long_days": LONG}
    built = computed(NAME, given, span, **params)
    assert len({r["regime"] for r in built}) == 4
    assert day_by_day(NAME, given, span, **params) == built
