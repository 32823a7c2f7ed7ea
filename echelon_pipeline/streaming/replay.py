"""Segments to books: the frames of a recording through the same machine that judges them live.

Belongs here: which frames follow each other, and what is said of them afterwards. The rules are ``books/``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Frame
from echelon_pipeline.books.keeper import QUIET
from echelon_pipeline.books.machine import Machine
from echelon_pipeline.books.rows import BookRow, Output, State
from echelon_pipeline.errors import CorruptStore, NotFound
from echelon_pipeline.streaming.replayer import READERS
from echelon_pipeline.streaming.roster import watched_of
from echelon_pipeline.streaming.segments import CLOSED, Connection, connection_of, read

# Microseconds for which the last frame of a connection speaks: batches end within them, and an fsync a second later
# would have kept what came.
LINGER = 1_000_000
# The successive connections of one feed under one lease, each with its segments.
Chain: TypeAlias = Sequence[tuple[Connection, list[Path]]]


@dataclass
class Replayed:
    """What one chain's frames say. Times are microseconds. ``events`` by kind, ``gaps`` by reason, ``states`` of the
    ``books`` at the end; ``hashes``: how many matched, did not, or could not be computed."""

    venue: str
    listener: str
    feed: int
    epoch: int
    connections: int = 0
    frames: int = 0
    first_at: int | None = None
    last_at: int | None = None
    events: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    gaps: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    books: dict[str, BookRow] = field(default_factory=dict)
    hashes: Counter[str] = field(default_factory=Counter)


def chains(paths: Iterable[Path], *, no_segments: Callable[[CorruptStore], None] | None = None) -> list[Chain]:
    """Segments by chain, connections and segments in order; chains by venue, listener, feed and epoch.

    A connection none of whose files says whose it is goes to ``no_segments``; without that, raises CorruptStore.
    """
    by_connection = []
    for group in (list(g) for _, g in groupby(sorted(paths), lambda p: p.parent)):
        try:
            by_connection.append((_whose(group), group))
        except CorruptStore as error:
            if no_segments is None:
                raise
            no_segments(error)
    by_connection.sort(key=lambda c: (*_chain_of(c[0]), c[0].connection_id))
    return [list(g) for _, g in groupby(by_connection, lambda c: _chain_of(c[0]))]


def _whose(paths: Sequence[Path]) -> Connection:
    """All segments of a connection say the same; one of them may be damaged."""
    for path in paths[:-1]:
        with suppress(CorruptStore):
            return connection_of(path)
    return connection_of(paths[-1])


def _chain_of(about: Connection) -> tuple[str, str, int, int]:
    return about.venue, about.listener, about.feed, about.epoch


def ended(last: int, following: int) -> int:
    """From when on nothing is known of a connection whose last frame came at ``last``, and the next one's first at
    ``following``: never later than that, so that a quick reconnection is a gap too."""
    return max(last, min(last + LINGER, following - 1))


class Player:
    """One chain through a machine, up to ``until`` (microseconds) or to its last frame.

    A connection whose segments are closed ended with its last frame: from a second after it to the next there is no
    book.
    """

    def __init__(self, chain: Chain, *, until: int | None = None) -> None:
        self.machine = Machine()
        self.watched: dict[str, Instrument] = {}
        self.tokens: dict[str, Instrument] = {}
        self.hashes: Counter[str] = Counter()
        self._chain = chain
        self._until = until
        self._frames = 0
        self.reached = False  # a frame at ``until`` or later was there: the chain goes on

    def play(self) -> Iterator[Frame]:
        """Each frame, once the machine has had it. At the end the machine stands at ``until``, or where the last
        batch is over. Raises CorruptStore."""
        until, is_over = self._until, False
        for connection, paths in self._chain:
            changes = watched_of(paths[0])
            for frame in _frames(connection, paths):
                if is_over:
                    self._cut(frame.received_at)
                    is_over = False
                if until is not None and frame.received_at >= until:
                    self.reached = True
                    break
                while changes and changes[0][0] <= frame.number:
                    self._watch(changes.pop(0)[1], frame.received_at)
                self.machine.feed(frame)
                self._frames += 1
                yield frame
            else:
                is_over = self._frames > 0 and paths[-1].suffix == CLOSED
        if is_over and until is not None:
            self._cut(self.machine.now + LINGER + 1)
        if self._frames:
            # The last batch is over by then, also where our clock stepped back in it.
            self.machine.advance(self.machine.now + QUIET if until is None else until)
        for name in self.watched:
            self._count_hashes(name)

    def _cut(self, following: int) -> None:
        """A connection is over: there is no book until the next one's first frame has brought it."""
        at = ended(self.machine.now, following)
        if self._until is None or at < self._until:
            self.machine.disconnected(at)

    def _watch(self, wanted: dict[str, Instrument], at: int) -> None:
        for name in self.watched.keys() - wanted.keys():
            self._count_hashes(name)
            self.machine.unwatch(name, at)
        for name in wanted.keys() - self.watched.keys():
            self.machine.watch(wanted[name], at)
        self.watched = wanted
        self.tokens = {token: instrument for instrument in wanted.values() for token in instrument.tokens}

    def _count_hashes(self, name: str) -> None:
        verifier = self.machine.book(name).verifier
        for kind in ("hits", "misses", "unchecked"):
            self.hashes[kind] += getattr(verifier, kind)


def replay(chain: Chain, *, until: int | None = None, see: Callable[[Output], None] = lambda _: None) -> Replayed:
    """One chain through a machine: what it says as of the last frame, or at ``until``.

    ``see`` gets what is finished as it goes on. Raises CorruptStore.
    """
    about = chain[0][0]
    told = Replayed(about.venue, about.listener, about.feed, about.epoch)
    player = Player(chain, until=until)
    connections = set()
    for frame in player.play():
        connections.add(frame.connection)
        told.events.update(type(event).__name__ for event in frame.message.events)
        told.frames += 1
        told.first_at = told.first_at or frame.received_at
        told.last_at = frame.received_at
        _take(player.machine.take(), told, see)
    told.connections = len(connections)
    for name in player.watched:
        told.books[name] = player.machine.row(name)
        told.states[str(told.books[name].state)] += 1
    told.hashes = player.hashes
    _take(player.machine.finish(player.machine.now), told, see)
    told.met = +player.machine.counts
    return told


def book_of(paths: Iterable[Path], instrument_id: str, *, until: int | None = None) -> BookRow | None:
    """One book at the last frame of the connections that were opened for it, or at ``until``; of several feeds the
    one that is believed, or else was last. None where no frame had arrived.

    Raises NotFound where no connection was opened for it, CorruptStore.
    """
    concerned = [
        [(about, some) for about, some in feed if any(instrument_id in watched for _, watched in watched_of(some[0]))]
        for feed in chains(paths)
    ]
    if not any(concerned):
        raise NotFound(f"{instrument_id} is in no segment of this home")
    told = [replay(feed, until=until) for feed in concerned if feed]
    newest = max(one.last_at or 0 for one in told)
    # One that ended earlier believed its book at its own last frame, not at the last of all.
    found = [one.books.get(instrument_id) for one in told if until or (one.last_at or 0) + LINGER >= newest]
    return max(filter(None, found), key=lambda row: (row.state is State.LIVE, row.valid_from), default=None)


def _frames(connection: Connection, paths: Sequence[Path]) -> Iterator[Frame]:
    reader = READERS[connection.venue]
    for path in paths:
        for block in read(path):
            for number, (at, payload) in enumerate(block.pairs(), start=block.first):
                yield Frame(connection.connection_id, number, at, reader(payload))


def _take(output: Output, told: Replayed, see: Callable[[Output], None]) -> None:
    told.rows += len(output.rows)
    told.gaps.update(str(gap.reason) for gap in output.gaps)
    if output.rows or output.gaps or output.notes:
        see(output)
