"""Properties of the book machine for any input.

Belongs here: properties over generated streams. ``test_book_machine.py`` tests single rules.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Change, Event, Facts, Frame, Level, Message, Side, Snapshot, Subscribed
from echelon_pipeline.books.machine import Machine
from echelon_pipeline.books.rows import BookRow, BookState, Output, Reason
from echelon_pipeline.domain.scaled import CENT, ONE
from echelon_pipeline.venues.kalshi import stream as kalshi
from echelon_pipeline.venues.polymarket import stream as polymarket
from echelon_pipeline_tests.book_streams import FACTS, MS, START, Stream, delta, digest, gaps, is_crossed, put, snapshot
from echelon_pipeline_tests.mutations import mutated
from echelon_pipeline_tests.unit.test_kalshi_stream import FRAMES as KALSHI_FRAMES
from echelon_pipeline_tests.unit.test_polymarket_stream import FRAMES as POLYMARKET_FRAMES

K = Instrument("kalshi:K", ("K",))
P = Instrument("polymarket:0xm", ("0", "1"), facts=FACTS)
Sides = tuple[dict[int, int], dict[int, int]]

# Bids below 50 cents, asks above: never crossed.
LEVEL = st.tuples(st.sampled_from(Side), st.integers(1, 4))
STEP = st.one_of(
    st.tuples(LEVEL, st.integers(-3, 3)),  # a change, by as much as there is
    st.dictionaries(LEVEL, st.integers(1, 5)),  # a whole ladder
)
Steps = list[tuple[tuple[Side, int], int] | dict[tuple[Side, int], int]]


def place(side: Side, n: int) -> int:
    return 40 + n if side is Side.BID else 60 - n


def levels(sides: Sides) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Best first, as a row has them."""
    bids, asks = ({p * CENT: s * ONE for p, s in side.items()} for side in sides)
    return tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items()))


def told(steps: Steps, *, absolute: bool = False) -> list[tuple[Event, tuple[tuple[Level, ...], tuple[Level, ...]]]]:
    """The events of these steps, each with the ladder of a naive dictionary after it."""
    sides: Sides = ({}, {})
    found: list[tuple[Event, tuple[tuple[Level, ...], tuple[Level, ...]]]] = []
    for n, step in enumerate([{}, *steps]):
        at = START + n * MS
        if isinstance(step, dict):
            sides = ({}, {})
            for (side, where), size in step.items():
                sides[side][place(side, where)] = size
            event: Event = snapshot("0" if absolute else "K", *levels(sides), at)
        else:
            (side, where), by = step
            price = place(side, where)
            old = sides[side].pop(price, 0)
            new = max(old + by, 0)
            if new:
                sides[side][price] = new
            event = put("0", side, price, new, at) if absolute else delta("K", side, price, new - old, at)
        found.append((event, levels(sides)))
    return found


def check(out: Output) -> list[BookRow]:
    """Rows are consecutive, show no crossed book, and no levels where the book is unknown."""
    regained = {gap.to_at for gap in out.gaps}
    for one, following in pairwise(out.rows):
        assert one.valid_from < one.valid_to == following.valid_from
        assert one[3:5] != following[3:5] or one[8:] != following[8:] or following.valid_from in regained
    for row in out.rows:
        assert (row.state is BookState.UNKNOWN) == (row.reason is not None) == (row.bid_depth is None)
        assert not is_crossed(row)
        assert row.state is not BookState.UNKNOWN or not (row.bids or row.asks)
    for gap in out.gaps:
        assert gap.to_at is None or gap.from_at <= gap.to_at
        assert (gap.last_good_at or 0) <= gap.from_at
    return [row for row in out.rows if row.state is not BookState.UNKNOWN]


def numbered(events: list[Event]) -> list[tuple[Event, int]]:
    return [(event, n + 1) for n, event in enumerate(events)]


def replay(frames: list[tuple[Event, int]]) -> tuple[Stream, Output]:
    stream = Stream(K)
    stream.send(Subscribed("orderbook_delta", 1))
    for event, seq in frames:
        stream.send(event, sid=1, seq=seq)
    return stream, stream.end()


@given(st.lists(STEP, max_size=30))
def test_any_valid_events_give_the_rows_of_a_naive_dictionary(steps: Steps) -> None:
    truth = told(steps)
    _, out = replay(numbered([event for event, _ in truth]))
    rows = check(out)
    distinct = [after for before, after in pairwise([None, *(ladder for _, ladder in truth)]) if before != after]
    assert [(row.bids, row.asks) for row in rows] == distinct
    assert gaps(out) == []


@given(
    st.lists(STEP, max_size=12), st.lists(st.integers(0, 12), max_size=12), st.dictionaries(LEVEL, st.integers(1, 5))
)
def test_a_snapshot_after_anything_equals_a_fresh_book(
    steps: Steps, numbers: list[int], last: dict[tuple[Side, int], int]
) -> None:
    (_, (event, ladder)) = told([last])
    events = [event for event, _ in told(steps)]
    stream, _ = replay([(events[n % len(events)], n) for n in numbers])
    stream.settle()
    stream.send(event, sid=1, seq=99)
    rows = check(stream.end())
    assert (rows[-1].bids, rows[-1].asks, rows[-1].state) == (*ladder, BookState.LIVE)


@given(st.lists(STEP, min_size=2, max_size=15), st.sampled_from(["drop", "double", "swap"]), st.data())
def test_lost_repeated_and_swapped_frames_are_always_detected_and_no_wrong_book_is_shown(
    steps: Steps, damage: str, data: st.DataObject
) -> None:
    truth = told(steps)
    frames = numbered([event for event, _ in truth])
    at = data.draw(st.integers(0, len(frames) - 2))
    if damage == "drop":
        del frames[at]  # never the last: nothing comes that could tell
    elif damage == "double":
        frames.insert(at + 1, frames[at])
    else:
        frames[at], frames[at + 1] = frames[at + 1], frames[at]
    stream, out = replay(frames)
    assert stream.machine.counts["sequence_breaks"] >= 1
    true = {ladder for _, ladder in truth}
    assert all((row.bids, row.asks) in true for row in check(out))
    held = [event for event, _ in frames]
    if not any(isinstance(event, Snapshot) for event in held[at:]):
        assert stream.machine.row(K.instrument_id).state is BookState.UNKNOWN


@given(st.lists(STEP, min_size=1, max_size=12), st.integers(0, 12))
def test_the_next_hash_detects_a_change_that_the_venue_never_sent(steps: Steps, lost: int) -> None:
    """Without numbers: a book that is valid at the end is the true book."""
    truth = told(steps, absolute=True)
    stream, final = Stream(P), truth[-1][1]
    for n, (event, ladder) in enumerate(truth):
        assert isinstance(event, Snapshot | Change)
        hashed = digest(*ladder, event.at or 0, FACTS)
        facts = {"facts": FACTS} if isinstance(event, Snapshot) else {}
        if n == 0 or n != lost:
            stream.send(msgspec.structs.replace(event, hash=hashed, **facts))
    whole = lost == 0 or lost >= len(truth)
    out = stream.end()
    rows = check(out)
    verifier = stream.machine.book(P.instrument_id).verifier
    if whole:
        assert (verifier.misses, stream.machine.row(P.instrument_id).state) == (0, BookState.LIVE)
    elif lost < len(truth) - 1 and stream.machine.row(P.instrument_id).state is BookState.LIVE:
        assert (rows[-1].bids, rows[-1].asks) == final


@given(st.lists(mutated(KALSHI_FRAMES), max_size=8), st.lists(mutated(POLYMARKET_FRAMES), max_size=8), st.data())
def test_damaged_frames_never_stop_the_machine(first: list[bytes], second: list[bytes], data: st.DataObject) -> None:
    machine, number, now = Machine(), 0, START
    machine.watch(K, now)
    machine.watch(Instrument("polymarket:0xm", ("1", "2"), facts=Facts("0xm", "5", "0.01", neg_risk=False)), now)
    readers = [(kalshi.read, first), (polymarket.read, second), (polymarket.read_books, second)]
    for reader, frames in readers:
        for payload in frames:
            number += 1
            now += data.draw(st.integers(-MS, 400 * MS))
            machine.feed(Frame("a", number, now, reader(payload)))
    out = machine.finish(now + 1_000 * MS)
    for name in ("kalshi:K", "polymarket:0xm"):
        check(out._replace(rows=[row for row in out.rows if row.instrument_id == name]))


@given(st.lists(st.integers(-200, 200), min_size=1, max_size=20))
def test_time_never_runs_backwards_in_rows_whatever_our_clock_does(ticks: list[int]) -> None:
    stream = Stream(K)
    stream.numbered(snapshot("K", ((40 * CENT, ONE),), ()))
    for n, tick in enumerate(ticks):
        stream.numbered(delta("K", Side.BID, 40, 1, START + n * MS), after=tick * MS)
    check(stream.end())


def test_a_frame_of_an_unwatched_token_changes_nothing() -> None:
    machine = Machine()
    machine.feed(Frame("a", 1, START, Message(())))
    assert machine.finish(START) == Output([], [], [], [])
    assert machine.needs_snapshot == []
    assert Reason.GAP not in machine.counts


@given(st.lists(mutated(KALSHI_FRAMES), max_size=12), st.lists(st.integers(1, 40_000_000), min_size=12, max_size=12))
def test_a_machine_without_rows_has_the_best_levels_of_the_rows(payloads: list[bytes], waits: list[int]) -> None:
    whole, best = Machine(), Machine(rows=False)
    for machine in (whole, best):
        machine.watch(K, START)
    now = START
    for number, (payload, wait) in enumerate(zip(payloads, waits, strict=False)):
        now += wait
        frame = Frame("c", number, now, kalshi.read(payload))
        for machine in (whole, best):
            machine.feed(frame)
            machine.advance(now + 60_000)
        told, row = whole.row(K.instrument_id), best.row(K.instrument_id)
        assert (row.state, row.reason) == (told.state, told.reason)
        assert (row.bids, row.asks) == (told.bids[:1], told.asks[:1])
        assert best.needs_snapshot == whole.needs_snapshot
    assert best.finish(now).rows == []
