"""A recording in the time of a sandbox: the sandbox's clock moves in small steps, and never before every frame of the
last step has been received.

Belongs here: the clock that the demo passes to a shift, and the thread that moves it. The times of receipt, and with
them all tables of order books, then depend on the universe alone and not on the speed of the machine.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import httpx

from echelon_pipeline import stopping
from echelon_pipeline.errors import VenueUnavailable
from echelon_pipeline.sandbox.server.process import NO_CERTIFICATES

STEP_MS = 100
PATIENCE = 30.0  # seconds for the client to subscribe, and to receive the frames of one step
# Commands with which the feeds of the pipeline subscribe. Only after the last one does the time run.
COMMANDS = {"kalshi": 2, "polymarket": 1}
_POLL = 0.001


class SteppedClock:
    """A ``clocks.Clock`` from ``begin`` for so many ``seconds``. Sleepers wake at its end at the latest.

    ``us``: the present; ``reached``: the time up to which all frames were received; ``frames``: their number.
    """

    def __init__(self, begin: datetime, seconds: float) -> None:
        self.begin_us = int(begin.timestamp()) * 1_000_000
        self.end_us = self.begin_us + round(seconds * 1000) * 1000
        self.us = self.begin_us
        self.reached = self.begin_us
        self.frames = 0
        self._last = 0
        self._connections = 0

    def now(self) -> int:
        return self.us

    def received(self) -> int:
        """Frames of one step have consecutive microseconds."""
        self.frames += 1
        self._last = max(self.us, self._last + 1)
        return self._last

    async def sleep(self, seconds: float) -> None:
        until = min(self.us + int(seconds * 1_000_000), self.end_us)
        while self.reached < until:  # noqa: ASYNC110 - a thread moves the clock
            await asyncio.sleep(0.01)

    def token(self) -> str:
        self._connections += 1
        return f"{self._connections:06x}"


@contextmanager
def stepping(base_url: str, clock: SteppedClock, *, commands: int) -> Iterator[None]:
    """While the block runs one connection with this clock, moves the clock and the sandbox's to the end of the clock.

    Raises VenueUnavailable if the client did not subscribe or receive in time, or the sandbox ended. ``commands``: the
    number of commands with which the client subscribes.
    """
    failures: list[VenueUnavailable] = []

    def run(over: threading.Event) -> None:
        try:
            with httpx.Client(base_url=base_url, verify=NO_CERTIFICATES, timeout=PATIENCE) as client:
                _Stepper(client, clock, over).run(commands)
        except (httpx.HTTPError, VenueUnavailable) as error:
            failures.append(VenueUnavailable(f"the sandbox's clock stopped: {error}"))
        finally:
            clock.reached = clock.end_us  # sleepers wake, and the shift ends

    with stopping.background("stepping", run):
        yield
    if failures:
        raise failures[0]


class _Stepper:
    def __init__(self, client: httpx.Client, clock: SteppedClock, over: threading.Event) -> None:
        self._client, self._clock, self._over = client, clock, over

    def run(self, commands: int) -> None:
        self._wait(lambda: self._has_subscribed(commands), "the client did not subscribe")
        self._advance(0)
        while self._clock.us < self._clock.end_us and not self._over.is_set():
            before, at = self._clock.us, min(self._clock.us + STEP_MS * 1000, self._clock.end_us)
            self._clock.us = at
            self._advance(at - before)
            self._clock.reached = at

    def _advance(self, us: int) -> None:
        """Moves the sandbox's clock, and waits until all frames up to then were received."""
        answer = self._client.post("/__sandbox__/advance", json={"seconds": us / 1_000_000}).raise_for_status()
        sent = int(answer.json()["sent"])
        self._wait(lambda: self._clock.frames >= sent, "the client did not receive all frames")

    def _has_subscribed(self, commands: int) -> bool:
        connections = self._client.get("/__sandbox__/ws/connections").raise_for_status().json()
        return any(c["received"] >= commands for c in connections.values())

    def _wait(self, is_met: Callable[[], bool], problem: str) -> None:
        until = time.monotonic() + PATIENCE
        while not self._over.is_set() and not is_met():
            if time.monotonic() > until:
                raise VenueUnavailable(f"{problem} within {PATIENCE:g} s")
            time.sleep(_POLL)
