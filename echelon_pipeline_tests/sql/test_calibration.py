"""``mart.calibration`` and ``mart.calibration_curve``: by hand and against plain Python."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline_tests.marts import computed, day_by_day, invalid_days
from echelon_pipeline_tests.rows import Row, row, trade

NAME, CURVE = "mart.calibration", "mart.calibration_curve"
ENDED = datetime(2026, 11, 20, 15, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HORIZONS = {"1h": HOUR, "6h": 6 * HOUR, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}


def _paid(payout: str | None = "1", **values: Any) -> Row:
    made: Row = {"instrument_id": "kalshi:A", "payout_0": None if payout is None else Decimal(payout)}
    return row("core.resolutions", **{**made, **values})


def _instrument(**values: Any) -> Row:
    return row("core.instruments", **{"instrument_id": "kalshi:A", "trading_ended_at": ENDED, **values})


def _trade(number: int, before: timedelta, price: str, **values: Any) -> Row:
    """A trade that long before the end."""
    at = ENDED - before
    made: Row = {"instrument_id": "kalshi:A", "event_at": at, "date": at.date(), "price_0": Decimal(price)}
    return trade(number, **{**made, **values})


def _close(day: date, price: str, source: str = "candle") -> Row:
    return row("core.daily_prices", instrument_id="kalshi:A", date=day, price_source=source, close=Decimal(price))


def _found(
    paid: Iterable[Row], instruments: Iterable[Row] = (), trades: Iterable[Row] = (), closes: Iterable[Row] = ()
) -> dict[str, Row]:
    """Rows of the one instrument by horizon."""
    given = {
        "core.resolutions": paid,
        "core.instruments": instruments,
        "core.trades": trades,
        "core.daily_prices": closes,
    }
    rows = computed(NAME, given)
    assert [r["horizon"] for r in rows] == sorted(HORIZONS) * (len(rows) // len(HORIZONS))
    return {r["horizon"]: r for r in rows}


def test_an_instruments_row_is_its_last_price_before_the_horizon() -> None:
    trades = [_trade(1, 8 * HOUR, "0.4"), _trade(2, 7 * HOUR, "0.6"), _trade(3, 5 * HOUR, "0.9")]
    found = _found([_paid()], [_instrument(event_id="kalshi:E")], trades)["6h"]
    assert found == {
        "venue": "kalshi",
        "date": ENDED.date(),
        "instrument_id": "kalshi:A",
        "event_id": "kalshi:E",
        "horizon": "6h",
        "horizon_seconds": 21600,
        "outcome_known_at": ENDED,
        "outcome_basis": "trading_ended",
        "horizon_at": ENDED - 6 * HOUR,
        "price": Decimal("0.6"),
        "priced_outcome": "Yes",
        "price_at": ENDED - 7 * HOUR,
        "price_source": "trade",
        "outcome": Decimal(1),
        "missing_reason": None,
    }


@pytest.mark.parametrize("horizon", HORIZONS)
def test_a_price_counts_from_the_horizon_to_a_quarter_of_it_before(horizon: str) -> None:
    length, instant = HORIZONS[horizon], timedelta(microseconds=1)

    def reason(before: timedelta) -> tuple[Decimal | None, str | None]:
        found = _found([_paid()], [_instrument()], [_trade(1, before, "0.3")])[horizon]
        return found["price"], found["missing_reason"]

    assert reason(length) == (Decimal("0.3"), None)
    assert reason(length * 1.25) == (Decimal("0.3"), None)
    assert reason(length - instant) == (None, "no_price")
    assert reason(length * 1.25 + instant) == (None, "too_old")


def test_one_of_several_trades_at_the_same_time_counts_independent_of_order_and_ids() -> None:
    prices = ["0.1", "0.2", "0.3", "0.30"]

    def price(numbers: Sequence[int]) -> Decimal:
        trades = [_trade(n, HOUR, p) for n, p in zip(numbers, prices, strict=True)]
        found: Decimal = _found([_paid()], [_instrument()], trades)["1h"]["price"]
        return found

    found = {price(numbers) for numbers in ([1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 1, 3])}
    assert len(found) == 1
    assert found < set(map(Decimal, prices))


@pytest.mark.parametrize(
    "values", [{"is_block_trade": True}, {"identity": "weak"}, {"price_0": None, "unmapped_reason": "no outcome"}]
)
def test_prints_without_a_price_do_not_count(values: Row) -> None:
    trades = [_trade(1, 65 * HOUR / 60, "0.2"), _trade(2, HOUR, "0.9", **values)]
    assert _found([_paid()], [_instrument()], trades)["1h"]["price"] == Decimal("0.2")


_TIMES = {
    "trading_ended": "trading_ended_at",
    "occurrence": "occurrence_at",
    "proposal": "proposed_at",
    "resolution": "resolved_at",
}


@pytest.mark.parametrize("first", _TIMES)
@pytest.mark.parametrize("others", [None, ENDED + HOUR])
def test_the_outcome_is_known_at_the_earliest_known_time(first: str, others: datetime | None) -> None:
    times = {column: ENDED if basis == first else others for basis, column in _TIMES.items()}
    listed = {c: times[c] for c in ("trading_ended_at", "occurrence_at")}
    decided: Row = {c: times[c] for c in ("proposed_at", "resolved_at")}
    found = _found([_paid(**decided)], [_instrument(**listed)])["1d"]
    assert (found["outcome_known_at"], found["outcome_basis"]) == (ENDED, first)
    assert found["horizon_at"] == ENDED - DAY


def test_an_instrument_known_only_from_a_resolution_has_its_rows() -> None:
    found = _found([_paid(resolved_at=ENDED)], trades=[_trade(1, HOUR, "0.2")])
    assert (found["1h"]["price"], found["1h"]["event_id"], len(found)) == (Decimal("0.2"), None, 5)


def test_a_missing_price_or_outcome_has_a_reason() -> None:
    trades = [_trade(1, 2 * HOUR, "0.2")]
    opened = _instrument(opens_at=ENDED - 2 * DAY)

    def reasons(paid: Sequence[Row], instrument: Row) -> list[str | None]:
        found = _found(paid, [instrument], trades)
        return [found[h]["missing_reason"] for h in HORIZONS]

    assert reasons([_paid()], opened) == ["too_old", "no_price", "no_price", "not_open", "not_open"]
    assert reasons([_paid()], _instrument(trading_ended_at=None)) == ["no_outcome_time"] * 5
    assert reasons([_paid(None, status="unresolved")], opened) == ["no_payout"] * 5
    assert reasons([_paid(None, status="settled")], opened) == ["no_payout"] * 5
    assert reasons([_paid("1", source="gamma"), _paid("0", source="clob")], opened) == ["payouts_disagree"] * 5


def test_only_a_final_payout_is_an_outcome() -> None:
    assert _found([_paid(status="determined")], [_instrument()]) == {}
    final, proposed = _paid("1", source="clob"), _paid(None, status="determined", source="gamma")
    before = {**proposed, "observed_at": final["observed_at"] - DAY}
    assert _found([before, final], [_instrument()])["1h"]["outcome"] == 1
    contested = _found([proposed, final], [_instrument()])["1h"]
    assert (contested["outcome"], contested["missing_reason"]) == (None, "payouts_disagree")
    imported = {**proposed, "source": "a file"}
    assert _found([imported, final], [_instrument()])["1h"]["outcome"] == 1


@pytest.mark.parametrize("payout", ["0.5", "0.123456789012", "0"])
def test_fractional_payouts_count_unchanged_and_agreeing_sources_count_once(payout: str) -> None:
    found = _found([_paid(payout, source="gamma", result="scalar"), _paid(payout, source="clob")], [_instrument()])
    assert {r["outcome"] for r in found.values()} == {Decimal(payout)}


def test_a_daily_close_is_known_at_the_end_of_its_day() -> None:
    closes = [_close(date(2026, 11, 11), "0.2"), _close(date(2026, 11, 12), "0.3"), _close(date(2026, 11, 13), "0.4")]
    found = _found([_paid()], [_instrument()], closes=closes)["7d"]  # horizon_at is 11-13 15:00
    assert (found["price"], found["price_source"]) == (Decimal("0.3"), "candle")
    assert found["price_at"] == datetime(2026, 11, 13, tzinfo=UTC)


def test_an_eastern_day_ends_at_midnight_in_new_york() -> None:
    found = _found([_paid()], [_instrument()], closes=[_close(date(2026, 11, 12), "0.3", "venue_day")])["7d"]
    assert (found["price"], found["price_at"]) == (Decimal("0.3"), datetime(2026, 11, 13, 5, tzinfo=UTC))


def test_closes_of_one_day_are_preferred_from_trades_then_candles() -> None:
    closes = [
        _close(date(2026, 11, 12), p, s) for p, s in (("0.1", "mid_sample"), ("0.2", "candle"), ("0.3", "trades"))
    ]
    assert _found([_paid()], [_instrument()], closes=closes)["7d"]["price_source"] == "trades"
    assert _found([_paid()], [_instrument()], closes=closes[:2])["7d"]["price_source"] == "candle"


def test_a_daily_close_is_used_only_without_a_trade_at_or_before_the_time() -> None:
    closes = [_close(date(2026, 11, 12), "0.3")]
    later = _found([_paid()], [_instrument()], [_trade(1, 2 * HOUR, "0.9")], closes)["7d"]
    before = _found([_paid()], [_instrument()], [_trade(1, 20 * DAY, "0.9")], closes)["7d"]
    assert (later["price"], later["price_source"]) == (Decimal("0.3"), "candle")
    assert (before["price"], before["missing_reason"]) == (None, "too_old")


def test_an_instrument_uses_45_days_independent_of_the_days_computed_together() -> None:
    long_ago = {**_trade(1, 45 * DAY, "0.2")}
    assert _found([_paid()], [_instrument()], [long_ago])["1h"]["missing_reason"] == "too_old"
    given: dict[str, list[Row]] = {
        "core.resolutions": [_paid()],
        "core.instruments": [_instrument()],
        "core.trades": [_trade(1, 46 * DAY, "0.2")],
    }
    for days in ((ENDED.date(), ENDED.date()), (ENDED.date() - 60 * DAY, ENDED.date())):
        assert {r["missing_reason"] for r in computed(NAME, given, days)} == {"no_price"}


def test_without_an_outcome_time_the_day_is_that_of_the_first_observation() -> None:
    seen = [_paid(source="gamma", observed_at=ENDED + DAY), _paid(source="clob", observed_at=ENDED)]
    assert _found(seen)["1h"]["date"] == ENDED.date()


_SETTLED = st.lists(
    st.fixed_dictionaries(
        {
            "hours": st.integers(0, 80),
            "is_timed": st.booleans(),
            "payouts": st.sampled_from([["1"], ["0", "0"], ["0", "1"], [None]]),
            "opened": st.none() | st.integers(0, 40),
            "traded": st.lists(st.tuples(st.integers(0, 1200), st.integers(1, 99)), max_size=6),
        }
    ),
    max_size=5,
)


def _market(number: int, what: Row) -> dict[str, list[Row]]:
    """The stored rows of one settled instrument."""
    known_at, name = ENDED - what["hours"] * HOUR, {"instrument_id": f"kalshi:{number}"}
    times = [known_at - hours * HOUR for hours, _ in what["traded"]]
    prints = [
        trade(100 * number + n, **name, event_at=at, date=at.date(), price_0=Decimal(cents) / 100)
        for n, (at, (_, cents)) in enumerate(zip(times, what["traded"], strict=True))
    ]
    closes = {
        at.date(): row("core.daily_prices", **name, date=at.date(), close=Decimal(cents) / 100)
        for at, (hours, cents) in zip(times, what["traded"], strict=True)
        if hours % 2
    }
    opened = None if what["opened"] is None else known_at - what["opened"] * DAY
    return {
        "core.resolutions": [
            _paid(p, **name, source=str(n), resolved_at=known_at if what["is_timed"] else None)
            for n, p in enumerate(what["payouts"])
        ],
        "core.instruments": [row("core.instruments", **name, opens_at=opened)],
        "core.trades": prints if number % 2 else prints[:1],
        "core.daily_prices": list(closes.values()),
    }


def _held(markets: Sequence[Row]) -> dict[str, list[Row]]:
    made = [_market(n, what) for n, what in enumerate(markets)]
    return {table: [r for m in made for r in m[table]] for table in _market(0, _ONE)}


_ONE: Row = {"hours": 0, "is_timed": True, "payouts": ["1"], "opened": None, "traded": [(25, 30)]}
_DAYS = (ENDED.date() - 4 * DAY, ENDED.date())


@settings(max_examples=10)
@given(_SETTLED)
def test_building_day_by_day_equals_the_full_build_and_leaves_nothing_stale(markets: Sequence[Row]) -> None:
    held = _held(markets)
    rows = computed(NAME, held, _DAYS)
    assert len(rows) == 5 * len(markets)
    assert day_by_day(NAME, held, _DAYS) == rows
    assert invalid_days(NAME, {**held, NAME: rows}) == set()


_CHANGES: dict[str, tuple[str, Row]] = {
    "paid otherwise": ("core.resolutions", {"payout_0": Decimal(0)}),
    "paid no more": ("core.resolutions", {"payout_0": None}),
    "another event": ("core.instruments", {"event_id": "kalshi:E"}),
    "opened late": ("core.instruments", {"opens_at": ENDED - 2 * DAY}),
    "known by the end of trading": ("core.instruments", {"trading_ended_at": ENDED}),
}


@pytest.mark.parametrize("change", _CHANGES)
def test_days_contradicted_by_a_lookup_are_built_again(change: str) -> None:
    table, values = _CHANGES[change]
    held = _held([_ONE, {**_ONE, "hours": 48}])
    changed = {**held, table: [{**held[table][0], **values}, *held[table][1:]]}
    before, after = computed(NAME, held, _DAYS), computed(NAME, changed, _DAYS)
    assert before != after
    assert invalid_days(NAME, {**changed, NAME: before}) == {ENDED.date()}
    assert invalid_days(NAME, {**held, NAME: after}) == {ENDED.date()}
    assert invalid_days(NAME, {**changed, NAME: after}) == set()


def test_an_instrument_that_settles_is_built_and_one_whose_outcome_moved_on_both_its_days() -> None:
    held = _held([_ONE, {**_ONE, "hours": 48}])
    rows, first, second = computed(NAME, held, _DAYS), ENDED.date(), (ENDED - 2 * DAY).date()
    only = [r for r in rows if r["instrument_id"] == "kalshi:0"]
    assert invalid_days(NAME, held) == {first, second}
    assert invalid_days(NAME, {**held, NAME: only}) == {second}
    moved = [{**r, "resolved_at": ENDED - 3 * DAY} for r in held["core.resolutions"][:1]]
    found = {**held, "core.resolutions": [*moved, *held["core.resolutions"][1:]], NAME: rows}
    assert invalid_days(NAME, found) == {first, (ENDED - 3 * DAY).date()}
    gone = {**held, "core.resolutions": held["core.resolutions"][1:], NAME: rows}
    assert invalid_days(NAME, gone) == {first}


_POINTS = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from([0.9, 1, 1.1, 1.25, 1.3]),
        st.sampled_from(sorted(HORIZONS)),
        st.integers(1, 99),
    ),
    max_size=12,
)


@settings(max_examples=15)
@given(_POINTS)
def test_prices_equal_plain_python(points: Sequence[tuple[bool, float, str, int]]) -> None:
    trades: list[Row] = []
    closes: dict[date, Row] = {}
    for n, (is_trade, factor, horizon, cents) in enumerate(points):
        before = HORIZONS[horizon] * factor
        if is_trade:
            same = [t["price_0"] for t in trades if t["event_at"] == ENDED - before]
            trades.append(_trade(n, before, str(same[0]) if same else f"0.{cents:02}"))
        else:
            closes[(ENDED - before).date()] = _close((ENDED - before).date(), f"0.{cents:02}")
    found = _found([_paid()], [_instrument()], trades, closes.values())
    for horizon, length in HORIZONS.items():
        expected = _price_at(ENDED - length, length, trades, list(closes.values()))
        assert (found[horizon]["price"], found[horizon]["missing_reason"]) == expected


def _price_at(
    at: datetime, length: timedelta, trades: Sequence[Row], closes: Sequence[Row]
) -> tuple[Decimal | None, str | None]:
    """Prices of one instant are equal (see the caller): which of them counts is decided by nothing said here."""
    held = [(t["event_at"], t["trade_id"], t["price_0"]) for t in trades if t["event_at"] <= at]
    ends = [(datetime.combine(c["date"] + DAY, datetime.min.time(), UTC), "", c["close"]) for c in closes]
    held = held or [e for e in ends if e[0] <= at]
    if not held:
        return None, "no_price"
    last = max(held)
    return (last[2], None) if at - last[0] <= length / 4 else (None, "too_old")


# --- the curve


def _row(number: int, price: str, outcome: str, event: str | None = None, **values: Any) -> Row:
    made: Row = {"instrument_id": f"kalshi:{number}", "horizon": "1d", "horizon_seconds": 86400, "event_id": event}
    return row(NAME, **{**made, "price": Decimal(price), "outcome": Decimal(outcome), **values})


def _curve(rows: Sequence[Row]) -> dict[Decimal, Row]:
    found = computed(CURVE, {NAME: rows})
    assert len(found) == 10 * len({(r["venue"], r["horizon"]) for r in rows})
    return {r["bucket_from"]: r for r in found}


def test_a_bucket_counts_instruments_events_and_missing_ones() -> None:
    rows = [
        _row(1, "0.10", "0", "kalshi:E"),
        _row(2, "0.15", "1", "kalshi:E"),
        _row(3, "0.19", "0.5"),
        _row(4, "0.20", "1"),
        _row(5, "1", "1"),
        _row(6, "0.15", "1", missing_reason="no_payout"),
        _row(7, "0.15", "1", missing_reason="too_old"),
    ]
    found = _curve(rows)
    bucket = found[Decimal("0.1")]
    assert (bucket["bucket_to"], bucket["n_instruments"], bucket["n_events"]) == (Decimal("0.2"), 3, 2)
    assert {r["n_missing"] for r in found.values()} == {2}
    assert bucket["mean_price"] == pytest.approx(0.44 / 3, abs=1e-15)
    assert bucket["mean_outcome"] == 0.5
    assert bucket["brier_score"] == pytest.approx((0.01 + 0.7225 + 0.0961) / 3, abs=1e-15)
    assert found[Decimal("0.2")]["n_instruments"] == found[Decimal("0.9")]["n_instruments"] == 1
    empty = found[Decimal("0.5")]
    assert (empty["n_instruments"], empty["mean_price"], empty["outcome_low"]) == (0, None, None)


def test_one_event_has_no_interval_for_any_number_of_instruments() -> None:
    rows = [_row(n, "0.5", str(n % 2), "kalshi:E") for n in range(20)]
    assert _curve(rows)[Decimal("0.5")]["outcome_low"] is None


def _interval(rows: Sequence[Row]) -> tuple[float, float]:
    bucket = _curve(rows)[Decimal("0.5")]
    return bucket["outcome_low"], bucket["outcome_high"]


def _events(n: int, size: int) -> list[Row]:
    """Events of ``size`` instruments that all pay the same, by a fixed die."""
    dice = random.Random(1)
    paid = [str(int(dice.random() < 0.5)) for _ in range(n)]
    return [_row(e * size + i, "0.5", paid[e], f"kalshi:E{e}") for e in range(n) for i in range(size)]


@pytest.mark.parametrize("size", [1, 5])
def test_the_width_of_the_interval_depends_on_its_events(size: int) -> None:
    """Of n independent events it is 2 x 1.96 standard errors wide; their instruments add nothing."""
    n = 400
    rows = _events(n, size)
    error = statistics.pstdev(float(r["outcome"]) for r in rows) / n**0.5
    low, high = _interval(rows)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.25)
    assert low < statistics.mean(float(r["outcome"]) for r in rows) < high


def test_the_interval_does_not_depend_on_order() -> None:
    rows = _events(60, 3)
    shuffled = random.Random(2).sample(rows, len(rows))
    assert _curve(rows) == _curve(shuffled)


_CELLS = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(["0", "0.5", "1"]), st.sampled_from(["E1", "E2", "E3", None])),
    min_size=1,
    max_size=30,
)


@settings(max_examples=10)
@given(_CELLS)
def test_figures_equal_exact_arithmetic(cells: Sequence[tuple[int, str, str | None]]) -> None:
    rows = [_row(n, str(Decimal(units) / 10**6), outcome, event) for n, (units, outcome, event) in enumerate(cells)]
    for bucket_from, found in _curve(rows).items():
        own = [r for r in rows if min(r["price"] * 10 // 1, 9) == bucket_from * 10]
        assert found["n_instruments"] == len(own)
        assert found["n_events"] == len({r["event_id"] or r["instrument_id"] for r in own})
        if own:
            prices, paid = [float(r["price"]) for r in own], [float(r["outcome"]) for r in own]
            assert found["mean_price"] == pytest.approx(statistics.mean(prices), abs=1e-9)
            assert found["mean_outcome"] == pytest.approx(statistics.mean(paid), abs=1e-9)
            errors = [(p - o) ** 2 for p, o in zip(prices, paid, strict=True)]
            assert found["brier_score"] == pytest.approx(statistics.mean(errors), abs=1e-9)
