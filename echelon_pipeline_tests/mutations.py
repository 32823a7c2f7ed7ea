"""Damaged frames: bytes flipped, cut or doubled, keys taken away, values of another type.

Belongs here: the strategy that both venues' readers are tested with.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

OTHERS: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, -1, 1.5, 10**30, "", "x", "1e5", "NaN", "-0.5", "0.4200", [], {}, [[]], [None]]
)


def _paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value inside of one is."""
    found = [path] if path else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        found += _paths(member, (*path, key))
    return found


@st.composite
def mutated(draw: st.DrawFn, frames: list[bytes]) -> bytes:
    """One of the frames with some damage; sometimes none."""
    payload = draw(st.sampled_from(frames))
    for _ in range(draw(st.integers(0, 2))):
        value = json.loads(payload)
        where = draw(st.sampled_from(_paths(value)))
        inner: Any = value
        for key in where[:-1]:
            inner = inner[key]
        if draw(st.booleans()):
            del inner[where[-1]]
        else:
            inner[where[-1]] = draw(OTHERS)
        if not _paths(value):
            return json.dumps(value).encode()
        payload = json.dumps(value).encode()
    data = bytearray(payload)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(data) - 1))
        if draw(st.booleans()):
            data[at] = draw(st.integers(0, 255))
        else:
            data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=3))
        data = data or bytearray(b" ")
    return bytes(data)
