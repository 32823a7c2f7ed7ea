"""One process at a time: a file lock that the system gives back when its holder dies.

Belongs here: the lock of one machine. Writers of the lake need none: their commits are optimistic.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echelon_pipeline import stopping
from echelon_pipeline.errors import Conflict


@contextmanager
def one_at_a_time(path: Path, seconds: float) -> Iterator[None]:
    """Holds the lock of a file, waiting for it at most so long. Raises Conflict after that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise Conflict(f"{path}: another process has been at it for {seconds:.0f} s") from error
                stopping.wait(0.05)
        yield
    finally:
        os.close(descriptor)
