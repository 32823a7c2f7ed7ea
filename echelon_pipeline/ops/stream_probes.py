"""Checks that each venue's stream opens and answers.

Belongs here: findings about streams for ``doctor.py``. One connection per venue, without retries.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from echelon_pipeline.errors import BadSettings, EchelonError, Unauthorized
from echelon_pipeline.ops.venue_probes import PROBE_TIMEOUT_SECONDS, Finding, Level
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.base import StreamProbe
from echelon_pipeline.venues.registry import REGISTRY
from echelon_pipeline.venues.ws import WsMetrics, WsPolicy, opened


def probe_streams(settings: Settings) -> Iterator[Finding]:
    """One connection to each venue's stream."""
    for venue in REGISTRY.values():
        name = f"{venue.name} stream"
        try:
            probe = venue.stream.probe(settings)
        except BadSettings as error:
            yield Finding(Level.FAIL, name, str(error), "Correct the key; docs/settings.md lists its variables.")
            continue
        if probe.lacks is not None:
            yield Finding(Level.WARN, name, *probe.lacks)
        else:
            yield _ask(name, settings, probe)


def _ask(name: str, settings: Settings, probe: StreamProbe) -> Finding:
    """Any answer is enough: it shows that the handshake was accepted and that the stream works."""
    begun = time.monotonic()
    try:
        asyncio.run(asyncio.wait_for(_answer(settings, probe), PROBE_TIMEOUT_SECONDS))
    except Unauthorized as error:
        return Finding(Level.FAIL, name, str(error), "Check the key, its permissions and this machine's clock.")
    except (EchelonError, TimeoutError) as error:
        text = str(error) or f"no answer in {PROBE_TIMEOUT_SECONDS:.0f} s"
        return Finding(Level.FAIL, name, text, f"Check network and proxy, or where {probe.variable} points.")
    took = (time.monotonic() - begun) * 1000
    return Finding(Level.OK, name, f"{urlsplit(probe.url).hostname}: opens and answers, {took:.0f} ms")


async def _answer(settings: Settings, probe: StreamProbe) -> None:
    policy, metrics = WsPolicy.of(settings), WsMetrics()
    dialled = opened(
        probe.url, name=probe.name, policy=policy, metrics=metrics, headers=probe.headers, keepalive=probe.keepalive
    )
    async with dialled as wire:
        await wire.send(probe.question)
        async for _ in wire.frames():
            return
