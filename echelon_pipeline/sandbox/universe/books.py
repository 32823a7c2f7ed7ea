"""Order books of a generated universe: a pure function of (seed, instrument, time).

Belongs here: the ladder at a time, the times of its changes, the difference of two ladders. REST and WebSocket both use
it, so they agree at every time. Prices are 1e-4 dollars of outcome 0, sizes 1e-6; levels are best first.

An instrument's book changes in steps of its own length, which divides a minute. The size of the best level is drawn
again at every step, deeper levels in turn; some levels are missing. Sometimes the best level disappears for a few
steps, but never in the first second of a minute: there the quote is the quote of the minute, from which candles,
histories and trades are made.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from echelon_pipeline.sandbox.universe.book_faults import RESOLVE_US, BookFault, BookFaults
from echelon_pipeline.sandbox.universe.paths import ONE, bid_ask
from echelon_pipeline.sandbox.universe.randomness import bits_at
from echelon_pipeline.sandbox.universe.trades import FINE_TICK, ticks
from echelon_pipeline.sandbox.universe.universe import Venue

Levels = tuple[tuple[int, int], ...]
BID, ASK = 0, 1
MINUTE_US, SECOND_US = 60_000_000, 1_000_000
PACES = (1, 1, 1, 2, 2, 4, 10, 20)  # step lengths in units of the shortest one
_FINE_FROM = 993  # thousandths of the trading time: from there a price that ends at 0 or 1 is beyond 0.04 or 0.96
_PULL_STEPS = 4


@dataclass(frozen=True, slots=True)
class Book:
    """``tick``: tick size of the prices."""

    bids: Levels
    asks: Levels
    tick: int

    @property
    def best(self) -> tuple[int, int]:
        """Best bid and ask; (0, ONE) for empty sides."""
        return (self.bids[0][0] if self.bids else 0, self.asks[0][0] if self.asks else ONE)


@dataclass(frozen=True, slots=True)
class Change:
    """A level's sizes before and after; 0 is no level."""

    side: int
    price: int
    before: int
    after: int


def changes(old: Book, new: Book) -> list[Change]:
    """Levels that differ: first removed, then resized, then added levels, so that no state in between is crossed."""
    differences: list[Change] = []
    for side, before, after in ((BID, old.bids, new.bids), (ASK, old.asks, new.asks)):
        was, will = dict(before), dict(after)
        differences += [
            Change(side, price, was.get(price, 0), will.get(price, 0))
            for price in was.keys() | will.keys()
            if was.get(price) != will.get(price)
        ]
    return sorted(differences, key=lambda c: ((c.before == 0) - (c.after == 0), c.side, c.price))


class Books:
    """Books of one venue. ``has_book``: False for instruments that never trade. ``has_only_asks``: no bids."""

    def __init__(
        self,
        venue: Venue,
        *,
        has_book: Callable[[int], bool] = lambda _: True,
        has_only_asks: Callable[[int], bool] = lambda _: False,
        refines: bool = False,
        base_ms: int = 500,
    ) -> None:
        self.venue, self.faults = venue, BookFaults()
        self._has_book, self._has_only_asks, self._refines = has_book, has_only_asks, refines
        self._base_ms = base_ms
        self.max_steps = 1_200  # ten minutes of the fastest books
        self._middle = lru_cache(maxsize=20_000)(lambda i, minute: venue.mid(i, minute * 60))
        self.at = lru_cache(maxsize=4_000)(self._at)
        self._size = lru_cache(maxsize=200_000)(self._drawn_size)

    def add_fault(self, add_fault: BookFault) -> None:
        """Adds a fault; it must begin after every time that was served."""
        self.faults.add(add_fault)
        self.at.cache_clear()

    # --- times

    def pace(self, i: int) -> int:
        """Microseconds between two steps of a book."""
        pace = self._base_ms * PACES[self.venue.bits(i, 12) % len(PACES)] * 1000
        return pace if MINUTE_US % pace == 0 else self._base_ms * 1000

    def opens(self, i: int) -> int:
        return self.venue.columns["opens"][i] * SECOND_US

    def closes(self, i: int) -> int:
        """The end of trading, early or not."""
        return min(self.venue.columns["closes"][i] * SECOND_US, self.faults.since(i, "resolve"))

    def settles(self, i: int) -> tuple[int, int]:
        """The times of determination and settlement."""
        c, early = self.venue.columns, self.faults.since(i, "resolve")
        return (
            min(c["determined"][i] * SECOND_US, early + RESOLVE_US),
            min(c["settled"][i] * SECOND_US, early + 2 * RESOLVE_US),
        )

    def is_open(self, i: int, us: int) -> bool:
        return self.opens(i) <= us < self.closes(i) and self._has_book(i)

    def fine_from(self, i: int) -> int:
        """The time from which the tick is finer; FOREVER if there is none."""
        c, injected = self.venue.columns, self.faults.since(i, "tick_change")
        if not self._refines or c["final"][i] not in (0, ONE):
            return injected
        return min(injected, (c["opens"][i] + (c["closes"][i] - c["opens"][i]) * _FINE_FROM // 1000) * SECOND_US)

    def tick(self, i: int, us: int) -> int:
        native = ticks(self.venue.grid(i))
        return FINE_TICK if us >= self.fine_from(i) else native

    def edges(self, i: int, after: int, until: int) -> list[int]:
        """Times in (after, until] at which the book may change; at most ``max_steps`` steps, the last one included."""
        opens, closes, pace = self.opens(i), self.closes(i), self.pace(i)
        times = {at for at in (opens, closes, self.fine_from(i)) if after < at <= until}
        times |= self.faults.edges(i, after, until)
        first, last = max(after, opens) // pace + 1, min(until, closes - 1) // pace
        if last >= first and self._has_book(i):
            stride = -(-(last - first + 1) // self.max_steps)
            times |= {step * pace for step in range(last, first - 1, -stride)}
        return sorted(at for at in times if at <= closes)

    def touched(self, i: int, us: int) -> int:
        """The time of the last change of the book or its last trade price."""
        if not self.is_open(i, us):
            return us
        pace = self.pace(i)
        faults = [at for m in self.faults.of(i) for at in (m.since, m.until) if at <= us]
        fine = self.fine_from(i)
        trade = self._last_trade(i, us)
        return max(us // pace * pace, self.opens(i), trade, fine if fine <= us else 0, *faults)

    def _last_trade(self, i: int, us: int) -> int:
        table = self.venue.trades
        low, high = table.offset[i], table.offset[i + 1]
        at = bisect_right(table.by_inst, us, low, high, key=lambda n: table.t[n])
        return table.t[table.by_inst[at - 1]] if at > low else 0

    # --- levels

    def quote(self, i: int, us: int) -> tuple[int, int]:
        """Best bid and ask; (0, ONE) for empty sides."""
        if not self.is_open(i, us):
            return 0, ONE
        grid = self.venue.grid(i)
        tick = ticks(grid)  # the path's tick: a finer tick only adds levels behind the best ones
        bid, ask = bid_ask(self._middle(i, us // MINUTE_US), tick, 1 + grid // 8 % 4)
        pace = self.pace(i)
        step = us // pace
        if step * pace % MINUTE_US >= SECOND_US:
            bid -= tick * (bits_at(grid + 5, step // _PULL_STEPS) % 8 == 0)
            ask += tick * (bits_at(grid + 6, step // _PULL_STEPS) % 8 == 0)
        no_bids, no_asks = self.faults.emptied(i, us)
        no_bids = no_bids or self._has_only_asks(i)
        return (0 if no_bids else max(bid, 0)), (ONE if no_asks else min(ask, ONE))

    def top_sizes(self, i: int, us: int) -> tuple[int, int]:
        """Sizes of the best levels; 0 if there is none."""
        (bid, ask), step = self.quote(i, us), us // self.pace(i)
        return self._size(i, bid, step) if bid else 0, self._size(i, ask, step) if ask < ONE else 0

    def _at(self, i: int, us: int) -> Book:
        """The book at a time (``at`` caches it)."""
        tick, (bid, ask) = self.tick(i, us), self.quote(i, us)
        rungs = (4 if self.venue.name == "kalshi" else 5) + self.venue.bits(i, 6) % 24
        step = us // self.pace(i)
        down = range(bid, max(bid - rungs * tick, 0), -tick) if bid else range(0)
        up = range(ask, min(ask + rungs * tick, ONE), tick) if ask < ONE else range(0)
        return Book(self._ladder(i, down, step, rungs, tick), self._ladder(i, up, step, rungs, tick), tick)

    def _ladder(self, i: int, prices: range, step: int, rungs: int, tick: int) -> Levels:
        levels = []
        for place, price in enumerate(prices):
            turn = step if place == 0 else (step + price // tick) // rungs
            size = self._size(i, price, turn)
            if place == 0 or size % 7:  # one level in seven is missing
                levels.append((price, size))
        return tuple(levels)

    def _drawn_size(self, i: int, price: int, turn: int) -> int:
        bits = bits_at(bits_at(self.venue.grid(i), price + 20_000), turn)
        whole = 1 + bits % 4_000 if self.venue.name == "kalshi" else 5 + bits % 2_000 * (1 + bits // 4096 % 20)
        return whole * 1_000_000 + (bits // 2**14 % 100 * 10_000 if bits % 3 == 0 else 0)
