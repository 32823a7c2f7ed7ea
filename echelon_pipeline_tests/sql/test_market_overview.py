"""``mart.market_overview``: each rule by hand on special cases, sums and prices against plain Python on raw rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.tables import TABLES
from echelon_pipeline.tables.overview import FLAGS
from echelon_pipeline_tests.marts import computed
from echelon_pipeline_tests.rows import DAY, NOON, Row, row, trade

NAME = "mart.market_overview"
A = "kalshi:A"


def ago(**past: float) -> datetime:
    return NOON - timedelta(**past)


def instrument(name: str = A, **values: object) -> Row:
    made: Row = {"instrument_id": name, "native_id": name.partition(":")[2], "title": f"About {name}"}
    return row("core.instruments", **{**made, "observed_at": NOON, **values})


def close(days_ago: int, price: str | None, source: str = "candle", **values: object) -> Row:
    made: Row = {
        "instrument_id": A,
        "date": DAY - timedelta(days=days_ago),
        "price_source": source,
        "observed_at": NOON,
    }
    return row("core.daily_prices", **{**made, "close": None if price is None else Decimal(price), **values})


def sold(number: int, at: datetime, size: str = "2", **values: Any) -> Row:
    """A print at 0.25 of outcome 0."""
    made: Row = {
        "instrument_id": A,
        "event_at": at,
        "date": at.date(),
        "size": Decimal(size),
        "price_0": Decimal("0.25"),
    }
    return trade(number, **{**made, "taker_notional_usd": Decimal(size) / 4, **values})


def quote(at: datetime = NOON, bid: str | None = None, ask: str | None = None, **values: object) -> Row:
    prices = {"best_bid": bid and Decimal(bid), "best_ask": ask and Decimal(ask)}
    made: Row = {"instrument_id": A, "observed_at": at, "date": at.date(), **prices}
    return row("core.instrument_quotes", **{**made, **values})


def paid(source: str, payout_0: str | None, **values: object) -> Row:
    both = {"payout_0": payout_0 and Decimal(payout_0), "payout_1": payout_0 and 1 - Decimal(payout_0)}
    return row("core.resolutions", **{"instrument_id": A, "source": source, **both, "observed_at": NOON, **values})


def read(begin: datetime | None, end: datetime | None, name: str = A, table: str = "core.trades") -> Row:
    return {"instrument_id": name, "table_name": table, "complete_from": begin, "complete_to": end, "reason": "x"}


def overview(*instruments: Row, complete: Iterable[Row] = (), **tables: Iterable[Row]) -> list[Row]:
    """Rows of the mart of these instruments (A where none is given); volumes of days are those of the trades."""
    named = {f"core.{name}": list(rows) for name, rows in tables.items()}
    trades = named.get("core.trades", [])
    days = (DAY - timedelta(days=10), DAY + timedelta(days=1))
    named["mart.trade_volume"] = computed("mart.trade_volume", {"core.trades": trades}, days)
    named["core.instrument_completeness"] = [*complete, read(NOON, NOON, "kalshi:unknown")]
    return computed(NAME, {"core.instruments": instruments or [instrument()], **named})


def one(*instruments: Row, **tables: Any) -> Row:
    (found,) = overview(*instruments, **tables)
    return found


# --- price


def test_the_first_source_with_a_recent_price_gives_both_prices_of_a_change() -> None:
    mids = [close(0, "0.5", "mid_sample"), close(1, "0.44", "mid_sample")]
    candles = [close(2, "0.4"), close(7, "0.3"), close(30, "0.1"), close(1, None)]
    prints = [close(3, "0.7", "trades"), close(30, "0.2", "trades")]
    bid = quote(bid="0.6", ask="0.7", last_price=Decimal("0.9"))
    found = one(daily_prices=[*mids, *candles, *prints], instrument_quotes=[bid])
    assert (found["latest_price"], found["price_source"]) == (Decimal("0.7"), "trades")
    assert found["price_at"] == ago(days=2, hours=12)
    assert (found["change_1d"], found["change_7d"], found["change_30d"]) == (None, None, Decimal("0.5"))
    found = one(daily_prices=[*mids, *candles], instrument_quotes=[bid])
    assert (found["latest_price"], found["price_source"]) == (Decimal("0.4"), "candle")
    assert (found["change_1d"], found["change_7d"], found["change_30d"]) == (None, Decimal("0.1"), Decimal("0.3"))
    found = one(daily_prices=mids, instrument_quotes=[bid])
    assert (found["price_source"], found["change_1d"], found["price_at"]) == ("mid_sample", Decimal("0.06"), NOON)
    found = one(daily_prices=[close(8, "0.4")], instrument_quotes=[bid])
    assert (found["latest_price"], found["price_source"], found["price_at"]) == (Decimal("0.65"), "quote_mid", NOON)
    found = one(instrument_quotes=[quote(bid="0.6", last_price=Decimal("0.9"))])
    assert (found["latest_price"], found["price_source"]) == (Decimal("0.9"), "last_price")
    found = one(daily_prices=[close(8, "0.4"), close(0, "0.5", "venue_day")])
    assert (found["latest_price"], found["price_source"], found["price_at"]) == (None, None, None)
    assert "no_price" in found["quality_flags"]


def test_a_print_of_today_or_yesterday_is_newer_than_the_close_of_its_day_and_has_its_time() -> None:
    last = [sold(1, ago(hours=3)), sold(2, ago(hours=2), price_0=Decimal("0.3"))]
    aside = [
        sold(3, ago(hours=1), price_0=Decimal("0.9"), is_block_trade=True),
        sold(4, ago(hours=1), price_0=None),
        sold(5, ago(hours=1), price_0=Decimal("0.9"), identity="weak"),
        sold(6, NOON, price_0=Decimal("0.9")),
        sold(7, ago(days=7), price_0=Decimal("0.9")),
    ]
    found = one(trades=last + aside, daily_prices=[close(1, "0.2", "trades"), close(0, "0.9", "trades")])
    assert (found["latest_price"], found["price_at"], found["change_1d"]) == (
        Decimal("0.3"),
        ago(hours=2),
        Decimal("0.1"),
    )
    late = sold(1, ago(hours=14))
    found = one(trades=[late], daily_prices=[close(1, "0.25", "trades"), close(0, "0.9", "trades")])
    assert (found["latest_price"], found["price_at"]) == (Decimal("0.9"), NOON)


def test_a_crossed_quote_or_one_after_the_end_gives_no_price() -> None:
    crossed = one(instrument_quotes=[quote(bid="0.6", ask="0.5")])
    assert (crossed["latest_price"], crossed["spread"]) == (None, Decimal("-0.1"))
    assert "crossed_quote" in crossed["quality_flags"]
    ended = one(
        instrument(trading_ended_at=ago(hours=1), status="closed"), instrument_quotes=[quote(bid="0.5", ask="0.6")]
    )
    assert (ended["latest_price"], ended["best_bid"]) == (None, Decimal("0.5"))


def test_only_the_newest_quote_counts_even_if_an_older_one_has_more_values() -> None:
    older = quote(ago(minutes=15), "0.4", "0.6", volume_24h=Decimal(7), open_interest=Decimal(9))
    newer = quote(ago(minutes=1), None, "0.6", open_interest_usd=Decimal(3))
    found = one(instrument_quotes=[older, newer, quote(NOON + timedelta(minutes=1), "0.1", "0.2")])
    assert (found["best_bid"], found["best_ask"], found["quote_at"]) == (None, Decimal("0.6"), ago(minutes=1))
    assert (found["venue_volume_24h"], found["venue_volume_24h_unit"]) == (None, None)
    assert (found["open_interest"], found["open_interest_unit"]) == (Decimal(3), "USD")
    assert one(instrument_quotes=[quote(ago(days=3), "0.4", "0.6")])["quote_at"] is None


# --- volume


def test_volume_is_null_if_trades_were_never_read_and_0_if_nothing_traded() -> None:
    never = one(complete=[read(None, None)])
    assert (never["volume_24h"], never["volume_7d"], never["taker_notional_7d_usd"]) == (None, None, None)
    assert (never["volume_24h_is_complete"], never["volume_to_at"]) == (False, None)
    assert "no_trades_read" in never["quality_flags"]
    quiet = one(complete=[read(ago(days=7), NOON)])
    assert (quiet["volume_24h"], quiet["volume_7d"]) == (0, 0)
    assert (quiet["volume_24h_is_complete"], quiet["volume_7d_is_complete"]) == (True, True)
    old = one(complete=[read(ago(days=9), ago(days=2))])
    assert (old["volume_24h"], old["volume_7d"], old["volume_7d_is_complete"]) == (None, 0, False)


def test_a_volume_is_complete_if_all_its_hours_were_read() -> None:
    ended = {"trading_ended_at": ago(hours=30), "status": "closed"}
    cases: list[tuple[float, float, Row, tuple[bool, bool]]] = [
        (24, 0, {}, (True, False)),
        (23, 0, {}, (False, False)),
        (200, 1, {}, (True, True)),
        (200, 1.01, {}, (False, False)),
        (5, 0, {"opens_at": ago(hours=5)}, (True, True)),
        (200, 30, ended, (True, True)),
        (200, 31, ended, (False, False)),
    ]
    found = overview(
        *(instrument(f"kalshi:{n}", **values) for n, (_, _, values, _) in enumerate(cases)),
        complete=[read(ago(hours=begin), ago(hours=end), f"kalshi:{n}") for n, (begin, end, _, _) in enumerate(cases)],
    )
    assert [(r["volume_24h_is_complete"], r["volume_7d_is_complete"]) for r in found] == [c[3] for c in cases]


def test_prints_without_ids_make_a_volume_incomplete_and_never_count_together_with_others() -> None:
    complete = [read(ago(days=8), NOON)]
    weak = [sold(1, ago(hours=1), identity="weak"), sold(2, ago(hours=20), "3", identity="weak")]
    found = one(trades=weak, complete=complete)
    assert (found["volume_24h"], found["volume_24h_is_complete"]) == (5, False)
    found = one(trades=[*weak, sold(3, ago(hours=2), "7")], complete=complete)
    assert (found["volume_24h"], found["volume_7d"], found["volume_24h_is_complete"]) == (10, 10, False)


_TIMES = st.integers(0, 8 * 24 * 60)
_PRINTS = st.lists(
    st.tuples(st.sampled_from("ABC"), _TIMES, st.decimals("0.01", "9999.99", places=2), st.integers(1, 99)), max_size=14
)


@settings(max_examples=8)
@given(_PRINTS)
def test_windows_end_now_and_begin_to_the_minute_as_in_plain_python(
    prints: Sequence[tuple[str, int, Decimal, int]],
) -> None:
    rows = [
        sold(n, ago(minutes=m), str(size), instrument_id=f"kalshi:{i}", price_0=Decimal(cents) / 100)
        for n, (i, m, size, cents) in enumerate(prints)
    ]
    for found in overview(*(instrument(f"kalshi:{i}") for i in "ABC"), trades=rows):
        own = [r for r in rows if r["instrument_id"] == found["instrument_id"] and r["event_at"] < NOON]
        for name, hours in (("24h", 24), ("7d", 168)):
            within = [r for r in own if r["event_at"] >= ago(hours=hours)]
            assert found[f"volume_{name}"] == (sum(r["size"] for r in within) if within else None)
            assert found[f"taker_notional_{name}_usd"] == (
                sum(r["taker_notional_usd"] for r in within) if within else None
            )
        recent = [r for r in own if r["date"] >= DAY - timedelta(days=1)]
        newest = max(recent, key=lambda r: (r["event_at"], r["trade_id"]), default=None)
        assert found["latest_price"] == (newest["price_0"] if newest else None)
        assert found["price_at"] == (newest["event_at"] if newest else None)


# --- what it is, when it ends, what it paid


def test_a_fraction_is_a_payout_and_sources_that_disagree_give_none() -> None:
    settled = instrument(status="settled", trading_ended_at=ago(days=1))
    scalar = one(settled, resolutions=[paid("kalshi_market", "0.375", result="scalar"), paid("other", "0.375")])
    assert scalar["payout_0"] == Decimal("0.375")
    assert not {"settled_without_payout", "payouts_disagree"} & set(scalar["quality_flags"])
    torn = one(settled, resolutions=[paid("gamma", "1"), paid("clob", "0", was_disputed=True)])
    assert torn["payout_0"] is None
    assert {"payouts_disagree", "disputed"} <= set(torn["quality_flags"])
    assert "settled_without_payout" not in torn["quality_flags"]
    early = one(instrument(status="determined"), resolutions=[paid("gamma", "1", status="determined")])
    assert early["payout_0"] is None
    unpaid = one(settled, resolutions=[paid("gamma", None, status="unresolved")])
    assert "settled_without_payout" in unpaid["quality_flags"]


def test_every_instrument_is_exactly_one_row() -> None:
    """Also if it moved to an event of another series, and if event and categories are missing."""
    event = row("core.events", event_id="kalshi:E2", native_id="E2", series_id="kalshi:S2", ends_at=ago(days=-2))
    category = row(
        "core.ticker_categories", instrument_id=A, category="Sports", category_source="tag", series_id="kalshi:S1"
    )
    name = row("core.display_names", instrument_id=A, display_name="A game")
    moved = one(instrument(event_id="kalshi:E2"), events=[event], ticker_categories=[category], display_names=[name])
    assert (moved["event_id"], moved["series_id"], moved["display_name"]) == ("kalshi:E2", "kalshi:S2", "A game")
    assert (moved["category"], moved["category_source"]) == ("Sports", "tag")
    assert (moved["ends_at"], moved["ends_at_source"]) == (ago(days=-2), "event")
    bare = one(instrument(event_id="kalshi:E9", title=None, closes_at=ago(days=-1)), events=[event])
    assert (bare["display_name"], bare["category"], bare["series_id"]) == ("A", "Other", None)
    assert (bare["ends_at"], bare["ends_at_source"]) == (ago(days=-1), "closes_at")
    assert bare["quality_flags"] == ["no_trades_read", "no_price", "no_quote", "category_unknown"]
    assert bare["as_of_at"] == NOON


def test_titles_are_duplicates_within_a_venue_and_only_with_the_same_sub_title() -> None:
    twins = [
        instrument(f"kalshi:{i}", title="T", sub_title=s) for i, s in (("A", "x"), ("B", "x"), ("C", "y"), ("D", None))
    ]
    other = instrument("polymarket:E", venue="polymarket", title="T", sub_title="x")
    untitled = [instrument(f"kalshi:{i}", title=None) for i in "FG"]
    found = overview(*twins, other, *untitled)
    assert [r["native_id"] for r in found if "duplicate_title" in r["quality_flags"]] == ["A", "B"]


_MID = close(0, "0.5", "mid_sample")
_NONE, _NONE_USD = quote(volume=Decimal(0)), quote(volume_usd=Decimal(0))
_ODD: list[tuple[str, bool, dict[str, list[Row]]]] = [
    ("stale_price", True, {"daily_prices": [close(2, "0.5")]}),
    ("stale_price", False, {"daily_prices": [close(1, "0.5")]}),
    ("no_quote", True, {"instrument_quotes": [quote()]}),
    ("no_quote", False, {"instrument_quotes": [quote(bid="0.5")]}),
    ("one_sided_quote", True, {"instrument_quotes": [quote(bid="0.5")]}),
    ("one_sided_quote", False, {"instrument_quotes": [quote(bid="0.5", ask="0.6")]}),
    ("wide_spread", True, {"instrument_quotes": [quote(bid="0.5", ask="0.600001")]}),
    ("wide_spread", False, {"instrument_quotes": [quote(bid="0.5", ask="0.6")]}),
    ("never_traded", True, {"instrument_quotes": [_NONE]}),
    ("never_traded", True, {"instrument_quotes": [_NONE_USD], "daily_prices": [_MID]}),
    ("never_traded", False, {"instrument_quotes": [quote()]}),
    ("never_traded", False, {"instrument_quotes": [_NONE], "daily_prices": [close(0, "0.5")]}),
    ("never_traded", False, {"instrument_quotes": [_NONE], "trades": [sold(1, ago(days=3))]}),
]


@pytest.mark.parametrize("status", ["active", "closed"])
def test_flags_on_quotes_and_age_are_only_for_active_instruments(status: str) -> None:
    ids = [f"kalshi:{n:02}" for n in range(len(_ODD))]
    tables: dict[str, list[Row]] = {}
    for own, (_, _, given_rows) in zip(ids, _ODD, strict=True):
        for table, rows in given_rows.items():
            tables.setdefault(table, []).extend({**r, "instrument_id": own} for r in rows)
    found = overview(*(instrument(own, status=status) for own in ids), **tables)
    for (flag, holds, _), result in zip(_ODD, found, strict=True):
        expected = holds and (status == "active" or flag == "never_traded")
        assert (flag in result["quality_flags"]) is expected, (flag, result)


def test_a_row_is_clean_if_it_has_no_flag() -> None:
    found = overview(*(instrument(f"kalshi:{n}") for n in range(2)))
    assert [r["is_clean"] for r in found] == [r["quality_flags"] == [] for r in found]
    assert not found[0]["is_clean"]


def test_every_flag_is_explained() -> None:
    about = TABLES[NAME].column("quality_flags").about
    assert [f for f in FLAGS if f"{f}:" not in about] == []
