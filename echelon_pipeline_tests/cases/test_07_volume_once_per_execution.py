"""Volume counts once per execution: a file with the fills of makers and takers gives the taker's trade only."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from echelon_pipeline.ingest.bulk import ImportReport
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.imported import CASES, Row, home_in, load, needs_cases, rows_of, write_csv

CONDITION = f"0x{1:064x}"
FILLS = {
    "instrument": "conditionId",
    "event_at": "timestamp",
    "price": "price",
    "size": "size",
    "side": "side",
    "transaction_hash": "transactionHash",
    "trader": "maker",
}
SIDED = FILLS | {"counterparty": "taker"}
ALONE = "role: the maker's side of an execution whose taker's row the file does not hold"
GENERATORS = "duplicate: the maker's side of an execution, which the taker's row counts"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


def fill(maker: str, taker: str, size: str, side: str, *, tx: str = "0xaa", price: str = "0.40", **more: str) -> Row:
    row = {"maker": maker, "taker": taker, "size": size, "side": side, "transactionHash": tx, "price": price}
    return row | {"conditionId": CONDITION, "timestamp": "2026-03-01T00:00:00Z"} | more


EXECUTION = [
    fill("0xmaker1", "0xtaker", "6", "SELL"),
    fill("0xmaker2", "0xtaker", "4", "SELL"),
    fill("0xtaker", "0xexchange", "10", "BUY"),
]


def fills(home: Settings, folder: Path, rows: Sequence[Row], mapping: Row) -> ImportReport:
    return load(home, write_csv(folder / "fills.csv", rows), "trades", mapping, "polymarket")


def held(home: Settings) -> list[tuple[str, Decimal, Decimal]]:
    return [(r["trader"], r["size"], r["taker_notional_usd"]) for r in rows_of(home, "core.trades")]


@needs_cases
def test_the_given_file_is_ten_contracts_and_four_dollars(home: Settings) -> None:
    report = load(home, CASES / "07-fills-of-both-sides.csv", "trades", SIDED, "polymarket")
    assert (report.reasons, report.rows_committed) == ({GENERATORS: 2}, 1)
    assert held(home) == [("0xtaker", Decimal(10), Decimal(4))]


def test_the_taker_is_the_counterparty_of_the_makers(home: Settings, tmp_path: Path) -> None:
    report = fills(home, tmp_path, EXECUTION, SIDED)
    assert (report.reasons, report.notes) == ({GENERATORS: 2}, ())
    assert held(home) == [("0xtaker", Decimal(10), Decimal(4))]


def test_rows_that_add_up_to_each_other_are_not_added_and_the_transaction_is_named(
    home: Settings, tmp_path: Path
) -> None:
    other = fill("0xz", "0xexchange", "7", "BUY", tx="0xbb")
    report = fills(home, tmp_path, [*EXECUTION, other], FILLS)
    assert (report.rows_committed, report.dead_letters) == (1, 3)
    assert report.notes == ("1 transaction has rows that are sums of other rows and are not loaded; the first is 0xaa",)
    assert held(home) == [("0xz", Decimal(7), Decimal("2.8"))]


def test_a_column_of_roles_says_the_taker(home: Settings, tmp_path: Path) -> None:
    roles = [row | {"role": role} for row, role in zip(EXECUTION, ("maker", "MAKER", "Taker"), strict=True)]
    report = fills(home, tmp_path, roles, FILLS | {"role": "role"})
    assert report.reasons == {GENERATORS: 2}
    assert held(home) == [("0xtaker", Decimal(10), Decimal(4))]


def test_a_makers_row_without_the_takers_and_an_unknown_role_are_dead_letters(home: Settings, tmp_path: Path) -> None:
    rows = [fill("0xm", "0xt", "6", "SELL", role="maker"), fill("0xm", "0xt", "6", "SELL", tx="0xbb", role="both")]
    report = fills(home, tmp_path, rows, FILLS | {"role": "role"})
    assert report.reasons == {
        "role: role is not maker or taker": 1,
        ALONE: 1,
    }


def test_makers_rows_of_a_taker_who_is_not_in_the_file_are_no_volume(home: Settings, tmp_path: Path) -> None:
    """The exchange is who stands beside takers elsewhere in the file."""
    rows = [*EXECUTION, fill("0xm1", "0xgone", "6", "SELL", tx="0xbb"), fill("0xm2", "0xgone", "4", "SELL", tx="0xbb")]
    report = fills(home, tmp_path, rows, SIDED)
    assert report.reasons == {GENERATORS: 2, ALONE: 2}
    assert held(home) == [("0xtaker", Decimal(10), Decimal(4))]
    list(Refresh(home).run(["mart.trade_volume"]))
    assert [(r["contracts"], r["trades"], r["is_complete"]) for r in rows_of(home, "mart.trade_volume")] == [
        (Decimal(10), 1, False)
    ]


@pytest.mark.parametrize(
    ("counterparty", "committed"),
    [
        ("0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E", 1),
        ("0xE111180000d2663C0091e4f400237545B87B996B", 1),
        ("0xgone", 0),
    ],
)
def test_a_lone_row_is_a_takers_where_its_counterparty_is_the_venues_contract(
    home: Settings, tmp_path: Path, counterparty: str, committed: int
) -> None:
    report = fills(home, tmp_path, [fill("0xt", counterparty, "6", "SELL")], SIDED)
    assert (report.rows_committed, report.dead_letters) == (committed, 1 - committed)


def test_a_makers_row_without_a_transaction_has_no_takers_row(home: Settings, tmp_path: Path) -> None:
    rows = [fill("0xm", "", "6", "SELL", tx="", role="maker"), fill("0xt", "", "7", "BUY", tx="", role="taker")]
    report = fills(home, tmp_path, rows, FILLS | {"role": "role"})
    assert (report.reasons, report.rows_committed) == ({ALONE: 1}, 1)


def test_said_to_be_takers_all_rows_count(home: Settings, tmp_path: Path) -> None:
    report = fills(home, tmp_path, EXECUTION, FILLS | {"role": "=taker"})
    assert (report.rows_committed, report.notes) == (3, ())


def test_a_match_against_the_opposite_outcome_counts_once(home: Settings, tmp_path: Path) -> None:
    """Buyers of both outcomes are matched by minting: the taker's 10 of yes are 6 sold and 4 bought of no."""
    rows = [
        fill("0xm1", "0xt", "6", "SELL", outcome="Yes"),
        fill("0xm2", "0xt", "4", "BUY", price="0.60", outcome="No"),
        fill("0xt", "0xe", "10", "BUY", outcome="Yes"),
    ]
    assert fills(home, tmp_path, rows, SIDED).reasons == {GENERATORS: 2}
    assert fills(home_in(tmp_path / "b"), tmp_path, rows, FILLS).dead_letters == 3


def test_a_trader_matched_with_himself_counts_once(home: Settings, tmp_path: Path) -> None:
    rows = [fill("0xa", "0xa", "5", "SELL"), fill("0xa", "0xe", "5", "BUY")]
    assert fills(home, tmp_path, rows, SIDED).reasons == {GENERATORS: 1}
    assert held(home) == [("0xa", Decimal(5), Decimal(2))]


def test_counterparties_that_name_each_other_decide_nothing(home: Settings, tmp_path: Path) -> None:
    rows = [fill("0xa", "0xb", "5", "SELL"), fill("0xb", "0xa", "5", "BUY")]
    assert fills(home, tmp_path, rows, SIDED).dead_letters == 2


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([fill("0xt", "", "5", "BUY"), fill("0xt", "", "5", "BUY")], id="one trader's identical prints"),
        pytest.param([fill("0xt", "", "5", "BUY"), fill("0xu", "", "4", "SELL")], id="sizes that do not add up"),
        pytest.param([fill("0xt", "", "5", "BUY"), fill("0xu", "", "5", "BUY", tx="0xbb")], id="two transactions"),
        pytest.param([fill("0xt", "", "5", "BUY"), fill("0xu", "", "5", "SELL", conditionId="0x2")], id="two markets"),
        pytest.param([fill("0xt", "", "5", "BUY"), fill("0xu", "", "5", "SELL", transactionHash="")], id="no hash"),
    ],
)
def test_takers_of_their_own_are_all_counted(home: Settings, tmp_path: Path, rows: list[Row]) -> None:
    report = fills(home, tmp_path, rows, FILLS)
    assert (report.rows_committed, report.notes) == (2, ())


def test_takers_of_one_outcome_on_one_side_are_two_executions(home: Settings, tmp_path: Path) -> None:
    rows = [fill("0xt", "", "5", "BUY", token="11"), fill("0xu", "", "5", "BUY", token="11")]
    assert fills(home, tmp_path, rows, FILLS | {"token_id": "token"}).rows_committed == 2


def test_importing_both_sides_again_adds_nothing(home: Settings, tmp_path: Path) -> None:
    first, again = fills(home, tmp_path, EXECUTION, SIDED), fills(home, tmp_path, EXECUTION, SIDED)
    assert (again.rows_new, again.reasons, again.rows_committed) == (0, first.reasons, 1)
