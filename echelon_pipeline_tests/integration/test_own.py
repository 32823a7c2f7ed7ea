"""The sandbox's account on both venues: what it does is told in the venues' words, recorded, and in tables exactly.

Belongs here: the account of the sandbox, through sockets and through the whole way to rows.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from websockets.exceptions import ConnectionClosed

from echelon_pipeline.books.events import OwnFill, OwnOrder
from echelon_pipeline.lake.session import Session
from echelon_pipeline.sandbox.server.app import build_app
from echelon_pipeline.sandbox.server.keys import API_KEY
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.sandbox.universe.account import UNIT, Account, Order, fee_of
from echelon_pipeline.sandbox.universe.randomness import Digests
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.streams.book_tables import derive_hour
from echelon_pipeline.streams.feeds import feed_maker, own_maker
from echelon_pipeline.streams.intents import export_listeners
from echelon_pipeline.streams.record import Recorded, record
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline.streams.segments import connection_of, read, segments
from echelon_pipeline.venues.live import OWN, Feed
from echelon_pipeline.venues.polymarket import stream as polymarket
from echelon_pipeline_tests.clients.local import universe
from echelon_pipeline_tests.clients.served import Served, sandbox_keys, signed
from echelon_pipeline_tests.integration.test_record import (
    FAST,
    PACE,
    UNIVERSE,
    control,
    kalshi_instruments,
    polymarket_instruments,
)
from echelon_pipeline_tests.integration.test_sandbox_kalshi_stream import Client, check
from echelon_pipeline_tests.loaded import job_of
from echelon_pipeline_tests.pipeline import VENUES
from echelon_pipeline_tests.state_databases import intents_within

PLACE = {"do": "place", "outcome": 0, "is_buy": True, "price": "0.42", "size": "10"}


# --- the account


@pytest.fixture
def account() -> Account:
    return Account(Digests(7))


def bid(**more: Any) -> Order:
    given: dict[str, Any] = {"venue": "kalshi", "row": 3, "outcome": 0, "is_buy": True, "price": 4200}
    given |= {"size": 10 * UNIT, "client_order_id": "mine", "placed_us": 1, "changed_us": 1}
    return Order(0, "", **{**given, **more})


def test_fills_add_up_to_the_order_and_move_the_position(account: Account) -> None:
    name = account.place(bid()).order.order_id
    first = account.fill(name, 4 * UNIT, 2, is_maker=False)
    second = account.fill(name, 6 * UNIT, 3, is_maker=True)
    assert (first.order.remaining, second.order.remaining) == (6 * UNIT, 0)
    assert (first.fee, second.fee) == (fee_of(4200, 4 * UNIT), 0)
    assert fee_of(4200, 4 * UNIT) == 683  # 0.07 x 4 x 0.42 x 0.58 = 0.068208, rounded up
    assert (second.position.size, second.position.volume, second.order.paid) == (10 * UNIT, 10 * UNIT, (16800, 25200))
    assert first.trade_id != second.trade_id
    with pytest.raises(ValueError, match="no open order"):
        account.fill(name, 1, 4, is_maker=True)


def test_who_buys_no_is_short_of_yes_and_a_cancelled_order_is_over(account: Account) -> None:
    no = account.place(bid(outcome=1))
    assert (no.order.is_yes, no.order.price_0) == (False, 5800)
    assert account.fill(no.order.order_id, UNIT, 2, is_maker=True).position.size == -UNIT
    done = account.cancel(no.order.order_id, 3)
    assert (done.order.remaining, done.order.filled) == (0, UNIT)
    with pytest.raises(ValueError, match="no open order"):
        account.cancel(no.order.order_id, 4)
    with pytest.raises(ValueError, match="between 0 and 1"):
        account.place(bid(price=0))


# --- what is told


def test_every_frame_of_kalshi_s_private_channels_fits_the_specification() -> None:
    client = Client()
    row, other = client.open_rows(2)
    client.send("subscribe", channels=["fill", "market_positions", "user_orders"])
    account, frames = client.world.account, []
    for outcome, is_buy in ((0, True), (1, True), (0, False)):
        event = account.place(bid(row=row, outcome=outcome, is_buy=is_buy, placed_us=client.us, changed_us=client.us))
        name = event.order.order_id
        frames += client.read(client.session.account_event(event))
        frames += client.read(
            client.session.account_event(account.fill(name, 3 * UNIT, client.us, is_maker=outcome == 1))
        )
        frames += client.read(client.session.account_event(account.cancel(name, client.us)))
    assert [f["type"] for f in frames[:5]] == ["user_order", "user_order", "fill", "market_position", "user_order"]
    assert all("seq" not in frame for frame in frames)
    told = [(f["msg"]["outcome_side"], f["msg"]["yes_price_dollars"]) for f in frames if f["type"] == "fill"]
    assert told == [("yes", "0.4200"), ("no", "0.5800"), ("no", "0.4200")]
    assert [f["msg"]["position_fp"] for f in frames if f["type"] == "market_position"] == ["3.00", "0.00", "-3.00"]
    narrow = Client(client.world)
    narrow.send("subscribe", channels=["user_orders"], market_tickers=narrow.tickers(other))
    assert narrow.session.account_event(event) == []
    for frame in frames:
        check(frame)  # skips where there is no specification


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(build_app(universe(), keys=sandbox_keys())) as served:
        yield served


def event(served: Served, **body: Any) -> Any:
    return served.post("/__sandbox__/account", body)


def condition(served: Served) -> str:
    assert served.hub.world is not None
    books = served.hub.world.polymarket.books
    row = next(i for i in range(len(books.venue)) if books.is_open(i, served.hub.us))
    return served.hub.world.instrument("polymarket", row)


def test_the_user_channel_tells_its_account_alone_and_only_of_the_markets_it_asked_for(served: Served) -> None:
    asked = {"type": "user", "auth": API_KEY}
    everything, elsewhere, stranger = (served.open(served.user) for _ in range(3))
    everything.send(json.dumps(asked))
    elsewhere.send(json.dumps({**asked, "markets": ["0xother"]}))
    stranger.send(json.dumps({**asked, "auth": API_KEY | {"passphrase": "guessed"}}))
    with pytest.raises(ConnectionClosed):
        stranger.recv(timeout=5)
    for socket in (everything, elsewhere):
        socket.send("PING")
        assert socket.recv(timeout=5) == "PONG"
    order = event(served, **PLACE, instrument=condition(served))
    event(served, do="fill", order_id=order["order_id"], size="2.5", is_maker=True)
    frames = [str(everything.recv(timeout=5)) for _ in range(4)]
    events = [event for frame in frames for event in polymarket.read(frame.encode()).events]
    told = [(e.change, e.filled) if isinstance(e, OwnOrder) else (e.status, e.size) for e in events
            if isinstance(e, OwnOrder | OwnFill)]  # fmt: skip
    assert told == [("PLACEMENT", 0), ("UPDATE", 2_500_000), ("MATCHED", 2_500_000), ("CONFIRMED", 2_500_000)]
    fill = events[2]
    assert isinstance(fill, OwnFill)
    assert (fill.order_id, fill.is_maker, fill.buys, fill.price) == (order["order_id"], True, True, 420_000)
    elsewhere.send("PING")
    assert elsewhere.recv(timeout=5) == "PONG"  # nothing else came before


def test_kalshi_s_private_channels_tell_through_a_socket(served: Served) -> None:
    assert served.hub.world is not None
    books = served.hub.world.kalshi.books
    row = next(i for i in range(books.venue.ordinary) if books.is_open(i, served.hub.us))
    instrument = served.hub.world.instrument("kalshi", row)
    socket = served.open(served.kalshi, signed())
    socket.send(json.dumps({"id": 1, "cmd": "subscribe", "params": {"channels": ["user_orders"]}}))
    assert json.loads(socket.recv(timeout=5))["type"] == "subscribed"
    event(served, **PLACE, instrument=instrument, client_order_id="x-1")
    frame = json.loads(socket.recv(timeout=5))
    assert (frame["type"], frame["msg"]["client_order_id"], frame["msg"]["status"]) == ("user_order", "x-1", "resting")
    [order] = [o for o in served.get("/__sandbox__/account")["orders"] if o["client_order_id"] == "x-1"]
    assert (order["instrument"], order["remaining"]) == (instrument, "10")


@pytest.mark.parametrize(
    "body",
    [
        *({}, [], {"do": "dance"}, {"do": "cancel", "order_id": "nobody-s"}),
        *({**PLACE, "instrument": "kalshi:NOPE"}, {**PLACE, "price": "0.42"}),
        {"do": "fill", "order_id": "x", "size": "many"},
        {"do": "fill", "order_id": "x", "size": "0.0000001"},
    ],
)
def test_a_deed_that_cannot_be_done_is_refused(served: Served, body: object) -> None:
    assert served.refusal("/__sandbox__/account", body) == 400


# --- from the sandbox to tables


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(UNIVERSE) as process:
        yield process


def of_both(settings: Settings) -> list[Feed]:
    """Books with quotes, and the account, of both venues."""
    watched = {"kalshi": kalshi_instruments(settings)[:3], "polymarket": polymarket_instruments(settings)[:3]}
    found = []
    for venue, some in watched.items():
        make, _ = feed_maker(settings, venue, quotes=True)
        found += [make(0, some), own_maker(settings, venue)()]
    return found


def act(sandbox: SandboxProcess, **body: Any) -> Any:
    return control(sandbox, "account", **body)


def test_an_account_s_day_is_in_the_tables_as_it_was_with_every_quote_and_no_secret(
    sandbox: SandboxProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = load_settings({**sandbox.env(), "ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"})
    feeds = of_both(settings)
    done = [Recorded() for _ in feeds]
    ours = {feed.venue: feed.instruments[0] for feed in feeds if feed.number != OWN}
    placed: dict[str, Any] = {}

    def busy() -> None:
        for venue, instrument in ours.items():
            outcome = 0 if venue == "kalshi" else 1
            order = {**PLACE, "outcome": outcome, "instrument": instrument.instrument_id, "client_order_id": "mine-1"}
            placed[venue] = act(sandbox, **order)
            name = placed[venue]["order_id"]
            placed[f"{venue} fill"] = act(sandbox, do="fill", order_id=name, size="2.5", is_maker=venue != "kalshi")
            act(sandbox, do="cancel", order_id=name)
        for _ in range(6):
            sandbox.advance(timedelta(seconds=5))
            time.sleep(0.05)

    async def main() -> None:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for feed, result in zip(feeds, done, strict=True):
                given: dict[str, Any] = {"policy": FAST, "pace": PACE, "recorded": result, "stop": stop}
                group.create_task(record(feed, settings.capture_root, listener="me", epoch=1, **given))
            async with asyncio.timeout(20):
                # Polymarket's user channel says nothing before something happens, and acknowledges nothing.
                while not _listening(sandbox, done, feeds):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.05)
            await asyncio.to_thread(busy)
            await asyncio.sleep(0.5)
            stop.set()

    asyncio.run(main())
    session = Session.of(settings)
    for venue in VENUES:
        for hour in hours_due(session, venue, intents_within(), datetime.now(UTC) + timedelta(hours=2)):
            derive_hour(session, hour)
    _check_account(session, placed, {name: one.instrument_id for name, one in ours.items()})
    _check_quotes(session)
    written = "\n".join([*_written(settings), *(r.getMessage() for r in caplog.records)])
    assert "mine-1" in written
    pem = Path(sandbox.env()["KALSHI_PRIVATE_KEY_PATH"]).read_text()
    assert not any(secret in written for secret in (API_KEY["secret"], API_KEY["passphrase"], pem.splitlines()[1]))


def _listening(sandbox: SandboxProcess, done: list[Recorded], feeds: list[Feed]) -> bool:
    heard = {f.venue for f, r in zip(feeds, done, strict=True) if r.frames and f.number == OWN} >= {"kalshi"}
    books = all(r.frames for f, r in zip(feeds, done, strict=True) if f.number != OWN)
    return heard and books and _users(sandbox)


def _written(settings: Settings) -> Iterator[str]:
    """All that segments hold, and what lies beside them."""
    for path in segments(settings.capture_root):
        yield repr(connection_of(path))
        yield from (payload.decode() for block in read(path) for _, payload in block.pairs())
    yield from (p.read_text() for p in settings.capture_root.rglob("*.json*"))


def _check_account(session: Session, placed: Mapping[str, Any], instruments: Mapping[str, str]) -> None:
    columns = (
        "kind, instrument_id, outcome_index, is_buy, price, size, filled, remaining, fee_usd, order_id, "
        "client_order_id, trade_id, is_maker, change, status"
    )
    with session.duck() as connection:
        query = f"SELECT {columns} FROM ({session.lake.scan('core.account_events')}) ORDER BY venue, frame, position"
        found = connection.execute(query).fetchall()
    n = Decimal
    name, fill, ours = placed["kalshi"]["order_id"], placed["kalshi fill"]["trade_id"], instruments["kalshi"]
    fee, yes = n(placed["kalshi fill"]["fee_usd"]), (0, True, n("0.42"))
    assert fee == n("0.0427")  # 0.07 x 2.5 x 0.42 x 0.58 = 0.04263, rounded up
    order = ("order", ours, *yes, n(10))
    kalshi = [
        (*order, n(0), n(10), n(0), name, "mine-1", None, None, None, "resting"),
        (*order, n("2.5"), n("7.5"), fee, name, "mine-1", None, None, None, "resting"),
        ("fill", ours, *yes, n("2.5"), None, None, fee, name, "mine-1", fill, False, None, None),
        ("position", ours, 0, None, None, n("2.5"), None, None, fee, None, None, None, None, None, None),
        (*order, n("2.5"), n(0), fee, name, "mine-1", None, None, None, "canceled"),
    ]
    name, fill, ours = (
        placed["polymarket"]["order_id"],
        placed["polymarket fill"]["trade_id"],
        instruments["polymarket"],
    )
    second = (1, True, n("0.42"))
    order, rest = ("order", ours, *second, n(10)), (name, None, None, None)
    part = ("fill", ours, *second, n("2.5"), None, None, None, name, None, fill, True, None)
    other = [
        (*order, n(0), None, None, *rest, "PLACEMENT", "LIVE"),
        (*order, n("2.5"), None, None, *rest, "UPDATE", "LIVE"),
        (*part, "MATCHED"),
        (*part, "CONFIRMED"),
        (*order, n("2.5"), None, None, *rest, "CANCELLATION", "CANCELED"),
    ]
    assert found == kalshi + other


def _check_quotes(session: Session) -> None:
    """Every quote is the best of the book that the stream told by then, wherever both are there."""
    with session.duck() as connection:
        for name in ("live_quotes", "book_snapshots"):
            connection.execute(f"CREATE TEMP VIEW {name} AS {session.lake.scan(f'core.{name}')}")
        counts = dict(
            connection.execute(
                "SELECT venue, count(*) FILTER (venue <> 'kalshi' OR (volume >= 0 AND open_interest >= 0)) "
                "FROM live_quotes GROUP BY ALL"
            ).fetchall()
        )
        assert set(counts) == set(VENUES)
        assert min(counts.values()) >= 3
        query = """
            SELECT count(*), count(*) FILTER (q.bid IS DISTINCT FROM b.bid OR q.ask IS DISTINCT FROM b.ask)
            FROM (SELECT * FROM live_quotes WHERE outcome_index = 0) q
            JOIN (SELECT instrument_id, max(valid_to) AS valid_to FROM book_snapshots GROUP BY ALL) l
                USING (instrument_id)
            JOIN book_snapshots b ON b.instrument_id = q.instrument_id AND b.valid_to = l.valid_to
            WHERE q.received_at = (SELECT max(received_at) FROM live_quotes m
                                   WHERE m.instrument_id = q.instrument_id AND m.outcome_index = 0)
        """
        assert (row := connection.execute(query).fetchone()) is not None
        assert row[0] >= 4
        assert row[1] == 0


def test_a_run_records_an_account_though_nothing_was_published_and_says_nothing_of_its_key(
    sandbox: SandboxProcess, tmp_path: Path
) -> None:
    fast = {"ECHELON_LISTEN_LEASE": "0.6", "ECHELON_CAPTURE_FLUSH": "0.1", "ECHELON_CAPTURE_SEGMENT": "0.5"}
    environment = {**sandbox.env(), **fast, "ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"}
    settings = load_settings(environment)
    instrument = polymarket_instruments(settings)[0].instrument_id

    def busy() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not _users(sandbox):
            time.sleep(0.05)
        act(sandbox, **PLACE, instrument=instrument)
        while time.monotonic() < deadline and not segments(settings.capture_root):
            time.sleep(0.05)
        with State.of(settings) as other:
            Listeners(other).activate("mine", active=False)

    with State.of(settings) as state, dg.DagsterInstance.ephemeral() as instance:
        Listeners(state).save(Listener(name="mine", venue="polymarket", own=True, discover_every=0.2))
        thread = threading.Thread(target=busy)
        thread.start()
        config = {"ops": {"listening": {"config": {"listener": "mine"}}}}
        result = job_of("listen", settings).execute_in_process(run_config=config, instance=instance)
        thread.join()
        run = instance.get_run_by_id(result.run_id)
        told = repr(run) + "".join(repr(entry) for entry in instance.all_logs(result.run_id))
    assert result.success
    paths = segments(settings.capture_root)
    assert {(connection_of(p).feed, connection_of(p).venue) for p in paths} == {(OWN, "polymarket")}
    assert paths[0].name in told  # reported as others are
    assert not any(secret in told for secret in (API_KEY["secret"], API_KEY["passphrase"]))
    with State.of(settings) as state:
        export_listeners(Session.of(settings))
        assert [(r["own"], r["quotes"]) for r in Listeners(state).exported()[0]] == [(True, False)]


def _users(sandbox: SandboxProcess) -> bool:
    """Whether somebody listens to the account."""
    connections: Mapping[str, Any] = control(sandbox, "ws/connections")
    return any(c["received"] for name, c in connections.items() if name.startswith("user"))
