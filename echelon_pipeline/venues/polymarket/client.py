"""Polymarket's public reads: Gamma, CLOB and Data API with one policy from the settings.

Belongs here: bases, rates and the life of the connections. The endpoints are in ``gamma.py``, ``clob.py``
and ``data.py``. No credentials: everything here is public.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import httpx

from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.http import Metrics, Policy, VenueHttp
from echelon_pipeline.venues.polymarket.answers import Host
from echelon_pipeline.venues.polymarket.clob import Clob
from echelon_pipeline.venues.polymarket.data import Data
from echelon_pipeline.venues.polymarket.gamma import Gamma


class PolymarketClient:
    """Async context manager over three hosts: ``gamma``, ``clob``, ``data``.

    Limits are per address, not per process: hold the venue's pool around it. Errors are those of
    ``VenueHttp``, plus SchemaDrift for a missing shape and PagingStuck for a walk in circles.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        policy = Policy.of(settings)

        def http(name: str, base: str, rate: float) -> VenueHttp:
            rates = {"default": rate * settings.rate_scale}
            return VenueHttp(base, policy=policy, rates=rates, name=name, transport=transport, sleep=sleep)

        self._hosts = (
            http("polymarket gamma", settings.polymarket_gamma_url, settings.gamma_rps),
            http("polymarket clob", settings.polymarket_api_url, settings.clob_rps),
            http("polymarket data", settings.polymarket_data_url, settings.data_rps),
        )
        gamma, clob, data = (Host(host, settings.clock) for host in self._hosts)
        self.gamma = Gamma(gamma)
        self.clob = Clob(clob)
        self.data = Data(data)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for host in self._hosts:
            await self._stack.enter_async_context(host)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def metrics(self) -> Metrics:
        """What the three hosts did so far, added up."""
        total = Metrics()
        for host in self._hosts:
            total.requests.update(host.metrics.requests)
            total.outcomes.update(host.metrics.outcomes)
            total.retries += host.metrics.retries
            total.bytes += host.metrics.bytes
            total.waited += host.metrics.waited
        return total
