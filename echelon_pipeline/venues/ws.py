"""WebSocket policy of both venues: opening, keep-alive, silence, retries.

Belongs here: one connection that yields bytes, and reconnection. Each venue defines commands and frames. A connection
always ends with an error: a venue that closes it, a venue that is silent for too long, and frames that arrive faster
than they are read have the same effect on books, which start from snapshots again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import CloseCode

from echelon_pipeline.clocks import MACHINE
from echelon_pipeline.errors import (
    BadRequest,
    BadSettings,
    RateLimited,
    Transient,
    Unauthorized,
    VenueUnavailable,
)
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.ws_memory import bounded

log = logging.getLogger(__name__)
_HANDSHAKES = logging.getLogger(f"{__name__}.connection")
_HANDSHAKES.setLevel(logging.INFO)  # at DEBUG it would log the signed headers

Headers = Callable[[], Mapping[str, str]]
Frame = tuple[int, bytes]


@dataclass(frozen=True)
class WsPolicy:
    """Limits of one venue's connections. Seconds; every field is a setting.

    ``message_bytes``: the largest message, decompressed, in one frame or many; no more of it is ever decompressed.
    ``queue_bytes``, ``queue_frames``: queued amount at which reading from the network pauses.

    ``silence``: maximum time without data. Answers to keep-alives do not count: streams freeze while those continue
    (reference/polymarket 5.5).
    """

    open_timeout: float = 10.0
    ping_every: float = 10.0
    pong_within: float = 20.0
    silence: float = 60.0
    backoff: float = 1.0
    backoff_max: float = 60.0
    steady: float = 60.0
    queue_frames: int = 10_000
    queue_bytes: int = 64 * 2**20
    message_bytes: int = 16 * 2**20
    user_agent: str = "echelon-pipeline"

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The configured policy."""
        return cls(
            open_timeout=settings.ws_open_timeout,
            ping_every=settings.ws_ping_every,
            pong_within=settings.ws_pong_within,
            silence=settings.ws_silence,
            backoff=settings.ws_backoff,
            backoff_max=settings.ws_backoff_max,
            steady=settings.ws_steady,
            queue_frames=settings.ws_queue_frames,
            queue_bytes=settings.ws_queue_mb * 2**20,
            message_bytes=settings.ws_frame_mb * 2**20,
            user_agent=settings.user_agent,
        )

    def wait(self, failures: int, draw: float) -> float:
        """Seconds before the next attempt after so many failures in a row; ``draw`` in [0, 1) spreads it.

        From ``backoff`` doubling up to ``backoff_max``, of which the upper half is drawn: many listeners that lost
        one venue do not come back at one instant, and none comes back at once.
        """
        most = min(self.backoff_max, self.backoff * float(1 << min(failures, 30)))
        return max(self.backoff, most * (1 + draw) / 2)


@dataclass
class WsMetrics:
    """Counts of connections: openings, reasons of ends, frames and bytes."""

    opened: int = 0
    frames: int = 0
    bytes: int = 0
    ended: Counter[str] = field(default_factory=Counter)


class Wire:
    """One open connection. ``keepalive``: the text that the venue expects every ``ping_every`` seconds in addition to
    protocol pings, and its answer, which does not count as data."""

    def __init__(
        self,
        socket: ClientConnection,
        name: str,
        policy: WsPolicy,
        metrics: WsMetrics,
        keepalive: tuple[str, str] | None = None,
    ) -> None:
        self.name = name
        self._socket = socket
        self._policy = policy
        self._metrics = metrics
        self._ping = keepalive[0] if keepalive else None
        self._pong = keepalive[1].encode() if keepalive else None
        self._heard = asyncio.get_running_loop().time()

    @property
    def is_quiet(self) -> bool:
        """Whether there was no data for half of ``silence``: time to request something."""
        return asyncio.get_running_loop().time() - self._heard >= self._policy.silence / 2

    async def send(self, message: object) -> None:
        """Sends a command as JSON text, a text unchanged. VenueUnavailable where the connection is closed."""
        await self._send(message if isinstance(message, str) else msgspec.json.encode(message).decode())

    async def frames(self, received: Callable[[], int] = MACHINE.received) -> AsyncIterator[Frame]:
        """Every frame with its microsecond of receipt by the clock ``received``; answers to keep-alives too.

        Never returns: raises VenueUnavailable when the venue closes the connection or is silent for too long.
        """
        loop = asyncio.get_running_loop()
        pinged = loop.time()
        while True:
            if self._ping is not None and loop.time() >= pinged + self._policy.ping_every:
                await self._send(self._ping)
                pinged = loop.time()
            wake = self._heard + self._policy.silence
            if self._ping is not None:
                wake = min(wake, pinged + self._policy.ping_every)
            try:
                # Not wait_for: before Python 3.12 it loses a cancellation that coincides with a frame.
                async with asyncio.timeout_at(wake):
                    payload = await self._receive()
            except TimeoutError:
                if loop.time() >= self._heard + self._policy.silence:
                    raise self._end("silent", f"no data for {self._policy.silence:g} s") from None
                continue
            received_at = received()
            if payload != self._pong:
                self._heard = loop.time()
            self._metrics.frames += 1
            self._metrics.bytes += len(payload)
            yield received_at, payload

    async def _receive(self) -> bytes:
        try:
            return await self._socket.recv(decode=False)
        except ConnectionClosed as error:
            if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG and not error.rcvd_then_sent:
                most = self._policy.message_bytes / 2**20
                words = f"a message is larger than {most:g} MB, decompressed (ECHELON_WS_FRAME_MB)"
                raise self._end("too_large", words) from error
            raise self._end("closed", _close_words(error)) from error

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send(text)
        except ConnectionClosed as error:
            raise self._end("closed", _close_words(error)) from error

    def _end(self, kind: str, words: str) -> VenueUnavailable:
        self._metrics.ended[kind] += 1
        return VenueUnavailable(f"{self.name} stream: {words}")


@asynccontextmanager
async def opened(
    url: str,
    *,
    name: str,
    policy: WsPolicy,
    metrics: WsMetrics,
    headers: Headers | None = None,
    keepalive: tuple[str, str] | None = None,
) -> AsyncIterator[Wire]:
    """A connection as a context manager. ``headers`` is called for each connection: signatures contain the time.

    Raises Unauthorized (401, 403), RateLimited (429), BadRequest (other 4xx), VenueUnavailable, BadSettings (no URL).
    """
    try:
        socket = await connect(
            url,
            additional_headers=headers() if headers else None,
            user_agent_header=policy.user_agent,
            open_timeout=policy.open_timeout,
            ping_interval=policy.ping_every,
            ping_timeout=policy.pong_within,
            close_timeout=1.0,
            max_size=policy.message_bytes,
            max_queue=policy.queue_frames,
            create_connection=bounded(policy.queue_bytes, policy.queue_frames),
            logger=_HANDSHAKES,
        )
    except InvalidURI as error:
        raise BadSettings(f"{name} stream: {error}") from error
    except InvalidStatus as error:
        raise _refused(name, error.response.status_code) from error
    except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
        metrics.ended["unreachable"] += 1
        raise VenueUnavailable(f"{name} stream: {type(error).__name__}: {error}") from error
    metrics.opened += 1
    try:
        yield Wire(socket, name, policy, metrics, keepalive)
    finally:
        await socket.close()


async def keep_connected(
    dial: Callable[[], AbstractAsyncContextManager[Wire]],
    use: Callable[[Wire], Awaitable[None]],
    policy: WsPolicy,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    rng: random.Random | None = None,
) -> None:
    """Opens consecutive connections and passes each to ``use``, until it returns.

    The one policy of reconnecting: after a transient error, waits as ``WsPolicy.wait`` says or as long as the venue
    asks; a connection that lived for ``steady`` seconds restarts the count. Permanent errors are raised.
    """
    draw = (rng or random.Random()).random  # noqa: S311 - jitter, not secrets
    failures = 0
    while True:
        begun: float | None = None
        try:
            async with dial() as wire:
                begun = time.monotonic()
                await use(wire)
                return
        except Transient as error:
            lived = 0.0 if begun is None else time.monotonic() - begun
            failures = 0 if lived >= policy.steady else failures + 1
            wait = max(policy.wait(failures, draw()), error.retry_after or 0.0)
            log.warning("%s; it lived %.1f s, next attempt in %.1f s", error, lived, wait)
        await sleep(wait)


def _refused(name: str, status: int) -> Exception:
    said = f"{name} stream: the venue answered {status} to the handshake"
    if status in (401, 403):
        return Unauthorized(said)
    if status == 429:
        return RateLimited(said)
    return BadRequest(said) if 400 <= status < 500 else VenueUnavailable(said)


def _close_words(error: ConnectionClosed) -> str:
    told = error.rcvd or error.sent
    return f"closed with {told.code} {told.reason}".rstrip() if told else "closed without a word"
