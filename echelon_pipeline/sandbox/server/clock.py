"""The sandbox's clock: frozen unless advanced, or running at a given speed.

Belongs here: the time. The universe decides what is visible at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_LAG_US: ContextVar[int] = ContextVar("_LAG_US", default=0)


@contextmanager
def lagging(seconds: int) -> Iterator[None]:
    """Makes clocks of this context late, as if a cache answered."""
    token = _LAG_US.set(seconds * 1_000_000)
    try:
        yield
    finally:
        _LAG_US.reset(token)


class SandboxClock:
    """``speed`` 0: frozen; 1: like the wall clock; 60: a minute per second."""

    def __init__(self, now: datetime, *, speed: float = 0.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._base_us = int(now.timestamp()) * 1_000_000
        self._speed = speed
        self._monotonic = monotonic
        self._started = monotonic()

    @property
    def us(self) -> int:
        """Unix microseconds."""
        ran = int((self._monotonic() - self._started) * self._speed * 1_000_000) if self._speed else 0
        return self._base_us + ran - _LAG_US.get()

    @property
    def s(self) -> int:
        """Unix seconds."""
        return self.us // 1_000_000

    def advance(self, seconds: float) -> None:
        """Moves the clock forward; a negative number is a ValueError."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self._base_us += int(seconds * 1_000_000)

    def at(self) -> datetime:
        """The time as a datetime."""
        return datetime.fromtimestamp(self.s, UTC)
