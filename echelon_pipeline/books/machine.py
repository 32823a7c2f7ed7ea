"""One listener's books over its successive connections: numbers, proof, clock, routing.

Belongs here: which books a frame concerns and what its number says. What happens to them is ``keeper.py``, the
rules are listed in the room's sign. No input or output: frames come in, rows go out, time is what the caller says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from echelon_pipeline.books.book import Book, Instrument, Subscription
from echelon_pipeline.books.events import (
    Change,
    Doubted,
    Ended,
    Event,
    Facts,
    Frame,
    Lost,
    Quoted,
    Snapshot,
    Subscribed,
    TickSize,
    Traded,
    Unreadable,
)
from echelon_pipeline.books.keeper import Keeper
from echelon_pipeline.books.rows import Best, BookRow, Output, Reason, State, Timeline
from echelon_pipeline.books.waits import Waits
from echelon_pipeline.domain.scaled import three_decimals

BUDGET = 30_000_000  # both venues answer or ping every 10 s: three missed in a row prove nothing any more
LEVELS = 25


class Machine:
    """Books of the instruments that one listener watches.

    ``levels``: how many a row has; ``budget``: how old a proof may be. ``sequences``: off for captures of one
    instrument out of a subscription to many, whose numbers have holes by nature. ``rows``: off for who only asks
    what holds now, and of it the best levels.
    """

    def __init__(
        self, *, levels: int = LEVELS, budget: int = BUDGET, sequences: bool = True, rows: bool = True
    ) -> None:
        self.now = 0
        self._timeline = Timeline if rows else Best
        self._levels, self._budget, self._sequences = levels, budget, sequences
        self._keeper = Keeper()
        self._books: dict[str, Book] = {}  # by instrument
        self._tokens: dict[str, Book] = {}
        self._subscriptions: dict[int, Subscription] = {}  # of this connection, by the venue's number
        # A numbered subscription is proved as a whole, a book without one alone.
        self._proofs: Waits[Subscription | Book] = Waits(budget)

    # --- what the caller does

    def watch(self, instrument: Instrument, at: int) -> None:
        """From now on frames of its tokens are its own; it is unknown until its first snapshot."""
        self.advance(at)
        name = instrument.instrument_id
        timeline = self._timeline(self._keeper.out.rows, name, self.now, Reason.BEFORE_SNAPSHOT, self._levels)
        self._books[name] = book = Book(instrument, timeline, self.now, self._keeper.out.checks)
        self._tokens |= dict.fromkeys(instrument.tokens, book)

    def unwatch(self, instrument_id: str, at: int) -> None:
        """Not subscribed any more: its row and its gap end. Left here, its subscription's frames would go on
        proving a book that gets no changes."""
        self.advance(at)
        book = self._books.pop(instrument_id)
        self._keeper.finish(book, self.now)
        self._keeper.forget(book)
        self._proofs.stop(book)
        book.join(None)
        for token in book.instrument.tokens:
            del self._tokens[token]

    def feed(self, frame: Frame) -> None:
        """One frame, in the order of arrival; a book that was asked for is one too, where it arrived. A hole in our
        own numbers is a loss like one in the venue's."""
        self.advance(frame.received_at)
        old, self._keeper.frame = self._keeper.frame, frame
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
        """Nothing more arrives before this instant. Where our own clock steps back, time stands still."""
        if now < self.now:
            self.counts["clock_backwards"] += 1
            return
        self.now = now
        self._keeper.due(now)
        for key, at in self._proofs.due(now):
            key.expired = True
            self._restate(key, at)

    def disconnected(self, at: int) -> None:
        """The connection is gone: what comes after it starts from snapshots."""
        self.advance(at)
        self._disconnected()

    def finish(self, at: int) -> Output:
        """The end of a capture: what is open ends here; a gap that lasts has no end."""
        self.advance(at)
        for book in self._books.values():
            self._keeper.finish(book, self.now)
        return self.take()

    def take(self) -> Output:
        """What was finished since the last call."""
        out = self._keeper.out
        taken = Output(list(out.rows), list(out.gaps), list(out.notes), list(out.checks))
        for some in out:
            some.clear()
        return taken

    @property
    def counts(self) -> Counter[str]:
        """What was met: losses by reason, probes by outcome, what could not be read or was nobody's."""
        return self._keeper.counts

    @property
    def wanting(self) -> list[str]:
        """Tokens that need a snapshot."""
        return [t for book in self._books.values() if book.reason and not book.ended for t in book.instrument.tokens]

    def row(self, instrument_id: str) -> BookRow:
        """What holds now, as it was at the end of the last batch."""
        return self._books[instrument_id].timeline.row

    def book(self, instrument_id: str) -> Book:
        """The book itself; inside a batch it is on its way to the next row."""
        return self._books[instrument_id]

    # --- numbers and proof

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
                book.timeline.restate(at, State.LIVE if book.proved(at, self._budget) else State.STALE)

    def _subscription(self, sid: int) -> Subscription:
        found = self._subscriptions.get(sid)
        if found is None:
            found = self._subscriptions[sid] = Subscription()
        return found

    # --- events

    def _event(self, event: Event, subscription: Subscription | None) -> None:
        token = getattr(event, "token", None)
        book = self._tokens.get(token) if token is not None else None
        if book is None and token is not None:
            self.counts["unwatched"] += 1
        if isinstance(event, Unreadable):
            self.counts["unreadable"] += 1
            if event.doubt and token is None:
                self._lose(self._doubted(subscription), Reason.UNREADABLE)
            elif event.doubt and book is not None:
                self._lose((book,), Reason.UNREADABLE)
        elif isinstance(event, Doubted):
            if book is not None:
                self._lose((book,), Reason.UNREADABLE)
        elif isinstance(event, Subscribed):
            fresh = self._subscription(event.sid)
            self._lose(fresh.books, Reason.GAP)
            fresh.expected = 1
        elif isinstance(event, Lost):
            self._lose(self._doubted(subscription), Reason.SUBSCRIPTION_LOST)
        elif book is not None:
            self._book_event(book, event, subscription)

    def _book_event(self, book: Book, event: Event, subscription: Subscription | None) -> None:
        if isinstance(event, Snapshot) and event.rest:
            if self._keeper.asked(book, event, self.now):
                self._prove(book)
            return
        if subscription is None:
            self._prove(book)
        if isinstance(event, Change | Snapshot):
            if subscription is not None:
                book.join(subscription)
            self._keeper.apply(book, event, self.now)
        elif subscription is None and isinstance(event, Quoted):
            # Kalshi's come in a subscription of their own, on a clock of their own: of 2,564 recorded ones 245 differed
            # from the ladder for 250 ms, and the ladder, whose numbers had no hole, was right.
            self._keeper.quoted(book, event, self.now)
        else:
            self._fact(book, event)

    def _fact(self, book: Book, event: Event) -> None:
        """What is said of a market beside its levels."""
        if isinstance(event, TickSize):
            book.verifier.learn(Facts(tick_size=event.new))
            self._lose((book,), Reason.TICK_SIZE_CHANGE)
        elif isinstance(event, Ended):
            self._lose((book,), Reason.CLOSED)
        elif isinstance(event, Traded):
            # One text for both outcomes' books, whichever was traded.
            book.verifier.learn(Facts(last_trade_price=three_decimals(event.price)))

    def _doubted(self, subscription: Subscription | None) -> Iterable[Book]:
        """Books that a frame may have been about: its subscription's, or all."""
        return self._books.values() if subscription is None else subscription.books

    def _disconnected(self) -> None:
        self._lose(self._books.values(), Reason.DISCONNECT)
        for book in self._books.values():
            book.join(None)
        self._subscriptions.clear()

    def _lose(self, books: Iterable[Book], reason: Reason) -> None:
        self._keeper.lose(books, reason, self.now)
