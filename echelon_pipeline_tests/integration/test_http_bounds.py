"""Answers without end, over real connections: each request ends within its time and its bytes.

Belongs here: what only a socket shows. Retries and classification are ``unit/test_http.py``.
"""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from echelon_pipeline.errors import AnswerTooLarge, BadRequest, NotFound, VenueUnavailable
from echelon_pipeline.venues.http import Policy, VenueHttp

Send = Callable[[asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def ask(send: Send, **policy: float) -> bytes:
    """One GET of a server that answers with ``send``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await send(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has had enough, which is what is tested
        finally:
            writer.close()

    async def go() -> bytes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        limits = Policy(**{"retries": 0, "timeout": 5.0, **policy})  # type: ignore[arg-type]
        async with server:
            http = VenueHttp(f"http://127.0.0.1:{port}", policy=limits, rates={}, name="venue")
            async with http:
                return await http.get("/x")

    return asyncio.run(go())


def whole(body: bytes, *headers: bytes) -> Send:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"".join(h + b"\r\n" for h in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    return send


def test_a_body_that_drips_for_ever_ends_with_the_total_time() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b'Content-Length: 1000000\r\n\r\n{"a": "')
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    began = time.monotonic()
    with pytest.raises(VenueUnavailable, match=r"no whole answer within 0\.6 s"):
        ask(drip, total=0.6)
    assert time.monotonic() - began < 5


def test_headers_that_drip_for_ever_end_with_the_total_time() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(b"X-More: x\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    with pytest.raises(VenueUnavailable, match=r"no whole answer within"):
        ask(drip, total=0.6)


@pytest.mark.parametrize("layers", [1, 2])
def test_two_megabytes_of_gzip_do_not_become_two_gigabytes(layers: int) -> None:
    sent = b'{"a": "' + bytes(200_000_000)
    for _ in range(layers):
        sent = gzip.compress(sent, 9)
    encoding = b"Content-Encoding: " + b", ".join([b"gzip"] * layers)
    tracemalloc.start()
    try:
        with pytest.raises(AnswerTooLarge, match="ECHELON_HTTP_BODY_MB"):
            ask(whole(sent, encoding), body_bytes=1_000_000, total=60)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000


def test_a_body_without_an_encoding_is_bounded_too() -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        while True:
            writer.write(b"[" * 65536)
            await writer.drain()

    with pytest.raises(AnswerTooLarge):
        ask(flood, body_bytes=1_000_000, total=60)


def test_encodings_are_taken_off_in_turn() -> None:
    body = gzip.compress(gzip.compress(b'{"a": 1}'))
    assert ask(whole(body, b"Content-Encoding: gzip, gzip")) == b'{"a": 1}'


def test_a_failure_whose_body_never_ends_keeps_its_class() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"not found " * 5000)
            await writer.drain()

    with pytest.raises(NotFound, match="404 not found"):
        ask(endless, total=60)


def test_a_redirect_is_refused_and_its_query_not_shown() -> None:
    async def away(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: https://else.test/login?key=s3cret\r\nContent-Length: 0\r\n\r\n")

    with pytest.raises(BadRequest, match=r"302 leads to else\.test/login; redirects are not followed") as refused:
        ask(away)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{}",
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
)
def test_an_answer_without_a_usable_body_may_come_right_on_a_retry(answer: bytes) -> None:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    with pytest.raises(VenueUnavailable):
        ask(send)
