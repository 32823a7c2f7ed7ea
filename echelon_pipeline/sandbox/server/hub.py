"""All WebSocket connections of a sandbox under one clock.

Belongs here: the list of connections, advancing all sessions to the same time, faults of books. The tasks of one
connection are in ``sockets.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from echelon_pipeline.sandbox.faults.connections import ConnectionBreak, FaultInjector, FaultLog
from echelon_pipeline.sandbox.faults.faults import BOOK_FAULTS, FaultPlan
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.sessions import AccountSession, OutgoingFrame, SocketSession
from echelon_pipeline.sandbox.universe.account import AccountEvent
from echelon_pipeline.sandbox.universe.book_faults import FOREVER, BookFault, BookFaultKind
from echelon_pipeline.sandbox.universe.randomness import bits_at, salt
from echelon_pipeline.sandbox.universe.trades import FINE_TICK
from echelon_pipeline.sandbox.universe.world import World

SLICE_US, JUMP_US = 2_000_000, 600_000_000
EMPTY_US = 20_000_000  # duration of a drawn empty side
MAX_WAITING = 5_000  # frames that wait for a client before Kalshi drops its subscriptions
STUCK_SECONDS = 5.0
_SETTLE_SECONDS = 5.0


class Connection:
    """``queue``: texts to send. ``received``: number of the client's frames. ``sending_since``: start of the current
    send."""

    def __init__(self, injector: FaultInjector, session: SocketSession) -> None:
        self.injector, self.session = injector, session
        self.queue: asyncio.Queue[str | ConnectionBreak] = asyncio.Queue()
        self.sent = self.received = 0
        self.sending_since: float | None = None

    def push(self, frames: list[OutgoingFrame]) -> None:
        self.put(self.injector.apply(frames))

    def put(self, texts: list[str | ConnectionBreak]) -> None:
        for text in texts:
            self.queue.put_nowait(text)

    def is_late(self) -> bool:
        """Whether so many frames wait for so long that the venue would drop the client's subscriptions."""
        since = self.sending_since
        is_stuck = self.injector.pause > 0 or (since is not None and time.monotonic() - since > STUCK_SECONDS)
        return is_stuck and self.queue.qsize() > MAX_WAITING

    async def flushed(self) -> None:
        """Returns when all queued texts are sent, or cannot be sent."""
        if not (self.injector.is_broken or self.injector.pause):
            await self.queue.join()


class Hub:
    """``world`` is None over a recorded universe. ``us``: the time that every session has reached."""

    def __init__(self, world: World | None, clock: SandboxClock, plan: FaultPlan) -> None:
        self.world, self.clock, self.plan = world, clock, plan
        self.log = FaultLog()
        self.connections: dict[str, Connection] = {}
        self.us = clock.us
        self._opened: Counter[str] = Counter()

    def new_injector(self, venue: str) -> FaultInjector:
        """The fault injector of a new connection; Polymarket's user channel is counted apart."""
        self._opened[venue] += 1
        injector = FaultInjector(self.plan, self.log, venue, self._opened[venue])
        injector.set_time(self.us)
        return injector

    def pump(self) -> bool:
        """Advances every session to the clock's time, or by a slice; True if time is left. Slices keep the server
        responsive while it catches up; a jump of more than ten minutes is one step."""
        missing = self.clock.us - self.us
        if missing <= 0:
            return False
        step = missing if missing > JUMP_US or not self.connections else min(missing, SLICE_US)
        after, self.us = self.us, self.us + step
        now = self.us
        if self.world is not None and any(self.plan.ws.get(kind) for kind in BOOK_FAULTS):
            self._spoil_books(self.world, after)
        for connection in list(self.connections.values()):
            connection.injector.set_time(now)
            connection.push(connection.session.advance(now))
        return step < missing

    def receive(self, connection: Connection, text: str) -> None:
        self.pump()
        connection.received += 1
        connection.push(connection.session.receive(text, self.us))

    def publish(self, event: AccountEvent) -> None:
        """Sends an account event to the account's connections."""
        for connection in self.connections.values():
            if isinstance(connection.session, AccountSession):
                connection.push(connection.session.account_event(event))

    async def settle(self) -> int:
        """Waits until every client was sent all frames up to now; for a client that does not read, five seconds.

        Returns the number of frames that the open connections were sent since they were opened."""
        now = self.clock.us
        while self.us < now:
            self.pump()
            await asyncio.sleep(0)
        waits = [asyncio.ensure_future(c.flushed()) for c in self.connections.values()]
        if waits:
            _, late = await asyncio.wait(waits, timeout=_SETTLE_SECONDS)
            for task in late:
                task.cancel()
        return sum(c.sent for c in self.connections.values())

    # --- faults

    def _spoil_books(self, world: World, after: int) -> None:
        """Draws book faults at every step of a subscribed book; the draw depends only on seed, instrument and time."""
        for venue, books in world.books.items():
            rows = {r for c in self.connections.values() if c.injector.venue == venue for r in c.session.rows()}
            for row in sorted(rows):
                for us in books.edges(row, after, self.us):
                    for kind in BOOK_FAULTS:
                        key = bits_at(salt(self.plan.seed, f"{venue} {kind}"), row)
                        bits = bits_at(key, us // 1000)
                        if bits / 2**32 < self.plan.ws.get(kind, 0.0):
                            self._spoil(world, venue, row, kind, us, bits)

    def _spoil(self, world: World, venue: str, row: int, kind: str, us: int, bits: int) -> None:
        sides: tuple[BookFaultKind, ...] = ("empty_bids", "empty_asks", "empty_book")
        kinds: dict[str, BookFaultKind] = {"tick_change": "tick_change", "resolve": "resolve"}
        self.inject_book_fault(world, venue, row, kinds.get(kind) or sides[bits % 3], us, us + EMPTY_US)

    def inject_book_fault(
        self, world: World, venue: str, row: int, kind: BookFaultKind, since: int, until: int
    ) -> bool:
        """Adds a fault to a book; False if it would change nothing (trading ended, tick already fine)."""
        books = world.books[venue]
        is_fine = kind == "tick_change" and books.tick(row, since) == FINE_TICK
        if not books.is_open(row, since) or is_fine:
            return False
        books.add_fault(BookFault(kind, row, since, FOREVER if kind in ("tick_change", "resolve") else until))
        self.log.add(kind, venue, "", world.instrument(venue, row), since)
        return True
