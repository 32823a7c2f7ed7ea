"""Taker fees: published examples, and the same figures in SQL and Python."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.venues.registry import venue_of
from echelon_pipeline_tests.rows import NOON

# Venue, contracts, price, rate, exponent, fee.
EXAMPLES = (
    ("kalshi", "1", "0.50", "0.07", 1, "0.0175"),
    ("kalshi", "100", "0.50", "0.07", 1, "1.75"),
    ("kalshi", "100", "0.95", "0.07", 1, "0.3325"),
    ("kalshi", "0.47", "0.52", "0.07", 1, "0.0083"),  # 0.00821184
    ("kalshi", "100", "0.32", "0.07", 1, "1.5232"),
    ("kalshi", "1", "0.05", "0.07", 1, "0.0034"),
    ("kalshi", "0.01", "0.50", "0.07", 1, "0.0002"),
    ("kalshi", "100", "0.50", "0.035", 1, "0.875"),
    ("polymarket", "100", "0.40", "0.04", 1, "0.96"),
    ("polymarket", "10", "0.03", "0.07", 1, "0.02037"),
    ("polymarket", "7", "0.997", "0.05", 1, "0.00105"),  # 0.00104685
    ("polymarket", "7", "0.038", "0.05", 1, "0.01279"),
    ("polymarket", "100", "0.5", "0.25", 2, "1.5625"),
    ("polymarket", "3023.27", "0.982", "0.05", 1, "2.67197"),
)


def _in_sql(venue: str, contracts: Decimal, price: Decimal, rate: Decimal, schedule: str | None) -> Decimal | None:
    query = """SELECT taker_fee($venue, CAST($contracts AS DECIMAL(18, 6)), CAST($price AS DECIMAL(9, 6)),
                                CAST($rate AS DECIMAL(12, 8)), $schedule, $now)"""
    values = {"venue": venue, "contracts": str(contracts), "price": str(price), "rate": str(rate)}
    with connect() as connection:
        row = connection.execute(query, {**values, "schedule": schedule, "now": NOON}).fetchone()
    assert row is not None
    found: Decimal | None = row[0]
    return found


@pytest.mark.parametrize(("venue", "contracts", "price", "rate", "exponent", "fee"), EXAMPLES)
def test_fees_of_the_venues_documents(
    venue: str, contracts: str, price: str, rate: str, exponent: int, fee: str
) -> None:
    fees = venue_of(venue).fees
    assert fees is not None
    numbers = (Decimal(contracts), Decimal(price), Decimal(rate))
    assert fees.of(*numbers, exponent) == Decimal(fee)
    assert _in_sql(venue, *numbers, f'{{"exponent": {exponent}}}') == Decimal(fee)


@given(
    venue=st.sampled_from(["kalshi", "polymarket"]),
    contracts=st.decimals("0.01", "999999999999", places=2),
    price=st.decimals(0, 1, places=4),
    rate=st.decimals(0, 1, places=4),
)
def test_sql_and_python_give_the_same_fee(venue: str, contracts: Decimal, price: Decimal, rate: Decimal) -> None:
    fees = venue_of(venue).fees
    assert fees is not None
    assert _in_sql(venue, contracts, price, rate, '{"exponent": 1}') == fees.of(contracts, price, rate)


def test_a_fee_is_0_while_it_is_waived_and_unknown_without_a_readable_schedule() -> None:
    size, price, rate = Decimal(100), Decimal("0.5"), Decimal("0.07")
    later, earlier = (f'{{"waived_until": "{NOON + timedelta(hours=h)}"}}' for h in (1, -1))
    assert _in_sql("kalshi", size, price, rate, later) == 0
    assert _in_sql("kalshi", size, price, rate, earlier) == Decimal("1.75")
    assert _in_sql("polymarket", size, price, rate, None) is None
    assert _in_sql("polymarket", size, price, Decimal(0), None) == 0
    assert _in_sql("polymarket", size, price, rate, '{"exponent": 3}') is None
    assert _in_sql("other", size, price, rate, None) is None


@pytest.mark.parametrize(("contracts", "price", "exponent"), [("-1", "0.5", 1), ("1", "1.1", 1), ("1", "0.5", 3)])
def test_there_is_no_fee_of_an_impossible_fill(contracts: str, price: str, exponent: int) -> None:
    fees = venue_of("kalshi").fees
    assert fees is not None
    with pytest.raises(ValueError, match="no fee for"):
        fees.of(Decimal(contracts), Decimal(price), Decimal("0.07"), exponent)


@pytest.mark.parametrize(
    ("venue", "kind", "rate"),
    [
        ("kalshi", "quadratic", Decimal("0.035")),
        ("kalshi", "quadratic_with_maker_fees", Decimal("0.035")),
        ("kalshi", "flat", None),
        ("kalshi", None, None),
        ("polymarket", "sports_fees_v2", Decimal("0.04")),
    ],
)
def test_the_rate_is_the_served_one_unless_the_venue_has_base_rates(
    venue: str, kind: str | None, rate: Decimal | None
) -> None:
    with connect() as connection:
        query = "SELECT taker_fee_rate($venue, $kind, 0.5, 0.04)"
        assert connection.execute(query, {"venue": venue, "kind": kind}).fetchone() == (rate,)
