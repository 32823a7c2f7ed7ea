"""Splits JSON into its members byte for byte, even if members are malformed.

Belongs here: functions shared by the venues' ``answers`` modules and all readers of payloads. Valid JSON goes through
msgspec. Where one member is malformed (half of a surrogate pair, unlimited nesting, bytes that are not UTF-8, a number
outside of every type) the body is split at its quotes and brackets only, so that the other members stay readable.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

_RAW = msgspec.json.Decoder(msgspec.Raw)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

# A text, or a byte that structures JSON; a quote alone opens a text that does not end. Possessive: no byte is matched
# twice, so that time stays linear for a body of quotes.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},:]', re.DOTALL)
_NAME = re.compile(rb'[ \t\r\n]*+("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\r\n]*+:[ \t\r\n]*+', re.DOTALL)
_NEXT = re.compile(rb"[ \t\r\n]*+([,}])")
_CLOSES = {b"{": b"}", b"[": b"]"}
_SPACE = b" \t\r\n"

# Escapes in a text: a character, a pair of surrogates, or half of one.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class MalformedError(ValueError):
    """Quotes or brackets do not match, or the value is of another kind than expected."""


def is_json(body: bytes) -> bool:
    """Whether the structure of a body is JSON; members are validated individually later."""
    try:
        _RAW.decode(body)
    except UNREADABLE:
        try:
            (pairs if body.lstrip(_SPACE).startswith(b"{") else elements)(body)
        except MalformedError:
            return False
    return True


def pairs(body: bytes | msgspec.Raw) -> list[tuple[str, bytes]]:
    """Names and values of an object in the order served, duplicates included; MalformedError where it
    is not an object."""
    data = bytes(body)
    try:
        found = _OBJECT.decode(data)
    except UNREADABLE:
        return [(_name(name), value) for name, value in _scan(data, b"{")]
    return _in_order(data, found) or [(_name(name), value) for name, value in _scan(data, b"{")]


def members(body: bytes | msgspec.Raw) -> dict[str, bytes]:
    """The members of an object; the first of a duplicate name, as in DuckDB. MalformedError where it is not an
    object."""
    found: dict[str, bytes] = {}
    for name, value in pairs(body):
        found.setdefault(name, value)
    return found


def elements(body: bytes | msgspec.Raw) -> list[bytes]:
    """The elements of an array; MalformedError where it is not an array."""
    data = bytes(body)
    try:
        return [bytes(raw) for raw in _ARRAY.decode(data)]
    except UNREADABLE:
        return [value for _, value in _scan(data, b"[")]


def first(body: bytes, name: str) -> bytes | None:
    """The first member of a name; None where it is missing or the body is not an object. Fast, for many objects."""
    try:
        found = _OBJECT.decode(body)
    except UNREADABLE:
        found = None
    # As many names as texts before a colon: no duplicates, no nesting. True for nearly every row of a feed.
    if found is not None and body.count(b'":') == len(found):
        raw = found.get(name)
        return None if raw is None else bytes(raw)
    try:
        return members(body).get(name)
    except MalformedError:
        return None


def lists(body: bytes, name: str) -> list[bytes]:
    """Values of every member of a name, usually one: a server that assembles an answer in pieces may repeat the name,
    and each list counts. MalformedError where it is not an object."""
    return [value for found, value in pairs(body) if found == name]


def apart(body: bytes, name: str) -> list[bytes]:
    """The object as served; where it has several members of a name, one object per such member with all other
    members."""
    found = pairs(body)
    if sum(other == name for other, _ in found) < 2:
        return [body]
    rest = [(other, value) for other, value in found if other != name]
    return [_object([*rest, (name, value)]) for other, value in found if other == name]


def is_sound(payload: bytes) -> bool:
    """Whether a payload, after repair, is JSON for every reader; too deep nesting is not."""
    for candidate in (payload, mended(payload)):
        try:
            _RAW.decode(candidate)
        except UNREADABLE:
            continue
        return True
    return False


def sound_list(array: bytes) -> list[bytes]:
    """The array as served; where elements are malformed, the array of the others, then each malformed element: one of
    them would make the whole text unreadable."""
    if is_sound(array):
        return [array]
    found = elements(array)
    odd = [value for value in found if not is_sound(value)]
    return [b"[" + b",".join(value for value in found if is_sound(value)) + b"]", *odd] if odd else [array]


def sound_parts(body: bytes, name: str) -> list[bytes]:
    """As sound_list() for an object's list ``name``: the objects of apart(), then the malformed elements."""
    found, aside = [], []
    for part in apart(body, name):
        lists = [] if is_sound(part) else [v for n, v in pairs(part) if n == name and not is_null(v)]
        good, *odd = sound_list(lists[0]) if lists else [b""]
        aside += odd
        found.append(_object((n, good if n == name else v) for n, v in pairs(part)) if odd else part)
    return [*found, *aside]


def among(body: bytes, names: Collection[str]) -> bytes:
    """An object of these members only, repaired: to read them from a payload that is malformed elsewhere."""
    return mended(_object([(name, value) for name, value in members(body).items() if name in names]))


def text_of(raw: bytes | msgspec.Raw | None) -> str | None:
    """An id as text (ids are served as text or integer); None where it is missing, null, empty or not an id: a repaired
    text identifies nothing, because two different texts could become equal."""
    value = plain(raw)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    found = str(value)
    return found if found and "\ufffd" not in found and "\0" not in found else None


def plain(raw: bytes | msgspec.Raw | None) -> Any:
    """A value as a Python value; None where it is missing or unreadable."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(mended(bytes(raw)))
    except (*UNREADABLE, ValueError):  # more digits than Python reads are a ValueError
        return None


def is_null(raw: bytes) -> bool:
    return raw.strip(_SPACE) == b"null"


def mended(payload: bytes) -> bytes:
    """JSON in which half of a surrogate pair is the replacement character U+FFFD, and so is a byte that is not UTF-8.

    Halves are valid JSON but no character: programs that count UTF-16 units produce them by cutting an emoji.
    ``sql/macros/as_json.sql`` does the same.
    """
    if _HALF.search(payload):
        payload = _ESCAPE.sub(lambda m: b"\\ufffd" if m.group(1) else m.group(0), payload)
    try:
        payload.decode()
    except UnicodeDecodeError:
        return payload.decode("utf-8", "replace").encode()
    return payload


def _object(found: Iterable[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + value for name, value in found) + b"}"


def _name(token: bytes) -> str:
    found = plain(token)
    return found if isinstance(found, str) else token[1:-1].decode("utf-8", "replace")


def _in_order(data: bytes, found: dict[str, msgspec.Raw]) -> list[tuple[str, bytes]]:
    """The members in the order served, values as msgspec cut them; empty where a name is served twice, so that not
    every value is the one that msgspec kept."""
    made: dict[str, bytes] = {}
    at = data.index(b"{") + 1
    for _ in range(len(found)):
        named = _NAME.match(data, at)
        name = _name(named.group(1)) if named else ""
        if named is None or name not in found or name in made:
            return []
        value = bytes(found[name])
        if not data.startswith(value, named.end()):
            return []
        following = _NEXT.match(data, named.end() + len(value))
        if following is None:
            return []
        made[name] = value
        at = following.end()
    return list(made.items())


def _scan(data: bytes, opening: bytes) -> list[tuple[bytes, bytes]]:
    """(name token, value) of an object's members, or (b"", value) of an array's elements, by quotes and brackets
    alone."""
    start = len(data) - len(data.lstrip(_SPACE))
    if data[start : start + 1] != opening:
        raise MalformedError(f"expected {opening.decode()}")
    found: list[tuple[bytes, bytes]] = []
    name, begin = b"", start + 1
    for mark, at in _outermost(data, begin, opening):
        if mark == b":":
            if opening == b"{" and not name:
                name, begin = data[begin:at].strip(_SPACE), at + 1
            continue
        value = data[begin:at].strip(_SPACE)
        if mark == b"," or name or value or found:
            found.append(_member(name, value, opening))
        name, begin = b"", at + 1
    if data[begin:].strip(_SPACE):
        raise MalformedError("text after the value")
    return found


def _outermost(data: bytes, start: int, opening: bytes) -> Iterator[tuple[bytes, int]]:
    """Commas and colons outside of inner brackets, then the closing bracket. Without recursion: each level of depth
    takes one byte."""
    closers = bytearray(_CLOSES[opening])
    for token in _TOKEN.finditer(data, start):
        mark = token.group()
        if mark == b'"':
            raise MalformedError("a text does not end")
        if mark in _CLOSES:
            closers += _CLOSES[mark]
        elif mark in (b"}", b"]"):
            if mark[0] != closers.pop():
                raise MalformedError("brackets do not match")
            if not closers:
                yield mark, token.start()
                return
        elif len(closers) == 1 and mark in (b",", b":"):
            yield mark, token.start()
    raise MalformedError("brackets do not match")


def _member(name: bytes, value: bytes, opening: bytes) -> tuple[bytes, bytes]:
    if opening == b"{" and not (name.startswith(b'"') and name.endswith(b'"')):
        raise MalformedError("a member has no name")
    return name, value
