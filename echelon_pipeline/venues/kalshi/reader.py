"""Requests pages from Kalshi: connection, rates, walks, the signed retry of a book.

Belongs here: how an endpoint is requested. ``client.py`` and ``feeds.py`` list the endpoints.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from echelon_pipeline.errors import Unauthorized
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.http import Metrics, Policy, Query, VenueHttp
from echelon_pipeline.venues.kalshi.answers import listed, request_text
from echelon_pipeline.venues.kalshi.auth import Signer
from echelon_pipeline.venues.page import Page
from echelon_pipeline.venues.walk import Read, walk


class Reader:
    """One connection to Kalshi's REST host, as an async context manager."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        policy = Policy.of(settings, pause=settings.kalshi_sleep_secs)
        base, rates = settings.kalshi_rest, {"default": settings.kalshi_rps * settings.rate_scale}
        self._http = VenueHttp(base, policy=policy, rates=rates, name="kalshi", transport=transport, sleep=sleep)
        self._root = urlsplit(base).path.rstrip("/")
        self._settings = settings
        self._clock = settings.clock
        self._signs = False

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    @property
    def metrics(self) -> Metrics:
        """The client's counts so far."""
        return self._http.metrics

    async def _ask(self, endpoint: str, path: str, params: Query, read: Read, *, number: int = 0) -> Page:
        """The page of one answer."""
        body = await self._plain(endpoint, path, params)
        objects, _ = read(body)
        return Page(endpoint, request_text(path, params), number, self._clock(), tuple(objects))

    async def _pages(
        self,
        endpoint: str,
        path: str,
        params: Query,
        name: str,
        key: str,
        context: Mapping[str, object] | None = None,
    ) -> AsyncIterator[Page]:
        """A walk over ``{name: [...], cursor}``; the filters go with every cursor."""

        async def ask(cursor: str | None) -> tuple[str, bytes]:
            full = params if cursor is None else [*params, ("cursor", cursor)]
            return request_text(path, full), await self._plain(endpoint, path, full)

        async for page in walk(endpoint, ask, listed(name, key, path, context), clock=self._clock):
            yield page

    async def _plain(self, endpoint: str, path: str, params: Query) -> bytes:
        return await self._http.get(path, params, group=endpoint)

    async def _book(self, endpoint: str, path: str, params: Query) -> bytes:
        """Unsigned first: the documentation and the specification differ on whether books want a key
        (reference/kalshi section 1). Once a key was wanted, every later book is signed at once."""
        if not self._signs:
            try:
                return await self._plain(endpoint, path, params)
            except Unauthorized:
                if Signer.of(self._settings) is None:
                    raise
                self._signs = True
        signer = Signer.of(self._settings)
        if signer is None:
            raise Unauthorized(f"kalshi {path}: the key is no longer configured")
        return await self._http.get(
            path, params, group=endpoint, headers=lambda: signer.headers("GET", self._root + path)
        )
