"""The machine, compiled: the same calls and rules; frames in as Arrow, output as Arrow.

Belongs here: the calls of ``Machine`` around the compiled rules. Importing this imports numba. The kernel supports
everything that a recorded stream contains. It does not support instruments with more than two outcomes, and tokens
that two instruments share: it raises ``UnsupportedByKernel``, and the caller uses the machine. Sums of sizes that
exceed 64 bits end a replay with ``UnsupportedByKernel`` too: the machine's rows would not fit their columns either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.arrow import CHECKS, EVENTS, GAPS, NOTES, ROWS, Batches, concat_batches
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.columns import NAMES, NONE, UNLISTED, Array, Columns, Texts, side_events
from echelon_pipeline.books.fast import allocation, arrays, dispatch, results
from echelon_pipeline.books.fast.level_events import level_events
from echelon_pipeline.books.machine import BUDGET
from echelon_pipeline.books.message_columns import columns_of
from echelon_pipeline.errors import Permanent

Decoder = Callable[[pa.RecordBatch, Texts], Columns]
_NO_FRAMES = columns_of(np.zeros(0, "i8"), (), Texts())
MIN_ROWS = 1 << 14  # minimum length of the output arrays


class UnsupportedByKernel(Permanent):
    """Input that the compiled rules do not support: use the machine."""


class Kernel:
    """Books of the instruments that one listener watched. ``decode`` converts frames of its venue to columns."""

    def __init__(self, decode: Decoder, *, budget: int = BUDGET, sequences: bool = True) -> None:
        self._decode = decode
        self.texts = Texts()
        self._m = allocation.new(budget, sequences=sequences)
        self._out = arrays.new_output(MIN_ROWS)
        self._flushed = self._out.ends.tolist()  # the part of the output that was taken
        self._books: dict[str, tuple[int, Instrument]] = {}
        self._free: list[int] = []
        self._names: list[str] = []
        self._connections = [""]
        self._name_of: Array = np.full(0, NONE, "i4")  # by text: 2 * index in ``_names`` + outcome
        self._pieces: list[arrays.KernelOutput] = []
        self._events: list[pa.RecordBatch] = []
        self.frames = self.plain = 0
        self.side_events: Array = np.zeros(0, "i8")

    # --- calls

    @property
    def now(self) -> int:
        return int(self._m.clock[0]["now"])

    def watch(self, instrument: Instrument, at: int) -> None:
        """As ``Machine.watch``. Raises UnsupportedByKernel."""
        self.advance(at)
        name, tokens = instrument.instrument_id, instrument.tokens
        if not 1 <= len(set(tokens)) == len(tokens) <= 2:
            raise UnsupportedByKernel(f"{name} has {len(tokens)} outcomes, {len(set(tokens))} of them different")
        numbers = [self.texts.number(token) for token in tokens]
        copy_plain = [n for n in numbers if n < len(self._m.ladder_of) and self._m.ladder_of[n] >= 0]
        if copy_plain or name in self._books:
            raise UnsupportedByKernel(f"{name} or one of its tokens is watched already")
        book = self._free.pop() if self._free else len(self._books)
        self._m = allocation.with_book(self._m, book)
        self._books[name] = book, instrument
        self._names.append(name)
        allocation.place(self._m, book, len(self._names) - 1, instrument, self.texts)
        self._route(numbers, book, len(self._names) - 1)

    def unwatch(self, instrument_id: str, at: int) -> None:
        """As ``Machine.unwatch``."""
        self.advance(at)
        book, instrument = self._books.pop(instrument_id)
        self._call(dispatch.FINISH, book)
        self._call(dispatch.UNWATCH, book)
        self._route([self.texts.number(token) for token in instrument.tokens], NONE, NONE)
        self._free.append(book)

    def feed(self, connection: str, first: int, frames: pa.RecordBatch) -> None:
        """Applies frames (received_at, payload) of one connection; the first frame has the number ``first``."""
        if not frames.num_rows:
            self.side_events = np.zeros(0, "i8")
            return
        columns = self._decode(frames, self.texts)
        self.side_events = side_events(columns)
        self._m = allocation.with_space(self._m, columns, self.texts)
        self._name_of = allocation.longer(self._name_of, len(self.texts), NONE)
        if connection != self._connections[-1]:
            self._connections.append(connection)
        counts = columns.frames["last"] - columns.frames["first"]
        self._reserve(int(counts.max()), frames.num_rows)
        done, here, books = 0, len(self._connections) - 1, len(self._books)
        while done < frames.num_rows:
            done = dispatch.call(dispatch.RUN, self._m, self._out, columns, done, here, first, books)
            if done < frames.num_rows:
                self._reserve(int(counts[done]))
        self._check_overflow()
        self._events.append(level_events(columns, self._name_of, self._names, connection, first))
        self.frames, self.plain = self.frames + frames.num_rows, self.plain + columns.plain

    def advance(self, now: int) -> None:
        """As ``Machine.advance``."""
        self._call(dispatch.ADVANCE, now)

    def disconnected(self, at: int) -> None:
        """As ``Machine.disconnected``."""
        self.advance(at)
        self._call(dispatch.DISCONNECT)

    def finish(self, at: int) -> Batches:
        """As ``Machine.finish``."""
        self.advance(at)
        for book, _ in self._books.values():
            self._call(dispatch.FINISH, book)
        return self.take()

    def take(self) -> Batches:
        """Output finished since the last call."""
        self._flush()
        names, events, out, self._pieces, self._events = self._names, self._events, self._pieces, [], []
        return Batches(
            concat_batches([results.rows_of(piece, names, self._connections) for piece in out], ROWS),
            concat_batches([results.gaps_of(piece.gaps, names, self._connections) for piece in out], GAPS),
            concat_batches([results.checks_of(piece.checks, names) for piece in out], CHECKS),
            concat_batches([results.notes_of(piece.notes, names, self.texts.text) for piece in out], NOTES),
            concat_batches(events, EVENTS),
        )

    # --- counts

    @property
    def counts(self) -> Counter[str]:
        """As ``Machine.counts``."""
        return +Counter(dict(zip(arrays.COUNT_NAMES, self._m.clock[0]["counts"].tolist(), strict=True)))

    @property
    def event_counts(self) -> Counter[str]:
        """Numbers of events by the names of their types."""
        return +Counter(dict(zip(NAMES, self._m.clock[0]["kinds"].tolist(), strict=True)))

    def hashes(self, instrument_id: str) -> Counter[str]:
        """How many hashes of an instrument matched, did not match, or could not be computed."""
        book = self._m.books[self._books[instrument_id][0]]
        return Counter({name: int(book[name]) for name in ("hits", "misses", "unchecked")})

    # --- space

    def _route(self, numbers: Sequence[int], book: int, name: int) -> None:
        """Maps tokens to the ladders of a book; NONE: to no book."""
        length = len(self.texts)
        self._m = self._m._replace(ladder_of=allocation.longer(self._m.ladder_of, length, NONE))
        self._name_of = allocation.longer(self._name_of, length, NONE)
        for outcome, number in enumerate(numbers):
            self._m.ladder_of[number] = UNLISTED if book < 0 else 2 * book + outcome
            self._name_of[number] = UNLISTED if name < 0 else 2 * name + outcome

    def _call(self, what: Any, which: int = 0) -> None:
        """Calls the rules between two frames."""
        self._reserve(0)
        dispatch.call(what, self._m, self._out, _NO_FRAMES, which, 0, 0, 0)

    def _reserve(self, events: int, rows: int = 0) -> None:
        """Makes space for the output between two frames and of one frame with this many events; ``rows`` more, so that
        a chunk's output is usually one piece."""
        need = dispatch.PER_BOOK * (len(self._books) + 1) + dispatch.PER_EVENT * (events + 1)
        if self._out.ends[arrays.COUNTED].max() + need + rows > len(self._out.rows):
            self._flush()
            self._out = arrays.new_output(2 * need + max(rows, MIN_ROWS))
            self._flushed = self._out.ends.tolist()

    def _flush(self) -> None:
        """Closes the output since the last call as a piece, if there is any."""
        ends = self._out.ends.tolist()
        if ends != self._flushed:
            self._pieces.append(results.written(self._out, self._flushed))
            self._flushed = ends

    def _check_overflow(self) -> None:
        if self._m.clock[0]["overflow"]:
            raise UnsupportedByKernel("the sizes of a ladder are more than 64 bits hold in millionths")


__all__ = ["Decoder", "Kernel", "UnsupportedByKernel"]
