"""Which books a connection has lost, so that they can be asked for again while it goes on.

Belongs here: when to ask. What makes a book unknown is ``books/``'s, the same as in every replay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Frame, Subscribed, SubscriptionLost
from echelon_pipeline.books.machine import Machine
from echelon_pipeline.books.rows import BookRow
from echelon_pipeline.venues.live import Feed

MOST = 64  # with 5 s: a dead token is asked for every 5 minutes


class LiveBooks:
    """One connection's books. ``again``: seconds before one token is asked for again, doubling up to ``MOST`` times
    that for one that has no book at all."""

    def __init__(self, feed: Feed, connection_id: str, again: float, watched: Iterable[Instrument]) -> None:
        self.watched = {i.instrument_id: i for i in watched}
        self.sids: dict[str, int] = {}
        self.ended = False  # nothing more comes on a subscription, and asking for its books is in vain
        self._feed = feed
        self._connection_id = connection_id
        self._again = int(again * 1_000_000)
        self._machine = Machine(rows=False)
        self._begun = False
        self._asked: dict[str, tuple[int, int]] = {}  # when, and how long to wait from then

    def see(self, number: int, received_at: int, payload: bytes) -> None:
        """A frame, in the order of arrival."""
        if not self._begun:
            self._begun = True
            self._begin(self.watched.values(), received_at)
        message = self._feed.read(payload)
        self.sids |= {event.channel: event.sid for event in message.events if isinstance(event, Subscribed)}
        self.ended = self.ended or any(isinstance(event, SubscriptionLost) for event in message.events)
        self._machine.feed(Frame(self._connection_id, number, received_at, message))

    def change(self, added: Iterable[Instrument], dropped: Iterable[str], now: int) -> None:
        """From now on these are watched too, and those not any more; the new ones' books are being asked for."""
        for name in dropped:
            del self.watched[name]
            if self._begun:
                self._machine.unwatch(name, now)
        some = list(added)
        self.watched |= {i.instrument_id: i for i in some}
        if self._begun:
            self._begin(some, now)

    def rows(self, now: int) -> list[BookRow]:
        """What holds now of every book; nothing before the first frame."""
        if not self._begun:
            return []
        self._machine.advance(now)
        return [self._machine.row(name) for name in self.watched]

    @property
    def lost(self) -> dict[str, None]:
        """Instruments without a valid book whose trading has not ended, in the order of watched ones."""
        tokens = set(self._machine.needs_snapshot)
        return dict.fromkeys(name for name, i in self.watched.items() if not tokens.isdisjoint(i.tokens))

    def verified_at(self, instrument_id: str) -> int | None:
        """When a REST book last equalled this valid book."""
        return self._machine.book(instrument_id).verified_at

    @property
    def counts(self) -> Counter[str]:
        """The machine's counts."""
        return self._machine.counts

    def needs_snapshot(self, now: int) -> list[str]:
        """Tokens that have no book and were not asked for lately; from now on they were."""
        self._machine.advance(now)
        self._machine.take()  # replays report gaps and checks
        lost = self._machine.needs_snapshot
        asked = {token: self._asked[token] for token in lost if token in self._asked}
        found = [token for token in lost if token not in asked or now - asked[token][0] >= asked[token][1]]
        for token in found:
            waited = asked[token][1] if token in asked else 0
            asked[token] = now, min(max(self._again, 2 * waited), MOST * self._again)
        self._asked = asked
        return found

    def _begin(self, instruments: Iterable[Instrument], at: int) -> None:
        for instrument in instruments:
            self._machine.watch(instrument, at)
            self._asked |= dict.fromkeys(instrument.tokens, (at, self._again))  # who is new was asked for just now
