"""One way to replay recorded frames, whoever follows the rules: compiled code, or the machine where that is unfit.

Belongs here: the choice and the machine behind the same calls. Frames go in as Arrow batches (received_at, payload),
rows, gaps, checks, notes and level events come out as Arrow batches (``books/batches.py``). Where segments are, and
what is done with the batches, is the caller's. numba is imported when compiled rules are first asked for: watching a
live stream needs neither it nor the second that its code takes to load.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.batches import EVENTS, Batches, batches_of, level_events
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.columns import NONE, Array, Columns, Texts, besides, columns_of
from echelon_pipeline.books.events import Frame
from echelon_pipeline.books.machine import BUDGET, Machine
from echelon_pipeline.streaming.replay import READERS


class Replayer(Protocol):
    """Books of one feed over its successive connections. Times are microseconds and mean what ``Machine``'s do.

    ``besides``: places, among the frames of the last ``feed``, of those that tell more than levels.
    ``take`` and ``finish`` give out what ended since the last call, level events in the order of arrival.
    """

    @property
    def now(self) -> int: ...
    @property
    def counts(self) -> Counter[str]: ...
    @property
    def met(self) -> Counter[str]: ...
    @property
    def besides(self) -> Array: ...
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
    if unfit(instruments):
        return ByMachine(venue, budget=budget, sequences=sequences)
    from echelon_pipeline.books.kernel import Kernel

    return Kernel(_decoder(venue), budget=budget, sequences=sequences)


def _decoder(venue: str) -> Callable[[pa.RecordBatch, Texts], Columns]:
    if venue == "kalshi":
        from echelon_pipeline.venues.kalshi import columns as kalshi

        return kalshi.columns
    from echelon_pipeline.venues.polymarket import columns as polymarket

    return polymarket.columns


class ByMachine:
    """The machine that judges live, one frame at a time."""

    def __init__(self, venue: str, *, budget: int = BUDGET, sequences: bool = True) -> None:
        self._read = READERS[venue]
        self._machine = Machine(budget=budget, sequences=sequences)
        self._texts, self._names = Texts(), list[str]()
        self._name_of = np.full(0, NONE, "i4")
        self._events: list[pa.RecordBatch] = []
        self.met: Counter[str] = Counter()
        self.besides: Array = np.zeros(0, "i8")

    @property
    def now(self) -> int:
        return self._machine.now

    @property
    def counts(self) -> Counter[str]:
        return +self._machine.counts

    def watch(self, instrument: Instrument, at: int) -> None:
        self._machine.watch(instrument, at)
        self._names.append(instrument.instrument_id)
        self._route(instrument, len(self._names) - 1)

    def unwatch(self, instrument_id: str, at: int) -> None:
        instrument = self._machine.book(instrument_id).instrument
        self._machine.unwatch(instrument_id, at)
        self._route(instrument, None)

    def feed(self, connection: str, first: int, frames: pa.RecordBatch) -> None:
        times: Any = frames.column("received_at").cast(pa.int64())
        payloads: list[Any] = frames.column("payload").to_pylist()
        messages = [self._read(payload) for payload in payloads]
        for number, (at, message) in enumerate(zip(times.to_pylist(), messages, strict=True), start=first):
            self._machine.feed(Frame(connection, number, at, message))
            self.met.update(type(event).__name__ for event in message.events)
        columns = columns_of(times.to_numpy(zero_copy_only=False), messages, self._texts)
        self.besides = besides(columns)
        self._events.append(level_events(columns, self._name_of, self._names, connection, first))

    def advance(self, now: int) -> None:
        self._machine.advance(now)

    def disconnected(self, at: int) -> None:
        self._machine.disconnected(at)

    def finish(self, at: int) -> Batches:
        return batches_of(self._machine.finish(at), self._taken())

    def take(self) -> Batches:
        return batches_of(self._machine.take(), self._taken())

    def hashes(self, instrument_id: str) -> Counter[str]:
        verifier = self._machine.book(instrument_id).verifier
        return Counter({name: getattr(verifier, name) for name in ("hits", "misses", "unchecked")})

    def _taken(self) -> list[pa.RecordBatch]:
        taken, self._events = self._events, []
        return taken or [pa.RecordBatch.from_pylist([], EVENTS)]

    def _route(self, instrument: Instrument, name: int | None) -> None:
        numbers = [self._texts.number(token) for token in instrument.tokens]
        missing = len(self._texts) - len(self._name_of)
        self._name_of = np.concatenate([self._name_of, np.full(missing, NONE, "i4")])
        for outcome, number in enumerate(numbers):
            self._name_of[number] = NONE if name is None else 2 * name + min(outcome, 1)


__all__ = ["ByMachine", "Replayer", "replayer", "unfit"]
