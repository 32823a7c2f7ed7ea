"""``mart.daily``: one price and one volume per instrument and day, with their sources."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish.catalog import PublicationInfo, Source, fill
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline_tests.marts import computed, day_by_day, invalid_days
from echelon_pipeline_tests.rows import DAY, NOON, Row, row, staged

NAME = "mart.daily"
MIDNIGHT = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)


def price(source: str, close: str | None, complete: bool = True, **values: Any) -> Row:
    levels = dict.fromkeys(("open", "high", "low", "close"), None if close is None else Decimal(close))
    reason = None if complete else "not read"
    made = {"instrument_id": "kalshi:A", "price_source": source, "is_complete": complete, "incomplete_reason": reason}
    return row("core.daily_prices", **{**made, **levels, **values})


def volume(contracts: str | None, complete: bool = True, **values: Any) -> Row:
    money = None if contracts is None else Decimal(contracts) / 4
    made = {
        "instrument_id": "kalshi:A",
        "contracts": None if contracts is None else Decimal(contracts),
        "taker_notional_usd": money,
        "trades": 3,
        "identity": "strong",
        "is_complete": complete,
        "incomplete_reason": None if complete else "half",
    }
    return row("mart.trade_volume", **{**made, **values})


def completeness(begin: datetime, end: datetime, instrument: str = "kalshi:A") -> Row:
    return {"instrument_id": instrument, "table_name": "core.trades", "complete_from": begin, "complete_to": end}


NEVER = completeness(NOON, NOON)
ALL_DAY = completeness(MIDNIGHT, MIDNIGHT + timedelta(days=1))


def daily(prices: Iterable[Row] = (), volumes: Iterable[Row] = (), read: Row = NEVER, **more: Any) -> Row:
    tables = {"core.daily_prices": prices, "mart.trade_volume": volumes, "core.instrument_completeness": [read], **more}
    (found,) = computed(NAME, tables)
    return found


def test_a_day_has_the_price_of_trades_and_their_volume_once() -> None:
    candle = price("candle", "0.30", bid_close=Decimal("0.29"), volume=Decimal(12), open_interest=Decimal(7))
    trades = price("trades", "0.31", vwap=Decimal("0.305"), volume=Decimal(12))
    found = daily([candle, trades], [volume("12", traders=2)])
    assert (found["price_source"], found["close"], found["vwap"]) == ("trades", Decimal("0.31"), Decimal("0.305"))
    assert (found["bid_close"], found["ask_close"], found["open_interest"]) == (Decimal("0.29"), None, 7)
    assert (found["volume_source"], found["contracts"], found["taker_notional_usd"]) == ("trades", 12, 3)
    assert (found["trades"], found["traders"]) == (3, 2)
    assert (found["is_complete"], found["incomplete_reason"]) == (True, None)


@pytest.mark.parametrize(
    ("prices", "source", "complete"),
    [
        ([price("mid_sample", "0.2"), price("candle", "0.3"), price("trades", "0.4")], "trades", True),
        ([price("mid_sample", "0.2"), price("candle", "0.3"), price("trades", "0.4", False)], "candle", True),
        ([price("mid_sample", "0.2"), price("candle", None)], "mid_sample", True),
        ([price("candle", "0.3", False), price("trades", "0.4", False)], "trades", False),
        ([price("venue_day", "0.3")], None, False),
        ([price("candle", None)], None, True),
    ],
)
def test_the_price_is_from_the_best_source_that_has_one(prices: list[Row], source: str | None, complete: bool) -> None:
    found = daily(prices, [volume("12")])
    assert (found["price_source"], found["price_is_complete"]) == (source, complete)
    assert found["is_complete"] is complete


def test_a_complete_candle_has_the_contracts_of_a_day_whose_trades_were_not_read_but_no_money() -> None:
    found = daily([price("candle", "0.3", volume=Decimal(20))], [volume("12", complete=False)])
    assert (found["volume_source"], found["contracts"]) == ("candle", 20)
    assert (found["taker_notional_usd"], found["trades"], found["traders"]) == (None, None, None)
    assert found["incomplete_reason"] == "volume: half; contracts are those of the candles"
    alone = daily([price("candle", "0.3", volume=Decimal(20))])
    assert (alone["contracts"], alone["volume_is_complete"]) == (20, False)


def test_trades_of_a_day_that_was_not_read_to_its_end_are_a_lower_limit_and_say_so() -> None:
    found = daily([price("trades", "0.4", complete=False)], [volume("12", complete=False)])
    assert (found["volume_source"], found["contracts"], found["is_complete"]) == ("trades", 12, False)
    assert found["incomplete_reason"] == "price: not read; volume: half"


@pytest.mark.parametrize(
    ("candle", "read", "expected"),
    [
        (None, ALL_DAY, ("trades", 0, True)),
        (0, ALL_DAY, ("trades", 0, True)),
        (0, NEVER, ("candle", 0, True)),
        (None, NEVER, (None, None, False)),
        (5, ALL_DAY, ("candle", 5, False)),
    ],
)
def test_a_day_without_trades_is_0_only_if_that_is_known(
    candle: int | None, read: Row, expected: tuple[str | None, int | None, bool]
) -> None:
    source = "mid_sample" if candle is None else "candle"
    found = daily([price(source, "0.3", volume=None if candle is None else Decimal(candle))], read=read)
    assert (found["volume_source"], found["contracts"], found["volume_is_complete"]) == expected
    assert found["taker_notional_usd"] == (0 if expected[2] else None)


def test_trades_count_as_read_from_the_opening_to_the_end_of_trading() -> None:
    opened = row(
        "core.instruments", instrument_id="kalshi:A", opens_at=NOON, trading_ended_at=NOON + timedelta(hours=2)
    )
    short = completeness(NOON, NOON + timedelta(hours=2))
    prices = [price("mid_sample", "0.3")]
    assert daily(prices, read=short, **{"core.instruments": [opened]})["contracts"] == 0
    assert daily(prices, read=short)["contracts"] is None


def test_a_day_with_trades_alone_has_a_volume_and_no_price() -> None:
    found = daily((), [volume("12", identity="weak", complete=False)])
    assert (found["close"], found["price_source"], found["contracts"]) == (None, None, 12)
    assert found["incomplete_reason"] == "price: no source has the day; volume: half"


def test_a_total_that_fits_no_column_is_null_and_its_day_not_complete() -> None:
    found = daily([price("trades", "0.4")], [volume(None, complete=False, trades=9)])
    assert (found["contracts"], found["taker_notional_usd"], found["is_complete"]) == (None, None, False)


DAYS = [DAY - timedelta(days=n) for n in (2, 1, 0)]
PRICES = st.lists(
    st.builds(
        price,
        st.sampled_from(["trades", "candle", "mid_sample", "venue_day"]),
        st.sampled_from([None, "0.2", "0.7"]),
        st.booleans(),
        date=st.sampled_from(DAYS),
        volume=st.sampled_from([None, Decimal(0), Decimal(5)]),
        instrument_id=st.sampled_from(["kalshi:A", "kalshi:B"]),
    ),
    max_size=8,
    unique_by=lambda r: (r["instrument_id"], r["date"], r["price_source"]),
)
VOLUMES = st.lists(
    st.builds(
        volume,
        st.sampled_from(["1.5", "999999999999", None]),
        st.just(False),
        date=st.sampled_from(DAYS),
        instrument_id=st.sampled_from(["kalshi:A", "kalshi:C"]),
    )
    | st.builds(volume, st.sampled_from(["2", "7"]), date=st.sampled_from(DAYS)),
    max_size=5,
    unique_by=lambda r: (r["instrument_id"], r["date"]),
)


@settings(max_examples=12, deadline=None)
@given(PRICES, VOLUMES, st.sampled_from([NEVER, ALL_DAY, completeness(MIDNIGHT - timedelta(days=9), NOON)]))
def test_day_by_day_equals_a_full_build_with_a_row_per_instrument_and_day(
    prices: list[Row], volumes: list[Row], read: Row
) -> None:
    tables = {"core.daily_prices": prices, "mart.trade_volume": volumes, "core.instrument_completeness": [read]}
    found = computed(NAME, tables, (DAYS[0], DAYS[-1]))
    assert found == day_by_day(NAME, tables, (DAYS[0], DAYS[-1]))
    named = {(r["instrument_id"], r["date"]) for r in (*prices, *volumes) if r.get("price_source") != "venue_day"}
    assert {(r["instrument_id"], r["date"]) for r in found} == named
    complete = {(r["instrument_id"], r["date"]): r["contracts"] for r in volumes if r["is_complete"]}
    assert {k: r["contracts"] for r in found if (k := (r["instrument_id"], r["date"])) in complete} == complete


def _invalid(stored: Row, read: Row) -> set[date]:
    return invalid_days(NAME, {NAME: [stored], "core.instrument_completeness": [read]})


def test_a_day_without_trades_is_built_again_where_completeness_changed() -> None:
    unknown, nothing = daily([price("mid_sample", "0.3")]), daily([price("mid_sample", "0.3")], read=ALL_DAY)
    assert (_invalid(unknown, ALL_DAY), _invalid(unknown, NEVER)) == ({DAY}, set())
    assert (_invalid(nothing, ALL_DAY), _invalid(nothing, NEVER)) == (set(), {DAY})
    traded = daily([price("trades", "0.3")], [volume("12")])
    assert _invalid(traded, NEVER) == _invalid(traded, ALL_DAY) == set()


@pytest.mark.parametrize(
    ("payouts", "expected"),
    [
        ([("gamma", "settled", "1")], 1),
        ([("gamma", "determined", "1")], None),
        ([("gamma", "settled", "1"), ("clob", "settled", "0")], None),
        ([], None),
    ],
)
def test_the_published_rows_have_the_payout_as_it_is_now(
    tmp_path: Any, payouts: list[tuple[str, str, str]], expected: int | None
) -> None:
    lake = Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch", min_free_mb=0)
    stored = daily([price("mid_sample", "0.3", instrument_id="polymarket:1")])
    lake.merge(NAME, [staged(tmp_path, NAME, [{**stored, "venue": "polymarket"}])])
    for source, status, paid in payouts:
        made = {"instrument_id": "polymarket:1", "venue": "polymarket", "source": source, "status": status}
        both = {"payout_0": Decimal(paid), "payout_1": 1 - Decimal(paid)} if status == "settled" else {}
        one = row("core.resolutions", **made, **both, resolved_at=NOON)
        lake.merge("core.resolutions", [staged(tmp_path, "core.resolutions", [one])])
    sources = {t.name: Source(t, lake.open(t.name)) for t in lake.tables.values() if t.published}
    with connect(private=True) as connection:
        fill(connection, sources, PublicationInfo(lake.root, NOON))
        found = connection.execute(f"SELECT payout_0, resolved_at FROM {NAME}").fetchall()
        comment = connection.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'daily' AND column_name = 'payout_0'"
        ).fetchall()
    assert found == [(expected, None if expected is None else NOON)]
    assert comment[0][0].startswith("final payout per share of outcome 0")
