"""Sets of half-open intervals [from, to): union, subtraction, newest label per instant.

Belongs here: arithmetic on intervals of anything that can be ordered. What an interval stands for is the
caller's business. Every function gives disjoint, sorted, non-touching, non-empty intervals.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable
from datetime import datetime
from itertools import pairwise
from typing import Any, Protocol, TypeVar


class Ordered(Protocol):
    """A point on a line: a time, a number."""

    def __lt__(self, other: Any, /) -> bool: ...


Point = TypeVar("Point", bound=Ordered)
Stamp = TypeVar("Stamp", bound=Ordered)
Label = TypeVar("Label", bound=Hashable)
Span = tuple[datetime, datetime]  # [from, to)


def union(intervals: Iterable[tuple[Point, Point]]) -> list[tuple[Point, Point]]:
    """What lies in at least one interval; touching intervals become one, empty ones vanish."""
    found: list[tuple[Point, Point]] = []
    for begin, end in sorted(i for i in intervals if i[0] < i[1]):
        if found and not found[-1][1] < begin:
            if found[-1][1] < end:
                found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def subtract(
    intervals: Iterable[tuple[Point, Point]], holes: Iterable[tuple[Point, Point]]
) -> list[tuple[Point, Point]]:
    """What lies in at least one interval and in no hole."""
    cut = union(holes)
    found: list[tuple[Point, Point]] = []
    at = 0
    for begin, end in union(intervals):
        while at < len(cut) and not begin < cut[at][1]:
            at += 1  # holes that end before this interval end before all later ones
        low = begin
        for hole_begin, hole_end in cut[at:]:
            if not hole_begin < end:
                break
            if low < hole_begin:
                found.append((low, hole_begin))
            low = hole_end
        if low < end:
            found.append((low, end))
    return found


def newest(stretches: Iterable[tuple[Point, Point, Stamp, Label]]) -> list[tuple[Point, Point, Label]]:
    """The label of the largest stamp at every point that a stretch covers; a later stretch wins a tie.

    Neighbours of one label become one interval. n log n, where n is the number of stretches.
    """
    known = sorted(((b, e, s, n, label) for n, (b, e, s, label) in enumerate(stretches) if b < e), key=lambda k: k[0])
    points = sorted({p for begin, end, *_ in known for p in (begin, end)})
    found: list[tuple[Point, Point, Label]] = []
    open_: list[_Open] = []  # heap; the first is the newest, what has ended is dropped when it surfaces
    at = 0
    for low, high in pairwise(points):
        while at < len(known) and not low < known[at][0]:
            _, end, stamp, number, label = known[at]
            heapq.heappush(open_, _Open(stamp, number, end, label))
            at += 1
        while open_ and not low < open_[0].end:
            heapq.heappop(open_)
        if not open_:
            continue
        label = open_[0].label
        if found and found[-1][2] == label and not found[-1][1] < low:
            found[-1] = (found[-1][0], high, label)
        else:
            found.append((low, high, label))
    return found


class _Open:
    """A stretch on the heap: the largest stamp first, then the latest given."""

    __slots__ = ("end", "label", "number", "stamp")

    def __init__(self, stamp: Any, number: int, end: Any, label: Any) -> None:
        self.stamp, self.number, self.end, self.label = stamp, number, end, label

    def __lt__(self, other: _Open) -> bool:
        if self.stamp < other.stamp or other.stamp < self.stamp:
            return bool(other.stamp < self.stamp)
        return self.number > other.number
