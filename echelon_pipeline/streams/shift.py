"""One shift of one listener: it chooses instruments, records them, sends their latest states, and hands on.

Belongs here: the concurrent tasks of a shift, and how it ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from echelon_pipeline.errors import Conflict, DatabaseUnavailable, EchelonError
from echelon_pipeline.streams.feed_tasks import FeedTasks
from echelon_pipeline.streams.latest_states import LatestStates
from echelon_pipeline.streams.probing import Prober, summed
from echelon_pipeline.streams.segments import left_open, recover
from echelon_pipeline.streams.shift_spec import ShiftSpec, Worked
from echelon_pipeline.streams.watchlist import Watchlist

log = logging.getLogger(__name__)


async def work(spec: ShiftSpec, stop: asyncio.Event) -> Worked:
    """Works until the shift is over, ``stop`` is set or the listener is paused or removed.

    Then all frames are durable and every segment is closed. Raises Conflict at once if the lease was lost: frames that
    are not durable by then are not written. Raises DiskFull at the end.
    """
    return await _Shift(spec, stop).run()


class _Shift:
    def __init__(self, spec: ShiftSpec, stop: asyncio.Event) -> None:
        self._spec = spec
        self._stop = stop
        self._overlapping = True  # until the shift before has ended, and what it left open is closed
        self._handed_over = False
        self._states = LatestStates(spec.listener, spec.times.emit_again)
        self._worked = Worked(spec.right.epoch)
        self._feeds = FeedTasks(spec, self._worked)
        self._prober: Prober | None = None
        if spec.books is not None and spec.times.probe:
            self._prober = Prober(
                spec.listener, spec.books, spec.times.probe, lambda: self._feeds.watchlists, clock=spec.clock
            )

    async def run(self) -> Worked:
        log.info("%s: shift %d begins", self._spec.listener, self._worked.epoch)
        self._feeds.listen_to_the_account()
        ways = (
            *(self._stopped(), self._over(), self._unwanted()),
            *(self._choosing(), self._emitting(), self._reporting(), self._probing()),
        )
        tasks: list[asyncio.Future[str]] = [*map(asyncio.create_task, ways), self._feeds.broken]
        is_lost = False
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._worked.ended = await task
        except Conflict:
            is_lost = True
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            errors = await self._feeds.close(at_once=is_lost)
            self._worked.probes = summed([self._prober.counts, self._feeds.probes] if self._prober else [])
            if not is_lost:
                await self._leave()
        if errors:
            raise errors[0]
        return self._worked

    # --- what ends a shift

    async def _stopped(self) -> str:
        await self._stop.wait()
        return "stopped"

    async def _over(self) -> str:
        times = self._spec.times
        overlap = min(times.overlap, times.shift / 2)
        await self._spec.clock.sleep(times.shift - overlap)
        # It is not renewed: it lasts for what is left, and for closing.
        self._handed_over = await asyncio.to_thread(self._spec.right.hand_over, overlap + times.lease)
        await self._spec.clock.sleep(overlap)
        return "over"

    async def _unwanted(self) -> str:
        """Renews the lease until the shift ends. Where the state database cannot be reached for longer than a lease
        lasts, the fence says so."""
        while True:
            try:
                await asyncio.to_thread(self._spec.right.renew)
                if self._overlapping:
                    self._overlapping = not await asyncio.to_thread(self._recover)
                if not await asyncio.to_thread(self._spec.is_wanted):
                    return "unwanted"
            except Conflict:
                raise
            except EchelonError as error:  # no state database, or no room for what is to be closed
                log.warning("%s: %s", self._spec.listener, error)
            await asyncio.sleep(self._spec.times.lease / 3)

    def _recover(self) -> bool:
        """Closes what earlier shifts left open, as soon as none of them records any more."""
        if self._spec.right.is_overlapping():
            return False
        for path in left_open(self._spec.root, self._spec.listener, before=self._spec.right.epoch):
            closed = recover(path)
            if closed is not None:
                self._worked.recovered += 1
                self._spec.closed(closed)
        return True

    # --- what goes on meanwhile

    async def _choosing(self) -> str:
        while True:
            if not self._handed_over:  # else it is the successor who chooses
                try:
                    found = await asyncio.to_thread(self._spec.discover)
                except EchelonError as error:
                    log.warning("%s: what to watch stays as it is: %s", self._spec.listener, error)
                else:
                    if found is None:
                        return "unwanted"
                    await self._feeds.place(found)
            await asyncio.sleep(self._spec.times.discover)

    async def _emitting(self) -> str:
        while True:
            await asyncio.sleep(self._spec.times.emit)
            await self._emit(self._feeds.watchlists)

    async def _emit(self, watchlists: Sequence[Watchlist]) -> None:
        now = self._spec.clock.now()
        rows = self._states.changed(watchlists, now, overlapping=self._overlapping)
        if not rows:
            return
        try:
            await asyncio.to_thread(self._spec.emit, rows)
        except EchelonError as error:
            log.warning("%s: latest states are sent later: %s", self._spec.listener, error)
        else:
            self._states.mark_sent(rows, now)
            self._worked.emitted += len(rows)

    async def _reporting(self) -> str:
        while True:
            await asyncio.sleep(1.0)
            await self._feeds.report()

    async def _probing(self) -> str:
        if self._prober is not None:
            await self._prober.run()
        return await asyncio.Future()  # a shift does not end with its probes

    async def _leave(self) -> None:
        """Marks the books as not watched, unless a successor watches them, and frees the lease."""
        try:
            await asyncio.to_thread(self._spec.right.release)
        except DatabaseUnavailable as error:
            log.warning("%s: its lease will expire: %s", self._spec.listener, error)
        if not self._handed_over:
            await self._emit([])
