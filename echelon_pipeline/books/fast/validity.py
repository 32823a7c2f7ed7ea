"""Batches and losses: ``books/validity.py`` and the part of ``books/book.py`` that it needs, compiled.

Belongs here: when a book is checked, shown and invalidated. ``rest.py`` compares and adopts REST books.
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.books.columns import NONE, UNLISTED
from echelon_pipeline.books.fast import compiled, hashes, inside, ladders, rest, rows, timeouts
from echelon_pipeline.books.fast.arrays import (
    CLOSED,
    COMPARED,
    DIFFERENT,
    EQUAL,
    FULL,
    LATER,
    LIVE,
    NO_TRUST,
    RESYNCED,
    STALE,
    UNPROVED,
    VALID,
    KernelOutput,
    KernelState,
    number_of,
)
from echelon_pipeline.books.rows import Reason
from echelon_pipeline.books.validity import BEST, LADDER, QUIET, RECHECK, REST, WAYS

CROSSED, HASH, MIRROR, NEGATIVE, BEST_PRICES, PROBE = map(
    number_of, (Reason.CROSSED, Reason.HASH, Reason.MIRROR, Reason.NEGATIVE_LEVEL, Reason.BEST_PRICES, Reason.PROBE)
)


@inside
def last_proof(m: KernelState, book: int) -> int:
    b, last = m.books[book], m.books[book].proved_at
    if b.subscription >= 0:
        last = max(last, m.subscriptions[b.subscription].proved_at)
    return int(last)


@compiled
def restate(m: KernelState, out: KernelOutput, book: int, at: int) -> None:
    """Sets a valid book live or stale, by the age of its proof."""
    if m.books[book].used and m.books[book].reason == VALID:
        is_fresh = last_proof(m, book) + m.clock[0].budget > at
        rows.restate(m, out, book, at, LIVE if is_fresh else STALE)


@compiled
def forget(m: KernelState, book: int) -> None:
    """Cancels the book's timeouts and discards its ladders."""
    timeouts.stop(m.quiet, book)
    for what in range(WAYS):
        timeouts.stop(m.rechecks, WAYS * book + what)
    for ladder in (2 * book, 2 * book + 1):
        m.ladders[ladder].trust = NO_TRUST
        rest.drop_kept(m, ladder)
        m.ladders[ladder].best_bid = m.ladders[ladder].best_ask = NONE
        hashes.clear_claims(m, ladder)
    m.books[book].batch_open = m.books[book].mirror_miss = 0


@compiled
def lose(m: KernelState, out: KernelOutput, book: int, reason: int, at: int) -> None:
    """Invalidates a book. The first reason stays."""
    b = m.books[book]
    forget(m, book)
    if b.reason == CLOSED:
        return
    if reason == CLOSED:
        rows.end_gap(m, out, book, at)
    elif b.reason != VALID:
        return
    b.reason, b.from_at, b.last_good_at, b.discarded = reason, at, last_proof(m, book), 0
    m.clock[0].counts[reason] += 1
    rows.hide(m, out, book, at, reason)


@compiled
def lose_all(m: KernelState, out: KernelOutput, subscription: int, reason: int) -> None:
    """Invalidates the books of a subscription; -1: all books."""
    for book in range(len(m.books)):
        if m.books[book].used and (subscription < 0 or m.books[book].subscription == subscription):
            lose(m, out, book, reason, m.clock[0].now)


@inside
def _mirror_differs(m: KernelState, book: int) -> bool:
    if m.books[book].outcomes < 2 or m.ladders[2 * book].trust != FULL or m.ladders[2 * book + 1].trust != FULL:
        return False
    return not ladders.equal(m, 2 * book, 2 * book + 1)


@compiled
def _best_differs(m: KernelState, book: int) -> bool:
    """Whether the venue's last best prices differ from the ladder's."""
    for ladder in range(2 * book, 2 * book + m.books[book].outcomes):
        ladder_state = m.ladders[ladder]
        if (
            ladder_state.trust == FULL
            and ladder_state.best_bid >= 0
            and ladder_state.best_bid != ladders.best_bid(m, ladder)
        ):
            return True
        if (
            ladder_state.trust == FULL
            and ladder_state.best_ask >= 0
            and ladder_state.best_ask != ladders.best_ask(m, ladder)
        ):
            return True
    return False


@inside
def _schedule_recheck(m: KernelState, book: int, what: int, differs: bool, now: int) -> None:
    if differs:
        timeouts.start_once(m.rechecks, WAYS * book + what, now)
    else:
        timeouts.stop(m.rechecks, WAYS * book + what)


@compiled
def close(m: KernelState, out: KernelOutput, book: int, now: int) -> None:
    """Ends a batch: the only time at which a book is checked and shown."""
    b = m.books[book]
    b.batch_open = 0
    timeouts.stop(m.quiet, book)
    for outcome in range(b.outcomes):
        ladder_state = m.ladders[2 * book + outcome]
        if ladder_state.trust != NO_TRUST:
            matched = hashes.check_hash(m, out, book, outcome)
            if ladder_state.trust == UNPROVED and matched >= 0:
                ladder_state.trust = FULL if matched else NO_TRUST
                if matched:
                    rest.drop_kept(m, 2 * book + outcome)
    b.mirror_miss = _mirror_differs(m, book)
    trusted = m.ladders[2 * book].trust == FULL
    if trusted and ladders.crossed(m, 2 * book):
        lose(m, out, book, CROSSED, b.batch_last)
        return
    if trusted:
        if b.reason != VALID:
            rows.end_gap(m, out, book, b.batch_last)
            b.reason = VALID
        rows.show(m, out, book)
    has_misses = m.ladders[2 * book].miss >= 0 or m.ladders[2 * book + 1].miss >= 0
    _schedule_recheck(m, book, LADDER, b.mirror_miss or has_misses, now)
    _schedule_recheck(m, book, BEST, _best_differs(m, book), now)
    if not b.noted and hashes.wrong_facts(m, book):
        rows.note_facts(m, out, book)


@compiled
def due(m: KernelState, out: KernelOutput, now: int) -> None:
    """Runs everything that is due by ``now``: ends of batches first, because they schedule rechecks."""
    book = timeouts.first(m.quiet, QUIET, now)
    while book >= 0:
        close(m, out, book, timeouts.since(m.quiet, book) + QUIET)
        book = timeouts.first(m.quiet, QUIET, now)
    recheck_key = timeouts.first(m.rechecks, RECHECK, now)
    while recheck_key >= 0:
        at = timeouts.since(m.rechecks, recheck_key) + RECHECK
        timeouts.stop(m.rechecks, recheck_key)
        _recheck(m, out, recheck_key // WAYS, recheck_key % WAYS, at)
        recheck_key = timeouts.first(m.rechecks, RECHECK, now)


@compiled
def _recheck(m: KernelState, out: KernelOutput, book: int, what: int, at: int) -> None:
    if what == BEST:
        lose(m, out, book, BEST_PRICES, at)
        return
    if what == REST:
        if m.books[book].batch_number == m.books[book].probed:  # the change of the REST book has not arrived
            lose(m, out, book, PROBE, at)
        return
    is_right = hashes.recheck(m, out, book)
    if not is_right or (m.books[book].mirror_miss and _mirror_differs(m, book)):
        lose(m, out, book, MIRROR if is_right else HASH, at)


@inside
def _open(m: KernelState, book: int, at: int) -> None:
    b = m.books[book]
    if m.ladders[2 * book].trust == NO_TRUST and m.ladders[2 * book + 1].trust == NO_TRUST:
        return
    b.batch_at = max(b.batch_at, at) if b.batch_open else at
    b.batch_open = 1
    b.batch_last, b.batch_connection, b.batch_number = m.clock[0].now, m.clock[0].connection, m.clock[0].number
    timeouts.start(m.quiet, book, m.clock[0].now)


@inside
def _begin_event(m: KernelState, out: KernelOutput, book: int, event: Any) -> None:
    """A later venue time ends the open batch; so does any event if the open batch has no venue time."""
    b = m.books[book]
    if b.batch_open and (b.batch_at < 0 or event.at > b.batch_at):
        close(m, out, book, m.clock[0].now)


@inside
def quoted(m: KernelState, book: int, ladder: int, event: Any) -> None:
    """Applies best prices from outside of the ladder with a later time. An open batch is checked at its end."""
    if m.ladders[ladder].trust != FULL or event.at < 0 or event.at <= m.books[book].batch_at:
        return
    rest.set_best(m, ladder, event)
    if not m.books[book].batch_open:
        _schedule_recheck(m, book, BEST, _best_differs(m, book), m.clock[0].now)


@inside
def change(m: KernelState, out: KernelOutput, book: int, outcome: int, event: Any) -> None:
    """Applies a change of one level."""
    _begin_event(m, out, book, event)
    ladder = 2 * book + outcome
    if m.ladders[ladder].trust != FULL and not rest.is_applied(m, ladder, event):
        _open(m, book, event.at)
        return
    side, price = ladders.on_outcome_0(outcome, event.side, event.price)
    if event.relative:
        if not ladders.add(m, 2 * ladder + side, price, event.size):
            lose(m, out, book, NEGATIVE, m.clock[0].now)
            return
    elif not ladders.put(m, 2 * ladder + side, price, event.size):
        m.books[book].missing_removals += 1
    rest.set_best(m, ladder, event)
    if event.claims and event.at >= 0:
        hashes.claim(m, ladder, event)
    _open(m, book, event.at)


@inside
def snapshot(m: KernelState, out: KernelOutput, book: int, outcome: int, event: Any, levels: Any) -> None:
    """Replaces a ladder."""
    _begin_event(m, out, book, event)
    b, ladder, now = m.books[book], 2 * book + outcome, m.clock[0].now
    if event.last == event.bids and (b.reason == CLOSED or b.close_at <= now):
        lose(m, out, book, CLOSED, now)
        return
    hashes.update_facts(m, book, event)
    rest.fill(m, ladder, event, levels)
    m.ladders[ladder].trust = FULL
    rest.drop_kept(m, ladder)
    if not _best_differs(m, book):
        timeouts.stop(m.rechecks, WAYS * book + BEST)
    if event.claims and event.at >= 0:
        hashes.claim(m, ladder, event)
    _open(m, book, event.at)


@compiled
def rest_book(m: KernelState, out: KernelOutput, ladder: int, event: Any, levels: Any) -> bool:
    """Applies a REST book. True if it equals the valid book, which is then proved."""
    book, clock = ladder >> 1, m.clock[0]
    b = m.books[book]
    if b.reason == CLOSED:
        return False
    hashes.update_facts(m, book, event)
    if b.reason != VALID:
        if rest.resync(m, ladder, event, levels):
            clock.counts[RESYNCED] += 1
            _open(m, book, event.at)
        return False
    result = rest.compare(m, ladder, event, levels)
    clock.counts[COMPARED + result] += 1
    if result == EQUAL:
        timeouts.stop(m.rechecks, WAYS * book + REST)
        hashes.write_check(m, out, book, clock.now, clock.number, True)
    elif result == DIFFERENT:
        lose(m, out, book, PROBE, clock.now)
    elif result == LATER:
        if b.probed != b.batch_number:
            timeouts.stop(m.rechecks, WAYS * book + REST)
        b.probed = b.batch_number
        timeouts.start_once(m.rechecks, WAYS * book + REST, clock.now)
    return bool(result == EQUAL)


@inside
def ladder_of(m: KernelState, token: int) -> int:
    """The ladder of a token; UNLISTED if the token is not watched."""
    return int(m.ladder_of[token]) if 0 <= token < len(m.ladder_of) else UNLISTED
