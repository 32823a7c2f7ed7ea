"""What taking a size costs: by hand, on recorded ladders, and against plain Python."""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.registry import venue_of
from echelon_pipeline_tests.book_rows import BOOK, Ladder, at, book, unknown
from echelon_pipeline_tests.rows import Row, arrow, row

POLY = "polymarket:0x1"
NEEDED = ("unknown_instrument", "book_at", "cost_of")


def version(instrument: str, seconds: float, rate: str | None, schedule: str | None = None) -> Row:
    """An instrument's attributes from that second on."""
    fees = {"fee_rate": None if rate is None else Decimal(rate), "fee_schedule": schedule}
    made = {"instrument_id": instrument, "venue": instrument.partition(":")[0], "status": "active"}
    return row("core.instrument_history", **made, valid_from=at(seconds), **fees)


FEES = (version(BOOK, 0, "0.07"), version(POLY, 0, "0.05", '{"exponent": 1}'))


@contextmanager
def books(*rows: Row, fees: Sequence[Row] = FEES) -> Iterator[duckdb.DuckDBPyConnection]:
    given_rows = {
        "core.book_snapshots": rows,
        "core.instrument_history": fees,
        "core.instruments": [row("core.instruments", instrument_id=i) for i in (BOOK, POLY)],
    }
    with _database().cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, of_it in given_rows.items():
            connection.register("given_rows", arrow(name, of_it))
            connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM given_rows").fetchall()
        yield connection


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One for all tests of a process: opening one costs more than a question to a few rows."""
    opened = ExitStack()
    connection = opened.enter_context(connect(private=True))
    atexit.register(opened.close)
    connection.execute("CREATE SCHEMA core; CREATE SCHEMA internal")
    for name in ("core.book_snapshots", "core.instrument_history", "core.instruments"):
        connection.register("nothing", arrow(name, []))
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM nothing").fetchall()
    for name in NEEDED:
        connection.execute(statement(f"functions/{name}").text)
    return connection


def cost(connection: duckdb.DuckDBPyConnection, contracts: Any, side: Any, seconds: float = 5, **more: Any) -> Row:
    """``more``: outcome; the instrument ``of``."""
    query = f"FROM core.cost_of($of, $t, $contracts, $side, outcome := {more.get('outcome', 0)})"
    values = {"of": more.get("of", BOOK), "t": at(seconds), "contracts": contracts, "side": side}
    found = connection.execute(query, values)
    (only,) = found.fetchall()
    return dict(zip([column[0] for column in found.description or ()], only, strict=True))


def figures(found: Row) -> tuple[Any, ...]:
    return tuple(found[c] for c in ("levels", "average_price", "notional_usd", "fee_usd", "total_usd", "over_mid_usd"))


def test_a_size_is_taken_level_by_level_from_the_best() -> None:
    with books(book(0, 60)) as connection:  # asks: 50 at 0.42, 500 at 0.45
        found = cost(connection, 100, "buy")
    assert (found["best_price"], found["worst_price"]) == (Decimal("0.42"), Decimal("0.45"))
    fee = Decimal("0.8526") + Decimal("0.8663")  # one fill per level, each rounded up to 0.0001
    assert figures(found) == (2, Decimal("0.435"), Decimal("43.5"), fee, Decimal("43.5") + fee, Decimal("2.5"))
    assert (found["state"], found["missing_contracts"], found["missing_reason"]) == ("live", 0, None)


def test_a_sale_brings_the_bids_less_the_fee() -> None:
    with books(book(0, 60)) as connection:  # bids: 100 at 0.40, 200 at 0.39
        found = cost(connection, Decimal("250.5"), "sell")
    assert found["notional_usd"] == Decimal("98.695")
    assert found["total_usd"] == Decimal("98.695") - found["fee_usd"]
    assert found["over_mid_usd"] == Decimal("250.5") * Decimal("0.41") - Decimal("98.695")


def test_outcome_1_is_bought_from_the_bids_of_outcome_0_at_the_complement() -> None:
    with books(book(0, 60)) as connection:
        bought, sold = cost(connection, 100, "buy", outcome=1), cost(connection, 50, "sell", outcome=1)
    assert (bought["average_price"], bought["notional_usd"], bought["mid"]) == (Decimal("0.6"), 60, Decimal("0.59"))
    assert (sold["average_price"], sold["notional_usd"]) == (Decimal("0.58"), 29)


KALSHI_ASKS: Ladder = (("0.31", 120), ("0.32", 80), ("0.34", 400))
POLYMARKET_ASKS: Ladder = (("0.63", 150), ("0.64", 50), ("0.67", 1000))


@pytest.mark.parametrize(
    ("contracts", "notional", "fees"),
    [(100, "94", "2.66280"), (200, "189.3", "5.33965"), (250, "239.8", "6.67780"), (600, "593.3", "16.04485")],
)
def test_both_legs_of_a_pair_cost_what_was_computed_by_hand(contracts: int, notional: str, fees: str) -> None:
    one = book(0, 60, bids=[("0.01", 1)], asks=KALSHI_ASKS)
    other = book(0, 60, bids=[("0.01", 1)], asks=POLYMARKET_ASKS, instrument_id=POLY)
    with books(one, other) as connection:
        legs = [cost(connection, contracts, "buy", of=instrument) for instrument in (BOOK, POLY)]
    assert sum(leg["notional_usd"] for leg in legs) == Decimal(notional)
    assert sum(leg["fee_usd"] for leg in legs) == Decimal(fees)


def test_the_cost_of_a_recorded_book_is_exact() -> None:
    asks: Ladder = [("0.981", "16976.73"), ("0.982", 5000)]
    with books(book(0, 60, bids=[], asks=asks, instrument_id=POLY)) as connection:
        found = cost(connection, 20_000, "buy", of=POLY)
    assert (found["notional_usd"], found["fee_usd"]) == (Decimal("19623.02327"), Decimal("18.49343"))


@pytest.mark.parametrize(("levels", "reason"), [(2, "too_thin"), (30, "beyond_levels")])
def test_too_little_depth_is_a_shortfall_and_never_a_price(levels: int, reason: str) -> None:
    with books(book(0, 60, ask_levels=levels)) as connection:
        found = cost(connection, 600, "buy")
    assert (found["filled_contracts"], found["missing_contracts"], found["missing_reason"]) == (550, 50, reason)
    assert figures(found)[1:] == (None,) * 5


def test_an_unknown_book_has_no_cost_and_a_stale_one_says_so() -> None:
    with books(unknown(0, 10), book(10, 20, state="stale"), book(20, 30, asks=[])) as connection:
        lost, stale, empty, outside = (cost(connection, 10, "buy", s) for s in (5, 15, 25, 35))
    for found, reason in ((lost, "disconnect"), (outside, "not_recorded")):
        assert (found["state"], found["reason"], found["missing_reason"]) == ("unknown", reason, "no_book")
        assert figures(found) == (None,) * 6
    assert (stale["state"], stale["notional_usd"]) == ("stale", Decimal("4.2"))
    assert (empty["filled_contracts"], empty["missing_contracts"], empty["missing_reason"]) == (
        0,
        10,
        "too_thin",
    )


def test_fees_follow_the_schedule_known_then_and_a_later_one_only_if_it_is_the_first_and_marked() -> None:
    fees = [version(BOOK, 10, "0.07"), version(BOOK, 20, "0.035"), version(BOOK, 30, None)]
    with books(book(0, 60), fees=fees) as connection:
        found = [cost(connection, 10, "buy", s) for s in (5, 10, 25, 35)]
    assert [r["fee_usd"] for r in found] == [Decimal("0.1706"), Decimal("0.1706"), Decimal("0.0853"), None]
    assert [r["fee_known_at"] for r in found] == [at(10), at(10), at(20), at(30)]
    assert [r["fee_reason"] for r in found] == [
        "the first known fee schedule is of a later time",
        None,
        None,
        "no fee schedule is known",
    ]
    assert [r["total_usd"] is None for r in found] == [False, False, False, True]
    assert {r["notional_usd"] for r in found} == {Decimal("4.2")}


@pytest.mark.parametrize(
    ("contracts", "side", "outcome", "message"),
    [
        (0, "buy", 0, "contracts is 0"),
        (-1, "buy", 0, "contracts is -1"),
        (None, "buy", 0, "contracts is NULL"),
        (10**12, "buy", 0, "contracts is 1000000000000"),
        (1, "hold", 0, "side is hold; buy or sell"),
        (1, None, 0, "side is NULL"),
        (1, "buy", 2, "outcome is 2; 0 or 1"),
    ],
)
def test_an_impossible_question_is_an_error(contracts: Any, side: Any, outcome: int, message: str) -> None:
    with books(book(0, 60)) as connection, pytest.raises(duckdb.InvalidInputException, match=message):
        cost(connection, contracts, side, outcome=outcome)


def test_an_unknown_instrument_is_an_error() -> None:
    with books(book(0, 60)) as connection, pytest.raises(duckdb.InvalidInputException, match="no instrument kalshi:Z"):
        connection.execute("SELECT total_usd FROM core.cost_of('kalshi:Z', $t, 1, 'buy')", {"t": at(5)}).fetchall()


def _walk(levels: Ladder, contracts: Decimal) -> Iterator[tuple[Decimal, Decimal]]:
    """(size, price) of each fill."""
    for price, size in levels:
        taken = min(contracts, Decimal(size))
        contracts -= taken
        if taken > 0:
            yield taken, Decimal(price)


@settings(max_examples=20, deadline=None)
@given(
    prices=st.lists(st.integers(1, 999), min_size=1, max_size=25, unique=True),
    sizes=st.lists(st.decimals("0.01", "100000", places=2), min_size=25, max_size=25),
    contracts=st.decimals("0.01", "1000000", places=2),
    instrument=st.sampled_from([BOOK, POLY]),
)
def test_a_walk_equals_plain_python(
    prices: list[int], sizes: list[Decimal], contracts: Decimal, instrument: str
) -> None:
    asks = [(str(Decimal(p) / 1000), str(s)) for p, s in zip(sorted(prices), sizes, strict=False)]
    with books(book(0, 60, bids=[], asks=asks, instrument_id=instrument)) as connection:
        found = cost(connection, contracts, "buy", of=instrument)
    fills = list(_walk(asks, contracts))
    filled = sum((s for s, _ in fills), Decimal(0))
    assert (found["filled_contracts"], found["missing_contracts"]) == (filled, contracts - filled)
    fees = venue_of(instrument.partition(":")[0]).fees
    assert fees is not None
    if filled == contracts:
        notional = sum(((s * p).quantize(Decimal("0.000001")) for s, p in fills), Decimal(0))
        fee = sum(fees.of(s, p, Decimal("0.07" if instrument == BOOK else "0.05")) for s, p in fills)
        assert (found["notional_usd"], found["fee_usd"], found["total_usd"]) == (notional, fee, notional + fee)
        exact = sum(((s * p) for s, p in fills), Decimal(0)) / filled
        assert abs(found["average_price"] - exact) <= Decimal("5e-13")
    else:
        assert found["notional_usd"] is found["fee_usd"] is found["average_price"] is None
