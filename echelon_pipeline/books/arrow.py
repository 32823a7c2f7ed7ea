"""The output of a replay as Arrow: the same schemas for the machine and for the compiled rules.

Belongs here: schemas, and the conversion of the machine's rows and of level events to batches. Times are
microseconds, prices and sizes millionths, levels best first; repeated texts are dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.columns import Array
from echelon_pipeline.books.events import Change, Frame, Level, Side, Snapshot
from echelon_pipeline.books.rows import BookRow, BookState, Output, Reason

_NAME = pa.dictionary(pa.int32(), pa.string())
WORD = pa.dictionary(pa.int8(), pa.string())
_PRICES, _SIZES = pa.list_(pa.int32()), pa.list_(pa.int64())


def _schema(*fields: tuple[str, Any, bool]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable_array) for name, kind, nullable_array in fields])


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
# Levels as received, of outcome 0's ladder: ``size`` is the new size, or the difference where ``relative``. A snapshot
# is one row per level; an empty snapshot is one row without side, price and size. ``position`` counts the rows of the
# frame.
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
    """Output finished since the last call. Rows, gaps and checks of one instrument are ordered by their ends; there is
    no order across instruments. ``events`` are in the order of arrival."""

    rows: pa.RecordBatch
    gaps: pa.RecordBatch
    checks: pa.RecordBatch
    notes: pa.RecordBatch
    events: pa.RecordBatch


def dictionary_array(numbers: Array, names: Sequence[str], kind: Any = _NAME) -> Any:
    """A dictionary array of texts; a number below zero is null."""
    index = (
        pa.array(numbers, kind.index_type, mask=numbers < 0)
        if (numbers < 0).any()
        else pa.array(numbers, kind.index_type)
    )
    return pa.DictionaryArray.from_arrays(index, pa.array(names, pa.string()))


def nullable_array(numbers: Array, kind: Any, *, missing: Array) -> Any:
    return pa.array(numbers, kind, mask=missing)


def list_array(counts: Array, values: Array, of: Any) -> Any:
    """A list array; ``counts`` are the lengths of the lists."""
    offsets: Any = np.zeros(len(counts) + 1, "i4")
    np.cumsum(counts, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, of))


def concat_batches(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    """Several batches as one batch; their dictionaries may differ."""
    if len(batches) == 1:
        return batches[0]
    combined = pa.Table.from_batches(list(batches), schema).unify_dictionaries().combine_chunks().to_batches()
    return combined[0] if combined else batch_from_rows([], schema)


def batch_from_rows(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows as a batch, built column by column: one dictionary per row takes several times as long."""
    return _batch(zip(*rows, strict=True) if rows else ([] for _ in schema), schema)


def _batch(columns: Iterable[Any], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [c if isinstance(c, pa.Array) else pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def to_batches(output: Output, events: Sequence[pa.RecordBatch] = ()) -> Batches:
    """The machine's output in these schemas."""
    return Batches(
        rows=_rows(output.rows),
        gaps=batch_from_rows(output.gaps, GAPS),
        checks=batch_from_rows(output.checks, CHECKS),
        notes=batch_from_rows(output.notes, NOTES),
        events=concat_batches(events, EVENTS),
    )


def _rows(rows: Sequence[BookRow]) -> pa.RecordBatch:
    if not rows:
        return batch_from_rows([], ROWS)
    columns: list[Any] = list(zip(*rows, strict=True))
    bids = BookRow._fields.index("bids")
    columns[bids : bids + 2] = [array for side in columns[bids : bids + 2] for array in _levels_of(side)]
    return _batch(columns, ROWS)


def rows_of_batch(rows: pa.RecordBatch) -> Iterator[BookRow]:
    """The rows of a batch as ``BookRow``."""
    for row in rows.to_pylist():
        bids, asks = (tuple(zip(row[f"{s}_prices"], row[f"{s}_sizes"], strict=True)) for s in ("bid", "ask"))
        values = {name: row[name] for name in BookRow._fields if name in row}
        state, reason = BookState(row["state"]), row["reason"] and Reason(row["reason"])
        yield BookRow(**values | {"state": state, "reason": reason, "bids": bids, "asks": asks})


def _levels_of(sides: Sequence[Sequence[Level]]) -> tuple[Any, Any]:
    """Prices and sizes of each row's levels of a side."""
    counts = np.fromiter(map(len, sides), "i8", len(sides))
    values = np.fromiter(chain.from_iterable(chain.from_iterable(sides)), "i8", 2 * int(counts.sum()))
    return list_array(counts, values[::2], pa.int32()), list_array(counts, values[1::2], pa.int64())


def level_batch(frames: Iterable[Frame], ladders: Mapping[str, str]) -> pa.RecordBatch:
    """The same as ``fast.level_events``, for frames that were read one by one. ``ladders``: instruments by the token of
    outcome 0."""
    rows: list[tuple[Any, ...]] = []
    for frame in frames:
        first = len(rows)
        for event in frame.message.events:
            if isinstance(event, Change | Snapshot) and event.token in ladders:
                origin = ladders[event.token], frame.received_at, event.at, frame.connection, frame.number
                if isinstance(event, Change):
                    change = (False, event.side, event.price, event.size, event.relative)
                    rows.append((*origin, len(rows) - first, *change))
                elif not event.rest:  # a REST book is not part of the stream
                    for level in _levels(event):
                        rows.append((*origin, len(rows) - first, True, *level, False))
    return batch_from_rows(rows, EVENTS)


def _levels(event: Snapshot) -> list[tuple[Any, ...]]:
    levels: list[tuple[Any, ...]] = [(Side.BID, *level) for level in event.bids]
    return levels + [(Side.ASK, *level) for level in event.asks] or [(None, None, None)]
