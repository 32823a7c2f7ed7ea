"""Batches and losses: when a book is checked, shown, rechecked and invalidated.

Belongs here: what happens to a book between its frames. ``book.py`` applies one event to a ladder; ``machine.py``
knows which frames arrived and which are missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from echelon_pipeline.books.book import Book, Comparison, Trust
from echelon_pipeline.books.events import Change, Frame, Message, Quoted, Snapshot
from echelon_pipeline.books.rows import Check, Note, Output, Reason
from echelon_pipeline.books.timeouts import Timeouts

QUIET = 50_000  # a batch ends after this much silence of its instrument
RECHECK = 250_000  # the last trade's price can arrive this long after the book whose hash contains it
# What is rechecked: hashes and mirrors, best prices, or a newer REST book.
LADDER, BEST, REST = 0, 1, 2
WAYS = 3


class ValidityTracker:
    """Open batches, pending rechecks, and the rows and gaps that result."""

    __slots__ = ("_quiet", "_rechecks", "counts", "frame", "out")

    def __init__(self) -> None:
        self.out = Output([], [], [], [])
        self.counts: Counter[str] = Counter()
        self.frame = Frame("", 0, 0, Message(()))  # the frame that is being applied
        self._quiet: Timeouts[Book] = Timeouts(QUIET)
        self._rechecks: Timeouts[tuple[Book, int]] = Timeouts(RECHECK)

    def apply(self, book: Book, event: Snapshot | Change, now: int) -> None:
        """Applies an event of the stream. A later venue time ends the open batch first."""
        last = book.batch_at
        if book.batch_open and (last is None or (event.at is not None and event.at > last)):
            self.close(book, now)
        if isinstance(event, Change):
            fault = book.change(event)
            if fault is not None:
                self.lose((book,), fault, now)
        elif not (event.bids or event.asks) and (book.ended or book.closes_before(now)):
            self.lose((book,), Reason.CLOSED, now)
        else:
            book.verifier.update_facts(event.facts)
            book.snapshot(event)
            if not book.best_differs:
                self._rechecks.stop((book, BEST))
        self._open(book, event.at, now)

    def quoted(self, book: Book, event: Quoted, now: int) -> None:
        """Applies best prices from outside of the ladder. An open batch is checked at its end."""
        if book.quote(event) and not book.batch_open:
            self._schedule_recheck(book, BEST, book.best_differs, now)

    def rest_snapshot(self, book: Book, event: Snapshot, now: int) -> bool:
        """Applies a REST book. True if it equals the valid book, which is then proved."""
        if book.ended:
            return False
        book.verifier.update_facts(event.facts)
        if book.reason is None:
            return self._compare(book, event, now)
        if book.resync(event):
            self.counts["probes_resynced"] += 1
            self._open(book, event.at, now)
        return False

    def _compare(self, book: Book, event: Snapshot, now: int) -> bool:
        result = book.compare(event)
        self.counts[f"probes_{result}"] += 1
        if result is Comparison.EQUAL:
            self._rechecks.stop((book, REST))
            book.verified_at = now
            self.out.checks.append(Check(book.instrument.instrument_id, now, self.frame.number, True))
        elif result is Comparison.DIFFERENT:
            self.lose((book,), Reason.PROBE, now)
        elif result is Comparison.LATER:
            if book.probed != book.batch_last:
                self._rechecks.stop((book, REST))
            book.probed = book.batch_last
            self._rechecks.start_once((book, REST), now)
        return result is Comparison.EQUAL

    def _open(self, book: Book, at: int | None, now: int) -> None:
        if max(book.trust) == Trust.NONE:
            return
        if not book.batch_open:
            book.batch_at = at
        elif at is not None:
            book.batch_at = max(book.batch_at or at, at)
        book.batch_open = True
        book.batch_last = (now, self.frame.connection, self.frame.number)
        self._quiet.start(book, now)

    def due(self, now: int) -> None:
        """Runs everything that is due by ``now``: ends of batches first, because they schedule rechecks."""
        for book, at in self._quiet.due(now):
            self.close(book, at)
        for (book, what), at in self._rechecks.due(now):
            if what == BEST:
                self.lose((book,), Reason.BEST_PRICES, at)
                continue
            if what == REST:
                if book.batch_last == book.probed:  # the change that the REST book contains has not arrived
                    self.lose((book,), Reason.PROBE, at)
                continue
            is_right = book.verifier.recheck()
            if not is_right or (book.mirror_miss and book.mirror_differs):
                self.lose((book,), Reason.MIRROR if is_right else Reason.HASH, at)

    def close(self, book: Book, now: int) -> None:
        """Ends a batch: the only time at which a book is checked and shown."""
        book.batch_open = False
        self._quiet.stop(book)
        at, connection, number = book.batch_last
        fault = book.fault()
        if fault is not None:
            self.lose((book,), fault, at)
            return
        if book.trust[0] == Trust.FULL:
            if book.reason is not None:
                self._end_gap(book, at)
                book.reason = None
            book.timeline.show(at, book.ladders[0], book.batch_at, connection, number)
        self._schedule_recheck(book, LADDER, book.verifier.has_misses or book.mirror_miss, now)
        self._schedule_recheck(book, BEST, book.best_differs, now)
        if book.verifier.wrong_facts and not book.noted:
            book.noted = True
            self.out.notes.append(Note("wrong_facts", book.instrument.instrument_id, at, repr(book.verifier.facts)))

    def lose(self, books: Iterable[Book], reason: Reason, at: int) -> None:
        """Invalidates books. The first reason stays; the changes of an open batch are never shown."""
        for book in books:
            self.forget(book)
            if book.ended:
                continue
            if reason is Reason.CLOSED:
                self._end_gap(book, at)
            elif book.reason is not None:
                continue
            book.reason, book.from_at, book.last_good_at, book.discarded = reason, at, book.last_proof, 0
            self.counts[f"lost_{reason}"] += 1
            book.timeline.hide(at, reason, None, self.frame.connection, self.frame.number)

    def forget(self, book: Book) -> None:
        """Cancels the book's timeouts and discards its ladders."""
        self._quiet.stop(book)
        for what in (LADDER, BEST, REST):
            self._rechecks.stop((book, what))
        book.forget()

    def _schedule_recheck(self, book: Book, what: int, differs: bool, now: int) -> None:
        if differs:
            self._rechecks.start_once((book, what), now)
        else:
            self._rechecks.stop((book, what))

    def finish(self, book: Book, now: int) -> None:
        """Ends the book's row; an open gap gets no end."""
        if book.batch_open:
            self.close(book, now)
        book.timeline.end(now)
        self._end_gap(book, None)

    def _end_gap(self, book: Book, to_at: int | None) -> None:
        gap = book.gap(to_at, self.frame.connection)
        if gap is not None:
            self.out.gaps.append(gap)
