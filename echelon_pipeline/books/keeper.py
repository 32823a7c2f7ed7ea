"""Batches and losses: when a book is judged, shown, doubted and given up.

Belongs here: what happens to a book between its frames. What one event does to a ladder is ``book.py``; which
frames there are, and which are missing, is ``machine.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from echelon_pipeline.books.book import Book, Trust
from echelon_pipeline.books.events import Change, Frame, Message, Quoted, Snapshot
from echelon_pipeline.books.rows import Note, Output, Reason
from echelon_pipeline.books.waits import Waits

QUIET = 50_000  # a batch ends when its instrument was silent this long
SECOND_LOOK = 250_000  # a last trade's price can come this long after the book that has it in its hash
LADDER, BEST = 0, 1  # what is looked at again: hashes and mirrors, or best prices


class Keeper:
    """Open batches, second looks, and the rows and gaps that come of them."""

    __slots__ = ("_looks", "_quiet", "counts", "frame", "out")

    def __init__(self) -> None:
        self.out = Output([], [], [], [])
        self.counts: Counter[str] = Counter()
        self.frame = Frame("", 0, 0, Message(()))  # the one that is being looked at
        self._quiet: Waits[Book] = Waits(QUIET)
        self._looks: Waits[tuple[Book, int]] = Waits(SECOND_LOOK)

    def apply(self, book: Book, event: Snapshot | Change, now: int) -> None:
        """An event of the stream. One with a later venue time ends the batch before it."""
        last = book.batch_at
        if book.batch_open and (last is None or (event.at is not None and event.at > last)):
            self.close(book, now)
        if isinstance(event, Change):
            wrong = book.change(event)
            if wrong is not None:
                self.lose((book,), wrong, now)
        elif not (event.bids or event.asks) and (book.ended or book.closes_before(now)):
            self.lose((book,), Reason.CLOSED, now)
        else:
            book.verifier.learn(event.facts)
            book.snapshot(event)
            if not book.contradicts_best:
                self._looks.stop((book, BEST))
        self._open(book, event.at, now)

    def quoted(self, book: Book, event: Quoted, now: int) -> None:
        """Best prices apart from the ladder. An open batch is judged at its end."""
        if book.quote(event) and not book.batch_open:
            self._look_again(book, BEST, book.contradicts_best, now)

    def asked(self, book: Book, event: Snapshot, now: int) -> bool:
        """A ladder that was asked for. True: it is ours, so ours is proved."""
        if book.ended:
            return False
        book.verifier.learn(event.facts)
        if book.reason is None:
            equal = book.probe(event)
            self.counts[f"probe_{equal}"] += 1
            if equal is False:
                self.lose((book,), Reason.PROBE, now)
            return equal is True
        if book.resync(event):
            self._open(book, event.at, now)
        return False

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
        """Whatever falls due until now: silence first, because second looks come of it."""
        for book, at in self._quiet.due(now):
            self.close(book, at)
        for (book, what), at in self._looks.due(now):
            if what == BEST:
                self.lose((book,), Reason.BEST_PRICES, at)
                continue
            right = book.verifier.second_look()
            if not right or (book.mirror_miss and book.contradicts_itself):
                self.lose((book,), Reason.MIRROR if right else Reason.HASH, at)

    def close(self, book: Book, now: int) -> None:
        """The end of a batch: the only instant at which a book is judged and shown."""
        book.batch_open = False
        self._quiet.stop(book)
        at, connection, number = book.batch_last
        wrong = book.verdict()
        if wrong is not None:
            self.lose((book,), wrong, at)
            return
        if book.trust[0] == Trust.FULL:
            if book.reason is not None:
                self._end_gap(book, at)
                book.reason = None
            book.timeline.show(at, book.ladders[0], book.batch_at, connection, number)
        self._look_again(book, LADDER, book.verifier.suspects or book.mirror_miss, now)
        self._look_again(book, BEST, book.contradicts_best, now)
        if book.verifier.wrong_facts and not book.noted:
            book.noted = True
            self.out.notes.append(Note("wrong_facts", book.instrument.instrument_id, at, repr(book.verifier.facts)))

    def lose(self, books: Iterable[Book], reason: Reason, at: int) -> None:
        """From now on nothing is known. The first reason stays; what an open batch changed was never shown."""
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
        """Stops waiting for it."""
        self._quiet.stop(book)
        for what in (LADDER, BEST):
            self._looks.stop((book, what))
        book.forget()

    def _look_again(self, book: Book, what: int, wrong: bool, now: int) -> None:
        if wrong:
            self._looks.start_once((book, what), now)
        else:
            self._looks.stop((book, what))

    def finish(self, book: Book, now: int) -> None:
        """Nothing more comes: its row ends; its gap, if it is in one, has no end."""
        if book.batch_open:
            self.close(book, now)
        book.timeline.end(now)
        self._end_gap(book, None)

    def _end_gap(self, book: Book, to_at: int | None) -> None:
        gap = book.gap(to_at, self.frame.connection)
        if gap is not None:
            self.out.gaps.append(gap)
