"""Rows that cannot be read: a walk that reached its end claims every other row, and these when they are read later.

Belongs here: where a dead letter counts and when it is closed, on scripted feeds whose rows are spoiled one by one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest.dead_letters import unread_rows
from echelon_pipeline.ingest.prices import prices_from_trades
from echelon_pipeline.lake.session import Venue
from echelon_pipeline_tests.integration.test_walks import BOTH, DAYS, MARKETS, PRINTS, WALKS, Print, Script, Scripted
from echelon_pipeline_tests.rows import row, staged

HOUR = 3600
FIRST, SECOND = DAYS
TIME = {"kalshi": "created_time", "polymarket": "timestamp"}
PRICE = {"kalshi": "yes_price_dollars", "polymarket": "price"}
NAMES = {"kalshi": ("ticker",), "polymarket": ("condition_id", "token_id")}


class SpoiledScript(Script):
    """``spoiled``: fields by the number of a print, with what is served instead of their values."""

    def __init__(self, prints: Sequence[Print], size: int, spoiled: Mapping[int, Mapping[str, Any]]) -> None:
        super().__init__(prints, size)
        made = [(p, {**json.loads(p.payload(n)), **spoiled.get(n, {})}) for n, p in enumerate(prints)]
        self.rows = sorted(((p, json.dumps(m).encode()) for p, m in made), key=lambda r: r[0].second, reverse=True)


def prints_of(venue: Venue) -> list[Print]:
    """One print an hour and market, on the whole of the first day and the morning of the second."""
    return [PRINTS[venue](HOUR * h + 60 * m, m, m + 1) for h in range(36) for m in range(MARKETS)]


def number(hour: int, market: int) -> int:
    return hour * MARKETS + market


def home_of(base: Path, venue: Venue, bound: int) -> Scripted:
    home = Scripted(base, venue, bound=bound, flush=1000)
    home.list_markets(range(MARKETS))
    outcomes = [
        row(
            "core.outcomes",
            venue=venue,
            instrument_id=PRINTS[venue](0, m).instrument_id,
            outcome_index=i,
            token_id=f"{m}0{i}",
        )
        for m in range(MARKETS)
        for i in (0, 1)
    ]
    with home.session.unit() as unit:
        home.session.lake.merge("core.outcomes", [staged(unit.scratch, "core.outcomes", outcomes)])
    return home


def days_of(home: Scripted) -> dict[tuple[int, date], tuple[bool, str | None, bool]]:
    """is_complete, the reason, and whether a volume is claimed, of each market's days of our own trades."""
    prices_from_trades(home.session, home.venue, DAYS)
    markets = {PRINTS[home.venue](0, m).instrument_id: m for m in range(MARKETS)}
    with home.session.duck() as connection:
        scan = home.session.lake.scan("core.daily_prices", where={"venue": [home.venue]})
        found = connection.execute(
            f"SELECT instrument_id, date, is_complete, incomplete_reason, volume IS NOT NULL FROM ({scan})"
        ).fetchall()
    return {(markets[i], day): (whole, reason, volume) for i, day, whole, reason, volume in found}


def incomplete(home: Scripted, day: date = FIRST) -> dict[int, str | None]:
    """Markets whose day is not complete, with the reason. No day that is incomplete claims a volume."""
    found = days_of(home)
    assert all(whole == volume for whole, _, volume in found.values())
    return {market: reason for (market, at), (whole, reason, _) in found.items() if at == day and not whole}


def unread(home: Scripted) -> list[tuple[str | None, date, int]]:
    found = unread_rows(home.session, home.venue, "core.trades").to_pylist()
    return sorted((r["instrument_id"] or "", r["date"], r["unread_rows"]) for r in found)


def windows_of(home: Scripted) -> list[tuple[str, int | None]]:
    return [(w.state, w.unread_rows) for w in home.session.windows.recorded(home.venue, "core.trades")]


@WALKS
def test_a_row_that_cannot_be_read_counts_against_its_instrument_and_day_alone(
    tmp_path: Path, venue: Venue, bound: int
) -> None:
    home = home_of(tmp_path, venue, bound)
    counts = home.run(SpoiledScript(prints_of(venue), 10, {number(5, 1): {PRICE[venue]: "?"}}))
    assert (counts.dead_letters, counts.unread_rows) == (1, 1)
    assert incomplete(home) == {1: "1 row could not be read"}
    assert unread(home) == [(PRINTS[venue](0, 1).instrument_id, FIRST, 1)]


@WALKS
def test_a_window_was_walked_to_its_end_although_rows_are_unread(tmp_path: Path, venue: Venue, bound: int) -> None:
    home = home_of(tmp_path, venue, bound)
    prints = prints_of(venue)
    home.run(SpoiledScript(prints, 10, {number(5, 1): {PRICE[venue]: "?"}}))
    assert windows_of(home) == [("complete", 1)]
    again = Script(prints, 10)
    home.run(again)
    assert again.served == 0, "the watermark moved: what was walked is not asked for again"
    assert incomplete(home) == {1: "1 row could not be read"}, "and that nothing was asked claims nothing"


@WALKS
def test_the_claim_comes_back_when_the_row_is_read(tmp_path: Path, venue: Venue, bound: int) -> None:
    home = home_of(tmp_path, venue, bound)
    prints = prints_of(venue)
    home.run(SpoiledScript(prints, 10, {number(5, 1): {PRICE[venue]: "?"}, number(6, 2): {PRICE[venue]: "?"}}))
    assert set(incomplete(home)) == {1, 2}
    home.run(SpoiledScript(prints, 10, {number(6, 2): {PRICE[venue]: "?"}}), refetch=True)
    assert set(incomplete(home)) == {2}, "the same row again stays unread"
    home.run(Script(prints, 10), refetch=True)
    assert incomplete(home) == {}
    assert unread(home) == []
    with home.session.duck() as connection:
        scan = home.session.lake.scan("core.dead_letters")
        kept = connection.execute(f"SELECT closed_reason, count(*) FROM ({scan}) GROUP BY ALL").fetchall()
    assert kept == [("walked again without it", 2)], "nothing is lost: the payloads stay"


@WALKS
def test_a_claim_that_no_longer_holds_goes(tmp_path: Path, venue: Venue, bound: int) -> None:
    home = home_of(tmp_path, venue, bound)
    prints = prints_of(venue)
    home.run(Script(prints, 10))
    assert incomplete(home) == {}
    more = [*prints, PRINTS[venue](5 * HOUR + 30, 1, 9)]
    home.run(SpoiledScript(more, 10, {len(prints): {PRICE[venue]: "?"}}), refetch=True)
    assert incomplete(home) == {1: "1 row could not be read"}


@BOTH
def test_a_row_of_no_known_instrument_counts_against_the_venues_day(tmp_path: Path, venue: Venue) -> None:
    home = home_of(tmp_path, venue, 0)
    prints = prints_of(venue)
    nameless = dict.fromkeys(NAMES[venue])
    home.run(SpoiledScript(prints, 10, {number(30, 1): nameless}))
    assert incomplete(home, FIRST) == {}
    assert unread(home) == [("", SECOND, 1)]
    home.run(SpoiledScript(prints, 10, {number(5, 1): nameless}), refetch=True)
    assert incomplete(home, FIRST) == dict.fromkeys(range(MARKETS), "1 row could not be read")
    home.run(Script(prints, 10), refetch=True)
    assert incomplete(home, FIRST) == {}


@BOTH
def test_a_nameless_row_of_a_bounded_walk_is_of_the_walks_instruments(tmp_path: Path, venue: Venue) -> None:
    home = home_of(tmp_path, venue, 5)
    prints = prints_of(venue)
    home.run(SpoiledScript(prints, 10, {number(5, 1): dict.fromkeys(NAMES[venue])}))
    # Kalshi's walks are of one ticker; Polymarket's of up to 20 conditions, which the row may be any of.
    assert set(incomplete(home)) == ({1} if venue == "kalshi" else {0, 1, 2})
    home.run(Script(prints, 10), refetch=True)
    assert incomplete(home) == {}


@BOTH
def test_a_row_of_an_instrument_that_was_not_asked_for_is_a_row_of_the_walks_instruments(
    tmp_path: Path, venue: Venue
) -> None:
    """An id that was spoiled looks like another id: the row is not dropped in silence."""
    home = home_of(tmp_path, venue, 5)
    prints = prints_of(venue)
    counts = home.run(SpoiledScript(prints, 10, {number(5, 1): dict.fromkeys(NAMES[venue], "?")}))
    assert (counts.dead_letters, counts.unread_rows) == (1, 1)
    assert set(incomplete(home)) == ({1} if venue == "kalshi" else {0, 1, 2})


@WALKS
def test_a_row_without_a_time_lies_between_the_rows_around_it(tmp_path: Path, venue: Venue, bound: int) -> None:
    home = home_of(tmp_path, venue, bound)
    home.run(SpoiledScript(prints_of(venue), 5, {number(12, 1): {TIME[venue]: "soon"}}))
    assert incomplete(home, FIRST) == {1: "1 row could not be read"}
    assert {day for _, day, _ in unread(home)} == {FIRST}, "the second day's pages lie above it"


@WALKS
def test_letters_of_an_earlier_version_count_on_the_days_of_their_windows(
    tmp_path: Path, venue: Venue, bound: int
) -> None:
    home = home_of(tmp_path, venue, bound)
    prints = prints_of(venue)
    home.run(SpoiledScript(prints, 10, {number(5, 1): {PRICE[venue]: "?"}}))
    table = home.session.lake.tables["core.dead_letters"]
    newer = ("scope", "instrument_id", "from_at", "to_at", "unread_rows", "closed_at", "closed_reason")
    with home.session.unit() as unit, home.session.duck() as connection:
        scan = home.session.lake.scan(table.name)
        blank = ", ".join(f"NULL AS {c}" for c in newer)
        path = unit.scratch / "old.parquet"
        connection.execute(f"COPY (SELECT * REPLACE ({blank}) FROM ({scan})) TO '{path}' (FORMAT parquet)")
        home.session.lake.merge(table.name, [path])
    assert set(incomplete(home)) == set(range(MARKETS))
    assert {(name, rows) for name, _, rows in unread(home)} == {("", 1)}
    home.run(Script(prints, 10), refetch=True)
    assert incomplete(home) == {}


@pytest.mark.parametrize("venue", ["kalshi"])
def test_a_page_that_reaches_below_the_span_leaves_the_earlier_day_alone(tmp_path: Path, venue: Venue) -> None:
    """Rows outside of what was asked for are kept as dead letters and count nowhere: their day was read by itself."""
    home = home_of(tmp_path, venue, 0)
    prints = prints_of(venue)
    home.run(Script(prints, 10))
    with home.session.unit() as unit:
        window = unit.window(venue, "core.trades", "all", home_span(home), state="partial", reason="open again")
        home.session.windows.record([window])
    counts = home.run(SpoiledScript(prints, 40, {number(23, 0): {PRICE[venue]: "?"}}))
    assert (counts.dead_letters, counts.unread_rows) == (1, 0)
    assert unread(home) == []
    assert incomplete(home) == {}


def home_span(home: Scripted) -> tuple[Any, Any]:
    """The second day's morning."""
    begin, end = home.session.windows.complete(home.venue, "core.trades", "all")[0]
    return begin.replace(day=SECOND.day), end
