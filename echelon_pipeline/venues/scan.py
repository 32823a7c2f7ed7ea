"""JSON of plain shape, byte by byte, compiled: names, texts without escapes, decimals, nothing that needs a doubt.

Belongs here: what both venues' ``columns.py`` share. Plain is a subset of JSON in which a text is its bytes: ASCII
without escapes, no name twice, nothing nested that is not asked for. Everything else, broken or only unusual, is for
the venue's ``stream.py``; these functions say so by a number below zero and never guess. Importing this imports numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.columns import (
    EVENT,
    FRAME,
    HOPELESS,
    LEVEL,
    MATCHABLE,
    NONE,
    STRANGER,
    Array,
    Columns,
    Texts,
    columns_of,
    joined,
)
from echelon_pipeline.books.compiled import compiled
from echelon_pipeline.books.events import Message
from echelon_pipeline.domain.scaled import ONE

BAD = -(1 << 62)
QUOTE, BACKSLASH, COMMA, COLON, DOT, MINUS, SPACE = (ord(c) for c in '"\\,:.- ')
OPEN, CLOSE, FIRST, LAST, ZERO, NINE = (ord(c) for c in "{}[]09")
TRUE, FALSE = b"true", b"false"
LEVEL_BYTES = 8  # no level is shorter


def keys(*names: str) -> Array:
    """Names as rows: length, then bytes."""
    made: Any = np.zeros((len(names), 25), "u1")
    for row, name in zip(made, names, strict=True):
        row[0] = len(name)
        row[1 : len(name) + 1] = np.frombuffer(name.encode(), "u1")
    return made


@compiled
def space(b: Array, i: int, end: int) -> int:
    """Past spaces."""
    while i < end and b[i] == SPACE:
        i += 1
    return i


@compiled
def end_of(b: Array, i: int, end: int) -> int:
    """Where a frame ends without the white space behind it: Polymarket's first books end with a line."""
    while end > i and (b[end - 1] == SPACE or b[end - 1] == 10 or b[end - 1] == 13):
        end -= 1
    return end


@compiled
def is_simple(b: Array, i: int, end: int) -> bool:
    """Nothing between the two is escaped, a control character (a line's end is one) or beyond ASCII: then a text
    ends at the next quote."""
    strange = 0
    for n in range(i, end):
        strange += (b[n] < np.uint8(32)) | (b[n] > np.uint8(126)) | (b[n] == np.uint8(BACKSLASH))
    return strange == 0


@compiled
def string_end(b: Array, i: int, end: int) -> int:
    """Past the text whose quote is at ``i``."""
    i += 1
    while i < end and b[i] != QUOTE:
        i += 1
    return i + 1 if i < end else -1


@compiled
def word_is(b: Array, i: int, end: int, word: bytes) -> bool:
    """Exactly this is between the two."""
    if end - i != len(word):
        return False
    at = 0
    while at < len(word) and b[i + at] == word[at]:
        at += 1
    return at == len(word)


@compiled
def _scalar_end(b: Array, i: int, end: int) -> int:
    """Past a whole number of few digits, true or false."""
    start = i
    while i < end and 97 <= b[i] <= 122:
        i += 1
    if i > start:
        return i if word_is(b, start, i, TRUE) or word_is(b, start, i, FALSE) else -1
    if b[i] == MINUS:
        i += 1
    digits = i
    while i < end and ZERO <= b[i] <= NINE:
        i += 1
    if i == digits or i - digits > 15 or (b[digits] == ZERO and i - digits > 1):
        return -1
    return -1 if i < end and (b[i] == DOT or b[i] == 101 or b[i] == 69) else i


@compiled
def _nested_end(b: Array, i: int, end: int) -> int:
    """Past the brackets that open at ``i``; what is between them is looked at by who wants it."""
    depth = 0
    while i < end:
        if b[i] == QUOTE:
            i = string_end(b, i, end)
            if i < 0:
                return -1
            continue
        if b[i] == OPEN or b[i] == FIRST:
            depth += 1
        elif b[i] == CLOSE or b[i] == LAST:
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return -1


@compiled
def _key(b: Array, i: int, end: int, names: Array) -> int:
    """Which of the names is between the two; -1: none."""
    for n in range(len(names)):
        if names[n, 0] == end - i:
            at = 0
            while at < end - i and names[n, 1 + at] == b[i + at]:
                at += 1
            if at == end - i:
                return n
    return -1


@compiled
def members(b: Array, i: int, end: int, names: Array, nested: int, spans: Array) -> int:
    """Where the values of these names are in the object at ``i``; past its end. The first ``nested`` names have
    something in brackets, all others have not."""
    for key in range(len(spans)):
        spans[key, 1] = 0
    if i >= end or b[i] != OPEN:
        return -1
    i = space(b, i + 1, end)
    while i < end and b[i] == QUOTE:
        stop = string_end(b, i, end)
        if stop < 0:
            return -1
        key = _key(b, i + 1, stop - 1, names)
        i = space(b, stop, end)
        if i >= end or b[i] != COLON or (key >= 0 and spans[key, 1] > 0):
            return -1
        i = space(b, i + 1, end)
        stop = _value_end(b, i, end, 0 <= key < nested)
        if stop < 0:
            return -1
        if key >= 0:
            spans[key, 0], spans[key, 1] = i, stop
        i = space(b, stop, end)
        if i < end and b[i] == CLOSE:
            return i + 1
        if i >= end or b[i] != COMMA:
            return -1
        i = space(b, i + 1, end)
    return -1


@compiled
def _value_end(b: Array, i: int, end: int, nested: bool) -> int:
    if i >= end:
        return -1
    if b[i] == OPEN or b[i] == FIRST:
        return _nested_end(b, i, end) if nested else -1
    if nested:
        return -1
    return string_end(b, i, end) if b[i] == QUOTE else _scalar_end(b, i, end)


@compiled
def has(spans: Array, key: int) -> bool:
    return bool(spans[key, 1] > 0)


@compiled
def is_text(b: Array, spans: Array, key: int) -> bool:
    """A text is there, if only an empty one."""
    return bool(spans[key, 1] > 0 and b[spans[key, 0]] == QUOTE)


@compiled
def is_text_or_none(b: Array, spans: Array, key: int) -> bool:
    return bool(spans[key, 1] == 0 or b[spans[key, 0]] == QUOTE)


@compiled
def text_is(b: Array, spans: Array, key: int, word: bytes) -> bool:
    return word_is(b, spans[key, 0] + 1, spans[key, 1] - 1, word)


@compiled
def whole(b: Array, spans: Array, key: int) -> int:
    """A whole number; NONE where there is none of that name, BAD where it is something else."""
    i, end = spans[key, 0], spans[key, 1]
    if end == 0:
        return NONE
    number = 0
    while i < end:
        if not ZERO <= b[i] <= NINE:
            return BAD
        number = number * 10 + b[i] - ZERO
        i += 1
    return number


@compiled
def decimal(b: Array, spans: Array, key: int) -> int:
    """A text that is a plain decimal (``domain/scaled.py``), in millionths."""
    if not is_text(b, spans, key):
        return BAD
    i, end = spans[key, 0] + 1, spans[key, 1] - 1
    minus = i < end and b[i] == MINUS
    if minus:
        i += 1
    start, number = i, 0
    while i < end and ZERO <= b[i] <= NINE:
        number = number * 10 + b[i] - ZERO
        i += 1
        if i - start > 12:
            return BAD
    if i == start:
        return BAD
    number *= ONE
    if i < end:
        part = _part(b, i, end)
        if part < 0:
            return BAD
        number += part
    return -number if minus else number


@compiled
def _part(b: Array, i: int, end: int) -> int:
    """Millionths behind the point at ``i``."""
    if b[i] != DOT or i + 1 == end:
        return -1
    part, unit = 0, ONE // 10
    for n in range(i + 1, end):
        if not ZERO <= b[n] <= NINE or (unit == 0 and b[n] != ZERO):
            return -1
        part += (b[n] - ZERO) * unit
        unit //= 10
    return part


@compiled
def price(b: Array, spans: Array, key: int) -> int:
    """Of a resting order: between 0 and 1 dollar."""
    number = decimal(b, spans, key)
    return number if 0 < number < ONE else BAD


@compiled
def is_quote(b: Array, spans: Array, key: int) -> bool:
    """A best price, none or an empty one."""
    if not has(spans, key):
        return True
    if is_text(b, spans, key) and spans[key, 1] - spans[key, 0] == 2:
        return True
    return 0 <= decimal(b, spans, key) <= ONE


@compiled
def text_number(b: Array, i: int, end: int, pool: Array, ends: Array, slots: Array) -> int:
    """The number of the text between the two, quotes included (``Texts``); STRANGER where it has none."""
    mask, found = len(slots) - 1, end - i
    for n in range(max(i, end - 24), end):
        found = (found * 31 + b[n]) & 0x7FFFFFFF
    slot = found & mask
    while slots[slot] >= 0:
        number = slots[slot]
        start, size = ends[number], ends[number + 1] - ends[number]
        if size == end - i:
            at = 0
            while at < size and pool[start + at] == b[i + at]:
                at += 1
            if at == size:
                return int(number)
        slot = (slot + 1) & mask
    return STRANGER


@compiled
def take_hash(b: Array, spans: Array, key: int, event: Any) -> None:
    """The hash that is said to be of this event's book."""
    i, end = spans[key, 0] + 1, spans[key, 1] - 1
    event.claims = MATCHABLE if end - i == 40 else HOPELESS
    if event.claims == HOPELESS:
        return
    for word in range(5):
        number = 0
        for n in range(8):
            c = int(b[i + 8 * word + n])
            digit = c - 48 if 48 <= c <= 57 else c - 87 if 97 <= c <= 102 else -1
            if digit < 0:
                event.claims = HOPELESS
                for n in range(5):
                    event.hash[n] = 0
                return
            number = number * 16 + digit
        event.hash[word] = number


@compiled
def blank(event: Any, kind: int, token: int) -> None:
    """An event that says no more than whose it is."""
    event.kind, event.token = kind, token
    event.price = event.size = 0
    event.at = NONE
    event.bids = event.asks = event.last = 0
    event.market = event.least = event.tick = event.traded = event.neg_risk = NONE
    event.side = event.relative = event.doubt = event.claims = 0
    for n in range(5):
        event.hash[n] = 0


def columns_by(
    scan: Callable[..., tuple[int, int]], read: Callable[[bytes], Message], names: list[Array], event_bytes: int
) -> Callable[[pa.RecordBatch, Texts], Columns]:
    """A decoder of Arrow batches of (received_at, payload): ``scan`` for what is plain, ``read`` for the rest. No
    event takes less than ``event_bytes`` of a payload; ``names``: of the objects that ``scan`` looks into."""

    def decode(batch: pa.RecordBatch, texts: Texts) -> Columns:
        payloads: Any = batch.column("payload")
        times: Any = batch.column("received_at").cast(pa.int64())
        # A copy: what may be written to is another type, for which everything would be compiled once more.
        received_at = times.to_numpy(zero_copy_only=False).copy()
        _, offsets, data = payloads.buffers()
        ends = np.frombuffer(offsets, "i4")[payloads.offset : payloads.offset + len(payloads) + 1]
        b = np.frombuffer(data, "u1") if data is not None and data.size else np.zeros(1, "u1")
        total = int(ends[-1] - ends[0])
        frames = np.empty(len(payloads), FRAME)
        events, levels = (
            np.empty(len(payloads) + total // event_bytes, EVENT),
            np.empty(total // LEVEL_BYTES + 1, LEVEL),
        )
        spans = [np.zeros((len(some), 2), "i8") for some in names]
        last_event, last_level = scan(b, ends, frames, events, levels, texts.pool, texts.ends, texts.slots, *spans)
        plain = Columns(received_at, frames, events[:last_event], levels[:last_level], plain=len(frames))
        where = np.flatnonzero(frames["first"] < 0)
        if not len(where):
            return plain
        messages = [read(payloads[int(n)].as_py()) for n in where]
        return joined(plain, columns_of(received_at, messages, texts), where)

    return decode
