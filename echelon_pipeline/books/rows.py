"""What the machine gives out: rows that hold over an interval, gaps, notes, and which hashes matched.

Belongs here: the shapes, and the timeline that makes rows of states. Times are microseconds, prices and sizes
millionths. An interval is [from, to); what lasted no time at all is in no row.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from echelon_pipeline.books.events import Level, Side
from echelon_pipeline.books.ladder import Ladder


class State(StrEnum):
    """What a book at some instant is worth."""

    LIVE = "live"
    CARRIED = "carried"  # made on read: the same book at a grid point without a frame of its own
    STALE = "stale"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a book is unknown."""

    BEFORE_SNAPSHOT = "before_snapshot"
    GAP = "gap"  # a number of the subscription is missing, twice there or out of order
    LOST_FRAMES = "lost_frames"  # the same for our own numbers: a frame arrived and was not kept
    DISCONNECT = "disconnect"
    TICK_SIZE_CHANGE = "tick_size_change"
    CLOSED = "closed"
    CROSSED = "crossed"
    HASH = "hash"
    MIRROR = "mirror"  # the two outcomes' ladders contradict each other
    BEST_PRICES = "best_prices"  # the best prices that the venue says are not those of the ladder
    PROBE = "probe"  # a book that was asked for, of the same instant, says otherwise
    NEGATIVE_LEVEL = "negative_level"
    UNREADABLE = "unreadable"
    SUBSCRIPTION_LOST = "subscription_lost"


class BookRow(NamedTuple):
    """One book over an interval. ``event_at``, ``connection``, ``number``: of the last frame in it.

    Best levels first; depth and level counts are of the whole ladder. All are empty or None where unknown.
    """

    instrument_id: str
    valid_from: int
    valid_to: int
    state: State
    reason: Reason | None
    event_at: int | None
    connection: str
    number: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    bid_depth: int | None
    ask_depth: int | None
    bid_levels: int | None
    ask_levels: int | None

    @property
    def spread(self) -> int | None:
        """Best ask less best bid."""
        return self.asks[0][0] - self.bids[0][0] if self.bids and self.asks else None

    @property
    def twice_mid(self) -> int | None:
        """Best ask plus best bid: the mid doubled, because half a millionth has no number."""
        return self.asks[0][0] + self.bids[0][0] if self.bids and self.asks else None


class GapRow(NamedTuple):
    """A stretch without a book. ``last_good_at``: the last proof before it; ``to_at`` None: not over yet.

    ``discarded``: changes that came in it and could be applied to nothing.
    """

    instrument_id: str
    reason: Reason
    last_good_at: int | None
    from_at: int
    to_at: int | None
    connection: str
    discarded: int


class Note(NamedTuple):
    """Something to look at that makes no book wrong."""

    kind: str
    subject: str
    at: int
    detail: str


class Check(NamedTuple):
    """A hash that was held against a ladder at the end of a batch, whose last frame arrived at ``at`` as ``number``.

    A miss that the second look turns into a match is told again with the same ``at`` and ``number``.
    """

    instrument_id: str
    at: int
    number: int
    matched: bool


class Output(NamedTuple):
    """What was finished since the last call, each list in the order of its ends."""

    rows: list[BookRow]
    gaps: list[GapRow]
    notes: list[Note]
    checks: list[Check]


def state_at(row: BookRow, at: int, step: int) -> State:
    """The state of a grid point inside a row: carried where nothing changed since the grid point before."""
    return State.CARRIED if row.state is State.LIVE and row.valid_from <= at - step else row.state


class Timeline:
    """One instrument's rows: a new one only where something in it changed."""

    __slots__ = ("_depth", "_open", "_out")

    def __init__(self, out: list[BookRow], instrument_id: str, at: int, reason: Reason, depth: int) -> None:
        self._out, self._depth = out, depth
        nothing = ((), (), None, None, None, None)
        self._open = BookRow(instrument_id, at, at, State.UNKNOWN, reason, None, "", 0, *nothing)

    @property
    def row(self) -> BookRow:
        """What holds now; its end is not known yet and is told as its begin."""
        return self._open

    def show(self, at: int, ladder: Ladder, event_at: int | None, connection: str, number: int) -> None:
        """A book that holds from now on."""
        bids, asks = ladder.top(Side.BID, self._depth), ladder.top(Side.ASK, self._depth)
        levels = (len(ladder.sizes[Side.BID]), len(ladder.sizes[Side.ASK]))
        name, (bid_depth, ask_depth) = self._open.instrument_id, ladder.depth
        row = BookRow(
            *(name, at, at, State.LIVE, None, event_at, connection, number),
            *(bids, asks, bid_depth, ask_depth, *levels),
        )
        if self._open.state is not State.LIVE or self._open[8:] != row[8:]:
            self._next(row)

    def hide(self, at: int, reason: Reason, event_at: int | None, connection: str, number: int) -> None:
        """No book from now on."""
        nothing = ((), (), None, None, None, None)
        name = self._open.instrument_id
        self._next(BookRow(name, at, at, State.UNKNOWN, reason, event_at, connection, number, *nothing))

    def restate(self, at: int, state: State) -> None:
        """The same book, worth more or less from now on."""
        if self._open.state is not state:
            self._next(self._open._replace(valid_from=at, valid_to=at, state=state))

    def end(self, at: int) -> None:
        """Gives out what holds until now."""
        if at > self._open.valid_from:
            self._out.append(self._open._replace(valid_to=at))
            self._open = self._open._replace(valid_from=at, valid_to=at)

    def _next(self, row: BookRow) -> None:
        at = max(row.valid_from, self._open.valid_from)
        self.end(at)
        self._open = row._replace(valid_from=at, valid_to=at)


class Best(Timeline):
    """The same without rows: only what holds now, and of its levels the best. For whoever watches: making rows takes a
    third of the time of a frame."""

    __slots__ = ("_best",)

    def __init__(self, out: list[BookRow], instrument_id: str, at: int, reason: Reason, depth: int) -> None:
        super().__init__(out, instrument_id, at, reason, depth)
        self._best: tuple[Any, ...] = ()  # of a believed book: since when, of which frame, its best levels

    @property
    def row(self) -> BookRow:
        """What holds now, with at most one level a side; sums are not known."""
        if not self._best:
            return self._open
        at, event_at, connection, number, bid, bid_size, ask, ask_size = self._best
        bids, asks = ((() if price is None else ((price, size),)) for price, size in ((bid, bid_size), (ask, ask_size)))
        told = {"valid_from": at, "valid_to": at, "reason": None, "event_at": event_at, "connection": connection}
        return self._open._replace(**told, number=number, bids=bids, asks=asks)

    def show(self, at: int, ladder: Ladder, event_at: int | None, connection: str, number: int) -> None:
        bid, ask = ladder.bid, ladder.ask
        best = (
            *(bid, None if bid is None else ladder.sizes[0][bid]),
            *(ask, None if ask is None else ladder.sizes[1][ask]),
        )
        if self._open.state is not State.LIVE:
            self._open = self._open._replace(valid_from=at, valid_to=at, state=State.LIVE)
        elif self._best and self._best[4:] == best:
            return
        self._best = (at, event_at, connection, number, *best)

    def hide(self, at: int, reason: Reason, event_at: int | None, connection: str, number: int) -> None:
        self._best = ()
        super().hide(at, reason, event_at, connection, number)

    def restate(self, at: int, state: State) -> None:
        if self._open.state is not state:
            self._open = self._open._replace(valid_from=at, valid_to=at, state=state)
            self._best = self._best and (at, *self._best[1:])

    def end(self, at: int) -> None:
        """There are no rows to give out."""
