"""An account's own channels: asked for with its key, recorded apart from books, and the key is nowhere else.

Belongs here: feeds and shifts against small servers. The sandbox's own account is in ``integration/``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.errors import BadSettings, VenueUnavailable
from echelon_pipeline.sandbox.server.keys import KEY_ID, key_file
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.streams.feeds import feed_maker, own_maker
from echelon_pipeline.streams.record import Pace, Recorded, record
from echelon_pipeline.streams.segments import connection_of, instruments_of, read, segments
from echelon_pipeline.streams.shift import work
from echelon_pipeline.venues.kalshi import live as kalshi
from echelon_pipeline.venues.live import OWN, Feed, patient
from echelon_pipeline.venues.polymarket import live as polymarket
from echelon_pipeline.venues.ws import Wire, WsMetrics, WsPolicy, opened
from echelon_pipeline_tests.unit.test_own_events import PLACED
from echelon_pipeline_tests.unit.test_shift import TIMES, Office, acted, live, until

KEY = {"apiKey": "the-key", "secret": "c2VjcmV0LXNlY3JldA==", "passphrase": "pass-phrase-that-is-long"}
ENVIRONMENT = {
    "POLYMARKET_API_KEY": KEY["apiKey"],
    "POLYMARKET_API_SECRET": KEY["secret"],
    "ECHELON_POLYMARKET_API_PASSPHRASE": KEY["passphrase"],
}
FAST = WsPolicy(open_timeout=2.0, backoff=0.01, backoff_max=0.02)


class Said(Wire):
    """A connection that only keeps what is said on it."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def send(self, message: object) -> None:
        self.messages.append(message)


@dataclass
class UserChannel:
    """A server that keeps what it was told and answers with an order."""

    url: str = ""
    heard: list[Any] = field(default_factory=list)

    async def serve(self, socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                self.heard.append(message)
                await socket.send("PONG" if message == "PING" else json.dumps(PLACED))


@asynccontextmanager
async def user_channel() -> AsyncIterator[UserChannel]:
    made = UserChannel()
    async with serve(made.serve, "127.0.0.1", 0, close_timeout=0.2) as server:
        made.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ws/user"
        yield made


def spoken(words: Awaitable[None]) -> None:
    async def main() -> None:
        await words

    asyncio.run(main())


def settings_of(tmp_path: Path, **environment: str) -> Settings:
    return load_settings({"ECHELON_HOME": str(tmp_path), **environment})


@pytest.mark.parametrize("missing", [*ENVIRONMENT])
def test_what_is_missing_of_an_account_s_key_is_named_and_the_rest_is_not_shown(tmp_path: Path, missing: str) -> None:
    given = {name: value for name, value in ENVIRONMENT.items() if name != missing}
    with pytest.raises(BadSettings) as refused:
        own_maker(settings_of(tmp_path, **given), "polymarket")()
    assert str(refused.value).endswith(f"set {missing}")
    assert not any(value in str(refused.value) for value in KEY.values())


def test_kalshi_s_own_channels_want_the_key_that_its_streams_want(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="KALSHI_API_KEY"):
        own_maker(settings_of(tmp_path), "kalshi")()


def test_a_key_of_polymarket_never_prints(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, **ENVIRONMENT)
    told = f"{settings!r} {own_maker(settings, 'polymarket')()!r}"
    assert not any(value in told for value in KEY.values())


def test_kalshi_s_own_channels_are_asked_for_without_tickers(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, KALSHI_API_KEY=KEY_ID, KALSHI_PRIVATE_KEY_PATH=str(key_file()))
    wire = Said()
    spoken(own_maker(settings, "kalshi")().greet(wire, ()))
    assert wire.messages == [
        {"id": 1, "cmd": "subscribe", "params": {"channels": ["fill", "market_positions", "user_orders"]}}
    ]


def test_quotes_of_kalshi_are_a_channel_more_and_follow_the_tickers(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, KALSHI_API_KEY=KEY_ID, KALSHI_PRIVATE_KEY_PATH=str(key_file()))
    feed = feed_maker(settings, "kalshi", quotes=True)[0](0, ())
    assert (feed.quotes, feed.channels) == (True, ("orderbook_delta", "trade"))  # no book waits for quotes
    wire = Said()
    spoken(feed.greet(wire, ["A"]))
    asked = [(m["params"]["channels"], m["params"].get("market_tickers")) for m in wire.messages]
    assert asked == [(["orderbook_delta", "trade"], ["A"]), (["market_lifecycle_v2"], None), (["ticker"], ["A"])]
    wire.messages = []
    sids = {"orderbook_delta": 1, "trade": 2, "ticker": 3}
    spoken(feed.change(wire, ["B"], [], sids))
    assert [m["params"]["sid"] for m in wire.messages] == [1, 2, 3]
    wire.messages = []
    spoken(feed.change(wire, ["B"], [], {"orderbook_delta": 1, "trade": 2}))
    assert [m["params"]["sid"] for m in wire.messages] == [1, 2]
    wire.messages = []
    spoken(feed_maker(settings, "kalshi")[0](0, ()).greet(wire, ["A"]))
    assert '"ticker"' not in json.dumps(wire.messages)


@pytest.mark.parametrize("quotes", [True, False])
def test_polymarket_s_quotes_are_wanted_in_tables_where_a_listener_says_so(tmp_path: Path, quotes: bool) -> None:
    make, _ = feed_maker(settings_of(tmp_path), "polymarket", quotes=quotes)
    assert make(0, (Instrument("polymarket:0x1", ("1", "2")),)).quotes is quotes


def test_an_account_s_orders_are_recorded_and_its_key_is_in_no_file_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    done = Recorded()

    async def main() -> None:
        async with user_channel() as venue:
            settings = settings_of(tmp_path, **ENVIRONMENT, ECHELON_POLYMARKET_USER_WS_URL=venue.url)
            feed, stop = own_maker(settings, "polymarket")(), asyncio.Event()
            given: dict[str, Any] = {"policy": FAST, "pace": Pace(flush=0.02), "recorded": done, "stop": stop}
            task = asyncio.create_task(record(feed, settings.capture_root, listener="me", epoch=1, **given))
            await until(lambda: done.frames)
            stop.set()
            await task
            assert [json.loads(message) for message in venue.heard] == [{"type": "user", "auth": KEY}]

    asyncio.run(asyncio.wait_for(main(), 20))
    [path] = segments(tmp_path / "capture")
    about = connection_of(path)
    assert (about.feed, about.listener, about.quotes, instruments_of(path)) == (OWN, "me", False, [])
    assert [payload for block in read(path) for _, payload in block.pairs()] == [json.dumps(PLACED).encode()]
    ours = [r.getMessage().encode() for r in caplog.records if r.name != "websockets.server"]
    written = b"".join([*(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()), *ours])
    assert b"127.0.0.1" in written
    assert not any(value.encode() in written for value in KEY.values())


def test_a_venue_that_hangs_up_on_an_account_again_and_again_leaves_no_folders(tmp_path: Path) -> None:
    """Polymarket's channel says nothing of a wrong key: it closes."""
    done = Recorded()

    async def hang_up(socket: ServerConnection) -> None:
        await socket.recv()

    async def main() -> None:
        async with serve(hang_up, "127.0.0.1", 0, close_timeout=0.2) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ws/user"
            settings = settings_of(tmp_path, **ENVIRONMENT, ECHELON_POLYMARKET_USER_WS_URL=url)
            feed, stop = own_maker(settings, "polymarket")(), asyncio.Event()
            given: dict[str, Any] = {"policy": FAST, "pace": Pace(flush=0.02), "recorded": done, "stop": stop}
            task = asyncio.create_task(record(feed, settings.capture_root, listener="me", epoch=1, **given))
            await until(lambda: done.connections >= 3)
            stop.set()
            await task

    asyncio.run(asyncio.wait_for(main(), 20))
    assert list((tmp_path / "capture" / "polymarket").iterdir()) == []


def test_an_account_that_does_nothing_keeps_its_connection() -> None:
    async def heard(policy: WsPolicy) -> None:
        async with user_channel() as venue, opened(venue.url, name="v", policy=policy, metrics=WsMetrics()) as wire:
            async with asyncio.timeout(0.3):
                async for _ in wire.frames():
                    pass

    quick = replace(FAST, silence=0.05)
    with pytest.raises(VenueUnavailable, match="no data"):
        asyncio.run(heard(quick))
    with pytest.raises(TimeoutError):
        asyncio.run(heard(patient(quick)))


def own_feed(office: Office) -> Feed:
    """Of the books' venue of ``test_shift``: any frame of it will do."""
    market = office.venue.feed(0, ())
    return kalshi.OwnFeed(market.url, market.connect)


@pytest.fixture
def state(tmp_path: Path) -> Any:
    with State(f"sqlite:///{tmp_path / 'state.sqlite'}") as made:
        yield made


def test_a_shift_records_the_account_beside_its_books_and_without_any(state: State, tmp_path: Path) -> None:
    async def script(office: Office) -> None:
        stop = asyncio.Event()
        spec = replace(office.spec("a"), own=lambda: own_feed(office))
        task = asyncio.create_task(work(spec, stop))
        await until(lambda: live(office) == {"kalshi:A", "kalshi:B"})
        office.wanted = []
        await until(lambda: len(office.venue.open) == 1)  # the account's, where there is nothing to watch
        stop.set()
        done = await task
        assert (done.connections, done.refused) == (2, {})

    office = acted(state, tmp_path, script)
    found = {connection_of(path).feed: path for path in segments(office.root)}
    assert set(found) == {0, OWN}
    assert instruments_of(found[OWN]) == []
    assert sorted(office.closed) == sorted(found.values())
    assert {row.instrument_id for row in office.emitted} == {"kalshi:A", "kalshi:B"}


def test_an_account_without_a_key_keeps_no_book_from_being_recorded(state: State, tmp_path: Path) -> None:
    def refused() -> Feed:
        raise BadSettings("set THE_KEY")

    async def script(office: Office) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(work(replace(office.spec("a"), own=refused), stop))
        await until(lambda: live(office) == {"kalshi:A", "kalshi:B"})
        stop.set()
        done = await task
        assert (done.connections, set(done.refused)) == (1, {"set THE_KEY"})

    acted(state, tmp_path, script)
    assert TIMES.retry < 1


def test_polymarket_s_own_feed_is_of_the_user_endpoint(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, **ENVIRONMENT)
    feed = polymarket.own_feed(settings, WsMetrics())
    assert (feed.url, feed.number, feed.instruments) == (settings.polymarket_user_ws_url, OWN, ())
    assert feed.url.endswith("/ws/user")
