"""JSON of plain shape, compiled: where the values of an object are, block by block.

Belongs here: what both venues' ``fast`` modules share; what values say is ``values.py``. Plain is a subset of JSON in
which a text is its bytes: ASCII without escapes, no name twice, nothing nested that is not asked for. Everything else,
broken or only unusual, is for the venue's ``stream`` module; these functions return a number below zero and never
guess.

A frame is read in a room of its own, zeros behind it: its length need not be asked for at each byte, for no zero is in
a plain frame. Spans are pairs: where a value begins and where it ends, 0 where there is none of that name.
Importing this imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from echelon_pipeline.books.columns import Array, ends_of, mixed
from echelon_pipeline.books.fast import blocks, compiled
from echelon_pipeline.books.fast.blocks import BLOCK, NO_BITS, Bits, Memory, byte, lowest, word

QUOTE, COMMA, COLON, DOT, MINUS, SPACE = (ord(c) for c in '",:.- ')
OPEN, CLOSE, FIRST, LAST, ZERO, NINE = (ord(c) for c in "{}[]09")
TRUE, FALSE = b"true", b"false"
LAST_BIT, ONE = np.uint64(63), np.uint64(1)
SIGNED: Any = np.int64
PLACES = 128  # for at most a quarter as many names
LONGEST = 24
_mixed: Any = compiled(mixed)


def each(byte: int) -> Any:
    """Eight of them."""
    return np.uint64(int.from_bytes(bytes([byte] * 8), "little"))


# What is added to a character to reach 0x80 from here on: no carry, for plain characters are below it.
ZEROS, TOPS, FROM_TEN = each(ZERO), each(0x80), each(0x80 - 10)


def keys(*names: str) -> Array:
    """Names by what is mixed of their bytes: length, first and last eight bytes, those between them, number."""
    made: Any = np.zeros((PLACES, 5), "u8")
    for at, text in enumerate(name.encode() for name in names):
        head, tail = ends_of(text)
        place = mixed(head, 0, tail, len(text)) % PLACES
        while made[place, 0]:
            place = (place + 1) % PLACES
        between = int.from_bytes(text[8:16], "little") if len(text) > 2 * 8 else 0
        made[place] = len(text), head, tail, between, at
    return made


@compiled
def space(t: Memory, i: int) -> int:
    """Past spaces."""
    while byte(t, i) == SPACE:
        i += 1
    return i


@compiled
def end_of(t: Memory, i: int, end: int) -> int:
    """Where a frame ends without the white space behind it: Polymarket's first books end with a line."""
    while end > i and (byte(t, end - 1) == SPACE or byte(t, end - 1) == 10 or byte(t, end - 1) == 13):
        end -= 1
    return end


@compiled
def taken(data: Memory, i: int, end: int, t: Memory, to: int) -> bool:
    """Copies a frame. Nothing in it is escaped, a control character (a line's end is one) or beyond ASCII: then a text
    ends at the next quote."""
    size, strange = end - i, NO_BITS
    if size >= BLOCK:
        for at in range(0, size - BLOCK, BLOCK):
            strange |= blocks.move(data, i + at, t, to + at)
        strange |= blocks.move(data, end - BLOCK, t, to + size - BLOCK)
    else:
        for at in range(size):
            c = byte(data, i + at)
            blocks.store_byte(t, to + at, c)
            if c < 32 or c > 126 or c == 92:
                return False
    blocks.clear(t, to + size)
    return bool(strange == NO_BITS)


@compiled
def string_end(t: Memory, i: int, end: int) -> int:
    """Past the text whose quote is at ``i``."""
    i += 1
    found = blocks.quotes(t, i)
    while found == NO_BITS:
        i += BLOCK
        if i >= end:
            return -1
        found = blocks.quotes(t, i)
    return i + lowest(found) + 1


@compiled
def word_is(t: Memory, i: int, end: int, text: bytes) -> bool:
    """Exactly this is between the two."""
    if end - i != len(text):
        return False
    at = 0
    while at < len(text) and byte(t, i + at) == text[at]:
        at += 1
    return at == len(text)


@compiled
def digits_at(t: Memory, i: int) -> int:
    """How many digits follow each other; 8: at least so many."""
    found = word(t, i) ^ ZEROS
    return lowest(((found + FROM_TEN) | found) & TOPS) // 8


@compiled
def _scalar_end(t: Memory, i: int) -> int:
    """Past a whole number of few digits, true or false."""
    start = i
    while 97 <= byte(t, i) <= 122:
        i += 1
    if i > start:
        return i if word_is(t, start, i, TRUE) or word_is(t, start, i, FALSE) else -1
    if byte(t, i) == MINUS:
        i += 1
    digits, i = i, i + digits_at(t, i)
    if i - digits == 8:
        i += digits_at(t, i)
    if i == digits or i - digits > 15 or (byte(t, digits) == ZERO and i - digits > 1):
        return -1
    return -1 if byte(t, i) == DOT or byte(t, i) == 101 or byte(t, i) == 69 else i


@compiled
def _nested_end(t: Memory, i: int, end: int) -> int:
    """Past the brackets that open at ``i``; what is between them is looked at by who wants it."""
    depth, inside = 0, NO_BITS
    while i < end:
        # A bit is set from an opening quote to before its closing one.
        texts = blocks.quotes(t, i)
        for shift in (1, 2, 4, 8, 16, 32):
            texts ^= texts << np.uint64(shift)
        texts ^= inside
        inside = NO_BITS - (texts >> LAST_BIT)
        opening = blocks.opening(t, i) & ~texts
        left = opening | (blocks.closing(t, i) & ~texts)
        while left != NO_BITS:
            bit = left & (NO_BITS - left)
            depth += 1 if opening & bit else -1
            if depth == 0:
                return i + lowest(bit) + 1
            left ^= bit
        i += BLOCK
    return -1


@compiled
def _key(t: Memory, i: int, end: int, names: Array) -> int:
    """Which of the names is between the two; -1: none."""
    size = end - i
    if size > LONGEST or size == 0:
        return -1
    tail = word(t, end - 8)
    head = word(t, i)
    if size < 8:
        tail >>= np.uint64(64 - 8 * size)
        head = tail
    place = _mixed(head, NO_BITS, tail, np.uint64(size)) % np.uint64(PLACES)
    while names[place, 0] != NO_BITS:
        same = names[place, 0] == np.uint64(size) and names[place, 1] == head and names[place, 2] == tail
        if same and (size <= 16 or names[place, 3] == word(t, i + 8)):
            return int(SIGNED(names[place, 4]))
        place = (place + ONE) % np.uint64(PLACES)
    return -1


@compiled
def members(t: Memory, i: int, end: int, names: Array, nested: int, spans: Array, guessed: bool) -> int:
    """Where the values of these names are in the object at ``i``; past its end. The first ``nested`` names have
    something in brackets, all others have not. Where brackets close may be ``guessed``: whoever reads what is between
    them comes out there, or the guess was wrong."""
    for key in range(len(spans)):
        spans[key] = 0
    if byte(t, i) != OPEN:
        return -1
    i = space(t, i + 1)
    while byte(t, i) == QUOTE:
        # A name and its value have their quotes in one block, mostly: found at once, for one waits for the other.
        begin, bits = i + 1, blocks.quotes(t, i + 1)
        stop = begin + lowest(bits) + 1 if bits != NO_BITS else string_end(t, i, end)
        if stop < 0:
            return -1
        key = _key(t, begin, stop - 1, names)
        i = space(t, stop)
        if byte(t, i) != COLON or (key >= 0 and has(spans, key)):
            return -1
        i = space(t, i + 1)
        bits = bits >> np.uint64(i + 1 - begin) if i + 1 - begin < BLOCK else NO_BITS
        stop = _value_end(t, i, end, 0 <= key < nested, guessed, bits)
        if stop < 0:
            return -1
        if key >= 0:
            spans[np.uint64(2 * key)], spans[np.uint64(2 * key + 1)] = i, stop
        i = space(t, stop)
        if byte(t, i) == CLOSE:
            return i + 1
        if byte(t, i) != COMMA:
            return -1
        i = space(t, i + 1)
    return -1


@compiled
def _value_end(t: Memory, i: int, end: int, nested: bool, guessed: bool, bits: Bits) -> int:
    """Past the value at ``i``. ``bits``: some of the quotes behind it."""
    c = byte(t, i)
    if nested:
        if c not in (OPEN, FIRST):
            return -1
        return _guessed_end(t, i, end) if guessed else _nested_end(t, i, end)
    if c == QUOTE:
        return i + lowest(bits) + 2 if bits != NO_BITS else string_end(t, i, end)
    return _scalar_end(t, i)


@compiled
def _guessed_end(t: Memory, i: int, end: int) -> int:
    """Past the next bracket that closes an array; an object is the last member of another that ends at ``end``."""
    if byte(t, i) == OPEN:
        return end - 1
    while i < end:
        found = blocks.lasts(t, i)
        if found != NO_BITS:
            return i + lowest(found) + 1
        i += BLOCK
    return -1


@compiled
def first(spans: Array, key: int) -> int:
    """Where the value begins."""
    return int(spans[np.uint64(2 * key)])


@compiled
def past(spans: Array, key: int) -> int:
    """Past the value; 0 where there is none of that name."""
    return int(spans[np.uint64(2 * key + 1)])


@compiled
def length(spans: Array, key: int) -> int:
    """How many bytes a value has, quotes included; 0 where there is none of that name."""
    return past(spans, key) - first(spans, key) if has(spans, key) else 0


@compiled
def has(spans: Array, key: int) -> bool:
    return past(spans, key) > 0


@compiled
def is_text(t: Memory, spans: Array, key: int) -> bool:
    """A text is there, if only an empty one."""
    return has(spans, key) and byte(t, first(spans, key)) == QUOTE


@compiled
def is_text_or_none(t: Memory, spans: Array, key: int) -> bool:
    return not has(spans, key) or byte(t, first(spans, key)) == QUOTE


@compiled
def text_is(t: Memory, spans: Array, key: int, text: bytes) -> bool:
    return word_is(t, first(spans, key) + 1, past(spans, key) - 1, text)
