"""The exact ladder of one instrument: sizes by price, best first on both sides.

Belongs here: levels and their sums; no states, no times. A ladder never guesses: an impossible change is refused and
changes nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from echelon_pipeline.books.events import Level, Side
from echelon_pipeline.domain.scaled import ONE


class Ladder:
    """Bids and asks of one instrument, on the price axis of its outcome 0."""

    __slots__ = ("_prices", "depth", "sizes")

    def __init__(self) -> None:
        self.sizes: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.depth = [0, 0]
        self._prices: tuple[list[int], list[int]] = ([], [])  # ascending

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replaces all levels."""
        self.sizes = (dict(bids), dict(asks))
        self.depth = [sum(side.values()) for side in self.sizes]
        self._prices = (sorted(self.sizes[Side.BID]), sorted(self.sizes[Side.ASK]))

    def put(self, side: Side, price: int, size: int) -> bool:
        """Sets the size of a level; 0 removes it. False: there was no level to remove."""
        sizes, prices = self.sizes[side], self._prices[side]
        old = sizes.get(price)
        if size:
            if old is None:
                insort(prices, price)
            sizes[price] = size
        elif old is None:
            return False
        else:
            del sizes[price]
            del prices[bisect_left(prices, price)]
        self.depth[side] += size - (old or 0)
        return True

    def add(self, side: Side, price: int, delta: int) -> bool:
        """Adds to the size of a level. False, and no change, if the size would fall below zero."""
        size = self.sizes[side].get(price, 0) + delta
        if size < 0:
            return False
        if delta:
            self.put(side, price, size)
        return True

    @property
    def bid(self) -> int | None:
        """The best bid."""
        prices = self._prices[Side.BID]
        return prices[-1] if prices else None

    @property
    def ask(self) -> int | None:
        """The best ask."""
        prices = self._prices[Side.ASK]
        return prices[0] if prices else None

    @property
    def crossed(self) -> bool:
        """Whether the best bid reaches the best ask: such a book would have traded."""
        bids, asks = self._prices
        return bool(bids and asks and bids[-1] >= asks[0])

    @property
    def empty(self) -> bool:
        """Whether neither side has a level."""
        return not (self._prices[0] or self._prices[1])

    def top(self, side: Side, count: int | None = None) -> tuple[Level, ...]:
        """The best levels, best first; all of them without ``count``."""
        prices, sizes = self._prices[side], self.sizes[side]
        if side == Side.ASK:
            best = prices if count is None else prices[:count]
        else:
            best = prices[::-1] if count is None else prices[: -count - 1 : -1]
        return tuple([(price, sizes[price]) for price in best])


def mirrored(side: Side, price: int) -> tuple[Side, int]:
    """The same level on the other outcome's ladder: a bid of P for one is an ask of 1 - P for the other."""
    return Side(1 - side), ONE - price
