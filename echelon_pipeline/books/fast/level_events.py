"""Changes and snapshots of outcome 0's ladders as rows, compiled.

Belongs here: columns of a chunk to the rows of ``arrow.EVENTS``. ``validity.py`` applies levels to books.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.arrow import EVENTS, dictionary_array, nullable_array
from echelon_pipeline.books.columns import MILLISECOND, Array, Columns
from echelon_pipeline.books.fast import entry
from echelon_pipeline.books.fast.dispatch import SNAPSHOT

NO_SIDE = -1  # of an empty snapshot


class _LevelColumns(NamedTuple):
    """One element per level; the columns of ``arrow.EVENTS``."""

    name: Array
    received_at: Array
    at: Array
    number: Array
    position: Array
    is_snapshot: Array
    side: Array
    price: Array
    size: Array
    relative: Array


@entry
def _write_levels(columns: Columns, ladder_of: Array, first: int, out: _LevelColumns) -> int:
    """Writes the levels; returns their number."""
    count = 0
    for n in range(len(columns.frames)):
        begin = count
        for at in range(columns.frames[n].first, columns.frames[n].last):
            event = columns.events[at]
            if event.kind > SNAPSHOT or event.token < 0 or event.token >= len(ladder_of):
                continue
            ladder = ladder_of[event.token]
            if ladder < 0 or ladder & 1:
                continue
            is_snapshot, level, side = event.kind == SNAPSHOT, event.bids, event.side
            rows = max(event.last - event.bids, 1) if is_snapshot else 1
            price, size = event.price, event.size
            for _ in range(rows):
                if is_snapshot and event.last > event.bids:
                    price, size, side = columns.levels[level].price, columns.levels[level].size, level >= event.asks
                    level += 1
                elif is_snapshot:
                    side = NO_SIDE
                out.name[count] = ladder >> 1
                out.received_at[count], out.at[count] = columns.received_at[n], event.at * MILLISECOND
                out.number[count], out.position[count] = first + n, count - begin
                out.is_snapshot[count], out.side[count], out.relative[count] = is_snapshot, side, event.relative
                out.price[count], out.size[count] = price, size
                count += 1
    return count


def level_events(
    columns: Columns, ladder_of: Array, names: Sequence[str], connection: str, first: int
) -> pa.RecordBatch:
    """The levels of outcome 0's ladders in a chunk. ``ladder_of`` maps a text to 2 * (index of its instrument in
    ``names``) + outcome; below zero: not watched."""
    capacity = len(columns.events) + len(columns.levels)
    kinds = ("i4", "i8", "i8", "i8", "i4", "?", "i1", "i4", "i8", "?")
    out = _LevelColumns(*(np.empty(capacity, kind) for kind in kinds))
    count = _write_levels(columns, ladder_of, first, out)
    out = _LevelColumns(*(array[:count] for array in out))
    empty = out.side < 0
    return pa.RecordBatch.from_arrays(
        [
            dictionary_array(out.name, names),
            pa.array(out.received_at),
            nullable_array(out.at, pa.int64(), missing=out.at < 0),
            dictionary_array(np.zeros(len(out.name), "i4"), [connection]),
            pa.array(out.number),
            pa.array(out.position),
            pa.array(out.is_snapshot),
            nullable_array(out.side, pa.int8(), missing=empty),
            nullable_array(out.price, pa.int32(), missing=empty),
            nullable_array(out.size, pa.int64(), missing=empty),
            pa.array(out.relative),
        ],
        schema=EVENTS,
    )
