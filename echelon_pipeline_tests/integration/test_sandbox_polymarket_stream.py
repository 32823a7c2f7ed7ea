"""Frames of Polymarket's WebSocket, without a socket: hashes match and frames give the true book."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.sandbox.polymarket.clob_views import book_hash
from echelon_pipeline.sandbox.polymarket.session import MarketSession, UserSession
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.keys import API_KEY
from echelon_pipeline.sandbox.universe.book_faults import BookFault
from echelon_pipeline.sandbox.universe.world import World
from echelon_pipeline_tests.clients.local import universe

SECOND = 1_000_000
NOW = int(universe().start.timestamp()) * SECOND
Obj = dict[str, Any]


class Token:
    """One asset's book from frames alone; ``meta``: values that the frames do not contain."""

    def __init__(self, meta: Obj) -> None:
        self.meta, self.last, self.tick = meta, "", ""
        self.bids: dict[Decimal, str] = {}
        self.asks: dict[Decimal, str] = {}

    def take(self, frame: Obj) -> None:
        """A ``book`` frame."""
        self.bids = {Decimal(x["price"]): x["size"] for x in frame["bids"]}
        self.asks = {Decimal(x["price"]): x["size"] for x in frame["asks"]}
        self.last, self.tick = frame.get("last_trade_price", self.last), frame.get("tick_size", self.tick)

    def change(self, entry: Obj) -> None:
        side = self.bids if entry["side"] == "BUY" else self.asks
        if entry["size"] == "0":
            del side[Decimal(entry["price"])]
        else:
            side[Decimal(entry["price"])] = entry["size"]

    def hash(self, timestamp: str) -> str:
        """A second implementation from the reference: ten keys, compact JSON, SHA-1."""
        levels = [
            [{"price": f"{p:f}", "size": s} for p, s in sorted(side.items(), reverse=is_asks)]
            for side, is_asks in ((self.bids, False), (self.asks, True))
        ]
        body = {
            "market": self.meta["market"],
            "asset_id": self.meta["asset_id"],
            "timestamp": timestamp,
            "hash": "",
            "bids": levels[0],
            "asks": levels[1],
            "min_order_size": "5",
            "tick_size": self.tick,
            "neg_risk": self.meta["neg_risk"],
            "last_trade_price": self.last,
        }
        return hashlib.sha1(json.dumps(body, separators=(",", ":")).encode(), usedforsecurity=False).hexdigest()


class Client:
    """A session, and a book per asset."""

    def __init__(self, rows: list[int] | None = None, world: World | None = None, us: int = NOW) -> None:
        self.world = world or World(universe(), SandboxClock(universe().start))
        self.session, self.us = MarketSession(self.world, us), us
        self.chosen = rows if rows is not None else self.open_rows()
        self.tokens = {t: Token(self._meta(row, t)) for row in self.chosen for t in self.assets(row)}

    def _meta(self, row: int, token: str) -> Obj:
        names = self.world.polymarket.names
        return {"market": names.condition(row), "asset_id": token, "neg_risk": names.neg_risk(row)}

    def assets(self, row: int) -> list[str]:
        return [self.world.polymarket.names.token(row, n) for n in (0, 1)]

    def open_rows(self, most: int = 6) -> list[int]:
        books = self.world.polymarket.books
        rows = (i for i in range(books.venue.ordinary) if books.is_open(i, self.us))
        return [i for i in rows if books.closes(i) > self.us + 2 * 3600 * SECOND][:most]

    def send(self, body: object) -> list[Any]:
        text = body if isinstance(body, str) else json.dumps(body)
        return [self._read(frame.text) for frame in self.session.receive(text, self.us)]

    def subscribe(self, *, custom: bool = False, **more: object) -> list[Any]:
        first = {"assets_ids": list(self.tokens), "type": "market", "custom_feature_enabled": custom}
        return self.send(first | more)

    def wait(self, seconds: float) -> list[Any]:
        self.us += int(seconds * SECOND)
        return [self._read(frame.text) for frame in self.session.advance(self.us)]

    @staticmethod
    def _read(text: str) -> Any:
        return text if text in ("PONG", "INVALID OPERATION") else json.loads(text)

    def apply(self, frame: Obj) -> None:
        if frame["event_type"] == "book":
            self.tokens[frame["asset_id"]].take(frame)
        elif frame["event_type"] == "tick_size_change":
            self.tokens[frame["asset_id"]].tick = frame["new_tick_size"]

    def check_truth(self, us: int) -> None:
        for row in self.chosen:
            book = self.world.book("polymarket", row, us)
            first, second = (self.tokens[t] for t in self.assets(row))
            bids = {Decimal(p): s for p, s in book["bids"]}
            asks = {Decimal(p): s for p, s in book["asks"]}
            assert (first.bids, first.asks) == (bids, asks)
            assert second.bids == {1 - p: s for p, s in asks.items()}
            assert second.asks == {1 - p: s for p, s in bids.items()}


def flat(frames: list[Any]) -> list[Obj]:
    """Single events: frames are objects or arrays of them."""
    return [event for frame in frames for event in (frame if isinstance(frame, list) else [frame])]


def test_the_first_answer_is_one_array_with_a_book_per_asset_whose_hash_matches() -> None:
    client = Client()
    (dump,) = client.subscribe()
    assert [book["asset_id"] for book in dump] == list(client.tokens)
    for book in dump:
        assert book["event_type"] == "book"
        assert "min_order_size" not in book
        assert [float(x["price"]) for x in book["bids"]] == sorted(float(x["price"]) for x in book["bids"])
        client.apply(book)
        assert client.tokens[book["asset_id"]].hash(book["timestamp"]) == book["hash"]
        row, outcome = client.world.polymarket.names.find_token(book["asset_id"]) or (0, 0)
        served = client.world.clob.book(row, outcome, NOW)
        assert {k: v for k, v in book.items() if k != "event_type"}.items() <= served.items()
    client.check_truth(NOW)


def test_frames_applied_to_a_dictionary_give_the_true_book_at_every_time_and_hashes_match() -> None:
    client = Client()
    for book in client.subscribe()[0]:
        client.apply(book)
    forms, moved = set(), 0
    for _ in range(60):
        for frame in flat(client.wait(1)):
            if frame["event_type"] != "price_change":
                continue
            entries = frame["price_changes"]
            per_step, at_the_end = [], {}
            for entry in entries:
                token = client.tokens[entry["asset_id"]]
                token.change(entry)
                best = (max(token.bids, default=0), min(token.asks, default=1))
                assert best[0] < best[1]
                per_step.append(token.hash(frame["timestamp"]) == entry["hash"])
                at_the_end[entry["asset_id"]] = entry
            for asset, entry in at_the_end.items():
                token = client.tokens[asset]
                assert token.hash(frame["timestamp"]) == entry["hash"]
                assert Decimal(entry["best_bid"]) == max(token.bids, default=0)
                assert Decimal(entry["best_ask"]) == min(token.asks, default=1)
            finals = len({e["hash"] for e in entries}) == len(at_the_end) and len(entries) > len(at_the_end)
            assert all(per_step) or finals
            forms.add("one" if len(entries) == 2 else "final" if finals else "steps")
            moved += 1
        client.check_truth(client.us)
    assert forms == {"one", "final", "steps"}
    assert moved > 200


def traded() -> tuple[int, int]:
    """A row that trades within the next hours while its book is open, and the trade's time."""
    world = World(universe(), SandboxClock(universe().start))
    books, table = world.polymarket.books, world.polymarket.venue.trades
    for n in range(table.visible(NOW), len(table.t)):
        row = table.inst[n]
        if row < books.venue.ordinary and books.is_open(row, NOW) and books.is_open(row, table.t[n] + SECOND):
            return row, table.t[n]
    raise AssertionError("no trade to come")


def test_a_trade_is_a_print_and_new_books_whose_hash_depends_on_its_price() -> None:
    row, at = traded()
    client = Client([row], us=at - SECOND)
    for book in client.subscribe()[0]:
        client.apply(book)
    frames = flat(client.wait(2))
    prints = [f for f in frames if f["event_type"] == "last_trade_price"]
    books = [f for f in frames if f["event_type"] == "book"]
    assert prints
    assert {b["asset_id"] for b in books} == set(client.tokens)
    assert prints[0]["transaction_hash"].startswith("0x")
    assert {p["timestamp"] for p in prints} == {str(at // 1000)} == {b["timestamp"] for b in books}
    last = Decimal(prints[-1]["price"])
    for book in books:
        token = client.tokens[book["asset_id"]]
        token.take(book)
        token.last = f"{last:.3f}"
        assert token.hash(book["timestamp"]) == book["hash"]


def test_trades_are_those_of_the_data_api() -> None:
    row, at = traded()
    client = Client([row], us=at - SECOND)
    client.subscribe()
    prints = [f for f in flat(client.wait(2)) if f["event_type"] == "last_trade_price"]
    table = client.world.polymarket.venue.trades
    numbers = [n for n in range(table.visible(at - SECOND), table.visible(client.us)) if table.inst[n] == row]
    assert len(prints) == len(numbers) > 0
    assert [Decimal(p["size"]) * 10**6 for p in prints] == [table.size[n] for n in numbers]
    assert {p["side"] for p in prints} <= {"BUY", "SELL"}
    assert all(p["asset_id"] in client.tokens for p in prints)


def test_a_finer_tick_is_announced_for_both_tokens_and_enters_the_hash() -> None:
    client = Client()
    books = client.world.polymarket.books
    row = next(i for i in client.open_rows(500) if books.at(i, NOW).tick == 100)
    client = Client([row], world=client.world)
    books.faults.add(BookFault("tick_change", row, NOW + 3 * SECOND))
    for book in client.subscribe()[0]:
        client.apply(book)
    frames = flat(client.wait(4))
    ticks = [f for f in frames if f["event_type"] == "tick_size_change"]
    assert [(f["old_tick_size"], f["new_tick_size"]) for f in ticks] == [("0.01", "0.001")] * 2
    assert {f["asset_id"] for f in ticks} == set(client.tokens)
    for frame in frames:
        client.apply(frame)
        for entry in frame.get("price_changes", []):
            client.tokens[entry["asset_id"]].change(entry)
    for entry in frames[-1]["price_changes"][-2:]:
        assert client.tokens[entry["asset_id"]].hash(frames[-1]["timestamp"]) == entry["hash"]
    client.check_truth(client.us)


def test_empty_sides_are_sent_level_by_level_and_return() -> None:
    client = Client()
    books = client.world.polymarket.books
    row = next(i for i in client.chosen if len(books.at(i, NOW).bids) > 5)
    client.world.polymarket.books.faults.add(BookFault("empty_bids", row, NOW + 2 * SECOND, NOW + 5 * SECOND))
    for book in client.subscribe(custom=True)[0]:
        client.apply(book)
    empty = []
    for _ in range(20):
        for frame in flat(client.wait(0.5)):
            for entry in frame.get("price_changes", []):
                client.tokens[entry["asset_id"]].change(entry)
            if frame["event_type"] == "best_bid_ask" and "" in (frame["best_bid"], frame["best_ask"]):
                empty.append(frame)
        client.check_truth(client.us)
        bids = client.tokens[client.assets(row)[0]].bids
        assert bool(bids) == (not NOW + 2 * SECOND <= client.us < NOW + 5 * SECOND)
    assert {f["asset_id"] for f in empty} == set(client.assets(row))


def test_custom_features_add_best_prices_new_markets_and_results() -> None:
    client = Client(Client().chosen[:2])
    row = client.chosen[0]
    client.world.polymarket.books.faults.add(BookFault("resolve", row, NOW + 60 * SECOND))
    client.subscribe(custom=True)
    client.world.polymarket.books.max_steps = 50
    columns = client.world.polymarket.venue.columns["created"]
    created = min(at for at in columns[: client.world.polymarket.venue.ordinary] if at * SECOND > NOW + 90 * SECOND)
    events = flat(client.wait(90)) + flat(client.wait(created - NOW // SECOND))
    found = {e["event_type"] for e in events}
    assert {"best_bid_ask", "new_market", "market_resolved", "price_change"} <= found
    resolved = next(e for e in events if e["event_type"] == "market_resolved")
    assert resolved["market"] == client.world.polymarket.names.condition(row)
    assert resolved["winning_asset_id"] in (None, *client.assets(row))
    for best in (e for e in events if e["event_type"] == "best_bid_ask"):
        if best["best_bid"] and best["best_ask"]:
            assert Decimal(best["spread"]) == Decimal(best["best_ask"]) - Decimal(best["best_bid"])
    plain = Client(client.chosen)
    plain.subscribe()
    assert {e["event_type"] for e in flat(plain.wait(300))} <= {"book", "price_change", "last_trade_price"}


def test_assets_can_be_added_and_removed_while_connected() -> None:
    client = Client()
    tokens = list(client.tokens)
    client.send({"assets_ids": tokens[:2], "type": "market"})
    (dump,) = client.send({"operation": "subscribe", "assets_ids": tokens[2:4]})
    assert [b["asset_id"] for b in dump] == tokens[2:4]
    assert client.send({"operation": "unsubscribe", "assets_ids": tokens[:2]}) == []
    markets = {f["market"] for f in flat(client.wait(30))}
    assert markets == {client.tokens[tokens[2]].meta["market"]}
    assert client.send({"operation": "subscribe", "assets_ids": tokens[4:6], "initial_dump": False}) == []
    assert client.tokens[tokens[4]].meta["market"] in {f["market"] for f in flat(client.wait(30))}


def test_unknown_and_closed_tokens_get_an_empty_array_and_a_healthy_connection() -> None:
    client = Client()
    closed = next(
        i for i in range(client.world.polymarket.venue.ordinary) if client.world.polymarket.books.closes(i) < NOW
    )
    assert client.send({"assets_ids": ["12345", *client.assets(closed)], "type": "market"}) == [[]]
    assert client.send("PING") == ["PONG"]
    assert client.send("what?") == ["INVALID OPERATION"]
    assert client.send({"operation": "dance", "assets_ids": []}) == ["INVALID OPERATION"]
    assert len(client.subscribe()[0]) == len(client.tokens)


def test_assets_beyond_the_limit_are_ignored_without_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echelon_pipeline.sandbox.polymarket.session.MAX_ASSETS", 4)
    client = Client()
    (dump,) = client.subscribe()
    assert [book["asset_id"] for book in dump] == list(client.tokens)[:4]
    assert client.session.unserved == len(client.tokens) - 4
    served = {client.tokens[t].meta["market"] for t in list(client.tokens)[:4]}
    assert {f["market"] for f in flat(client.wait(60))} == served


@pytest.mark.parametrize(
    "auth", [None, {}, API_KEY | {"secret": ""}, API_KEY | {"secret": "other"}, {"apiKey": API_KEY["apiKey"]}]
)
def test_the_user_channel_requires_the_account_s_credentials(auth: Obj | None) -> None:
    session = UserSession()
    session.receive(json.dumps({"type": "user", "auth": auth}), NOW)
    assert session.is_refused


def test_the_user_channel_is_silent_without_orders() -> None:
    session = UserSession()
    assert session.receive(json.dumps({"type": "user", "auth": API_KEY}), NOW) == []
    assert not session.is_refused
    assert session.advance(NOW + 3600 * SECOND) == []
    assert [f.text for f in session.receive("PING", NOW)] == ["PONG"]


def test_the_hash_equals_that_of_a_book_published_in_june_2026() -> None:
    """The example of the reference: a real book."""
    bids = (
        "0.01:1075 0.02:465 0.03:1000 0.04:10 0.06:10 0.08:15 0.09:10 0.1:10 0.13:10 0.15:10 0.17:10 0.18:10 0.2:10 "
        "0.21:60 0.23:10 0.24:60 0.26:620 0.27:40 0.29:10 0.3:40 0.31:330 0.32:10 0.33:30 0.35:330 0.36:15 0.38:250 "
        "0.39:20 0.4:10 0.41:5 0.42:190 0.44:120 0.45:10 0.46:10 0.47:60 0.49:65"
    )
    asks = (
        "0.99:1075 0.98:465 0.97:1000 0.96:10 0.94:10 0.92:15 0.91:10 0.9:10 0.87:10 0.85:10 0.83:10 0.82:10 0.8:10 "
        "0.79:60 0.77:10 0.76:60 0.74:620 0.73:40 0.71:10 0.7:40 0.69:330 0.68:10 0.67:30 0.65:330 0.64:15 0.62:250 "
        "0.61:20 0.6:10 0.59:5 0.58:190 0.56:120 0.55:10 0.54:10 0.53:60 0.51:72"
    )
    sides = [[dict(zip(("price", "size"), x.split(":"), strict=True)) for x in side.split()] for side in (bids, asks)]
    book = {
        "market": "0x31efd0e7ebc0f21b99fdc4298d85345c092d6365e41c0d7c34af54b4e814c17e",
        "asset_id": "102562980241399842340754882821350311201914838624536401554312024655151357472351",
        "timestamp": "1782201457021",
        "bids": sides[0],
        "asks": sides[1],
        "min_order_size": "5",
        "tick_size": "0.01",
        "neg_risk": False,
        "last_trade_price": "",
        "hash": "",
    }
    assert book_hash(book) == "f95f38769d308ca8d61c394316c5ed77a15ce6c6"


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["market", "user", "subscribe", "unsubscribe", "x", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["apiKey", "secret"]), inner),
    max_leaves=3,
)
_BODIES = st.dictionaries(
    st.sampled_from(["assets_ids", "type", "operation", "custom_feature_enabled", "initial_dump", "auth", "markets"]),
    _VALUES,
)


@cache
def shared_world() -> World:
    return World(universe(), SandboxClock(universe().start))


@settings(max_examples=200)
@given(_BODIES | _VALUES)
def test_any_client_frame_leaves_the_connection_healthy(body: object) -> None:
    client = Client(world=shared_world())
    client.send(body if isinstance(body, str) else json.dumps(body))
    assert client.send("PING") == ["PONG"]
    assert len(client.subscribe()[0]) == len(client.tokens)
    user = UserSession()
    assert all(f.text == "INVALID OPERATION" for f in user.receive(json.dumps(body), NOW))
