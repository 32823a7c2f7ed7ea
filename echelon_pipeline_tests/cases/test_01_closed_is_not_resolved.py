"""A closed market is settled by a word of resolution or by payouts of the source that has them, never by its prices."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Session
from echelon_pipeline_tests.cases.files import inputs
from echelon_pipeline_tests.served_polymarket import Home, Polymarket, condition, market, rows, served, trade

FIRST, SECOND = "2026-11-21T12:00:00+00:00", "2026-12-03T12:00:00+00:00"
DAYS = [date(2026, 11, 20), date(2026, 11, 21)]
CLOSED = {"closed": True, "acceptingOrders": False, "closedTime": "2026-11-20 21:00:00+00"}
RESOLVED = {**CLOSED, "umaResolutionStatus": "resolved"}
SETTLED = "status, settled_at IS NOT NULL"
MARTS = ("mart.calibration", "mart.market_overview")
PAID = "source, status, result, payout_0, payout_1, resolved_at IS NOT NULL, unresolved_reason"


def of(number: int) -> str:
    return f"instrument_id = 'polymarket:{condition(number)}'"


def mart(session: Session, number: int) -> tuple[set[Decimal | None], Any]:
    """Outcomes of calibration, and the overview's payout."""
    outcomes = {r[0] for r in rows(session, "mart.calibration", "outcome", of(number))}
    [(payout,)] = rows(session, "mart.market_overview", "payout_0", of(number))
    return outcomes, payout


def resolution(number: int, status: str, payouts: list[int] | None = None) -> dict[str, Any]:
    return {
        "condition_id": condition(number),
        "status": status,
        "payouts": payouts,
        "price": "69",
        "was_disputed": False,
        "resolved_at": 1795208400 if payouts else None,
        "last_update_timestamp": 1795208400,
    }


def made() -> dict[str, Any]:
    """The same in the shape of the case's file."""
    steps = '["proposed"]'
    return {
        "first_poll": {
            "markets": [
                market(5, **CLOSED, outcomePrices='["0.63","0.37"]'),
                market(7, **CLOSED, outcomePrices='["0.9985","0.0015"]', umaResolutionStatuses=steps),
                market(10, **RESOLVED, outcomePrices='["0.5","0.5"]'),
            ],
            "resolutions": [resolution(7, "proposed")],
        },
        "second_poll": {
            "markets": [
                market(5, **RESOLVED, outcomePrices='["1","0"]'),
                market(7, **RESOLVED, outcomePrices='["0","1"]'),
            ]
        },
        "trades": [
            trade(n, f"{n}11", "2026-11-20T19:50:00", price, 10) for n, price in ((5, 0.62), (7, 0.99), (10, 0.5))
        ],
    }


@pytest.mark.parametrize("case", inputs(made, "01-closed-before-final.json"))
def test_what_is_not_final_is_asked_about_until_it_is(tmp_path: Path, case: Any) -> None:
    told = case()
    with served(Polymarket(markets=told["first_poll"]["markets"], trades=told["trades"])) as venue:
        venue.resolutions = told["first_poll"]["resolutions"]
        home = Home(tmp_path, venue)
        first = home.ingest(FIRST, DAYS)
        home.refresh(first, *MARTS)
        assert rows(first, "core.instruments", SETTLED, of(5)) == [("closed", False)]
        assert rows(first, "core.instruments", SETTLED, of(7)) == [("determined", False)]
        assert rows(first, "core.instruments", SETTLED, of(10)) == [("settled", True)]
        reason = 'closed without a word of resolution, prices ["0.63","0.37"]'
        assert rows(first, "core.resolutions", PAID, of(5)) == [
            ("gamma", "unresolved", None, None, None, False, reason)
        ]
        assert rows(first, "core.resolutions", PAID, of(7)) == [
            ("data_v2", "determined", None, None, None, False, "status: proposed"),
            ("gamma", "determined", None, None, None, False, "UMA: proposed"),
        ]
        assert [mart(first, n) for n in (5, 7, 10)] == [
            ({None}, None),
            (set(), None),
            ({Decimal("0.5")}, Decimal("0.5")),
        ]

        venue.markets = told["second_poll"]["markets"] + told["first_poll"]["markets"][2:]
        venue.lists_closed, venue.asked, venue.resolutions = False, [], []
        second = home.ingest(SECOND)
        home.refresh(second, *MARTS)
        assert [i for where, i in venue.asked if where == "markets"] == [condition(5), condition(7)]
        for number, result, payout in ((5, "Yes", Decimal(1)), (7, "No", Decimal(0))):
            assert rows(second, "core.instruments", SETTLED, of(number)) == [("settled", True)]
            told_by_gamma = f"{of(number)} AND source = 'gamma'"
            assert rows(second, "core.resolutions", "result, payout_0, payout_1", told_by_gamma) == [
                (result, payout, 1 - payout)
            ]
            assert mart(second, number) == ({payout}, payout)


def test_a_dispute_is_asked_about_for_a_year(tmp_path: Path) -> None:
    with served(Polymarket(markets=[market(1, **CLOSED, umaResolutionStatus="disputed")])) as venue:
        venue.resolutions = [resolution(1, "disputed")]
        home = Home(tmp_path, venue)
        home.ingest(FIRST)
        venue.lists_closed = False
        for at in ("2026-12-31T12:00:00+00:00", "2027-06-01T12:00:00+00:00", "2027-11-21T12:00:00+00:00"):
            venue.asked = []
            home.ingest(at)
            assert {("markets", condition(1)), ("resolutions", condition(1))} <= set(venue.asked)
        venue.resolutions = [resolution(1, "resolved", [1_000_000, 0])]
        venue.markets = [market(1, **RESOLVED, outcomePrices='["1","0"]')]
        session = home.ingest("2027-11-22T12:00:00+00:00")
        assert rows(session, "core.instruments", "status, is_disputed") == [("settled", False)]
        venue.asked = []
        home.ingest("2027-11-23T12:00:00+00:00")
        assert [a for a in venue.asked if a[0] != "trades"] == []


def test_payouts_of_the_source_that_has_them_settle_what_gamma_never_names_resolved(tmp_path: Path) -> None:
    """Also where the listing serves the same bytes as before, which are not stored again."""
    with served(Polymarket(markets=[market(1, **CLOSED, outcomePrices='["1","0"]')])) as venue:
        home = Home(tmp_path, venue)
        assert rows(home.ingest(FIRST), "core.instruments", SETTLED) == [("closed", False)]
        venue.resolutions = [resolution(1, "resolved", [1_000_000, 0])]
        session = home.ingest("2026-11-22T12:00:00+00:00")
        home.refresh(session, *MARTS)
        resolved_at = datetime.fromtimestamp(1795208400, UTC)
        assert rows(session, "core.instruments", "status, settled_at") == [("settled", resolved_at)]
        assert rows(session, "core.instrument_history", "status") == [("closed",), ("settled",)]
        assert mart(session, 1) == ({Decimal(1)}, Decimal(1))
        venue.asked = []
        home.ingest("2026-11-23T12:00:00+00:00")
        assert [a for a in venue.asked if a[0] != "trades"] == []
        again = home.session("2026-11-23T13:00:00+00:00")
        main.derive(again, "polymarket", again=True)
        assert rows(again, "core.instruments", "status") == [("settled",)]


def test_a_final_word_and_a_proposal_do_not_agree(tmp_path: Path) -> None:
    with served(Polymarket(markets=[market(1, **RESOLVED, outcomePrices='["1","0"]')])) as venue:
        venue.resolutions = [resolution(1, "proposed")]
        home = Home(tmp_path, venue)
        session = home.ingest(FIRST, DAYS)
        home.refresh(session, *MARTS)
        assert rows(session, "core.instruments", SETTLED) == [("determined", False)]
        assert mart(session, 1) == ({None}, None)
        [(flags,)] = rows(session, "mart.market_overview", "quality_flags")
        assert "payouts_disagree" in flags
        venue.resolutions, venue.asked = [resolution(1, "resolved", [1_000_000, 0])], []
        later = home.ingest("2027-06-01T12:00:00+00:00")
        home.refresh(later, *MARTS)
        assert ("resolutions", condition(1)) in venue.asked
        assert rows(later, "core.instruments", SETTLED) == [("settled", True)]
        assert mart(later, 1) == ({Decimal(1)}, Decimal(1))


def test_the_word_that_came_last_counts(tmp_path: Path) -> None:
    """A final word supersedes a proposal that was read before it; a dispute after it opens the market again."""
    with served(Polymarket(markets=[market(1, **CLOSED, umaResolutionStatus="proposed")])) as venue:
        venue.resolutions = [resolution(1, "proposed")]
        home = Home(tmp_path, venue)
        home.ingest(FIRST)
        venue.markets = [market(1, **RESOLVED, outcomePrices='["1","0"]')]
        assert rows(home.ingest(SECOND), "core.instruments", SETTLED) == [("settled", True)]
        venue.resolutions = [resolution(1, "disputed")]
        disputed = home.ingest("2026-12-04T12:00:00+00:00")
        assert rows(disputed, "core.instruments", SETTLED) == [("determined", False)]
        venue.resolutions = [resolution(1, "resolved", [1_000_000, 0])]
        last = home.ingest("2027-12-04T12:00:00+00:00")
        assert rows(last, "core.instruments", SETTLED) == [("settled", True)]
        statuses = [status for _, status in rows(last, "core.instrument_history", "valid_from, status")]
        assert statuses == ["determined", "settled", "determined", "settled"]


def test_payouts_that_differ_leave_a_market_open_and_asked_about(tmp_path: Path) -> None:
    with served(Polymarket(markets=[market(1, **RESOLVED, outcomePrices='["1","0"]')])) as venue:
        venue.resolutions = [resolution(1, "resolved", [0, 1_000_000])]
        home = Home(tmp_path, venue)
        assert rows(home.ingest(FIRST), "core.instruments", SETTLED) == [("determined", False)]
        venue.asked, venue.lists_closed = [], False
        venue.resolutions = [resolution(1, "resolved", [1_000_000, 0])]
        assert rows(home.ingest(SECOND), "core.instruments", SETTLED) == [("settled", True)]
        assert {a for a in venue.asked if a[0] != "trades"} == {
            ("markets", condition(1)),
            ("resolutions", condition(1)),
        }
