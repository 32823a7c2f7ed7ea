"""The venues' documented request limits, enforced with ``--limits real``.

Belongs here: groups, rates and the ASGI layer (reference: Kalshi 8, Polymarket 6.1). Limits use real time, not the
sandbox's clock. Above the limit the answer is 429 in the venue's format.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from echelon_pipeline.sandbox.faults.faults import error_body

# (path prefix, requests, seconds): every matching rule counts. Kalshi: Basic reads, 200 tokens/s at 10 each.
RULES: tuple[tuple[str, int, float], ...] = (
    ("/trade-api/", 20, 1.0),
    ("/gamma/", 4_000, 10.0),
    ("/gamma/events", 500, 10.0),
    ("/gamma/markets", 300, 10.0),
    ("/gamma/tags", 200, 10.0),
    ("/clob/", 9_000, 10.0),
    ("/clob/book", 1_500, 10.0),
    ("/clob/price", 1_500, 10.0),
    ("/clob/midpoint", 1_500, 10.0),
    ("/clob/prices-history", 1_000, 10.0),
    ("/clob/tick-size", 200, 10.0),
    ("/data/", 1_000, 10.0),
    ("/data/trades", 200, 10.0),
    ("/data/v2/trades", 300, 10.0),
)


class Bucket:
    """At most ``maximum`` requests per ``seconds``, refilled evenly, full at the start."""

    def __init__(self, maximum: int, seconds: float, clock: Callable[[], float]) -> None:
        self._maximum, self._rate, self._clock = float(maximum), maximum / seconds, clock
        self._tokens, self._at = float(maximum), clock()

    def take(self) -> bool:
        now = self._clock()
        self._tokens = min(self._maximum, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Limits:
    """ASGI layer that answers 429 above the documented rates."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self.app = app
        self._buckets = [(prefix, Bucket(maximum, seconds, clock)) for prefix, maximum, seconds in RULES]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and not all(b.take() for prefix, b in self._buckets if path.startswith(prefix)):
            body, kind = error_body(429, path)
            headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 429, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await self.app(scope, receive, send)
