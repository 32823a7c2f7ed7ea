"""One listener's books over its successive connections: numbers, proof, clock, routing.

Belongs here: which books a frame concerns, and the check of its number. ``validity.py`` applies the consequences;
``__init__.py`` lists the rules. No input or output: the caller passes frames and the time, and takes rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from echelon_pipeline.books.book import Book, Instrument, Subscription
from echelon_pipeline.books.events import (
    Change,
    Ended,
    Event,
    Facts,
    Frame,
    Quoted,
    Snapshot,
    Subscribed,
    SubscriptionLost,
    SuspectLadder,
    TickSize,
    Traded,
    Unreadable,
)
from echelon_pipeline.books.rows import BookRow, BookState, Output, QuoteTimeline, Reason, Timeline
from echelon_pipeline.books.timeouts import Timeouts
from echelon_pipeline.books.validity import ValidityTracker
from echelon_pipeline.domain.scaled import three_decimals

BUDGET = 30_000_000  # both venues answer or ping every 10 s: after three missed ones a book is stale
LEVELS = 25


class Machine:
    """Books of the instruments that one listener watches.

    ``levels``: levels per side of a row; ``budget``: maximum age of a proof. ``sequences``: False for captures of one
    instrument out of a subscription to many, whose numbers always have holes. ``rows``: False for callers that need
    only the current best prices.
    """

    def __init__(
        self, *, levels: int = LEVELS, budget: int = BUDGET, sequences: bool = True, rows: bool = True
    ) -> None:
        self.now = 0
        self._timeline = Timeline if rows else QuoteTimeline
        self._levels, self._budget, self._sequences = levels, budget, sequences
        self._tracker = ValidityTracker()
        self._books: dict[str, Book] = {}  # by instrument
        self._tokens: dict[str, Book] = {}
        self._subscriptions: dict[int, Subscription] = {}  # of this connection, by the venue's number
        # A numbered subscription is proved as a whole, a book without one by itself.
        self._proofs: Timeouts[Subscription | Book] = Timeouts(budget)

    # --- calls

    def watch(self, instrument: Instrument, at: int) -> None:
        """Starts to apply the frames of an instrument's tokens; its book is unknown until the first snapshot."""
        self.advance(at)
        name = instrument.instrument_id
        timeline = self._timeline(self._tracker.out.rows, name, self.now, Reason.BEFORE_SNAPSHOT, self._levels)
        self._books[name] = book = Book(instrument, timeline, self.now, self._tracker.out.checks)
        self._tokens |= dict.fromkeys(instrument.tokens, book)

    def unwatch(self, instrument_id: str, at: int) -> None:
        """Removes an instrument; its row and its gap end. If it stayed, frames of its subscription would keep proving a
        book that gets no changes."""
        self.advance(at)
        book = self._books.pop(instrument_id)
        self._tracker.finish(book, self.now)
        self._tracker.forget(book)
        self._proofs.stop(book)
        book.join(None)
        for token in book.instrument.tokens:
            del self._tokens[token]

    def feed(self, frame: Frame) -> None:
        """Applies one frame; frames must come in the order of arrival, REST books among them. A hole in our own numbers
        is a loss, as in the venue's."""
        self.advance(frame.received_at)
        old, self._tracker.frame = self._tracker.frame, frame
        if frame.connection != old.connection:
            self._disconnected()
        elif frame.number != old.number + 1:
            self._lose(self._books.values(), Reason.LOST_FRAMES)
        message = frame.message
        subscription = None if message.sid is None else self._subscription(message.sid)
        if subscription is not None:
            self._number(subscription, message.seq)
        for event in message.events:
            self._event(event, subscription)

    def advance(self, now: int) -> None:
        """Sets the time: no frame arrives before it. If our own clock steps back, the time does not change."""
        if now < self.now:
            self.counts["clock_backwards"] += 1
            return
        self.now = now
        self._tracker.due(now)
        for key, at in self._proofs.due(now):
            key.expired = True
            self._restate(key, at)

    def disconnected(self, at: int) -> None:
        """The connection is closed: all books need new snapshots."""
        self.advance(at)
        self._disconnected()

    def finish(self, at: int) -> Output:
        """Ends a capture: open rows end at ``at``; open gaps have no end."""
        self.advance(at)
        for book in self._books.values():
            self._tracker.finish(book, self.now)
        return self.take()

    def take(self) -> Output:
        """Output finished since the last call."""
        out = self._tracker.out
        taken = Output(list(out.rows), list(out.gaps), list(out.notes), list(out.checks))
        for finished in out:
            finished.clear()
        return taken

    @property
    def counts(self) -> Counter[str]:
        """Counts of losses by reason, probes by result, unreadable and unwatched events."""
        return self._tracker.counts

    @property
    def needs_snapshot(self) -> list[str]:
        """Tokens that need a snapshot."""
        return [t for book in self._books.values() if book.reason and not book.ended for t in book.instrument.tokens]

    def row(self, instrument_id: str) -> BookRow:
        """The current row, as of the end of the last batch."""
        return self._books[instrument_id].timeline.row

    def book(self, instrument_id: str) -> Book:
        """The book itself; within a batch it may be ahead of the current row."""
        return self._books[instrument_id]

    # --- frame numbers and proof

    def _number(self, subscription: Subscription, seq: int | None) -> None:
        if seq is not None:
            expected, subscription.expected = subscription.expected, seq + 1
            if self._sequences and expected not in (None, seq):
                self.counts["sequence_breaks"] += 1
                self._lose(subscription.books, Reason.GAP)
        self._prove(subscription)

    def _prove(self, key: Subscription | Book) -> None:
        key.proved_at = self.now
        self._proofs.start(key, self.now)
        if key.expired:
            key.expired = False
            self._restate(key, self.now)

    def _restate(self, key: Subscription | Book, at: int) -> None:
        for book in key.books:
            if book.reason is None:
                book.timeline.restate(at, BookState.LIVE if book.proved(at, self._budget) else BookState.STALE)

    def _subscription(self, sid: int) -> Subscription:
        subscription = self._subscriptions.get(sid)
        if subscription is None:
            subscription = self._subscriptions[sid] = Subscription()
        return subscription

    # --- events

    def _event(self, event: Event, subscription: Subscription | None) -> None:
        token = getattr(event, "token", None)
        book = self._tokens.get(token) if token is not None else None
        if book is None and token is not None:
            self.counts["unwatched"] += 1
        if isinstance(event, Unreadable):
            self.counts["unreadable"] += 1
            if event.affects_book and token is None:
                self._lose(self._affected(subscription), Reason.UNREADABLE)
            elif event.affects_book and book is not None:
                self._lose((book,), Reason.UNREADABLE)
        elif isinstance(event, SuspectLadder):
            if book is not None:
                self._lose((book,), Reason.UNREADABLE)
        elif isinstance(event, Subscribed):
            started = self._subscription(event.sid)
            self._lose(started.books, Reason.GAP)
            started.expected = 1
        elif isinstance(event, SubscriptionLost):
            self._lose(self._affected(subscription), Reason.SUBSCRIPTION_LOST)
        elif book is not None:
            self._book_event(book, event, subscription)

    def _book_event(self, book: Book, event: Event, subscription: Subscription | None) -> None:
        if isinstance(event, Snapshot) and event.rest:
            if self._tracker.rest_snapshot(book, event, self.now):
                self._prove(book)
            return
        if subscription is None:
            self._prove(book)
        if isinstance(event, Change | Snapshot):
            if subscription is not None:
                book.join(subscription)
            self._tracker.apply(book, event, self.now)
        elif subscription is None and isinstance(event, Quoted):
            # Kalshi's quotes have a subscription and a clock of their own: of 2,564 recorded quotes 245 differed from
            # the ladder for 250 ms, and the ladder, whose numbers had no hole, was right.
            self._tracker.quoted(book, event, self.now)
        else:
            self._fact(book, event)

    def _fact(self, book: Book, event: Event) -> None:
        """Applies an event that changes no level."""
        if isinstance(event, TickSize):
            book.verifier.update_facts(Facts(tick_size=event.new))
            self._lose((book,), Reason.TICK_SIZE_CHANGE)
        elif isinstance(event, Ended):
            self._lose((book,), Reason.CLOSED)
        elif isinstance(event, Traded):
            # One text for the books of both outcomes.
            book.verifier.update_facts(Facts(last_trade_price=three_decimals(event.price)))

    def _affected(self, subscription: Subscription | None) -> Iterable[Book]:
        """Books that a frame may concern: those of its subscription, or all."""
        return self._books.values() if subscription is None else subscription.books

    def _disconnected(self) -> None:
        self._lose(self._books.values(), Reason.DISCONNECT)
        for book in self._books.values():
            book.join(None)
        self._subscriptions.clear()

    def _lose(self, books: Iterable[Book], reason: Reason) -> None:
        self._tracker.lose(books, reason, self.now)
