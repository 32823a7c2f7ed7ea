"""What a chain of recorded frames says, as columns: books over intervals and levels, with what else was told.

Belongs here: shapes and their filling, in batches of bounded size. Which of it counts for an hour is ``sql/books``.
Times are microseconds since 1970 UTC, prices and sizes millionths, outcome 0 is the axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echelon_pipeline.books.batches import CHECKS, EVENTS, GAPS, ROWS, Batches
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.rows import State
from echelon_pipeline.errors import CorruptStore
from echelon_pipeline.streaming.besides import SCHEMAS as BESIDES
from echelon_pipeline.streaming.besides import Besides
from echelon_pipeline.streaming.replay import LINGER, Chain, ended
from echelon_pipeline.streaming.replayer import READERS, ByMachine, Replayer, replayer
from echelon_pipeline.streaming.roster import watched_of
from echelon_pipeline.streaming.segments import CLOSED, Block, count_of, first_at, read

# The machine does these in some 15 s; compiled rules in 2, but they are compiled once per installation, in minutes.
COMPILED_FROM = 500_000
FED = 60_000  # frames that are replayed at once: some 15 MB of payloads

_BIG = pa.int64()
SCHEMAS: dict[str, pa.Schema] = {
    "rows": ROWS,
    "gaps": GAPS,
    "checks": CHECKS,
    "events": EVENTS,
    **BESIDES,
}


@dataclass
class Span:
    """What a chain has of one instrument: its first row's begin, the first that was believed, its last row's end."""

    first_at: int
    believed_at: int | None
    ends_at: int


class Telling:
    """Plays a chain up to an instant and tells what it says of [since, until).

    ``spans`` by instrument are of the whole chain up to ``until``, complete when ``batches`` is; ``outcomes``: of every
    token that was watched. ``compiled_from``: so many frames go through compiled rules, fewer through the machine.
    Both give the same.
    """

    def __init__(self, chain: Chain, *, since: int, until: int, compiled_from: int = COMPILED_FROM) -> None:
        self.spans: dict[str, Span] = {}
        self.frames = 0
        self._chain, self._since, self._until = chain, since, until
        self._last_at = 0  # by the replay's clock; what it says of later is of no frame
        about = chain[0][0]
        self._besides = Besides(about, since, READERS[about.venue])
        self._watched: dict[str, Instrument] = {}
        self._tokens: dict[str, Instrument] = {}
        watched = {i.instrument_id: i for _, paths in chain for _, some in watched_of(paths[0]) for i in some.values()}
        self.outcomes = {token: n for i in watched.values() for n, token in enumerate(i.tokens)}
        frames = sum(count_of(path) for _, paths in chain for path in paths)
        self._replayer: Replayer = (
            replayer(about.venue, watched.values()) if frames >= compiled_from else ByMachine(about.venue)
        )

    def batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Batches of the tables of ``SCHEMAS`` by their names, rows of an instrument in the order of their ends.

        Raises CorruptStore where what is damaged may be of [since, until); what was before, its frames are lost.
        """
        rest = [path for _, paths in self._chain for path in paths]
        by, until, reached, is_over = self._replayer, self._until, False, False
        for about, paths in self._chain:
            changes = watched_of(paths[0])
            rest = rest[len(paths) :]
            for first, arrived in _fed(paths, rest, self._since):
                if is_over:
                    self._cut(arrived.column("received_at")[0].cast(_BIG).as_py())
                    is_over = False
                frames, times = _monotone(arrived, by.now)
                beyond = np.flatnonzero(times >= until)
                known = int(beyond[0]) if len(beyond) else len(times)
                begin = 0
                while begin < known:
                    while changes and changes[0][0] <= first + begin:
                        self._watch(changes.pop(0)[1], int(times[begin]))
                    end = min([known, *(c[0] - first for c in changes[:1])])
                    yield from self._feed(about.connection_id, first + begin, frames.slice(begin, end - begin))
                    begin = end
                if known < len(times):
                    reached = True
                    break
            else:
                is_over = self.frames > 0 and paths[-1].suffix == CLOSED
        if is_over:
            self._cut(by.now + LINGER + 1)
        ends_at = until if reached else self._last_at + LINGER
        if self.frames:
            by.advance(until)
        yield from self._taken(by.finish(by.now))
        for span in self.spans.values():
            span.ends_at = min(span.ends_at, ends_at)

    def _cut(self, following: int) -> None:
        """A connection is over. What came after its last frame nobody knows: soon after it, and before the next one's
        first at the latest, there is no book."""
        by = self._replayer
        at = ended(by.now, following)
        if at < self._until:
            by.disconnected(at)

    def _watch(self, wanted: dict[str, Instrument], at: int) -> None:
        for name in self._watched.keys() - wanted.keys():
            self._replayer.unwatch(name, at)
        for name in wanted.keys() - self._watched.keys():
            self._replayer.watch(wanted[name], at)
        self._watched = wanted
        self._tokens = {token: instrument for instrument in wanted.values() for token in instrument.tokens}

    def _feed(self, connection: str, first: int, frames: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        self._replayer.feed(connection, first, frames)
        self.frames += frames.num_rows
        self._last_at = self._replayer.now
        yield from self._besides.batches(connection, first, frames, self._replayer.besides, self._tokens)
        yield from self._taken(self._replayer.take())

    def _taken(self, told: Batches) -> Iterator[tuple[str, pa.RecordBatch]]:
        self._span(told.rows)
        since, later, until = (pa.scalar(at, _BIG) for at in (self._since, self._since + 1, self._until))
        kept = {
            "rows": told.rows.filter(_since(told.rows["valid_to"], later)),
            "gaps": told.gaps.filter(_since(pc.coalesce(told.gaps["to_at"], until), later)),
            "checks": told.checks.filter(_since(told.checks["at"], since)),
            "events": told.events.filter(_since(told.events["received_at"], since)),
        }
        yield from ((name, batch) for name, batch in kept.items() if batch.num_rows)

    def _span(self, rows: pa.RecordBatch) -> None:
        believed = pc.if_else(pc.equal(rows["state"], pa.scalar(str(State.UNKNOWN))), None, rows["valid_from"])
        columns = {
            "name": rows["instrument_id"].cast(pa.string()),
            "first": rows["valid_from"],
            "end": rows["valid_to"],
        }
        found = pa.table({**columns, "believed": believed}).group_by("name")
        for row in found.aggregate([("first", "min"), ("end", "max"), ("believed", "min")]).to_pylist():
            span = self.spans.setdefault(row["name"], Span(row["first_min"], None, row["end_max"]))
            span.ends_at = max(span.ends_at, row["end_max"])
            if span.believed_at is None:
                span.believed_at = row["believed_min"]


def _since(times: Any, at: Any) -> Any:
    return pc.greater_equal(times, at)


def _fed(paths: Sequence[Path], rest: Sequence[Path], since: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Frames of a connection's segments in larger pieces, each with the arrival number of its first.

    ``rest``: the chain's segments after these. What is damaged and was over before ``since`` is a hole in the numbers.
    """
    held: list[pa.RecordBatch] = []
    first = rows = 0
    for block in _blocks(paths, rest, since):
        if held and (rows >= FED or block.first != first + rows):
            yield first, _one(held)
            held, rows = [], 0
        first = first if held else block.first
        held.append(block.frames)
        rows += block.frames.num_rows
    if held:
        yield first, _one(held)


def _blocks(paths: Sequence[Path], rest: Sequence[Path], since: int) -> Iterator[Block]:
    following = [*paths[1:], *rest]
    for number, path in enumerate(paths):
        try:
            yield from read(path)
        except CorruptStore:
            resumed_at = next(filter(None, map(first_at, following[number : number + 1])), None)
            if resumed_at is None or resumed_at > since:
                raise


def _monotone(frames: pa.RecordBatch, now: int) -> tuple[pa.RecordBatch, Any]:
    """Where our clock stepped back, time stands still, as it does in the replay: else a frame would be of an hour that
    is over by then. The frames, and their microseconds."""
    told: Any = frames.column("received_at").cast(_BIG).to_numpy()
    times = np.maximum(np.maximum.accumulate(told), now)
    if np.array_equal(times, told):
        return frames, told
    columns = [pa.array(times).cast(frames.schema.field("received_at").type), frames.column("payload")]
    return pa.RecordBatch.from_arrays(columns, schema=frames.schema), times


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
