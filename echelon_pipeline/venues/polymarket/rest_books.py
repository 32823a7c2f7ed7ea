"""Polymarket's REST books: many tokens per request. What an answer means is in ``stream.read_books``.

Belongs here: the request (reference/polymarket 2.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from echelon_pipeline.venues.polymarket.client import PolymarketClient
from echelon_pipeline.venues.polymarket.clob import BOOKS_TOKENS


class PolymarketBooks:
    """The endpoint over one client."""

    most: ClassVar[int] = BOOKS_TOKENS
    endpoint: ClassVar[str] = "/books"

    def __init__(self, client: PolymarketClient) -> None:
        self._client = client

    async def ask(self, tokens: Sequence[str]) -> bytes:
        return await self._client.clob.books(tokens)
