"""The machine's output: rows with an interval of validity, gaps, notes, and results of hash checks.

Belongs here: the types, and the timeline that turns states into rows. Times are microseconds, prices and sizes
millionths. An interval is [from, to); a state that lasted no time is in no row.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from echelon_pipeline.books.events import Level, Side
from echelon_pipeline.books.ladder import Ladder


class BookState(StrEnum):
    """State of a book at a point in time."""

    LIVE = "live"
    CARRIED = "carried"  # only on read: the same book at a grid point without a frame of its own
    STALE = "stale"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a book is unknown."""

    BEFORE_SNAPSHOT = "before_snapshot"
    GAP = "gap"  # a number of the subscription is missing, repeated or out of order
    LOST_FRAMES = "lost_frames"  # the same for our own numbers: a frame arrived and was not recorded
    DISCONNECT = "disconnect"
    TICK_SIZE_CHANGE = "tick_size_change"
    CLOSED = "closed"
    CROSSED = "crossed"
    HASH = "hash"
    MIRROR = "mirror"  # the ladders of the two outcomes differ
    BEST_PRICES = "best_prices"  # the venue's best prices differ from the ladder's
    PROBE = "probe"  # a REST book of the same time differs
    NEGATIVE_LEVEL = "negative_level"
    UNREADABLE = "unreadable"
    SUBSCRIPTION_LOST = "subscription_lost"


class BookRow(NamedTuple):
    """One book over an interval. ``event_at``, ``connection``, ``number``: of the last frame applied.

    Best levels first; depths and level counts cover the whole ladder. All are empty or None where unknown.
    """

    instrument_id: str
    valid_from: int
    valid_to: int
    state: BookState
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


class GapRow(NamedTuple):
    """An interval without a valid book. ``last_good_at``: the last proof before it; ``to_at`` None: it has not ended.

    ``discarded``: changes that arrived in it and could not be applied.
    """

    instrument_id: str
    reason: Reason
    last_good_at: int | None
    from_at: int
    to_at: int | None
    connection: str
    discarded: int


class Note(NamedTuple):
    """A finding to look at that invalidates no book."""

    kind: str
    subject: str
    at: int
    detail: str


class Check(NamedTuple):
    """A comparison of hash and ladder at the end of a batch whose last frame arrived at ``at`` as ``number``.

    A miss that becomes a match at the recheck is output again with the same ``at`` and ``number``.
    """

    instrument_id: str
    at: int
    number: int
    matched: bool


class Output(NamedTuple):
    """Output finished since the last call, each list in the order of its ends."""

    rows: list[BookRow]
    gaps: list[GapRow]
    notes: list[Note]
    checks: list[Check]


class Timeline:
    """The rows of one instrument: a new row only where a value changes."""

    __slots__ = ("_depth", "_open", "_out")

    def __init__(self, out: list[BookRow], instrument_id: str, at: int, reason: Reason, depth: int) -> None:
        self._out, self._depth = out, depth
        nothing = ((), (), None, None, None, None)
        self._open = BookRow(instrument_id, at, at, BookState.UNKNOWN, reason, None, "", 0, *nothing)

    @property
    def row(self) -> BookRow:
        """The current row; its end is not known yet and equals its begin."""
        return self._open

    def show(self, at: int, ladder: Ladder, event_at: int | None, connection: str, number: int) -> None:
        """Starts a row with a valid book."""
        bids, asks = ladder.top(Side.BID, self._depth), ladder.top(Side.ASK, self._depth)
        levels = (len(ladder.sizes[Side.BID]), len(ladder.sizes[Side.ASK]))
        name, (bid_depth, ask_depth) = self._open.instrument_id, ladder.depth
        row = BookRow(
            *(name, at, at, BookState.LIVE, None, event_at, connection, number),
            *(bids, asks, bid_depth, ask_depth, *levels),
        )
        if self._open.state is not BookState.LIVE or self._open[8:] != row[8:]:
            self._next(row)

    def hide(self, at: int, reason: Reason, event_at: int | None, connection: str, number: int) -> None:
        """Starts a row without a book."""
        nothing = ((), (), None, None, None, None)
        name = self._open.instrument_id
        self._next(BookRow(name, at, at, BookState.UNKNOWN, reason, event_at, connection, number, *nothing))

    def restate(self, at: int, state: BookState) -> None:
        """Starts a row with the same book in another state."""
        if self._open.state is not state:
            self._next(self._open._replace(valid_from=at, valid_to=at, state=state))

    def end(self, at: int) -> None:
        """Ends the current row and outputs it."""
        if at > self._open.valid_from:
            self._out.append(self._open._replace(valid_to=at))
            self._open = self._open._replace(valid_from=at, valid_to=at)

    def _next(self, row: BookRow) -> None:
        at = max(row.valid_from, self._open.valid_from)
        self.end(at)
        self._open = row._replace(valid_from=at, valid_to=at)


class QuoteTimeline(Timeline):
    """A timeline without rows: only the current state and best prices. For live watching: making rows takes a third of
    the time of a frame."""

    __slots__ = ("_best",)

    def __init__(self, out: list[BookRow], instrument_id: str, at: int, reason: Reason, depth: int) -> None:
        super().__init__(out, instrument_id, at, reason, depth)
        self._best: tuple[Any, ...] = ()  # of a valid book: its begin, its frame, its best levels

    @property
    def row(self) -> BookRow:
        """The current row with at most one level per side; sums are not known."""
        if not self._best:
            return self._open
        at, event_at, connection, number, bid, bid_size, ask, ask_size = self._best
        bids, asks = ((() if price is None else ((price, size),)) for price, size in ((bid, bid_size), (ask, ask_size)))
        frame = {"valid_from": at, "valid_to": at, "reason": None, "event_at": event_at, "connection": connection}
        return self._open._replace(**frame, number=number, bids=bids, asks=asks)

    def show(self, at: int, ladder: Ladder, event_at: int | None, connection: str, number: int) -> None:
        bid, ask = ladder.bid, ladder.ask
        best = (
            *(bid, None if bid is None else ladder.sizes[0][bid]),
            *(ask, None if ask is None else ladder.sizes[1][ask]),
        )
        if self._open.state is not BookState.LIVE:
            self._open = self._open._replace(valid_from=at, valid_to=at, state=BookState.LIVE)
        elif self._best and self._best[4:] == best:
            return
        self._best = (at, event_at, connection, number, *best)

    def hide(self, at: int, reason: Reason, event_at: int | None, connection: str, number: int) -> None:
        self._best = ()
        super().hide(at, reason, event_at, connection, number)

    def restate(self, at: int, state: BookState) -> None:
        if self._open.state is not state:
            self._open = self._open._replace(valid_from=at, valid_to=at, state=state)
            self._best = self._best and (at, *self._best[1:])

    def end(self, at: int) -> None:
        """Does nothing: there are no rows to output."""
