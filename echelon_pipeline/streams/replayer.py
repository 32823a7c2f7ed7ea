"""One way to replay recorded frames: by compiled rules, or by the machine where they do not apply.

Belongs here: the choice and the machine behind the same calls. Frames go in as Arrow batches (received_at, payload),
rows, gaps, checks, notes and level events come out as Arrow batches (``books/arrow.py``). Where segments are, and
what is done with the batches, is the caller's. numba is imported when compiled rules are first asked for: watching a
live stream needs neither it nor the second that its code takes to load. It comes with the extra ``fast``; without it
the machine replays everything.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from itertools import chain
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.arrow import EVENTS, Batches, batch_from_rows, level_batch, to_batches
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.columns import NAMES, SIDE_EVENTS, Array, kind_of
from echelon_pipeline.books.events import Frame
from echelon_pipeline.books.machine import BUDGET, Machine
from echelon_pipeline.venues.registry import venue_of

log = logging.getLogger(__name__)

NOT_FAST = (
    "compiled replay is not installed, replaying takes some ten times as long: pip install 'echelon-pipeline[fast]'"
)


class Replayer(Protocol):
    """Books of one feed over its successive connections. Times are microseconds and mean what ``Machine``'s do.

    ``side_events``: places, among the frames of the last ``feed``, of those with more than levels.
    ``take`` and ``finish`` give out what ended since the last call, level events in the order of arrival.
    """

    @property
    def now(self) -> int: ...
    @property
    def counts(self) -> Counter[str]: ...
    @property
    def event_counts(self) -> Counter[str]: ...
    @property
    def side_events(self) -> Array: ...
    def watch(self, instrument: Instrument, at: int) -> None: ...
    def unwatch(self, instrument_id: str, at: int) -> None: ...
    def feed(self, connection: str, first: int, frames: pa.RecordBatch) -> None: ...
    def advance(self, now: int) -> None: ...
    def disconnected(self, at: int) -> None: ...
    def finish(self, at: int) -> Batches: ...
    def take(self) -> Batches: ...
    def hashes(self, instrument_id: str) -> Counter[str]: ...


def unfit(instruments: Iterable[Instrument]) -> str | None:
    """Why compiled rules cannot follow these instruments; None where they can."""
    owners: dict[str, str] = {}
    for one in instruments:
        if not 1 <= len(set(one.tokens)) == len(one.tokens) <= 2:
            return f"{one.instrument_id} has {len(one.tokens)} outcomes, {len(set(one.tokens))} of them different"
        for token in one.tokens:
            if owners.setdefault(token, one.instrument_id) != one.instrument_id:
                return f"{token} is a token of {owners[token]} and of {one.instrument_id}"
    return None


def replayer(
    venue: str, instruments: Iterable[Instrument], *, budget: int = BUDGET, sequences: bool = True
) -> Replayer:
    """For the frames of a venue. ``instruments``: all that will be watched; the caller watches them."""
    decoder = None if unfit(instruments) or not is_fast() else venue_of(venue).stream.decoder()
    if decoder is None:
        return ByMachine(venue, budget=budget, sequences=sequences)
    from echelon_pipeline.books.fast.kernel import Kernel

    return Kernel(decoder, budget=budget, sequences=sequences)


@cache
def is_fast() -> bool:
    """Whether compiled rules are installed; where they are not, the log says once what that costs."""
    installed = find_spec("numba") is not None
    if not installed:
        log.warning("%s", NOT_FAST)
    return installed


class ByMachine:
    """The machine that judges live, one frame at a time."""

    def __init__(self, venue: str, *, budget: int = BUDGET, sequences: bool = True) -> None:
        self._read = venue_of(venue).stream.reader()
        self._machine = Machine(budget=budget, sequences=sequences)
        self._ladders: dict[str, str] = {}  # instruments by the token of outcome 0
        self._events: list[pa.RecordBatch] = []
        self.event_counts: Counter[str] = Counter()
        self.side_events: Array = np.zeros(0, "i8")

    @property
    def now(self) -> int:
        return self._machine.now

    @property
    def counts(self) -> Counter[str]:
        return +self._machine.counts

    def watch(self, instrument: Instrument, at: int) -> None:
        self._machine.watch(instrument, at)
        self._leave(instrument)  # a token that two share is the last one's
        for token in set(instrument.tokens[:1]) - set(instrument.tokens[1:]):
            self._ladders[token] = instrument.instrument_id

    def unwatch(self, instrument_id: str, at: int) -> None:
        instrument = self._machine.book(instrument_id).instrument
        self._machine.unwatch(instrument_id, at)
        self._leave(instrument)

    def feed(self, connection: str, first: int, frames: pa.RecordBatch) -> None:
        times: list[Any] = frames.column("received_at").cast(pa.int64()).to_pylist()
        payloads: list[Any] = frames.column("payload").to_pylist()
        parsed_frames = [
            Frame(connection, number, at, self._read(payload))
            for number, (at, payload) in enumerate(zip(times, payloads, strict=True), start=first)
        ]
        for frame in parsed_frames:
            self._machine.feed(frame)
        kinds = [[kind_of(event) for event in frame.message.events] for frame in parsed_frames]
        for kind, count in Counter(chain.from_iterable(kinds)).items():
            self.event_counts[NAMES[kind]] += count
        side_events = [place for place, some in enumerate(kinds) if not SIDE_EVENTS.isdisjoint(some)]
        self.side_events = np.array(side_events, "i8")
        self._events.append(level_batch(parsed_frames, self._ladders))

    def advance(self, now: int) -> None:
        self._machine.advance(now)

    def disconnected(self, at: int) -> None:
        self._machine.disconnected(at)

    def finish(self, at: int) -> Batches:
        return to_batches(self._machine.finish(at), self._taken())

    def take(self) -> Batches:
        return to_batches(self._machine.take(), self._taken())

    def hashes(self, instrument_id: str) -> Counter[str]:
        verifier = self._machine.book(instrument_id).verifier
        return Counter({name: getattr(verifier, name) for name in ("hits", "misses", "unchecked")})

    def _taken(self) -> list[pa.RecordBatch]:
        taken, self._events = self._events, []
        return taken or [batch_from_rows([], EVENTS)]

    def _leave(self, instrument: Instrument) -> None:
        for token in instrument.tokens:
            self._ladders.pop(token, None)


__all__ = ["ByMachine", "Replayer", "replayer", "unfit"]
