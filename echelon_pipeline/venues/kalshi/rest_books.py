"""Kalshi's REST books: many tickers per request, bids of both sides, no time.

Belongs here: the request and the meaning of its answer (reference/kalshi 3.8). A book without a time can prove a book
of the stream, and never replaces one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import msgspec

from echelon_pipeline.books.events import Level, Message, Snapshot, Unreadable
from echelon_pipeline.domain.scaled import ONE
from echelon_pipeline.venues.frames import UNREADABLE, Name, ladder, level, reason

if TYPE_CHECKING:
    from echelon_pipeline.venues.kalshi.client import KalshiClient

Pairs = list[tuple[str, str]] | None


class _Sides(msgspec.Struct):
    yes_dollars: Pairs = None
    no_dollars: Pairs = None


class _Book(msgspec.Struct):
    ticker: Name
    orderbook_fp: _Sides


class _Books(msgspec.Struct):
    orderbooks: list[_Book]


class KalshiBooks:
    """The endpoint over one client."""

    most: ClassVar[int] = 100
    endpoint: ClassVar[str] = "/markets/orderbooks"

    def __init__(self, client: KalshiClient) -> None:
        self._client = client

    async def ask(self, tokens: Sequence[str]) -> bytes:
        return await self._client.orderbooks(tokens)


_BOOKS = msgspec.json.Decoder(_Books).decode


def read_books(body: bytes) -> Message:
    """One answer of ``GET /markets/orderbooks``; null is an empty side."""
    try:
        return Message(tuple([_snapshot(book) for book in _BOOKS(body).orderbooks]))
    except UNREADABLE as error:
        return Message((Unreadable(body, reason(error), affects_book=False),))


def _snapshot(book: _Book) -> Snapshot:
    yes, no = _levels(book.orderbook_fp.yes_dollars), _levels(book.orderbook_fp.no_dollars)
    return Snapshot(book.ticker, yes, tuple([(ONE - price, size) for price, size in no]), rest=True)


def _levels(pairs: Pairs) -> tuple[Level, ...]:
    return ladder([level(price, size) for price, size in pairs or []])
