"""Deadlines of one length as a linked list: ``books/waits.py`` over an array.

Belongs here: nothing of books. Row 0 is both ends, row ``key + 1`` is a key: who is before, who is after, since when.
A key that does not wait has nobody after it (-1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from echelon_pipeline.books.columns import Array
from echelon_pipeline.books.fast import compiled

BEFORE, AFTER, SINCE = 0, 1, 2


def new(keys: int) -> Array:
    """Nobody waits."""
    made: Any = np.full((keys + 1, 3), -1, "i8")
    made[0] = 0
    return made


@compiled
def stop(waits: Array, key: int) -> None:
    before, after = waits[key + 1, BEFORE], waits[key + 1, AFTER]
    if after >= 0:
        waits[before, AFTER] = after
        waits[after, BEFORE] = before
        waits[key + 1, AFTER] = -1


@compiled
def start(waits: Array, key: int, at: int) -> None:
    stop(waits, key)
    last = waits[0, BEFORE]
    waits[key + 1, BEFORE] = last
    waits[key + 1, AFTER] = 0
    waits[key + 1, SINCE] = at
    waits[last, AFTER] = key + 1
    waits[0, BEFORE] = key + 1


@compiled
def start_once(waits: Array, key: int, at: int) -> None:
    if waits[key + 1, AFTER] < 0:
        start(waits, key, at)


@compiled
def first(waits: Array, length: int, now: int) -> int:
    """Who falls due until now; -1: nobody."""
    row = waits[0, AFTER]
    if row == 0 or waits[row, SINCE] + length > now:
        return -1
    return int(row - 1)


@compiled
def since(waits: Array, key: int) -> int:
    return int(waits[key + 1, SINCE])
