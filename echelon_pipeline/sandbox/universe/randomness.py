"""Counter-based randomness: a number from (seed, purpose, counter), never from a stream.

Belongs here: hashes of integers that give the same result for a Python int, a Polars column and a NumPy array,
and digests for identifiers. So any row can be made alone, in any order, with nothing kept.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.int64]
# Never hash an expression: it repeats its inputs at every use, and hashing uses them often. An array is for one
# instrument's minutes: a tenth of an expression's time, which a thousand columns of two thousand rows pay each.
Ints = TypeVar("Ints", int, pl.Series, pl.Expr, Array)

_LOW = 0xFFFFFFFF
_MULTIPLIER = 0x45D9F3B  # < 2^27: products of 32-bit values stay below 2^59 and cannot wrap


def mix(x: Ints) -> Ints:
    """32 well-mixed bits from a non-negative integer (its low 32 bits count)."""
    x = x & _LOW
    x = ((x // 65536) ^ x) * _MULTIPLIER & _LOW
    x = ((x // 65536) ^ x) * _MULTIPLIER & _LOW
    return (x // 65536) ^ x


def cell(key: Ints, counter: Ints) -> Ints:
    """32 bits from a key (already mixed) and a counter."""
    return mix(mix(counter) + key)


def draw(seed: int, purpose: str, counter: int) -> int:
    """32 bits for one purpose."""
    return cell(salt(seed, purpose), counter)


def salt(seed: int, purpose: str) -> int:
    """The key of one purpose under one seed."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=4).digest(), "big")


class Digests:
    """Identifiers: hex text of any length up to 64 bytes per (purpose, number)."""

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(8, "big", signed=True)

    def hex(self, purpose: str, number: int, size: int = 32) -> str:
        """``size`` bytes as hex."""
        return hashlib.blake2b(b"%s:%d" % (purpose.encode(), number), digest_size=size, key=self._key).hexdigest()

    def uuid(self, purpose: str, number: int) -> str:
        """Text in the form of a random UUID."""
        h = self.hex(purpose, number, 16)
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


class Scramble:
    """A reversible disguise of small numbers as 32 random-looking bits, so that ids need no dictionary."""

    _ODD = 0x9E3779B1
    _INVERSE = pow(_ODD, -1, 1 << 32)

    def __init__(self, seed: int) -> None:
        self._offset = salt(seed, "scramble")

    def hide(self, number: int) -> int:
        return (number * self._ODD + self._offset) & _LOW

    def find(self, hidden: int) -> int:
        return ((hidden - self._offset) * self._INVERSE) & _LOW
