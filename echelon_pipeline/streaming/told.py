"""What a chain of recorded frames says, as columns: books over intervals, levels, trades, and what else was told.

Belongs here: shapes and their filling, in batches of bounded size. Which of it counts for an hour is ``sql/books``.
Times are microseconds since 1970 UTC, prices and sizes millionths, outcome 0 is the axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from echelon_pipeline.books.events import Change, Frame, Level, Side, Snapshot, TickSize, Told, Traded, Unreadable
from echelon_pipeline.books.rows import BookRow, Output, State
from echelon_pipeline.streaming.replay import LINGER, Chain, Player

BATCH_ROWS = 50_000  # some 20 MB of Python values with 25 levels a side
SIDES = {Side.BID: "bid", Side.ASK: "ask"}

_TEXT, _INT, _BIG, _BOOL = pa.string(), pa.int32(), pa.int64(), pa.bool_()
_PLACE = (("connection_id", _TEXT), ("frame", _BIG), ("position", _INT))
_LEVELS = (("prices", pa.list_(pa.int32())), ("sizes", pa.list_(pa.int64())))


def _schema(*columns: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema(list(columns))


SCHEMAS: dict[str, pa.Schema] = {
    "rows": _schema(
        ("instrument_id", _TEXT),
        ("valid_from", _BIG),
        ("valid_to", _BIG),
        ("state", _TEXT),
        ("reason", _TEXT),
        ("event_at", _BIG),
        ("connection_id", _TEXT),
        ("frame", _BIG),
        *((f"{side}_{name}", kind) for side in ("bid", "ask") for name, kind in _LEVELS),
        ("bid_depth", _BIG),
        ("ask_depth", _BIG),
        ("bid_levels", _INT),
        ("ask_levels", _INT),
    ),
    "gaps": _schema(
        ("instrument_id", _TEXT),
        ("from_at", _BIG),
        ("to_at", _BIG),
        ("last_good_at", _BIG),
        ("discarded", _BIG),
    ),
    "checks": _schema(("instrument_id", _TEXT), ("checked_at", _BIG), ("frame", _BIG), ("matched", _BOOL)),
    "events": _schema(
        ("instrument_id", _TEXT),
        ("received_at", _BIG),
        ("event_at", _BIG),
        *_PLACE,
        ("is_snapshot", _BOOL),
        ("side", _TEXT),
        ("price", _BIG),
        ("size", _BIG),
        ("size_change", _BIG),
    ),
    "trades": _schema(
        ("instrument_id", _TEXT),
        ("received_at", _BIG),
        ("event_at", _BIG),
        *_PLACE,
        ("trade_id", _TEXT),
        ("outcome_index", _INT),
        ("price", _BIG),
        ("size", _BIG),
        ("buys", _BOOL),
        ("is_block", _BOOL),
    ),
    "lifecycle": _schema(
        ("instrument_id", _TEXT),
        ("received_at", _BIG),
        ("event_at", _BIG),
        *_PLACE,
        ("kind", _TEXT),
        ("payload", _TEXT),
    ),
    "unreadable": _schema(("received_at", _BIG), *_PLACE, ("reason", _TEXT), ("payload", _TEXT)),
}


@dataclass
class Span:
    """What a chain has of one instrument: its first row's begin, the first that was believed, its last row's end."""

    first_at: int
    believed_at: int | None
    ends_at: int


class Telling:
    """Plays a chain up to an instant and tells what it says of [since, until).

    ``spans`` by instrument are of the whole chain up to ``until``, complete when ``batches`` is.
    """

    def __init__(self, chain: Chain, *, since: int, until: int, batch_rows: int = BATCH_ROWS) -> None:
        self.spans: dict[str, Span] = {}
        self.frames = 0
        self._player = Player(chain, until=until)
        self._since, self._until, self._batch_rows = since, until, batch_rows
        self._ends_at = 0  # of what was recorded; what the machine says of later is of no frame
        self._held: dict[str, list[tuple[Any, ...]]] = {name: [] for name in SCHEMAS}

    def batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Batches of the tables of ``SCHEMAS`` by their names, rows in the order of their ends. Raises CorruptStore."""
        machine = self._player.machine
        for frame in self._player.play():
            self.frames += 1
            self._ends_at = machine.now + LINGER
            if frame.received_at >= self._since:
                self._frame(frame)
            self._output(machine.take())
            yield from self._full(self._batch_rows)
        if self._player.reached:
            self._ends_at = self._until
        self._output(machine.finish(machine.now))
        yield from self._full(1)

    def _full(self, least: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        for name, rows in self._held.items():
            if len(rows) >= least:
                columns = list(zip(*rows, strict=True))
                arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMAS[name], strict=True)]
                rows.clear()
                yield name, pa.RecordBatch.from_arrays(arrays, schema=SCHEMAS[name])

    def _output(self, output: Output) -> None:
        for row in output.rows:
            self._span(row)
            if row.valid_to > self._since:
                self._held["rows"].append(_book(row))
        for gap in output.gaps:
            if gap.to_at is None or gap.to_at > self._since:
                told = (gap.instrument_id, gap.from_at, gap.to_at, gap.last_good_at, gap.discarded)
                self._held["gaps"].append(told)
        self._held["checks"] += [tuple(check) for check in output.checks if check.at >= self._since]

    def _span(self, row: BookRow) -> None:
        span = self.spans.setdefault(row.instrument_id, Span(row.valid_from, None, row.valid_to))
        span.ends_at = min(row.valid_to, self._ends_at)
        if span.believed_at is None and row.state is not State.UNKNOWN:
            span.believed_at = row.valid_from

    def _frame(self, frame: Frame) -> None:
        position = 0
        for event in frame.message.events:
            token = getattr(event, "token", None)
            found = self._player.tokens.get(token) if token else None
            at: int | None = getattr(event, "at", None)
            place = (frame.received_at, at, frame.connection, frame.number)
            if isinstance(event, Unreadable):
                told = (event.reason, event.payload.decode("utf-8", errors="backslashreplace"))
                self._held["unreadable"].append((frame.received_at, *place[2:], position, *told))
                position += 1
            elif isinstance(event, Told | TickSize):
                kind, payload = _told(event)
                name = found.instrument_id if found else None
                self._held["lifecycle"].append((name, *place, position, kind, payload))
                position += 1
            elif found is not None and isinstance(event, Traded):
                outcome = found.tokens.index(event.token)
                said = (event.trade_id, outcome, event.price, event.size, event.buys, event.is_block)
                self._held["trades"].append((found.instrument_id, *place, position, *said))
                position += 1
            elif found is not None and isinstance(event, Snapshot | Change) and found.tokens[0] == event.token:
                for level in _levels(event):
                    self._held["events"].append((found.instrument_id, *place, position, *level))
                    position += 1


def _levels(event: Snapshot | Change) -> list[tuple[bool, str | None, int | None, int | None, int | None]]:
    """(is_snapshot, side, price, size, size_change) of each level."""
    if isinstance(event, Change):
        size, change = (None, event.size) if event.relative else (event.size, None)
        return [(False, SIDES[event.side], event.price, size, change)]
    sides = ((Side.BID, event.bids), (Side.ASK, event.asks))
    found = [(True, SIDES[side], price, size, None) for side, levels in sides for price, size in levels]
    return [*found] or [(True, None, None, None, None)]


def _told(event: Told | TickSize) -> tuple[str, str]:
    if isinstance(event, Told):
        return event.kind, event.payload.decode("utf-8", errors="replace")
    return "tick_size_change", msgspec.json.encode({"token": event.token, "tick_size": event.new}).decode()


def _book(row: BookRow) -> tuple[Any, ...]:
    at = (row.instrument_id, row.valid_from, row.valid_to, str(row.state), row.reason and str(row.reason))
    levels: tuple[Any, ...] = (None, None, None, None)
    if row.state is not State.UNKNOWN:
        levels = (*_columns(row.bids), *_columns(row.asks))
    sums = (row.bid_depth, row.ask_depth, row.bid_levels, row.ask_levels)
    return (*at, row.event_at, row.connection, row.number, *levels, *sums)


def _columns(levels: tuple[Level, ...]) -> tuple[list[int], list[int]]:
    return [price for price, _ in levels], [size for _, size in levels]
