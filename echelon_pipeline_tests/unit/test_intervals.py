"""Interval arithmetic against its definition on the points 0..30."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.domain.intervals import newest_labels, subtract, union

POINTS = st.integers(0, 30)
INTERVALS = st.lists(st.tuples(POINTS, POINTS), max_size=12)
STRETCHES = st.lists(st.tuples(POINTS, POINTS, st.integers(0, 4), st.sampled_from("abc")), max_size=12)


def covered(intervals: list[tuple[int, int]]) -> set[int]:
    return {p for begin, end in intervals for p in range(begin, end)}


def is_canonical(intervals: list[tuple[int, int]]) -> bool:
    ordered = all(begin < end for begin, end in intervals)
    return ordered and all(a[1] < b[0] for a, b in pairwise(intervals))


@given(INTERVALS)
def test_union_covers_exactly_the_points_of_the_intervals(intervals: list[tuple[int, int]]) -> None:
    found = union(intervals)
    assert covered(found) == covered(intervals)
    assert is_canonical(found)


@given(INTERVALS, INTERVALS)
def test_subtract_covers_exactly_the_points_of_the_intervals_outside_of_the_holes(
    intervals: list[tuple[int, int]], holes: list[tuple[int, int]]
) -> None:
    found = subtract(intervals, holes)
    assert covered(found) == covered(intervals) - covered(holes)
    assert is_canonical(found)


@given(STRETCHES)
def test_newest_gives_each_point_the_label_of_the_largest_stamp(stretches: list[tuple[int, int, int, str]]) -> None:
    found = newest_labels(stretches)
    expected = {}
    for _, (begin, end, _stamp, label) in sorted(enumerate(stretches), key=lambda s: (s[1][2], s[0])):
        expected.update(dict.fromkeys(range(begin, end), label))
    assert {p: label for begin, end, label in found for p in range(begin, end)} == expected
    assert all(a[1] < b[0] or (a[1] == b[0] and a[2] != b[2]) for a, b in pairwise(found))


def test_touching_intervals_become_one() -> None:
    assert union([(3, 5), (1, 3)]) == [(1, 5)]
    assert newest_labels([(1, 3, 0, "a"), (3, 5, 9, "a")]) == [(1, 5, "a")]
