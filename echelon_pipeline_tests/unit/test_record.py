"""Recording: what a venue sent is in the log, whatever ends the connection or the recording."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.errors import BadSettings, DiskFull, Unauthorized
from echelon_pipeline.settings import load_settings
from echelon_pipeline.streams import log as logs
from echelon_pipeline.streams import segments as module
from echelon_pipeline.streams.feeds import feeds_of
from echelon_pipeline.streams.record import Pace, Recorded, record
from echelon_pipeline.streams.segments import CLOSED, OPEN, connection_of, instruments_of, read, recover, segments
from echelon_pipeline.venues.kalshi.stream import read as read_frame
from echelon_pipeline.venues.ws import Wire, WsMetrics, WsPolicy, opened
from echelon_pipeline_tests.callback_feed import CallbackFeed

FAST = WsPolicy(open_timeout=2.0, backoff=0.01, backoff_max=0.02)
A = Instrument("kalshi:A", ("A",))
PACE = Pace(flush=0.02, segment=60.0)
Handler = Callable[[ServerConnection], Awaitable[None]]


async def hello(wire: Wire, tokens: Sequence[str]) -> None:
    await wire.send({"id": 1, "cmd": "subscribe"})


async def nothing(wire: Wire, tokens: Sequence[str], sids: Mapping[str, int]) -> None:
    """No book is asked for."""


async def change(wire: Wire, added: Sequence[str], dropped: Sequence[str], sids: Mapping[str, int]) -> None:
    await wire.send({"added": added, "dropped": dropped})


def recorded(
    root: Path,
    handler: Handler,
    until: Callable[[Recorded], bool],
    pace: Pace = PACE,
    policy: WsPolicy = FAST,
    renew: Callable[[Wire, Sequence[str], Mapping[str, int]], Awaitable[None]] = nothing,
) -> Recorded:
    """Records a server on loopback until a condition holds."""
    found = Recorded()

    async def main() -> None:
        stop = asyncio.Event()
        async with serve(handler, "127.0.0.1", 0, close_timeout=0.2) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            dial = partial(opened, url, name="v", policy=policy, metrics=WsMetrics())
            feed = CallbackFeed("kalshi", 0, url, (A,), dial, hello, renew, change, read_frame)
            task = asyncio.create_task(
                record(feed, root, listener="l", epoch=2, stop=stop, policy=policy, pace=pace, recorded=found)
            )
            while not until(found) and not task.done():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
            stop.set()
            await task

    asyncio.run(asyncio.wait_for(main(), 20))
    return found


def frames(root: Path) -> list[bytes]:
    found: list[bytes] = []
    for path in segments(root):
        found += [payload for block in read(path) for _, payload in block.pairs()]
    return found


async def counting(socket: ServerConnection, count: int = 100) -> None:
    await socket.recv()
    for number in range(count):
        await socket.send(str(number))
    await socket.wait_closed()


def test_every_frame_is_logged_and_the_segment_closed_when_told_to_stop(tmp_path: Path) -> None:
    done = recorded(tmp_path, counting, lambda r: r.frames == 100)
    assert frames(tmp_path) == [b"%d" % n for n in range(100)]
    assert [p.suffix for p in segments(tmp_path)] == [CLOSED]
    assert done.segments == segments(tmp_path)
    about = connection_of(done.segments[0])
    assert (about.venue, about.listener, about.epoch) == ("kalshi", "l", 2)
    assert instruments_of(done.segments[0]) == [A]


def test_frames_are_durable_while_the_connection_lives(tmp_path: Path) -> None:
    seen: list[int] = []

    def durable(_: Recorded) -> bool:
        seen.extend(sum(1 for _ in module._whole_blocks(path)) for path in segments(tmp_path))
        return bool(seen and seen[-1] > 1)

    recorded(tmp_path, counting, durable)
    assert seen[-1] > 1


def test_a_connection_that_breaks_is_followed_by_another_with_a_log_of_its_own(tmp_path: Path) -> None:
    lives: list[int] = []

    async def flaky(socket: ServerConnection) -> None:
        await socket.recv()
        lives.append(len(lives))
        await socket.send(f"life {lives[-1]}")
        await socket.close(1011, "restart")

    done = recorded(tmp_path, flaky, lambda r: r.connections >= 3)
    assert frames(tmp_path)[:2] == [b"life 0", b"life 1"]
    assert len({p.parent for p in segments(tmp_path)}) == len(done.segments) >= 2


@pytest.mark.parametrize("answers", [True, False])
def test_a_quiet_connection_is_asked_for_a_book_and_left_only_where_it_does_not_answer(
    tmp_path: Path, answers: bool
) -> None:
    async def quiet(socket: ServerConnection) -> None:
        await socket.send(b"{}")
        async for _ in socket:
            if answers:
                await socket.send(b"{}")

    async def ask(wire: Wire, tokens: Sequence[str], _: Mapping[str, int]) -> None:
        await wire.send({"tokens": tokens})

    silence = replace(FAST, silence=1.0)  # a busy machine may be half a second late
    begun = time.monotonic()
    pace = replace(PACE, renew=0.05)
    done = recorded(tmp_path, quiet, lambda _: time.monotonic() - begun > 2.5, pace, policy=silence, renew=ask)
    assert (done.connections == 1) is answers


def test_long_connections_are_cut_into_segments(tmp_path: Path) -> None:
    async def slow(socket: ServerConnection) -> None:
        await socket.recv()
        for number in range(40):
            await socket.send(str(number))
            await asyncio.sleep(0.005)
        await socket.wait_closed()

    done = recorded(tmp_path, slow, lambda r: r.frames == 40, Pace(flush=0.02, segment=0.05))
    assert len(done.segments) >= 3
    assert frames(tmp_path) == [b"%d" % n for n in range(40)]


def test_a_segment_that_is_being_closed_when_the_end_comes_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = threading.Event()
    rotate = logs.Log.rotate

    def slow(log: logs.Log) -> Path | None:
        closing.set()
        time.sleep(0.2)
        return rotate(log)

    monkeypatch.setattr(logs.Log, "rotate", slow)
    done = recorded(tmp_path, steadily(0.005), lambda _: closing.is_set(), Pace(flush=0.02, segment=0.05))
    assert done.segments == segments(tmp_path) != []


def test_reading_pauses_while_the_disk_is_behind(tmp_path: Path) -> None:
    sizes: list[int] = []
    take = logs.Log.take

    def watched(log: logs.Log) -> logs.Pending:
        sizes.append(log.waiting_bytes)
        return take(log)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs.Log, "take", watched)
        recorded(
            tmp_path, partial(counting, count=2_000), lambda r: r.frames == 2_000, Pace(flush=0.01, waiting_bytes=500)
        )
    assert max(sizes) < 600
    assert len(frames(tmp_path)) == 2_000


def steadily(every: float) -> Handler:
    """A venue that numbers its frames."""

    async def tell(socket: ServerConnection) -> None:
        await socket.recv()
        for number in range(100_000):
            await socket.send(str(number))
            await asyncio.sleep(every)

    return tell


def test_a_full_disk_keeps_what_was_durable_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk has room again at once: what arrived after the hole is not taken for what was in it."""
    fsync = os.fsync

    def full_once(descriptor: int) -> None:
        if any(p.suffix == OPEN and p.stat().st_size > 1_000 for p in segments(tmp_path)):
            monkeypatch.setattr(os, "fsync", fsync)
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full_once)
    done = recorded(tmp_path, steadily(0.005), lambda r: r.connections == 2 and r.frames > 50)
    assert "no space left" in caplog.text
    first, second = segments(tmp_path)
    assert (first.suffix, second.suffix) == (OPEN, CLOSED)
    assert recover(first) is not None
    assert done.segments == [second]
    for path in segments(tmp_path):
        blocks = [(block.first, [int(payload) for _, payload in block.pairs()]) for block in read(path)]
        assert all(numbers == list(range(begin, begin + len(numbers))) for begin, numbers in blocks)
        assert [begin for begin, _ in blocks][:2] == [0, len(blocks[0][1])]


def test_a_disk_that_is_full_at_the_end_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    def until(found: Recorded) -> bool:
        if found.frames > 20:
            monkeypatch.setattr(os, "fsync", full)
        return found.frames > 20

    begun = time.monotonic()
    with pytest.raises(DiskFull):
        recorded(tmp_path, steadily(0.001), until, Pace(flush=60.0), WsPolicy(backoff=30.0))
    assert time.monotonic() - begun < 5.0


def test_a_venue_that_hangs_up_at_the_end_is_not_dialled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end comes while the log of a broken connection is being closed."""
    closing = threading.Event()
    rotate = logs.Log.rotate

    def slow(log: logs.Log) -> Path | None:
        closing.set()
        time.sleep(0.3)
        return rotate(log)

    async def bye(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send("last")
        await socket.close(1011, "restart")

    monkeypatch.setattr(logs.Log, "rotate", slow)
    begun = time.monotonic()
    done = recorded(tmp_path, bye, lambda _: closing.is_set(), PACE, WsPolicy(backoff=30.0))
    assert time.monotonic() - begun < 5.0
    assert done.connections == 1
    assert frames(tmp_path) == [b"last"]


@pytest.mark.parametrize("seconds", [0.1, 0.15, 0.2])
def test_a_stream_that_never_rests_is_left_at_once(tmp_path: Path, seconds: float) -> None:
    async def flood(socket: ServerConnection) -> None:
        await socket.recv()
        with suppress(ConnectionClosed):
            while True:
                for _ in range(50):
                    await socket.send("{}")
                await asyncio.sleep(0)

    begun: list[float] = []

    def until(found: Recorded) -> bool:
        begun.append(time.monotonic())
        return found.frames > 0 and begun[-1] - begun[0] > seconds

    done = recorded(tmp_path, flood, until)
    assert time.monotonic() - begun[-1] < 3.0
    assert len(frames(tmp_path)) == done.frames


def test_a_subscription_that_the_venue_ends_is_made_anew_by_another_connection(tmp_path: Path) -> None:
    """Snapshots cannot be had of one that is over (reference/kalshi section 7), while other channels go on."""

    async def overflowing(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"type":"error","sid":2,"msg":{"code":25,"msg":"Subscription buffer overflow"}}')
        await socket.wait_closed()

    recorded(tmp_path, overflowing, lambda r: r.connections >= 3)
    assert len(segments(tmp_path)) >= 2


def test_a_venue_that_never_answers_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        url = "ws://127.0.0.1:1"
        dial = partial(opened, url, name="v", policy=WsPolicy(), metrics=WsMetrics())
        feed = CallbackFeed("kalshi", 0, url, (A,), dial, hello, nothing, change, read_frame)
        task = asyncio.create_task(
            record(feed, tmp_path, listener="l", epoch=1, stop=stop, policy=WsPolicy(), pace=PACE, recorded=Recorded())
        )
        await asyncio.sleep(0.1)
        stop.set()
        await asyncio.wait_for(task, 1.0)

    asyncio.run(main())
    assert segments(tmp_path) == []


def test_a_refusal_that_waiting_cannot_mend_ends_the_recording(tmp_path: Path) -> None:
    async def main() -> None:
        dial = partial(opened, "ws://127.0.0.1:1", name="v", policy=FAST, metrics=WsMetrics(), headers=_unauthorized)
        feed = CallbackFeed("kalshi", 0, "", (A,), dial, hello, nothing, change, read_frame)
        await record(
            feed, tmp_path, listener="l", epoch=1, stop=asyncio.Event(), policy=FAST, pace=PACE, recorded=Recorded()
        )

    with pytest.raises(Unauthorized):
        asyncio.run(asyncio.wait_for(main(), 5))


def _unauthorized() -> dict[str, str]:
    raise Unauthorized("no")


def test_kalshi_without_a_key_says_what_to_set() -> None:
    with pytest.raises(BadSettings, match="KALSHI_API_KEY"):
        feeds_of(load_settings({}), [A], WsMetrics())


def test_polymarket_tokens_are_spread_over_connections_of_500() -> None:
    instruments = [Instrument(f"polymarket:{n}", (f"{n}-0", f"{n}-1")) for n in range(501)]
    feeds = feeds_of(load_settings({}), instruments, WsMetrics())
    assert [(f.number, len(f.instruments)) for f in feeds] == [(0, 250), (1, 250), (2, 1)]
    assert [i for f in feeds for i in f.instruments] == instruments


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ({}, "external-api-ws.kalshi.com"),
        ({"KALSHI_USE_DEMO": "1"}, "external-api-ws.demo.kalshi.co"),
        ({"KALSHI_USE_DEMO": "1", "KALSHI_WS_URL": "ws://mine/x"}, "mine"),
    ],
)
def test_the_stream_is_where_the_settings_say(given: dict[str, str], host: str) -> None:
    assert host in load_settings(given).kalshi_stream_url
