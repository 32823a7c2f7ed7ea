"""Latest states: sent when they change, and unknown as soon as no connection has the book."""

from __future__ import annotations

from typing import NamedTuple, cast

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.rows import BookRow, BookState, Reason
from echelon_pipeline.domain.latest import LatestState
from echelon_pipeline.streams.latest_states import LatestStates
from echelon_pipeline.streams.live_books import LiveBooks
from echelon_pipeline.streams.watchlist import Watchlist

A, B = Instrument("kalshi:A", ("A",)), Instrument("kalshi:B", ("B",))


class Shown(NamedTuple):
    """A connection's books, as latest states read them."""

    books: list[BookRow]

    def rows(self, _: int) -> list[BookRow]:
        return self.books

    def verified_at(self, name: str) -> int | None:
        return 7 if name == "kalshi:A" else None


def book(name: str, at: int, bid: int | None = 400_000, state: BookState = BookState.LIVE) -> BookRow:
    reason = Reason.GAP if state is BookState.UNKNOWN else None
    bids = () if bid is None else ((bid, 5_000_000),)
    return BookRow(name, at, at, state, reason, at - 1, "c", 1, bids, ((500_000, 7_000_000),), 1, 1, 1, 1)


def watchlist(*rows: BookRow) -> Watchlist:
    made = Watchlist([A, B])
    made.books = cast("LiveBooks", Shown(list(rows)))
    return made


def sent(states: LatestStates, *watchlists: Watchlist, now: int = 99, overlapping: bool = False) -> list[LatestState]:
    rows = states.changed(watchlists, now, overlapping=overlapping)
    states.mark_sent(rows, now)
    return rows


def test_a_book_is_sent_with_its_best_prices_and_again_when_they_change() -> None:
    states = LatestStates("l", 20.0)
    first = sent(states, watchlist(book("kalshi:A", 10), book("kalshi:B", 10, None)))
    assert first == [
        LatestState("kalshi:A", "live", None, 400_000, 500_000, 5_000_000, 7_000_000, 9, 10, "l", 7),
        LatestState("kalshi:B", "live", None, None, 500_000, None, 7_000_000, 9, 10, "l"),
    ]
    assert sent(states, watchlist(book("kalshi:A", 20), book("kalshi:B", 20, None))) == []
    [changed] = sent(states, watchlist(book("kalshi:A", 30, 410_000), book("kalshi:B", 20, None)))
    assert (changed.instrument_id, changed.bid, changed.received_at) == ("kalshi:A", 410_000, 30)
    stale = book("kalshi:A", 40, 410_000, BookState.STALE)
    assert [row.state for row in sent(states, watchlist(stale, book("kalshi:B", 20, None)))] == ["stale"]


def test_a_quiet_book_is_sent_again_before_it_expires() -> None:
    states, quiet = LatestStates("l", 20.0), watchlist(book("kalshi:A", 10), book("kalshi:B", 10))
    times = [second for second in range(60) if sent(states, quiet, now=1_700_000_000_000_000 + second * 1_000_000)]
    assert times == [0, 20, 40]


def test_a_state_that_was_not_sent_is_sent_the_next_time() -> None:
    states = LatestStates("l", 20.0)
    watchlists = [watchlist(book("kalshi:A", 10), book("kalshi:B", 10))]
    assert len(states.changed(watchlists, 1)) == len(states.changed(watchlists, 2)) == 2


def test_between_connections_and_when_dropped_a_book_is_unknown() -> None:
    states = LatestStates("l", 20.0)
    sent(states, watchlist(book("kalshi:A", 10), book("kalshi:B", 10)))
    gone = watchlist()
    gone.books = None
    assert {(row.reason, row.bid, row.received_at) for row in sent(states, gone)} == {("disconnect", None, 99)}
    gone.want([A])
    assert [(row.instrument_id, row.reason) for row in sent(states, gone)] == [("kalshi:B", "not_watched")]
    assert sent(states, gone) == []
    assert [row.reason for row in sent(states)] == ["not_watched"]
    assert sent(states) == []


def test_what_a_shift_has_not_got_yet_is_left_to_the_one_before_it() -> None:
    states = LatestStates("l", 20.0)
    unknown = watchlist(book("kalshi:A", 10, None, BookState.UNKNOWN), book("kalshi:B", 10))
    assert [row.instrument_id for row in sent(states, unknown, overlapping=True)] == ["kalshi:B"]
    assert [row.instrument_id for row in sent(states, unknown)] == ["kalshi:A"]
