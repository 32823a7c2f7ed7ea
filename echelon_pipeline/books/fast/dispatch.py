"""Applies one frame after another: ``books/machine.py`` compiled.

Belongs here: frame numbers, proof, clock, routing. ``validity.py`` applies the consequences to a book.
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.books.columns import NONE, Columns, Kind
from echelon_pipeline.books.fast import compiled, constants, entry, hashes, inside, rows, timeouts, validity
from echelon_pipeline.books.fast.arrays import (
    AT_CHECKS,
    AT_GAPS,
    AT_NOTES,
    AT_ROWS,
    BY_PRICE,
    CLOCK_BACKWARDS,
    CLOSED,
    SEQUENCE_BREAKS,
    UNREADABLE_EVENTS,
    UNWATCHED_EVENTS,
    KernelOutput,
    KernelState,
    number_of,
)
from echelon_pipeline.books.rows import Reason
from echelon_pipeline.books.validity import QUIET, RECHECK

REASON_GAP, REASON_LOST_FRAMES, REASON_DISCONNECT, REASON_TICK_SIZE, REASON_UNREADABLE, REASON_SUBSCRIPTION_LOST = map(
    number_of,
    (
        *(Reason.GAP, Reason.LOST_FRAMES, Reason.DISCONNECT, Reason.TICK_SIZE_CHANGE, Reason.UNREADABLE),
        Reason.SUBSCRIPTION_LOST,
    ),
)
[NO_SUBSCRIPTION] = constants(NONE, NONE + 1)  # as a subscription: all books
CHANGE, SNAPSHOT, TICK_SIZE, ENDED, TRADED, QUOTED = map(
    int, (Kind.CHANGE, Kind.SNAPSHOT, Kind.TICK_SIZE, Kind.ENDED, Kind.TRADED, Kind.QUOTED)
)
SUBSCRIBED, SUBSCRIPTION_LOST, UNREADABLE, SUSPECT_LADDER, REST_BOOK = map(
    int, (Kind.SUBSCRIBED, Kind.SUBSCRIPTION_LOST, Kind.UNREADABLE, Kind.SUSPECT_LADDER, Kind.REST_BOOK)
)
# Maximum output of one book between two frames, and of one event: rows, gaps, checks.
PER_BOOK, PER_EVENT = 8, 8


@compiled
def advance(m: KernelState, out: KernelOutput, now: int) -> None:
    """Sets the time: no frame arrives before it. If our own clock steps back, the time does not change."""
    clock = m.clock[0]
    if now < clock.now:
        clock.counts[CLOCK_BACKWARDS] += 1
        return
    clock.now = now
    validity.due(m, out, now)
    _expire(m, out, now)


@compiled
def _is_due(m: KernelState, now: int) -> bool:
    """Whether any timeout expires by ``now``."""
    budget = m.clock[0].budget
    return bool(
        timeouts.first(m.quiet, QUIET, now) >= 0
        or timeouts.first(m.rechecks, RECHECK, now) >= 0
        or timeouts.first(m.book_proofs, budget, now) >= 0
        or timeouts.first(m.subscription_proofs, budget, now) >= 0
    )


@compiled
def _expire(m: KernelState, out: KernelOutput, now: int) -> None:
    """Handles proofs that are older than the budget, oldest first."""
    budget = m.clock[0].budget
    while True:
        book, sub = timeouts.first(m.book_proofs, budget, now), timeouts.first(m.subscription_proofs, budget, now)
        if book < 0 and sub < 0:
            return
        if sub < 0 or (book >= 0 and timeouts.since(m.book_proofs, book) <= timeouts.since(m.subscription_proofs, sub)):
            timeouts.stop(m.book_proofs, book)
            m.books[book].expired = 1
            validity.restate(m, out, book, timeouts.since(m.book_proofs, book) + budget)
        else:
            timeouts.stop(m.subscription_proofs, sub)
            m.subscriptions[sub].expired = 1
            _restate_all(m, out, sub, timeouts.since(m.subscription_proofs, sub) + budget)


@compiled
def _restate_all(m: KernelState, out: KernelOutput, sub: int, at: int) -> None:
    for book in range(len(m.books)):
        if m.books[book].subscription == sub:
            validity.restate(m, out, book, at)


@inside
def _prove_book(m: KernelState, out: KernelOutput, book: int) -> None:
    b, now = m.books[book], m.clock[0].now
    b.proved_at = now
    timeouts.start(m.book_proofs, book, now)
    if b.expired:
        b.expired = 0
        validity.restate(m, out, book, now)


@compiled
def _subscription(m: KernelState, sid: int) -> int:
    """The index of a subscription; a new subscription if there is none."""
    clock = m.clock[0]
    for sub in range(clock.subscriptions):
        if m.subscriptions[sub].sid == sid:
            return sub
    sub = int(clock.subscriptions)
    clock.subscriptions += 1
    new = m.subscriptions[sub]
    new.sid, new.expected, new.proved_at, new.expired = sid, NONE, 0, 0
    return sub


@inside
def _number(m: KernelState, out: KernelOutput, sub: int, seq: int) -> None:
    subscription, now = m.subscriptions[sub], m.clock[0].now
    if seq >= 0:
        expected = subscription.expected
        subscription.expected = seq + 1
        if m.clock[0].sequences and expected >= 0 and expected != seq:
            m.clock[0].counts[SEQUENCE_BREAKS] += 1
            validity.lose_all(m, out, sub, REASON_GAP)
    subscription.proved_at = now
    timeouts.start(m.subscription_proofs, sub, now)
    if subscription.expired:
        subscription.expired = 0
        _restate_all(m, out, sub, now)


@compiled
def disconnect(m: KernelState, out: KernelOutput) -> None:
    """The connection is closed: all books need new snapshots."""
    validity.lose_all(m, out, NO_SUBSCRIPTION, REASON_DISCONNECT)
    for book in range(len(m.books)):
        m.books[book].subscription = NONE
    for sub in range(m.clock[0].subscriptions):
        timeouts.stop(m.subscription_proofs, sub)
    m.clock[0].subscriptions = 0


@inside
def _book_event(m: KernelState, out: KernelOutput, ladder: int, event: Any, levels: Any, sub: int) -> None:
    book, outcome, kind = ladder >> 1, ladder & 1, event.kind
    if sub < 0:
        _prove_book(m, out, book)
    if kind in (CHANGE, SNAPSHOT):
        if sub >= 0:
            m.books[book].subscription = sub
        if kind == CHANGE:
            validity.change(m, out, book, outcome, event)
        else:
            validity.snapshot(m, out, book, outcome, event, levels)
    elif kind == QUOTED:
        if sub < 0:
            validity.quoted(m, book, ladder, event)
    elif kind == TICK_SIZE:
        hashes.update_facts(m, book, event)
        validity.lose(m, out, book, REASON_TICK_SIZE, m.clock[0].now)
    elif kind == ENDED:
        validity.lose(m, out, book, CLOSED, m.clock[0].now)
    elif kind == TRADED:
        m.books[book].traded, m.books[book].traded_price = BY_PRICE, event.price


@compiled
def _unreadable(m: KernelState, out: KernelOutput, ladder: int, event: Any, sub: int) -> None:
    m.clock[0].counts[UNREADABLE_EVENTS] += 1
    if event.affects_book and event.token == NONE:
        validity.lose_all(m, out, sub, REASON_UNREADABLE)
    elif event.affects_book and ladder >= 0:
        validity.lose(m, out, ladder >> 1, REASON_UNREADABLE, m.clock[0].now)


@compiled
def _rest_book(m: KernelState, out: KernelOutput, ladder: int, event: Any, levels: Any) -> None:
    if ladder >= 0 and validity.rest_book(m, out, ladder, event, levels):
        _prove_book(m, out, ladder >> 1)


@inside
def _event(m: KernelState, out: KernelOutput, event: Any, levels: Any, sub: int) -> None:
    clock, kind = m.clock[0], event.kind
    clock.kinds[kind] += 1
    ladder = validity.ladder_of(m, event.token)
    if ladder < 0 and event.token != NONE:
        clock.counts[UNWATCHED_EVENTS] += 1
    if kind == UNREADABLE:
        _unreadable(m, out, ladder, event, sub)
    elif kind == SUSPECT_LADDER:
        if ladder >= 0:
            validity.lose(m, out, ladder >> 1, REASON_UNREADABLE, clock.now)
    elif kind == SUBSCRIBED:
        started = _subscription(m, event.size)
        validity.lose_all(m, out, started, REASON_GAP)
        m.subscriptions[started].expected = 1
    elif kind == SUBSCRIPTION_LOST:
        validity.lose_all(m, out, sub, REASON_SUBSCRIPTION_LOST)
    elif kind == REST_BOOK:
        _rest_book(m, out, ladder, event, levels)
    elif ladder >= 0:
        _book_event(m, out, ladder, event, levels, sub)


@inside
def _frame(m: KernelState, out: KernelOutput, columns: Columns, n: int, connection: int, number: int) -> None:
    clock, frame, now = m.clock[0], columns.frames[n], columns.received_at[n]
    if now < clock.now or _is_due(m, now):
        advance(m, out, now)
    else:
        clock.now = now
    old, before = clock.connection, clock.number
    clock.connection, clock.number = connection, number
    if connection != old:
        disconnect(m, out)
    elif number != before + 1:
        validity.lose_all(m, out, NO_SUBSCRIPTION, REASON_LOST_FRAMES)
    sub = NO_SUBSCRIPTION
    if frame.sid >= 0:
        sub = _subscription(m, frame.sid)
        _number(m, out, sub, frame.seq)
    for at in range(frame.first, frame.last):
        _event(m, out, columns.events[at], columns.levels, sub)


@inside
def _run(
    m: KernelState, out: KernelOutput, columns: Columns, start: int, connection: int, first: int, books: int
) -> int:
    for n in range(start, len(columns.frames)):
        need = PER_BOOK * books + PER_EVENT * (columns.frames[n].last - columns.frames[n].first) + PER_EVENT
        used = max(out.ends[AT_ROWS], out.ends[AT_GAPS], out.ends[AT_CHECKS], out.ends[AT_NOTES])
        if used + need > len(out.rows):
            return n
        _frame(m, out, columns, n, connection, first + n)
    return len(columns.frames)


@compiled
def _finish(m: KernelState, out: KernelOutput, book: int) -> None:
    """Ends the book's row; an open gap gets no end."""
    if m.books[book].batch_open:
        validity.close(m, out, book, m.clock[0].now)
    rows.end(m, out, book, m.clock[0].now)
    rows.end_gap(m, out, book, NO_SUBSCRIPTION)


@compiled
def _unwatch(m: KernelState, book: int) -> None:
    """Removes a book."""
    validity.forget(m, book)
    timeouts.stop(m.book_proofs, book)
    m.books[book].used, m.books[book].subscription = 0, NONE


RUN, ADVANCE, DISCONNECT, FINISH, UNWATCH = constants(0, 5)


@entry
def call(
    what: int, m: KernelState, out: KernelOutput, columns: Columns, which: int, connection: int, first: int, books: int
) -> int:
    """The only function that Python calls: each entry would be compiled with everything that it calls.

    RUN: applies frames from ``which`` on while there is space for their output; returns the first frame not applied.
    ADVANCE to the time ``which``; DISCONNECT; FINISH or UNWATCH the book ``which``.
    """
    if what == RUN:
        return _run(m, out, columns, which, connection, first, books)
    if what == ADVANCE:
        advance(m, out, which)
    elif what == DISCONNECT:
        disconnect(m, out)
    elif what == FINISH:
        _finish(m, out, which)
    else:
        _unwatch(m, which)
    return 0
