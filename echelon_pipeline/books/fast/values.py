"""What the values of plain frames say, compiled: decimals, whole numbers, hashes, the numbers of texts.

Belongs here: from the place of a value to its number, eight bytes at a time. Where values are is ``scan.py``; which
of them a frame must have is decided by the venues' ``fast`` modules. Importing this imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from echelon_pipeline.books.columns import HOPELESS, MATCHABLE, NONE, STRANGER, Array, mixed
from echelon_pipeline.books.fast import blocks, compiled
from echelon_pipeline.books.fast.blocks import BLOCK, NO_BITS, Memory, byte, lowest, word
from echelon_pipeline.books.fast.scan import (
    FROM_TEN,
    MINUS,
    SIGNED,
    TOPS,
    ZERO,
    ZEROS,
    each,
    first,
    has,
    is_text,
    length,
    past,
)
from echelon_pipeline.domain.scaled import ONE

BAD = -(1 << 62)
UNITS = np.array([10**6, 10**5, 10**4, 10**3, 10**2, 10, 1], "i8")  # millionths, by how many decimals there are

_mixed: Any = compiled(mixed)


ALL, NIBBLES, ONES = each(0xFF), each(15), each(1)
# As FROM_TEN.
FROM_0, FROM_COLON, FROM_A, FROM_G = (each(0x80 - c) for c in (0x30, 0x3A, 0x61, 0x67))
PAIRS, FOURS, EIGHTS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFFFFFF)
B4, B6, B8, B16, B32, B64, NINE_TIMES = (np.uint64(n) for n in (4, 6, 8, 16, 32, 64, 9))
TEN, HUNDRED, MYRIAD = (np.uint64(n) for n in (10, 100, 10_000))


@compiled
def _few(t: Memory, i: int, end: int) -> int:
    """The number that is written with one to eight digits; -1 where something is no digit."""
    all_of_it = ALL << np.uint64(64 - 8 * (end - i))
    found = ((word(t, end - 8) & all_of_it) | (ZEROS & ~all_of_it)) ^ ZEROS
    if ((found + FROM_TEN) | found) & TOPS:
        return -1
    found = (found * TEN + (found >> B8)) & PAIRS
    found = (found * HUNDRED + (found >> B16)) & FOURS
    return int(SIGNED((found * MYRIAD + (found >> B32)) & EIGHTS))


@compiled
def digits(t: Memory, i: int, end: int) -> int:
    """The number that is written with one to sixteen digits; -1: it is not."""
    if end <= i or end - i > 16:
        return -1
    if end - i <= 8:
        return _few(t, i, end)
    high, low = _few(t, i, end - 8), _few(t, end - 8, end)
    return high * 100_000_000 + low if high >= 0 and low >= 0 else -1


@compiled
def whole(t: Memory, spans: Array, key: int) -> int:
    """A whole number; NONE where there is none of that name, BAD where it is something else."""
    if not has(spans, key):
        return NONE
    found = digits(t, first(spans, key), past(spans, key))
    return found if found >= 0 else BAD


@compiled
def decimal(t: Memory, spans: Array, key: int) -> int:
    """A text that is a plain decimal (``domain/scaled.py``), in millionths."""
    return between(t, first(spans, key) + 1, past(spans, key) - 1) if is_text(t, spans, key) else BAD


@compiled
def between(t: Memory, i: int, end: int) -> int:
    """A plain decimal in millionths; BAD where it is none."""
    minus = byte(t, i) == MINUS
    if minus:
        i += 1
    dot = min(i + lowest(blocks.dots(t, i)), end)
    if dot - i > 12 or end - i < 2 - (dot == end):  # a point alone is no number
        return BAD
    found = digits(t, i, dot) if dot > i else 0
    if found < 0:
        return BAD
    found *= ONE
    if dot + 1 < end:
        part = _part(t, dot + 1, end)
        if part < 0:
            return BAD
        found += part
    return -found if minus else found


@compiled
def _part(t: Memory, i: int, end: int) -> int:
    """Millionths behind a point."""
    last = min(end, i + 6)
    for at in range(last, end):
        if byte(t, at) != ZERO:
            return -1
    if last == i:
        return -1
    found = _few(t, i, last)
    return found * UNITS[np.uint64(last - i)] if found >= 0 else -1


@compiled
def price(t: Memory, spans: Array, key: int) -> int:
    """Of a resting order: between 0 and 1 dollar."""
    found = decimal(t, spans, key)
    return found if 0 < found < ONE else BAD


@compiled
def best(t: Memory, spans: Array, key: int) -> int:
    """A best price (``frames.best``): NONE where there is none of that name, 0 where the side is empty, else BAD."""
    if not has(spans, key):
        return NONE
    if is_text(t, spans, key) and length(spans, key) == 2:
        return 0
    found = decimal(t, spans, key)
    return BAD if not 0 <= found <= ONE else 0 if found == ONE else found


@compiled
def quote(t: Memory, spans: Array, key: int) -> int:
    """A best price (``frames.quote``): NONE where there is none, BAD where it is something else."""
    found = best(t, spans, key)
    return NONE if found == 0 else found


@compiled
def _same(t: Memory, i: int, pool: Memory, other: int, count: int) -> bool:
    """So many bytes, one or more, are the same at both places."""
    for at in range(0, count - BLOCK, BLOCK):
        if blocks.differ(t, i + at, pool, other + at) != NO_BITS:
            return False
    if count >= BLOCK:
        return bool(blocks.differ(t, i + count - BLOCK, pool, other + count - BLOCK) == NO_BITS)
    return bool(blocks.differ(t, i, pool, other) << np.uint64(BLOCK - count) == NO_BITS)


@compiled
def text_number(t: Memory, i: int, end: int, pool: Memory, ends: Array, slots: Array) -> int:
    """The number of the text between the two, quotes included (``Texts``); STRANGER where it has none."""
    mask, count = np.uint64(len(slots) - 1), end - i
    tail, head, near = word(t, end - 8), word(t, i), NO_BITS
    if count < 8:
        tail >>= np.uint64(64 - 8 * count)
        head = tail
    elif count >= 16:
        near = word(t, end - 16)
    slot = _mixed(head, near, tail, np.uint64(count)) & mask
    while slots[slot] >= 0:
        number = np.uint64(slots[slot])
        start, size = ends[number], ends[number + np.uint64(1)] - ends[number]
        if size == count and _same(t, i, pool, start, count):
            return int(SIGNED(number))
        slot = (slot + np.uint64(1)) & mask
    return STRANGER


@compiled
def _hexadecimal(t: Memory, at: int) -> int:
    """Eight digits as a number; -1: they are not."""
    found = word(t, at)
    digit = (found + FROM_0) & ~(found + FROM_COLON)
    letter = (found + FROM_A) & ~(found + FROM_G)
    if ((digit | letter) & TOPS) != TOPS:
        return -1
    found = (found & NIBBLES) + ((found >> B6) & ONES) * NINE_TIMES
    found = ((found << B4) + (found >> B8)) & PAIRS
    found = ((found << B8) + (found >> B16)) & FOURS
    return int(SIGNED(((found << B16) + (found >> B32)) & EIGHTS))


@compiled
def take_hash(t: Memory, spans: Array, key: int, event: Any) -> None:
    """The hash that is said to be of this event's book."""
    i = first(spans, key) + 1
    event.claims = HOPELESS
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
    """An event that says no more than whose it is."""
    event.kind, event.token = kind, token
    event.price = event.size = 0
    event.at = NONE
    event.bids = event.asks = event.last = 0
    event.market = event.least = event.tick = event.traded = event.neg_risk = NONE
    event.best_bid = event.best_ask = NONE
    event.side = event.relative = event.doubt = event.claims = 0
    for n in range(5):
        event.hash[n] = 0
