"""The state of an instrument at a time, shared by Gamma, CLOB, Data API and WebSocket.

Belongs here: listing, trading, settlement, quotes. The ``views`` modules make the objects.
"""

from __future__ import annotations

from echelon_pipeline.sandbox.universe.books import Books
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.names import PolymarketNames
from echelon_pipeline.sandbox.universe.paths import ONE
from echelon_pipeline.sandbox.universe.universe import Universe


class PolymarketState:
    """Listing, trading, settlement and quotes of instruments."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self.venue = universe.polymarket
        self.names = PolymarketNames(universe)
        self.books = Books(universe.polymarket, has_book=self.has_book, refines=True, base_ms=universe.options.book_ms)

    def listed(self, i: int, now: int) -> bool:
        """Whether Gamma and the CLOB list it; combos are not listed."""
        return self.venue.columns["created"][i] <= now and i < self.venue.ordinary

    def trading(self, i: int, now: int) -> bool:
        return self.books.is_open(i, now * 1_000_000)

    def settled(self, i: int, now: int) -> bool:
        return now * 1_000_000 >= self.books.settles(i)[1]

    def has_book(self, i: int) -> bool:
        """Whether there is an order book; markets with three outcomes have none."""
        return len(self.names.outcomes(i)) == 2

    def tick(self, i: int, now: int) -> int:
        return self.books.tick(i, now * 1_000_000)

    def quote(self, i: int, at: int) -> tuple[int, int]:
        """Best bid and ask of outcome 0; (0, ONE) for empty sides."""
        return self.books.quote(i, at * 1_000_000)

    def middle(self, i: int, at: int) -> int:
        """The CLOB's midpoint in 1e-5 dollars; the payout after settlement."""
        if self.settled(i, at):
            return self.venue.columns["final"][i] * 10
        bid, ask = self.quote(i, at)
        return (bid + ask) * 5 if ask < ONE or bid else self.venue.mid(i, at) * 10

    def uma(self, i: int, now: int) -> str | None:
        """UMA's status; None before the first proposal."""
        c = self.venue.columns
        if now < c["closes"][i] + 60:
            return None
        if now >= c["settled"][i]:
            return "resolved"
        disputed = now >= c["determined"][i] and c["settled"][i] - c["determined"][i] > DAY
        return "disputed" if disputed else "proposed"
