"""Chains: which recorded frames follow each other, and how they reach the rules of books.

Belongs here: what was watched from which frame on, where a connection was over, what is damaged, where our clock
stepped back. What is said of the frames is ``replay.py``'s and ``book_columns.py``'s, the rules are ``books/``'s.
Times are microseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.validity import QUIET
from echelon_pipeline.errors import CorruptStore
from echelon_pipeline.streams.replayer import ByMachine, Replayer, replayer
from echelon_pipeline.streams.segments import CLOSED, Block, Connection, connection_of, count_of, first_at, read
from echelon_pipeline.streams.watchlist import watched_of

# Microseconds for which the last frame of a connection speaks: batches end within them, and an fsync a second later
# would have kept what came.
LINGER = 1_000_000
# By processor time the machine takes 11 s (Kalshi) to 14 s (Polymarket) for so many frames, compiled rules 1.2 s, half
# of it their loading. Compiling them takes 38 s, once per installation, and 10 s more for the other venue: before a
# million frames that is paid.
COMPILED_FROM = 200_000
# Frames that are replayed at once: the 10 MB of rows they make stay near the processor. 60,000 take half as long again.
BATCH_FRAMES = 16_384
# Bytes of them, of frames that are large: an array of binaries holds no more than 2 GB, and what is beyond would be
# a second one.
BATCH_BYTES = 256 * 2**20
# The successive connections of one feed under one lease, each with its segments.
Chain: TypeAlias = Sequence[tuple[Connection, list[Path]]]


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


class FrameBatch(NamedTuple):
    """Frames (received_at, payload) of a connection that the rules have had; ``first``: arrival number of the first."""

    connection: str
    first: int
    frames: pa.RecordBatch


class Follower:
    """One chain through a replayer, up to ``until`` or to its last frame.

    A connection whose segments are closed ended with its last frame: from a second after it to the next one's first
    there is no book. What is damaged and was over before ``since`` is a hole in the numbers. ``compiled_from``: so
    many frames go through compiled rules, fewer through the machine; both say the same.
    """

    def __init__(
        self, chain: Chain, *, since: int = 0, until: int | None = None, compiled_from: int = COMPILED_FROM
    ) -> None:
        self._chain, self._since, self._until = chain, since, until
        venue, numbered = chain[0][0].venue, chain[0][0].numbered
        watched = (some for _, paths in chain for _, some in watched_of(paths[0]))
        self.instruments = {name: instrument for some in watched for name, instrument in some.items()}
        is_long = sum(count_of(path) for _, paths in chain for path in paths) >= compiled_from
        some = self.instruments.values()
        self.replayer: Replayer = (
            replayer(venue, some, sequences=numbered) if is_long else ByMachine(venue, sequences=numbered)
        )
        self.watched: dict[str, Instrument] = {}
        self.tokens: dict[str, Instrument] = {}  # what is watched, by its tokens
        self.hashes: Counter[str] = Counter()  # of what was watched, complete at the end
        self.frames = 0
        self.stepped_back = 0  # frames before which our clock had been further
        self.last_at: int | None = None  # when the last of them was received, by the clock of then
        self.reached = False  # a frame at ``until`` or later was there: the chain goes on
        self._is_over = False

    def play(self) -> Iterator[FrameBatch]:
        """Frames in the order of arrival, once the rules have had them. At the end the replayer stands at ``until``,
        or where the last batch is over. Raises CorruptStore."""
        yield from self._connections()
        now, until = self.replayer.now, self._until
        if self._is_over and until is not None:
            self._cut(now + LINGER + 1)
        if self.frames:
            # The last batch is over by then, also where our clock stepped back in it.
            self.replayer.advance(now + QUIET if until is None else until)
        for name in self.watched:
            self.hashes.update(self.replayer.hashes(name))

    def _connections(self) -> Iterator[FrameBatch]:
        rest = [path for _, paths in self._chain for path in paths]
        for about, paths in self._chain:
            changes, rest = watched_of(paths[0]), rest[len(paths) :]
            for first, frames in _frame_batches(paths, rest, self._since):
                times = _microseconds(frames)
                if self._is_over:
                    self._cut(int(times[0]))
                    self._is_over = False
                yield from self._feed(about.connection_id, first, frames, times, changes)
                if self.reached:
                    return
            self._is_over = self.frames > 0 and paths[-1].suffix == CLOSED

    def _feed(
        self, connection: str, first: int, frames: pa.RecordBatch, received: Any, changes: list[Any]
    ) -> Iterator[FrameBatch]:
        """The frames that came before ``until``, in pieces within which the watched instruments stay the same.

        Where our clock stepped back, time stands still, as it does in the rules: otherwise a frame would be of an hour
        that is over by then.
        """
        times = np.maximum(np.maximum.accumulate(received), self.replayer.now)
        known = len(times) if self._until is None else int(np.searchsorted(times, self._until))
        back = int((received < times)[:known].sum())
        if back:
            arrived = pa.array(times).cast(frames.schema.field("received_at").type)
            frames = pa.RecordBatch.from_arrays([arrived, frames.column("payload")], schema=frames.schema)
        self.reached = known < len(times)
        begin = 0
        while begin < known:
            while changes and changes[0][0] <= first + begin:
                self._watch(changes.pop(0)[1], int(times[begin]))
            end = min([known, *(c[0] - first for c in changes[:1])])
            piece = FrameBatch(connection, first + begin, frames.slice(begin, end - begin))
            self.replayer.feed(*piece)
            self.frames, self.last_at = self.frames + end - begin, int(received[end - 1])
            yield piece
            begin = end
        self.stepped_back += back

    def _cut(self, following: int) -> None:
        """A connection is over. What came after its last frame is unknown: a second after it, and before the next
        one's first at the latest, so that a quick reconnection is a gap too, there is no book."""
        now = self.replayer.now
        at = max(now, min(now + LINGER, following - 1))
        if self._until is None or at < self._until:
            self.replayer.disconnected(at)

    def _watch(self, wanted: dict[str, Instrument], at: int) -> None:
        for name in self.watched.keys() - wanted.keys():
            self.hashes.update(self.replayer.hashes(name))
            self.replayer.unwatch(name, at)
        for name in wanted.keys() - self.watched.keys():
            self.replayer.watch(wanted[name], at)
        self.watched = wanted
        self.tokens = {token: instrument for instrument in wanted.values() for token in instrument.tokens}


def _frame_batches(paths: Sequence[Path], rest: Sequence[Path], since: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Frames of a connection's segments in larger pieces, each with the arrival number of its first.

    ``rest``: the chain's segments after these. What is damaged and was over before ``since`` is a hole in the numbers.
    """
    pending: list[pa.RecordBatch] = []
    first = rows = size = 0
    try:
        for block in _blocks(paths, rest, since):
            if pending and (rows >= BATCH_FRAMES or size >= BATCH_BYTES or block.first != first + rows):
                yield first, _one(pending)
                pending, rows, size = [], 0, 0
            first = first if pending else block.first
            pending.append(block.frames)
            rows, size = rows + block.frames.num_rows, size + block.frames.nbytes
    except CorruptStore:
        if pending:
            yield first, _one(pending)  # the caller may have seen enough by then
        raise
    if pending:
        yield first, _one(pending)


def _blocks(paths: Sequence[Path], rest: Sequence[Path], since: int) -> Iterator[Block]:
    following = [*paths[1:], *rest]
    for number, path in enumerate(paths):
        try:
            yield from read(path)
        except CorruptStore:
            resumed_at = next(filter(None, map(first_at, following[number : number + 1])), None)
            if resumed_at is None or resumed_at > since:
                raise


def _microseconds(frames: pa.RecordBatch) -> Any:
    return frames.column("received_at").cast(pa.int64()).to_numpy()


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    [found] = batches if len(batches) == 1 else pa.Table.from_batches(batches).combine_chunks().to_batches()
    return found


__all__ = ["COMPILED_FROM", "LINGER", "Chain", "Follower", "FrameBatch", "chains"]
