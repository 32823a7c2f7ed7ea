"""The exact ladder as sorted arrays: ``books/ladder.py`` compiled.

Belongs here: levels and their sums. The caller makes sure that the pool has space for the levels of a frame.
"""

from __future__ import annotations

from echelon_pipeline.books.fast import compiled, inside
from echelon_pipeline.books.fast.arrays import KernelState
from echelon_pipeline.domain.scaled import ONE

FIRST_ROOM = 32


@inside
def place(m: KernelState, side: int, price: int) -> int:
    """The index in the pool of this price, or where it would be inserted."""
    low = m.sides[side].start
    high = low + m.sides[side].count
    while low < high:
        middle = (low + high) >> 1
        if m.pool[middle].price < price:
            low = middle + 1
        else:
            high = middle
    return int(low)


@inside
def size_at(m: KernelState, side: int, where: int, price: int) -> int:
    """The size of that level; 0 if there is none."""
    end = m.sides[side].start + m.sides[side].count
    return int(m.pool[where].size) if where < end and m.pool[where].price == price else 0


@compiled
def _widen(m: KernelState, side: int) -> None:
    """Moves a full side to the end of the pool, with twice the space."""
    s, start = m.sides[side], m.clock[0].pool_end
    room = max(FIRST_ROOM, 2 * s.room)
    for n in range(s.count):
        m.pool[start + n].size = m.pool[s.start + n].size
        m.pool[start + n].price = m.pool[s.start + n].price
    s.start, s.room = start, room
    m.clock[0].pool_end = start + room


@inside
def put_at(m: KernelState, side: int, where: int, price: int, old: int, size: int) -> None:
    """Sets the size of the level at ``where``; ``old`` is its size before."""
    s = m.sides[side]
    if size > 0 and old == 0:
        if s.count == s.room:
            offset = where - s.start
            _widen(m, side)
            where = s.start + offset
        for n in range(s.start + s.count, where, -1):
            m.pool[n].size = m.pool[n - 1].size
            m.pool[n].price = m.pool[n - 1].price
        m.pool[where].price = price
        s.count += 1
    if size > 0:
        m.pool[where].size = size
    elif old > 0:
        s.count -= 1
        for n in range(where, s.start + s.count):
            m.pool[n].size = m.pool[n + 1].size
            m.pool[n].price = m.pool[n + 1].price
    depth = s.depth + size - old
    if depth < 0:  # overflow of 64 bits: both summands are below 2^63, so the sign shows it
        m.clock[0].overflow = 1
    s.depth = depth


@inside
def put(m: KernelState, side: int, price: int, size: int) -> bool:
    """Sets the size of a level; 0 removes it. False: there was no level to remove."""
    where = place(m, side, price)
    old = size_at(m, side, where, price)
    if size == 0 and old == 0:
        return False
    put_at(m, side, where, price, old, size)
    return True


@inside
def add(m: KernelState, side: int, price: int, by: int) -> bool:
    """Adds to the size of a level. False, and no change, if the size would fall below zero."""
    where = place(m, side, price)
    old = size_at(m, side, where, price)
    size = old + by
    if size < 0:
        if by > 0:
            m.clock[0].overflow = 1
        return by > 0
    if by != 0:
        put_at(m, side, where, price, old, size)
    return True


@compiled
def clear(m: KernelState, ladder: int) -> None:
    for side in (2 * ladder, 2 * ladder + 1):
        m.sides[side].count = 0
        m.sides[side].depth = 0


@inside
def crossed(m: KernelState, ladder: int) -> bool:
    """Whether the best bid reaches the best ask."""
    bids, asks = m.sides[2 * ladder], m.sides[2 * ladder + 1]
    if bids.count == 0 or asks.count == 0:
        return False
    return bool(m.pool[bids.start + bids.count - 1].price >= m.pool[asks.start].price)


@inside
def best_bid(m: KernelState, ladder: int) -> int:
    """The best bid; 0 if there is none."""
    s = m.sides[2 * ladder]
    return int(m.pool[s.start + s.count - 1].price) if s.count > 0 else 0


@inside
def best_ask(m: KernelState, ladder: int) -> int:
    """The best ask; 0 if there is none."""
    s = m.sides[2 * ladder + 1]
    return int(m.pool[s.start].price) if s.count > 0 else 0


@compiled
def equal(m: KernelState, ladder: int, other: int) -> bool:
    """Whether two ladders have the same levels."""
    for n in range(2):
        s, t = m.sides[2 * ladder + n], m.sides[2 * other + n]
        if s.count != t.count or s.depth != t.depth:
            return False
        for at in range(s.count):
            a, b = m.pool[s.start + at], m.pool[t.start + at]
            if a.price != b.price or a.size != b.size:
                return False
    return True


@inside
def on_outcome_0(outcome: int, side: int, price: int) -> tuple[int, int]:
    """Side and price on outcome 0's axis."""
    return (1 - side, ONE - price) if outcome else (side, price)
