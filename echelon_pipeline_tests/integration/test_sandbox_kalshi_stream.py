"""Frames of Kalshi's WebSocket, without a socket: they fit the specification and give the true book."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from echelon_pipeline.sandbox.kalshi.session import KalshiSession
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.universe.book_faults import BookFault
from echelon_pipeline.sandbox.universe.world import World
from echelon_pipeline_tests.clients.local import universe

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "kalshi" / "asyncapi.yaml"
SECOND = 1_000_000
NOW = int(universe().start.timestamp()) * SECOND
PAYLOADS = {
    "subscribed": "subscribedResponsePayload",
    "unsubscribed": "unsubscribedResponsePayload",
    "ok": "okResponsePayload",
    "error": "errorResponsePayload",
    "orderbook_snapshot": "orderbookSnapshotPayload",
    "orderbook_delta": "orderbookDeltaPayload",
    "ticker": "tickerPayload",
    "trade": "tradePayload",
    "market_lifecycle_v2": "marketLifecycleV2Payload",
    "multivariate_market_lifecycle": "multivariateMarketLifecyclePayload",
    "event_lifecycle": "eventLifecyclePayload",
}
# Sent only for actions of the account.
PRIVATE = {"fill": "fillPayload", "user_order": "userOrderPayload", "market_position": "marketPositionPayload"}
# Where the published file (2.0.0) contradicts itself or what was recorded.
EXCEPTIONS = {
    "marketTicker.pattern": "it has no dot, but its own examples (FED-23DEC-T3.00) and real tickers do",
    "multivariateMarketLifecyclePayload": "allOf of two constants for one type: no frame can fit both",
}


@cache
def spec() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(SPEC.read_text(), Loader=yaml.CSafeLoader)
    assert loaded["info"]["version"] == "2.0.0", "another version: look at the exceptions again"
    schemas = loaded["components"]["schemas"]
    assert schemas["marketTicker"].pop("pattern") == "^[A-Z0-9-]+$"
    parent, own = schemas["multivariateMarketLifecyclePayload"]["allOf"]
    assert (parent["$ref"].rsplit("/", 1)[1], own["properties"]["type"]["const"]) == (
        "marketLifecycleV2Payload",
        "multivariate_market_lifecycle",
    )
    combos = json.loads(json.dumps(schemas["marketLifecycleV2Payload"]))
    combos["properties"]["type"]["const"] = "multivariate_market_lifecycle"
    schemas["multivariateMarketLifecyclePayload"] = combos
    return loaded


@cache
def validator(name: str) -> jsonschema.Draft7Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": spec()["components"]}
    return jsonschema.Draft7Validator(schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)


def check(frame: dict[str, Any]) -> None:
    """Fails with the path of the first member that does not fit; skips without a specification."""
    if not SPEC.is_file():
        pytest.skip("Kalshi's AsyncAPI (../shared/specs) is not beside this checkout")
    name = (PAYLOADS | PRIVATE)[frame["type"]]
    if frame["type"] == "ok" and isinstance(frame.get("msg"), list):
        name = "listSubscriptionsResponsePayload"
    errors = [f"{error.json_path}: {error.message[:200]}" for error in validator(name).iter_errors(frame)]
    assert not errors, f"{name}: {errors[:5]}"


class Client:
    """A session with a command counter; checks every frame against the specification if there is one."""

    def __init__(self, world: World | None = None, us: int = NOW) -> None:
        self.world = world or World(universe(), SandboxClock(universe().start))
        self.session = KalshiSession(self.world, us)
        self.us, self.id = us, 0

    def send(self, cmd: str, **params: object) -> list[dict[str, Any]]:
        self.id += 1
        text = json.dumps({"id": self.id, "cmd": cmd} | ({"params": params} if params else {}))
        return self.read(self.session.receive(text, self.us))

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        self.us += int(seconds * SECOND)
        return self.read(self.session.advance(self.us))

    @staticmethod
    def read(frames: Any) -> list[dict[str, Any]]:
        return [json.loads(frame.text) for frame in frames]

    def tickers(self, *rows: int) -> list[str]:
        return [self.world.kalshi.market_ticker(row) for row in rows]

    def open_rows(self, most: int = 8) -> list[int]:
        books = self.world.kalshi.books
        rows = (i for i in range(books.venue.ordinary) if books.is_open(i, self.us))
        return [i for i in rows if books.closes(i) > self.us + 3600 * SECOND][:most]


Levels = dict[tuple[str, str], dict[Decimal, Decimal]]


def apply(levels: Levels, frame: dict[str, Any], *, in_yes_prices: bool = False) -> None:
    """A snapshot or a delta on plain dictionaries by (ticker, side), prices of the yes side."""
    msg = frame["msg"]
    if frame["type"] == "orderbook_snapshot":
        for side in ("yes", "no"):
            found = {Decimal(p): Decimal(s) for p, s in msg.get(f"{side}_dollars_fp", [])}
            levels[msg["market_ticker"], side] = {
                p if side == "yes" or in_yes_prices else 1 - p: s for p, s in found.items()
            }
    elif frame["type"] == "orderbook_delta":
        price = Decimal(msg["price_dollars"])
        price = price if msg["side"] == "yes" or in_yes_prices else 1 - price
        book = levels[msg["market_ticker"], msg["side"]]
        book[price] = book.get(price, Decimal(0)) + Decimal(msg["delta_fp"])
        assert book[price] >= 0
        if not book[price]:
            del book[price]


def truth(world: World, ticker: str, us: int) -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
    row = world.kalshi.names.find(ticker)
    assert row is not None
    book = world.book("kalshi", row, us)
    bids, asks = ({Decimal(p): Decimal(s) for p, s in book[side]} for side in ("bids", "asks"))
    return bids, asks


@pytest.mark.parametrize("in_yes_prices", [False, True])
def test_frames_applied_to_a_dictionary_give_the_true_book_at_every_time(in_yes_prices: bool) -> None:
    client, levels = Client(), Levels()
    tickers = client.tickers(*client.open_rows())
    for frame in client.send(
        "subscribe", channels=["orderbook_delta"], market_tickers=tickers, use_yes_price=in_yes_prices
    ):
        apply(levels, frame, in_yes_prices=in_yes_prices)
    deltas = 0
    for _ in range(50):
        us, frames = client.us, client.wait(1.7)
        by_time = defaultdict(list)
        for frame in frames:
            by_time[frame["msg"]["ts_ms"]].append(frame)
        for ms, batch in sorted(by_time.items()):
            assert us < ms * 1000 <= client.us
            for frame in batch:
                apply(levels, frame, in_yes_prices=in_yes_prices)
                ticker = frame["msg"]["market_ticker"]
                bids, asks = levels[ticker, "yes"], levels[ticker, "no"]
                assert not bids or not asks or max(bids) < min(asks)
            for ticker in {frame["msg"]["market_ticker"] for frame in batch}:
                assert (levels[ticker, "yes"], levels[ticker, "no"]) == truth(client.world, ticker, ms * 1000)
        deltas += len(frames)
        for ticker in tickers:
            assert (levels[ticker, "yes"], levels[ticker, "no"]) == truth(client.world, ticker, client.us)
    assert deltas > 500


def test_every_frame_fits_the_specification() -> None:
    """Two markets that end and settle, one with a finer tick, combos, and several days of new markets and trades."""
    client = Client()
    books = client.world.kalshi.books
    ending = sorted((i for i in client.open_rows(10_000)), key=books.closes)[:2]
    client.world.kalshi.books.faults.add(BookFault("tick_change", ending[0], NOW + 30 * SECOND))
    channels = ["orderbook_delta", "ticker", "trade"]
    tickers = client.tickers(*ending)
    frames = client.send("subscribe", channels=channels, market_tickers=tickers, send_initial_snapshot=True)
    frames += client.send("subscribe", channels=["market_lifecycle_v2", "multivariate_market_lifecycle"])
    frames += client.send("subscribe", channels=["fill", "market_positions", "user_orders"])
    frames += client.send("list_subscriptions")
    frames += client.wait(100)
    books.max_steps = 20
    for _ in range(10):
        frames += client.wait(6 * 3600)
    frames += client.send("unsubscribe", sids=[1, 77])
    seen: dict[str, int] = defaultdict(int)
    for frame in frames:
        seen[frame["type"]] += 1
        if seen[frame["type"]] <= 300:
            check(frame)
    assert seen.keys() == PAYLOADS.keys()
    kinds = {f["msg"]["event_type"] for f in frames if f["type"] == "market_lifecycle_v2"}
    assert kinds == {"created", "determined", "settled", "price_level_structure_updated"}


def test_the_specification_refuses_wrong_objects() -> None:
    client = Client()
    frame = client.send("subscribe", channels=["ticker"], market_tickers=client.tickers(1), send_initial_snapshot=True)
    frame[1]["msg"]["ts_ms"] = "soon"
    with pytest.raises(AssertionError, match="ts_ms"):
        check(frame[1])


def test_sequence_numbers_of_a_subscription_have_no_holes_and_include_acknowledgements() -> None:
    client = Client()
    rows = client.open_rows()
    first = client.send("subscribe", channels=["orderbook_delta"], market_tickers=client.tickers(*rows[:2]))
    assert [f["type"] for f in first] == ["subscribed", "orderbook_snapshot", "orderbook_snapshot"]
    numbered = first[1:] + client.wait(3)
    numbered += client.send("update_subscription", sid=1, action="add_markets", market_tickers=client.tickers(rows[2]))
    added = numbered[-2:]
    assert [f["type"] for f in added] == ["ok", "orderbook_snapshot"]
    assert added[0]["msg"]["market_tickers"] == sorted(client.tickers(*rows[:3]))
    numbered += client.send("subscribe", channels=["orderbook_delta"], market_tickers=client.tickers(rows[3]))
    assert [f["type"] for f in numbered[-2:]] == ["ok", "orderbook_snapshot"]
    again = client.send("update_subscription", sids=[1], action="get_snapshot", market_tickers=client.tickers(rows[0]))
    assert (again[0]["type"], again[0]["id"]) == ("orderbook_snapshot", client.id)
    numbered += again + client.wait(3)
    numbered += client.send(
        "update_subscription", sid=1, action="delete_markets", market_tickers=client.tickers(rows[0])
    )
    after = client.wait(30)
    assert client.tickers(rows[0])[0] not in {f["msg"]["market_ticker"] for f in after}
    numbered += after
    numbered += client.send("unsubscribe", sids=[1])
    assert [f["seq"] for f in numbered] == list(range(1, len(numbered) + 1))
    assert client.wait(10) == []
    fresh = client.send("subscribe", channels=["orderbook_delta"], market_tickers=client.tickers(rows[0]))
    assert (fresh[0]["msg"]["sid"], fresh[1]["seq"]) == (2, 1)


def test_trades_and_lifecycles_are_numbered_tickers_and_fills_are_not() -> None:
    client = Client()
    rows = client.open_rows()
    client.send("subscribe", channels=["ticker", "trade"], market_tickers=client.tickers(*rows))
    frames = client.wait(600)
    assert {"seq" in f for f in frames if f["type"] == "ticker"} == {False}
    everything = Client()
    everything.send("subscribe", channels=["trade"])
    trades = everything.wait(6 * 3600)
    assert [f["seq"] for f in trades] == list(range(1, len(trades) + 1))
    table = everything.world.kalshi.venue.trades
    assert len(trades) == table.visible(everything.us) - table.visible(NOW) > 5


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no json", 1),
        ("[1]", 1),
        ('{"id":1,"cmd":"subscribe"}', 2),
        ('{"id":1,"cmd":"subscribe","params":{}}', 3),
        ('{"id":1,"cmd":"unsubscribe","params":{}}', 4),
        ('{"id":1,"cmd":"dance","params":{}}', 5),
        ('{"id":1,"cmd":"unsubscribe","params":{"sids":[9]}}', 7),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["ticker_v2"]}}', 8),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["ticker"],"market_tickers":[1]}}', 11),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["ticker"],"use_yes_price":1}}', 11),
        ('{"id":1,"cmd":"update_subscription","params":{"sids":[1,2]}}', 12),
        ('{"id":1,"cmd":"update_subscription","params":{"sid":1,"action":"paint"}}', 13),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["orderbook_delta"]}}', 14),
        ('{"id":1,"cmd":"update_subscription","params":{"sid":1}}', 15),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["ticker"],"market_ticker":"NOPE"}}', 16),
    ],
)
def test_wrong_commands_get_the_venues_error_codes(text: str, code: int) -> None:
    client = Client()
    frames = client.read(client.session.receive(text, NOW))
    assert [f["msg"]["code"] for f in frames] == [code]
    check(frames[0])


def test_a_market_is_unknown_before_it_is_created() -> None:
    client = Client()
    created = client.world.kalshi.venue.columns["created"]
    row = next(i for i in range(len(created)) if created[i] * SECOND > NOW)
    ticker, market_id = client.tickers(row)[0], client.session._frames.market_id(row)
    for wanted in ({"market_ticker": ticker}, {"market_ids": [market_id]}):
        assert client.send("subscribe", channels=["ticker"], **wanted)[0]["msg"]["code"] == 16
    client.wait(created[row] - NOW // SECOND)
    assert client.send("subscribe", channels=["ticker"], market_ids=[market_id])[0]["type"] == "subscribed"
    assert client.send("subscribe", channels=["orderbook_delta"], market_ticker=ticker)[1]["msg"].keys() == {
        "market_ticker",
        "market_id",
    }


def test_a_second_subscription_without_new_markets_is_refused() -> None:
    client = Client()
    tickers = client.tickers(*client.open_rows(2))
    client.send("subscribe", channels=["orderbook_delta"], market_tickers=tickers)
    assert client.send("subscribe", channels=["orderbook_delta"], market_tickers=tickers)[0]["msg"]["code"] == 6


def test_a_closing_market_sends_an_empty_snapshot_and_then_its_result() -> None:
    client = Client()
    books = client.world.kalshi.books
    row = client.open_rows(1)[0]
    books.faults.add(BookFault("resolve", row, NOW + 5 * SECOND + 1000))
    client.send("subscribe", channels=["orderbook_delta"], market_tickers=client.tickers(row))
    client.send("subscribe", channels=["market_lifecycle_v2"])
    frames = client.wait(20)
    last = [f for f in frames if f["type"].startswith("orderbook")][-1]
    assert last["type"] == "orderbook_snapshot"
    assert last["msg"].keys() == {"market_ticker", "market_id"}
    mine = [
        f["msg"]["event_type"]
        for f in frames
        if f["msg"].get("market_ticker") == last["msg"]["market_ticker"] and "event_type" in f["msg"]
    ]
    assert mine == ["determined", "settled"]
    assert client.send("subscribe", channels=["trade"], market_tickers=client.tickers(row))[0]["type"] == "subscribed"


def test_the_same_seed_and_commands_give_the_same_frames_however_often_a_session_is_advanced() -> None:
    def stream(looks: int, seed: int = 7) -> list[dict[str, Any]]:
        client = Client(World(universe(seed), SandboxClock(universe(seed).start)))
        tickers = client.tickers(*client.open_rows(10))
        client.send("subscribe", channels=["orderbook_delta", "ticker"], market_tickers=tickers)
        client.send("subscribe", channels=["trade", "market_lifecycle_v2"])
        return [frame for _ in range(looks) for frame in client.wait(120 / looks)]

    once = stream(1)
    assert len(once) > 200
    assert stream(400) == once
    assert stream(1, seed=8) != once


def test_two_sessions_do_not_affect_each_other() -> None:
    alone, world = Client(), World(universe(), SandboxClock(universe().start))
    one, other = Client(world), Client(world)
    rows = alone.open_rows()
    wanted: dict[str, Any] = {"channels": ["orderbook_delta"], "market_tickers": alone.tickers(*rows)}
    alone.send("subscribe", **wanted)
    one.send("subscribe", **wanted)
    other.send("subscribe", channels=["orderbook_delta", "ticker"], market_tickers=alone.tickers(*rows[:3]))
    for _ in range(10):
        expected = alone.wait(2)
        other.wait(1)
        assert one.wait(2) == expected
        other.send("update_subscription", sid=1, action="get_snapshot", market_tickers=alone.tickers(rows[0]))


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.sampled_from(["orderbook_delta", "ticker", "trade", "fill", "add_markets", "get_snapshot", "NOPE", "1", ""]),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
_PARAMS = st.dictionaries(
    st.sampled_from(
        [
            *("channels", "market_ticker", "market_tickers", "market_id", "market_ids", "sid", "sids", "action"),
            *("use_yes_price", "skip_ticker_ack", "send_initial_snapshot"),
        ]
    ),
    _VALUES,
)
_COMMANDS = st.fixed_dictionaries(
    {},
    optional={
        "id": _VALUES,
        "cmd": st.sampled_from(["subscribe", "unsubscribe", "update_subscription", "list_subscriptions", "x"]),
        "params": _PARAMS | _VALUES,
    },
)


@cache
def shared_world() -> World:
    return World(universe(), SandboxClock(universe().start))


@settings(max_examples=200)
@example([{"id": 1, "cmd": "unsubscribe", "params": {"sids": [True]}}])
@example([{"id": 1, "cmd": "update_subscription", "params": {"sid": True, "action": "get_snapshot"}}])
@given(st.lists(_COMMANDS | _VALUES, min_size=1, max_size=4))
def test_any_client_frame_is_answered_by_frames_that_fit_the_specification(commands: list[Any]) -> None:
    client = Client(shared_world())
    ticker = client.tickers(*client.open_rows(1))[0]
    client.send("subscribe", channels=["orderbook_delta"], market_ticker=ticker)
    for command in commands:
        frames = client.read(client.session.receive(json.dumps(command).replace("NOPE", ticker), NOW))
        assert frames or (command.get("params") or {}).get("action") == "get_snapshot"
        for frame in frames:
            check(frame)
