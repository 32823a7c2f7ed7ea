"""Macros with a fast path give the same results as their slow path.

Belongs here: numbers and times. The meaning of payloads is tested with their statements.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from echelon_pipeline.sqltools.duck import connect

MICRO = Decimal("0.000001")
WIDE = Context(prec=50, rounding=ROUND_HALF_UP)


def shares(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


PRICES = st.one_of(shares("0", "1", 4), shares("0", "1", 6), shares("0", "1", 12))
SIZES = st.one_of(shares("0", "500", 2), shares("0", "31000000", 6), shares("0", "999999999999", 6))


@given(st.lists(st.tuples(PRICES, SIZES), min_size=1, max_size=40))
@example([(Decimal("0.999999"), Decimal(999999)), (Decimal(1), Decimal("999999.000001"))])
@example([(Decimal("0.5"), Decimal("0.000001")), (Decimal("0.49"), Decimal("0.000001"))])
@example([(Decimal("0.999"), Decimal("31000000.123456")), (Decimal(1), Decimal(999999999999))])
def test_a_notional_is_exact_and_rounded_once(pairs: list[tuple[Decimal, Decimal]]) -> None:
    with connect() as connection:
        query = "SELECT notional(CAST($p AS DECIMAL(18, 12)), CAST($s AS DECIMAL(18, 6)))"
        found = [connection.execute(query, {"p": str(p), "s": str(s)}).fetchone() for p, s in pairs]
    assert found == [(WIDE.quantize(WIDE.multiply(p, s), MICRO),) for p, s in pairs]


@pytest.mark.parametrize(
    "text", ["0.4300", "-0.5", "999999.9999999999994", "0.0000000000005", "7", "1e3", "", " 1", ".5"]
)
def test_as_small_number_equals_as_number_below_a_million(text: str) -> None:
    with connect() as connection:
        row = connection.execute("SELECT as_small_number($t), as_number($t)", {"t": text}).fetchone()
    assert row is not None
    assert row[0] == row[1]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (".48", "0.48"),
        ("0.48", "0.48"),
        ("-.5", "-0.5"),
        ("1.", "1"),
        ("1.50", "1.5"),
        ("4.8e-1", "0.48"),
        ("1E-3", "0.001"),
        ("1e+2", "100"),
        ("999999999999.999999999999", "999999999999.999999999999"),
        *(
            (text, None)
            for text in ("", ".", "-", "e5", "1e", "+1", "1,5", " 1", "1_000", "NaN", "1e400", "1e12", "0x1")
        ),
        ("\u0663", None),
    ],
)
def test_a_decimal_is_read_in_every_legal_spelling(text: str, number: str | None) -> None:
    with connect() as connection:
        row = connection.execute("SELECT as_number($t)", {"t": text}).fetchone()
    assert row == (None if number is None else Decimal(number),)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20T12:00:00.25Z", "2026-11-20 12:00:00.25+00"),
        ("2026-11-20T12:00:00+02:00", "2026-11-20 10:00:00+00"),
        ("2026-11-20T12:00:00", "2026-11-20 12:00:00+00"),
        ("2026-11-20", "2026-11-20 00:00:00+00"),
        ("0001-01-01T00:00:00Z", None),
        ("Z", None),
        ("2026-13-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_a_time_is_utc_with_every_suffix(text: str, utc: str | None) -> None:
    with connect() as connection:
        row = connection.execute("SELECT CAST(as_time($t) AS VARCHAR)", {"t": text}).fetchone()
    assert row == (utc,)


@pytest.mark.parametrize(
    ("text", "whole"),
    [("NULL", None), ("3", 3), ("-3", -3), ("1e30::HUGEINT", 2**63 - 1), ("-1e30::HUGEINT", 1 - 2**63)],
)
def test_a_whole_number_is_limited_to_64_bits_and_an_unknown_one_stays_unknown(text: str, whole: int | None) -> None:
    with connect() as connection:
        assert connection.execute(f"SELECT as_whole({text})").fetchall() == [(whole,)]
