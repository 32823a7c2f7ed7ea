"""Reads what is readable of an unreadable frame, so that it makes as few books unknown as possible.

Belongs here: lenient JSON, and repair of valid JSON that strict readers reject. Each venue's ``stream`` module decides
which names and types concern books.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeGuard

import msgspec

from echelon_pipeline.books.events import Event, SuspectLadder, Unreadable
from echelon_pipeline.venues.frames import UNREADABLE

NOT_JSON: Any = msgspec.UNSET
# A pair of surrogates, a single one, or any other escape (an escaped backslash starts none).
_ESCAPES = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)
_HALF = rb"\ufffd"


def mended(payload: bytes) -> bytes:
    """The payload with halves of surrogate pairs replaced by U+FFFD: JavaScript writes them where it cuts an emoji;
    they are valid JSON, and strict readers reject the whole frame for one."""
    return _ESCAPES.sub(lambda found: _HALF if found[1] else found[0], payload)


def loosely(payload: bytes) -> Any:
    """The bytes as Python values, with malformed texts replaced; NOT_JSON where they are not JSON."""
    try:
        return json.loads(payload.decode(errors="replace"))
    except UNREADABLE:
        return NOT_JSON


def is_name(value: Any) -> TypeGuard[str]:
    """Whether a value can name a ladder: a text that is not empty and was decoded completely."""
    return isinstance(value, str) and bool(value) and "\ufffd" not in value


def types(payload: bytes, key: str) -> set[str]:
    """Every text after a key in bytes that are not JSON: cut off, or nested too deep."""
    return set(texts(payload, key))


def texts(payload: bytes, *keys: str) -> list[str]:
    """Every complete plain text after one of these keys in bytes that are not JSON."""
    named = "|".join(keys).encode()
    return [one.decode() for one in re.findall(rb'"(?:%b)"\s*:\s*"([\x20\x21\x23-\x5b\x5d-\x7e]+)"' % named, payload)]


def unreadable(payload: bytes, why: str, names: list[str] | None) -> tuple[Event, ...]:
    """The events of an unreadable frame that may concern the ladders of these names: no ladder where the list is empty,
    any where ``names`` is None."""
    if names is None:
        return (Unreadable(payload, why, affects_book=True),)
    first = names[0] if names else None
    return (Unreadable(payload, why, affects_book=bool(names), token=first), *map(SuspectLadder, names[1:]))
