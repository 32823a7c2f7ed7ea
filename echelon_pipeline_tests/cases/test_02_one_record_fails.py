"""A record that the venue cannot serve costs the others nothing: its batch is halved, the record given up and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.errors import VenueDown, VenueUnavailable
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Counts
from echelon_pipeline_tests.cases.files import inputs
from echelon_pipeline_tests.served_polymarket import (
    Body,
    Home,
    Polymarket,
    Query,
    Refusal,
    condition,
    market,
    rows,
    served,
    trade,
)

FIRST, SECOND = "2026-11-21T12:00:00+00:00", "2026-12-03T12:00:00+00:00"
DAYS = [date(2026, 12, 2), date(2026, 12, 3)]
REFUSED = Refusal(500, {"type": "internal error", "error": "cannot get the information"})
ENDED = {
    "closed": True,
    "acceptingOrders": False,
    "closedTime": "2026-12-01 00:00:00+00",
    "umaResolutionStatus": "resolved",
    "outcomePrices": '["0","1"]',
}


@dataclass
class Refusing(Polymarket):
    """Answers 500 whenever one of these condition ids or tokens is asked about."""

    refused: tuple[str, ...] = ()

    def answer(self, path: str, query: Query) -> object:
        asked = {i for values in query.values() for text in values for i in text.split(",")}
        return REFUSED if asked & set(self.refused) else super().answer(path, query)


def event(number: int, *markets: Body) -> Body:
    return {"id": str(number), "slug": f"event-{number}", "title": f"Event {number}", "markets": list(markets)}


def made() -> dict[str, Any]:
    """The same in the shape of the case's file."""
    return {
        "first_poll": {"open_events": [event(n, market(n)) for n in (8, 9)]},
        "second_poll": {
            "by_condition_id": {condition(8): market(8, **ENDED)},
            "always": {"every_request_whose_condition_ids_contain": condition(9)},
        },
    }


@pytest.mark.parametrize("case", inputs(made, "02-one-record-fails.json"))
def test_the_record_is_given_up_and_everything_else_is_read(tmp_path: Path, case: Any) -> None:
    told = case()
    bad = told["second_poll"]["always"]["every_request_whose_condition_ids_contain"]
    with served(Refusing(events=told["first_poll"]["open_events"])) as venue:
        home = Home(tmp_path, venue)
        home.ingest(FIRST)
        assert isinstance(venue, Refusing)
        venue.events, venue.refused = [], (bad,)
        venue.markets = list(told["second_poll"]["by_condition_id"].values())
        venue.lists_closed = False
        venue.trades = [trade(8, "811", "2026-12-02T10:00:00", 0.1, 5)]
        session = home.ingest(SECOND, DAYS)
        assert dict(rows(session, "core.instruments", "instrument_id, status")) == {
            f"polymarket:{condition(8)}": "settled",
            f"polymarket:{condition(9)}": "active",
        }
        paid = dict(rows(session, "core.resolutions", "instrument_id, payout_0", "source = 'gamma'"))
        assert paid == {f"polymarket:{condition(8)}": 0}
        reasons = [r for (r,) in rows(session, "core.ingest_windows", "reason", "reason LIKE '%could not be read%'")]
        assert reasons
        assert all(condition(9) in r and condition(8) not in r.split(" VenueUnavailable")[0] for r in reasons)
        own = rows(session, "core.ingest_windows", "DISTINCT scope, state", f"scope LIKE '%{condition(9)}'")
        assert ("polymarket:" + condition(9), "partial") in own
        # The next run asks again, and once the venue can serve the record it is read.
        venue.refused = ()
        venue.markets.append(market(9, **ENDED))
        session = home.ingest("2026-12-03T13:00:00+00:00", DAYS)
        assert {s for (s,) in rows(session, "core.instruments", "status")} == {"settled"}


@pytest.mark.parametrize(
    ("step", "table", "asked", "bad"),
    [
        (main.trades, "core.trades", "trades", condition(5)),
        (main.prices, "core.daily_prices", "prices", "511"),
    ],
    ids=["trades", "prices"],
)
def test_batches_of_trades_and_prices_are_halved(
    tmp_path: Path, step: Callable[..., Counts], table: str, asked: str, bad: str
) -> None:
    numbers = range(1, 14)
    whole = {f"polymarket:{condition(n)}" for n in numbers}
    spoiled = {f"polymarket:{condition(5)}"}
    day = [date(2026, 11, 20)]
    with served(Refusing(events=[event(1, *(market(n) for n in numbers))])) as venue:
        assert isinstance(venue, Refusing)
        venue.trades = [trade(n, f"{n}11", "2026-11-20T10:00:00", 0.4, n) for n in numbers]
        venue.prices = {f"{n}11": [{"t": venue.trades[0]["timestamp"], "p": 0.4}] for n in numbers}
        session = Home(tmp_path, venue).poll(FIRST)
        venue.refused = (bad,)
        counts = step(session, "polymarket", day)
        assert any(condition(5) in line for line in counts.absent)
        assert {i for (i,) in rows(session, table, "instrument_id")} == whole - spoiled
        windows = rows(session, "core.ingest_windows", "DISTINCT scope, state", f"table_name = '{table}'")
        assert set(windows) == {(i, "complete") for i in whole - spoiled} | {(i, "partial") for i in spoiled}
        # What could not be read is what the next run asks for.
        venue.refused, venue.asked = (), []
        step(session, "polymarket", day)
        assert {i for name, i in venue.asked if name == asked} == {bad}
        assert sorted(i for (i,) in rows(session, table, "instrument_id")) == sorted(whole)


def test_records_that_always_fail_fail_no_later_run_that_asks_for_them_alone(tmp_path: Path) -> None:
    numbers = range(1, 8)
    day = [date(2026, 11, 21)]
    with served(Refusing(events=[event(1, *(market(n) for n in numbers))])) as venue:
        assert isinstance(venue, Refusing)
        venue.trades = [trade(n, f"{n}11", "2026-11-21T10:00:00", 0.4, n) for n in numbers]
        session = Home(tmp_path, venue).poll(FIRST)
        venue.refused = (condition(3), condition(6))
        for _ in range(3):  # the first run reads the others; later ones ask for these two alone
            counts = main.trades(session, "polymarket", day)
            assert [line for line in counts.absent if condition(3) in line and condition(6) in line]
        venue.refused = ("311", "611")
        for _ in range(2):
            counts = main.prices(session, "polymarket", day)
            assert counts.absent
        assert len(rows(session, "core.trades", "trade_id")) == 5
        partial = rows(
            session, "core.ingest_windows", "DISTINCT scope", "table_name = 'core.trades' AND state = 'partial'"
        )
        assert partial == [(f"polymarket:{condition(n)}",) for n in (3, 6)]


def test_a_venue_that_serves_no_record_at_all_is_down(tmp_path: Path) -> None:
    """Then nothing is given up as if it were the record's fault."""
    numbers = range(1, 4)
    with served(Refusing(events=[event(1, *(market(n) for n in numbers))])) as venue:
        assert isinstance(venue, Refusing)
        session = Home(tmp_path, venue).poll(FIRST)
        venue.refused = tuple(condition(n) for n in numbers)
        with pytest.raises((VenueUnavailable, VenueDown)):
            main.trades(session, "polymarket", [date(2026, 11, 21)])
        assert not rows(session, "core.ingest_windows", "scope", "table_name = 'core.trades'")
        with pytest.raises((VenueUnavailable, VenueDown)):  # nor by the next run
            main.trades(session, "polymarket", [date(2026, 11, 21)])
