"""The room's rules once more, compiled: for replays of hundreds of thousands of frames a second.

state.py    what is remembered, as arrays
waits.py    deadlines of one length, linked lists in an array
ladders.py  sizes by price in sorted arrays
sha1.py     the hash that Polymarket's books have
hashes.py   claims, judgements and second looks
rows.py     rows and gaps as they end
keeper.py   batches and losses
rules.py    one frame after another
memory.py   room for all of it
level_events.py  levels as frames changed them, as Arrow
blocks.py   many bytes at once
scan.py     where the values of a JSON object are
values.py   the numbers of those values
decode.py   Arrow batches of frames to columns
kernel.py   the machine's calls over all of this
results.py  what was written, as Arrow

Belongs here: functions for numba over those arrays and nothing that talks to anybody. ``books/machine.py`` says what
is right; a property test holds both against each other, rule by rule. Importing this room imports numba, which takes
half a second: only ``streams/replayer.py`` and the venues' ``fast`` modules do.
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
    """A name for the state of everything that is compiled. numba looks only at the file of the function that is
    called, not at those of the functions that it calls: after a change of one of them it would run the old ones."""
    found = hashlib.sha256(numba.__version__.encode())
    paths = [
        *Path(__file__).parent.glob("*.py"),
        _PACKAGE / "books/columns.py",
        *_PACKAGE.glob("venues/*/fast.py"),
    ]
    for path in sorted(paths):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


_NJIT: Any = numba.njit
_CONFIG: Any = numba.config
_OPTIONS = {"error_model": "numpy", "_nrt": False}
_CACHE = Path(__file__).parent / "__pycache__" / _sources()


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """For calls from other compiled functions only.

    Nothing compiled here makes an array, so references need not be counted (``_nrt``): counting those of twenty arrays
    at each call took six sevenths of the time. What is put in the place of its calls is LLVM's choice: forced for all,
    twice as many frames a second cost three minutes of compiling.
    """
    made: Callable[P, R] = _NJIT(**_OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    return made


def inside(function: Callable[P, R]) -> Callable[P, R]:
    """The same, put in the place of its calls: for what runs with every frame and has one or two.

    A call hands over some 200 words, for each array is seven: that took three quarters of the rules' time. Put in their
    places before LLVM sees them, functions cost no more to compile: else each is compiled once more with each that
    calls it.
    """
    made: Callable[P, R] = _NJIT(**_OPTIONS, inline="always")(function)
    return made


def entry(function: Callable[P, R]) -> Callable[P, R]:
    """For calls from Python: machine code at the first, kept beside the sources for the next process."""
    kept = _CONFIG.CACHE_DIR
    _CONFIG.CACHE_DIR = str(_CACHE)
    try:
        made: Callable[P, R] = _NJIT(**_OPTIONS, cache=True)(function)
    finally:
        _CONFIG.CACHE_DIR = kept
    return made


def constants(first: int, end: int) -> list[Any]:
    """Numbers from ``first`` to before ``end``, of numpy's type: a constant that is a plain int makes numba compile
    each function that it is given to anew."""
    return [np.int64(number) for number in range(first, end)]
