"""The time that a recording sees: when frames are received, and how long a shift lasts.

Belongs here: the protocol, and the machine's clock, which every recording of a live venue uses. The demo passes in the
clock of its sandbox (``sandbox/server/stepped.py``), so that its recordings have the time of its other data.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """Times are microseconds since 1970."""

    def now(self) -> int:
        """The present."""

    def received(self) -> int:
        """The time of a frame that has just been received. Called once per frame, in the order of arrival."""

    async def sleep(self, seconds: float) -> None:
        """Returns after so many seconds of this clock."""

    def token(self) -> str:
        """A short text that no other connection of the same microsecond has."""


class MachineClock:
    """The clock of this machine."""

    def now(self) -> int:
        return time.time_ns() // 1000

    def received(self) -> int:
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def token(self) -> str:
        return secrets.token_hex(3)


MACHINE = MachineClock()
