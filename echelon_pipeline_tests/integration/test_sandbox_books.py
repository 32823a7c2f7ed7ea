"""Order books of the sandbox: on their tick, never crossed, equal in REST and WebSocket, a function of time alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.sandbox.polymarket.clob_views import book_hash
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.universe.book_faults import BookFault
from echelon_pipeline.sandbox.universe.books import ASK, BID, Book, Books, changes
from echelon_pipeline.sandbox.universe.paths import ONE, bid_ask
from echelon_pipeline.sandbox.universe.trades import FINE_TICK, ticks
from echelon_pipeline.sandbox.universe.world import World
from echelon_pipeline_tests.clients.local import KALSHI, Local, universe

SECOND = 1_000_000
NOW = int(universe().start.timestamp()) * SECOND
VENUES = st.sampled_from(["kalshi", "polymarket"])


@cache
def shared_world() -> World:
    return world()


def world() -> World:
    return World(universe(), SandboxClock(universe().start))


def open_rows(of: World, venue: str, us: int = NOW) -> list[int]:
    """Instruments that trade now, without combos; those that trade for at least another hour come first."""
    books = of.books[venue]
    rows = [i for i in range(books.venue.ordinary) if books.is_open(i, us) and books.closes(i) > us + 3600 * SECOND]
    assert rows
    return rows


def apply(book: Book, change: Any) -> Book:
    """The book after one change."""
    levels = dict(book.bids if change.side == BID else book.asks)
    levels.pop(change.price, None)
    if change.after:
        levels[change.price] = change.after
    ordered = tuple(sorted(levels.items(), reverse=change.side == BID))
    return Book(ordered, book.asks, book.tick) if change.side == BID else Book(book.bids, ordered, book.tick)


@settings(max_examples=150)
@given(VENUES, st.integers(0, 10_000), st.integers(0, 86_400 * 1_000))
def test_books_are_on_their_grid_and_never_crossed_nor_are_the_states_between_two(
    venue: str, pick: int, later_ms: int
) -> None:
    books = shared_world().books[venue]
    row = pick % len(books.venue)
    us = NOW + later_ms * 1000
    before, after = books.at(row, us), books.at(row, us + 7 * SECOND)
    state = before
    for change in changes(before, after):
        assert change.before != change.after
        state = apply(state, change)
        assert state.best[0] < state.best[1]
    assert (state.bids, state.asks) == (after.bids, after.asks)
    assert after.best == books.quote(row, us + 7 * SECOND)
    for levels, side in ((after.bids, BID), (after.asks, ASK)):
        prices = [price for price, _ in levels]
        assert prices == sorted(prices, reverse=side == BID)
        assert all(0 < price < ONE and price % after.tick == 0 for price in prices)
        assert all(isinstance(size, int) and size > 0 for _, size in levels)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_book_changes_only_at_its_edges_and_at_every_step(venue: str) -> None:
    books = world().books[venue]
    moved = 0
    for row in open_rows(world(), venue)[:12]:
        edges = books.edges(row, NOW, NOW + 70 * SECOND)
        assert len(edges) > 5
        for start, end in zip([NOW, *edges], edges, strict=False):
            book = books.at(row, start)
            assert books.at(row, (start + end) // 2) == book
            assert books.at(row, end - 1000) == book
            assert books.touched(row, end) == end
            assert changes(book, books.at(row, end))
            moved += books.at(row, end).best != book.best
    assert moved > 5


def test_the_quote_of_a_full_minute_is_the_source_of_candles_and_histories() -> None:
    of = world()
    for venue in ("kalshi", "polymarket"):
        books = of.books[venue]
        for row in open_rows(of, venue)[:50]:
            grid = books.venue.grid(row)
            of_the_minute = bid_ask(books.venue.mid(row, NOW // SECOND), ticks(grid), 1 + grid // 8 % 4)
            assert books.quote(row, NOW) == of_the_minute


def test_rest_serves_the_true_book_at_any_time() -> None:
    sandbox = Local(universe())
    of = world()
    ticker = of.kalshi.market_ticker(open_rows(of, "kalshi")[3])
    token = of.polymarket.names.token(open_rows(of, "polymarket")[3], 0)
    seen = set()
    for seconds in (0, 0.5, 1.25, 30, 61.75):
        sandbox.clock.advance(seconds)
        kalshi = sandbox.get("/__sandbox__/book", instrument=f"kalshi:{ticker}")
        served = sandbox.get(f"{KALSHI}/markets/{ticker}/orderbook")["orderbook_fp"]
        assert [float(p) for p, _ in reversed(served["yes_dollars"])] == [float(p) for p, _ in kalshi["bids"]]
        assert [1 - float(p) for p, _ in reversed(served["no_dollars"])] == pytest.approx(
            [float(p) for p, _ in kalshi["asks"]]
        )
        poly = sandbox.get("/__sandbox__/book", instrument=f"polymarket:{token}")
        book = sandbox.get("/clob/book", token_id=token)
        assert [[x["price"], x["size"]] for x in reversed(book["bids"])] == poly["bids"]
        assert [[x["price"], x["size"]] for x in reversed(book["asks"])] == poly["asks"]
        assert book["hash"] == book_hash(book)
        assert int(book["timestamp"]) <= sandbox.clock.us // 1000
        assert float(sandbox.get("/clob/price", token_id=token, side="BUY")["price"]) == float(poly["bids"][0][0])
        seen.add(book["hash"])
        past = sandbox.get("/__sandbox__/book", instrument=f"polymarket:{token}", at_us=NOW)
        assert past["bids"] == world_text(of, token)
    assert len(seen) == 5


def world_text(of: World, token: str) -> list[list[str]]:
    found = of.find(f"polymarket:{token}")
    assert found is not None
    bids: list[list[str]] = of.book(*found, NOW)["bids"]
    return bids


def test_the_true_book_of_an_unknown_instrument_or_of_a_future_time_is_refused() -> None:
    sandbox = Local(universe())
    assert sandbox.refusal("/__sandbox__/book?instrument=kalshi:NOPE")[0] == 404
    assert sandbox.refusal("/__sandbox__/book?instrument=elsewhere:1")[0] == 404
    ticker = world().kalshi.market_ticker(0)
    assert sandbox.refusal(f"/__sandbox__/book?instrument=kalshi:{ticker}&at_us={NOW + 1}")[0] == 400


def test_books_are_empty_before_the_open_and_after_the_close() -> None:
    for venue in ("kalshi", "polymarket"):
        books = world().books[venue]
        for row in range(0, books.venue.ordinary, 40):
            for us in (books.opens(row) - 1, books.closes(row)):
                assert books.at(row, us).best == (0, ONE)


def test_a_tick_becomes_finer_near_the_end_of_a_market_that_ends_at_zero_or_one() -> None:
    of = world()
    books = of.books["polymarket"]

    def refines(i: int) -> bool:
        """Whether the tick of a row becomes finer before trading ends."""
        return ticks(books.venue.grid(i)) > FINE_TICK and books.fine_from(i) < books.closes(i)

    row = next(i for i in range(books.venue.ordinary) if refines(i) and of.polymarket.has_book(i))
    fine = books.fine_from(row)
    assert books.opens(row) < fine < books.closes(row)
    before, after = books.at(row, fine - 1), books.at(row, fine)
    assert (before.tick, after.tick) == (100, 10)
    assert fine in books.edges(row, fine - 1, fine)
    assert any(price % 100 for price, _ in (*after.bids, *after.asks))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("empty_bids", (0, None)), ("empty_asks", (None, ONE)), ("empty_book", (0, ONE)), ("resolve", (0, ONE))],
)
def test_a_book_fault_applies_from_its_begin_to_its_end(kind: Any, expected: tuple[int | None, int | None]) -> None:
    books = world().books["kalshi"]
    row = open_rows(world(), "kalshi")[5]
    plain = [books.at(row, NOW + at * SECOND) for at in range(20)]
    since, until = NOW + 5 * SECOND + 1000, NOW + 9 * SECOND
    books.faults.add(BookFault(kind, row, since, until))
    marked = Books(books.venue)
    marked.faults.add(BookFault(kind, row, since, until))
    for at in range(20):
        book, hit = marked.at(row, NOW + at * SECOND), at >= 6 and (at < 9 or kind == "resolve")
        if not hit:
            assert book == plain[at]
            continue
        for found, wanted, natural in zip(book.best, expected, plain[at].best, strict=True):
            assert found == (natural if wanted is None else wanted)
    assert {since} <= set(marked.edges(row, NOW, NOW + 20 * SECOND))
    assert books.at(row, NOW) == plain[0]
