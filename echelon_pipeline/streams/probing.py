"""Asks for order books by REST while a shift records, and records the answers among the frames of the stream.

Belongs here: which books are asked for, when, and what happens to a request that fails. The format of the recorded
answers is ``venues/rest_books.py``, what an answer does to a book is ``books/``.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from weakref import WeakKeyDictionary

import pyarrow.compute as pc

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.clocks import MACHINE, Clock
from echelon_pipeline.errors import EchelonError
from echelon_pipeline.streams.segments import read
from echelon_pipeline.streams.watchlist import Watchlist
from echelon_pipeline.venues.feeds import BookSource
from echelon_pipeline.venues.live import tokens_of
from echelon_pipeline.venues.rest_books import MARK, RestBooks, wrapped

log = logging.getLogger(__name__)
LONGEST = 32  # after failures, times the usual time between two requests


class Rotation:
    """Chooses the books of the next request. Lost books get at most half of it; within the lost books and within all
    books, the one that was asked for longest ago comes first."""

    def __init__(self) -> None:
        self._lost: deque[str] = deque()
        self._all: deque[str] = deque()

    def take(self, watched: Mapping[str, Instrument], lost: Collection[str], most: int) -> list[str]:
        """Ladders to ask for, at most ``most``: of an instrument all or none."""
        found: dict[str, Instrument] = {}
        self._fill(found, self._lost, watched, lost, most // 2)
        self._fill(found, self._all, watched, watched, most)
        return tokens_of(found.values())

    @staticmethod
    def _fill(
        found: dict[str, Instrument],
        queue: deque[str],
        watched: Mapping[str, Instrument],
        names: Collection[str],
        most: int,
    ) -> None:
        room = most - len(tokens_of(found.values()))
        for _ in range(2):  # the rest of one round, and the begin of the next
            while queue:
                name = queue[0]
                if name in names and name not in found:
                    room -= len(watched[name].tokens)
                    if room < 0:
                        return
                    found[name] = watched[name]
                queue.popleft()
            queue.extend(names)


class Prober:
    """One listener's requests: one at a time, at least ``every`` seconds apart, whatever number of connections it has.

    ``counts``: requests, books asked for, requests that failed.
    """

    def __init__(
        self,
        listener: str,
        books: Callable[[], AbstractAsyncContextManager[BookSource]],
        every: float,
        watchlists: Callable[[], Sequence[Watchlist]],
        *,
        clock: Clock = MACHINE,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._listener = listener
        self._books = books
        self._every = every
        self._watchlists = watchlists
        self._clock = clock
        self._rotations: WeakKeyDictionary[Watchlist, Rotation] = WeakKeyDictionary()
        self._turns: deque[Watchlist] = deque()

    async def run(self) -> None:
        """Asks until it is cancelled. Returns where the venue has no such endpoint or the settings cannot be used."""
        try:
            async with self._books() as source:
                wait = self._every
                while True:
                    await self._clock.sleep(wait)
                    watchlist = self._next()
                    error = None if watchlist is None else await self._ask(source, watchlist)
                    if error is None:
                        wait = self._every
                    else:
                        pause = getattr(error, "retry_after", None) or 0.0
                        wait = max(pause, min(2 * wait, LONGEST * self._every))
        except EchelonError as error:
            log.warning("%s: books are not probed: %s", self._listener, error)

    def _next(self) -> Watchlist | None:
        """The connections take turns."""
        at_work = [
            watchlist
            for watchlist in self._watchlists()
            if watchlist.books is not None and watchlist.record is not None
        ]
        if not any(watchlist in self._turns for watchlist in at_work):
            self._turns = deque(at_work)
        while self._turns:
            watchlist = self._turns.popleft()
            if watchlist in at_work:
                return watchlist
        return None

    async def _ask(self, source: BookSource, watchlist: Watchlist) -> EchelonError | None:
        """One request. Returns its failure, which concerns no frame of the stream."""
        books = watchlist.books
        if books is None:
            return None
        rotation = self._rotations.setdefault(watchlist, Rotation())
        tokens = rotation.take(books.watched, books.lost, source.most)
        if not tokens:
            return None
        self.counts["requests"] += 1
        self.counts["asked"] += len(tokens)
        asked_at = self._clock.now()
        try:
            body = await source.ask(tokens)
        except EchelonError as error:
            self.counts["failed"] += 1
            log.info("%s: a probe failed: %s", self._listener, error)
            return error
        if watchlist.books is books and watchlist.record is not None:  # the connection is still the same
            watchlist.record(self._clock.now(), wrapped(RestBooks(source.endpoint, asked_at, body)))
        return None


def results(counts: Mapping[str, int]) -> Counter[str]:
    """What the rules made of REST books, from a machine's counts: by result, and books lost by them."""
    found = {name.removeprefix("probes_"): n for name, n in counts.items() if name.startswith("probes_")}
    return +Counter(found | {"lost": counts.get("lost_probe", 0)})


def rest_books_of(path: Path) -> int:
    """How many frames of a segment are answers with REST books."""
    mark = MARK.decode()
    return sum(pc.starts_with(block.frames.column("payload"), mark).true_count for block in read(path))


def summed(counts: Iterable[Counter[str]]) -> dict[str, int]:
    """All counts together, by name."""
    total: Counter[str] = Counter()
    for some in counts:
        total.update(some)
    return dict(sorted((+total).items()))
