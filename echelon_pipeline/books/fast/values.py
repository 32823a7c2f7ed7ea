"""Reads the values of plain frames, compiled: decimals, whole numbers, hashes, the numbers of texts.

Belongs here: from the span of a value to its number, eight bytes at a time. ``scan.py`` finds the values; the venues'
``fast`` modules decide which values a frame must have. Importing this imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from echelon_pipeline.books.columns import MATCHABLE, NONE, UNLISTED, UNMATCHABLE, Array, mix_bits
from echelon_pipeline.books.fast import blocks, compiled
from echelon_pipeline.books.fast.blocks import BLOCK, NO_BITS, Pointer, byte, lowest, word
from echelon_pipeline.books.fast.scan import (
    FROM_TEN,
    HIGH_BITS,
    MINUS,
    SIGNED,
    ZERO,
    ZEROS,
    first,
    has,
    is_text,
    length,
    past,
    repeated,
)
from echelon_pipeline.domain.scaled import ONE

BAD = -(1 << 62)
UNITS = np.array([10**6, 10**5, 10**4, 10**3, 10**2, 10, 1], "i8")  # factor to millionths, by number of decimals

_mix_bits: Any = compiled(mix_bits)


ALL, NIBBLES, ONES = repeated(0xFF), repeated(15), repeated(1)
# As FROM_TEN.
FROM_0, FROM_COLON, FROM_A, FROM_G = (repeated(0x80 - c) for c in (0x30, 0x3A, 0x61, 0x67))
PAIRS, FOURS, EIGHTS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFFFFFF)
B4, B6, B8, B16, B32, B64, NINE_TIMES = (np.uint64(n) for n in (4, 6, 8, 16, 32, 64, 9))
TEN, HUNDRED, MYRIAD = (np.uint64(n) for n in (10, 100, 10_000))


@compiled
def _few(t: Pointer, i: int, end: int) -> int:
    """The number of one to eight digits; -1 if a byte is no digit."""
    all_of_it = ALL << np.uint64(64 - 8 * (end - i))
    value = ((word(t, end - 8) & all_of_it) | (ZEROS & ~all_of_it)) ^ ZEROS
    if ((value + FROM_TEN) | value) & HIGH_BITS:
        return -1
    value = (value * TEN + (value >> B8)) & PAIRS
    value = (value * HUNDRED + (value >> B16)) & FOURS
    return int(SIGNED((value * MYRIAD + (value >> B32)) & EIGHTS))


@compiled
def digits(t: Pointer, i: int, end: int) -> int:
    """The number of one to sixteen digits; -1 if it is anything else."""
    if end <= i or end - i > 16:
        return -1
    if end - i <= 8:
        return _few(t, i, end)
    high, low = _few(t, i, end - 8), _few(t, end - 8, end)
    return high * 100_000_000 + low if high >= 0 and low >= 0 else -1


@compiled
def whole(t: Pointer, spans: Array, key: int) -> int:
    """A whole number; NONE if the name is missing, BAD if it is anything else."""
    if not has(spans, key):
        return NONE
    value = digits(t, first(spans, key), past(spans, key))
    return value if value >= 0 else BAD


@compiled
def decimal(t: Pointer, spans: Array, key: int) -> int:
    """A text that is a plain decimal (``domain/scaled.py``), in millionths; BAD if it is anything else."""
    return between(t, first(spans, key) + 1, past(spans, key) - 1) if is_text(t, spans, key) else BAD


@compiled
def between(t: Pointer, i: int, end: int) -> int:
    """A plain decimal in millionths; BAD if it is anything else."""
    minus = byte(t, i) == MINUS
    if minus:
        i += 1
    dot = min(i + lowest(blocks.dots(t, i)), end)
    if dot - i > 12 or end - i < 2 - (dot == end):  # a point alone
        return BAD
    value = digits(t, i, dot) if dot > i else 0
    if value < 0:
        return BAD
    value *= ONE
    if dot + 1 < end:
        part = _part(t, dot + 1, end)
        if part < 0:
            return BAD
        value += part
    return -value if minus else value


@compiled
def _part(t: Pointer, i: int, end: int) -> int:
    """The millionths after a decimal point."""
    last = min(end, i + 6)
    for at in range(last, end):
        if byte(t, at) != ZERO:
            return -1
    if last == i:
        return -1
    value = _few(t, i, last)
    return value * UNITS[np.uint64(last - i)] if value >= 0 else -1


@compiled
def price(t: Pointer, spans: Array, key: int) -> int:
    """The price of a resting order: above 0 and below 1 dollar."""
    value = decimal(t, spans, key)
    return value if 0 < value < ONE else BAD


@compiled
def best(t: Pointer, spans: Array, key: int) -> int:
    """A best price (``frames.best``): NONE if the name is missing, 0 if the side is empty, BAD if it is anything
    else."""
    if not has(spans, key):
        return NONE
    if is_text(t, spans, key) and length(spans, key) == 2:
        return 0
    value = decimal(t, spans, key)
    return BAD if not 0 <= value <= ONE else 0 if value == ONE else value


@compiled
def quote(t: Pointer, spans: Array, key: int) -> int:
    """A best price (``frames.quote``): NONE if there is none, BAD if it is anything else."""
    value = best(t, spans, key)
    return NONE if value == 0 else value


@compiled
def _same(t: Pointer, i: int, pool: Pointer, other: int, count: int) -> bool:
    """Whether ``count`` bytes, at least one, are equal at both places."""
    for at in range(0, count - BLOCK, BLOCK):
        if blocks.differ(t, i + at, pool, other + at) != NO_BITS:
            return False
    if count >= BLOCK:
        return bool(blocks.differ(t, i + count - BLOCK, pool, other + count - BLOCK) == NO_BITS)
    return bool(blocks.differ(t, i, pool, other) << np.uint64(BLOCK - count) == NO_BITS)


@compiled
def text_number(t: Pointer, i: int, end: int, pool: Pointer, ends: Array, slots: Array) -> int:
    """The number (``Texts``) of the text from ``i`` to ``end``, quotes included; UNLISTED if it has none."""
    mask, count = np.uint64(len(slots) - 1), end - i
    tail, head, near = word(t, end - 8), word(t, i), NO_BITS
    if count < 8:
        tail >>= np.uint64(64 - 8 * count)
        head = tail
    elif count >= 16:
        near = word(t, end - 16)
    slot = _mix_bits(head, near, tail, np.uint64(count)) & mask
    while slots[slot] >= 0:
        number = np.uint64(slots[slot])
        start, size = ends[number], ends[number + np.uint64(1)] - ends[number]
        if size == count and _same(t, i, pool, start, count):
            return int(SIGNED(number))
        slot = (slot + np.uint64(1)) & mask
    return UNLISTED


@compiled
def _hexadecimal(t: Pointer, at: int) -> int:
    """Eight hexadecimal digits as a number; -1 if they are not."""
    value = word(t, at)
    digit = (value + FROM_0) & ~(value + FROM_COLON)
    letter = (value + FROM_A) & ~(value + FROM_G)
    if ((digit | letter) & HIGH_BITS) != HIGH_BITS:
        return -1
    value = (value & NIBBLES) + ((value >> B6) & ONES) * NINE_TIMES
    value = ((value << B4) + (value >> B8)) & PAIRS
    value = ((value << B8) + (value >> B16)) & FOURS
    return int(SIGNED(((value << B16) + (value >> B32)) & EIGHTS))


@compiled
def take_hash(t: Pointer, spans: Array, key: int, event: Any) -> None:
    """Reads the book hash of an event."""
    i = first(spans, key) + 1
    event.claims = UNMATCHABLE
    if past(spans, key) - 1 - i != 40:
        return
    a, b, c = _hexadecimal(t, i), _hexadecimal(t, i + 8), _hexadecimal(t, i + 16)
    d, e = _hexadecimal(t, i + 24), _hexadecimal(t, i + 32)
    if min(a, b, c, d, e) < 0:
        return
    event.claims = MATCHABLE
    event.hash[0], event.hash[1], event.hash[2], event.hash[3], event.hash[4] = a, b, c, d, e


@compiled
def blank(event: Any, kind: int, token: int) -> None:
    """Resets an event to its kind and token."""
    event.kind, event.token = kind, token
    event.price = event.size = 0
    event.at = NONE
    event.bids = event.asks = event.last = 0
    event.market = event.min_order_size = event.tick = event.traded = event.neg_risk = NONE
    event.best_bid = event.best_ask = NONE
    event.side = event.relative = event.affects_book = event.claims = 0
    for n in range(5):
        event.hash[n] = 0
