"""Totals from 10^12 on, which fit no column: NULL, never complete, and never compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import typed
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.book_rows import at, book
from echelon_pipeline_tests.marts import UNREAD_ROWS, computed
from echelon_pipeline_tests.rows import DAY, NOON, Row, arrow, row, trade

A = "kalshi:A"
MOST = Decimal("999999999999.999999")
HALF = Decimal("499999999999.999999")
TOO_LARGE = "a total is 10^12 or more, which no column holds"
COMPLETE = row("core.daily_prices", instrument_id=A, price_source="trades", is_complete=True, unread_rows=0)
PRICES = "core.daily_prices"


def sold(number: int, size: Decimal, usd: Decimal = Decimal(1), direction: int | None = 1, **values: object) -> Row:
    fields = {"instrument_id": A, "size": size, "taker_notional_usd": usd, "taker_direction": direction}
    return trade(number, **{**fields, **values})


def volume_of(*prints: Row) -> Row:
    (total,) = computed("mart.trade_volume", {"core.trades": prints, PRICES: [COMPLETE]})
    return total


def test_the_largest_total_that_fits_is_exact() -> None:
    total = volume_of(sold(1, HALF), sold(2, HALF + Decimal("0.000001"), direction=-1))
    assert (total["contracts"], total["bought_0"], total["is_complete"]) == (MOST, HALF, True)


def test_a_volume_that_fits_no_column_is_null_and_its_day_not_complete() -> None:
    total = volume_of(sold(1, MOST), sold(2, MOST, direction=-1))
    assert (total["contracts"], total["average_size"], total["taker_notional_usd"]) == (None, None, 2)
    assert (total["bought_0"], total["sold_0"], total["taker_imbalance"]) == (MOST, MOST, 0)
    assert (total["trades"], total["largest_size"]) == (2, MOST)
    assert (total["is_complete"], total["incomplete_reason"]) == (False, TOO_LARGE)
    total = volume_of(sold(1, MOST), sold(2, MOST))
    assert (total["bought_0"], total["sold_0"], total["taker_imbalance"]) == (None, 0, None)
    total = volume_of(sold(1, Decimal(2), MOST), sold(2, Decimal(2), MOST))
    assert (total["contracts"], total["taker_notional_usd"], total["is_complete"]) == (4, None, False)


def test_an_earlier_reason_is_kept() -> None:
    unread = {**COMPLETE, "is_complete": False, "incomplete_reason": "1 row could not be read"}
    (total,) = computed("mart.trade_volume", {"core.trades": [sold(1, MOST), sold(2, MOST)], PRICES: [unread]})
    assert total["incomplete_reason"] == "1 row could not be read"


@pytest.mark.parametrize("scope", ["all", "configured"])
def test_a_sum_with_an_unknown_volume_is_unknown(scope: str) -> None:
    volumes = [volume_of(sold(1, MOST), sold(2, MOST)), volume_of(sold(3, Decimal(5), instrument_id=A))]
    volumes[1] |= {"instrument_id": "kalshi:B", "is_complete": True}
    walked = {"venue": "kalshi", "table_name": "core.trades", "scope": scope, "date": DAY, "complete_minutes": 1440.0}
    with connect(private=True) as connection:
        for schema in ("core", "mart"):
            connection.execute(f"CREATE SCHEMA {schema}")
        for name, rows in (
            ("mart.trade_volume", arrow("mart.trade_volume", volumes)),
            ("core.ticker_categories", arrow("core.ticker_categories", [])),
            ("core.coverage_daily", pa.Table.from_pylist([walked])),
            ("core.unread_rows", pa.Table.from_pylist([], schema=UNREAD_ROWS)),
        ):
            connection.register("given_rows", rows)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given_rows")
        for view in ("venue_volume", "category_volume"):
            (total,) = connection.sql(statement(f"views/{view}").text).to_arrow_table().to_pylist()
            assert (total["contracts"], total["taker_notional_usd"], total["trades"]) == (None, 3, 3)
            assert (total["is_complete"], total["covered_share"], total["incomplete_reason"]) == (
                False,
                None,
                TOO_LARGE,
            )


def test_volumes_of_24_hours_and_7_days_that_fit_no_column_are_null_and_not_complete() -> None:
    def of(*prints: Row) -> Row:
        days = (DAY - timedelta(days=10), DAY + timedelta(days=1))
        given: dict[str, Any] = {"core.trades": prints}
        given["mart.trade_volume"] = computed("mart.trade_volume", given, days)
        given["core.instruments"] = [row("core.instruments", instrument_id=A, native_id="A", observed_at=NOON)]
        read = {
            "table_name": "core.trades",
            "complete_from": NOON - timedelta(days=9),
            "complete_to": NOON,
            "reason": "",
        }
        given["core.instrument_completeness"] = [{"instrument_id": A, **read}]
        (total,) = computed("mart.market_overview", given)
        return total

    now = [sold(n, MOST, event_at=NOON - timedelta(minutes=n)) for n in (1, 2)]
    then = [sold(n, MOST, event_at=NOON - timedelta(days=3, minutes=n), date=DAY - timedelta(days=3)) for n in (3, 4)]
    one = sold(5, Decimal(5), event_at=NOON - timedelta(minutes=5))
    total = of(*now)
    assert (total["volume_24h"], total["volume_24h_is_complete"], total["taker_notional_24h_usd"]) == (None, False, 2)
    assert (total["volume_7d"], total["volume_7d_is_complete"]) == (None, False)
    total = of(one, *then)
    assert (total["volume_24h"], total["volume_24h_is_complete"]) == (5, True)
    assert (total["volume_7d"], total["volume_7d_is_complete"]) == (None, False)
    assert "no_trades_read" not in total["quality_flags"]
    assert of(one)["volume_7d"] == 5


def test_contracts_seen_that_fit_no_column_have_no_share() -> None:
    place = {"date": DAY, "hour": 0, "instrument_id": A}
    live = [row("core.live_trades", **place, size=MOST, price_0=Decimal(0), received_at=at(n), frame=n) for n in (1, 2)]
    traded = [sold(n, MOST, event_at=at(n)) for n in (1, 2)]
    meant = {"venue": "kalshi", "instrument_id": A, "from_at": at(0), "to_at": at(3600), "recorded_to": at(3600)}

    def share(seen: Sequence[Row], of: Sequence[Row]) -> tuple[Any, ...]:
        given = {"core.watched_time": [meant], "core.live_trades": seen, "core.trades": of, PRICES: [COMPLETE]}
        (total,) = computed("mart.coverage", given)
        return total["seen_contracts"], total["venue_contracts"], total["seen_share"]

    assert share(live, traded) == (None, None, None)
    assert share(live[:1], traded) == (MOST, None, None)
    assert share(live, traded[:1]) == (None, MOST, None)
    assert share(live[:1], traded[:1]) == (MOST, MOST, 1)


def test_books_that_overlap_count_each_instant_once() -> None:
    meant = {"venue": "kalshi", "instrument_id": A, "from_at": at(0), "to_at": at(3600), "recorded_to": at(3600)}
    rows = [book(0, 3600), book(600, 3600, state="stale")]
    (total,) = computed("mart.coverage", {"core.watched_time": [meant], "core.book_snapshots": rows})
    assert [total[f"{kind}_seconds"] for kind in ("live", "stale", "unknown")] == [600, 3000, 0]


# --- builders


CODE = "0xaa"


def leg(number: int, **values: object) -> Row:
    fields: Row = {
        "venue": "polymarket",
        "fill_id": f"polymarket:{number}",
        "role": "taker",
        "builder_code": CODE,
        "maker": f"0x{number}",
        "transaction_hash": f"0xt{number}",
        "taker_order_id": f"0xo{number}",
        "notional_usd": Decimal(10),
        "fee_usd": Decimal(1),
        "builder_fee_usd": Decimal(3),
        "status": "confirmed",
        "is_terminal": True,
    }
    return row("core.fills", **{**fields, **values})


def builders(*fills: Row, codes: Sequence[str] = (CODE,)) -> dict[str, dict[str, Row]]:
    """Rows of the three marts by code, for the day."""
    begin = at(0)
    reads = [
        {"venue": "polymarket", "table_name": "core.fills", "scope": code, "from_at": begin,
         "to_at": begin + timedelta(days=1), "state": "complete", "reason": None} for code in codes
    ]  # fmt: skip
    given: dict[str, Any] = {"core.coverage": reads}
    given["core.builder_legs"] = computed("core.builder_legs", {"core.fills": fills}, builder_codes=codes)
    by_mart = {}
    for name in ("volume", "revenue", "leaderboard"):
        rows = given[f"mart.builder_{name}"] = computed(f"mart.builder_{name}", given, builder_codes=codes)
        by_mart[name] = {r["builder_code"]: r for r in rows if r["range"] == "day" and r["venue"] == "polymarket"}
    return by_mart


def test_a_builders_volume_that_fits_no_column_is_null_and_its_range_not_complete() -> None:
    large = [leg(n, notional_usd=MOST, size=Decimal(5)) for n in (1, 2)]
    by_mart = builders(*large, leg(3, builder_code="0xbb", notional_usd=Decimal(7)), codes=(CODE, "0xbb"))
    mine, other = by_mart["volume"][CODE], by_mart["volume"]["0xbb"]
    assert (mine["volume_usd"], mine["taker_volume_usd"], mine["maker_volume_usd"]) == (None, None, 0)
    assert (mine["contracts"], mine["matches"], mine["top_1_share"]) == (10, 2, None)
    assert (mine["is_complete"], mine["reason"]) == (False, TOO_LARGE)
    assert (other["volume_usd"], other["top_1_share"], other["is_complete"]) == (7, 1, True)
    revenue = by_mart["revenue"][CODE]
    assert (revenue["volume_usd"], revenue["builder_fee_usd"], revenue["revenue_bps"]) == (None, 6, None)
    assert (revenue["is_complete"], revenue["reason"]) == (False, TOO_LARGE)
    ranks = by_mart["leaderboard"]
    assert {code: (r["rank"], r["is_complete"]) for code, r in ranks.items()} == {
        CODE: (None, False),
        "0xbb": (2, True),
    }


def test_fees_that_fit_no_column_are_null_and_their_range_not_complete() -> None:
    total = builders(leg(1, fee_usd=MOST), leg(2, fee_usd=MOST))["revenue"][CODE]
    assert (total["fee_usd"], total["reported_fee_usd"], total["revenue_share"]) == (None, None, None)
    assert (total["volume_usd"], total["builder_fee_usd"], total["revenue_bps"]) == (20, 6, 3000)
    assert (total["is_complete"], total["reason"]) == (False, TOO_LARGE)
    total = builders(leg(1, fee_usd=MOST, builder_fee_usd=MOST))["revenue"][CODE]
    assert (total["fee_usd"], total["builder_fee_usd"], total["revenue_share"]) == (MOST, MOST, 0.5)
    assert (total["is_complete"], total["reason"]) == (True, None)


def test_a_rebate_has_no_share() -> None:
    total = builders(leg(1, fee_usd=Decimal(-2)))["revenue"][CODE]
    assert (total["fee_usd"], total["builder_fee_usd"], total["revenue_share"]) == (-2, 3, None)


def test_an_estimated_fee_that_fits_no_column_is_unknown() -> None:
    schedule = row(
        "core.instrument_history",
        venue="polymarket",
        instrument_id="x",
        status="active",
        valid_from=NOON - timedelta(hours=1),
        fee_rate=Decimal("9999.99999999"),
        fee_schedule='{"exponent": 1, "takerOnly": true}',
    )
    fills = [leg(n, size=size, fee_usd=None, price=Decimal("0.5")) for n, size in enumerate((Decimal(2), MOST))]
    given: Mapping[str, Any] = {"core.fills": fills, "core.instrument_history": [schedule]}
    legs = computed("core.builder_legs", given, builder_codes=[CODE])
    assert [(r["fee_usd"], r["fee_source"]) for r in legs] == [(Decimal(5000), "estimated"), (None, "unknown")]


def test_a_ranking_with_an_unknown_volume_has_no_shares() -> None:
    def shares(*contracts: int | None) -> list[float | None]:
        fields = {"venue": "polymarket", "range": "day", "observed_at": NOON, "is_verified": True}
        rows = [
            row("core.builder_leaderboard", **fields, builder_code=str(n), contracts=None if c is None else Decimal(c))
            for n, c in enumerate(contracts)
        ]
        return [r["volume_share"] for r in computed("mart.builder_leaderboard", {"core.builder_leaderboard": rows})]

    assert shares(1, 3) == [0.25, 0.75]
    assert shares(1, None) == [None, None]


# --- days of prices, books


def test_a_day_of_prices_whose_volume_fits_no_column_is_not_complete() -> None:
    window = row("core.ingest_windows", table_name="core.trades", scope="all", from_at=at(0), state="complete")
    window |= {"to_at": at(0) + timedelta(days=1), "recorded_at": at(0) + timedelta(days=1)}
    query = (
        statement("derive/daily_prices_from_trades").text.replace("$day", f"DATE '{DAY}'").replace("$venue", "'kalshi'")
    )

    def day_of(*prints: Row) -> Row:
        with connect(private=True) as connection:
            for name, rows in (
                ("trades", arrow("core.trades", prints)),
                ("windows", arrow("core.ingest_windows", [window])),
                ("unread", pa.Table.from_pylist([], schema=UNREAD_ROWS)),
                ("held", pa.Table.from_pylist([{"instrument_id": A, "held_at": at(0)}])),
            ):
                connection.register(name, rows)
            (total,) = connection.sql(typed(TABLES[PRICES], query, connection)).to_arrow_table().to_pylist()
            return dict(total)

    sizes = (Decimal(2), MOST, MOST)
    prints = [sold(n, size, price_0=Decimal("0.25")) for n, size in enumerate(sizes)]
    total = day_of(prints[0])
    assert (total["volume"], total["vwap"], total["is_complete"]) == (2, Decimal("0.25"), True)
    total = day_of(*prints[1:])
    assert (total["volume"], total["taker_notional_usd"], total["vwap"], total["trades"]) == (None, None, None, None)
    assert (total["close"], total["n_samples"]) == (Decimal("0.25"), 2)
    assert (total["is_complete"], total["incomplete_reason"]) == (False, TOO_LARGE)


def test_a_level_that_fits_no_column_leaves_its_side_without_depth() -> None:
    stored = book(0, 60)
    stored["bid_sizes"] = [10**18, 2_000_000]
    with connect(private=True) as connection:
        connection.execute("CREATE SCHEMA core; CREATE SCHEMA internal")
        connection.register("given", arrow("core.book_snapshots", [stored]))
        connection.execute("CREATE TABLE core.book_snapshots AS SELECT * FROM given")
        connection.execute("CREATE TABLE core.instruments (instrument_id VARCHAR)")
        for name in ("unknown_instrument", "book_at", "depth_within"):
            connection.execute(statement(f"functions/{name}").text)
        sizes = connection.execute("SELECT bid_sizes FROM core.book_at(?, ?)", [A, at(1)]).fetchall()
        depth = connection.execute(
            "SELECT bid_size, bid_notional_usd, ask_size FROM core.depth_within(?, ?, 0.05)", [A, at(1)]
        ).fetchall()
    assert sizes == [([None, 2],)]
    assert depth == [(None, None, 550)]
