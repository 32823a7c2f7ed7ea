"""Latest states: told when they change, and as unknown as soon as nobody knows better."""

from __future__ import annotations

from typing import NamedTuple, cast

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.rows import BookRow, BookState, Reason
from echelon_pipeline.domain.latest import LatestState
from echelon_pipeline.streams.latest_states import Tops
from echelon_pipeline.streams.lost_books import Watch
from echelon_pipeline.streams.watchlist import Roster

A, B = Instrument("kalshi:A", ("A",)), Instrument("kalshi:B", ("B",))


class Shown(NamedTuple):
    """A connection's books, as a watch gives them."""

    books: list[BookRow]

    def rows(self, _: int) -> list[BookRow]:
        return self.books

    def verified_at(self, name: str) -> int | None:
        return 7 if name == "kalshi:A" else None


def book(name: str, at: int, bid: int | None = 400_000, state: BookState = BookState.LIVE) -> BookRow:
    reason = Reason.GAP if state is BookState.UNKNOWN else None
    bids = () if bid is None else ((bid, 5_000_000),)
    return BookRow(name, at, at, state, reason, at - 1, "c", 1, bids, ((500_000, 7_000_000),), 1, 1, 1, 1)


def roster(*books: BookRow) -> Roster:
    made = Roster([A, B])
    made.watch = cast("Watch", Shown(list(books)))
    return made


def told(tops: Tops, *rosters: Roster, now: int = 99, overlapping: bool = False) -> list[LatestState]:
    rows = tops.changed(rosters, now, overlapping=overlapping)
    tops.told(rows, now)
    return rows


def test_a_book_is_told_with_its_best_prices_and_again_when_they_change() -> None:
    tops = Tops("l", 20.0)
    first = told(tops, roster(book("kalshi:A", 10), book("kalshi:B", 10, None)))
    assert first == [
        LatestState("kalshi:A", "live", None, 400_000, 500_000, 5_000_000, 7_000_000, 9, 10, "l", 7),
        LatestState("kalshi:B", "live", None, None, 500_000, None, 7_000_000, 9, 10, "l"),
    ]
    assert told(tops, roster(book("kalshi:A", 20), book("kalshi:B", 20, None))) == []
    [changed] = told(tops, roster(book("kalshi:A", 30, 410_000), book("kalshi:B", 20, None)))
    assert (changed.instrument_id, changed.bid, changed.received_at) == ("kalshi:A", 410_000, 30)
    stale = book("kalshi:A", 40, 410_000, BookState.STALE)
    assert [row.state for row in told(tops, roster(stale, book("kalshi:B", 20, None)))] == ["stale"]


def test_a_quiet_book_is_told_again_before_it_is_forgotten() -> None:
    tops, quiet = Tops("l", 20.0), roster(book("kalshi:A", 10), book("kalshi:B", 10))
    times = [second for second in range(60) if told(tops, quiet, now=1_700_000_000_000_000 + second * 1_000_000)]
    assert times == [0, 20, 40]


def test_what_was_not_told_is_told_the_next_time() -> None:
    tops = Tops("l", 20.0)
    rosters = [roster(book("kalshi:A", 10), book("kalshi:B", 10))]
    assert len(tops.changed(rosters, 1)) == len(tops.changed(rosters, 2)) == 2


def test_between_connections_and_when_dropped_a_book_is_unknown() -> None:
    tops = Tops("l", 20.0)
    told(tops, roster(book("kalshi:A", 10), book("kalshi:B", 10)))
    gone = roster()
    gone.watch = None
    assert {(row.reason, row.bid, row.received_at) for row in told(tops, gone)} == {("disconnect", None, 99)}
    gone.want([A])
    assert [(row.instrument_id, row.reason) for row in told(tops, gone)] == [("kalshi:B", "not_watched")]
    assert told(tops, gone) == []
    assert [row.reason for row in told(tops)] == ["not_watched"]
    assert told(tops) == []


def test_what_a_shift_has_not_got_yet_is_left_to_the_one_before_it() -> None:
    tops = Tops("l", 20.0)
    unknown = roster(book("kalshi:A", 10, None, BookState.UNKNOWN), book("kalshi:B", 10))
    assert [row.instrument_id for row in told(tops, unknown, overlapping=True)] == ["kalshi:B"]
    assert [row.instrument_id for row in told(tops, unknown)] == ["kalshi:A"]
