"""Sets of half-open intervals [from, to): union, subtraction, newest label per instant.

Belongs here: arithmetic on intervals of any ordered type. Callers give the intervals their meaning. Every function
returns disjoint, sorted, non-touching, non-empty intervals.
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
    """The points in at least one interval; touching intervals are merged, empty ones removed."""
    merged: list[tuple[Point, Point]] = []
    for begin, end in sorted(i for i in intervals if i[0] < i[1]):
        if merged and not merged[-1][1] < begin:
            if merged[-1][1] < end:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    return merged


def subtract(
    intervals: Iterable[tuple[Point, Point]], holes: Iterable[tuple[Point, Point]]
) -> list[tuple[Point, Point]]:
    """The points in at least one interval and in no hole."""
    cut = union(holes)
    parts: list[tuple[Point, Point]] = []
    at = 0
    for begin, end in union(intervals):
        while at < len(cut) and not begin < cut[at][1]:
            at += 1  # holes that end before this interval end before all later ones
        low = begin
        for hole_begin, hole_end in cut[at:]:
            if not hole_begin < end:
                break
            if low < hole_begin:
                parts.append((low, hole_begin))
            low = hole_end
        if low < end:
            parts.append((low, end))
    return parts


def newest_labels(intervals: Iterable[tuple[Point, Point, Stamp, Label]]) -> list[tuple[Point, Point, Label]]:
    """The label of the largest stamp at every point that an interval covers; for equal stamps the later interval wins.

    Neighbours with the same label are merged. n log n for n intervals.
    """
    by_begin = sorted(
        ((b, e, s, n, label) for n, (b, e, s, label) in enumerate(intervals) if b < e), key=lambda k: k[0]
    )
    points = sorted({p for begin, end, *_ in by_begin for p in (begin, end)})
    labelled: list[tuple[Point, Point, Label]] = []
    open_: list[_Open] = []  # heap, newest first; ended intervals are removed when they come first
    at = 0
    for low, high in pairwise(points):
        while at < len(by_begin) and not low < by_begin[at][0]:
            _, end, stamp, number, label = by_begin[at]
            heapq.heappush(open_, _Open(stamp, number, end, label))
            at += 1
        while open_ and not low < open_[0].end:
            heapq.heappop(open_)
        if not open_:
            continue
        label = open_[0].label
        if labelled and labelled[-1][2] == label and not labelled[-1][1] < low:
            labelled[-1] = (labelled[-1][0], high, label)
        else:
            labelled.append((low, high, label))
    return labelled


class _Open:
    """An interval on the heap: the largest stamp first, then the latest in the input."""

    __slots__ = ("end", "label", "number", "stamp")

    def __init__(self, stamp: Any, number: int, end: Any, label: Any) -> None:
        self.stamp, self.number, self.end, self.label = stamp, number, end, label

    def __lt__(self, other: _Open) -> bool:
        if self.stamp < other.stamp or other.stamp < self.stamp:
            return bool(other.stamp < self.stamp)
        return self.number > other.number
