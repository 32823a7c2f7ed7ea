"""The rules of the book machine, one by one.

Belongs here: examples of rules 1 to 16 of ``books/__init__.py``. ``test_book_properties.py`` has properties of any
stream.
"""

from __future__ import annotations

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import (
    Acknowledged,
    Ended,
    Event,
    Notice,
    Quoted,
    Side,
    Snapshot,
    Subscribed,
    SubscriptionLost,
    SuspectLadder,
    TickSize,
    Traded,
    Unreadable,
)
from echelon_pipeline.books.ladder import Ladder
from echelon_pipeline.books.machine import BUDGET
from echelon_pipeline.books.rows import BookRow, BookState, Reason, Timeline
from echelon_pipeline.domain.scaled import CENT, ONE
from echelon_pipeline_tests.book_streams import FACTS, MS, START, Stream, cents, delta, digest, gaps, put, snapshot

BID, ASK = Side.BID, Side.ASK
K = Instrument("kalshi:K", ("K",))
L = Instrument("kalshi:L", ("L",))
P = Instrument("polymarket:0xm", ("0", "1"), facts=FACTS)
BIDS, ASKS = cents((40, 5), (30, 7)), cents((60, 3))
MIRROR = snapshot("1", cents((40, 3)), cents((60, 5), (70, 7)))


def kalshi(*more: Instrument, **options: bool | int) -> Stream:
    """A Kalshi stream with its subscription and first snapshots."""
    stream = Stream(K, *more, **options)
    stream.send(Subscribed("orderbook_delta", 1))
    for instrument in (K, *more):
        stream.numbered(snapshot(instrument.tokens[0], BIDS, ASKS))
    stream.settle()
    return stream


def polymarket(*more: Event) -> Stream:
    """A Polymarket stream with its first snapshot, whose hash matches."""
    stream = Stream(P)
    stream.send(Snapshot("0", BIDS, ASKS, START, digest(BIDS, ASKS, START), FACTS), *more)
    stream.settle()
    return stream


# --- rows


def test_a_row_begins_at_the_last_frame_of_its_batch_and_ends_at_the_next_change() -> None:
    stream = kalshi()
    first = stream.now - 50 * MS
    stream.numbered(delta("K", BID, 41, 2, START))
    second = stream.numbered(delta("K", ASK, 60, -3, START))
    stream.numbered(delta("K", BID, 20, 1, START + MS), after=60 * MS)
    out = stream.end()
    assert [(row.valid_from, row.state) for row in out.rows][1:3] == [(first, BookState.LIVE), (second, BookState.LIVE)]
    before, row, last = out.rows[1:]
    assert (before.bids, before.asks) == (BIDS, ASKS)
    assert (row.bids[0], row.asks) == ((41 * CENT, 2 * ONE), ())
    assert (row.bid_depth, row.ask_depth, row.bid_levels, row.ask_levels) == (14 * ONE, 0, 3, 0)
    assert (row.event_at, row.connection, row.number) == (START, "a", 4)
    assert (last.valid_to, last.bid_levels) == (stream.now + 1_000 * MS, 4)


def test_a_row_has_the_best_levels_and_the_depth_of_all() -> None:
    stream = kalshi(levels=1)
    row = stream.end().rows[-1]
    assert (row.bids, row.bid_depth, row.bid_levels) == (BIDS[:1], 12 * ONE, 2)


def test_frames_without_a_net_change_make_no_row() -> None:
    stream = kalshi()
    for n in range(3):
        stream.numbered(delta("K", BID, 41, 2, START + n))
        stream.numbered(delta("K", BID, 41, -2, START + n))
    assert stream.states(stream.end()) == [("unknown", "before_snapshot"), ("live", None)]


def test_a_row_never_begins_before_the_previous_row() -> None:
    rows: list[BookRow] = []
    timeline = Timeline(rows, "k", START, Reason.BEFORE_SNAPSHOT, 1)
    ladder = Ladder()
    timeline.show(START + 10, ladder, None, "a", 1)
    timeline.hide(START + 5, Reason.GAP, None, "a", 2)
    timeline.end(START + 20)
    assert [(row.valid_from, row.valid_to, row.reason) for row in rows] == [
        (START, START + 10, Reason.BEFORE_SNAPSHOT),
        (START + 10, START + 20, Reason.GAP),
    ]


# --- batches


@pytest.mark.parametrize("together", [True, False])
def test_a_crossing_inside_a_batch_never_becomes_a_row(together: bool) -> None:
    stream = kalshi()
    stream.numbered(delta("K", BID, 60, 1, START))
    stream.numbered(delta("K", ASK, 60, -3, START if together else START + 1))
    out = stream.end()
    assert all(not row.asks or row.bids[0] < row.asks[0] for row in out.rows if row.bids)
    assert stream.states(out)[2:] == ([("live", None)] if together else [("unknown", "crossed")])


def test_a_batch_ends_after_50_ms_of_silence() -> None:
    stream = kalshi()
    at = stream.numbered(delta("K", BID, 60, 1, START))
    stream.machine.advance(at + 50 * MS - 1)
    assert stream.machine.row(K.instrument_id).state is BookState.LIVE
    stream.machine.advance(at + 50 * MS)
    assert stream.machine.row(K.instrument_id).reason == "crossed"
    assert stream.machine.needs_snapshot == ["K"]


def test_a_crossed_book_is_unknown_until_its_next_snapshot() -> None:
    stream = kalshi()
    good = stream.now
    crossed = stream.numbered(delta("K", BID, 60, 1, START))
    stream.numbered(delta("K", BID, 60, -1, START + 1), after=60 * MS)
    back = stream.numbered(snapshot("K", BIDS, ASKS))
    out = stream.end()
    assert stream.states(out)[1:] == [("live", None), ("unknown", "crossed"), ("live", None)]
    (gap,) = gaps(out)
    assert gap == ("crossed", crossed, crossed, back)
    assert good < crossed
    assert out.gaps[-1].discarded == 1


def test_a_frame_without_a_venue_time_joins_the_open_batch() -> None:
    stream = kalshi()
    stream.numbered(delta("K", BID, 60, 1, START))
    stream.numbered(snapshot("K", BIDS, ASKS))
    assert stream.states(stream.end())[1:] == [("live", None)]


def test_without_any_venue_time_each_frame_is_a_batch() -> None:
    stream = kalshi()
    for n in range(3):
        stream.numbered(delta("K", BID, 41 + n, 2))
    assert stream.states(stream.end())[1:] == [("live", None)] * 4


# --- numbers


def test_a_missing_number_invalidates_the_books_of_its_subscription_only() -> None:
    other = Instrument("kalshi:M", ("M",))
    stream = kalshi(L)
    proved = stream.now - 50 * MS
    stream.machine.watch(other, stream.now)
    stream.send(snapshot("M", BIDS, ASKS), sid=2, seq=1)
    noticed = stream.numbered(delta("K", BID, 41, 1), skip=1)
    back = stream.numbered(snapshot("K", BIDS, ASKS))
    out = stream.end()
    assert gaps(out) == [("gap", proved, noticed, back), ("gap", proved, noticed, None)]
    assert [gap.discarded for gap in out.gaps[-2:]] == [1, 0]
    assert stream.states(out, "kalshi:M")[1:] == [("live", None)]
    assert stream.states(out, "kalshi:L")[1:] == [("live", None), ("unknown", "gap")]


@pytest.mark.parametrize("numbers", [[2, 2], [3], [1], [2, 4], [3, 2]])
def test_any_number_but_the_next_is_a_gap(numbers: list[int]) -> None:
    stream = kalshi()
    for number in numbers:
        stream.send(delta("K", BID, 41, 1), sid=1, seq=number)
    assert stream.machine.counts["lost_gap"] == 1
    assert stream.machine.row(K.instrument_id).reason == "gap"


def test_every_numbered_frame_counts_whatever_it_contains() -> None:
    stream = kalshi()
    trade = Traded("K", 40 * CENT, ONE, True, "t")
    for event in (
        Acknowledged("ok"),
        trade,
        Notice("event_lifecycle", None, b"{}"),
        Unreadable(b"?", "new", affects_book=False),
    ):
        stream.numbered(event)
    stream.numbered(delta("K", BID, 41, 1))
    assert stream.states(stream.end())[1:] == [("live", None), ("live", None)]


def test_numbers_start_at_1_with_each_subscription() -> None:
    stream = kalshi()
    stream.send(Subscribed("orderbook_delta", 1))
    assert stream.machine.row(K.instrument_id).reason == "gap"
    stream.seq = 0
    stream.numbered(snapshot("K", BIDS, ASKS))
    assert stream.states(stream.end())[-1] == ("live", None)
    late = Stream(K)
    late.send(Subscribed("orderbook_delta", 1))
    late.send(snapshot("K", BIDS, ASKS), sid=1, seq=2)  # the first was lost; this is whole
    assert late.states(late.end())[-1] == ("live", None)


def test_without_sequences_holes_are_not_gaps() -> None:
    stream = kalshi(sequences=False)
    stream.numbered(delta("K", BID, 41, 1), skip=100)
    assert stream.states(stream.end())[1:] == [("live", None), ("live", None)]


def test_one_gap_lasts_until_the_next_valid_book_and_keeps_the_first_reason() -> None:
    stream = kalshi()
    noticed = stream.numbered(delta("K", BID, 41, 1), skip=1)
    stream.numbered(delta("K", BID, 41, 1), skip=1)
    stream.send(Unreadable(b"?", "?", affects_book=True))
    back = stream.numbered(snapshot("K", BIDS, ASKS))
    out = stream.end()
    assert [(gap[0], gap[2], gap[3]) for gap in gaps(out)] == [("gap", noticed, back)]


# --- what else loses a book


def test_a_hole_in_our_own_numbers_invalidates_every_book() -> None:
    stream = kalshi(L)
    stream.number += 1
    stream.numbered(delta("K", BID, 41, 1))
    assert {stream.machine.row(i.instrument_id).reason for i in (K, L)} == {"lost_frames"}


def test_a_new_connection_needs_new_snapshots_and_has_its_own_numbers() -> None:
    stream = kalshi()
    stream.machine.disconnected(stream.now + MS)
    stream.now += 2_000 * MS
    stream.connection, stream.number, stream.seq = "b", 0, 0
    stream.send(Subscribed("orderbook_delta", 1))
    back = stream.numbered(snapshot("K", BIDS, ASKS))
    out = stream.end()
    assert stream.states(out)[1:] == [("live", None), ("unknown", "disconnect"), ("live", None)]
    assert [(gap[0], gap[3]) for gap in gaps(out)] == [("disconnect", back)]


def test_numbers_of_a_closed_connection_do_not_affect_the_next() -> None:
    stream = kalshi()
    stream.connection, stream.number = "b", 0
    back = stream.send(snapshot("K", BIDS, ASKS), sid=1, seq=1)
    assert gaps(stream.end()) == [("disconnect", back - 51 * MS, back, back)]
    assert stream.machine.counts["sequence_breaks"] == 0


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (delta("K", BID, 40, -6), "negative_level"),
        (delta("K", BID, 39, -1), "negative_level"),
        (Unreadable(b"?", "?", affects_book=True, token="K"), "unreadable"),
        (Unreadable(b"?", "?", affects_book=True), "unreadable"),
        (SubscriptionLost("buffer overflow"), "subscription_lost"),
        (TickSize("K", "0.001"), "tick_size_change"),
        (Ended("K"), "closed"),
    ],
)
def test_impossible_and_ending_events_make_a_book_unknown(event: Event, reason: str) -> None:
    stream = kalshi()
    stream.numbered(event)
    row = stream.machine.row(K.instrument_id)
    assert (row.state, row.reason, row.bids, row.bid_depth) == (BookState.UNKNOWN, reason, (), None)


def test_an_unreadable_frame_invalidates_only_the_book_that_it_names() -> None:
    stream = kalshi(L)
    stream.numbered(Unreadable(b"?", "?", affects_book=True, token="K"))
    assert [stream.machine.row(i.instrument_id).reason for i in (K, L)] == ["unreadable", None]
    assert stream.machine.counts["unreadable"] == 1


def test_an_unreadable_frame_of_an_unwatched_token_invalidates_no_book() -> None:
    stream = kalshi(L)
    stream.numbered(Unreadable(b"?", "?", affects_book=True, token="M"), SuspectLadder("N"))
    assert [stream.machine.row(i.instrument_id).reason for i in (K, L)] == [None, None]
    stream.numbered(Unreadable(b"?", "?", affects_book=True, token="M"), SuspectLadder("L"))
    assert [stream.machine.row(i.instrument_id).reason for i in (K, L)] == [None, "unreadable"]
    assert (stream.machine.counts["unreadable"], stream.machine.counts["unwatched"]) == (2, 3)


def test_changes_before_the_first_snapshot_are_counted_and_discarded() -> None:
    stream = Stream(K)
    stream.send(Subscribed("orderbook_delta", 1))
    stream.numbered(delta("K", BID, 41, 2))
    back = stream.numbered(snapshot("K", BIDS, ASKS))
    out = stream.end()
    (gap,) = out.gaps
    assert (gap.reason, gap.last_good_at, gap.from_at, gap.to_at, gap.discarded) == (
        "before_snapshot",
        None,
        START,
        back,
        1,
    )
    assert out.rows[-1].bids == BIDS


def test_frames_of_unwatched_tokens_are_counted() -> None:
    stream = kalshi()
    stream.numbered(snapshot("elsewhere", BIDS, ASKS))
    assert stream.machine.counts["unwatched"] == 1
    assert stream.states(stream.end())[1:] == [("live", None)]


def test_an_unwatched_instrument_ends_its_rows_and_is_removed() -> None:
    stream = kalshi(L)
    stream.machine.unwatch(K.instrument_id, stream.now)
    left = stream.now
    stream.numbered(delta("K", BID, 41, 1), skip=1)
    out = stream.end()
    assert [row.valid_to for row in out.rows if row.instrument_id == K.instrument_id][-1] == left
    assert {row[0] for row in gaps(out)} == {"gap"}
    assert stream.machine.needs_snapshot == ["L"]


# --- the end of trading


@pytest.mark.parametrize("late", [True, False])
def test_an_empty_snapshot_is_the_end_only_after_the_close(late: bool) -> None:
    stream = Stream(Instrument("kalshi:K", ("K",), close_at=START + 100 * MS))
    stream.numbered(snapshot("K", BIDS, ASKS))
    stream.numbered(snapshot("K", (), ()), after=200 * MS if late else 60 * MS)
    stream.numbered(snapshot("K", (), ()))
    out = stream.end()
    assert stream.states(out)[1:] == [("live", None), ("unknown", "closed") if late else ("live", None)]
    assert gaps(out) == []
    assert stream.machine.needs_snapshot == []


def test_a_market_that_trades_again_has_a_book_again() -> None:
    stream = kalshi()
    stream.numbered(Ended("K"))
    stream.numbered(delta("K", BID, 41, 1))
    stream.numbered(snapshot("K", (), ()))
    stream.numbered(snapshot("K", BIDS, ASKS), after=MS)
    assert stream.states(stream.end())[2:] == [("unknown", "closed"), ("live", None)]


# --- clock and proof


def test_a_clock_that_steps_back_does_not_move_the_time() -> None:
    stream = kalshi()
    high = stream.now
    stream.numbered(delta("K", BID, 41, 1, START), after=-5 * MS)
    stream.numbered(delta("K", BID, 41, 1, START + 1), after=MS)
    out = stream.end(after=100 * MS)
    assert stream.machine.counts["clock_backwards"] == 2
    assert stream.states(out)[1:] == [("live", None), ("live", None)]
    assert out.rows[-1].valid_from == high
    assert out.rows[-1].bids[0] == (41 * CENT, 2 * ONE)


def test_any_frame_of_a_numbered_subscription_proves_all_its_books() -> None:
    stream = kalshi(L)
    for _ in range(4):
        stream.numbered(delta("L", BID, 41, 1), after=BUDGET - 60 * MS)
    assert stream.states(stream.end())[1:] == [("live", None)]


def test_a_book_is_stale_from_the_end_of_its_budget_to_the_next_proof() -> None:
    stream = kalshi()
    first = stream.now - 50 * MS
    again = stream.numbered(Acknowledged("ok"), after=2 * BUDGET)
    out = stream.end()
    assert stream.states(out)[1:] == [("live", None), ("stale", None), ("live", None)]
    assert (out.rows[2].valid_from, out.rows[2].valid_to) == (first + BUDGET, again)
    assert out.rows[2].bids == BIDS


def test_an_instrument_without_numbers_is_proved_by_its_own_frames_only() -> None:
    other = Instrument("polymarket:0xn", ("8", "9"))
    stream = Stream(P, other)
    stream.send(snapshot("0", BIDS, ASKS, START), snapshot("8", BIDS, ASKS, START))
    for _ in range(2):
        stream.send(Quoted("9", 40 * CENT, 60 * CENT), after=BUDGET - 60 * MS)
    out = stream.end()
    assert stream.states(out)[1:] == [("live", None), ("stale", None)]
    assert stream.states(out, other.instrument_id)[1:] == [("live", None)]


# --- two tokens, hashes


def test_the_other_token_is_a_mirror_and_adds_no_depth() -> None:
    stream = polymarket(MIRROR)
    stream.send(put("1", ASK, 59, 4, START + 1), put("0", BID, 41, 4, START + 1))
    out = stream.end()
    assert stream.states(out)[1:] == [("live", None), ("live", None)]
    assert (out.rows[-1].bids[0], out.rows[-1].bid_depth) == ((41 * CENT, 4 * ONE), 16 * ONE)


@pytest.mark.parametrize(("after", "lost"), [(249 * MS, False), (299 * MS, False), (300 * MS, True)])
def test_mirrors_may_differ_for_250_ms(after: int, lost: bool) -> None:
    stream = polymarket(MIRROR)
    differs = stream.send(put("0", BID, 41, 4, START + 1))
    stream.machine.advance(differs + 50 * MS)  # the batch is over: the second look is 250 ms later
    stream.send(put("1", ASK, 59, 4, START + 2), after=after)
    stream.machine.advance(stream.now + 50 * MS)
    assert stream.machine.counts["lost_mirror"] == lost


def test_a_tick_size_change_invalidates_the_book_and_enters_the_hash() -> None:
    stream = polymarket()
    stream.send(TickSize("0", "0.001", START + 1))
    assert stream.machine.needs_snapshot == ["0", "1"]
    stream.send(put("0", BID, 41, 4, START + 2))
    stream.send(snapshot("0", BIDS, ASKS, START + 3))
    out = stream.end()
    assert stream.states(out)[1:] == [("live", None), ("unknown", "tick_size_change"), ("live", None)]
    assert stream.machine.book(P.instrument_id).verifier.facts.tick_size == "0.001"


def test_a_removal_of_a_missing_level_is_counted_and_changes_nothing() -> None:
    stream = polymarket()
    stream.send(put("0", BID, 12, 0, START + 1))
    assert stream.machine.book(P.instrument_id).missing_removals == 1
    assert stream.states(stream.end())[1:] == [("live", None)]


NEW = (*cents((41, 4)), *BIDS)


def test_a_hash_that_matches_is_a_hit() -> None:
    stream = polymarket()
    stream.send(put("0", BID, 41, 4, START + MS, digest(NEW, ASKS, START + MS)))
    stream.end()
    verifier = stream.machine.book(P.instrument_id).verifier
    assert (verifier.hits, verifier.misses) == (2, 0)


@pytest.mark.parametrize("final_only", [True, False])
def test_several_changes_of_one_token_may_have_a_hash_each_or_the_final_one(final_only: bool) -> None:
    stream = polymarket()
    at = START + MS
    step, final = digest(NEW, ASKS, at), digest((*cents((42, 1)), *NEW), ASKS, at)
    stream.send(put("0", BID, 41, 4, at, final if final_only else step), put("0", BID, 42, 1, at, final))
    stream.end()
    verifier = stream.machine.book(P.instrument_id).verifier
    assert (verifier.hits, verifier.misses) == (2, 0)


def test_one_hash_miss_invalidates_the_book_250_ms_later() -> None:
    stream = polymarket()
    at = stream.send(put("0", BID, 41, 4, START + MS, "wrong"))
    out = stream.end()
    assert stream.states(out)[1:] == [("live", None), ("live", None), ("unknown", "hash")]
    assert out.rows[-1].valid_from == at + 50 * MS + 250 * MS
    assert [(c.at, c.number, c.matched) for c in out.checks] == [(START + MS, 1, True), (at, 2, False)]


def test_a_matching_hash_cancels_an_earlier_miss() -> None:
    stream = polymarket()
    stream.send(put("0", BID, 41, 4, START + MS, "wrong"))
    at = START + 2 * MS
    stream.send(put("0", BID, 41, 5, at, digest((*cents((41, 5)), *BIDS), ASKS, at)))
    assert stream.states(stream.end())[-1] == ("live", None)


def test_a_snapshot_cancels_an_earlier_miss() -> None:
    stream = polymarket()
    stream.send(put("0", BID, 41, 4, START + MS, "wrong"))
    stream.send(snapshot("0", BIDS, ASKS, START + 2 * MS))
    assert stream.states(stream.end())[-1] == ("live", None)


def test_a_late_trade_price_cancels_a_miss() -> None:
    stream = polymarket()
    at = START + MS
    facts = type(FACTS)("0xm", "5", "0.01", neg_risk=False, last_trade_price="0.600")
    stream.send(put("0", BID, 41, 4, at, digest(NEW, ASKS, at, facts)))
    stream.send(Traded("1", 60 * CENT, ONE, True, None, START), after=90 * MS)
    checks = stream.end().checks
    assert [(c.number, c.matched) for c in checks] == [(1, True), (2, False), (2, True)]
    assert checks[1].at == checks[2].at
    verifier = stream.machine.book(P.instrument_id).verifier
    assert (verifier.hits, verifier.misses) == (2, 0)
    assert stream.machine.row(P.instrument_id).state is BookState.LIVE


def test_hashes_that_never_match_mean_wrong_facts_and_not_a_wrong_book() -> None:
    stream = Stream(P)
    for n in range(5):
        stream.send(Snapshot("0", cents((40 - n, 5)), ASKS, START + n * MS, "wrong", FACTS))
    out = stream.end()
    assert [row.state for row in out.rows[1:]] == [BookState.LIVE] * 5
    assert [(note.kind, note.subject) for note in out.notes] == [("wrong_facts", P.instrument_id)]
    verifier = stream.machine.book(P.instrument_id).verifier
    assert (verifier.hits, verifier.misses, verifier.unchecked) == (0, 3, 2)


def test_a_miss_invalidates_no_book_before_the_first_match() -> None:
    stream = Stream(P)
    stream.send(snapshot("0", BIDS, ASKS, START))
    stream.send(put("0", BID, 41, 4, START + MS, "wrong"))
    assert stream.states(stream.end())[1:] == [("live", None), ("live", None)]


def test_hashes_are_checked_again_after_the_facts_change() -> None:
    wrong = type(FACTS)("0xm", "1", "0.01", neg_risk=False, last_trade_price="")
    stream = Stream(Instrument(P.instrument_id, P.tokens, facts=wrong))
    for n in range(4):
        at, bids = START + n * MS, cents((40 - n, 5))
        stream.send(Snapshot("0", bids, ASKS, at, digest(bids, ASKS, at)))
    verifier = stream.machine.book(P.instrument_id).verifier
    assert verifier.wrong_facts
    stream.send(Snapshot("0", BIDS, ASKS, START + 4 * MS, digest(BIDS, ASKS, START + 4 * MS), FACTS))
    stream.settle()
    assert (verifier.hits, verifier.wrong_facts) == (1, False)


# --- REST books


def rest(bids: tuple[tuple[int, int], ...], at: int | None) -> Snapshot:
    return Snapshot("0", bids, ASKS, at, None, FACTS, rest=True)


def test_an_equal_rest_book_is_proof() -> None:
    stream = polymarket()
    for _ in range(2):
        stream.send(rest(BIDS, START), after=BUDGET - 60 * MS)
    out = stream.end()
    assert stream.states(out)[1:] == [("live", None)]
    assert stream.machine.counts["probes_equal"] == 2
    assert stream.machine.book(P.instrument_id).verified_at == stream.now
    assert [(check.at, check.matched) for check in out.checks][-1] == (stream.now, True)


def test_a_different_rest_book_of_the_same_time_invalidates_the_book() -> None:
    stream = polymarket()
    stream.send(rest(BIDS[:1], START + 1))
    assert (stream.machine.row(P.instrument_id).state, stream.machine.counts["probes_later"]) == (BookState.LIVE, 1)
    stream.send(rest(BIDS[:1], START))
    assert stream.machine.row(P.instrument_id).reason == "probe"


def test_a_newer_rest_book_invalidates_the_book_250_ms_after_the_first_of_several() -> None:
    stream = polymarket()
    first = stream.send(rest(BIDS[:1], START + MS), after=60 * MS)
    for _ in range(4):
        stream.send(rest(BIDS[:1], START + MS), after=100 * MS)
    [(reason, _, lost_at, _)] = gaps(stream.end())
    assert (reason, lost_at) == ("probe", first + 250 * MS)


def test_a_rest_book_becomes_valid_when_a_hash_of_the_stream_matches() -> None:
    stream = polymarket()
    stream.number += 1  # a frame is lost
    stream.send(put("0", BID, 39, 1, START + MS))  # the REST book contains it
    stream.send(put("0", BID, 41, 4, START + 3 * MS))  # and not this
    stream.send(rest(BIDS, START + 2 * MS))
    stream.send(put("0", BID, 38, 9, START + 2 * MS))  # in flight during the request
    assert stream.machine.row(P.instrument_id).reason == "lost_frames"
    at = START + 4 * MS
    back = stream.send(put("0", BID, 42, 1, at, digest((*cents((42, 1)), *NEW), ASKS, at)), after=60 * MS)
    out = stream.end()
    assert gaps(out)[0][3] == back
    assert out.rows[-1].bids == (*cents((42, 1)), *NEW)


def test_a_rest_book_is_discarded_when_a_hash_does_not_match() -> None:
    stream = polymarket()
    stream.number += 1
    stream.send(rest(BIDS, START + MS))
    stream.send(put("0", BID, 42, 1, START + 2 * MS, "wrong"))
    out = stream.end()
    assert stream.states(out)[-1] == ("unknown", "lost_frames")
    assert gaps(out)[-1][3] is None
    assert stream.machine.needs_snapshot == ["0", "1"]


def test_a_rest_book_without_a_time_is_not_adopted() -> None:
    stream = kalshi()
    stream.number += 1
    stream.send(Snapshot("K", BIDS, ASKS, rest=True))
    assert stream.states(stream.end())[-1] == ("unknown", "lost_frames")
