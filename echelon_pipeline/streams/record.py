"""Records a feed: every frame of its successive connections, durable within a second, in segments of minutes.

Belongs here: when to flush, to rotate and to give up. How frames are kept is ``segments.py``'s, how connections follow
each other is ``venues/ws.py``'s.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.clocks import MACHINE, Clock
from echelon_pipeline.errors import Conflict, DiskFull, Transient, VenueUnavailable
from echelon_pipeline.settings import Settings
from echelon_pipeline.streams.hours import time_of
from echelon_pipeline.streams.live_books import LiveBooks
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.probing import results
from echelon_pipeline.streams.segments import Connection
from echelon_pipeline.streams.watchlist import WatchChange, Watchlist
from echelon_pipeline.venues.live import Feed, tokens_of
from echelon_pipeline.venues.ws import Wire, WsPolicy, keep_connected


@dataclass(frozen=True)
class Pace:
    """Seconds between fsyncs, of a segment, and between two questions for one book; the bytes that may wait for the
    disk before reading pauses."""

    flush: float = 1.0
    segment: float = 300.0
    renew: float = 5.0
    waiting_bytes: int = 64 * 2**20

    @classmethod
    def of(cls, settings: Settings) -> Pace:
        """The configured pace."""
        return cls(
            flush=settings.capture_flush,
            segment=settings.capture_segment,
            renew=settings.capture_renew,
            waiting_bytes=settings.capture_waiting_mb * 2**20,
        )


@dataclass
class Recorded:
    """What a recording did. ``renewed``: books asked for again; ``segments``: closed ones, in the order of closing;
    ``probes``: what REST books did (``probing.results``)."""

    connections: int = 0
    frames: int = 0
    renewed: int = 0
    segments: list[Path] = field(default_factory=list)
    slowest_flush: float = 0.0
    probes: Counter[str] = field(default_factory=Counter)


def _unfenced() -> None:
    """Every writer may write: no other process has this listener's name."""


async def record(
    feed: Feed,
    root: Path,
    *,
    listener: str,
    epoch: int,
    stop: asyncio.Event,
    policy: WsPolicy,
    pace: Pace,
    recorded: Recorded,
    watchlist: Watchlist | None = None,
    fence: Callable[[], None] = _unfenced,
    clock: Clock = MACHINE,
) -> None:
    """Records until ``stop`` is set; then everything that arrived is durable and every segment closed.

    ``clock``: gives the times of receipt. Durability and silence always count in seconds of this machine.

    ``fence`` raises Conflict where the listener's lease was lost: then nothing more is written, and Conflict raised.
    Raises what waiting cannot mend (Unauthorized, BadRequest, BadSettings). A full disk ends a connection like a venue
    that hangs up: what was durable stays, in a segment that recovery closes, and the next connection is tried later.
    At the end there is no next one: DiskFull is raised.
    """
    busy = False
    last: Transient | None = None
    lost: Conflict | None = None
    watchlist = watchlist or Watchlist(feed.instruments)

    async def use(wire: Wire) -> None:
        nonlocal busy, last, lost
        about = Connection(feed.venue, listener, epoch, feed.number, _connection_id(clock), feed.url, feed.quotes)
        watched = tuple(watchlist.wanted.values())
        try:
            # In a thread: it waits for the disk, and the fence for the state database.
            log = await asyncio.to_thread(Log, root, about, watched, fence)
            session = _Session(feed, log, watched, watchlist, pace, recorded, clock)
            recorded.connections += 1
            await feed.greet(wire, tokens_of(watched))
            busy = True
            await session.run(wire, stop)
        except Conflict as error:
            lost = error  # no other connection would have the right to write either
        except Transient as error:
            if not stop.is_set():
                raise
            last = error
        finally:
            busy = False

    stopped = asyncio.create_task(stop.wait())
    recording = asyncio.create_task(keep_connected(feed.dial, use, policy))
    try:
        await asyncio.wait({stopped, recording}, return_when=asyncio.FIRST_COMPLETED)
        if not busy:
            recording.cancel()  # it waits for a venue that may never answer; one that is up ends by itself
        await asyncio.wait({recording})
    finally:
        stopped.cancel()
        recording.cancel()
        [result] = await asyncio.gather(recording, return_exceptions=True)
    if isinstance(result, Exception):
        raise result
    if lost is not None:
        raise lost
    if isinstance(last, DiskFull):
        raise last


class _Session:
    """One connection: a task that receives, and one that makes durable what arrived."""

    def __init__(
        self,
        feed: Feed,
        log: Log,
        watched: Sequence[Instrument],
        watchlist: Watchlist,
        pace: Pace,
        recorded: Recorded,
        clock: Clock,
    ) -> None:
        self._feed = feed
        self._log = log
        self._watchlist = watchlist
        self._pace = pace
        self._clock = clock
        self._recorded = recorded
        self._books = LiveBooks(feed, log.about.connection_id, pace.renew, watched)
        self._flushed = asyncio.Event()
        self._disk = ThreadPoolExecutor(1)  # one write after the other, also if the waiting task is cancelled

    async def run(self, wire: Wire, stop: asyncio.Event) -> None:
        tasks = [asyncio.create_task(work) for work in (self._receive(wire), self._keep(wire), stop.wait())]
        self._watchlist.books, self._watchlist.record = self._books, self._arrived
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task  # the connection's end, or a disk that is full
        finally:
            self._watchlist.books = self._watchlist.record = None
            self._recorded.probes.update(results(self._books.counts))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    def _arrived(self, received_at: int, payload: bytes) -> None:
        number = self._log.add(received_at, payload)
        self._books.see(number, received_at, payload)
        self._recorded.frames += 1

    async def _receive(self, wire: Wire) -> None:
        async for received_at, payload in wire.frames(self._clock.received):
            self._arrived(received_at, payload)
            if self._books.ended:
                raise VenueUnavailable(f"{self._feed.venue} stream: the venue ended the books' subscription")
            if self._log.waiting_bytes > self._pace.waiting_bytes:
                self._flushed.clear()
                await self._flushed.wait()  # the socket's own limits hold the venue back

    async def _keep(self, wire: Wire) -> None:
        opened = asked = time.monotonic()
        while True:
            await asyncio.sleep(self._pace.flush)
            await self._flush()
            await self._follow(wire)
            if lost := self._books.needs_snapshot(self._clock.now()):
                self._recorded.renewed += len(lost)
                await self._feed.renew(wire, lost, self._books.sids)
            elif wire.is_quiet and self._books.watched and time.monotonic() - asked >= self._pace.renew:
                # Quiet markets and a frozen stream look alike until something is asked for.
                asked = time.monotonic()
                await self._feed.renew(wire, next(iter(self._books.watched.values())).tokens, self._books.sids)
            if time.monotonic() - opened >= self._pace.segment:
                await self._rotate()
                opened = time.monotonic()

    async def _follow(self, wire: Wire) -> None:
        """Watches what the watchlist wants: said durably first, then to the venue."""
        wanted, watched = self._watchlist.wanted, self._books.watched
        added = tuple(i for name, i in wanted.items() if name not in watched)
        dropped = tuple(name for name in watched if name not in wanted)
        if not (added or dropped) or any(channel not in self._books.sids for channel in self._feed.channels):
            return
        left = tokens_of(watched[name] for name in dropped)
        change = WatchChange(self._log.arrived, added, dropped)
        await asyncio.shield(self._in_turn(partial(self._log.rewatch, change)))
        self._books.change(added, dropped, self._clock.now())
        await self._feed.change(wire, tokens_of(added), left, self._books.sids)

    async def _flush(self) -> None:
        begun = time.monotonic()
        # Shielded: frames that were taken are written even if the waiting task is cancelled.
        await asyncio.shield(self._in_turn(partial(self._log.write, self._log.take())))
        self._recorded.slowest_flush = max(self._recorded.slowest_flush, time.monotonic() - begun)
        self._flushed.set()

    async def _rotate(self) -> None:
        await asyncio.shield(self._in_turn(self._close_segment))

    def _close_segment(self) -> None:
        path = self._log.rotate()
        if path is not None:  # noted here: the waiting task may have been cancelled meanwhile
            self._recorded.segments.append(path)

    async def _close(self) -> None:
        try:
            await self._flush()
            await self._rotate()
        finally:
            await self._in_turn(self._log.abandon)
            self._disk.shutdown()

    def _in_turn(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._disk, work)


def _connection_id(clock: Clock) -> str:
    """Sorts by time and is no other's: two connections may begin in one microsecond."""
    return f"{time_of(clock.now()):%Y%m%dT%H%M%S%f}-{clock.token()}"
