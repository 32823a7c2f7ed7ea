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
from echelon_pipeline.streams.watchlist import Roster
from echelon_pipeline.venues.live import OWN, Feed, placed

log = logging.getLogger(__name__)
DRAIN = 4.0  # seconds for connections to end by themselves: a shift stops within 5 s of the request


@dataclass
class _Line:
    """One feed. ``reported``: how many of its closed segments were reported."""

    number: int
    roster: Roster
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    recorded: Recorded = field(default_factory=Recorded)
    reported: int = 0
    task: asyncio.Task[None] | None = None


class Lines:
    """``broken`` fails where a feed met what the shift cannot go on after."""

    def __init__(self, spec: ShiftSpec, worked: Worked) -> None:
        self.broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._spec = spec
        self._worked = worked
        self._lines: dict[int, _Line] = {}  # of each number the one at work
        self._left: list[_Line] = []  # with nothing to watch any more
        self._own: list[_Line] = []  # the account's, if it is wanted

    @property
    def rosters(self) -> list[Roster]:
        """What each feed watches."""
        return [line.roster for line in self._lines.values()]

    def listen_to_the_account(self) -> None:
        """Records the account's own channels, where they are wanted."""
        if self._spec.own is not None:
            self._own.append(self._begun(OWN, ()))

    async def place(self, wanted: Sequence[Instrument]) -> None:
        """Watches these from now on, and nothing else."""
        before = {number: list(line.roster.wanted.values()) for number, line in self._lines.items()}
        places = placed(before, wanted, self._spec.tokens)
        for number in self._lines.keys() - places.keys():
            line = self._lines.pop(number)
            line.stop.set()
            self._left.append(line)
        for number, some in places.items():
            if number in self._lines:
                self._lines[number].roster.want(some)
                continue
            # Connections of one number follow each other.
            before_it = [line.task for line in self._left if line.number == number and line.task is not None]
            await asyncio.gather(*before_it, return_exceptions=True)
            self._lines[number] = self._begun(number, some)

    async def report(self) -> None:
        """Tells of segments that were closed since the last call."""
        for line in self._all:
            while line.reported < len(line.recorded.segments):
                path = line.recorded.segments[line.reported]
                line.reported += 1
                await asyncio.to_thread(self._spec.closed, path)

    async def close(self, *, at_once: bool) -> list[Exception]:
        """Ends all feeds, ``at_once`` without waiting for what they still hold; what they could not do."""
        lines = self._all
        tasks = [line.task for line in lines if line.task is not None]
        for line in lines:
            line.stop.set()
        pending = set(tasks)
        if tasks and not at_once:
            _, pending = await asyncio.wait(tasks, timeout=DRAIN)
        for task in pending:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await self.report()
        for line in lines:
            self._worked.frames += line.recorded.frames
            self._worked.connections += line.recorded.connections
            self._worked.segments += line.reported
        return [result for result in results if isinstance(result, Exception)]

    @property
    def probes(self) -> Counter[str]:
        """What REST books did to the books of connections that have ended."""
        return sum((line.recorded.probes for line in self._all), Counter())

    @property
    def _all(self) -> list[_Line]:
        return [*self._lines.values(), *self._left, *self._own]

    def _begun(self, number: int, instruments: Sequence[Instrument]) -> _Line:
        line = _Line(number, Roster(instruments))
        line.task = asyncio.create_task(self._record(line))
        line.task.add_done_callback(self._ended)
        return line

    def _feed(self, line: _Line) -> Feed:
        if line.number == OWN and self._spec.own is not None:
            return self._spec.own()
        return self._spec.feed(line.number, tuple(line.roster.wanted.values()))

    async def _record(self, line: _Line) -> None:
        """One feed, as often as it takes: one that is refused ends none of the others."""
        spec = self._spec
        while True:
            try:
                await record(
                    *(self._feed(line), spec.root),
                    listener=spec.listener,
                    epoch=spec.right.epoch,
                    stop=line.stop,
                    policy=spec.policy,
                    pace=spec.pace,
                    recorded=line.recorded,
                    roster=line.roster,
                    fence=spec.right.check,
                )
            except EchelonError as error:
                if isinstance(error, Conflict) or line.stop.is_set():
                    raise
                self._worked.refused[str(error)] = self._worked.refused.get(str(error), 0) + 1
                log.warning("%s, feed %d: %s; again in %g s", spec.listener, line.number, error, spec.times.retry)
            if line.stop.is_set():
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(spec.times.retry):
                    await line.stop.wait()
                return

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What a feed cannot go on after, the shift cannot either."""
        if not task.cancelled() and (error := task.exception()) is not None and not self.broken.done():
            self.broken.set_exception(error)
