"""Finds the values of a JSON object of plain form, block by block, compiled.

Belongs here: the scanning that both venues' ``fast`` modules share; ``values.py`` reads the values. Plain is a subset
of JSON in which a text equals its bytes: ASCII without escapes, no name twice, nested values only where expected. The
venue's ``stream`` module reads everything else, broken or only unusual; here such a frame gives a number below zero.

A frame is copied to a buffer with zeros after it: no plain frame contains a zero, so its length need not be compared at
each byte. Spans are pairs: begin and end of a value; 0 if the name is missing. Importing this imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from echelon_pipeline.books.columns import Array, edge_words, mix_bits
from echelon_pipeline.books.fast import blocks, compiled
from echelon_pipeline.books.fast.blocks import BLOCK, NO_BITS, Bits, Pointer, byte, lowest, word

QUOTE, COMMA, COLON, DOT, MINUS, SPACE = (ord(c) for c in '",:.- ')
OPEN, CLOSE, FIRST, LAST, ZERO, NINE = (ord(c) for c in "{}[]09")
TRUE, FALSE = b"true", b"false"
LAST_BIT, ONE = np.uint64(63), np.uint64(1)
SIGNED: Any = np.int64
PLACES = 128  # at least four times the number of names
LONGEST = 24
_mix_bits: Any = compiled(mix_bits)


def repeated(byte: int) -> Any:
    """A word of eight equal bytes."""
    return np.uint64(int.from_bytes(bytes([byte] * 8), "little"))


# Added to a character, gives 0x80 or more from that character on: no carry, because plain characters are below 0x80.
ZEROS, HIGH_BITS, FROM_TEN = repeated(ZERO), repeated(0x80), repeated(0x80 - 10)


def keys(*names: str) -> Array:
    """A hash table of names: length, first and last eight bytes, the bytes between, number."""
    out: Any = np.zeros((PLACES, 5), "u8")
    for at, text in enumerate(name.encode() for name in names):
        head, tail = edge_words(text)
        place = mix_bits(head, 0, tail, len(text)) % PLACES
        while out[place, 0]:
            place = (place + 1) % PLACES
        between = int.from_bytes(text[8:16], "little") if len(text) > 2 * 8 else 0
        out[place] = len(text), head, tail, between, at
    return out


@compiled
def space(t: Pointer, i: int) -> int:
    """The index after spaces."""
    while byte(t, i) == SPACE:
        i += 1
    return i


@compiled
def end_of(t: Pointer, i: int, end: int) -> int:
    """The end of a frame without trailing white space: Polymarket's first books end with a line feed."""
    while end > i and (byte(t, end - 1) == SPACE or byte(t, end - 1) == 10 or byte(t, end - 1) == 13):
        end -= 1
    return end


@compiled
def copy_plain(data: Pointer, i: int, end: int, t: Pointer, to: int) -> bool:
    """Copies a frame. False if it has an escape, a control character (such as a line feed) or a character beyond ASCII;
    without them a text ends at the next quote."""
    size, others = end - i, NO_BITS
    if size >= BLOCK:
        for at in range(0, size - BLOCK, BLOCK):
            others |= blocks.move(data, i + at, t, to + at)
        others |= blocks.move(data, end - BLOCK, t, to + size - BLOCK)
    else:
        for at in range(size):
            c = byte(data, i + at)
            blocks.store_byte(t, to + at, c)
            if c < 32 or c > 126 or c == 92:
                return False
    blocks.clear(t, to + size)
    return bool(others == NO_BITS)


@compiled
def string_end(t: Pointer, i: int, end: int) -> int:
    """The index after the text whose quote is at ``i``."""
    i += 1
    bits = blocks.quotes(t, i)
    while bits == NO_BITS:
        i += BLOCK
        if i >= end:
            return -1
        bits = blocks.quotes(t, i)
    return i + lowest(bits) + 1


@compiled
def word_is(t: Pointer, i: int, end: int, text: bytes) -> bool:
    """Whether the bytes from ``i`` to ``end`` are this text."""
    if end - i != len(text):
        return False
    at = 0
    while at < len(text) and byte(t, i + at) == text[at]:
        at += 1
    return at == len(text)


@compiled
def digits_at(t: Pointer, i: int) -> int:
    """The number of consecutive digits; 8: at least eight."""
    bits = word(t, i) ^ ZEROS
    return lowest(((bits + FROM_TEN) | bits) & HIGH_BITS) // 8


@compiled
def _scalar_end(t: Pointer, i: int) -> int:
    """The index after a whole number of at most 15 digits, true or false."""
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
def _nested_end(t: Pointer, i: int, end: int) -> int:
    """The index after the brackets that open at ``i``; their content is not checked."""
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
def _key(t: Pointer, i: int, end: int, names: Array) -> int:
    """The number of the name from ``i`` to ``end``; -1: none of the names."""
    size = end - i
    if size > LONGEST or size == 0:
        return -1
    tail = word(t, end - 8)
    head = word(t, i)
    if size < 8:
        tail >>= np.uint64(64 - 8 * size)
        head = tail
    place = _mix_bits(head, NO_BITS, tail, np.uint64(size)) % np.uint64(PLACES)
    while names[place, 0] != NO_BITS:
        same = names[place, 0] == np.uint64(size) and names[place, 1] == head and names[place, 2] == tail
        if same and (size <= 16 or names[place, 3] == word(t, i + 8)):
            return int(SIGNED(names[place, 4]))
        place = (place + ONE) % np.uint64(PLACES)
    return -1


@compiled
def members(t: Pointer, i: int, end: int, names: Array, nested: int, spans: Array, guessed: bool) -> int:
    """Writes the spans of these names in the object at ``i``; returns the index after the object. The first ``nested``
    names have values in brackets, the others have none. ``guessed``: the end of the brackets is guessed; the reader of
    their content ends there, or the guess was wrong."""
    for key in range(len(spans)):
        spans[key] = 0
    if byte(t, i) != OPEN:
        return -1
    i = space(t, i + 1)
    while byte(t, i) == QUOTE:
        # The quotes of a name and of its value are mostly in one block: one load finds them all.
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
def _value_end(t: Pointer, i: int, end: int, nested: bool, guessed: bool, bits: Bits) -> int:
    """The index after the value at ``i``. ``bits``: some of the quotes after it."""
    c = byte(t, i)
    if nested:
        if c not in (OPEN, FIRST):
            return -1
        return _guessed_end(t, i, end) if guessed else _nested_end(t, i, end)
    if c == QUOTE:
        return i + lowest(bits) + 2 if bits != NO_BITS else string_end(t, i, end)
    return _scalar_end(t, i)


@compiled
def _guessed_end(t: Pointer, i: int, end: int) -> int:
    """The index after the next bracket that closes an array; an object is the last member of an object that ends at
    ``end``."""
    if byte(t, i) == OPEN:
        return end - 1
    while i < end:
        bits = blocks.lasts(t, i)
        if bits != NO_BITS:
            return i + lowest(bits) + 1
        i += BLOCK
    return -1


@compiled
def first(spans: Array, key: int) -> int:
    """The begin of a value."""
    return int(spans[np.uint64(2 * key)])


@compiled
def past(spans: Array, key: int) -> int:
    """The end of a value; 0 if the name is missing."""
    return int(spans[np.uint64(2 * key + 1)])


@compiled
def length(spans: Array, key: int) -> int:
    """The length of a value, quotes included; 0 if the name is missing."""
    return past(spans, key) - first(spans, key) if has(spans, key) else 0


@compiled
def has(spans: Array, key: int) -> bool:
    return past(spans, key) > 0


@compiled
def is_text(t: Pointer, spans: Array, key: int) -> bool:
    """Whether there is a text, empty or not."""
    return has(spans, key) and byte(t, first(spans, key)) == QUOTE


@compiled
def is_text_or_none(t: Pointer, spans: Array, key: int) -> bool:
    return not has(spans, key) or byte(t, first(spans, key)) == QUOTE


@compiled
def text_is(t: Pointer, spans: Array, key: int, text: bytes) -> bool:
    return word_is(t, first(spans, key) + 1, past(spans, key) - 1, text)
