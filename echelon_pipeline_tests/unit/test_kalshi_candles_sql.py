"""Kalshi candles to days: which day a candle is of, units by tier, no quotes, completeness, dead letters."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.ingest.parse import derive
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.kalshi.parse import KINDS
from echelon_pipeline_tests import kalshi_oracle as oracle
from echelon_pipeline_tests.fakes import RECEIVED, Parsed, Row, raw_table

CANDLES = KINDS["candlesticks"]
DAY = date(2026, 11, 18)
HOUR = 3600


def ts(day: date, hour: float = 0) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + hour * HOUR)


def context(
    start: int | None = None, end: int | None = None, period: int = 60, tier: str = "live", ticker: str = "T"
) -> str:
    return json.dumps(
        {
            "ticker": ticker,
            "period_interval": period,
            "start_ts": ts(DAY) if start is None else start,
            "end_ts": ts(DAY, 24) if end is None else end,
            "tier": tier,
        }
    )


def candle(end: int, *ohlc: str, volume: str = "0.00", **more: Any) -> dict[str, Any]:
    prices = dict(zip(("open_dollars", "high_dollars", "low_dollars", "close_dollars"), ohlc, strict=bool(ohlc)))
    return {
        "end_period_ts": end,
        "price": {**prices, "previous_dollars": "0.3000"},
        "yes_bid": {"close_dollars": "0.4000"},
        "yes_ask": {"close_dollars": "0.5000"},
        "volume_fp": volume,
        "open_interest_fp": "10.00",
        **more,
    }


def parse(*objects: tuple[list[Any] | Any, str]) -> Parsed:
    """Days and dead letters of candle lists, each with its own context."""
    raws = []
    for position, (candles, said) in enumerate(objects):
        payload = {"market_ticker": "T", "candlesticks": candles} if isinstance(candles, list) else candles
        row = raw_table(CANDLES, [payload], said).to_pylist()[0]
        raws.append({**row, "position": position})
    with connect() as connection:
        connection.register("raw_objects", pa.Table.from_pylist(raws, schema=TABLES["raw.objects"].arrow_schema()))
        done = derive(connection, CANDLES, unit_id="unit")
        days = connection.sql(f"SELECT * FROM {done.outputs['core.daily_prices']} ORDER BY ALL").to_arrow_table()
        dead = connection.sql(f"SELECT * FROM {done.dead_letters}").to_arrow_table()
    return Parsed({"core.daily_prices": days.to_pylist()}, dead.to_pylist(), [])


def rows(*objects: tuple[list[Any] | Any, str]) -> list[Row]:
    found = parse(*objects)
    assert found.dead == []
    return found.rows["core.daily_prices"]


def test_a_day_is_made_of_candles_that_end_after_its_midnight_up_to_the_next() -> None:
    candles = [
        candle(ts(DAY), "0.1", "0.1", "0.1", "0.1"),
        candle(ts(DAY, 1), "0.40", "0.45", "0.35", "0.41", volume="2.00"),
        candle(ts(DAY, 24), "0.50", "0.60", "0.50", "0.55", volume="3.50"),
        candle(ts(DAY, 25), "0.9", "0.9", "0.9", "0.9"),
    ]
    (row,) = rows((candles, context()))
    assert (row["date"], row["price_source"], row["instrument_id"]) == (DAY, "candle", "kalshi:T")
    assert [row[k] for k in ("open", "high", "low", "close")] == [
        Decimal("0.40"),
        Decimal("0.60"),
        Decimal("0.35"),
        Decimal("0.55"),
    ]
    assert (row["volume"], row["n_samples"], row["grain_seconds"]) == (Decimal("5.5"), 2, 3600)
    assert (row["is_complete"], row["vwap"], row["trades"]) == (True, None, None)


def test_a_volume_that_fits_no_column_is_null_and_its_day_not_complete() -> None:
    ohlc = ("0.4", "0.4", "0.4", "0.4")
    candles = [candle(ts(DAY, n), *ohlc, volume="999999999999.00") for n in (1, 2)]
    (row,) = rows((candles, context()))
    assert (row["volume"], row["close"], row["is_complete"]) == (None, Decimal("0.4"), False)
    assert row["incomplete_reason"] == "a total is 10^12 or more, which no column holds"
    (row,) = rows((candles[:1], context()))
    assert (row["volume"], row["is_complete"]) == (Decimal(999999999999), True)


def test_a_day_without_trades_has_quotes_and_the_previous_close_only() -> None:
    (row,) = rows(([candle(ts(DAY, 1)), candle(ts(DAY, 2))], context()))
    assert [row[k] for k in ("open", "high", "low", "close")] == [None] * 4
    assert (row["previous_close"], row["bid_close"], row["ask_close"]) == (
        Decimal("0.3"),
        Decimal("0.4"),
        Decimal("0.5"),
    )


def test_the_previous_close_is_of_the_first_candle_and_quotes_are_of_the_last() -> None:
    first = candle(ts(DAY, 1), price={"previous_dollars": None})
    last = candle(ts(DAY, 2), yes_bid={"close_dollars": "0.0000"}, yes_ask={"close_dollars": "1.0000"})
    (row,) = rows(([first, last], context()))
    assert (row["previous_close"], row["bid_close"], row["ask_close"]) == (None, None, None)


def bare(end: int, value: Any) -> dict[str, Any]:
    side = {"open": value, "high": value, "low": value, "close": value}
    return {
        "end_period_ts": end,
        "price": {**side, "previous": value, "mean": value},
        "yes_bid": side,
        "yes_ask": side,
        "volume": "25.00" if isinstance(value, str) else 25,
        "open_interest": "800.00" if isinstance(value, str) else 800,
    }


def test_keys_without_a_suffix_are_cents_in_the_live_tier_and_dollars_in_the_historical_one() -> None:
    (cents,) = rows(([bare(ts(DAY, 1), 1)], context()))
    assert (cents["close"], cents["bid_close"], cents["volume"]) == (Decimal("0.01"), Decimal("0.01"), Decimal(25))
    (dollars,) = rows(([bare(ts(DAY, 1), "0.4200")], context(tier="historical")))
    assert (dollars["close"], dollars["open_interest"]) == (Decimal("0.42"), Decimal(800))
    assert (cents["source"], dollars["source"]) == (
        "kalshi markets/candlesticks",
        "kalshi historical/markets/candlesticks",
    )


def test_the_unit_of_a_candle_never_comes_from_the_size_of_the_number() -> None:
    live = parse(([bare(ts(DAY, 1), "0.4200")], context()))
    assert "price.open: expected whole cents in 0..100, got 0.4200" in live.dead[0]["reason"]
    old = parse(([bare(ts(DAY, 1), 42)], context(tier="historical")))
    assert "price.open_dollars: expected dollars in 0..1, got 42" in old.dead[0]["reason"]


def test_daily_candles_are_eastern_days_on_both_sides_of_the_clock_change() -> None:
    """31 October 2026 ends at 04:00 UTC, the day of the change has 25 hours and ends at 05:00."""
    ends = [ts(date(2026, 11, 1), 4), ts(date(2026, 11, 2), 5), ts(date(2026, 11, 3), 5)]
    asked = context(ts(date(2026, 10, 31), 4), ends[-1], 1440)
    found = rows(([candle(end, "0.4", "0.4", "0.4", "0.4") for end in ends], asked))
    assert [(r["date"], r["price_source"], r["is_complete"]) for r in found] == [
        (date(2026, 10, 31), "venue_day", True),
        (date(2026, 11, 1), "venue_day", True),
        (date(2026, 11, 2), "venue_day", True),
    ]


def test_windows_of_one_market_are_put_together() -> None:
    morning = ([candle(ts(DAY, 6), "0.4", "0.4", "0.4", "0.4", volume="1.00")], context(end=ts(DAY, 12)))
    evening = ([candle(ts(DAY, 18), "0.6", "0.6", "0.6", "0.6", volume="2.00")], context(start=ts(DAY, 12)))
    (row,) = rows(evening, morning)
    assert (row["open"], row["close"], row["volume"], row["is_complete"]) == (
        Decimal("0.4"),
        Decimal("0.6"),
        Decimal(3),
        True,
    )


def test_a_window_without_candles_still_covers_its_hours() -> None:
    empty: tuple[list[Any], str] = ([], context(start=ts(DAY, 12)))
    (row,) = rows(([candle(ts(DAY, 6))], context(end=ts(DAY, 12))), empty)
    assert row["is_complete"] is True
    nothing = {"market_ticker": "T", "candlesticks": None}
    assert rows((nothing, context())) == []


def test_a_day_with_a_gap_between_windows_is_not_complete() -> None:
    late = ([candle(ts(DAY, 18))], context(start=ts(DAY, 13)))
    (row,) = rows(([candle(ts(DAY, 6))], context(end=ts(DAY, 12))), late)
    assert row["is_complete"] is False


def test_a_day_that_was_not_over_when_it_was_read_is_not_complete() -> None:
    today = RECEIVED.date()
    (row,) = rows(([candle(ts(today, 1))], context(ts(today), ts(today, 24))))
    assert row["is_complete"] is False


def test_a_candle_read_twice_counts_once() -> None:
    again = ([candle(ts(DAY, 12), "0.4", "0.4", "0.4", "0.4", volume="4.00")], context())
    (row,) = rows(again, again)
    assert (row["volume"], row["n_samples"]) == (Decimal(4), 1)


def test_a_projected_candle_yields_to_the_real_one_with_the_same_end() -> None:
    real = candle(ts(DAY, 1), "0.4", "0.4", "0.4", "0.4", volume="4.00")
    (row,) = rows(([candle(ts(DAY, 1)), real], context()))
    assert (row["open"], row["volume"]) == (Decimal("0.4"), Decimal(4))


def test_minute_candles_make_days_too_and_of_equally_complete_days_the_finer_wins() -> None:
    minute = ([candle(ts(DAY) + 60, "0.7", "0.7", "0.7", "0.7")], context(period=1))
    hourly = ([candle(ts(DAY, 1), "0.4", "0.4", "0.4", "0.4")], context())
    (row,) = rows(minute)
    assert (row["price_source"], row["grain_seconds"]) == ("candle", 60)
    (both,) = rows(minute, hourly)
    assert both["grain_seconds"] == 60
    (whole,) = rows((minute[0], context(end=ts(DAY, 1), period=1)), hourly)
    assert (whole["grain_seconds"], whole["is_complete"]) == (3600, True)


def test_a_bad_candle_makes_its_own_day_incomplete_and_leaves_the_others() -> None:
    candles = [candle(ts(DAY, h), "0.4", "0.4", "0.4", "0.4", volume="1.00") for h in range(1, 49)]
    candles[30]["price"] = {"open_dollars": "0.4"}  # of the second day
    first, second = parse((candles, context(ts(DAY), ts(DAY, 48)))).rows["core.daily_prices"]
    assert (first["is_complete"], first["unread_rows"], first["incomplete_reason"]) == (True, 0, None)
    assert (second["is_complete"], second["unread_rows"]) == (False, 1)
    assert second["incomplete_reason"] == "1 row could not be read"
    assert second["volume"] == 23


def test_a_bad_candle_says_which_instrument_and_hours_are_missing() -> None:
    candles = [candle(ts(DAY, 24), volume="-1.00"), candle(ts(DAY, 30), volume="-1.00"), 5]
    found = sorted(parse((candles, context(ts(DAY), ts(DAY, 48)))).dead, key=lambda d: str(d["path"]))
    places = [(d["instrument_id"], d["from_at"].hour, d["to_at"] - d["from_at"], d["unread_rows"]) for d in found]
    assert places == [
        ("kalshi:T", 23, timedelta(hours=1), 1),  # the candle that ends at a midnight is of the day before it
        ("kalshi:T", 5, timedelta(hours=1), 1),
        ("kalshi:T", 0, timedelta(hours=48), 1),
    ]


def test_an_object_with_a_candle_of_no_known_hour_gives_the_good_ones_and_claims_nothing() -> None:
    bad = candle(ts(DAY, 2), "0.4", "0.5", "0.45", "0.46")
    found = parse(([candle(ts(DAY, 1)), bad, 5, {**bad, "end_period_ts": "soon"}], context()))
    (row,) = found.rows["core.daily_prices"]
    assert (row["n_samples"], row["is_complete"], row["unread_rows"]) == (1, False, 3)
    assert sorted((d["path"], d["reason"]) for d in found.dead) == [
        ("$.candlesticks[1]", "1 bad candles; the first: price: open or close is not between low and high"),
        ("$.candlesticks[2]", "2 bad candles; the first: expected an object"),
    ]


def test_what_is_no_list_of_candles_or_lacks_its_context_is_a_dead_letter() -> None:
    found = parse(
        ({"market_ticker": "T", "candlesticks": {}}, context()),
        ({"market_ticker": "T"}, context()),
        ([], "{}"),
        ([], context(period=5)),
        ([], context(tier="tepid")),
        ([1], context()),
        ([candle(ts(DAY, 1), "0.4", "0.4", "0.4", "0.4", price="0.40")], context()),
        ([candle(ts(DAY, 1), price={"open_dollars": "0.4"})], context()),
        ([candle(ts(DAY, 1), volume="-1.00")], context()),
    )
    assert found.rows["core.daily_prices"] == []
    assert len(found.dead) == 9


# --- against plain Python

_price = st.integers(0, 1000).map(lambda n: f"{Decimal(n) / 1000:.4f}")


@st.composite
def hour_candles(draw: st.DrawFn) -> dict[str, Any]:
    low, first, last, high = sorted(draw(st.lists(_price, min_size=4, max_size=4)))
    if draw(st.booleans()):
        first, last = last, first
    ohlc = (first, high, low, last) if draw(st.booleans()) else ()
    made = candle(
        ts(DAY, draw(st.integers(-30, 60))), *ohlc, volume=draw(st.sampled_from(["0.00", "1.25", "9000000.01"]))
    )
    made["price"]["previous_dollars"] = draw(_price | st.none())
    made["yes_bid"] = draw(st.sampled_from([{"close_dollars": "0.0000"}, {"close_dollars": "0.2500"}, None]))
    made["yes_ask"] = draw(st.sampled_from([{"close_dollars": "1.0000"}, {"close_dollars": "0.7500"}, {}]))
    if draw(st.integers(0, 9)) == 0:
        made[draw(st.sampled_from(["volume_fp", "end_period_ts", "price", "open_interest_fp"]))] = draw(
            st.sampled_from(["-1", "abc", {"open_dollars": "0.1"}, True])
        )
    return made


def usable(candles: list[dict[str, Any]]) -> list[oracle.Candle]:
    good = []
    for one in candles:
        try:
            good.append(oracle.candle(one, historical=False))
        except oracle.Odd:
            continue
    return good


@settings(max_examples=40)
@given(
    st.lists(hour_candles(), max_size=30, unique_by=lambda c: str(c["end_period_ts"])),
    st.integers(-48, 24),
    st.integers(1, 96),
)
def test_the_sql_agrees_with_plain_python_on_every_day(candles: list[dict[str, Any]], start: int, hours: int) -> None:
    begin, end = ts(DAY, start), ts(DAY, start + hours)
    found = parse((candles, context(begin, end)))
    good = usable(candles)
    bad = [c["end_period_ts"] for c in candles if not usable([c])]
    ends = [e if isinstance(e, int) and not isinstance(e, bool) else None for e in bad]
    assert len(found.dead) == len({None if e is None else oracle.day_of(e, 60) for e in ends})
    asked = [c for c in good if c.end > begin and c.end - HOUR < end]
    expected = oracle.days(asked, 60, [(begin, end)], RECEIVED)
    lost = {None if e is None else oracle.day_of(e, 60) for e in ends if e is None or (e > begin and e - HOUR < end)}
    for day, values in expected.items():
        values["is_complete"] = values["is_complete"] and not lost & {day, None}
    days = {row["date"]: row for row in found.rows["core.daily_prices"]}
    assert set(days) == set(expected)
    for day, values in expected.items():
        assert {key: days[day][key] for key in values} == values
    assert all(row["date"] - DAY < timedelta(days=5) for row in days.values())
