"""The sandbox's WebSockets over real sockets: handshakes, channels, keep-alive, logged faults."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from echelon_pipeline.sandbox.faults import connections
from echelon_pipeline.sandbox.faults.faults import FaultPlan
from echelon_pipeline.sandbox.polymarket.session import UserSession
from echelon_pipeline.sandbox.server import hub, run, sockets
from echelon_pipeline.sandbox.server.app import build_app
from echelon_pipeline.sandbox.server.keys import API_KEY, KEY_ID, key_file
from echelon_pipeline.sandbox.server.options import KALSHI_PATH, SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.venues.kalshi.auth import Signer
from echelon_pipeline_tests.clients.local import universe
from echelon_pipeline_tests.clients.served import Served, sandbox_keys, signed

Obj = dict[str, Any]
AUTH = API_KEY


@contextmanager
def serving(*faults: str, seed: int = 7) -> Iterator[Served]:
    app = build_app(universe(), faults=FaultPlan.parse(faults, seed), keys=sandbox_keys())
    with Served(app) as served:
        yield served


@pytest.fixture
def sandbox() -> Iterator[Served]:
    with serving() as served:
        yield served


def lively(sandbox: Served, venue: str, most: int = 3) -> list[str]:
    """Instruments whose books change at least every second and have both sides."""
    world = sandbox.hub.world
    assert world is not None
    books, us = world.books[venue], world.clock.us
    rows = (i for i in range(books.venue.ordinary) if books.is_open(i, us) and books.pace(i) <= 1_000_000)
    chosen = [i for i in rows if len(books.at(i, us).bids) > 5 < len(books.at(i, us).asks)]
    chosen = [i for i in chosen if books.closes(i) > us + 3_600_000_000][:most]
    return [world.instrument(venue, i).partition(":")[2] for i in chosen]


class Kalshi:
    """A client that keeps books; ``drain`` reads up to the answer to the last command."""

    def __init__(self, sandbox: Served, tickers: list[str]) -> None:
        self.sandbox, self.tickers, self.id = sandbox, tickers, 0
        self.socket = sandbox.open(sandbox.kalshi, signed())
        self.frames = self.command("subscribe", channels=["orderbook_delta"], market_tickers=tickers)

    def command(self, cmd: str, **params: object) -> list[Obj]:
        self.id += 2
        self.socket.send(json.dumps({"id": self.id - 1, "cmd": cmd, "params": params}))
        return self.drain()

    def drain(self) -> list[Obj]:
        self.id += 1
        self.socket.send(json.dumps({"id": self.id, "cmd": "list_subscriptions"}))
        found: list[Obj] = []
        while True:
            text = str(self.socket.recv(timeout=10))
            try:
                frame = json.loads(text)
            except json.JSONDecodeError:
                frame = {"type": "garbage", "text": text}
            if frame.get("id") == self.id:
                return found
            found.append(frame)

    def advance(self, seconds: float) -> list[Obj]:
        self.sandbox.advance(seconds)
        found = self.drain()
        self.frames += found
        return found

    def books(self) -> dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]]:
        """Yes levels of every ticker from all frames so far."""
        books: dict[str, Any] = {}
        for frame in self.frames:
            msg = frame.get("msg", {})
            if frame["type"] == "orderbook_snapshot":
                sides = ((Decimal(0), "yes_dollars_fp"), (Decimal(1), "no_dollars_fp"))
                books[msg["market_ticker"]] = tuple(
                    {abs(base - Decimal(p)): Decimal(s) for p, s in msg.get(name, [])} for base, name in sides
                )
            elif frame["type"] == "orderbook_delta":
                is_no = msg["side"] == "no"
                side = books[msg["market_ticker"]][is_no]
                price = abs(Decimal(is_no) - Decimal(msg["price_dollars"]))
                side[price] = side.get(price, Decimal(0)) + Decimal(msg["delta_fp"])
                if not side[price]:
                    del side[price]
        return books

    def is_true(self) -> bool:
        for ticker, book in self.books().items():
            true = self.sandbox.get("/__sandbox__/book", instrument=f"kalshi:{ticker}")
            if book != tuple({Decimal(p): Decimal(s) for p, s in true[side]} for side in ("bids", "asks")):
                return False
        return True

    def numbers(self) -> list[int]:
        return [f["seq"] for f in self.frames if "seq" in f]


class Market:
    """A client of the market channel; ``drain`` reads up to a PONG."""

    def __init__(self, sandbox: Served, conditions: list[str]) -> None:
        self.sandbox = sandbox
        assert sandbox.hub.world is not None
        names = sandbox.hub.world.polymarket.names
        self.tokens = [names.token(names.find_condition(c) or 0, n) for c in conditions for n in (0, 1)]
        self.socket = sandbox.open(sandbox.market)
        self.socket.send(json.dumps({"assets_ids": self.tokens, "type": "market", "custom_feature_enabled": True}))
        self.frames = self.drain()

    def drain(self) -> list[str]:
        self.socket.send("PING")
        found = []
        while (text := str(self.socket.recv(timeout=10))) != "PONG":
            found.append(text)
        return found

    def advance(self, seconds: float) -> list[str]:
        self.sandbox.advance(seconds)
        found = self.drain()
        self.frames += found
        return found


# --- handshakes


def _refusal(sandbox: Served, headers: dict[str, str]) -> tuple[int, Any]:
    with pytest.raises(InvalidStatus) as caught:
        sandbox.open(sandbox.kalshi, headers)
    response = caught.value.response
    return response.status_code, json.loads(bytes(response.body or b"")).get("error")


def test_kalshis_handshake_must_be_signed_in_time_with_a_known_key(sandbox: Served) -> None:
    pem = key_file().read_bytes()
    other = generate_private_key(65_537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )

    def at(seconds: float) -> dict[str, str]:
        return Signer(KEY_ID, pem, lambda: time.time() + seconds).headers("GET", KALSHI_PATH)

    good = at(0)
    for headers, code, details in (
        ({}, "authentication_error", "MISSING_HEADERS"),
        ({**good, "KALSHI-ACCESS-SIGNATURE": ""}, "authentication_error", "MISSING_HEADERS"),
        ({**good, "KALSHI-ACCESS-SIGNATURE": "AAAA"}, "authentication_error", "INCORRECT_API_KEY_SIGNATURE"),
        ({**good, "KALSHI-ACCESS-SIGNATURE": "%"}, "authentication_error", "INCORRECT_API_KEY_SIGNATURE"),
        ({**good, "KALSHI-ACCESS-KEY": "nobody"}, "authentication_error", "NOT_FOUND"),
        (Signer(KEY_ID, other).headers("GET", KALSHI_PATH), "authentication_error", "INCORRECT_API_KEY_SIGNATURE"),
        (Signer(KEY_ID, pem).headers("GET", "/ws/v2"), "authentication_error", "INCORRECT_API_KEY_SIGNATURE"),
        (at(-60), "header_timestamp_expired", None),
        (at(60), "header_timestamp_expired", None),
        ({**good, "KALSHI-ACCESS-TIMESTAMP": "soon"}, "header_timestamp_expired", None),
    ):
        status, error = _refusal(sandbox, headers)
        assert (status, error["code"], error.get("details")) == (401, code, details)
    for seconds in (-10, 0, 10):
        sandbox.open(sandbox.kalshi, at(seconds)).close()


def test_an_added_ed25519_key_is_accepted(sandbox: Served) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    headers = Signer("mine", pem).headers("GET", KALSHI_PATH)
    assert _refusal(sandbox, headers)[1]["details"] == "NOT_FOUND"
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    sandbox.post("/__sandbox__/ws/keys", {"key_id": "mine", "public_key": public.decode()})
    sandbox.open(sandbox.kalshi, headers).close()
    assert sandbox.refusal("/__sandbox__/ws/keys", {"key_id": "x", "public_key": "no"}) == 400


def test_the_environment_of_a_process_points_clients_at_its_sockets() -> None:
    with SandboxProcess(SandboxOptions(events=5, instruments=30, trades=100)) as process:
        env = process.env()
        signer = Signer(env["KALSHI_API_KEY"], Path(env["KALSHI_PRIVATE_KEY_PATH"]).read_bytes())
        with connect(env["KALSHI_WS_URL"], additional_headers=signer.headers("GET", KALSHI_PATH)) as kalshi:
            kalshi.send('{"id":1,"cmd":"list_subscriptions"}')
            assert json.loads(kalshi.recv(timeout=5)) == {"id": 1, "type": "ok", "msg": []}
        with connect(env["POLYMARKET_WS_URL"]) as market:
            market.send('{"assets_ids":["1"],"type":"market"}')
            assert market.recv(timeout=5) == "[]"


# --- channels


def test_kalshis_books_are_correct_over_a_socket(sandbox: Served) -> None:
    client = Kalshi(sandbox, lively(sandbox, "kalshi"))
    for _ in range(10):
        assert client.advance(3.3)
        assert client.is_true()
    assert client.numbers() == list(range(1, len(client.numbers()) + 1))


def test_polymarkets_books_have_the_hash_of_rest(sandbox: Served) -> None:
    client = Market(sandbox, lively(sandbox, "polymarket", 1))
    (dump,) = (json.loads(text) for text in client.frames)
    for book in dump:
        assert sandbox.get("/clob/book", token_id=book["asset_id"])["hash"] == book["hash"]
    for _ in range(5):
        events = [json.loads(text) for text in client.advance(1)]
        last = {e["asset_id"]: e for m in events for e in m.get("price_changes", [])}
        assert last.keys() == set(client.tokens)
        for token, entry in last.items():
            assert sandbox.get("/clob/book", token_id=token)["hash"] == entry["hash"]


def test_a_running_clock_sends_frames_by_itself() -> None:
    app = build_app(universe(), keys=sandbox_keys())
    app.state.clock._speed = 20.0
    app.state.clock._started = time.monotonic()
    with Served(app) as sandbox:
        client = Market(sandbox, lively(sandbox, "polymarket"))
        texts = [str(client.socket.recv(timeout=5)) for _ in range(20)]
        assert any("price_changes" in text for text in texts)


def test_a_late_server_catches_up_in_slices_and_takes_a_long_jump_in_one_step() -> None:
    of: hub.Hub = build_app(universe(), keys=sandbox_keys()).state.hub
    start = of.us
    of.clock.advance(5)
    assert not of.pump()  # no connections
    of.connections["user-1"] = hub.Connection(of.new_injector("user"), UserSession())
    of.clock.advance(5)
    assert [of.pump() for _ in range(3)] == [True, True, False]
    assert of.us == of.clock.us == start + 10_000_000
    of.clock.advance(3_600)
    assert not of.pump()
    assert of.us == of.clock.us


def test_kalshi_sends_heartbeats_and_polymarket_closes_silent_connections(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run, "PING_SECONDS", 0.1)
    monkeypatch.setattr(sockets, "SILENT_SECONDS", 0.6)
    with serving() as sandbox, caplog.at_level(logging.DEBUG, "websockets.client"):
        kalshi = sandbox.open(sandbox.kalshi, signed())
        market, polite = sandbox.open(sandbox.market), sandbox.open(sandbox.market)
        for _ in range(8):
            time.sleep(0.1)
            polite.send("PING")
            assert polite.recv(timeout=5) == "PONG"
        with pytest.raises(ConnectionClosed):
            market.recv(timeout=5)
        assert sum("< PING 'heartbeat'" in r.getMessage() for r in caplog.records) >= 3
        kalshi.send('{"id":1,"cmd":"list_subscriptions"}')
        assert json.loads(kalshi.recv(timeout=5))["type"] == "ok"


def test_the_user_channel_accepts_credentials_and_refuses_a_client_without_them(sandbox: Served) -> None:
    with connect(sandbox.user) as user:
        user.send(json.dumps({"type": "user", "auth": AUTH, "markets": []}))
        user.send("PING")
        assert user.recv(timeout=5) == "PONG"
    with connect(sandbox.user) as user:
        user.send(json.dumps({"type": "user", "auth": {}}))
        with pytest.raises(ConnectionClosedError) as caught:
            user.recv(timeout=5)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008


# --- faults


def _logged(sandbox: Served, kind: str, connection: str = "kalshi-1") -> Obj:
    (entry,) = sandbox.faults()
    assert (entry["kind"], entry["connection"]) == (kind, connection)
    assert entry["us"] == sandbox.hub.us
    return entry


def test_a_dropped_frame_leaves_a_hole_in_the_sequence_numbers(sandbox: Served) -> None:
    client = Kalshi(sandbox, lively(sandbox, "kalshi", 1))
    sandbox.inject("drop")
    client.advance(1)
    assert set(range(1, max(client.numbers()) + 1)) - set(client.numbers()) == {2}
    assert not client.is_true()
    assert sandbox.faults()[0]["frame"] == 2
    again = client.command("update_subscription", sid=1, action="get_snapshot", market_tickers=client.tickers)
    client.frames += again
    assert client.is_true()


def test_the_duplicate_fault_sends_a_frame_twice(sandbox: Served) -> None:
    client = Kalshi(sandbox, lively(sandbox, "kalshi", 1))
    sandbox.inject("duplicate")
    client.advance(1)
    assert client.numbers()[:3] == [1, 2, 2]
    assert client.numbers()[2:] == list(range(2, max(client.numbers()) + 1))


def test_the_reorder_fault_swaps_two_frames(sandbox: Served) -> None:
    client = Kalshi(sandbox, lively(sandbox, "kalshi", 1))
    sandbox.inject("reorder")
    client.advance(2)
    assert client.numbers()[:4] == [1, 3, 2, 4]
    assert client.is_true()


def test_the_seq_gap_fault_skips_a_number_and_loses_no_frame(sandbox: Served) -> None:
    client = Kalshi(sandbox, lively(sandbox, "kalshi", 1))
    sandbox.inject("seq_gap")
    client.advance(1)
    assert client.numbers()[:2] == [1, 3]
    assert client.is_true()


def test_the_garbage_fault_sends_half_a_frame_before_the_whole_one(sandbox: Served) -> None:
    client = Kalshi(sandbox, lively(sandbox, "kalshi", 1))
    sandbox.inject("garbage")
    frames = client.advance(1)
    assert frames[0]["type"] == "garbage"
    assert [f["type"] for f in frames[1:]] == ["orderbook_delta"] * (len(frames) - 1)
    client.frames.remove(frames[0])
    assert client.is_true()


def test_the_disconnect_fault_sends_no_close_frame(sandbox: Served) -> None:
    client, other = Kalshi(sandbox, lively(sandbox, "kalshi")), Kalshi(sandbox, lively(sandbox, "kalshi"))
    sandbox.inject("disconnect", connection="kalshi-1")
    with pytest.raises(ConnectionClosedError) as caught:
        client.socket.recv(timeout=5)
    assert caught.value.rcvd is None
    _logged(sandbox, "disconnect")
    assert other.advance(3)
    assert other.is_true()
    assert list(sandbox.get("/__sandbox__/ws/connections")) == ["kalshi-2"]


def test_a_stalled_market_channel_still_answers_pings(sandbox: Served) -> None:
    client = Market(sandbox, lively(sandbox, "polymarket"))
    assert client.advance(2)
    sandbox.inject("stall", connection="polymarket-1")
    assert client.advance(30) == []
    client.socket.send(json.dumps({"operation": "subscribe", "assets_ids": client.tokens}))
    assert client.drain() == []
    assert [f["kind"] for f in sandbox.faults()] == ["stall"]


def test_a_half_open_socket_neither_answers_nor_closes(sandbox: Served) -> None:
    client = Market(sandbox, lively(sandbox, "polymarket"))
    sandbox.inject("half_open")
    sandbox.advance(5)
    client.socket.send("PING")
    pong = client.socket.ping()
    with pytest.raises(TimeoutError):
        client.socket.recv(timeout=0.3)
    assert not pong.is_set()
    assert [f["kind"] for f in sandbox.faults()] == ["half_open"]
    assert sandbox.get("/__sandbox__/ws/connections")["polymarket-1"]["is_broken"]


def test_the_slow_fault_delays_every_frame(sandbox: Served) -> None:
    client = Kalshi(sandbox, lively(sandbox, "kalshi", 1))
    sandbox.inject("slow")
    before = time.monotonic()
    frames = client.advance(2)
    assert time.monotonic() - before > len(frames) * 0.04
    assert client.is_true()


def test_a_client_that_is_too_slow_loses_its_subscription(sandbox: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MAX_WAITING", 5)
    monkeypatch.setattr(connections, "SLOW_SECONDS", 0.005)
    client = Kalshi(sandbox, lively(sandbox, "kalshi", 3))
    sandbox.inject("slow")
    sandbox.advance(3)
    frames: list[Obj] = []
    while not frames or frames[-1]["type"] != "error":
        frames.append(json.loads(client.socket.recv(timeout=5)))
    assert (frames[-1]["sid"], frames[-1]["msg"]["code"]) == (1, 25)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_book_faults_apply_to_rest_and_websocket_alike(sandbox: Served, venue: str) -> None:
    natives = [n for n in lively(sandbox, venue, 60) if sandbox.tick(f"{venue}:{n}") == "0.01"]
    for kind, native in zip(
        ("tick_change", "empty_bids", "empty_asks", "empty_book", "resolve"), natives, strict=False
    ):
        instrument = f"{venue}:{native}"
        sandbox.inject(kind, instrument=instrument, seconds=5)
        assert sandbox.get("/__sandbox__/book", instrument=instrument)["bids"]
        sandbox.advance(1)
        book = sandbox.get("/__sandbox__/book", instrument=instrument)
        entry = sandbox.faults()[-1]
        assert (entry["kind"], entry["instrument"], entry["venue"]) == (kind, instrument, venue)
        assert book["tick"] == ("0.001" if kind == "tick_change" else "0.01")
        assert bool(book["bids"]) == (kind in ("tick_change", "empty_asks"))
        assert bool(book["asks"]) == (kind in ("tick_change", "empty_bids"))
        assert book["is_open"] == (kind != "resolve")
        if venue == "kalshi":
            market = sandbox.get(f"/trade-api/v2/markets/{native}")["market"]
            assert market["price_level_structure"] == ("deci_cent" if kind == "tick_change" else "linear_cent")
            assert (market["status"] == "active") == (kind != "resolve")
        sandbox.advance(10)
        book = sandbox.get("/__sandbox__/book", instrument=instrument)
        assert bool(book["bids"] and book["asks"]) == (kind != "resolve")
    assert [f["kind"] for f in sandbox.faults()] == ["tick_change", "empty_bids", "empty_asks", "empty_book", "resolve"]


def test_invalid_faults_are_refused(sandbox: Served) -> None:
    for body, status in (
        ({"kind": "dance"}, 400),
        ({"kind": "drop", "connection": "kalshi-9"}, 404),
        ({"kind": "resolve", "instrument": "kalshi:NOPE"}, 404),
        ([], 400),
    ):
        assert sandbox.refusal("/__sandbox__/ws/faults", body) == status
    instrument = f"kalshi:{lively(sandbox, 'kalshi', 1)[0]}"
    sandbox.inject("resolve", instrument=instrument)
    sandbox.advance(1)
    assert sandbox.refusal("/__sandbox__/ws/faults", {"kind": "resolve", "instrument": instrument}) == 400
    assert len(sandbox.faults()) == 1


RATES = ("ws_drop=0.02", "ws_duplicate=0.02", "ws_reorder=0.02", "ws_garbage=0.02", "ws_seq_gap=0.02")
BOOKS = ("ws_tick_change=0.01", "ws_empty_side=0.01", "ws_resolve=0.02")


def _run(*faults: str, seed: int = 7) -> tuple[list[Obj], list[Obj]]:
    with serving(*faults, seed=seed) as sandbox:
        client = Kalshi(sandbox, lively(sandbox, "kalshi", 6))
        for _ in range(6):
            client.advance(10)
        return client.frames, [{k: v for k, v in f.items() if k != "wall"} for f in sandbox.faults()]


def test_faults_by_rate_hit_the_same_frames_under_the_same_seed() -> None:
    frames, faults = _run(*RATES, *BOOKS)
    assert _run(*RATES, *BOOKS) == (frames, faults)
    kinds = {f["kind"] for f in faults}
    assert kinds >= {"drop", "duplicate", "reorder", "garbage", "seq_gap", "tick_change", "resolve"}
    assert kinds & {"empty_bids", "empty_asks", "empty_book"}
    assert sum(f["kind"] == "resolve" for f in faults) <= 6  # a market ends once
    hits = sum(f["kind"] in ("drop", "duplicate", "reorder", "garbage") for f in faults)
    assert 0.05 < hits / len(frames) < 0.12
    assert _run(*RATES, seed=8)[1] != faults


@pytest.mark.parametrize("kind", ["disconnect", "stall", "half_open", "slow"])
def test_connection_faults_happen_by_rate_too(kind: str) -> None:
    with serving(f"ws_{kind}=1") as sandbox:
        socket = sandbox.open(sandbox.market)
        tokens = [sandbox.token(c) for c in lively(sandbox, "polymarket")]
        socket.send(json.dumps({"assets_ids": tokens, "type": "market"}))
        if kind == "slow":
            assert socket.recv(timeout=5)
        else:
            with pytest.raises(ConnectionClosedError if kind == "disconnect" else TimeoutError):
                socket.recv(timeout=0.3)
        assert sandbox.faults()[0]["kind"] == kind


def test_a_client_is_late_when_many_frames_wait_for_long_behind_one_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MAX_WAITING", 3)
    of: hub.Hub = build_app(universe(), keys=sandbox_keys()).state.hub
    connection = hub.Connection(of.new_injector("kalshi"), UserSession())
    connection.put(["frame"] * 4)
    assert not connection.is_late()  # a burst
    connection.sending_since = time.monotonic()
    assert not connection.is_late()
    connection.sending_since = time.monotonic() - hub.STUCK_SECONDS - 1
    assert connection.is_late()
    connection.queue.get_nowait()
    assert not connection.is_late()


def test_two_clients_of_one_sandbox_do_not_affect_each_other(sandbox: Served) -> None:
    tickers = lively(sandbox, "kalshi")
    one, other = Kalshi(sandbox, tickers), Kalshi(sandbox, tickers)
    market = Market(sandbox, lively(sandbox, "polymarket"))
    sandbox.inject("drop", connection="kalshi-2")
    for _ in range(4):
        sandbox.advance(2)
        mine, theirs = one.drain(), other.drain()
        one.frames += mine
        other.frames += theirs
    assert one.is_true()
    assert not other.is_true()
    assert [f for f in one.frames if "seq" in f and f["seq"] not in set(other.numbers())] != []
    assert market.drain()
