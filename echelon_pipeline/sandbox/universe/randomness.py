"""Counter-based randomness: a number from (seed, purpose, counter), never from a stream.

Belongs here: hashes of integers that give the same result for a Python int, a Polars column and a NumPy array,
and digests for identifiers. Any row can be generated alone and in any order, without state.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.int64]
# Never hash an expression: Polars computes its inputs again at every use, and hashing uses them often. An array is for
# the minutes of one instrument: a tenth of the time of an expression.
Int = TypeVar("Int", int, pl.Series, pl.Expr, Array)

_LOW = 0xFFFFFFFF
_MULTIPLIER = 0x45D9F3B  # < 2^27: products of 32-bit values stay below 2^59 and cannot wrap


def mix(x: Int) -> Int:
    """32 hashed bits of a non-negative integer (of its low 32 bits)."""
    x = x & _LOW
    x = ((x // 65536) ^ x) * _MULTIPLIER & _LOW
    x = ((x // 65536) ^ x) * _MULTIPLIER & _LOW
    return (x // 65536) ^ x


def bits_at(key: Int, counter: Int) -> Int:
    """32 bits from a key (hashed bits) and a counter."""
    return mix(mix(counter) + key)


def draw(seed: int, purpose: str, counter: int) -> int:
    """32 bits for one purpose."""
    return bits_at(salt(seed, purpose), counter)


def salt(seed: int, purpose: str) -> int:
    """The key of one purpose under one seed."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=4).digest(), "big")


class Digests:
    """Identifiers by (purpose, number): hex text of up to 64 bytes."""

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(8, "big", signed=True)

    def hex(self, purpose: str, number: int, size: int = 32) -> str:
        """``size`` bytes as hex."""
        return hashlib.blake2b(b"%s:%d" % (purpose.encode(), number), digest_size=size, key=self._key).hexdigest()

    def uuid(self, purpose: str, number: int) -> str:
        """Text in the format of a random UUID."""
        h = self.hex(purpose, number, 16)
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


class Scramble:
    """A bijection from small numbers to 32 random-looking bits: ids can be decoded without a dictionary."""

    _ODD = 0x9E3779B1
    _INVERSE = pow(_ODD, -1, 1 << 32)

    def __init__(self, seed: int) -> None:
        self._offset = salt(seed, "scramble")

    def hide(self, number: int) -> int:
        return (number * self._ODD + self._offset) & _LOW

    def find(self, hidden: int) -> int:
        return ((hidden - self._offset) * self._INVERSE) & _LOW
