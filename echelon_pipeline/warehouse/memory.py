"""Keeps the process's memory near what is in use: the allocators' habits cost a sixth of the peak.

Belongs here: allocator settings, once per process. Limits of computations are in ``duck.py``.

Measured on a listing of 50,000 instruments: glibc gives each of DuckDB's, delta-rs's and Arrow's threads an
arena of its own (8 per core) and Arrow's pool keeps freed buffers; with 2 arenas and the system's allocator for
Arrow the peak falls from 845 to 701 MB at the same speed.
"""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

_M_ARENA_MAX = -8  # malloc.h
_ARENAS = 2


def tame() -> None:
    """Applies the settings; where the C library is not glibc, only Arrow's."""
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _ARENAS)
