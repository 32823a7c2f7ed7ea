"""The feeds of a shift at work: each with what it is to watch, its connections one after the other, and its end.

Belongs here: that one feed which is refused ends none of the others. When all end is ``shift.py``'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.errors import Conflict, EchelonError
from echelon_pipeline.streams.record import Recorded, record
from echelon_pipeline.streams.shift_spec import ShiftSpec, Worked
from echelon_pipeline.streams.watchlist import Watchlist
from echelon_pipeline.venues.live import OWN, Feed, placed

log = logging.getLogger(__name__)
DRAIN = 4.0  # seconds for connections to end by themselves: a shift stops within 5 s of the request


@dataclass
class _FeedTask:
    """One feed. ``reported``: how many of its closed segments were reported."""

    number: int
    watchlist: Watchlist
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    recorded: Recorded = field(default_factory=Recorded)
    reported: int = 0
    task: asyncio.Task[None] | None = None


class FeedTasks:
    """``broken`` fails where a feed met what the shift cannot go on after."""

    def __init__(self, spec: ShiftSpec, worked: Worked) -> None:
        self.broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._spec = spec
        self._worked = worked
        self._tasks: dict[int, _FeedTask] = {}  # of each number the one at work
        self._left: list[_FeedTask] = []  # with nothing to watch any more
        self._own: list[_FeedTask] = []  # the account's, if it is wanted

    @property
    def watchlists(self) -> list[Watchlist]:
        """What each feed watches."""
        return [feed.watchlist for feed in self._tasks.values()]

    def listen_to_the_account(self) -> None:
        """Records the account's own channels, where they are wanted."""
        if self._spec.own is not None:
            self._own.append(self._start(OWN, ()))

    async def place(self, wanted: Sequence[Instrument]) -> None:
        """Watches these from now on, and nothing else."""
        before = {number: list(feed.watchlist.wanted.values()) for number, feed in self._tasks.items()}
        places = placed(before, wanted, self._spec.tokens)
        for number in self._tasks.keys() - places.keys():
            feed = self._tasks.pop(number)
            feed.stop.set()
            self._left.append(feed)
        for number, some in places.items():
            if number in self._tasks:
                self._tasks[number].watchlist.want(some)
                continue
            # Connections of one number follow each other.
            before_it = [feed.task for feed in self._left if feed.number == number and feed.task is not None]
            await asyncio.gather(*before_it, return_exceptions=True)
            self._tasks[number] = self._start(number, some)

    async def report(self) -> None:
        """Reports segments that were closed since the last call."""
        for feed in self._all:
            while feed.reported < len(feed.recorded.segments):
                path = feed.recorded.segments[feed.reported]
                feed.reported += 1
                await asyncio.to_thread(self._spec.closed, path)

    async def close(self, *, at_once: bool) -> list[Exception]:
        """Ends all feeds, ``at_once`` without waiting for what they still hold; what they could not do."""
        feeds = self._all
        tasks = [feed.task for feed in feeds if feed.task is not None]
        for feed in feeds:
            feed.stop.set()
        pending = set(tasks)
        if tasks and not at_once:
            _, pending = await asyncio.wait(tasks, timeout=DRAIN)
        for task in pending:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await self.report()
        for feed in feeds:
            self._worked.frames += feed.recorded.frames
            self._worked.connections += feed.recorded.connections
            self._worked.segments += feed.reported
        return [result for result in results if isinstance(result, Exception)]

    @property
    def probes(self) -> Counter[str]:
        """What REST books did to the books of connections that have ended."""
        return sum((feed.recorded.probes for feed in self._all), Counter())

    @property
    def _all(self) -> list[_FeedTask]:
        return [*self._tasks.values(), *self._left, *self._own]

    def _start(self, number: int, instruments: Sequence[Instrument]) -> _FeedTask:
        feed = _FeedTask(number, Watchlist(instruments))
        feed.task = asyncio.create_task(self._record(feed))
        feed.task.add_done_callback(self._ended)
        return feed

    def _feed(self, feed: _FeedTask) -> Feed:
        if feed.number == OWN and self._spec.own is not None:
            return self._spec.own()
        return self._spec.feed(feed.number, tuple(feed.watchlist.wanted.values()))

    async def _record(self, feed: _FeedTask) -> None:
        """One feed, as often as it takes: one that is refused ends none of the others."""
        spec = self._spec
        while True:
            try:
                await record(
                    *(self._feed(feed), spec.root),
                    listener=spec.listener,
                    epoch=spec.right.epoch,
                    stop=feed.stop,
                    policy=spec.policy,
                    pace=spec.pace,
                    recorded=feed.recorded,
                    watchlist=feed.watchlist,
                    fence=spec.right.check,
                    clock=spec.clock,
                )
            except EchelonError as error:
                if isinstance(error, Conflict) or feed.stop.is_set():
                    raise
                self._worked.refused[str(error)] = self._worked.refused.get(str(error), 0) + 1
                log.warning("%s, feed %d: %s; again in %g s", spec.listener, feed.number, error, spec.times.retry)
            if feed.stop.is_set():
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(spec.times.retry):
                    await feed.stop.wait()
                return

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What a feed cannot go on after, the shift cannot either."""
        if not task.cancelled() and (error := task.exception()) is not None and not self.broken.done():
            self.broken.set_exception(error)
