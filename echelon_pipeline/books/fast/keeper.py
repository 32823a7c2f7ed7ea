"""Batches and losses: ``books/keeper.py`` and what of ``books/book.py`` it needs, compiled.

Belongs here: when a book is judged, shown and given up. Books that were asked for are not followed here.
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.books.columns import NONE, STRANGER
from echelon_pipeline.books.fast import compiled, hashes, inside, ladders, rows, waits
from echelon_pipeline.books.fast.state import BELIEVED, CLOSED, LIVE, STALE, Made, Memory, number_of
from echelon_pipeline.books.keeper import BEST, LADDER, QUIET, SECOND_LOOK
from echelon_pipeline.books.rows import Reason
from echelon_pipeline.domain.scaled import ONE

CROSSED, HASH, MIRROR, NEGATIVE, BEST_PRICES = map(
    number_of, (Reason.CROSSED, Reason.HASH, Reason.MIRROR, Reason.NEGATIVE_LEVEL, Reason.BEST_PRICES)
)


@inside
def last_proof(m: Memory, book: int) -> int:
    b, found = m.books[book], m.books[book].proved_at
    if b.subscription >= 0:
        found = max(found, m.subscriptions[b.subscription].proved_at)
    return int(found)


@compiled
def restate(m: Memory, made: Made, book: int, at: int) -> None:
    """Live or stale, by the age of its proof."""
    if m.books[book].used and m.books[book].reason == BELIEVED:
        young = last_proof(m, book) + m.clock[0].budget > at
        rows.restate(m, made, book, at, LIVE if young else STALE)


@compiled
def forget(m: Memory, book: int) -> None:
    """Nothing is known any more, and nothing waits."""
    waits.stop(m.quiet, book)
    waits.stop(m.looks, 2 * book + LADDER)
    waits.stop(m.looks, 2 * book + BEST)
    for ladder in (2 * book, 2 * book + 1):
        m.ladders[ladder].trusted = 0
        m.ladders[ladder].best_bid = m.ladders[ladder].best_ask = NONE
        hashes.replaced(m, ladder)
    m.books[book].batch_open = m.books[book].mirror_miss = 0


@compiled
def lose(m: Memory, made: Made, book: int, reason: int, at: int) -> None:
    """From now on nothing is known. The first reason stays."""
    b = m.books[book]
    forget(m, book)
    if b.reason == CLOSED:
        return
    if reason == CLOSED:
        rows.end_gap(m, made, book, at)
    elif b.reason != BELIEVED:
        return
    b.reason, b.from_at, b.last_good_at, b.discarded = reason, at, last_proof(m, book), 0
    m.clock[0].counts[reason] += 1
    rows.hide(m, made, book, at, reason)


@compiled
def lose_all(m: Memory, made: Made, subscription: int, reason: int) -> None:
    """The books of a subscription; of none: all."""
    for book in range(len(m.books)):
        if m.books[book].used and (subscription < 0 or m.books[book].subscription == subscription):
            lose(m, made, book, reason, m.clock[0].now)


@inside
def _contradicts_itself(m: Memory, book: int) -> bool:
    if m.books[book].outcomes < 2 or not (m.ladders[2 * book].trusted and m.ladders[2 * book + 1].trusted):
        return False
    return not ladders.equal(m, 2 * book, 2 * book + 1)


@compiled
def _contradicts_best(m: Memory, book: int) -> bool:
    """The best prices that the venue said last are not the ladder's."""
    for ladder in range(2 * book, 2 * book + m.books[book].outcomes):
        one = m.ladders[ladder]
        if one.trusted and one.best_bid >= 0 and one.best_bid != ladders.best_bid(m, ladder):
            return True
        if one.trusted and one.best_ask >= 0 and one.best_ask != ladders.best_ask(m, ladder):
            return True
    return False


@inside
def _look_again(m: Memory, book: int, what: int, wrong: bool, now: int) -> None:
    if wrong:
        waits.start_once(m.looks, 2 * book + what, now)
    else:
        waits.stop(m.looks, 2 * book + what)


@compiled
def close(m: Memory, made: Made, book: int, now: int) -> None:
    """The end of a batch: the only instant at which a book is judged and shown."""
    b = m.books[book]
    b.batch_open = 0
    waits.stop(m.quiet, book)
    for outcome in range(b.outcomes):
        if m.ladders[2 * book + outcome].trusted:
            hashes.judge(m, made, book, outcome)
    b.mirror_miss = _contradicts_itself(m, book)
    trusted = m.ladders[2 * book].trusted
    if trusted and ladders.crossed(m, 2 * book):
        lose(m, made, book, CROSSED, b.batch_last)
        return
    if trusted:
        if b.reason != BELIEVED:
            rows.end_gap(m, made, book, b.batch_last)
            b.reason = BELIEVED
        rows.show(m, made, book)
    suspects = m.ladders[2 * book].miss >= 0 or m.ladders[2 * book + 1].miss >= 0
    _look_again(m, book, LADDER, b.mirror_miss or suspects, now)
    _look_again(m, book, BEST, _contradicts_best(m, book), now)
    if not b.noted and hashes.wrong_facts(m, book):
        rows.note_facts(m, made, book)


@compiled
def due(m: Memory, made: Made, now: int) -> None:
    """Whatever falls due until now: silence first, because second looks come of it."""
    book = waits.first(m.quiet, QUIET, now)
    while book >= 0:
        close(m, made, book, waits.since(m.quiet, book) + QUIET)
        book = waits.first(m.quiet, QUIET, now)
    look = waits.first(m.looks, SECOND_LOOK, now)
    while look >= 0:
        at = waits.since(m.looks, look) + SECOND_LOOK
        waits.stop(m.looks, look)
        _second_look(m, made, look >> 1, look & 1, at)
        look = waits.first(m.looks, SECOND_LOOK, now)


@compiled
def _second_look(m: Memory, made: Made, book: int, what: int, at: int) -> None:
    if what == BEST:
        lose(m, made, book, BEST_PRICES, at)
        return
    right = hashes.second_look(m, made, book)
    if not right or (m.books[book].mirror_miss and _contradicts_itself(m, book)):
        lose(m, made, book, MIRROR if right else HASH, at)


@inside
def _open(m: Memory, book: int, at: int) -> None:
    b = m.books[book]
    if not (m.ladders[2 * book].trusted or m.ladders[2 * book + 1].trusted):
        return
    b.batch_at = max(b.batch_at, at) if b.batch_open else at
    b.batch_open = 1
    b.batch_last, b.batch_connection, b.batch_number = m.clock[0].now, m.clock[0].connection, m.clock[0].number
    waits.start(m.quiet, book, m.clock[0].now)


@inside
def _begin_event(m: Memory, made: Made, book: int, event: Any) -> None:
    """An event with a later venue time, or of a batch without any, ends the batch before it."""
    b = m.books[book]
    if b.batch_open and (b.batch_at < 0 or event.at > b.batch_at):
        close(m, made, book, m.clock[0].now)


@inside
def _say_best(m: Memory, ladder: int, event: Any) -> None:
    """On outcome 0's axis; 0 says that a side is empty."""
    one = m.ladders[ladder]
    if ladder & 1:
        one.best_bid = ONE - event.best_ask if event.best_ask > 0 else event.best_ask
        one.best_ask = ONE - event.best_bid if event.best_bid > 0 else event.best_bid
    else:
        one.best_bid, one.best_ask = event.best_bid, event.best_ask


@inside
def quoted(m: Memory, book: int, ladder: int, event: Any) -> None:
    """Best prices apart from the ladder, of a later instant than it. An open batch is judged at its end."""
    if not m.ladders[ladder].trusted or event.at < 0 or event.at <= m.books[book].batch_at:
        return
    _say_best(m, ladder, event)
    if not m.books[book].batch_open:
        _look_again(m, book, BEST, _contradicts_best(m, book), m.clock[0].now)


@inside
def change(m: Memory, made: Made, book: int, outcome: int, event: Any) -> None:
    """One level."""
    _begin_event(m, made, book, event)
    ladder = 2 * book + outcome
    if not m.ladders[ladder].trusted:
        m.books[book].discarded += 1
        _open(m, book, event.at)
        return
    side, price = ladders.turned(outcome, event.side, event.price)
    if event.relative:
        if not ladders.add(m, 2 * ladder + side, price, event.size):
            lose(m, made, book, NEGATIVE, m.clock[0].now)
            return
    elif not ladders.put(m, 2 * ladder + side, price, event.size):
        m.books[book].absent += 1
    _say_best(m, ladder, event)
    if event.claims and event.at >= 0:
        hashes.claim(m, ladder, event)
    _open(m, book, event.at)


@inside
def snapshot(m: Memory, made: Made, book: int, outcome: int, event: Any, levels: Any) -> None:
    """A whole ladder: whatever was is over."""
    _begin_event(m, made, book, event)
    b, ladder, now = m.books[book], 2 * book + outcome, m.clock[0].now
    if event.last == event.bids and (b.reason == CLOSED or b.close_at <= now):
        lose(m, made, book, CLOSED, now)
        return
    hashes.learn(m, book, event)
    ladders.clear(m, ladder)
    for n in range(event.bids, event.last):
        side, price = ladders.turned(outcome, 0 if n < event.asks else 1, levels[n].price)
        ladders.put(m, 2 * ladder + side, price, levels[n].size)
    m.ladders[ladder].trusted = 1
    m.ladders[ladder].best_bid = m.ladders[ladder].best_ask = NONE
    if not _contradicts_best(m, book):
        waits.stop(m.looks, 2 * book + BEST)
    hashes.replaced(m, ladder)
    if event.claims and event.at >= 0:
        hashes.claim(m, ladder, event)
    _open(m, book, event.at)


@inside
def ladder_of(m: Memory, token: int) -> int:
    """Whose ladder a token's is; STRANGER: nobody's."""
    return int(m.ladder_of[token]) if 0 <= token < len(m.ladder_of) else STRANGER
