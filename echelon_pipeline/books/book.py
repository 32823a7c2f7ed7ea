"""One instrument: its ladders, its open batch, and whether its book is valid.

Belongs here: the effect of one event on one book. Frame numbers, clocks and timeouts belong in ``machine.py``.
Polymarket has one ladder per outcome; both are kept on outcome 0's axis, the second only to check the first.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum, StrEnum

import msgspec

from echelon_pipeline.books.events import Change, Facts, Level, Quoted, Side, Snapshot
from echelon_pipeline.books.ladder import Ladder, mirrored
from echelon_pipeline.books.rows import Check, GapRow, Reason, Timeline
from echelon_pipeline.books.verify import Verifier
from echelon_pipeline.domain.scaled import ONE

# Changes of one ladder buffered for a REST book: at 759 changes a second over a venue, minutes of one instrument.
KEPT_CHANGES = 2_000
NO_QUOTE: tuple[int | None, int | None] = (None, None)


class Instrument(msgspec.Struct, frozen=True):
    """An instrument to watch. ``tokens``: names of its ladders, outcome 0 first; ``close_at``: scheduled end of
    trading."""

    instrument_id: str
    tokens: tuple[str, ...]
    close_at: int | None = None
    facts: Facts = Facts()


class Trust(IntEnum):
    """Whether a ladder is valid."""

    NONE = 0
    UNPROVED = 1  # a REST book with the buffered changes applied; valid when a hash matches
    FULL = 2


class Comparison(StrEnum):
    """The result of comparing a REST book with a valid book."""

    EQUAL = "equal"
    DIFFERENT = "different"  # of the same time: one of them is wrong
    LATER = "later"  # different and newer: a change is on its way, or was lost
    UNDECIDED = "undecided"  # different and older, or without a time


class Subscription:
    """One numbered stream of one connection. Every frame with the expected number proves all of its books."""

    __slots__ = ("books", "expected", "expired", "proved_at")

    def __init__(self) -> None:
        self.books: dict[Book, None] = {}
        self.expected: int | None = None  # the number that must come next
        self.proved_at, self.expired = 0, False


class Book:
    """State of one instrument; ``reason`` is None while its book is valid."""

    __slots__ = (
        *("batch_at", "batch_last", "batch_open", "best", "discarded", "expired", "from_at", "instrument"),
        *("kept", "ladders", "last_good_at", "mirror_miss", "missing_removals", "noted", "probed", "proved_at"),
        *("reason", "rest_at", "subscription", "timeline", "trust", "verified_at", "verifier"),
    )

    def __init__(self, instrument: Instrument, timeline: Timeline, at: int, checks: list[Check]) -> None:
        self.instrument, self.timeline = instrument, timeline
        self.verifier = Verifier(instrument.instrument_id, instrument.tokens, instrument.facts, checks)
        self.ladders = [Ladder() for _ in instrument.tokens]
        self.trust = [Trust.NONE for _ in instrument.tokens]
        self.rest_at = [0 for _ in instrument.tokens]
        self.best = [NO_QUOTE for _ in instrument.tokens]  # the venue's last bid and ask, on outcome 0's axis
        self.kept: list[deque[Change]] = [deque(maxlen=KEPT_CHANGES) for _ in instrument.tokens]
        self.probed: tuple[int, str, int] | None = None  # ``batch_last`` when a newer REST book was different
        self.subscription: Subscription | None = None
        self.proved_at, self.expired = 0, False  # without the subscription's proofs
        self.reason: Reason | None = Reason.BEFORE_SNAPSHOT
        self.from_at, self.last_good_at, self.discarded = at, 0, 0
        self.batch_open, self.batch_last = False, (at, "", 0)  # received_at, connection, number
        self.batch_at: int | None = None  # venue time of the last batch, open or closed
        self.mirror_miss = self.noted = False
        self.missing_removals = 0
        self.verified_at: int | None = None  # when a REST book equalled this one, since it became valid

    # --- events

    def snapshot(self, event: Snapshot) -> None:
        """A whole ladder of the stream replaces the state of its outcome."""
        outcome = self.instrument.tokens.index(event.token)
        self.ladders[outcome].replace(*self._on_outcome_0(outcome, event))
        self.trust[outcome] = Trust.FULL
        self.kept[outcome].clear()
        self.best[outcome] = NO_QUOTE
        self.verifier.ladder_replaced(outcome)
        self._claim(outcome, event)

    def change(self, event: Change) -> Reason | None:
        """Applies a change of one level; returns a reason if the change is impossible."""
        outcome = self.instrument.tokens.index(event.token)
        if self.trust[outcome] != Trust.FULL and not event.relative:
            self.kept[outcome].append(event)
        if self.trust[outcome] == Trust.NONE:
            self.discarded += 1
            return None
        return self._apply(outcome, event)

    def _apply(self, outcome: int, event: Change) -> Reason | None:
        if self.trust[outcome] == Trust.UNPROVED and (event.at or 0) <= self.rest_at[outcome]:
            return None  # the REST book contains it already
        side, price = mirrored(event.side, event.price) if outcome else (event.side, event.price)
        if event.relative:
            if not self.ladders[outcome].add(side, price, event.size):
                return Reason.NEGATIVE_LEVEL
        elif not self.ladders[outcome].put(side, price, event.size):
            # A new size of 0 at a price without a level is harmless; hashes show whether a frame was missed.
            self.missing_removals += 1
        self._set_best(outcome, event.best_bid, event.best_ask)
        self._claim(outcome, event)
        return None

    def quote(self, event: Quoted) -> bool:
        """Best prices outside of the ladder. True if their time is later, so that the ladder must reach them."""
        outcome = self.instrument.tokens.index(event.token)
        later = event.at is not None and (self.batch_at is None or event.at > self.batch_at)
        if not later or self.trust[outcome] != Trust.FULL:
            return False
        self._set_best(outcome, event.bid, event.ask)
        return True

    def resync(self, event: Snapshot) -> bool:
        """Adopts a REST book while the book is unknown, and applies the buffered changes after it."""
        outcome = self.instrument.tokens.index(event.token)
        trust = self.trust[outcome]
        if event.at is None or trust == Trust.FULL:
            return False  # without a time it is unknown which changes it contains
        if trust == Trust.UNPROVED and event.at <= self.rest_at[outcome]:
            return False
        self.ladders[outcome].replace(*self._on_outcome_0(outcome, event))
        self.trust[outcome], self.rest_at[outcome] = Trust.UNPROVED, event.at
        self.best[outcome] = NO_QUOTE
        self.verifier.ladder_replaced(outcome)
        for change in self.kept[outcome]:
            self._apply(outcome, change)
        return True

    def compare(self, event: Snapshot) -> Comparison:
        """Compares a REST book with the valid book. Within a batch only an equal one decides anything."""
        outcome = self.instrument.tokens.index(event.token)
        if self.trust[outcome] != Trust.FULL:
            return Comparison.UNDECIDED
        bids, asks = self._on_outcome_0(outcome, event)
        if self.ladders[outcome].sizes == (dict(bids), dict(asks)):
            return Comparison.EQUAL
        if event.at is None or self.batch_at is None or event.at < self.batch_at or self.batch_open:
            return Comparison.UNDECIDED
        return Comparison.DIFFERENT if event.at == self.batch_at else Comparison.LATER

    def forget(self) -> None:
        """Discards all that is known of the ladders."""
        self.trust = [Trust.NONE for _ in self.trust]
        self.best = [NO_QUOTE for _ in self.best]
        self.verifier.forget()
        for kept in self.kept:
            kept.clear()
        self.batch_open = self.mirror_miss = False
        self.verified_at = None

    def join(self, subscription: Subscription | None) -> None:
        """Sets the subscription that carries the book; None: no subscription."""
        if subscription is not self.subscription:
            if self.subscription is not None:
                del self.subscription.books[self]
            if subscription is not None:
                subscription.books[self] = None
            self.subscription = subscription

    # --- checks

    def fault(self) -> Reason | None:
        """The reason why the book at the end of a batch is invalid; hashes and mirrors are rechecked later."""
        at, _, number = self.batch_last
        for outcome, ladder in enumerate(self.ladders):
            if self.trust[outcome] == Trust.NONE:
                continue
            matched = self.verifier.check_hash(outcome, ladder, at, number)
            if matched:
                self.best[outcome] = NO_QUOTE  # the whole ladder is proved; best prices add nothing
            if self.trust[outcome] == Trust.UNPROVED and matched is not None:
                self.trust[outcome] = Trust.FULL if matched else Trust.NONE
                if matched:
                    self.kept[outcome].clear()
        self.mirror_miss = self.mirror_differs
        return Reason.CROSSED if self.trust[0] == Trust.FULL and self.ladders[0].crossed else None

    @property
    def mirror_differs(self) -> bool:
        """Whether the ladders of the two outcomes are not mirror images."""
        both = len(self.trust) > 1 and min(self.trust) == Trust.FULL
        return both and self.ladders[0].sizes != self.ladders[1].sizes

    @property
    def best_differs(self) -> bool:
        """Whether the venue's last best prices differ from the ladder's."""
        return any(
            self.trust[outcome] == Trust.FULL
            and ((bid is not None and bid != (ladder.bid or 0)) or (ask is not None and ask != (ladder.ask or 0)))
            for outcome, (ladder, (bid, ask)) in enumerate(zip(self.ladders, self.best, strict=True))
        )

    @property
    def books(self) -> tuple[Book]:
        """The books that a proof of this book concerns: itself."""
        return (self,)

    @property
    def last_proof(self) -> int:
        """The last time at which the book was proved equal to the venue's; 0: never."""
        return max(self.proved_at, self.subscription.proved_at if self.subscription else 0)

    def proved(self, at: int, budget: int) -> bool:
        """Whether the last proof is younger than the budget."""
        return self.last_proof + budget > at

    def closes_before(self, now: int) -> bool:
        """Whether trading was scheduled to end before ``now``."""
        return self.instrument.close_at is not None and self.instrument.close_at <= now

    @property
    def ended(self) -> bool:
        """Whether trading has ended."""
        return self.reason is Reason.CLOSED

    def gap(self, to_at: int | None, connection: str) -> GapRow | None:
        """The interval without a valid book, which ends at ``to_at``."""
        if self.reason is None or self.ended:
            return None
        name = self.instrument.instrument_id
        return GapRow(name, self.reason, self.last_good_at or None, self.from_at, to_at, connection, self.discarded)

    def _set_best(self, outcome: int, bid: int | None, ask: int | None) -> None:
        self.best[outcome] = (_mirrored_best(ask), _mirrored_best(bid)) if outcome else (bid, ask)

    def _claim(self, outcome: int, event: Snapshot | Change) -> None:
        if event.hash is not None and event.at is not None:
            self.verifier.claim(outcome, event.at, event.hash)

    @staticmethod
    def _on_outcome_0(outcome: int, event: Snapshot) -> tuple[list[Level], list[Level]]:
        """The event's bids and asks on outcome 0's axis."""
        if not outcome:
            return list(event.bids), list(event.asks)
        bids = [(mirrored(Side.ASK, price)[1], size) for price, size in event.asks]
        return bids, [(mirrored(Side.BID, price)[1], size) for price, size in event.bids]


def _mirrored_best(best: int | None) -> int | None:
    """A best price of the other outcome on outcome 0's axis."""
    return ONE - best if best else best
