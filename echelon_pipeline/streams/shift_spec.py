"""What a shift is given to do, and what it says that it did.

Belongs here: shapes. What it needs of leases, of the published file and of stores are callables, each of which may
wait and is called in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.clocks import MACHINE, Clock
from echelon_pipeline.domain.latest import LatestState
from echelon_pipeline.settings import Settings
from echelon_pipeline.streams.record import Pace
from echelon_pipeline.venues.feeds import BookSource
from echelon_pipeline.venues.live import Feed
from echelon_pipeline.venues.ws import WsPolicy


class Right(Protocol):
    """The right to record (``state/shift_lease.py``). All raise Conflict where it was lost, DatabaseUnavailable."""

    @property
    def epoch(self) -> int: ...
    def renew(self) -> None: ...
    def check(self) -> None: ...
    def hand_over(self, seconds: float) -> bool: ...
    def is_overlapping(self) -> bool: ...
    def release(self) -> None: ...


@dataclass(frozen=True)
class Times:
    """Seconds. ``shift``: length of a shift; ``overlap``: its end, in which the successor records already; ``lease``:
    after which a silent shift counts as dead; ``discover``, ``emit``: between two choices of instruments, two emissions
    of latest states; ``retry``: before a refused feed is tried again; ``emit_again``: before an unchanged state is sent
    again; ``probe``: between two requests for books by REST, 0 for none."""

    shift: float = 21_600.0
    overlap: float = 60.0
    lease: float = 30.0
    discover: float = 300.0
    emit: float = 1.0
    retry: float = 60.0
    emit_again: float = 20.0
    probe: float = 0.0

    @classmethod
    def of(cls, settings: Settings, *, discover: float, emit: float) -> Times:
        """The configured ones, and those of a listener."""
        given = (settings.listen_shift, settings.listen_overlap, settings.listen_lease)
        rest = (settings.listen_retry, settings.latest_ttl / 3, settings.listen_probe_seconds)
        return cls(*given, discover, emit, *rest)


@dataclass(frozen=True)
class ShiftSpec:
    """What one shift does.

    ``discover``: instruments to watch from now on, None if the listener is paused or removed; ``is_wanted``: whether it
    is neither. ``feed``: the feed of a number, for at most ``tokens``; ``own``: the feed of the account's own channels.
    ``emit`` gets latest states that changed, ``closed`` each segment that was closed. ``books``: opens the venue's REST
    endpoint of books. ``clock``: gives the times of receipt and the length of the shift.
    """

    listener: str
    root: Path
    right: Right
    discover: Callable[[], Sequence[Instrument] | None]
    is_wanted: Callable[[], bool]
    feed: Callable[[int, Sequence[Instrument]], Feed]
    tokens: int
    emit: Callable[[Sequence[LatestState]], object]
    closed: Callable[[Path], object]
    policy: WsPolicy = field(default_factory=WsPolicy)
    pace: Pace = field(default_factory=Pace)
    times: Times = field(default_factory=Times)
    own: Callable[[], Feed] | None = None
    books: Callable[[], AbstractAsyncContextManager[BookSource]] | None = None
    clock: Clock = MACHINE


@dataclass
class Worked:
    """What a shift did. ``ended``: over, stopped or unwanted; ``refused``: how often a feed was, by its words.
    ``probes``: requests for books by REST, and their results."""

    epoch: int
    ended: str = ""
    frames: int = 0
    connections: int = 0
    segments: int = 0
    recovered: int = 0
    emitted: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    probes: dict[str, int] = field(default_factory=dict)
