"""Timeouts of one fixed length as a linked list: ``books/timeouts.py`` over an array.

Belongs here: timeouts of any key; nothing about books. Row 0 is both ends of the list, row ``key + 1`` belongs to a
key: previous row, next row, start. A key without a running timeout has no next row (-1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from echelon_pipeline.books.columns import Array
from echelon_pipeline.books.fast import compiled

BEFORE, AFTER, SINCE = 0, 1, 2


def new(keys: int) -> Array:
    """A list without running timeouts."""
    out: Any = np.full((keys + 1, 3), -1, "i8")
    out[0] = 0
    return out


@compiled
def stop(timeouts: Array, key: int) -> None:
    before, after = timeouts[key + 1, BEFORE], timeouts[key + 1, AFTER]
    if after >= 0:
        timeouts[before, AFTER] = after
        timeouts[after, BEFORE] = before
        timeouts[key + 1, AFTER] = -1


@compiled
def start(timeouts: Array, key: int, at: int) -> None:
    stop(timeouts, key)
    last = timeouts[0, BEFORE]
    timeouts[key + 1, BEFORE] = last
    timeouts[key + 1, AFTER] = 0
    timeouts[key + 1, SINCE] = at
    timeouts[last, AFTER] = key + 1
    timeouts[0, BEFORE] = key + 1


@compiled
def start_once(timeouts: Array, key: int, at: int) -> None:
    if timeouts[key + 1, AFTER] < 0:
        start(timeouts, key, at)


@compiled
def first(timeouts: Array, length: int, now: int) -> int:
    """The first key whose timeout expires by ``now``; -1: none."""
    row = timeouts[0, AFTER]
    if row == 0 or timeouts[row, SINCE] + length > now:
        return -1
    return int(row - 1)


@compiled
def since(timeouts: Array, key: int) -> int:
    return int(timeouts[key + 1, SINCE])
