"""Frames that cannot be read: what of them can be, so that they make no more books unknown than they must.

Belongs here: reading JSON loosely, and mending what is legal JSON that strict readers refuse. Which names and types are
books' is decided in each venue's ``stream`` module.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeGuard

import msgspec

from echelon_pipeline.books.events import Event, SuspectLadder, Unreadable
from echelon_pipeline.venues.frames import UNREADABLE

NOT_JSON: Any = msgspec.UNSET
# A pair of surrogates, one alone, or any other escape (a backslash that is escaped itself begins none).
_ESCAPES = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)
_HALF = rb"\ufffd"


def mended(payload: bytes) -> bytes:
    """The payload with halves of surrogate pairs replaced by U+FFFD: JavaScript writes them where it cuts an emoji, the
    grammar of JSON allows them, and strict readers refuse the whole frame for one."""
    return _ESCAPES.sub(lambda found: _HALF if found[1] else found[0], payload)


def loosely(payload: bytes) -> Any:
    """What the bytes say, as Python values, whatever their texts hold; NOT_JSON where even that is not to be had."""
    try:
        return json.loads(payload.decode(errors="replace"))
    except UNREADABLE:
        return NOT_JSON


def is_name(value: Any) -> TypeGuard[str]:
    """A text that can name a ladder: not empty, and every byte of it was read."""
    return isinstance(value, str) and bool(value) and "\ufffd" not in value


def types(payload: bytes, key: str) -> set[str]:
    """Every text that stands behind this key in bytes that are no JSON: cut off, or nested too deep to read."""
    return set(texts(payload, key))


def texts(payload: bytes, *keys: str) -> list[str]:
    """Every plain text that stands, whole, behind one of these keys in bytes that are no JSON."""
    named = "|".join(keys).encode()
    return [one.decode() for one in re.findall(rb'"(?:%b)"\s*:\s*"([\x20\x21\x23-\x5b\x5d-\x7e]+)"' % named, payload)]


def unreadable(payload: bytes, why: str, names: list[str] | None) -> tuple[Event, ...]:
    """An unreadable frame that may have been about the ladders of these names: none where there are none, any where
    ``names`` is None."""
    if names is None:
        return (Unreadable(payload, why, affects_book=True),)
    first = names[0] if names else None
    return (Unreadable(payload, why, affects_book=bool(names), token=first), *map(SuspectLadder, names[1:]))
