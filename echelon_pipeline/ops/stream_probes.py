"""Asking each venue's stream whether it opens and answers.

Belongs here: findings about streams for ``doctor.py``. One connection per venue, no retries.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from echelon_pipeline.errors import BadSettings, EchelonError, Unauthorized
from echelon_pipeline.ops.venue_probes import PROBE_TIMEOUT_SECONDS, Finding, Level
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.kalshi import live as kalshi
from echelon_pipeline.venues.kalshi.auth import Signer
from echelon_pipeline.venues.polymarket import live as polymarket
from echelon_pipeline.venues.ws import Headers, WsMetrics, WsPolicy, opened


def probe_streams(settings: Settings) -> Iterator[Finding]:
    """Kalshi's, which wants a key, and Polymarket's."""
    yield _kalshi(settings)
    yield _ask("polymarket stream", settings, settings.polymarket_ws_url, "PING", "POLYMARKET_WS_URL")


def _kalshi(settings: Settings) -> Finding:
    name = f"{kalshi.VENUE} stream"
    try:
        signer = Signer.of(settings)
    except BadSettings as error:
        return Finding(Level.FAIL, name, str(error), "Correct the key; docs/settings.md lists its variables.")
    if signer is None:
        advice = "Set KALSHI_API_KEY, and KALSHI_PRIVATE_KEY or _PATH, to record Kalshi's order books."
        return Finding(Level.WARN, name, "no key is set, and even public channels want one", advice)
    url = settings.kalshi_stream_url
    question = {"id": 1, "cmd": "list_subscriptions"}
    return _ask(name, settings, url, question, "KALSHI_WS_URL", kalshi.signed(signer, url))


def _ask(
    name: str, settings: Settings, url: str, question: object, variable: str, headers: Headers | None = None
) -> Finding:
    """Any answer will do: it was let in, and somebody is there."""
    begun = time.monotonic()
    try:
        asyncio.run(asyncio.wait_for(_answer(name, settings, url, question, headers), PROBE_TIMEOUT_SECONDS))
    except Unauthorized as error:
        return Finding(Level.FAIL, name, str(error), "Check the key, its permissions and this machine's clock.")
    except (EchelonError, TimeoutError) as error:
        text = str(error) or f"no answer in {PROBE_TIMEOUT_SECONDS:.0f} s"
        return Finding(Level.FAIL, name, text, f"Check network and proxy, or where {variable} points.")
    took = (time.monotonic() - begun) * 1000
    return Finding(Level.OK, name, f"{urlsplit(url).hostname}: opens and answers, {took:.0f} ms")


async def _answer(name: str, settings: Settings, url: str, question: object, headers: Headers | None) -> None:
    policy = WsPolicy.of(settings)
    async with opened(
        url,
        name=name.removesuffix(" stream"),
        policy=policy,
        metrics=WsMetrics(),
        headers=headers,
        keepalive=polymarket.KEEPALIVE,
    ) as wire:
        await wire.send(question)
        async for _ in wire.frames():
            return
