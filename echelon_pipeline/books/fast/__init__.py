"""The rules of ``books/``, compiled: for replays of hundreds of thousands of frames a second.

arrays.py        the state and the output of the rules, as arrays
allocation.py    creates and enlarges these arrays
timeouts.py      timeouts of one fixed length, as linked lists in an array
ladders.py       sizes by price in sorted arrays
sha1.py          the hash algorithm of Polymarket's books
hashes.py        expected hashes, comparisons and rechecks
rows.py          rows and gaps when they end
rest.py          REST books, and the changes that are buffered for them
validity.py      batches and losses
dispatch.py      applies one frame after another
level_events.py  changes of levels, as Arrow
blocks.py        loads and stores of many bytes at once
scan.py          finds the values of a JSON object
values.py        the numbers of these values
decode.py        Arrow batches of frames to columns
kernel.py        the same calls as the machine
results.py       the output, as Arrow

Belongs here: functions for numba over these arrays; no input or output. ``books/machine.py`` is the reference; a
property test compares both, rule by rule. Importing this room imports numba, which takes half a second: only
``streams/replayer.py`` and the venues' ``fast`` modules do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba
import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE = Path(__file__).parents[2]


def _sources() -> str:
    """A digest of all compiled sources. numba compares only the file of the called function, not the files of the
    functions that it calls: after a change of these it would run the old code."""
    digest = hashlib.sha256(numba.__version__.encode())
    paths = [
        *Path(__file__).parent.glob("*.py"),
        _PACKAGE / "books/columns.py",
        *_PACKAGE.glob("venues/*/fast.py"),
    ]
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_NJIT: Any = numba.njit
_CONFIG: Any = numba.config
_OPTIONS = {"error_model": "numpy", "_nrt": False}
_CACHE = Path(__file__).parent / "__pycache__" / _sources()


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """For functions that only compiled functions call.

    No compiled function creates an array, so references need not be counted (``_nrt``): counting those of twenty arrays
    at each call took six sevenths of the time. LLVM decides what to inline: inlining everything gives twice as many
    frames a second, and three minutes of compiling.
    """
    result: Callable[P, R] = _NJIT(**_OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    return result


def inside(function: Callable[P, R]) -> Callable[P, R]:
    """The same, always inlined: for functions that run with every frame and have one or two callers.

    A call passes some 200 words, because each array is seven: that took three quarters of the rules' time. Functions
    that are inlined before LLVM sees them cost no more to compile; otherwise each is compiled again with every caller.
    """
    result: Callable[P, R] = _NJIT(**_OPTIONS, inline="always")(function)
    return result


def entry(function: Callable[P, R]) -> Callable[P, R]:
    """For functions that Python calls: compiled at the first call and cached beside the sources for later processes."""
    kept = _CONFIG.CACHE_DIR
    _CONFIG.CACHE_DIR = str(_CACHE)
    try:
        result: Callable[P, R] = _NJIT(**_OPTIONS, cache=True)(function)
    finally:
        _CONFIG.CACHE_DIR = kept
    return result


def constants(first: int, end: int) -> list[Any]:
    """The numbers from ``first`` up to ``end`` (excluded), as numpy's type: numba compiles a function again for each
    plain int constant that it gets."""
    return [np.int64(number) for number in range(first, end)]
