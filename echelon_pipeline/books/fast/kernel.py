"""The machine, compiled: the same calls and rules, frames as Arrow in, output as Arrow out.

Belongs here: what of ``Machine`` the compiled rules need around them. Importing this imports numba. Followed is
everything that a recorded stream holds. Not followed: books that were asked for (in no recorded stream), instruments
with more than two outcomes, tokens that two instruments share: ``Unfit`` says so, and the machine does it. Sums of
sizes that 64 bits do not hold end a replay with ``Unfit``: neither would the machine's rows fit their columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.batches import CHECKS, EVENTS, GAPS, NOTES, ROWS, Batches, one_of
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.columns import NAMES, NONE, STRANGER, Array, Columns, Texts, besides, columns_of
from echelon_pipeline.books.fast import memory, results, rules, state
from echelon_pipeline.books.fast.level_events import level_events
from echelon_pipeline.books.machine import BUDGET
from echelon_pipeline.errors import Permanent

Decoder = Callable[[pa.RecordBatch, Texts], Columns]
_NO_FRAMES = columns_of(np.zeros(0, "i8"), (), Texts())
ROOM = 1 << 14  # rows that are written in one place, at least


class Unfit(Permanent):
    """What the compiled rules do not follow: use the machine."""


class Kernel:
    """Books of the instruments that one listener watched. ``decode``: frames of its venue to columns."""

    def __init__(self, decode: Decoder, *, budget: int = BUDGET, sequences: bool = True) -> None:
        self._decode = decode
        self.texts = Texts()
        self._m = memory.new(budget, sequences=sequences)
        self._made = state.room(ROOM)
        self._begins = self._made.ends.tolist()  # what was taken of it
        self._books: dict[str, tuple[int, Instrument]] = {}
        self._free: list[int] = []
        self._names: list[str] = []
        self._connections = [""]
        self._name_of: Array = np.full(0, NONE, "i4")  # a text's ladder by its instrument's name
        self._pieces: list[state.Made] = []
        self._events: list[pa.RecordBatch] = []
        self.frames = self.plain = 0
        self.besides: Array = np.zeros(0, "i8")

    # --- what the caller does

    @property
    def now(self) -> int:
        return int(self._m.clock[0]["now"])

    def watch(self, instrument: Instrument, at: int) -> None:
        """As the machine's. Raises Unfit."""
        self.advance(at)
        name, tokens = instrument.instrument_id, instrument.tokens
        if not 1 <= len(set(tokens)) == len(tokens) <= 2:
            raise Unfit(f"{name} has {len(tokens)} outcomes, {len(set(tokens))} of them different")
        numbers = [self.texts.number(token) for token in tokens]
        taken = [n for n in numbers if n < len(self._m.ladder_of) and self._m.ladder_of[n] >= 0]
        if taken or name in self._books:
            raise Unfit(f"{name} or one of its tokens is watched already")
        book = self._free.pop() if self._free else len(self._books)
        self._m = memory.with_place(self._m, book)
        self._books[name] = book, instrument
        self._names.append(name)
        memory.place(self._m, book, len(self._names) - 1, instrument, self.texts)
        self._route(numbers, book, len(self._names) - 1)

    def unwatch(self, instrument_id: str, at: int) -> None:
        """As the machine's."""
        self.advance(at)
        book, instrument = self._books.pop(instrument_id)
        self._do(rules.FINISH, book)
        self._do(rules.LEAVE, book)
        self._route([self.texts.number(token) for token in instrument.tokens], NONE, NONE)
        self._free.append(book)

    def feed(self, connection: str, first: int, frames: pa.RecordBatch) -> None:
        """Frames (received_at, payload) of one connection, the first of which is number ``first``."""
        if not frames.num_rows:
            self.besides = np.zeros(0, "i8")
            return
        columns = self._decode(frames, self.texts)
        self.besides = besides(columns)
        self._m = memory.with_room(self._m, columns, self.texts)
        self._name_of = memory.longer(self._name_of, len(self.texts), NONE)
        if connection != self._connections[-1]:
            self._connections.append(connection)
        counts = columns.frames["last"] - columns.frames["first"]
        self._make_room(int(counts.max()), frames.num_rows)
        done, here, books = 0, len(self._connections) - 1, len(self._books)
        while done < frames.num_rows:
            done = rules.do(rules.RUN, self._m, self._made, columns, done, here, first, books)
            if done < frames.num_rows:
                self._make_room(int(counts[done]))
        self._sound()
        self._events.append(level_events(columns, self._name_of, self._names, connection, first))
        self.frames, self.plain = self.frames + frames.num_rows, self.plain + columns.plain

    def advance(self, now: int) -> None:
        """As the machine's."""
        self._do(rules.ADVANCE, now)

    def disconnected(self, at: int) -> None:
        """As the machine's."""
        self.advance(at)
        self._do(rules.CUT)

    def finish(self, at: int) -> Batches:
        """As the machine's."""
        self.advance(at)
        for book, _ in self._books.values():
            self._do(rules.FINISH, book)
        return self.take()

    def take(self) -> Batches:
        """What was finished since the last call."""
        self._cut()
        names, told, made, self._pieces, self._events = self._names, self._events, self._pieces, [], []
        return Batches(
            one_of([results.rows_of(piece, names, self._connections) for piece in made], ROWS),
            one_of([results.gaps_of(piece.gaps, names, self._connections) for piece in made], GAPS),
            one_of([results.checks_of(piece.checks, names) for piece in made], CHECKS),
            one_of([results.notes_of(piece.notes, names, self.texts.text) for piece in made], NOTES),
            one_of(told, EVENTS),
        )

    # --- what can be asked of it

    @property
    def counts(self) -> Counter[str]:
        """As the machine's."""
        words = [f"lost_{reason}" for reason in state.REASONS]
        words += ["clock_backwards", "sequence_breaks", "unwatched", "unreadable"]
        return +Counter(dict(zip(words, self._m.clock[0]["counts"].tolist(), strict=True)))

    @property
    def met(self) -> Counter[str]:
        """Events by the names of their types."""
        return +Counter(dict(zip(NAMES, self._m.clock[0]["kinds"].tolist(), strict=True)))

    def hashes(self, instrument_id: str) -> Counter[str]:
        """How many of its hashes matched, did not, or could not be computed."""
        book = self._m.books[self._books[instrument_id][0]]
        return Counter({name: int(book[name]) for name in ("hits", "misses", "unchecked")})

    # --- room

    def _route(self, numbers: Sequence[int], book: int, name: int) -> None:
        """Tokens lead to the ladders of a book from now on; NONE: nowhere."""
        length = len(self.texts)
        self._m = self._m._replace(ladder_of=memory.longer(self._m.ladder_of, length, NONE))
        self._name_of = memory.longer(self._name_of, length, NONE)
        for outcome, number in enumerate(numbers):
            self._m.ladder_of[number] = STRANGER if book < 0 else 2 * book + outcome
            self._name_of[number] = STRANGER if name < 0 else 2 * name + outcome

    def _do(self, what: Any, which: int = 0) -> None:
        """Something between two frames."""
        self._make_room(0)
        rules.do(what, self._m, self._made, _NO_FRAMES, which, 0, 0, 0)

    def _make_room(self, events: int, rows: int = 0) -> None:
        """So much that what lies between two frames, and a frame of so many events, can always be written, and that so
        many rows most likely are one piece."""
        need = rules.PER_BOOK * (len(self._books) + 1) + rules.PER_EVENT * (events + 1)
        if self._made.ends[state.COUNTED].max() + need + rows > len(self._made.rows):
            self._cut()
            self._made = state.room(2 * need + max(rows, ROOM))
            self._begins = self._made.ends.tolist()

    def _cut(self) -> None:
        """What was written since the last time, if anything, is a piece; after it goes on."""
        ends = self._made.ends.tolist()
        if ends != self._begins:
            self._pieces.append(results.written(self._made, self._begins))
            self._begins = ends

    def _sound(self) -> None:
        if self._m.clock[0]["overflow"]:
            raise Unfit("the sizes of a ladder are more than 64 bits hold in millionths")


__all__ = ["Decoder", "Kernel", "Unfit"]
