"""What a replay gives out, as Arrow: one shape, whichever of the two ways the rules were followed.

Belongs here: schemas, and how rows of the machine and level events become batches. Times are microseconds, prices
and sizes millionths, levels best first; texts that repeat are dictionaries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.columns import MILLISECOND, NONE, Array, Columns, Kind
from echelon_pipeline.books.rows import BookRow, GapRow, Output

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


def level_events(
    columns: Columns, ladder_of: Array, names: Sequence[str], connection: str, first: int
) -> pa.RecordBatch:
    """The levels that frames told of outcome 0's ladders. ``ladder_of`` a text: twice its instrument's place in
    ``names``, and one more for the other outcome; below zero: nobody's."""
    frame, at = _in_order(columns.frames)
    told = columns.events[at]
    token = told["token"]
    ladder = np.where((token >= 0) & (token < len(ladder_of)), ladder_of[np.clip(token, 0, len(ladder_of) - 1)], NONE)
    kept = (told["kind"] <= Kind.SNAPSHOT) & (ladder >= 0) & (ladder % 2 == 0)
    frame, told, ladder = frame[kept], told[kept], ladder[kept]
    whole = told["kind"] == Kind.SNAPSHOT
    levels = np.where(whole, told["last"] - told["bids"], 0)
    counts = np.where(whole, np.maximum(levels, 1), 1)
    event = np.repeat(np.arange(len(told)), counts)
    rank = np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts)
    frame, told, whole, ladder, levels = frame[event], told[event], whole[event], ladder[event], levels[event]
    where = np.minimum(told["bids"] + rank, len(columns.levels) - 1)
    level = columns.levels[where] if len(columns.levels) else np.zeros(len(where), columns.levels.dtype)
    side = np.where(whole, rank >= told["asks"] - told["bids"], told["side"])
    starts = np.flatnonzero(np.diff(frame, prepend=-1))
    position = np.arange(len(frame)) - np.repeat(starts, np.diff(starts, append=len(frame)))
    empty = whole & (levels == 0)
    return pa.RecordBatch.from_arrays(
        [
            named(ladder // 2, names),
            pa.array(columns.received_at[frame], pa.int64()),
            nullable(told["at"] * MILLISECOND, pa.int64(), missing=told["at"] < 0),
            named(np.zeros(len(frame), "i4"), [connection]),
            pa.array(frame + first, pa.int64()),
            pa.array(position, pa.int32()),
            pa.array(whole),
            nullable(side, pa.int8(), missing=empty),
            nullable(np.where(whole, level["price"], told["price"]), pa.int32(), missing=empty),
            nullable(np.where(whole, level["size"], told["size"]), pa.int64(), missing=empty),
            pa.array(told["relative"].astype(bool)),
        ],
        schema=EVENTS,
    )


def _in_order(frames: Array) -> tuple[Array, Array]:
    """Each event's frame, and where it is among the columns' events."""
    first, counts = frames["first"].astype("i8"), (frames["last"] - frames["first"]).astype("i8")
    frame = np.repeat(np.arange(len(frames)), counts)
    return frame, np.arange(len(frame)) + np.repeat(first - (np.cumsum(counts) - counts), counts)


def one_of(events: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Several batches as one; their dictionaries may differ."""
    if len(events) == 1:
        return events[0]
    table = pa.Table.from_batches(list(events), EVENTS).unify_dictionaries().combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], EVENTS)


def batches_of(output: Output, events: Sequence[pa.RecordBatch] = ()) -> Batches:
    """What the machine gave out, in these shapes."""
    return Batches(
        pa.RecordBatch.from_pylist([_row(row) for row in output.rows], ROWS),
        pa.RecordBatch.from_pylist([_gap(gap) for gap in output.gaps], GAPS),
        pa.RecordBatch.from_pylist([check._asdict() for check in output.checks], CHECKS),
        pa.RecordBatch.from_pylist([note._asdict() for note in output.notes], NOTES),
        one_of(events),
    )


def _row(row: BookRow) -> dict[str, Any]:
    told = row._asdict()
    for side in ("bid", "ask"):
        levels = told.pop(f"{side}s")
        told[f"{side}_prices"], told[f"{side}_sizes"] = [p for p, _ in levels], [s for _, s in levels]
    return told | {"state": row.state.value, "reason": row.reason and row.reason.value}


def _gap(gap: GapRow) -> dict[str, Any]:
    return gap._asdict() | {"reason": gap.reason.value}
