"""One instrument: its ladders, its open batch, and whether it can be believed.

Belongs here: what one event does to one book. Numbers of frames, clocks and deadlines are ``machine.py``.
Polymarket has a ladder per outcome; both are kept on outcome 0's axis, the second only to contradict the first.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum

import msgspec

from echelon_pipeline.books.events import Change, Facts, Level, Quoted, Side, Snapshot
from echelon_pipeline.books.ladder import Ladder, mirrored
from echelon_pipeline.books.rows import Check, GapRow, Reason, Timeline
from echelon_pipeline.books.verify import Verifier
from echelon_pipeline.domain.scaled import ONE

# Changes kept for a book that is asked for: at 759 changes a second over a venue, minutes of one instrument.
KEPT_CHANGES = 2_000
UNSAID: tuple[int | None, int | None] = (None, None)


class Instrument(msgspec.Struct, frozen=True):
    """What to watch. ``tokens``: names of the ladders, outcome 0 first; ``close_at``: when trading is to end."""

    instrument_id: str
    tokens: tuple[str, ...]
    close_at: int | None = None
    facts: Facts = Facts()


class Trust(IntEnum):
    """How far a ladder can be believed."""

    NONE = 0
    UNPROVED = 1  # asked for and brought up to date; believed when a hash matches
    FULL = 2


class Subscription:
    """One numbered stream of one connection: any frame of it that follows the last proves all of its books."""

    __slots__ = ("books", "expected", "expired", "proved_at")

    def __init__(self) -> None:
        self.books: dict[Book, None] = {}
        self.expected: int | None = None  # the number that must come next
        self.proved_at, self.expired = 0, False


class Book:
    """State of one instrument; ``reason`` is None while its book is believed."""

    __slots__ = (
        *("absent", "asked_at", "batch_at", "batch_last", "batch_open", "best", "discarded", "expired", "from_at"),
        *("instrument", "kept", "ladders", "last_good_at", "mirror_miss", "noted", "proved_at", "reason"),
        *("subscription", "timeline", "trust", "verifier"),
    )

    def __init__(self, instrument: Instrument, timeline: Timeline, at: int, checks: list[Check]) -> None:
        self.instrument, self.timeline = instrument, timeline
        self.verifier = Verifier(instrument.instrument_id, instrument.tokens, instrument.facts, checks)
        self.ladders = [Ladder() for _ in instrument.tokens]
        self.trust = [Trust.NONE for _ in instrument.tokens]
        self.asked_at = [0 for _ in instrument.tokens]
        self.best = [UNSAID for _ in instrument.tokens]  # bid and ask on outcome 0's axis, as the venue said last
        self.kept: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self.subscription: Subscription | None = None
        self.proved_at, self.expired = 0, False  # apart from the subscription
        self.reason: Reason | None = Reason.BEFORE_SNAPSHOT
        self.from_at, self.last_good_at, self.discarded = at, 0, 0
        self.batch_open, self.batch_last = False, (at, "", 0)  # received_at, connection, number
        self.batch_at: int | None = None  # the venue's time, also after the batch
        self.mirror_miss = self.noted = False
        self.absent = 0

    # --- what happens to it

    def snapshot(self, event: Snapshot) -> None:
        """A whole ladder of the stream: whatever was is over."""
        outcome = self.instrument.tokens.index(event.token)
        self.ladders[outcome].replace(*self._turned(outcome, event))
        self.trust[outcome] = Trust.FULL
        self.best[outcome] = UNSAID
        self.verifier.replaced(outcome)
        self._claim(outcome, event)

    def change(self, event: Change) -> Reason | None:
        """One level; the reason where it cannot be true."""
        outcome = self.instrument.tokens.index(event.token)
        if self.trust[outcome] == Trust.NONE:
            self.discarded += 1
            if not event.relative:
                self.kept.append(event)
            return None
        if self.trust[outcome] == Trust.UNPROVED and (event.at or 0) <= self.asked_at[outcome]:
            return None  # the ladder that was asked for has it already
        side, price = mirrored(event.side, event.price) if outcome else (event.side, event.price)
        if event.relative:
            if not self.ladders[outcome].add(side, price, event.size):
                return Reason.NEGATIVE_LEVEL
        elif not self.ladders[outcome].put(side, price, event.size):
            # A new size of 0 where nothing is leaves the ladder right; hashes tell whether something was missed.
            self.absent += 1
        self._say_best(outcome, event.best_bid, event.best_ask)
        self._claim(outcome, event)
        return None

    def quote(self, event: Quoted) -> bool:
        """Best prices apart from the ladder: True where they are of a later instant, so that the ladder must follow."""
        outcome = self.instrument.tokens.index(event.token)
        later = event.at is not None and (self.batch_at is None or event.at > self.batch_at)
        if not later or self.trust[outcome] != Trust.FULL:
            return False
        self._say_best(outcome, event.bid, event.ask)
        return True

    def resync(self, event: Snapshot) -> bool:
        """A ladder that was asked for while nothing is known: becomes ours with the changes after it."""
        outcome = self.instrument.tokens.index(event.token)
        if event.at is None:
            return False  # nothing says which changes it already has
        self.ladders[outcome].replace(*self._turned(outcome, event))
        self.trust[outcome], self.asked_at[outcome] = Trust.UNPROVED, event.at
        for change in self.kept:
            if change.token == event.token:
                self.change(change)
        return True

    def probe(self, event: Snapshot) -> bool | None:
        """A ladder that was asked for while ours is believed: equal, contradicting, or of another instant."""
        outcome = self.instrument.tokens.index(event.token)
        ladder = self.ladders[outcome]
        if self.trust[outcome] != Trust.FULL:
            return None
        bids, asks = self._turned(outcome, event)
        if ladder.sizes == (dict(bids), dict(asks)):
            return True
        return False if event.at is not None and event.at == self.batch_at else None

    def forget(self) -> None:
        """Nothing is known any more."""
        self.trust = [Trust.NONE for _ in self.trust]
        self.best = [UNSAID for _ in self.best]
        self.verifier.forget()
        self.kept.clear()
        self.batch_open = self.mirror_miss = False

    def join(self, subscription: Subscription | None) -> None:
        """The stream that carries it; None: none does."""
        if subscription is not self.subscription:
            if self.subscription is not None:
                del self.subscription.books[self]
            if subscription is not None:
                subscription.books[self] = None
            self.subscription = subscription

    # --- what is true of it

    def verdict(self) -> Reason | None:
        """Why the book at the end of a batch cannot be believed; hashes and mirrors get a second look."""
        at, _, number = self.batch_last
        for outcome, ladder in enumerate(self.ladders):
            if self.trust[outcome] == Trust.NONE:
                continue
            found = self.verifier.judge(outcome, ladder, at, number)
            if found:
                self.best[outcome] = UNSAID  # the whole ladder is proved: they are of another instant, or the same
            if self.trust[outcome] == Trust.UNPROVED and found is not None:
                self.trust[outcome] = Trust.FULL if found else Trust.NONE
        self.mirror_miss = self.contradicts_itself
        return Reason.CROSSED if self.trust[0] == Trust.FULL and self.ladders[0].crossed else None

    @property
    def contradicts_itself(self) -> bool:
        """The two outcomes' ladders are not each other's mirror."""
        both = len(self.trust) > 1 and min(self.trust) == Trust.FULL
        return both and self.ladders[0].sizes != self.ladders[1].sizes

    @property
    def contradicts_best(self) -> bool:
        """The best prices that the venue said last are not the ladder's."""
        return any(
            self.trust[outcome] == Trust.FULL
            and ((bid is not None and bid != (ladder.bid or 0)) or (ask is not None and ask != (ladder.ask or 0)))
            for outcome, (ladder, (bid, ask)) in enumerate(zip(self.ladders, self.best, strict=True))
        )

    @property
    def books(self) -> tuple[Book]:
        """Itself: what its own proof is about."""
        return (self,)

    @property
    def last_proof(self) -> int:
        """The last instant at which it was as the venue had it; 0: never."""
        return max(self.proved_at, self.subscription.proved_at if self.subscription else 0)

    def proved(self, at: int, budget: int) -> bool:
        """Whether the last proof is young enough."""
        return self.last_proof + budget > at

    def closes_before(self, now: int) -> bool:
        """Trading was to end before this instant."""
        return self.instrument.close_at is not None and self.instrument.close_at <= now

    @property
    def ended(self) -> bool:
        """Trading is over."""
        return self.reason is Reason.CLOSED

    def gap(self, to_at: int | None, connection: str) -> GapRow | None:
        """The stretch without a book that ends now."""
        if self.reason is None or self.ended:
            return None
        name = self.instrument.instrument_id
        return GapRow(name, self.reason, self.last_good_at or None, self.from_at, to_at, connection, self.discarded)

    def _say_best(self, outcome: int, bid: int | None, ask: int | None) -> None:
        self.best[outcome] = (_other(ask), _other(bid)) if outcome else (bid, ask)

    def _claim(self, outcome: int, event: Snapshot | Change) -> None:
        if event.hash is not None and event.at is not None:
            self.verifier.claim(outcome, event.at, event.hash)

    @staticmethod
    def _turned(outcome: int, event: Snapshot) -> tuple[list[Level], list[Level]]:
        """The ladder on outcome 0's axis."""
        if not outcome:
            return list(event.bids), list(event.asks)
        bids = [(mirrored(Side.ASK, price)[1], size) for price, size in event.asks]
        return bids, [(mirrored(Side.BID, price)[1], size) for price, size in event.bids]


def _other(best: int | None) -> int | None:
    """A best price of the other outcome on outcome 0's axis."""
    return ONE - best if best else best
