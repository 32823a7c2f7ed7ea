"""What a replay gives out, as Arrow: one shape, whichever of the two ways the rules were followed.

Belongs here: schemas, and how rows of the machine and level events become batches. Times are microseconds, prices
and sizes millionths, levels best first; texts that repeat are dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.columns import Array
from echelon_pipeline.books.events import Change, Frame, Level, Side, Snapshot
from echelon_pipeline.books.rows import BookRow, Output, Reason, State

_NAME = pa.dictionary(pa.int32(), pa.string())
WORD = pa.dictionary(pa.int8(), pa.string())
_PRICES, _SIZES = pa.list_(pa.int32()), pa.list_(pa.int64())


def _schema(*fields: tuple[str, Any, bool]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable) for name, kind, nullable in fields])


ROWS = _schema(
    ("instrument_id", _NAME, False),
    ("valid_from", pa.int64(), False),
    ("valid_to", pa.int64(), False),
    ("state", WORD, False),
    ("reason", WORD, True),
    ("event_at", pa.int64(), True),
    ("connection", _NAME, False),
    ("number", pa.int64(), False),
    ("bid_prices", _PRICES, False),
    ("bid_sizes", _SIZES, False),
    ("ask_prices", _PRICES, False),
    ("ask_sizes", _SIZES, False),
    ("bid_depth", pa.int64(), True),
    ("ask_depth", pa.int64(), True),
    ("bid_levels", pa.int32(), True),
    ("ask_levels", pa.int32(), True),
)
GAPS = _schema(
    ("instrument_id", _NAME, False),
    ("reason", WORD, False),
    ("last_good_at", pa.int64(), True),
    ("from_at", pa.int64(), False),
    ("to_at", pa.int64(), True),
    ("connection", _NAME, False),
    ("discarded", pa.int64(), False),
)
CHECKS = _schema(
    ("instrument_id", _NAME, False),
    ("at", pa.int64(), False),
    ("number", pa.int64(), False),
    ("matched", pa.bool_(), False),
)
NOTES = _schema(
    ("kind", pa.string(), False),
    ("subject", pa.string(), False),
    ("at", pa.int64(), False),
    ("detail", pa.string(), False),
)
# Levels as told, of outcome 0's ladder: sizes are new ones, or what is added where ``relative``. A snapshot is a row
# for each of its levels; an empty one is one row without side, price and size. ``position`` counts them in the frame.
EVENTS = _schema(
    ("instrument_id", _NAME, False),
    ("received_at", pa.int64(), False),
    ("event_at", pa.int64(), True),
    ("connection", _NAME, False),
    ("number", pa.int64(), False),
    ("position", pa.int32(), False),
    ("is_snapshot", pa.bool_(), False),
    ("side", pa.int8(), True),
    ("price", pa.int32(), True),
    ("size", pa.int64(), True),
    ("relative", pa.bool_(), False),
)


class Batches(NamedTuple):
    """What was finished since the last call. Rows, gaps and checks of one instrument are in the order of their ends;
    of several, in any. ``events``: in the order of arrival."""

    rows: pa.RecordBatch
    gaps: pa.RecordBatch
    checks: pa.RecordBatch
    notes: pa.RecordBatch
    events: pa.RecordBatch


def named(numbers: Array, names: Sequence[str], kind: Any = _NAME) -> Any:
    """A dictionary of texts; a number below zero is null."""
    index = (
        pa.array(numbers, kind.index_type, mask=numbers < 0)
        if (numbers < 0).any()
        else pa.array(numbers, kind.index_type)
    )
    return pa.DictionaryArray.from_arrays(index, pa.array(names, pa.string()))


def nullable(numbers: Array, kind: Any, *, missing: Array) -> Any:
    return pa.array(numbers, kind, mask=missing)


def lists(counts: Array, values: Array, of: Any) -> Any:
    """Lists of so many values each."""
    offsets: Any = np.zeros(len(counts) + 1, "i4")
    np.cumsum(counts, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, of))


def one_of(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    """Several batches as one; their dictionaries may differ."""
    if len(batches) == 1:
        return batches[0]
    found = pa.Table.from_batches(list(batches), schema).unify_dictionaries().combine_chunks().to_batches()
    return found[0] if found else filled([], schema)


def filled(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows as a batch. Column by column: a dictionary for each row takes several times as long."""
    return _batch(zip(*rows, strict=True) if rows else ([] for _ in schema), schema)


def _batch(columns: Iterable[Any], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [c if isinstance(c, pa.Array) else pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def batches_of(output: Output, events: Sequence[pa.RecordBatch] = ()) -> Batches:
    """What the machine gave out, in these shapes."""
    gaps, notes, checks = filled(output.gaps, GAPS), filled(output.notes, NOTES), filled(output.checks, CHECKS)
    return Batches(_rows(output.rows), gaps, checks, notes, one_of(events, EVENTS))


def _rows(rows: Sequence[BookRow]) -> pa.RecordBatch:
    if not rows:
        return filled([], ROWS)
    columns: list[Any] = list(zip(*rows, strict=True))
    bids = BookRow._fields.index("bids")
    columns[bids : bids + 2] = [array for side in columns[bids : bids + 2] for array in _levels_of(side)]
    return _batch(columns, ROWS)


def books_of(rows: pa.RecordBatch) -> Iterator[BookRow]:
    """Rows as the machine made them."""
    for row in rows.to_pylist():
        bids, asks = (tuple(zip(row[f"{s}_prices"], row[f"{s}_sizes"], strict=True)) for s in ("bid", "ask"))
        told = {name: row[name] for name in BookRow._fields if name in row}
        state, reason = State(row["state"]), row["reason"] and Reason(row["reason"])
        yield BookRow(**told | {"state": state, "reason": reason, "bids": bids, "asks": asks})


def _levels_of(sides: Sequence[Sequence[Level]]) -> tuple[Any, Any]:
    """Prices and sizes of each row's levels of a side."""
    counts = np.fromiter(map(len, sides), "i8", len(sides))
    values = np.fromiter(chain.from_iterable(chain.from_iterable(sides)), "i8", 2 * int(counts.sum()))
    return lists(counts, values[::2], pa.int32()), lists(counts, values[1::2], pa.int64())


def events_of(frames: Iterable[Frame], ladders: Mapping[str, str]) -> pa.RecordBatch:
    """As ``level_events``, of frames that were read one by one. ``ladders``: instruments by the token of outcome 0."""
    rows: list[tuple[Any, ...]] = []
    for frame in frames:
        first = len(rows)
        for event in frame.message.events:
            if isinstance(event, Change | Snapshot) and event.token in ladders:
                place = ladders[event.token], frame.received_at, event.at, frame.connection, frame.number
                if isinstance(event, Change):
                    told = (False, event.side, event.price, event.size, event.relative)
                    rows.append((*place, len(rows) - first, *told))
                else:
                    for level in _levels(event):
                        rows.append((*place, len(rows) - first, True, *level, False))
    return filled(rows, EVENTS)


def _levels(event: Snapshot) -> list[tuple[Any, ...]]:
    levels: list[tuple[Any, ...]] = [(Side.BID, *level) for level in event.bids]
    return levels + [(Side.ASK, *level) for level in event.asks] or [(None, None, None)]
