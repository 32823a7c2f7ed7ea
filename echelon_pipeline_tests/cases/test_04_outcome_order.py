"""A token's outcome never changes, in whatever order the venue lists the outcomes later."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline_tests.cases.files import inputs
from echelon_pipeline_tests.polymarket_payloads import parse
from echelon_pipeline_tests.served_polymarket import Home, Polymarket, condition, market, rows, served, trade

FIRST, SECOND = "2026-11-21T12:00:00+00:00", "2026-11-24T12:00:00+00:00"
ID = f"polymarket:{condition(1)}"
TURNED = {"outcomes": '["No","Yes"]', "clobTokenIds": '["112","111"]', "outcomePrices": '["0.55","0.45"]'}
ORDER = "outcome_index, token_id, label, is_affirmative"
STABLE = [(0, "111", "Yes", True), (1, "112", "No", False)]


def made() -> dict[str, Any]:
    return {
        "first_poll": {"market": market(1)},
        "second_poll": {"market": market(1, **TURNED)},
        "trades": [
            trade(1, "111", "2026-11-20T10:00:00", 0.4, 10),
            trade(1, "112", "2026-11-20T10:05:00", 0.6, 20),
            trade(1, "111", "2026-11-23T13:30:00", 0.46, 30),
        ],
    }


@pytest.mark.parametrize("case", inputs(made, "04-outcome-order-changes.json"))
def test_a_token_means_the_same_on_the_days_before_and_after_the_order_changed(tmp_path: Path, case: Any) -> None:
    told = case()
    with served(Polymarket(markets=[told["first_poll"]["market"]], trades=told["trades"])) as venue:
        venue.events = [{"id": "1", "title": "Event 1", "closed": False, "markets": venue.markets}]
        home = Home(tmp_path, venue)
        home.ingest(FIRST, [date(2026, 11, 20), date(2026, 11, 21)])
        venue.events[0]["markets"] = venue.markets = [told["second_poll"]["market"]]
        session = home.ingest(SECOND, [date(2026, 11, 23), date(2026, 11, 24)])
        for again in (False, True):
            main.derive(session, "polymarket", again=again)
            assert rows(session, "core.outcomes", ORDER) == STABLE
        prints = rows(session, "core.trades", "token_id, outcome_index, price_0, taker_direction, size")
        assert prints == [
            ("111", 0, Decimal("0.4"), 1, Decimal(10)),
            ("111", 0, Decimal("0.46"), 1, Decimal(30)),
            ("112", 1, Decimal("0.4"), -1, Decimal(20)),
        ]
        trades, outcomes = (session.lake.scan(name) for name in ("core.trades", "core.outcomes"))
        with session.duck() as connection:
            labels = connection.execute(
                f"SELECT DISTINCT t.token_id, o.label FROM ({trades}) t "
                f"JOIN ({outcomes}) o USING (instrument_id, outcome_index) ORDER BY 1"
            ).fetchall()
        assert labels == [("111", "Yes"), ("112", "No")]
        closes = rows(session, "core.daily_prices", "date, close", "price_source = 'trades'")
        assert [close for _, close in closes] == [Decimal("0.4"), Decimal("0.46")]
        references = rows(session, "core.instrument_history", "valid_from, external_ref ->> '$.served_tokens'")
        assert [tokens for _, tokens in references] == [None, '["112","111"]']
        home.refresh(session, "mart.market_overview", "mart.price_trends")
        [(flags,)] = rows(session, "mart.market_overview", "quality_flags")
        assert "outcomes_reordered" in flags
        assert {r[0] for r in rows(session, "mart.price_trends", "priced_outcome")} == {"Yes"}


def parsed(known: list[Any], **changed: Any) -> Any:
    return parse("markets", [market(1, **changed)], known).rows


KNOWN = [("111", ID, 0, "Yes"), ("112", ID, 1, "No")]
UNNAMED = [(None, ID, 0, "Yes"), (None, ID, 1, "No")]


@pytest.mark.parametrize(
    ("known", "changed", "tokens"),
    [
        ([], {}, ["111", "112"]),
        ([], TURNED, ["112", "111"]),
        (KNOWN, TURNED, ["111", "112"]),
        (KNOWN, TURNED | {"outcomes": '["Down","Up"]'}, ["111", "112"]),
        # Tokens that come later, or are left out later, go by their labels.
        (UNNAMED, TURNED, ["111", "112"]),
        (KNOWN, TURNED | {"clobTokenIds": None}, ["111", "112"]),
        # Tokens of another protocol version.
        (KNOWN, TURNED | {"clobTokenIds": '["212","211"]'}, ["211", "212"]),
        # Nothing is recognized: the order is all there is.
        (KNOWN, {"clobTokenIds": '["211","212"]', "outcomes": '["A","B"]'}, ["211", "212"]),
        ([("111", ID, 0, "Yes")], {"clobTokenIds": '["113","111"]', "outcomes": '["X","Yes"]'}, ["111", "113"]),
    ],
)
def test_a_known_token_keeps_its_index(known: list[Any], changed: dict[str, Any], tokens: list[str]) -> None:
    found = sorted(parsed(known, **changed)["core.outcomes"], key=lambda r: r["outcome_index"])
    assert [r["token_id"] for r in found] == tokens
    assert [r["outcome_index"] for r in found] == [0, 1]


def test_three_outcomes_keep_their_indexes_and_a_new_one_gets_the_next(tmp_path: Path) -> None:
    known = [("1", ID, 0, "A"), ("2", ID, 1, "B")]
    served_now = {"outcomes": '["C","B","A"]', "clobTokenIds": '["3","2","1"]', "outcomePrices": '["0.1","0.2","0.7"]'}
    found = parsed(known, **served_now)
    assert sorted((r["outcome_index"], r["token_id"], r["label"]) for r in found["core.outcomes"]) == [
        (0, "1", "A"),
        (1, "2", "B"),
        (2, "3", "C"),
    ]
    [quote] = found["core.instrument_quotes"]
    assert (quote["best_bid"], quote["best_ask"], quote["last_price"]) == (None, None, None)


def test_payouts_and_quotes_of_a_turned_record_are_those_of_the_outcomes_that_it_names() -> None:
    paid = TURNED | {"closed": True, "umaResolutionStatus": "resolved", "outcomePrices": '["0","1"]'}
    [resolution] = parsed(KNOWN, **paid)["core.resolutions"]
    said = ("result", "payout_0", "payout_1", "payout_text")
    assert [resolution[name] for name in said] == ["Yes", Decimal(1), Decimal(0), '["1","0"]']
    [quote] = parsed(KNOWN, **TURNED, bestBid=0.52, bestAsk=0.55, lastTradePrice=0.53)["core.instrument_quotes"]
    assert [quote[name] for name in ("best_bid", "best_ask", "last_price")] == [
        Decimal("0.45"),
        Decimal("0.48"),
        Decimal("0.47"),
    ]
    [quote] = parsed(KNOWN, **TURNED, bestBid=0, bestAsk=1, lastTradePrice=0)["core.instrument_quotes"]
    assert [quote[name] for name in ("best_bid", "best_ask", "last_price")] == [None, None, None]
