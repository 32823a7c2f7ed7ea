"""One frame after another: ``books/machine.py`` compiled.

Belongs here: numbers of frames, proof, clock, routing. What happens to a book is ``keeper.py``.
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.books.columns import NONE, Columns, Kind
from echelon_pipeline.books.fast import compiled, constants, entry, hashes, inside, keeper, rows, waits
from echelon_pipeline.books.fast.state import (
    AT_CHECKS,
    AT_GAPS,
    AT_NOTES,
    AT_ROWS,
    BACKWARDS,
    BREAKS,
    BY_PRICE,
    CLOSED,
    UNREADABLE,
    UNWATCHED,
    Made,
    Memory,
    number_of,
)
from echelon_pipeline.books.keeper import QUIET, SECOND_LOOK
from echelon_pipeline.books.rows import Reason

GAP, LOST_FRAMES, DISCONNECT, TICK_SIZE, DOUBTED, ENDED = map(
    number_of,
    (
        *(Reason.GAP, Reason.LOST_FRAMES, Reason.DISCONNECT, Reason.TICK_SIZE_CHANGE, Reason.UNREADABLE),
        Reason.SUBSCRIPTION_LOST,
    ),
)
[ALL] = constants(NONE, NONE + 1)  # in place of a subscription
CHANGE, SNAPSHOT, TICK, OVER = int(Kind.CHANGE), int(Kind.SNAPSHOT), int(Kind.TICK_SIZE), int(Kind.ENDED)
TRADED, BEGUN, LOST, BROKEN = int(Kind.TRADED), int(Kind.SUBSCRIBED), int(Kind.LOST), int(Kind.UNREADABLE)
QUOTED, NAMED = int(Kind.QUOTED), int(Kind.DOUBTED)
# Ends, hides, judgements of one book between two frames, and of one event: what a frame can give out at most.
PER_BOOK, PER_EVENT = 8, 8


@compiled
def advance(m: Memory, made: Made, now: int) -> None:
    """Nothing more arrives before this instant. Where our own clock steps back, time stands still."""
    clock = m.clock[0]
    if now < clock.now:
        clock.counts[BACKWARDS] += 1
        return
    clock.now = now
    keeper.due(m, made, now)
    _expire(m, made, now)


@compiled
def _is_due(m: Memory, now: int) -> bool:
    """Whether anything waits no longer than until now."""
    budget = m.clock[0].budget
    return bool(
        waits.first(m.quiet, QUIET, now) >= 0
        or waits.first(m.looks, SECOND_LOOK, now) >= 0
        or waits.first(m.book_proofs, budget, now) >= 0
        or waits.first(m.subscription_proofs, budget, now) >= 0
    )


@compiled
def _expire(m: Memory, made: Made, now: int) -> None:
    """Proofs that are too old by now, the oldest first."""
    budget = m.clock[0].budget
    while True:
        book, sub = waits.first(m.book_proofs, budget, now), waits.first(m.subscription_proofs, budget, now)
        if book < 0 and sub < 0:
            return
        if sub < 0 or (book >= 0 and waits.since(m.book_proofs, book) <= waits.since(m.subscription_proofs, sub)):
            waits.stop(m.book_proofs, book)
            m.books[book].expired = 1
            keeper.restate(m, made, book, waits.since(m.book_proofs, book) + budget)
        else:
            waits.stop(m.subscription_proofs, sub)
            m.subscriptions[sub].expired = 1
            _restate_all(m, made, sub, waits.since(m.subscription_proofs, sub) + budget)


@compiled
def _restate_all(m: Memory, made: Made, sub: int, at: int) -> None:
    for book in range(len(m.books)):
        if m.books[book].subscription == sub:
            keeper.restate(m, made, book, at)


@inside
def _prove_book(m: Memory, made: Made, book: int) -> None:
    b, now = m.books[book], m.clock[0].now
    b.proved_at = now
    waits.start(m.book_proofs, book, now)
    if b.expired:
        b.expired = 0
        keeper.restate(m, made, book, now)


@compiled
def _subscription(m: Memory, sid: int) -> int:
    """The subscription of that number; a new one where there is none."""
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
def _number(m: Memory, made: Made, sub: int, seq: int) -> None:
    one, now = m.subscriptions[sub], m.clock[0].now
    if seq >= 0:
        expected = one.expected
        one.expected = seq + 1
        if m.clock[0].sequences and expected >= 0 and expected != seq:
            m.clock[0].counts[BREAKS] += 1
            keeper.lose_all(m, made, sub, GAP)
    one.proved_at = now
    waits.start(m.subscription_proofs, sub, now)
    if one.expired:
        one.expired = 0
        _restate_all(m, made, sub, now)


@compiled
def disconnect(m: Memory, made: Made) -> None:
    """The connection is gone: what comes after it starts from snapshots."""
    keeper.lose_all(m, made, ALL, DISCONNECT)
    for book in range(len(m.books)):
        m.books[book].subscription = NONE
    for sub in range(m.clock[0].subscriptions):
        waits.stop(m.subscription_proofs, sub)
    m.clock[0].subscriptions = 0


@inside
def _book_event(m: Memory, made: Made, ladder: int, event: Any, levels: Any, sub: int) -> None:
    book, outcome, kind = ladder >> 1, ladder & 1, event.kind
    if sub < 0:
        _prove_book(m, made, book)
    if kind in (CHANGE, SNAPSHOT):
        if sub >= 0:
            m.books[book].subscription = sub
        if kind == CHANGE:
            keeper.change(m, made, book, outcome, event)
        else:
            keeper.snapshot(m, made, book, outcome, event, levels)
    elif kind == QUOTED:
        if sub < 0:
            keeper.quoted(m, book, ladder, event)
    elif kind == TICK:
        hashes.learn(m, book, event)
        keeper.lose(m, made, book, TICK_SIZE, m.clock[0].now)
    elif kind == OVER:
        keeper.lose(m, made, book, CLOSED, m.clock[0].now)
    elif kind == TRADED:
        m.books[book].traded, m.books[book].traded_price = BY_PRICE, event.price


@inside
def _event(m: Memory, made: Made, event: Any, levels: Any, sub: int) -> None:
    clock, kind = m.clock[0], event.kind
    clock.kinds[kind] += 1
    ladder = keeper.ladder_of(m, event.token)
    if ladder < 0 and event.token != NONE:
        clock.counts[UNWATCHED] += 1
    if kind == BROKEN:
        clock.counts[UNREADABLE] += 1
        if event.doubt and event.token == NONE:
            keeper.lose_all(m, made, sub, DOUBTED)
        elif event.doubt and ladder >= 0:
            keeper.lose(m, made, ladder >> 1, DOUBTED, clock.now)
    elif kind == NAMED:
        if ladder >= 0:
            keeper.lose(m, made, ladder >> 1, DOUBTED, clock.now)
    elif kind == BEGUN:
        fresh = _subscription(m, event.size)
        keeper.lose_all(m, made, fresh, GAP)
        m.subscriptions[fresh].expected = 1
    elif kind == LOST:
        keeper.lose_all(m, made, sub, ENDED)
    elif ladder >= 0:
        _book_event(m, made, ladder, event, levels, sub)


@inside
def _frame(m: Memory, made: Made, columns: Columns, n: int, connection: int, number: int) -> None:
    clock, frame, now = m.clock[0], columns.frames[n], columns.received_at[n]
    if now < clock.now or _is_due(m, now):
        advance(m, made, now)
    else:
        clock.now = now
    old, before = clock.connection, clock.number
    clock.connection, clock.number = connection, number
    if connection != old:
        disconnect(m, made)
    elif number != before + 1:
        keeper.lose_all(m, made, ALL, LOST_FRAMES)
    sub = ALL
    if frame.sid >= 0:
        sub = _subscription(m, frame.sid)
        _number(m, made, sub, frame.seq)
    for at in range(frame.first, frame.last):
        _event(m, made, columns.events[at], columns.levels, sub)


@inside
def _run(m: Memory, made: Made, columns: Columns, start: int, connection: int, first: int, books: int) -> int:
    for n in range(start, len(columns.frames)):
        need = PER_BOOK * books + PER_EVENT * (columns.frames[n].last - columns.frames[n].first) + PER_EVENT
        full = max(made.ends[AT_ROWS], made.ends[AT_GAPS], made.ends[AT_CHECKS], made.ends[AT_NOTES])
        if full + need > len(made.rows):
            return n
        _frame(m, made, columns, n, connection, first + n)
    return len(columns.frames)


@compiled
def _finish(m: Memory, made: Made, book: int) -> None:
    """Nothing more comes for it: its row ends; its gap, if it is in one, has no end."""
    if m.books[book].batch_open:
        keeper.close(m, made, book, m.clock[0].now)
    rows.end(m, made, book, m.clock[0].now)
    rows.end_gap(m, made, book, ALL)


@compiled
def _leave(m: Memory, book: int) -> None:
    """Not watched any more."""
    keeper.forget(m, book)
    waits.stop(m.book_proofs, book)
    m.books[book].used, m.books[book].subscription = 0, NONE


RUN, ADVANCE, CUT, FINISH, LEAVE = constants(0, 5)


@entry
def do(what: int, m: Memory, made: Made, columns: Columns, which: int, connection: int, first: int, books: int) -> int:
    """All that is called from outside, as one function: each would be compiled with everything below it.

    RUN: frames from ``which`` on while there is room for what the next one may give out; the first that is left.
    ADVANCE to the instant ``which``; CUT the connection; FINISH and LEAVE the book ``which``.
    """
    if what == RUN:
        return _run(m, made, columns, which, connection, first, books)
    if what == ADVANCE:
        advance(m, made, which)
    elif what == CUT:
        disconnect(m, made)
    elif what == FINISH:
        _finish(m, made, which)
    else:
        _leave(m, which)
    return 0
