"""Cuts JSON into its members byte for byte, however odd the members themselves are.

Belongs here: what both venues' ``answers`` modules and everything that looks into payloads share. Sound JSON goes
through msgspec; where one member is odd (half of a surrogate pair, nesting without end, bytes that are not UTF-8, a
number that no type holds) the body is cut at its quotes and brackets alone, so that only the odd member is odd.
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

# A text, or a byte that structures JSON; a quote alone opens a text that does not end. Possessive: no byte is tried
# twice, so that a body of quotes takes no longer than another.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},:]', re.DOTALL)
_NAME = re.compile(rb'[ \t\r\n]*+("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\r\n]*+:[ \t\r\n]*+', re.DOTALL)
_NEXT = re.compile(rb"[ \t\r\n]*+([,}])")
_CLOSES = {b"{": b"}", b"[": b"]"}
_SPACE = b" \t\r\n"

# What stands in a text: an escaped character, a pair of surrogates, or half of one.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class MalformedError(ValueError):
    """Quotes or brackets do not match, or it is another kind of value than was asked for."""


def is_json(body: bytes) -> bool:
    """Whether a body is a JSON value as far as its structure goes; its members are judged one by one later."""
    try:
        _RAW.decode(body)
    except UNREADABLE:
        try:
            (pairs if body.lstrip(_SPACE).startswith(b"{") else elements)(body)
        except MalformedError:
            return False
    return True


def pairs(body: bytes | msgspec.Raw) -> list[tuple[str, bytes]]:
    """Names and values of an object in the order served, a name twice where it is served twice; MalformedError where it
    is no object."""
    data = bytes(body)
    try:
        found = _OBJECT.decode(data)
    except UNREADABLE:
        return [(_name(name), value) for name, value in _scan(data, b"{")]
    return _in_order(data, found) or [(_name(name), value) for name, value in _scan(data, b"{")]


def members(body: bytes | msgspec.Raw) -> dict[str, bytes]:
    """The members of an object; of a name that is served twice the first, as DuckDB reads it. MalformedError where it
    is no object."""
    found: dict[str, bytes] = {}
    for name, value in pairs(body):
        found.setdefault(name, value)
    return found


def elements(body: bytes | msgspec.Raw) -> list[bytes]:
    """The elements of an array; MalformedError where it is none."""
    data = bytes(body)
    try:
        return [bytes(raw) for raw in _ARRAY.decode(data)]
    except UNREADABLE:
        return [value for _, value in _scan(data, b"[")]


def first(body: bytes, name: str) -> bytes | None:
    """The first member of that name; None where there is none or it is no object. For objects in great numbers."""
    try:
        found = _OBJECT.decode(body)
    except UNREADABLE:
        found = None
    # As many names as there are texts before a colon: none is there twice, none is nested. Nearly every row of a feed.
    if found is not None and body.count(b'":') == len(found):
        raw = found.get(name)
        return None if raw is None else bytes(raw)
    try:
        return members(body).get(name)
    except MalformedError:
        return None


def lists(body: bytes, name: str) -> list[bytes]:
    """Values of every member of that name, mostly one: a server that assembles an answer in pieces may repeat the
    name, and each list counts. MalformedError where it is no object."""
    return [value for found, value in pairs(body) if found == name]


def apart(body: bytes, name: str) -> list[bytes]:
    """The object as served; where it has several members of that name, one object for each of them with all others."""
    found = pairs(body)
    if sum(other == name for other, _ in found) < 2:
        return [body]
    rest = [(other, value) for other, value in found if other != name]
    return [_object([*rest, (name, value)]) for other, value in found if other == name]


def is_sound(payload: bytes) -> bool:
    """Whether a payload, mended, is JSON for every reader; nesting without end is none."""
    for candidate in (payload, mended(payload)):
        try:
            _RAW.decode(candidate)
        except UNREADABLE:
            continue
        return True
    return False


def sound_list(array: bytes) -> list[bytes]:
    """The array as served; where an element is no sound JSON, the array of the others, then each such element: one
    of them would make the whole text unreadable."""
    if is_sound(array):
        return [array]
    found = elements(array)
    odd = [value for value in found if not is_sound(value)]
    return [b"[" + b",".join(value for value in found if is_sound(value)) + b"]", *odd] if odd else [array]


def sound_parts(body: bytes, name: str) -> list[bytes]:
    """The same of an object's list ``name``: the objects that ``apart`` gives, then the elements set apart."""
    found, aside = [], []
    for part in apart(body, name):
        lists = [] if is_sound(part) else [v for n, v in pairs(part) if n == name and not is_null(v)]
        good, *odd = sound_list(lists[0]) if lists else [b""]
        aside += odd
        found.append(_object((n, good if n == name else v) for n, v in pairs(part)) if odd else part)
    return [*found, *aside]


def among(body: bytes, names: Collection[str]) -> bytes:
    """An object of only those members, mended: for what is looked at in a payload that is odd elsewhere."""
    return mended(_object([(name, value) for name, value in members(body).items() if name in names]))


def text_of(raw: bytes | msgspec.Raw | None) -> str | None:
    """An id as text (ids are served as text or integer); None where it is missing, null, empty or no id: a text that
    had to be mended names nothing, for two different ones would read alike."""
    value = plain(raw)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    found = str(value)
    return found if found and "\ufffd" not in found and "\0" not in found else None


def plain(raw: bytes | msgspec.Raw | None) -> Any:
    """A value as a plain one; None where it is missing or nothing can read it."""
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

    Halves are legal by the grammar of JSON and mean no character: programs that count UTF-16 units make them by
    cutting an emoji. ``sql/macros/as_json.sql`` reads the same.
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
        raise MalformedError("something follows the value")
    return found


def _outermost(data: bytes, start: int, opening: bytes) -> Iterator[tuple[bytes, int]]:
    """Commas and colons that are in no inner bracket, then the bracket that closes the whole. Without recursion:
    depth costs a byte each."""
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
