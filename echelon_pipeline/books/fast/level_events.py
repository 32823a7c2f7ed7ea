"""Levels as frames told them, of outcome 0's ladders, compiled.

Belongs here: columns of a chunk to the rows of ``batches.EVENTS``. What levels do to a book is ``keeper.py``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.batches import EVENTS, named, nullable
from echelon_pipeline.books.columns import MILLISECOND, Array, Columns
from echelon_pipeline.books.fast import entry
from echelon_pipeline.books.fast.rules import SNAPSHOT

NO_SIDE = -1  # of an empty snapshot


class _Told(NamedTuple):
    """A place for each level, as Arrow wants it."""

    name: Array
    received_at: Array
    at: Array
    number: Array
    position: Array
    whole: Array
    side: Array
    price: Array
    size: Array
    relative: Array


@entry
def _tell(columns: Columns, ladder_of: Array, first: int, made: _Told) -> int:
    """How many levels there are."""
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
            whole, level, side = event.kind == SNAPSHOT, event.bids, event.side
            rows = max(event.last - event.bids, 1) if whole else 1
            price, size = event.price, event.size
            for _ in range(rows):
                if whole and event.last > event.bids:
                    price, size, side = columns.levels[level].price, columns.levels[level].size, level >= event.asks
                    level += 1
                elif whole:
                    side = NO_SIDE
                made.name[count] = ladder >> 1
                made.received_at[count], made.at[count] = columns.received_at[n], event.at * MILLISECOND
                made.number[count], made.position[count] = first + n, count - begin
                made.whole[count], made.side[count], made.relative[count] = whole, side, event.relative
                made.price[count], made.size[count] = price, size
                count += 1
    return count


def level_events(
    columns: Columns, ladder_of: Array, names: Sequence[str], connection: str, first: int
) -> pa.RecordBatch:
    """The levels that frames told of outcome 0's ladders. ``ladder_of`` a text: twice its instrument's place in
    ``names``, and one more for the other outcome; below zero: nobody's."""
    room = len(columns.events) + len(columns.levels)
    made = _Told(*(np.empty(room, kind) for kind in ("i4", "i8", "i8", "i8", "i4", "?", "i1", "i4", "i8", "?")))
    count = _tell(columns, ladder_of, first, made)
    made = _Told(*(array[:count] for array in made))
    empty = made.side < 0
    return pa.RecordBatch.from_arrays(
        [
            named(made.name, names),
            pa.array(made.received_at),
            nullable(made.at, pa.int64(), missing=made.at < 0),
            named(np.zeros(len(made.name), "i4"), [connection]),
            pa.array(made.number),
            pa.array(made.position),
            pa.array(made.whole),
            nullable(made.side, pa.int8(), missing=empty),
            nullable(made.price, pa.int32(), missing=empty),
            nullable(made.size, pa.int64(), missing=empty),
            pa.array(made.relative),
        ],
        schema=EVENTS,
    )
