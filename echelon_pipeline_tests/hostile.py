"""Members of a page as hostile as bytes on the wire can be, and a way to put them among good ones.

Belongs here: the generator that every test of whole pages shares. Each value stands where a member of a list stands;
``spoiled`` puts odd values into a good member.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

DEEP = 5_000

# Whole members.
HOSTILE: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "number": b"17",
    "text": b'"a text"',
    "empty object": b"{}",
    "empty array": b"[]",
    "array in the array": b"[[1, 2], {}]",
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "half a surrogate pair": rb'{"title": "cut \ud83d"}',
    "bytes that are not UTF-8": b'{"title": "\xff\xfe\xc3("}',
    "a control character": b'{"title": "\x00\x01"}',
    "NUL, escaped": rb'{"title": "\u0000"}',
    "a number beyond any type": b'{"a": 1e999999, "b": ' + b"9" * 5_000 + b"}",
    "NaN": b'{"a": NaN, "b": -Infinity}',
    "no JSON": b"{oops: 'x'}",
    "a number with a bare point": b'{"price": .48, "size": 1.}',
    "names twice": b'{"a": 1, "a": 2}',
    "a long name": b'{"' + b"k" * 100_000 + b'": 1}',
    "nothing": b"",
}

# Values of a field, as bytes of JSON.
ODD_VALUES: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "a negative number": b"-1",
    "a huge number": b"1e999999",
    "thousands of digits": b"9" * 5_000,
    "NaN": b"NaN",
    "NaN as a text": b'"NaN"',
    "infinity as a text": b'"Infinity"',
    "other digits": '"\u00b2\u0663"'.encode(),
    "an empty text": b'""',
    "half a surrogate pair": rb'"cut \ud83d"',
    "not UTF-8": b'"\xff"',
    "a control character": b'"\x01"',
    "NUL": rb'"a\u0000b"',
    "deep": b"[" * DEEP + b"]" * DEEP,
    "an array": b'[null, {"a": []}]',
    "an object": b'{"a": null}',
    "a year far away": b'"99999-01-01T00:00:00Z"',
    "a moment far away": b"99999999999999999999",
}


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def spoiled(member: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """The member with one field odd at a time, and with one field twice: a name for each, and its bytes."""
    fields = {name: dumped(value) for name, value in member.items()}
    for name in fields:
        for odd, value in ODD_VALUES.items():
            yield f"{name}: {odd}", _object([(n, value if n == name else v) for n, v in fields.items()])
        yield f"{name}: twice", _object([*fields.items(), (name, b'"another"')])


def _object(fields: list[tuple[str, bytes]]) -> bytes:
    return b"{" + b", ".join(dumped(name) + b": " + value for name, value in fields) + b"}"
