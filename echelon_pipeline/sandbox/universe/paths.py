"""Prices: one deterministic path per instrument, defined at any time.

Belongs here: the mid price at a minute, the quote around it. Prices are integers of 1e-4 dollars.
A path is a sum of interpolated noise at six time scales, so it resembles a random walk but costs the same for any
minute; near the end of trading it converges to the payout. Scalars and columns share the formulas: a quote, a candle
and a trade of the same minute agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from echelon_pipeline.sandbox.universe.randomness import Array, Int, bits_at

ONE = 10_000  # one dollar
LOWEST, HIGHEST = 60, 9_940
# (period in minutes, weight of 1024): the slowest has the largest weight.
_OCTAVES = ((10_080, 420), (1_440, 260), (360, 160), (60, 100), (15, 56), (3, 28))
_HALF = 1024
_BEND_FROM = 850  # thousandths of the trading time after which the path converges to the payout


@dataclass(frozen=True, slots=True)
class Shape:
    """Parameters of a path. ``swing``: maximum deviation in 1e-4 dollars; negative mirrors the path."""

    key: int
    base: int
    swing: int
    final: int
    opens: int
    closes: int


def _clip(x: Int, low: int, high: int) -> Int:
    if isinstance(x, int):
        return min(max(x, low), high)
    return x.clip(low, high)


def _noise(key: Int, minute: Int) -> Int:
    """Noise from about -1024*1024 to 1024*1024."""
    total = minute * 0
    for number, (period, weight) in enumerate(_OCTAVES):
        lattice, rest = minute // period, minute % period
        a = bits_at(key + number * 1_000_003, lattice) % (2 * _HALF)
        b = bits_at(key + number * 1_000_003, lattice + 1) % (2 * _HALF)
        total = total + ((a * (period - rest) + b * rest) // period - _HALF) * weight
    return total


def mid_at(key: Int, base: Int, swing: Int, final: Int, opens: Int, closes: Int, minute: Int) -> Int:
    """Mid price of outcome 0 at a Unix minute."""
    return _bent(_noise(key, minute), base, swing, final, opens, closes, minute)


def _bent(noise: Int, base: Int, swing: Int, final: Int, opens: Int, closes: Int, minute: Int) -> Int:
    """Mid price from noise: within bounds, converging to the payout at the end."""
    free = _clip(base + noise * swing // (1024 * 1024), LOWEST, HIGHEST)
    life = closes - opens
    bend = _clip(((minute * 60 - opens) * 1000 // life - _BEND_FROM) * 1024 // (1000 - _BEND_FROM), 0, 1024)
    end = _clip(final, 20, ONE - 20)
    return free + (end - free) * bend // 1024


def mid(shape: Shape, minute: int) -> int:
    """Mid price of one instrument."""
    return mid_at(shape.key, shape.base, shape.swing, shape.final, shape.opens, shape.closes, minute)


def bid_ask(mid_price: Int, tick: Int, width: Int) -> tuple[Int, Int]:
    """Best bid and ask ``width`` ticks apart on the grid; 0 and ONE are empty sides."""
    bid = (mid_price - tick * width // 2) // tick * tick
    return _clip(bid, 0, ONE), _clip(bid + tick * width, 0, ONE)


def mids(shape: Shape, minute: Array) -> Array:
    """Mid prices of one instrument at ascending minutes."""
    base, swing, final, opens, closes = (
        np.array(x) for x in (shape.base, shape.swing, shape.final, shape.opens, shape.closes)
    )
    return _bent(_noise_of_one(shape.key, minute), base, swing, final, opens, closes, minute)


def _noise_of_one(key: int, minute: Array) -> Array:
    """``_noise`` of one path: lattice values are computed once, together, and looked up."""
    first, last = int(minute[0]), int(minute[-1])
    lattices = [np.arange(first // period, last // period + 2) for period, _ in _OCTAVES]
    keys = np.concatenate([np.full(len(lattice), key + o * 1_000_003) for o, lattice in enumerate(lattices)])
    values = bits_at(keys, np.concatenate(lattices)) % (2 * _HALF)
    total, start = np.zeros(len(minute), dtype=np.int64), 0
    for (period, weight), lattice in zip(_OCTAVES, lattices, strict=True):
        number, rest = np.divmod(minute, period)
        place = number - (lattice[0] - start)
        between = values[place] * (period - rest) + values[place + 1] * rest
        total += (between // period - _HALF) * weight
        start += len(lattice)
    return total
