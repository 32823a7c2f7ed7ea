"""Instruments that come and go: where each has its place, and from which frame on it counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.rows import BookState
from echelon_pipeline.errors import Conflict, CorruptStore
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.record import Pace, Recorded, record
from echelon_pipeline.streams.replay import book_of
from echelon_pipeline.streams.segments import OPEN, Connection, left_open, read, recover, segments
from echelon_pipeline.streams.watchlist import CHANGES, WatchChange, Watchlist, watched_of
from echelon_pipeline.venues.kalshi import live as kalshi
from echelon_pipeline.venues.live import placed, tokens_of
from echelon_pipeline.venues.polymarket import live as polymarket
from echelon_pipeline.venues.ws import WsMetrics, WsPolicy, opened

SECOND = 1_000_000
A, B, C = (Instrument(f"kalshi:{name}", (name,)) for name in "ABC")
ABOUT = Connection("kalshi", "l", 1, 0, "c", "wss://example.test")
FAST = WsPolicy(open_timeout=2.0, backoff=0.01, backoff_max=0.02)
PACE = Pace(flush=0.02, segment=60.0)


# --- places

INSTRUMENTS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 2)), unique_by=lambda i: i[0], max_size=25)


def made(some: list[tuple[int, int]]) -> list[Instrument]:
    return [Instrument(f"v:{n}", tuple(f"{n}-{t}" for t in range(count))) for n, count in some]


@settings(max_examples=60)
@given(INSTRUMENTS, INSTRUMENTS, st.integers(2, 7))
def test_everybody_has_one_place_keeps_it_and_no_connection_has_too_many_tokens(
    first: list[tuple[int, int]], second: list[tuple[int, int]], most: int
) -> None:
    before = placed({}, made(first), most)
    wanted = made([(n, next((c for m, c in first if m == n), count)) for n, count in second])
    after = placed(before, wanted, most)
    assert sorted(i.instrument_id for some in after.values() for i in some) == sorted(i.instrument_id for i in wanted)
    assert all(0 < len(tokens_of(some)) <= most for some in after.values())
    places = {i.instrument_id: number for number, some in before.items() for i in some}
    for number, some in after.items():
        assert all(places.get(i.instrument_id, number) == number for i in some)


def test_new_instruments_fill_what_others_left_free() -> None:
    assert placed({}, [A, B, C], 2) == {0: [A, B], 1: [C]}
    assert placed({0: [A, B], 1: [C]}, [B, C], 2) == {0: [B], 1: [C]}
    assert placed({0: [A], 1: [C]}, [C, B], 1) == {0: [B], 1: [C]}
    assert placed({0: [A]}, [], 1) == {}


# --- what a folder says


def snapshot(ticker: str, seq: int) -> bytes:
    msg = {"market_ticker": ticker, "yes_dollars_fp": [["0.40", f"{seq}.00"]], "no_dollars_fp": []}
    return json.dumps({"type": "orderbook_snapshot", "sid": 1, "seq": seq, "msg": msg}).encode()


def told(root: Path) -> Path:
    """Frames 0 to 3 of A, B, B, A; B comes with frame 2 and A goes with frame 3."""
    log = Log(root, ABOUT, [A])
    for number, ticker in enumerate("ABBA"):
        if number >= 2:
            log.rewatch(WatchChange(2, add=(B,)) if number == 2 else WatchChange(3, drop=("kalshi:A",)))
        log.add((10 + number) * SECOND, snapshot(ticker, number + 1))
    log.flush()
    path = log.rotate()
    assert path is not None
    return path


def test_a_frame_counts_for_an_instrument_from_the_number_that_was_said(tmp_path: Path) -> None:
    path = told(tmp_path)
    assert [(first, list(watched)) for first, watched in watched_of(path)] == [
        (0, ["kalshi:A"]),
        (2, ["kalshi:A", "kalshi:B"]),
        (3, ["kalshi:B"]),
    ]

    def size(name: str, second: float) -> int | None:
        row = book_of([path], name, until=int(second * SECOND))
        return row.bids[0][1] // SECOND if row is not None and row.state is BookState.LIVE else None

    assert [size("kalshi:A", at) for at in (10.5, 12.5, 13.5)] == [1, 1, None]
    assert [size("kalshi:B", at) for at in (11.5, 12.5, 13.5)] == [None, 3, 3]


def test_a_folder_without_changes_watches_what_it_was_opened_for(tmp_path: Path) -> None:
    path = told(tmp_path)
    (path.parent / CHANGES).unlink()
    assert watched_of(path) == [(0, {"kalshi:A": A})]


def test_a_line_that_was_not_finished_does_not_count_and_one_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = told(tmp_path)
    changes = path.parent / CHANGES
    whole = changes.read_bytes()
    changes.write_bytes(whole[:-1])
    assert [first for first, _ in watched_of(path)] == [0, 2]
    changes.write_bytes(b"{}\n" + whole)
    with pytest.raises(CorruptStore, match=CHANGES):
        watched_of(path)


# --- while a connection runs


def followed(
    root: Path, script: Callable[[Watchlist, Recorded], None], fence: Callable[[], None] = lambda: None
) -> tuple[list[object], Recorded]:
    """Records a venue that acknowledges two channels and tells what it was sent; ``script`` acts after each frame."""
    said: list[object] = []
    found = Recorded()

    async def venue(socket: ServerConnection) -> None:
        for sid, channel in enumerate(kalshi.CHANNELS, start=1):
            frame = {"type": "subscribed", "msg": {"channel": channel, "sid": sid}}
            await socket.send(json.dumps(frame))
        async for message in socket:
            said.append(json.loads(message))
            await socket.send("{}")

    async def main() -> None:
        stop, watchlist = asyncio.Event(), Watchlist([A, B])
        async with serve(venue, "127.0.0.1", 0, close_timeout=0.2) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            dial = partial(opened, url, name="v", policy=FAST, metrics=WsMetrics())
            feed = kalshi.MarketFeed(url, dial, 0, ())
            work = record(
                *(feed, root), listener="l", epoch=1, stop=stop, policy=FAST, pace=PACE, recorded=found,
                watchlist=watchlist, fence=fence,
            )  # fmt: skip
            task = asyncio.create_task(work)
            for _ in range(40):
                await asyncio.sleep(0.02)
                script(watchlist, found)
            stop.set()
            await task

    asyncio.run(asyncio.wait_for(main(), 20))
    return said, found


def test_a_connection_follows_its_roster_and_says_so_before_it_asks(tmp_path: Path) -> None:
    durable: list[bool] = []

    def script(watchlist: Watchlist, found: Recorded) -> None:
        if found.frames >= 4:  # two acknowledgements, two answers to the greeting
            watchlist.want([B, C])
        durable.append(any(path.exists() for path in tmp_path.glob(f"*/*/{CHANGES}")))

    said, found = followed(tmp_path, script)
    updates = [m["params"] for m in said if isinstance(m, dict) and m["cmd"] == "update_subscription"]
    assert updates == [
        {"sid": 1, "market_tickers": ["C"], "action": "add_markets"},
        {"sid": 1, "market_tickers": ["A"], "action": "delete_markets"},
        {"sid": 2, "market_tickers": ["C"], "action": "add_markets"},
        {"sid": 2, "market_tickers": ["A"], "action": "delete_markets"},
    ]
    assert durable[-1]
    [path] = segments(tmp_path)
    assert [(first, list(watched)) for first, watched in watched_of(path)] == [
        (0, ["kalshi:A", "kalshi:B"]),
        (4, ["kalshi:B", "kalshi:C"]),
    ]
    assert found.connections == 1


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_what_comes_and_goes_is_asked_for_in_the_venues_words(venue: str) -> None:
    sent: list[object] = []

    class Wire:
        async def send(self, message: object) -> None:
            sent.append(message)

    module = kalshi if venue == "kalshi" else polymarket
    sids = dict(zip(kalshi.CHANNELS, (7, 8), strict=True))
    dial = partial(opened, "ws://127.0.0.1", name="v", policy=FAST, metrics=WsMetrics())
    asyncio.run(module.MarketFeed("ws://127.0.0.1", dial, 0, ()).change(Wire(), ["new"], ["old"], sids))
    if venue == "kalshi":
        assert len(sent) == 4
    else:
        assert sent == [
            {"operation": "unsubscribe", "assets_ids": ["old"]},
            {"operation": "subscribe", "assets_ids": ["new"], "initial_dump": True, "custom_feature_enabled": True},
        ]


# --- the right to write


def test_what_arrives_after_the_right_to_write_was_lost_is_in_no_segment(tmp_path: Path) -> None:
    lost: list[int] = []

    def fence() -> None:
        if lost:
            raise Conflict("the lease is another's")

    def script(watchlist: Watchlist, found: Recorded) -> None:
        if found.frames >= 4 and not lost and any(p.stat().st_size > 200 for p in segments(tmp_path)):
            lost.append(found.frames)
            watchlist.want([C])

    with pytest.raises(Conflict):
        followed(tmp_path, script, fence)
    [path] = segments(tmp_path)
    assert path.suffix == OPEN
    assert not (path.parent / CHANGES).exists()
    assert left_open(tmp_path, "l", before=1) == []
    assert left_open(tmp_path, "l", before=2) == [path]
    closed = recover(path)
    assert closed is not None
    assert sum(block.frames.num_rows for block in read(closed)) <= lost[0]
    with pytest.raises(Conflict):
        Log(tmp_path, Connection("kalshi", "l", 1, 0, "later", ""), [], fence)
    assert not (tmp_path / "kalshi" / "later").exists()
