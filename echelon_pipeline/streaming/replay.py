"""Segments to books: the frames of a recording through the same machine that judges them live.

Belongs here: which frames follow each other, and what is said of them afterwards. The rules are ``books/``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from echelon_pipeline.books.book import Book, Instrument
from echelon_pipeline.books.events import Frame, Message
from echelon_pipeline.books.keeper import QUIET
from echelon_pipeline.books.machine import Machine
from echelon_pipeline.books.rows import BookRow, Output, State
from echelon_pipeline.errors import NotFound
from echelon_pipeline.streaming.segments import CLOSED, Connection, connection_of, instruments_of, read
from echelon_pipeline.venues.kalshi import stream as kalshi
from echelon_pipeline.venues.polymarket import stream as polymarket

# Microseconds for which the last frame of a connection speaks: batches end within them, and an fsync a second later
# would have kept what came.
LINGER = 1_000_000
READERS: dict[str, Callable[[bytes], Message]] = {"kalshi": kalshi.read, "polymarket": polymarket.read}


@dataclass
class Replayed:
    """What one feed's frames say. Times are microseconds. ``events`` by kind, ``gaps`` by reason, ``states`` of the
    ``books`` at the end; ``hashes``: how many matched, did not, or could not be computed."""

    venue: str
    listener: str
    feed: int
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


def feeds(paths: Iterable[Path]) -> list[list[tuple[Connection, list[Path]]]]:
    """Segments by feed: connections in the order of their beginning, each with its segments in order.

    Raises CorruptStore for a file that is no segment.
    """
    by_connection = [
        (connection_of(group[0]), group) for group in (list(g) for _, g in groupby(sorted(paths), lambda p: p.parent))
    ]
    by_connection.sort(key=lambda c: (c[0].venue, c[0].listener, c[0].feed, c[0].epoch, c[0].connection_id))
    return [list(g) for _, g in groupby(by_connection, lambda c: (c[0].venue, c[0].listener, c[0].feed))]


def replay(
    connections: Sequence[tuple[Connection, list[Path]]],
    *,
    until: int | None = None,
    see: Callable[[Output], None] = lambda _: None,
) -> Replayed:
    """One feed through a machine: what it says as of the last frame, or at ``until``.

    A connection whose segments are closed ended with its last frame: from a second after it to the next there is no
    book.
    ``see`` gets what is finished as it goes on. Raises CorruptStore.
    """
    about = connections[0][0]
    told = Replayed(about.venue, about.listener, about.feed)
    machine = Machine()
    watched: dict[str, Instrument] = {}
    for connection, paths in connections:
        told.connections += 1
        wanted = {i.instrument_id: i for i in instruments_of(paths[0])}
        for frame in _frames(connection, paths):
            if until is not None and frame.received_at >= until:
                break
            if wanted:
                _watch(machine, watched, wanted, frame.received_at, told)
                watched, wanted = wanted, {}
            machine.feed(frame)
            told.events.update(type(event).__name__ for event in frame.message.events)
            told.frames += 1
            told.first_at = told.first_at or frame.received_at
            told.last_at = frame.received_at
            _take(machine.take(), told, see)
        else:
            # What came after the last frame that was kept, nobody knows: soon after it there is no book.
            end, is_last = machine.now + LINGER, connection is connections[-1][0]
            if told.frames and paths[-1].suffix == CLOSED and (end < until if until else not is_last):
                machine.disconnected(end)
    if told.last_at is not None:
        # The last batch is over by then, also where our clock stepped back in it.
        machine.advance(machine.now + QUIET if until is None else until)
    _conclude(machine, watched, told, see)
    return told


def book_of(paths: Iterable[Path], instrument_id: str, *, until: int | None = None) -> BookRow | None:
    """One book at the last frame of the connections that were opened for it, or at ``until``; of several feeds the
    one that is believed, or else was last. None where no frame had arrived.

    Raises NotFound where no connection was opened for it, CorruptStore.
    """
    concerned = [
        [
            (about, some)
            for about, some in feed
            if any(i.instrument_id == instrument_id for i in instruments_of(some[0]))
        ]
        for feed in feeds(paths)
    ]
    if not any(concerned):
        raise NotFound(f"{instrument_id} is in no segment of this home")
    found = [replay(feed, until=until).books.get(instrument_id) for feed in concerned if feed]
    return max(filter(None, found), key=lambda row: (row.state is State.LIVE, row.valid_from), default=None)


def _frames(connection: Connection, paths: Sequence[Path]) -> Iterator[Frame]:
    reader = READERS[connection.venue]
    for path in paths:
        for block in read(path):
            for number, (at, payload) in enumerate(block.pairs(), start=block.first):
                yield Frame(connection.connection_id, number, at, reader(payload))


def _watch(
    machine: Machine, before: dict[str, Instrument], now: dict[str, Instrument], at: int, told: Replayed
) -> None:
    for name in before.keys() - now.keys():
        _count_hashes(machine.book(name), told)
        machine.unwatch(name, at)
    for name in now.keys() - before.keys():
        machine.watch(now[name], at)


def _count_hashes(book: Book, told: Replayed) -> None:
    for kind in ("hits", "misses", "unchecked"):
        told.hashes[kind] += getattr(book.verifier, kind)


def _take(output: Output, told: Replayed, see: Callable[[Output], None]) -> None:
    told.rows += len(output.rows)
    told.gaps.update(str(gap.reason) for gap in output.gaps)
    if output.rows or output.gaps or output.notes:
        see(output)


def _conclude(machine: Machine, watched: dict[str, Instrument], told: Replayed, see: Callable[[Output], None]) -> None:
    for name in watched:
        told.books[name] = machine.row(name)
        told.states[str(told.books[name].state)] += 1
        _count_hashes(machine.book(name), told)
    _take(machine.finish(machine.now), told, see)
    told.met = +machine.counts
