"""A dead letter that is read after all is closed once, and counts again when its row is met again.

Belongs here: what closes a letter (a newer parser, a listing read again, a refetch), and what is claimed then.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest import parse
from echelon_pipeline.ingest.listings import Mode, derive_listings, fetch_listings
from echelon_pipeline.ingest.trades import ingest_trades
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import load_settings
from echelon_pipeline.sqltools.statements import Statement, statement
from echelon_pipeline.venues.feeds import Scan
from echelon_pipeline.venues.kalshi.walks import KalshiListings
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.narrowing import GivenUp
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline_tests.integration.test_unread import (
    NAMES,
    PRICE,
    SpoiledScript,
    home_of,
    incomplete,
    number,
    prints_of,
    unread,
)
from echelon_pipeline_tests.integration.test_walks import (
    BEGIN,
    BOTH,
    DAYS,
    FEEDS,
    MARKETS,
    NOW,
    PRINTS,
    Script,
    Scripted,
)

FIRST = DAYS[0]
LETTERS = "instrument_id, unread_rows, closed_reason"


@contextmanager
def older_parser(kind: PayloadKind, cannot_read: str) -> Iterator[None]:
    """Parses this kind as a version that rejects rows for which a condition holds."""

    def older(name: str) -> Statement:
        current = statement(name)
        if name != kind.parse:
            return current
        places = ""
        if kind.owner:
            places = f", {kind.owner} AS reject_instrument_id, event_at AS reject_from_at"
        text = f"""SELECT * REPLACE (coalesce(reject_reason, CASE WHEN {cannot_read} THEN 'an older parser' END)
                   AS reject_reason{places}) FROM ({current.text})"""
        return Statement(name, text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parse, "statement", older)
        yield


def letters_of(session: Session, columns: str = LETTERS) -> list[tuple[Any, ...]]:
    with session.duck() as connection:
        return connection.execute(
            f"SELECT {columns} FROM ({session.lake.scan('core.dead_letters')}) ORDER BY ALL"
        ).fetchall()


def still_open(session: Session) -> int:
    return len([reason for (reason,) in letters_of(session, "closed_reason") if reason is None])


def run_as(home: Scripted, script: Script, version: int) -> None:
    """A refetch that this version of the parsers reads."""
    feed = FEEDS[home.venue](script, home.settings)
    feed.kinds = {name: replace(kind, version=version) for name, kind in feed.kinds.items()}  # type: ignore[misc]
    asyncio.run(ingest_trades(home.session, home.venue, feed, DAYS, refetch=True))


def claimed(home: Scripted) -> list[tuple[Any, ...]]:
    """What the publication says of the first day: per instrument, of the venue, of the table."""
    for _ in Refresh(home.settings).run(["mart.trade_volume", "mart.data_quality"]):
        pass
    publish(home.settings, force=True)
    rows: list[tuple[Any, ...]] = []
    with read_published(home.settings.published_file, lake=home.settings.lake_root) as connection:
        for query in (
            "SELECT contracts, trades, is_complete, unread_rows FROM mart.trade_volume WHERE date = $day ORDER BY ALL",
            "SELECT contracts, is_complete, unread_rows FROM mart.venue_volume WHERE date = $day",
            "SELECT unread_rows, state FROM mart.data_quality WHERE table_name = 'core.trades' AND date = $day",
        ):
            rows += connection.execute(query, {"day": FIRST}).fetchall()
    return rows


@BOTH
def test_a_newer_parser_closes_letters_and_the_claim_comes_back_once(tmp_path: Path, venue: Venue) -> None:
    home = home_of(tmp_path, venue, MARKETS)
    script = Script(prints_of(venue), 60)
    hour = f"event_at = TIMESTAMPTZ '{(BEGIN + timedelta(hours=5, minutes=1)).isoformat()}'"
    with older_parser(FEEDS[venue](script, home.settings).kinds["trades"], hour):
        home.run(script)
    assert incomplete(home) == {1: "1 row could not be read"}
    # 24 prints of a market and day, of 1, 2 and 3 contracts.
    before = [(24, 24, True, 0), (46, 23, False, 1), (72, 24, True, 0), (142, False, 1), (1, "unread")]
    after = [(24, 24, True, 0), (48, 24, True, 0), (72, 24, True, 0), (144, True, 0), (0, "complete")]
    assert claimed(home) == before

    run_as(home, Script(prints_of(venue), 60), 99)
    assert letters_of(home.session) == [(PRINTS[venue](0, 1).instrument_id, 1, "parsed since")]
    assert unread(home) == []
    assert incomplete(home) == {}
    assert claimed(home) == after


@BOTH
def test_a_letter_that_a_newer_parser_meets_again_counts_once(tmp_path: Path, venue: Venue) -> None:
    home = home_of(tmp_path, venue, MARKETS)
    script = SpoiledScript(prints_of(venue), 60, {number(5, 1): {PRICE[venue]: "?"}})
    home.run(script)
    run_as(home, script, 99)
    assert [rows for _, _, rows in unread(home)] == [1], "the letter of each version is kept, one of them counts"
    assert still_open(home.session) == 1


def test_a_letter_that_recurs_is_open_again(tmp_path: Path) -> None:
    home = home_of(tmp_path, "kalshi", MARKETS)
    bad = {number(5, 1): {PRICE["kalshi"]: "?"}}
    seen = []
    for spoiled in (bad, {}, bad, {}):
        home.run(SpoiledScript(prints_of("kalshi"), 60, spoiled), refetch=True)
        seen.append(([rows for _, _, rows in unread(home)], incomplete(home), len(letters_of(home.session))))
    read: tuple[object, ...] = ([], {}, 1)
    lost: tuple[object, ...] = ([1], {1: "1 row could not be read"}, 1)
    assert seen == [lost, read, lost, read]


@pytest.mark.parametrize("flush", [1, 1000], ids=["a commit per page", "one commit"])
def test_a_letter_without_a_name_closes_by_a_whole_refetch_alone(tmp_path: Path, flush: int) -> None:
    """The row may be of any of the walk's conditions: only a run over all that could trade reads it for certain."""
    home = home_of(tmp_path, "polymarket", MARKETS)
    object.__setattr__(home.settings, "raw_flush_objects", flush)
    below = [PRINTS["polymarket"](-3600 * n) for n in (1, 2)]  # the walk's last page shows that it ends
    prints = [*prints_of("polymarket"), *below]
    home.run(SpoiledScript(prints, 60, {number(5, 1): dict.fromkeys(NAMES["polymarket"])}))
    assert still_open(home.session) == 1
    reopen(home, (NOW - timedelta(hours=6), NOW))
    home.run(Script(prints, 60))
    assert still_open(home.session) == 1
    home.run(Script(prints, 60), refetch=True)
    assert still_open(home.session) == 0
    assert incomplete(home) == {}


def reopen(home: Scripted, *spans: Span) -> None:
    with home.session.unit() as unit:
        scopes = ("all", "configured")
        home.session.windows.record(
            [
                unit.window(home.venue, "core.trades", c, s, state="partial", reason="open")
                for s in spans
                for c in scopes
            ]
        )


@pytest.mark.parametrize("flush", [1, 1000], ids=["a commit per page", "one commit"])
def test_a_row_outside_of_one_walk_and_inside_of_another_counts(tmp_path: Path, flush: int) -> None:
    """Two stretches are open, and a page of the upper one reaches into the lower one."""
    home = home_of(tmp_path, "kalshi", 0)
    home.run(Script(prints_of("kalshi"), 60))
    object.__setattr__(home.settings, "raw_flush_objects", flush)
    object.__setattr__(home.settings, "http_concurrency", 1)
    reopen(home, (BEGIN, BEGIN + timedelta(hours=11)), (BEGIN + timedelta(hours=12), BEGIN + timedelta(hours=18)))
    counts = home.run(SpoiledScript(prints_of("kalshi"), 60, {number(9, 1): {PRICE["kalshi"]: "?"}}))
    assert counts.unread_rows == 1
    assert unread(home) == [("kalshi:M1", FIRST, 1)]
    assert incomplete(home) == {1: "1 row could not be read"}


class Listed(KalshiListings):
    """Serves these objects of each endpoint as the whole listing; nothing is asked for by id."""

    def __init__(self, **objects: Sequence[Any]) -> None:
        self.given_up = GivenUp()
        self._objects = objects

    @property
    def filtered_out(self) -> int:
        return 0

    async def scan(self, scan: Scan) -> AsyncIterator[Page]:
        for n, (endpoint, served) in enumerate(self._objects.items()):
            yield Page(endpoint, f"/{endpoint}", n, scan.now, tuple(raw_object(endpoint, o) for o in served))

    async def by_id(self, native_ids: Sequence[str]) -> AsyncIterator[Page]:
        for _ in native_ids[:0]:
            yield Page("markets", "/markets", 99, NOW, ())


KEYS = {"markets": "ticker", "events": "event_ticker"}


def raw_object(endpoint: str, served: Any) -> RawObject:
    key = served.get(KEYS[endpoint]) if isinstance(served, dict) else None
    return RawObject(json.dumps(served).encode(), key if isinstance(key, str) else None)


def market(ticker: str | None, **changed: object) -> dict[str, object]:
    fields = {"ticker": ticker, "event_ticker": "E", "title": "t", "status": "active", "last_price_dollars": "0.4000"}
    return {**fields, **changed}


class Listings:
    """A home whose listings are given one after another, an hour apart."""

    def __init__(self, base: Path) -> None:
        self._env = {"ECHELON_HOME": str(base / "home"), "ECHELON_MIN_FREE_MB": "0", "ECHELON_MAX_INSTRUMENTS": "9"}
        self._now = NOW
        self.session = self._later()

    def _later(self) -> Session:
        self._now += timedelta(hours=1)
        return Session.of(load_settings({**self._env, "ECHELON_NOW": self._now.isoformat()}))

    def read(self, mode: Mode = "full", **objects: Sequence[Any]) -> Counts:
        """Lists and derives; what the derivation counted."""
        self.session = self._later()
        asyncio.run(fetch_listings(self.session, "kalshi", Listed(**objects), mode))
        return self.derive()

    def derive(self, *, again: bool = False) -> Counts:
        return derive_listings(self.session, "kalshi", Listed.kinds, again=again)

    def instruments(self) -> list[str]:
        with self.session.duck() as connection:
            scan = self.session.lake.scan("core.instruments")
            return [t for (t,) in connection.execute(f"SELECT native_id FROM ({scan}) ORDER BY ALL").fetchall()]


def test_a_listing_that_serves_the_record_readable_closes_its_letter(tmp_path: Path) -> None:
    home = Listings(tmp_path)
    bad, good = market("B", last_price_dollars="?"), market("B")
    assert home.read(markets=[market("A"), bad]).unread_rows == 1
    assert home.read(markets=[market("A"), bad]).unread_rows == 0, "served unchanged: not stored, not counted again"
    assert letters_of(home.session) == [("kalshi:B", 1, None)]
    assert home.instruments() == ["A"]
    assert home.read("scope", markets=[market("A"), good]).unread_rows == 0
    assert letters_of(home.session) == [("kalshi:B", 1, "parsed since")]
    assert home.instruments() == ["A", "B"]
    assert home.read(markets=[market("A"), bad]).unread_rows == 1
    assert letters_of(home.session) == [("kalshi:B", 1, None)], "the same payload again is the same letter, open again"


def test_listings_that_are_derived_again_leave_what_was_closed_closed(tmp_path: Path) -> None:
    home = Listings(tmp_path)
    home.read(markets=[market("A"), market("B", last_price_dollars="?")])
    home.read(markets=[market("A"), market("B")])
    home.derive(again=True)
    assert letters_of(home.session) == [("kalshi:B", 1, "parsed since")]


def test_a_newer_parser_closes_letters_of_listings_that_are_derived_again(tmp_path: Path) -> None:
    home = Listings(tmp_path)
    with older_parser(Listed.kinds["markets"], "native_id = 'B'"):
        home.read(markets=[market("A"), market("B"), market("C", last_price_dollars="?")])
    assert letters_of(home.session) == [("kalshi:B", 1, None), ("kalshi:C", 1, None)]
    home.derive(again=True)
    assert letters_of(home.session) == [("kalshi:B", 1, "parsed since"), ("kalshi:C", 1, None)]
    assert home.instruments() == ["A", "B"]


def test_a_record_without_an_id_closes_by_a_whole_listing_that_does_not_serve_it(tmp_path: Path) -> None:
    home = Listings(tmp_path)
    nameless: dict[str, Any] = {"markets": [market("A"), market(None)], "events": [{"title": "no ticker"}, 7]}
    home.read(**nameless)
    home.read(**nameless)
    assert [reason for *_, reason in letters_of(home.session)] == [None] * 3
    home.read("scope", markets=[market("A"), market("B")], events=[])
    assert [reason for *_, reason in letters_of(home.session)] == [None] * 3, "a scan of a part says nothing of it"
    home.read(markets=[market("A"), market("B")], events=[{"title": "no ticker"}])
    assert letters_of(home.session, "table_name, closed_reason") == [
        ("core.events", "listed again without it"),
        ("core.events", None),
        ("core.instruments", "listed again without it"),
    ]


def test_a_record_whose_id_is_odd_stays_open_while_it_is_served_unchanged(tmp_path: Path) -> None:
    home = Listings(tmp_path)
    odd = market("A\N{REPLACEMENT CHARACTER}")
    home.read(markets=[market("A"), odd])
    home.read(markets=[market("A"), odd])
    assert [reason for *_, reason in letters_of(home.session)] == [None]
    home.read(markets=[market("A")])
    assert [reason for *_, reason in letters_of(home.session)] == [None], (
        "it was not served: nothing says that it is gone"
    )
