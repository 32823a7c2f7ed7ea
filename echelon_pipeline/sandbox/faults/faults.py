"""Faults on demand: the plan, and the ASGI layer that applies it to REST answers.

Belongs here: rates per fault and their effect on answers; ``connections.py`` applies faults to WebSockets. The seed and
the number of the request decide which request is hit, so a run can be repeated. The header ``x-sandbox-fault: <name>``
injects a fault into one request, ``x-sandbox-fault: none`` exempts it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.sandbox.faults.bad_rows import corrupt_rows, has_corruptible_rows
from echelon_pipeline.sandbox.server.clock import lagging
from echelon_pipeline.sandbox.universe.randomness import draw

# Faults that replace or damage an answer, in the order in which they are drawn.
NAMES = ("429", "500", "502", "503", "timeout", "truncate", "malformed", "repeat_cursor", "stale_page")
# WebSocket faults, named ``ws_<name>`` in options: of single data frames, of connections (drawn at a data frame), of
# sequence numbers, of books (drawn at every step of a book with a subscriber).
FRAME_FAULTS = ("drop", "duplicate", "reorder", "garbage")
CONNECTION_FAULTS = ("disconnect", "stall", "half_open", "slow")
BOOK_FAULTS = ("tick_change", "empty_side", "resolve")
WS_NAMES = (*FRAME_FAULTS, *CONNECTION_FAULTS, "seq_gap", *BOOK_FAULTS)
STALE_SECONDS = 300  # the venue's caches serve pages up to five minutes old
_CURSORS = ("cursor", "next_cursor", "after_cursor")


@dataclass
class FaultPlan:
    """``rates``: share of requests by fault name. ``latency_ms``: added to every answer. ``hold``: seconds before a
    timed-out request is answered with 504. ``ws``: rates of WebSocket faults. ``bad_rows``: share of the rows of prices
    and trades that get an unreadable value."""

    rates: dict[str, float] = field(default_factory=dict)
    ws: dict[str, float] = field(default_factory=dict)
    latency_ms: float = 0.0
    hold: float = 60.0
    seed: int = 7
    bad_rows: float = 0.0

    @classmethod
    def parse(cls, texts: Iterable[str], seed: int = 7) -> FaultPlan:
        """Parses ``name=value`` texts: a rate for a fault (``429=0.05``; without a value: every request), milliseconds
        for ``latency``, seconds for ``hold``; ``ws_`` before a WebSocket fault. Raises BadSettings."""
        plan = cls(seed=seed)
        for text in texts:
            name, _, value = text.partition("=")
            try:
                number = float(value or 1)
            except ValueError:
                raise BadSettings(f"fault {text!r}: {value!r} is not a number") from None
            if name == "latency":
                plan = replace(plan, latency_ms=number)
            elif name == "hold":
                plan = replace(plan, hold=number)
            elif name == "bad_rows" and 0 <= number <= 1:
                plan = replace(plan, bad_rows=number)
            elif name in NAMES and 0 <= number <= 1:
                plan.rates[name] = number
            elif name.removeprefix("ws_") in WS_NAMES and name.startswith("ws_") and 0 <= number <= 1:
                plan.ws[name.removeprefix("ws_")] = number
            else:
                known = ", ".join((*NAMES, "bad_rows", "latency", "hold", *(f"ws_{n}" for n in WS_NAMES)))
                raise BadSettings(f"fault {text!r}: expected one of {known} and a rate from 0 to 1")
        return plan

    def draw(self, request: int) -> str | None:
        """The fault of the n-th request, or None."""
        luck = draw(self.seed, "fault", request) / 2**32
        for name in NAMES:
            luck -= self.rates.get(name, 0.0)
            if luck < 0:
                return name
        return None


class Faults:
    """ASGI layer that injects faults; never into control requests (below ``/__sandbox__``)."""

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self.app = app
        self.plan = plan
        self.requests = 0
        self.hits: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/__sandbox__"):
            await self.app(scope, receive, send)
            return
        self.requests += 1
        forced = dict(scope["headers"]).get(b"x-sandbox-fault", b"").decode()
        fault = (None if forced == "none" else forced) if forced else self.plan.draw(self.requests)
        if self.plan.latency_ms:
            await asyncio.sleep(self.plan.latency_ms / 1000)
        if fault is None and self.plan.bad_rows and not forced and has_corruptible_rows(scope["path"]):
            await self._with_bad_rows(scope, receive, send)
            return
        if fault is None:
            await self.app(scope, receive, send)
            return
        self.hits[fault] = self.hits.get(fault, 0) + 1
        await self._spoil(fault, scope, receive, send)

    async def _spoil(self, fault: str, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.isdigit():
            await _send(send, int(fault), *error_body(int(fault), scope["path"]))
        elif fault == "timeout":
            await asyncio.sleep(self.plan.hold)
            await _send(send, 504, b"<html><body>504 Gateway Time-out</body></html>", b"text/html")
        elif fault == "malformed":
            await _send(send, 200, b"<html><body>Just a moment...</body></html>", b"text/html")
        elif fault == "stale_page":
            with lagging(STALE_SECONDS if _first_page(scope) else 0):
                await self.app(scope, receive, send)
        else:
            status, body = await self._collect(scope, receive)
            body = body[: len(body) // 2] if fault == "truncate" else _repeat_cursor(body, scope)
            await _send(send, status, body, b"application/json")

    async def _with_bad_rows(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, seed = self.requests, self.plan.seed
        status, body = await self._collect(scope, receive)
        body, rows = corrupt_rows(body, lambda n: draw(seed, f"bad_row/{request}", n) / 2**32, self.plan.bad_rows)
        self.hits["bad_rows"] = self.hits.get("bad_rows", 0) + rows
        await _send(send, status, body, b"application/json")

    async def _collect(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        status, parts = 200, []

        async def keep(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, keep)
        return status, b"".join(parts)


def error_body(status: int, path: str) -> tuple[bytes, bytes]:
    """Body and content type of an error in the venue's format."""
    if status == 429 and path.startswith("/data/v2"):
        return b"error code: 1015", b"text/plain"  # measured: no JSON, no Retry-After
    if status == 429:
        words = b"too many requests" if path.startswith("/trade-api") else b"Too Many Requests"
        return b'{"error":"' + words + b'"}', b"application/json"
    if path.startswith("/trade-api"):
        return b'{"error":{"code":"internal_server_error","message":"internal server error"}}', b"application/json"
    return b"<html><body>upstream error</body></html>", b"text/html"


async def _send(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _sent_cursor(scope: Scope) -> str | None:
    query = parse_qs(scope["query_string"].decode())
    return next((query[name][0] for name in _CURSORS if name in query), None)


def _first_page(scope: Scope) -> bool:
    return _sent_cursor(scope) is None


def _repeat_cursor(body: bytes, scope: Scope) -> bytes:
    """The same answer, with the request's cursor as the next cursor."""
    sent = _sent_cursor(scope)
    try:
        decoded: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    if sent is None or not isinstance(decoded, dict):
        return body
    page = decoded.get("pagination")
    for holder in (decoded, page):
        if isinstance(holder, dict):
            for name in _CURSORS:
                if name in holder:
                    holder[name] = sent
    return msgspec.json.encode(decoded)
