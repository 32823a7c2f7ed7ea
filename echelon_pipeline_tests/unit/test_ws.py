"""Connections: what is given up, when the next one is tried, and what is said of it."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from echelon_pipeline.errors import BadRequest, BadSettings, EchelonError, RateLimited, Unauthorized, VenueUnavailable
from echelon_pipeline.settings import load_settings
from echelon_pipeline.venues.ws import Wire, WsMetrics, WsPolicy, keep_connected, opened
from echelon_pipeline.venues.ws_memory import BoundedQueue

FAST = WsPolicy(open_timeout=2.0, ping_every=0.05, silence=0.3, backoff=0.01, backoff_max=0.05)
Handler = Callable[[ServerConnection], Awaitable[None]]
Dial = Callable[[], AbstractAsyncContextManager[Wire]]


@asynccontextmanager
async def venue(handler: Handler, status: int | None = None) -> AsyncIterator[tuple[str, WsMetrics]]:
    """A server on loopback: its URL, and where its clients count."""

    def refuse(_: ServerConnection, __: Request) -> Response | None:
        return Response(status, "no", Headers()) if status else None

    async with serve(handler, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}", WsMetrics()


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """An async test, run in a loop of its own."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def read(wire: Wire, count: int) -> list[bytes]:
    found = []
    async for _, payload in wire.frames():
        found.append(payload)
        if len(found) == count:
            break
    return found


async def nothing(socket: ServerConnection) -> None:
    await socket.wait_closed()


@given(failures=st.integers(0, 200), draw=st.floats(0, 1, exclude_max=True))
def test_waits_stay_between_one_second_and_a_minute(failures: int, draw: float) -> None:
    wait = WsPolicy().wait(failures, draw)
    assert 1.0 <= wait <= 60.0
    assert wait <= WsPolicy().wait(failures + 1, draw) + 1e-9


def test_the_policy_is_the_settings() -> None:
    given = {"ECHELON_WS_SILENCE": "7", "ECHELON_WS_FRAME_MB": "2", "ECHELON_WS_BACKOFF_MAX": "9"}
    policy = WsPolicy.of(load_settings({**given, "ECHELON_WS_QUEUE_MB": "3"}))
    assert (policy.silence, policy.message_bytes, policy.backoff_max) == (7.0, 2 * 2**20, 9.0)
    assert policy.queue_bytes == 3 * 2**20
    assert WsPolicy.of(load_settings({})) == WsPolicy()


@in_a_loop
async def test_frames_come_as_they_were_sent_with_the_time_of_receipt() -> None:
    async def told(socket: ServerConnection) -> None:
        await socket.send('{"n":1}')
        await socket.send(b"\x00\xff")
        await socket.send(await socket.recv())

    async with venue(told) as (url, metrics), opened(url, name="v", policy=FAST, metrics=metrics) as wire:
        await wire.send({"id": 1, "cmd": "subscribe"})
        times = [at async for at, _ in _first(wire, 3)]
    assert times == sorted(times)
    assert (metrics.opened, metrics.frames) == (1, 3)


async def _first(wire: Wire, count: int) -> AsyncIterator[tuple[int, bytes]]:
    async for frame in wire.frames():
        yield frame
        count -= 1
        if not count:
            return


@in_a_loop
async def test_a_silent_venue_is_left_although_it_answers_keepalives() -> None:
    async def pongs(socket: ServerConnection) -> None:
        await socket.send("data")
        async for _ in socket:
            await socket.send("PONG")

    async with (
        venue(pongs) as (url, metrics),
        opened(url, name="v", policy=FAST, metrics=metrics, keepalive=("PING", "PONG")) as wire,
    ):
        with pytest.raises(VenueUnavailable, match=r"v stream: no data for 0\.3 s"):
            await read(wire, 10_000)
    assert metrics.frames >= 4  # the answers are frames: they are logged like all others
    assert metrics.ended == {"silent": 1}


@in_a_loop
async def test_keepalives_go_out_while_data_comes_in() -> None:
    pings: list[str | bytes] = []

    async def busy(socket: ServerConnection) -> None:
        async def listen() -> None:
            pings.extend([message async for message in socket])

        listener = asyncio.create_task(listen())
        for number in range(60):
            await socket.send(str(number))
            await asyncio.sleep(0.005)
        await listener

    async with (
        venue(busy) as (url, metrics),
        opened(url, name="v", policy=FAST, metrics=metrics, keepalive=("PING", "PONG")) as wire,
    ):
        assert len(await read(wire, 60)) == 60
    assert pings.count("PING") >= 3


@in_a_loop
async def test_a_venue_that_hangs_up_ends_the_frames_with_its_words() -> None:
    async def bye(socket: ServerConnection) -> None:
        await socket.send("last")
        await socket.close(4000, "maintenance")

    async with venue(bye) as (url, metrics), opened(url, name="v", policy=FAST, metrics=metrics) as wire:
        with pytest.raises(VenueUnavailable, match="closed with 4000 maintenance"):
            await read(wire, 2)
        with pytest.raises(VenueUnavailable, match="closed"):
            await wire.send({})


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Unauthorized), (403, Unauthorized), (404, BadRequest), (429, RateLimited), (503, VenueUnavailable)],
)
@in_a_loop
async def test_a_refused_handshake_says_what_to_do(status: int, error: type[EchelonError]) -> None:
    async with venue(nothing, status) as (url, metrics):
        with pytest.raises(error, match=str(status)):
            async with opened(url, name="v", policy=FAST, metrics=metrics):
                pass


@pytest.mark.parametrize(("url", "error"), [("ws://127.0.0.1:1", VenueUnavailable), ("nonsense", BadSettings)])
@in_a_loop
async def test_what_cannot_be_reached_is_named(url: str, error: type[EchelonError]) -> None:
    with pytest.raises(error, match="v stream"):
        async with opened(url, name="v", policy=FAST, metrics=WsMetrics()):
            pass


@in_a_loop
async def test_headers_are_made_anew_for_each_connection() -> None:
    seen: list[str] = []
    stamps = iter(["1", "2"])

    async def note(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.append(socket.request.headers["X-Stamp"])

    async with venue(note) as (url, metrics):
        for _ in range(2):
            async with opened(
                url, name="v", policy=FAST, metrics=metrics, headers=lambda: {"X-Stamp": next(stamps)}
            ) as wire:
                with pytest.raises(VenueUnavailable):
                    await read(wire, 1)
    assert seen == ["1", "2"]


@in_a_loop
async def test_a_lost_connection_is_followed_by_another_until_the_work_is_done() -> None:
    lives = 0

    async def flaky(socket: ServerConnection) -> None:
        nonlocal lives
        lives += 1
        if lives > 2:
            await socket.send("at last")
        await socket.close()

    got: list[bytes] = []
    waits: list[float] = []

    async def use(wire: Wire) -> None:
        got.extend(await read(wire, 1))

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with venue(flaky) as (url, metrics):
        dial = partial(opened, url, name="v", policy=FAST, metrics=metrics)
        await keep_connected(dial, use, FAST, sleep=sleep, rng=random.Random(1))
    assert got == [b"at last"]
    assert (metrics.opened, len(waits)) == (3, 2)
    assert all(FAST.backoff <= w <= FAST.backoff_max for w in waits)


@in_a_loop
async def test_a_connection_that_lived_long_starts_the_waits_anew() -> None:
    steady = WsPolicy(backoff=1.0, backoff_max=64.0, steady=0.0)
    waits: list[float] = []

    async def lost(_: Wire) -> None:
        if len(waits) < 5:
            raise VenueUnavailable("gone")

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with venue(nothing) as (url, metrics):
        await keep_connected(partial(opened, url, name="v", policy=FAST, metrics=metrics), lost, steady, sleep=sleep)
    assert waits == [1.0] * 5


@in_a_loop
async def test_an_error_that_waiting_cannot_mend_is_not_tried_again() -> None:
    async with venue(nothing, 401) as (url, metrics):

        async def use(_: Wire) -> None: ...

        with pytest.raises(Unauthorized):
            await keep_connected(partial(opened, url, name="v", policy=FAST, metrics=metrics), use, FAST)


@in_a_loop
async def test_frames_that_wait_here_are_no_silence() -> None:
    """Their reader was busy, not the venue silent."""

    async def three(socket: ServerConnection) -> None:
        for number in range(3):
            await socket.send(str(number))
        await socket.wait_closed()

    got: list[bytes] = []
    async with venue(three) as (url, metrics), opened(url, name="v", policy=FAST, metrics=metrics) as wire:
        async for _, payload in _first(wire, 3):
            got.append(payload)
            await asyncio.sleep(FAST.silence * 1.2)
    assert got == [b"0", b"1", b"2"]


@in_a_loop
async def test_no_log_has_what_was_signed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with (
        venue(nothing) as (url, metrics),
        opened(url, name="v", policy=FAST, metrics=metrics, headers=lambda: {"X-Signature": "c2VjcmV0"}),
    ):
        pass
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert not any("c2VjcmV0" in line for line in ours)


SMALL = replace(FAST, message_bytes=2**20, silence=10.0)


@pytest.mark.parametrize("pieces", [1, 40], ids=["one frame", "many frames"])
@pytest.mark.parametrize("compression", ["deflate", None])
@in_a_loop
async def test_a_message_that_is_too_large_ends_the_connection_before_it_is_held(
    pieces: int, compression: str | None
) -> None:
    """30 MB of zeros take 30 kB of the wire: they are never decompressed further than the bound."""
    piece = b"\0" * (30 * 2**20 // pieces)

    async def bomb(socket: ServerConnection) -> None:
        await socket.send("first")
        await socket.send(piece for _ in range(pieces))

    metrics = WsMetrics()
    async with serve(bomb, "127.0.0.1", 0, compression=compression) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        async with opened(url, name="v", policy=SMALL, metrics=metrics) as wire:
            with pytest.raises(VenueUnavailable, match=r"larger than 1 MB, decompressed \(ECHELON_WS_FRAME_MB\)"):
                await read(wire, 2)
    assert (metrics.frames, metrics.ended) == (1, {"too_large": 1})


@in_a_loop
async def test_a_venue_that_finds_our_message_too_large_has_hung_up() -> None:
    async def refuse(socket: ServerConnection) -> None:
        await socket.close(1009, "yours")

    async with venue(refuse) as (url, metrics), opened(url, name="v", policy=FAST, metrics=metrics) as wire:
        with pytest.raises(VenueUnavailable, match="closed with 1009 yours"):
            await read(wire, 1)


@pytest.mark.parametrize("kind", ["fragments", "bytes"])
@in_a_loop
async def test_a_message_that_dribbles_is_given_up_like_silence(kind: str) -> None:
    """A byte now and then is no message: whatever else the connection does."""

    async def dribble(socket: ServerConnection) -> None:
        async def slowly() -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0.02)

        if kind == "fragments":
            await socket.send(slowly())
        else:
            socket.transport.write(b"\x82\x7d")  # a frame of 125 bytes, of which one comes at a time
            async for one in slowly():
                socket.transport.write(one)
                if socket.transport.is_closing():
                    return

    loop = asyncio.get_running_loop()
    async with venue(dribble) as (url, metrics), opened(url, name="v", policy=FAST, metrics=metrics) as wire:
        begun = loop.time()
        with pytest.raises(VenueUnavailable):
            await read(wire, 1)
        assert loop.time() - begun < 5
    assert metrics.frames == 0


@in_a_loop
async def test_reading_pauses_while_too_many_bytes_are_held() -> None:
    """Long before there are too many frames; none is lost."""
    size, count = 64 * 2**10, 200

    async def flood(socket: ServerConnection) -> None:
        for number in range(count):
            await socket.send(b"%d " % number + os.urandom(size))

    policy = replace(FAST, queue_bytes=2**20, silence=10.0)
    async with venue(flood) as (url, metrics), opened(url, name="v", policy=policy, metrics=metrics) as wire:
        queue = wire._socket.recv_messages.frames
        assert isinstance(queue, BoundedQueue)
        most = 0
        for _ in range(40):
            await asyncio.sleep(0.005)
            most = max(most, queue.bytes)
        assert 0 < most <= 2**20 + 512 * 2**10
        assert [payload.split()[0] for payload in await read(wire, count)] == [b"%d" % n for n in range(count)]
        assert queue.bytes == 0
