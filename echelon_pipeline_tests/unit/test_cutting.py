"""Cutting JSON: members byte for byte, whatever one of them is like.

Belongs here: the cutter itself. What becomes of a hostile member in the pipeline is in
``integration/test_hostile_pages.py``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.venues.cutting import (
    MalformedError,
    elements,
    first,
    is_json,
    members,
    mended,
    pairs,
    plain,
)
from echelon_pipeline_tests.hostile import HOSTILE

texts = st.text(max_size=12) | st.sampled_from(['a"b', "\\", '":', "{", "]", ", ", "\\u", "\ud83d"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
layouts = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")])


def dumped(value: Any, layout: tuple[str, str]) -> bytes:
    return json.dumps(value, separators=layout).encode()


@given(st.dictionaries(texts, values, max_size=5), layouts)
def test_an_object_is_cut_into_its_members(value: dict[str, Any], layout: tuple[str, str]) -> None:
    body = dumped(value, layout)
    assert is_json(body)
    cut = pairs(body)
    assert [json.loads(v) for _, v in cut] == list(value.values())
    for name, member in value.items():
        if "\ud83d" not in name:
            assert json.loads(members(body)[name]) == member
            assert json.loads(first(body, name) or b"") == member


@given(st.lists(values, max_size=6), layouts)
def test_an_array_is_cut_into_its_elements(value: list[Any], layout: tuple[str, str]) -> None:
    assert [json.loads(v) for v in elements(dumped(value, layout))] == value


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_member_leaves_its_neighbours_whole(name: str) -> None:
    body = b'[{"a": 1}, ' + HOSTILE[name] + b', {"b": [2]}]'
    assert is_json(body)
    cut = elements(body)
    assert (cut[0], cut[-1]) == (b'{"a": 1}', b'{"b": [2]}')
    if name != "nothing":
        assert cut[1:-1] == [HOSTILE[name]]
    around = b'{"x": 1, "odd": ' + HOSTILE[name] + b', "y": [2]}'
    assert members(around)["x"] == b"1"
    assert members(around)["y"] == b"[2]"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"a": 1', b'{"a": "b}', b"[1]]", b'{"a": 1} x', b"{1: 2}", b"{,}", b"[}", b"]", b'{"a"}', b"{"],
)
def test_a_body_whose_brackets_or_quotes_are_broken_is_no_json(body: bytes) -> None:
    assert not is_json(body)
    with pytest.raises(MalformedError):
        pairs(body)


def test_a_body_of_quotes_takes_no_longer_than_another() -> None:
    assert not is_json(b'["' + b'\\"' * 200_000)


def test_a_name_that_is_served_twice_is_there_twice() -> None:
    body = b'{"a": [1], "b": 2, "a": [3]}'
    assert pairs(body) == [("a", b"[1]"), ("b", b"2"), ("a", b"[3]")]
    assert members(body)["a"] == b"[1]"
    assert first(body, "a") == b"[1]"
    assert first(b'{"a": 1, "x": {"a": 2}}', "a") == b"1"


@pytest.mark.parametrize(
    ("served", "read"),
    [
        (rb'"cut \ud83d"', "cut \ufffd"),
        (rb'"\udc00 cut"', "\ufffd cut"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\\ud83d"', "\\ud83d"),
        (rb'"\\\ud83d"', "\\\ufffd"),
        (b'"x\xffy"', "x\ufffdy"),
        (rb'"\u0041"', "A"),
    ],
)
def test_half_of_a_surrogate_pair_is_the_replacement_character(served: bytes, read: str) -> None:
    assert plain(served) == read
    assert json.loads(mended(served)) == read
