"""Which books are requested by REST and when; what is recorded of the answers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import ClassVar

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Event, Message, Snapshot, Unreadable
from echelon_pipeline.errors import NotAvailable, RateLimited
from echelon_pipeline.streams.probing import Prober, Rotation, results, summed
from echelon_pipeline.streams.watchlist import Watchlist
from echelon_pipeline.venues.kalshi.stream import read as read_kalshi
from echelon_pipeline.venues.polymarket.stream import read as read_polymarket
from echelon_pipeline.venues.rest_books import MARK, RestBooks, unwrapped, wrapped
from echelon_pipeline_tests.unit.test_live_books import SECOND, A, B, snapshot, watch

MANY = {f"v:{n}": Instrument(f"v:{n}", (f"{n}a", f"{n}b")) for n in range(5)}


def test_every_book_is_asked_for_once_in_a_round_and_tokens_of_an_instrument_together() -> None:
    rotation = Rotation()
    asked = [rotation.take(MANY, (), 5) for _ in range(5)]
    assert asked[:2] == [["0a", "0b", "1a", "1b"], ["2a", "2b", "3a", "3b"]]
    assert Counter(token for some in asked for token in some) == {f"{n}{t}": 2 for n in range(5) for t in "ab"}


def test_lost_books_come_first_and_leave_half_of_the_request_to_the_others() -> None:
    rotation = Rotation()
    lost = {"v:2", "v:3", "v:4"}
    asked = [rotation.take(MANY, sorted(lost), 4) for _ in range(6)]
    assert [some[0][0] for some in asked] == ["2", "3", "4"] * 2
    assert {some[2][0] for some in asked} == set("01234")


def test_instruments_that_went_are_not_asked_for() -> None:
    rotation = Rotation()
    rotation.take(MANY, (), 4)
    left = {"v:4": MANY["v:4"]}
    assert [rotation.take(left, ["v:4"], 50) for _ in range(2)] == [["4a", "4b"]] * 2
    assert rotation.take({}, (), 50) == []


# --- requests


class Books:
    """An endpoint of two books per request."""

    most: ClassVar[int] = 2
    endpoint: ClassVar[str] = "/books"

    def __init__(self, answer: Callable[[Sequence[str]], bytes]) -> None:
        self.asked: list[Sequence[str]] = []
        self._answer = answer

    async def ask(self, tokens: Sequence[str]) -> bytes:
        self.asked.append(tokens)
        await asyncio.sleep(0)
        return self._answer(tokens)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Books]:
        yield self


def at_work() -> tuple[Watchlist, list[tuple[int, bytes]]]:
    """A connection with frames."""
    watchlist, found = Watchlist([A, B]), list[tuple[int, bytes]]()
    watchlist.books = watch()
    watchlist.books.see(0, SECOND, snapshot(1, "A"))
    watchlist.books.rows(2 * SECOND)  # applies the frame
    watchlist.record = lambda at, payload: found.append((at, payload))
    return watchlist, found


def probed(books: Books, watchlists: Sequence[Watchlist], enough: Callable[[], bool]) -> Prober:
    """The prober after enough requests."""
    prober = Prober("l", books.opened, 0.001, lambda: watchlists)

    async def main() -> None:
        task = asyncio.create_task(prober.run())
        async with asyncio.timeout(10):
            while not (enough() or task.done()):  # noqa: ASYNC110 - the condition has no event
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    return prober


def test_an_answer_is_recorded_as_served_with_the_time_of_its_request() -> None:
    watchlist, found = at_work()
    books = Books(lambda _: b' {"orderbooks": []}\n')
    probed(books, [watchlist], lambda: bool(found))
    at, payload = found[0]
    answer = unwrapped(payload)
    assert (answer.endpoint, answer.body) == ("/books", b' {"orderbooks": []}\n')
    assert 0 <= at - answer.asked_at < 10 * SECOND
    assert books.asked[0] == ["B", "A"]  # B has no book yet


def test_connections_take_turns_and_one_without_frames_is_left_out() -> None:
    (one, first), (other, second) = at_work(), at_work()
    books = Books(lambda _: b"{}")
    probed(books, [one, Watchlist([A]), other], lambda: len(books.asked) >= 10)
    assert abs(len(first) - len(second)) <= 1
    assert len(first) >= 4


def test_an_answer_that_comes_after_its_connection_is_not_recorded() -> None:
    watchlist, found = at_work()

    def hang_up(_: Sequence[str]) -> bytes:
        watchlist.books = watch()
        return b"{}"

    books = Books(hang_up)
    probed(books, [watchlist], lambda: len(books.asked) >= 3)
    assert found == []


@pytest.mark.parametrize(("retry_after", "waits"), [(None, [0.002, 0.004, 0.008]), (0.03, [0.03] * 3)])
def test_a_failed_request_is_counted_and_the_next_one_comes_later(
    retry_after: float | None, waits: list[float]
) -> None:
    watchlist, found = at_work()
    times: list[float] = []

    def refuse(_: Sequence[str]) -> bytes:
        times.append(time.monotonic())
        error = RateLimited("429")
        error.retry_after = retry_after
        raise error

    prober = probed(Books(refuse), [watchlist], lambda: len(times) >= 4)
    assert all(after - before >= wait for (before, after), wait in zip(pairwise(times), waits, strict=False))
    assert (prober.counts["requests"], found) == (len(times), [])
    assert len(times) - prober.counts["failed"] in (0, 1)  # the last one may be under way


def test_a_venue_without_the_endpoint_is_not_asked() -> None:
    @asynccontextmanager
    async def lacking() -> AsyncIterator[Books]:
        raise NotAvailable("no endpoint of order books")
        yield Books(lambda _: b"")

    prober = Prober("l", lacking, 0.001, list)
    work: Awaitable[None] = asyncio.wait_for(prober.run(), 5)

    async def main() -> None:
        await work

    asyncio.run(main())
    assert not prober.counts


def test_results_are_the_rules_counts_by_name() -> None:
    counts = Counter(probes_equal=2, probes_later=1, lost_probe=1, lost_gap=3, unwatched=1)
    assert results(counts) == {"equal": 2, "later": 1, "lost": 1}
    assert summed([Counter(requests=3), results(counts)]) == {"equal": 2, "later": 1, "lost": 1, "requests": 3}


# --- frames of our own


def test_both_readers_read_recorded_answers() -> None:
    kalshi = b'{"orderbooks":[{"ticker":"A","orderbook_fp":{"yes_dollars":[["0.40","5.00"]],"no_dollars":null}}]}'
    found = read_kalshi(wrapped(RestBooks("/markets/orderbooks", 5, kalshi)))
    assert found.events == (Snapshot("A", ((400_000, 5_000_000),), (), rest=True),)
    assert (found.sid, found.seq) == (None, None)
    polymarket = b'[{"asset_id":"1","timestamp":"7","bids":[],"asks":[{"price":"0.6","size":"2"}]}]'
    (book,) = read_polymarket(wrapped(RestBooks("/books", 5, polymarket))).events
    assert book == Snapshot("1", (), ((600_000, 2_000_000),), 7_000, rest=True)


@pytest.mark.parametrize("read", [read_kalshi, read_polymarket])
@pytest.mark.parametrize("body", [b'[{"asset_id":"1"', b'[{"asset_id":"1","bids":0},{"asset_id":"2","bids":0}]', b""])
def test_an_answer_with_unreadable_books_affects_no_book(read: Callable[[bytes], Message], body: bytes) -> None:
    assert_affects_nothing(read(wrapped(RestBooks("/books", 5, body))).events)


@pytest.mark.parametrize("read", [read_kalshi, read_polymarket])
@pytest.mark.parametrize("payload", [MARK, MARK + b"{}\n[]", MARK + b"x"])
def test_a_damaged_frame_of_our_own_affects_no_book(read: Callable[[bytes], Message], payload: bytes) -> None:
    assert_affects_nothing(read(payload).events)


def assert_affects_nothing(events: Sequence[Event]) -> None:
    for event in events:
        assert isinstance(event, Unreadable)
        assert (event.affects_book, event.token) == (False, None)
