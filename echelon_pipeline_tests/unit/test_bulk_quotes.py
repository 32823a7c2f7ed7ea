"""Imported prices that mean "none": the same rows as the venue's own parser makes of the same prices.

Belongs here: bids, asks and last prices of quotes and daily prices. The other rules are ``test_bulk.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.kalshi.parse import KINDS
from echelon_pipeline_tests.fakes import parse_payloads
from echelon_pipeline_tests.imported import Row, home_in, load, rows_of, write_csv
from echelon_pipeline_tests.polymarket_payloads import parse
from echelon_pipeline_tests.unit import test_kalshi_markets_sql, test_polymarket_markets_sql

PRICES = ("0", "0.0000", "0.000001", "0.01", "0.39", "0.99", "0.999999", "1", "1.0000")
AT = {"at": "2026-01-02T00:00:00Z"}
BASE = {"instrument": "id", "observed_at": "at"}
NAMES = ("best_bid", "best_ask", "last_price")


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


def ids(venue: str, rows: Sequence[Row]) -> list[str]:
    return [f"KXA-{n:03}" if venue == "kalshi" else f"0x{n:03}" for n in range(len(rows))]


def quotes(home: Settings, folder: Path, venue: str, rows: Sequence[Row], **mapping: str) -> list[Row]:
    """The stored quotes of rows, in their order: each row is an instrument of its own."""
    path = write_csv(folder / "q.csv", [AT | {"id": i} | row for i, row in zip(ids(venue, rows), rows, strict=True)])
    named = {name: name for name in rows[0]} | mapping
    assert load(home, path, "quotes", BASE | named, venue).reasons == {}
    return rows_of(home, "core.instrument_quotes")


def served(venue: str, rows: Sequence[Row]) -> list[Row]:
    """What the venue's own parser makes of the same prices."""
    payloads: list[dict[str, Any]] = []
    for native_id, row in zip(ids(venue, rows), rows, strict=True):
        bid, ask, last = (row[name] for name in NAMES)
        if venue == "kalshi":
            prices = {"yes_bid_dollars": bid, "yes_ask_dollars": ask, "last_price_dollars": last}
            payloads.append(test_kalshi_markets_sql.MARKET | {"ticker": native_id} | prices)
        else:
            prices = {"bestBid": bid, "bestAsk": ask, "lastTradePrice": last}
            payloads.append(test_polymarket_markets_sql.market(conditionId=native_id, **prices))
    found = parse_payloads(KINDS["markets"], payloads) if venue == "kalshi" else parse("markets", payloads)
    return sorted(found.rows["core.instrument_quotes"], key=lambda row: str(row["instrument_id"]))


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_prices_are_none_exactly_where_the_venues_parser_says_so(home: Settings, tmp_path: Path, venue: str) -> None:
    rows = [dict.fromkeys(NAMES, price) for price in PRICES]
    mine, theirs = quotes(home, tmp_path, venue, rows), served(venue, rows)
    assert [[row[n] for n in NAMES] for row in mine] == [[row[n] for n in NAMES] for row in theirs]
    assert [row["best_bid"] for row in mine[:2]] == [None, None]
    assert mine[4]["best_bid"] == Decimal("0.39")


def test_a_side_that_is_none_has_no_size_and_no_liquidity_of_zero(home: Settings, tmp_path: Path) -> None:
    row = {"best_bid": "0", "best_bid_size": "7", "best_ask": "1", "best_ask_size": "8", "liquidity_usd": "0"}
    (found,) = quotes(home, tmp_path, "kalshi", [row])
    assert [found[name] for name in row] == [None] * 5


def test_nothing_on_both_sides_is_no_contradiction_however_it_is_spelled(home: Settings, tmp_path: Path) -> None:
    """Kalshi writes 0 for every side of an empty book, though 0 for no would be 1 for yes."""
    rows = [
        {"best_bid": b, "best_ask": a, "other_bid": nb, "other_ask": na}
        for b, a, nb, na in (
            ("0", "0", "0", "0"),
            ("0", "1", "0", "1"),
            ("0", "0.4", "0.6", "0"),
            ("0.4", "0", "", "0.6"),
        )
    ]
    found = quotes(home, tmp_path, "kalshi", rows)
    bid_and_ask = [(row["best_bid"], row["best_ask"]) for row in found]
    assert bid_and_ask == [(None, None), (None, None), (None, Decimal("0.4")), (Decimal("0.4"), None)]


def test_prices_of_the_second_outcome_are_none_before_they_are_turned(home: Settings, tmp_path: Path) -> None:
    rows = [
        {"best_bid": b, "best_ask": a, "last_price": last, "best_bid_size": "1", "best_ask_size": "2"}
        for b, a, last in (("0", "1", "0"), ("0.3", "0.4", "0.35"), ("1", "0", "1"))
    ]
    found = quotes(home, tmp_path, "kalshi", rows, outcome_index="=1")
    assert [[row[n] for n in NAMES] for row in found] == [
        [None] * 3,
        [Decimal("0.6"), Decimal("0.7"), Decimal("0.65")],
        [None] * 3,
    ]
    assert (found[1]["best_bid_size"], found[1]["best_ask_size"]) == (Decimal(2), Decimal(1))


def test_closing_quotes_of_daily_prices_are_none_alike(home: Settings, tmp_path: Path) -> None:
    rows = [
        {"id": f"KXA-{n}", "day": "2026-01-02", "b": b, "a": a} for n, (b, a) in enumerate((("0", "1"), ("1", "0")))
    ]
    mapping = {"instrument": "id", "date": "day", "bid_close": "b", "ask_close": "a"}
    assert load(home, write_csv(tmp_path / "d.csv", rows), "daily-prices", mapping).reasons == {}
    found = rows_of(home, "core.daily_prices")
    assert [(row["bid_close"], row["ask_close"]) for row in found] == [(None, None), (None, None)]
