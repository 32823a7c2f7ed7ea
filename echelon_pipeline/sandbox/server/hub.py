"""Every WebSocket connection of a sandbox under one clock.

Belongs here: who is connected, moving all sessions to the same time, faults of books. One connection's tasks are
in ``sockets.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from echelon_pipeline.sandbox.faults.faults import BOOK_FAULTS, FaultPlan
from echelon_pipeline.sandbox.faults.connections import Break, FaultLog, Line
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.sessions import Frame, Owned, Session
from echelon_pipeline.sandbox.universe.account import Deed
from echelon_pipeline.sandbox.universe.book_faults import FOREVER, Mark, MarkKind
from echelon_pipeline.sandbox.universe.randomness import cell, salt
from echelon_pipeline.sandbox.universe.trades import FINE_TICK
from echelon_pipeline.sandbox.universe.world import World

SLICE_US, JUMP_US = 2_000_000, 600_000_000
EMPTY_US = 20_000_000  # how long a drawn side stays empty
MOST_WAITING = 5_000  # frames that wait for a client before Kalshi gives up on it
STUCK_SECONDS = 5.0
_SETTLE_SECONDS = 5.0


class Connection:
    """``queue``: what leaves next. ``received``: frames the client sent. ``sending_since``: while one is under way."""

    def __init__(self, line: Line, session: Session) -> None:
        self.line, self.session = line, session
        self.queue: asyncio.Queue[str | Break] = asyncio.Queue()
        self.sent = self.received = 0
        self.sending_since: float | None = None

    def push(self, frames: list[Frame]) -> None:
        self.put(self.line.passed(frames))

    def put(self, texts: list[str | Break]) -> None:
        for text in texts:
            self.queue.put_nowait(text)

    def is_late(self) -> bool:
        """Whether so much waits for so long that the venue would give the client up."""
        since = self.sending_since
        is_stuck = self.line.pause > 0 or (since is not None and time.monotonic() - since > STUCK_SECONDS)
        return is_stuck and self.queue.qsize() > MOST_WAITING

    async def flushed(self) -> None:
        """Returns when all that was pushed is on its way, or cannot be."""
        if not (self.line.is_broken or self.line.pause):
            await self.queue.join()


class Hub:
    """``world`` is None over a recorded universe. ``us``: the time that every session was told of."""

    def __init__(self, world: World | None, clock: SandboxClock, plan: FaultPlan) -> None:
        self.world, self.clock, self.plan = world, clock, plan
        self.log = FaultLog()
        self.connections: dict[str, Connection] = {}
        self.us = clock.us
        self._opened: Counter[str] = Counter()

    def line(self, venue: str) -> Line:
        """The line of the venue's next connection; Polymarket's user channel counts its own."""
        self._opened[venue] += 1
        line = Line(self.plan, self.log, venue, self._opened[venue])
        line.at(self.us)
        return line

    def pump(self) -> bool:
        """Moves every session on, to the clock's time or by a slice of what is missing; True where more is.
        A slice keeps the server answering while it catches up; a longer jump than books tell of is one."""
        missing = self.clock.us - self.us
        if missing <= 0:
            return False
        step = missing if missing > JUMP_US or not self.connections else min(missing, SLICE_US)
        after, self.us = self.us, self.us + step
        now = self.us
        if self.world is not None and any(self.plan.ws.get(kind) for kind in BOOK_FAULTS):
            self._spoil_books(self.world, after)
        for connection in list(self.connections.values()):
            connection.line.at(now)
            connection.push(connection.session.advance(now))
        return step < missing

    def receive(self, connection: Connection, text: str) -> None:
        self.pump()
        connection.received += 1
        connection.push(connection.session.receive(text, self.us))

    def tell(self, deed: Deed) -> None:
        """Pushes what the account did to the connections that are its own."""
        for connection in self.connections.values():
            if isinstance(connection.session, Owned):
                connection.push(connection.session.tell(deed))

    async def settle(self) -> None:
        """Until every client was sent what happened by now; one that does not read is waited for a while."""
        now = self.clock.us
        while self.us < now:
            self.pump()
            await asyncio.sleep(0)
        waits = [asyncio.ensure_future(c.flushed()) for c in self.connections.values()]
        if waits:
            _, late = await asyncio.wait(waits, timeout=_SETTLE_SECONDS)
            for task in late:
                task.cancel()

    # --- faults

    def _spoil_books(self, world: World, after: int) -> None:
        """Draws at every step of a followed book; the draw depends on nothing but seed, instrument and time."""
        for venue, books in world.books.items():
            rows = {r for c in self.connections.values() if c.line.venue == venue for r in c.session.rows()}
            for row in sorted(rows):
                for us in books.edges(row, after, self.us):
                    for kind in BOOK_FAULTS:
                        key = cell(salt(self.plan.seed, f"{venue} {kind}"), row)
                        bits = cell(key, us // 1000)
                        if bits / 2**32 < self.plan.ws.get(kind, 0.0):
                            self._spoil(world, venue, row, kind, us, bits)

    def _spoil(self, world: World, venue: str, row: int, kind: str, us: int, bits: int) -> None:
        sides: tuple[MarkKind, ...] = ("empty_bids", "empty_asks", "empty_book")
        marks: dict[str, MarkKind] = {"tick_change": "tick_change", "resolve": "resolve"}
        self.mark(world, venue, row, marks.get(kind) or sides[bits % 3], us, us + EMPTY_US)

    def mark(self, world: World, venue: str, row: int, kind: MarkKind, since: int, until: int) -> bool:
        """Does something to a book; False where it would change nothing (ended, tick fine already)."""
        books = world.books[venue]
        is_fine = kind == "tick_change" and books.tick(row, since) == FINE_TICK
        if not books.is_open(row, since) or is_fine:
            return False
        books.mark(Mark(kind, row, since, FOREVER if kind in ("tick_change", "resolve") else until))
        self.log.add(kind, venue, "", world.instrument(venue, row), since)
        return True
