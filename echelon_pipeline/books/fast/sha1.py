"""SHA-1 over bytes that are made as it goes, compiled.

Belongs here: the algorithm (RFC 3174). Why not hashlib: compiled code cannot call it, and handing a text per book to
Python and back costs more than the hash itself. Bytes are collected in ``scratch``; whole blocks leave it, and the
sixth word of ``state`` counts them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from echelon_pipeline.books.columns import Array
from echelon_pipeline.books.fast import compiled

BLOCK = 64
U = np.uint32


@compiled
def begin(state: Array) -> None:
    state[0], state[1], state[2] = U(0x67452301), U(0xEFCDAB89), U(0x98BADCFE)
    state[3], state[4], state[5] = U(0x10325476), U(0xC3D2E1F0), U(0)


@compiled
def _left(word: Any, by: int) -> Any:
    return U(U(word << U(by)) | U(word >> U(32 - by)))


@compiled
def block(state: Array, data: Array, at: int, words: Array) -> None:
    """One block of 64 bytes at ``at``."""
    for n in range(16):
        p = at + 4 * n
        words[n] = U(U(data[p]) << U(24)) | U(U(data[p + 1]) << U(16)) | U(U(data[p + 2]) << U(8)) | U(data[p + 3])
    for n in range(16, 80):
        words[n] = _left(U(words[n - 3] ^ words[n - 8] ^ words[n - 14] ^ words[n - 16]), 1)
    a, b, c, d, e = state[0], state[1], state[2], state[3], state[4]
    for n in range(20):
        t = U(_left(a, 5) + U(d ^ (b & (c ^ d))) + e + U(0x5A827999) + words[n])
        a, b, c, d, e = t, a, _left(b, 30), c, d
    for n in range(20, 40):
        t = U(_left(a, 5) + U(b ^ c ^ d) + e + U(0x6ED9EBA1) + words[n])
        a, b, c, d, e = t, a, _left(b, 30), c, d
    for n in range(40, 60):
        t = U(_left(a, 5) + U((b & c) | (d & (b | c))) + e + U(0x8F1BBCDC) + words[n])
        a, b, c, d, e = t, a, _left(b, 30), c, d
    for n in range(60, 80):
        t = U(_left(a, 5) + U(b ^ c ^ d) + e + U(0xCA62C1D6) + words[n])
        a, b, c, d, e = t, a, _left(b, 30), c, d
    state[0], state[1], state[2] = U(state[0] + a), U(state[1] + b), U(state[2] + c)
    state[3], state[4] = U(state[3] + d), U(state[4] + e)


@compiled
def drain(state: Array, scratch: Array, end: int, words: Array) -> int:
    """Hashes whole blocks and moves the rest to the front; how much that is."""
    at = 0
    while at + BLOCK <= end:
        block(state, scratch, at, words)
        at += BLOCK
    state[5] = U(state[5] + at // BLOCK)
    for n in range(end - at):
        scratch[n] = scratch[at + n]
    return end - at


@compiled
def finish(state: Array, scratch: Array, end: int, words: Array) -> None:
    """The last bytes, padding and length."""
    size = state[5] * BLOCK + end
    scratch[end] = 0x80
    stop = end + 1
    while stop % BLOCK != 56:
        scratch[stop] = 0
        stop += 1
    for n in range(8):
        scratch[stop + n] = (size * 8 >> (56 - 8 * n)) & 0xFF
    drain(state, scratch, stop + 8, words)
