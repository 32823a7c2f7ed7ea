"""A shift: what it records is durable however it ends, and no two write as one listener."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.domain.latest import LatestState
from echelon_pipeline.errors import Conflict, DatabaseUnavailable, NotFound, Unauthorized
from echelon_pipeline.state.database import State
from echelon_pipeline.state.shift_lease import ShiftLease, holders
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.record import Pace
from echelon_pipeline.streams.segments import CLOSED, OPEN, Connection, connection_of, read, segments
from echelon_pipeline.streams.shift import work
from echelon_pipeline.streams.shift_spec import ShiftSpec, Times, Worked
from echelon_pipeline.venues.kalshi import live as kalshi
from echelon_pipeline.venues.ws import WsMetrics, WsPolicy, opened

A, B, C = (Instrument(f"kalshi:{name}", (name,)) for name in "ABC")
FAST = WsPolicy(open_timeout=2.0, backoff=0.01, backoff_max=0.02)
PACE = Pace(flush=0.02, segment=60.0)
TIMES = Times(shift=60.0, overlap=10.0, lease=0.3, discover=0.05, emit=0.02, retry=0.05)


@dataclass
class Venue:
    """Sends the book of every ticker that is asked for; meanwhile it counts, to all connections at once."""

    url: str = ""
    sent: int = 0
    open: set[ServerConnection] = field(default_factory=set)
    asked: list[list[str]] = field(default_factory=list)

    async def serve(self, socket: ServerConnection) -> None:
        self.open.add(socket)
        for sid, channel in enumerate(kalshi.CHANNELS, start=1):
            await socket.send(json.dumps({"type": "subscribed", "msg": {"channel": channel, "sid": sid}}))
        seq = 0
        async for message in socket:
            command = json.loads(message)
            tickers = command["params"].get("market_tickers", [])
            is_book = command["params"].get("sid", 1) == 1 and command["params"].get("action") != "delete_markets"
            for ticker in tickers if is_book else ():
                seq += 1
                msg = {"market_ticker": ticker, "yes_dollars_fp": [["0.40", "1.00"]], "no_dollars_fp": []}
                await socket.send(json.dumps({"type": "orderbook_snapshot", "sid": 1, "seq": seq, "msg": msg}))
            self.asked += [tickers] if command["cmd"] == "subscribe" and tickers else []
        self.open.remove(socket)

    async def count(self) -> None:
        while True:
            for socket in list(self.open):
                with suppress(ConnectionClosed):
                    await socket.send(json.dumps({"type": "ticker", "number": self.sent}))
            self.sent += 1
            await asyncio.sleep(0.005)

    def feed(self, number: int, instruments: Sequence[Instrument]) -> kalshi.MarketFeed:
        dial = partial(opened, self.url, name="v", policy=FAST, metrics=WsMetrics())
        return kalshi.MarketFeed(self.url, dial, number, tuple(instruments))


@asynccontextmanager
async def venue() -> AsyncIterator[Venue]:
    made = Venue()
    async with serve(made.serve, "127.0.0.1", 0, close_timeout=0.2) as server:
        made.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        counting = asyncio.create_task(made.count())
        yield made
        counting.cancel()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(f"sqlite:///{tmp_path / 'state.sqlite'}") as made:
        yield made


@dataclass
class Office:
    """A listener of tests: what it wants, and what its shifts told."""

    state: State
    root: Path
    venue: Venue
    wanted: Sequence[Instrument] | None = (A, B)
    emitted: list[LatestState] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)

    def discover(self) -> Sequence[Instrument] | None:
        return self.wanted

    def spec(self, owner: str, times: Times = TIMES, tokens: int = 10) -> ShiftSpec:
        right = ShiftLease.begin(self.state, "l", owner, times.lease)
        assert right is not None
        return ShiftSpec(
            *("l", self.root, right, self.discover, lambda: self.wanted is not None, self.venue.feed, tokens),
            *(self.emitted.extend, self.closed.append, FAST, PACE, times),
        )


Script = Callable[[Office], Awaitable[None]]


def acted(state: State, root: Path, script: Script) -> Office:
    """An office in which something happens."""
    found: list[Office] = []

    async def main() -> None:
        async with venue() as made:
            found.append(Office(state, root / "capture", made))
            await script(found[0])

    asyncio.run(asyncio.wait_for(main(), 30))
    return found[0]


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def stopped(task: asyncio.Task[Worked], stop: asyncio.Event) -> Worked:
    begun = time.monotonic()
    stop.set()
    done = await task
    assert time.monotonic() - begun < 5.0
    return done


def numbers(path: Path) -> list[int]:
    """The venue's numbers in a segment."""
    payloads = [json.loads(payload) for block in read(path) for _, payload in block.pairs()]
    return [payload["number"] for payload in payloads if "number" in payload]


def live(office: Office) -> set[str]:
    """Instruments whose latest state is a live book."""
    latest = {row.instrument_id: row.state for row in office.emitted}
    return {name for name, state in latest.items() if state == "live"}


def test_a_shift_that_is_told_to_stop_has_everything_durable_and_its_lease_given_back(
    state: State, tmp_path: Path
) -> None:
    async def script(office: Office) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(work(office.spec("a"), stop))
        await until(lambda: live(office) == {"kalshi:A", "kalshi:B"})
        assert ShiftLease.begin(state, "l", "b", 30) is None
        done = await stopped(task, stop)
        assert (done.epoch, done.ended, done.connections, done.refused) == (1, "stopped", 1, {})
        assert done.segments == 1
        assert done.frames > 5

    office = acted(state, tmp_path, script)
    [path] = segments(office.root)
    assert (path.suffix, office.closed) == (CLOSED, [path])
    found = numbers(path)
    assert found == list(range(found[0], found[-1] + 1))
    assert connection_of(path).epoch == 1
    assert {row.reason for row in office.emitted[-2:]} == {"not_watched"}
    assert ShiftLease.begin(state, "l", "b", 30) is not None


def test_instruments_come_and_go_and_a_feed_ends_with_its_last_one(state: State, tmp_path: Path) -> None:
    async def script(office: Office) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(work(office.spec("a", tokens=2), stop))
        await until(lambda: live(office) == {"kalshi:A", "kalshi:B"})
        office.wanted = (B, C)
        await until(lambda: live(office) == {"kalshi:B", "kalshi:C"})
        assert office.venue.asked == [["A", "B"]]  # on the same connection
        office.wanted = (A, B, C)
        await until(lambda: live(office) == {"kalshi:A", "kalshi:B", "kalshi:C"})
        assert office.venue.asked == [["A", "B"], ["A"]]
        office.wanted = (A,)
        await until(lambda: live(office) == {"kalshi:A"})
        await until(lambda: len(office.closed) == 1)
        office.wanted = (A, B)
        await until(lambda: live(office) == {"kalshi:A", "kalshi:B"})
        office.wanted = None
        assert (await task).ended == "unwanted"

    office = acted(state, tmp_path, script)
    assert {connection_of(path).feed for path in segments(office.root)} == {0, 1}


def test_what_cannot_be_chosen_now_leaves_what_is_watched(state: State, tmp_path: Path) -> None:
    async def script(office: Office) -> None:
        failures: list[str] = []

        def discover() -> Sequence[Instrument]:
            if live(office):
                failures.append("nothing is published")
                raise NotFound(failures[-1])
            return (A,)

        stop = asyncio.Event()
        task = asyncio.create_task(work(replace(office.spec("a"), discover=discover), stop))
        await until(lambda: len(failures) > 2)
        assert live(office) == {"kalshi:A"}
        await stopped(task, stop)

    acted(state, tmp_path, script)


def test_a_feed_that_is_refused_is_asked_again_and_ends_no_other(state: State, tmp_path: Path) -> None:
    async def script(office: Office) -> None:
        refused: list[int] = []

        def feed(number: int, instruments: Sequence[Instrument]) -> kalshi.MarketFeed:
            if number == 0 and len(refused) < 3:
                refused.append(number)
                raise Unauthorized("no key")
            return office.venue.feed(number, instruments)

        stop = asyncio.Event()
        task = asyncio.create_task(work(replace(office.spec("a", tokens=1), feed=feed), stop))
        await until(lambda: "kalshi:B" in live(office))
        await until(lambda: live(office) == {"kalshi:A", "kalshi:B"})
        assert (await stopped(task, stop)).refused == {"no key": 3}

    acted(state, tmp_path, script)


def test_a_successor_records_before_the_shift_ends_and_neither_loses(state: State, tmp_path: Path) -> None:
    async def script(office: Office) -> None:
        times = replace(TIMES, shift=1.0, overlap=0.6)
        first = asyncio.create_task(work(office.spec("a", times), asyncio.Event()))
        await until(lambda: live(office) == {"kalshi:A", "kalshi:B"})
        assert ShiftLease.begin(state, "l", "b", 30) is None
        await until(lambda: holders(state, "l")[1] is not None)
        stop, told = asyncio.Event(), len(office.emitted)
        second = asyncio.create_task(work(office.spec("b"), stop))
        await until(lambda: any(connection_of(p).epoch == 2 and p.stat().st_size > 900 for p in segments(office.root)))
        assert not first.done()
        assert (await first).ended == "over"
        await asyncio.sleep(0.3)
        assert {row.state for row in office.emitted[told:]} == {"live"}
        done = await stopped(second, stop)
        assert (done.epoch, done.recovered) == (2, 0)

    office = acted(state, tmp_path, script)
    paths = segments(office.root)
    assert {p.suffix for p in paths} == {CLOSED}
    by_epoch = {connection_of(p).epoch: set(numbers(p)) for p in paths}
    assert by_epoch[1]
    assert by_epoch[2]
    assert by_epoch[1] | by_epoch[2] == set(range(min(by_epoch[1]), max(by_epoch[2]) + 1))
    assert min(by_epoch[2]) < max(by_epoch[1])


def test_what_a_stale_shift_gets_after_it_lost_its_lease_is_in_no_segment(state: State, tmp_path: Path) -> None:
    async def script(office: Office) -> None:
        first = asyncio.create_task(work(office.spec("a", replace(TIMES, lease=60.0)), asyncio.Event()))
        await until(lambda: live(office) and any(p.stat().st_size > 2_000 for p in segments(office.root)))
        with state.begin() as connection:  # as if it had been asleep for longer than a lease
            connection.execute(sa.text("UPDATE leases SET expires_at = 0"))
        stop = asyncio.Event()
        second = asyncio.create_task(work(office.spec("b"), stop))
        lost = office.venue.sent
        begun = time.monotonic()
        with pytest.raises(Conflict):
            await first
        assert time.monotonic() - begun < 1.0
        await until(lambda: office.venue.sent > lost + 50)
        done = await stopped(second, stop)
        assert (done.epoch, done.recovered) == (2, 1)
        stale = [n for p in segments(office.root) if connection_of(p).epoch == 1 for n in numbers(p)]
        assert stale
        assert max(stale) <= lost

    office = acted(state, tmp_path, script)
    assert {p.suffix for p in segments(office.root)} == {CLOSED}


def test_what_a_dead_shift_left_open_is_closed_but_not_what_one_that_ends_still_writes(
    state: State, tmp_path: Path
) -> None:
    async def script(office: Office) -> None:
        for epoch, name in ((1, "dead"), (9, "later")):
            log = Log(office.root, Connection("kalshi", "l", epoch, 0, name, ""), [A])
            log.add(1, b"{}")
            log.flush()
            log.abandon()
        office.spec("dead").right.release()  # epoch 1
        ending = office.spec("ending").right
        ending.hand_over(60)
        stop = asyncio.Event()
        task = asyncio.create_task(work(office.spec("a"), stop))
        await until(lambda: live(office))
        assert office.closed == []
        ending.release()
        await until(lambda: office.closed)
        done = await stopped(task, stop)
        assert (done.epoch, done.recovered) == (3, 1)

    office = acted(state, tmp_path, script)
    assert [p.parent.name for p in segments(office.root) if p.suffix == OPEN] == ["later"]
    assert office.closed[0].parent.name == "dead"


def test_a_state_database_that_is_away_for_a_moment_ends_no_shift(state: State, tmp_path: Path) -> None:
    class Flaky:
        def __init__(self, right: ShiftLease) -> None:
            self.epoch, self._right, self.failed = right.epoch, right, 0

        def renew(self) -> None:
            self.failed += 1
            if self.failed < 3:
                raise DatabaseUnavailable("restarting")
            self._right.renew()

        def __getattr__(self, name: str) -> object:
            return getattr(self._right, name)

    async def script(office: Office) -> None:
        stop = asyncio.Event()
        spec = office.spec("a")
        flaky = Flaky(spec.right)  # type: ignore[arg-type]
        task = asyncio.create_task(work(replace(spec, right=flaky), stop))  # type: ignore[arg-type]
        await until(lambda: flaky.failed > 4 and live(office))
        assert (await stopped(task, stop)).ended == "stopped"

    acted(state, tmp_path, script)


def test_latest_states_that_could_not_be_sent_are_sent_later(state: State, tmp_path: Path) -> None:
    async def script(office: Office) -> None:
        calls = threading.Semaphore(3)

        def emit(rows: Sequence[LatestState]) -> None:
            if calls.acquire(blocking=False):
                raise DatabaseUnavailable("the store is away")
            office.emitted.extend(rows)

        stop = asyncio.Event()
        task = asyncio.create_task(work(replace(office.spec("a"), emit=emit), stop))
        await until(lambda: live(office) == {"kalshi:A", "kalshi:B"})
        await stopped(task, stop)

    acted(state, tmp_path, script)


def test_a_fault_of_the_code_ends_the_shift_with_everything_closed(state: State, tmp_path: Path) -> None:
    async def script(office: Office) -> None:
        def emit(rows: Sequence[LatestState]) -> None:
            if any(row.state == "live" for row in rows):
                raise ZeroDivisionError("a bug")

        with pytest.raises(ZeroDivisionError):
            await work(replace(office.spec("a"), emit=emit), asyncio.Event())

    office = acted(state, tmp_path, script)
    assert [p.suffix for p in segments(office.root)] == [CLOSED]
    assert ShiftLease.begin(state, "l", "b", 30) is not None
