"""Both venues of a generated universe under one clock; REST and WebSocket share it.

Belongs here: finding an instrument by its id, and its true order book. The venues' ``views`` modules make the objects.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from echelon_pipeline.sandbox.kalshi.views import KalshiViews
from echelon_pipeline.sandbox.polymarket.clob_views import ClobViews
from echelon_pipeline.sandbox.polymarket.state import PolymarketState
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.wire import iso_us, plain
from echelon_pipeline.sandbox.universe.account import Account
from echelon_pipeline.sandbox.universe.books import Books, Levels
from echelon_pipeline.sandbox.universe.universe import Universe

Obj = dict[str, Any]


class World:
    """``books`` by venue name. ``account``: the sandbox's own account, the only one with orders."""

    def __init__(self, universe: Universe, clock: SandboxClock) -> None:
        self.universe, self.clock = universe, clock
        self.account = Account(universe.digests)
        self.kalshi = KalshiViews(universe)
        self.polymarket = PolymarketState(universe)
        self.clob = ClobViews(self.polymarket)
        self.instrument = lru_cache(maxsize=20_000)(self._instrument)
        self.books: dict[str, Books] = {"kalshi": self.kalshi.books, "polymarket": self.polymarket.books}

    def find(self, instrument: str) -> tuple[str, int] | None:
        """Venue and row of ``<venue>:<native id>``; a Polymarket token is accepted for its condition."""
        venue, _, native = instrument.partition(":")
        if venue == "kalshi":
            row = self.kalshi.names.find(native)
        elif venue == "polymarket":
            token = self.polymarket.names.find_token(native)
            row = token[0] if token else self.polymarket.names.find_condition(native)
        else:
            return None
        return None if row is None else (venue, row)

    def _instrument(self, venue: str, row: int) -> str:
        """The id that ``find`` reads."""
        native = self.kalshi.market_ticker(row) if venue == "kalshi" else self.polymarket.names.condition(row)
        return f"{venue}:{native}"

    def book(self, venue: str, row: int, us: int) -> Obj:
        """The true book of outcome 0, best levels first."""
        books = self.books[venue]
        book = books.at(row, us)
        return {
            "instrument": self.instrument(venue, row),
            "at_us": us,
            "at": iso_us(us),
            "is_open": books.is_open(row, us),
            "tick": plain(book.tick, 4),
            "bids": _text(book.bids),
            "asks": _text(book.asks),
        }


def _text(levels: Levels) -> list[list[str]]:
    return [[plain(price, 4), plain(size, 6)] for price, size in levels]
