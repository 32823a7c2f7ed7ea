"""One HTTP policy for both venues: token buckets, retries, breaker, classified errors, metrics.

Belongs here: *how* a request is made. Each venue's ``client`` module has URLs and the meaning of answers; ``bodies.py``
reads a body within its bound. Limits are per address, not per process: callers hold the venue's pool.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import httpx

from echelon_pipeline.errors import (
    AnswerTooLarge,
    BadRequest,
    EchelonError,
    NotAvailable,
    NotFound,
    RateLimited,
    Transient,
    Unauthorized,
    VenueDown,
    VenueUnavailable,
)
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues import bodies
from echelon_pipeline.venues.cutting import is_json

log = logging.getLogger(__name__)

Query = list[tuple[str, str]]
Headers = Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class Policy:
    """Limits of one venue host. Seconds and requests per second; every field is a setting. ``timeout``: without
    a byte; ``total``: per attempt, from sending to the last byte; ``body_bytes``: of one answer, decoded."""

    timeout: float = 30.0
    total: float = 120.0
    body_bytes: int = 64 * 2**20
    retries: int = 5
    backoff: float = 0.5
    backoff_max: float = 30.0
    concurrency: int = 4
    breaker_failures: int = 8
    pause: float = 0.0
    user_agent: str = "echelon-pipeline"

    @classmethod
    def of(cls, settings: Settings, *, pause: float = 0.0) -> Policy:
        """The configured policy; ``pause``: extra seconds before every request."""
        return cls(
            timeout=settings.http_timeout,
            total=settings.http_total,
            body_bytes=settings.http_body_mb * 2**20,
            retries=settings.http_retries,
            backoff=settings.http_backoff,
            backoff_max=settings.http_backoff_max,
            concurrency=settings.http_concurrency,
            breaker_failures=settings.breaker_failures,
            pause=pause,
            user_agent=settings.user_agent,
        )


@dataclass
class Metrics:
    """Counts of a client by endpoint group and outcome, retries, seconds waited for limits."""

    requests: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    bytes: int = 0
    waited: float = 0.0

    def as_dict(self) -> dict[str, int | float]:
        """The counts as a flat dict, for run metadata."""
        return {
            "requests": sum(self.requests.values()),
            "retries": self.retries,
            "bytes": self.bytes,
            "waited_seconds": round(self.waited, 3),
            **{f"outcome_{name}": count for name, count in sorted(self.outcomes.items())},
        }


class TokenBucket:
    """At most ``rate`` requests per second with a burst of one second's worth."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._tokens = self._burst
        self._clock = clock
        self._at = clock()

    def delay(self) -> float:
        """Takes one token; returns the seconds that the caller must wait for it."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1.0
        self._at = now
        return 0.0 if self._tokens >= 0 else -self._tokens / self._rate


class VenueHttp:
    """Requests to one host. Use as an async context manager; safe for concurrent requests.

    Raises RateLimited, VenueUnavailable, AnswerTooLarge, BadRequest, Unauthorized, NotFound; after
    ``breaker_failures`` consecutive requests that failed after all retries, every further call raises VenueDown.
    """

    def __init__(
        self,
        base_url: str,
        *,
        policy: Policy,
        rates: Mapping[str, float],
        name: str,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.name = name
        self.metrics = Metrics()
        self._base = base_url.rstrip("/")
        self._policy = policy
        self._buckets = {group: TokenBucket(rate) for group, rate in rates.items()}
        self._gate = asyncio.Semaphore(policy.concurrency)
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not secrets
        self._failures = 0
        self._client = httpx.AsyncClient(
            verify=_certificates(),
            timeout=policy.timeout,
            transport=transport,
            headers={
                "User-Agent": policy.user_agent,
                "Accept": "application/json",
                "Accept-Encoding": bodies.ACCEPTED,
            },
            follow_redirects=False,  # a redirect could carry signed headers to another host
            limits=httpx.Limits(max_connections=policy.concurrency),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(
        self, path: str, query: Query | None = None, *, group: str = "default", headers: Headers | None = None
    ) -> bytes:
        """Body of ``GET path?query``: bytes of valid JSON. ``headers`` is called for every attempt (signatures
        carry the time)."""
        return await self._request("GET", path, query or [], None, group, headers)

    async def post(self, path: str, body: object, *, group: str = "default") -> bytes:
        """Body of ``POST path`` with a JSON body: bytes of valid JSON. Only for reads."""
        return await self._request("POST", path, [], json.dumps(body, separators=(",", ":")).encode(), group, None)

    async def _request(
        self, method: str, path: str, query: Query, body: bytes | None, group: str, headers: Headers | None
    ) -> bytes:
        for attempt in range(self._policy.retries + 1):
            if self._failures >= self._policy.breaker_failures:
                raise VenueDown(f"{self.name}: {self._failures} requests in a row failed; stopping")
            try:
                answer = await self._once(method, path, query, body, group, headers)
            except Transient as error:
                self.metrics.outcomes[type(error).__name__] += 1
                if attempt == self._policy.retries:
                    self._failures += 1
                    raise
                self.metrics.retries += 1
                delay = self._delay(attempt, error.retry_after)
                log.debug("%s %s: %s; retry in %.2f s", method, path, error, delay)
                await self._sleep(delay)
            except EchelonError as error:
                self.metrics.outcomes[type(error).__name__] += 1
                self._failures = 0
                raise
            else:
                self._failures = 0
                self.metrics.outcomes["ok"] += 1
                return answer
        raise AssertionError("unreachable: the loop returns or raises")

    async def _once(
        self, method: str, path: str, query: Query, body: bytes | None, group: str, headers: Headers | None
    ) -> bytes:
        await self._wait_turn(group)
        url = self._base + path + (f"?{urlencode(query)}" if query else "")
        async with self._gate:
            self.metrics.requests[group] += 1
            sent = dict(headers()) if headers else {}
            if body is not None:
                sent["Content-Type"] = "application/json"
            return await self._answer(method, path, url, body, sent)

    async def _answer(self, method: str, path: str, url: str, body: bytes | None, sent: dict[str, str]) -> bytes:
        """Sends one request and reads its answer, all of it within the total time."""
        where, limit = f"{self.name} {method} {path}", self._policy.body_bytes
        try:
            async with (
                asyncio.timeout(self._policy.total),
                self._client.stream(method, url, content=body, headers=sent) as response,
            ):
                if response.status_code != 200:
                    words = await bodies.read_start(response, ERROR_BYTES)
                    raise _classified(response.status_code, where, words, response.headers)
                answer = await bodies.read_body(response, limit)
        except TimeoutError as error:
            raise VenueUnavailable(
                f"{where}: no whole answer within {self._policy.total:g} s (ECHELON_HTTP_TOTAL)"
            ) from error
        except bodies.TooLargeError as error:
            raise AnswerTooLarge(
                f"{where}: the decoded answer has more than {limit} bytes (ECHELON_HTTP_BODY_MB)"
            ) from error
        except bodies.UndecodableError as error:
            raise VenueUnavailable(f"{where}: body cannot be decoded: {error}") from error
        except httpx.HTTPError as error:
            raise VenueUnavailable(f"{where}: {type(error).__name__}: {error}") from error
        self.metrics.bytes += len(answer)
        return _checked(where, answer)

    async def _wait_turn(self, group: str) -> None:
        bucket = self._buckets.get(group) or self._buckets.get("default")
        wait = (bucket.delay() if bucket else 0.0) + self._policy.pause
        if wait > 0:
            self.metrics.waited += wait
            await self._sleep(wait)

    def _delay(self, attempt: int, retry_after: float | None) -> float:
        if retry_after is not None:
            return min(retry_after, self._policy.backoff_max)
        # Full jitter: many clients that failed together must not come back together.
        return self._rng.uniform(0, min(self._policy.backoff_max, self._policy.backoff * 2**attempt))


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificates, read once per process: reading takes 35 ms, and a run has 18 clients."""
    return httpx.create_ssl_context()


# Bytes of a failure's body that are read for its message.
ERROR_BYTES = 64 * 1024


def _checked(where: str, body: bytes) -> bytes:
    """The body of a 200, or the classified error."""
    body = body.removeprefix(b"\xef\xbb\xbf")  # some servers send a byte order mark, which is not JSON
    if not body.strip():
        raise VenueUnavailable(f"{where}: 200 without a body")
    if not is_json(body):
        raise VenueUnavailable(f"{where}: answer is not JSON, {len(body)} bytes: {_words(body)}")
    # A 200 with only an error in its body is an error too (seen on the Data API: reference/polymarket 6.2).
    if len(body) < 500 and body.lstrip().startswith(b'{"error"'):
        kind = RateLimited if b"many requests" in body.lower() else BadRequest
        raise kind(f"{where}: 200 with {_words(body)}")
    return body


NOT_RECORDED = b"not_available_in_recording"  # the error of a recorded universe without the data
_BY_STATUS: dict[int, type[EchelonError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    408: VenueUnavailable,
    425: VenueUnavailable,
    429: RateLimited,
}


def _classified(status: int, where: str, body: bytes, headers: Mapping[str, str]) -> EchelonError:
    if 300 <= status < 400:
        return BadRequest(
            f"{where}: {status} leads to {_place(headers.get('Location', ''))}; redirects are not followed"
        )
    if status < 300:  # 204, 206 …: not the complete answer
        return VenueUnavailable(f"{where}: {status} instead of 200 {_words(body)}")
    kind = _BY_STATUS.get(status, VenueUnavailable if status >= 500 else BadRequest)
    if kind is Unauthorized and b"<html" in body[:500].lower():
        kind = VenueUnavailable  # an edge block page, not the venue's answer
    if kind is NotFound and NOT_RECORDED in body[:500]:
        kind = NotAvailable
    error = kind(f"{where}: {status} {_words(body)}")
    retry_after = headers.get("Retry-After", "")
    if isinstance(error, Transient) and retry_after.replace(".", "", 1).isdecimal():
        error.retry_after = float(retry_after)
    return error


def _place(location: str) -> str:
    """Host and path of a redirect; its query may contain parts of the request."""
    try:
        found = urlsplit(location)
    except ValueError:
        return "no readable address"
    return f"{found.hostname or ''}{found.path}"[:100] or "nowhere"


def _words(body: bytes) -> str:
    """The venue's own words, short enough for a log line."""
    return body[:200].decode("utf-8", "replace").replace("\n", " ")
