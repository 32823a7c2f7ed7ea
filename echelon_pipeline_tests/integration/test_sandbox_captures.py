"""Recorded streams are played completely, by the clock, and unchanged."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.sandbox.server.app import build_app
from echelon_pipeline.sandbox.server.playback import KalshiReplay, PolymarketReplay
from echelon_pipeline.sandbox.universe.captures import Capture, load
from echelon_pipeline.sandbox.universe.recorded import load as load_universe
from echelon_pipeline_tests.clients.local import universe
from echelon_pipeline_tests.clients.served import Served, sandbox_keys, signed
from echelon_pipeline_tests.fakes import RECORDINGS, needs_recordings
from echelon_pipeline_tests.integration.test_sandbox_kalshi_stream import NOW, Client
from echelon_pipeline_tests.integration.test_sandbox_polymarket_stream import Client as MarketClient
from echelon_pipeline_tests.integration.test_sandbox_polymarket_stream import traded

Obj = dict[str, Any]
SECOND = 1_000_000
ALL = 10**6 * SECOND
MULTI = RECORDINGS / "kalshi" / "ws" / "multi_market_stream_2026-08-07.json.gz"
GOLD = RECORDINGS / "kalshi" / "ws" / "gold15m_KXGOLD15M-26AUG050800-00_2026-08-05.ndjson.gz"
BITCOIN = RECORDINGS / "kalshi" / "ws" / "btc15m_particle_shadow_forward_20260511T053741Z-long900"
RAW = RECORDINGS / "polymarket" / "ws_market" / "raw_frames_m9-rtds-natural-20260428e.jsonl.gz"
LEVELS = (
    RECORDINGS
    / "polymarket"
    / "ws_market"
    / "signaldrift_20250619_mlb-min-cin-2025-06-19_polymarket-market-events.csv.gz"
)
PRINTS = RECORDINGS / "polymarket" / "ws_market" / "last_trade_price_weather_2026-08-10.jsonl"
OLD_CHANGE = RECORDINGS / "polymarket" / "ws_market" / "nautilus_price_change.json"


def kalshi_frames(capture: Capture, tickers: list[str], numbers: Any = "renumbered") -> list[Obj]:
    replay = KalshiReplay(capture, 0, numbers)
    params = {"channels": ["orderbook_delta", "trade", "ticker"], "market_tickers": tickers}
    first = replay.receive(json.dumps({"id": 1, "cmd": "subscribe", "params": params}), 0)
    assert [json.loads(f.text)["type"] for f in first[:3]] == ["subscribed"] * 3
    return [json.loads(f.text) for f in [*first[3:], *replay.advance(ALL)]]


def beginning(path: Path, folder: Path) -> Path:
    """The first 5,000 lines of a file, or of every file of a folder."""
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        with gzip.open(file) as lines:
            (folder / file.name).write_bytes(gzip.compress(b"".join(islice(lines, 5_000))))
    return folder


def tickers_of(capture: Capture) -> list[str]:
    bodies = (json.loads(f.body) for f in capture.frames)
    return sorted({b["msg"]["market_ticker"] for b in bodies if "market_ticker" in b.get("msg", {})})


def books(frames: list[Obj]) -> Iterator[dict[tuple[str, str], dict[Decimal, Decimal]]]:
    """State after every frame; a size below zero shows missing or repeated frames."""
    state: dict[tuple[str, str], dict[Decimal, Decimal]] = {}
    for frame in frames:
        msg = frame["msg"]
        if frame["type"] == "orderbook_snapshot":
            for side in ("yes", "no"):
                served = msg.get(f"{side}_dollars_fp", [])
                state[msg["market_ticker"], side] = {Decimal(p): Decimal(s) for p, s in served}
        elif frame["type"] == "orderbook_delta":
            levels = state[msg["market_ticker"], msg["side"]]
            price = Decimal(msg["price_dollars"])
            levels[price] = levels.get(price, Decimal(0)) + Decimal(msg["delta_fp"])
            assert levels[price] >= 0
        yield state


@needs_recordings
@pytest.mark.parametrize("path", [MULTI, GOLD, BITCOIN], ids=lambda p: p.name[:12])
def test_recorded_kalshi_streams_are_played_whole_with_numbers_without_holes(path: Path, tmp_path: Path) -> None:
    capture = load(path if path == MULTI else beginning(path, tmp_path))
    assert capture.venue == "kalshi"
    frames = kalshi_frames(capture, tickers_of(capture))
    recorded = Counter(json.loads(f.body)["type"] for f in capture.frames)
    assert Counter(f["type"] for f in frames) == {k: v for k, v in recorded.items() if k != "ok"}
    for sid in {f["sid"] for f in frames if "seq" in f}:
        numbers = [f["seq"] for f in frames if f["sid"] == sid]
        assert numbers == list(range(1, len(numbers) + 1))
    assert sum(1 for _ in books(frames)) == len(frames) > 200


@needs_recordings
def test_recorded_sequence_numbers_and_acknowledgements_can_be_kept() -> None:
    document = json.loads(gzip.decompress(MULTI.read_bytes()))
    recorded = [f["frame"] for f in document["frames"] if "sid" in f["frame"]]
    frames = kalshi_frames(load(MULTI), document["tickers"][:1], "recorded")
    assert [f["seq"] for f in frames] == [f["seq"] for f in recorded] == list(range(1, 269))
    assert [f["msg"] for f in frames] == [f["msg"] for f in recorded]


@needs_recordings
def test_a_client_gets_its_subscribed_markets_at_the_recorded_times() -> None:
    document = json.loads(gzip.decompress(MULTI.read_bytes()))
    ticker = document["tickers"][0]
    frames = kalshi_frames(load(MULTI), [ticker])
    assert {f["msg"]["market_ticker"] for f in frames} == {ticker}
    replay = KalshiReplay(load(MULTI), 0, "renumbered")
    params = {"channels": ["orderbook_delta"], "market_tickers": document["tickers"]}
    count = len(replay.receive(json.dumps({"id": 1, "cmd": "subscribe", "params": params}), 5 * SECOND))
    first = document["frames"][1]["received_ms"]
    for seconds in (1, 3, 30, 120):
        count += len(replay.advance((5 + seconds) * SECOND))
        kinds = [f["frame"]["type"] for f in document["frames"] if f["received_ms"] <= first + seconds * 1000]
        assert count == len(kinds) - kinds.count("ok")
    update = {"sid": 1, "action": "get_snapshot", "market_ticker": ticker}
    text = json.dumps({"id": 2, "cmd": "update_subscription", "params": update})
    assert json.loads(replay.receive(text, ALL)[0].text)["msg"]["code"] == 1


@needs_recordings
def test_recorded_polymarket_frames_are_played_unchanged() -> None:
    capture = load(RAW)
    lines = [json.loads(line) for line in gzip.decompress(RAW.read_bytes()).splitlines()]
    payloads = [json.loads(line["payload"]) for line in lines if line["source"] == "polymarket_clob"]
    wanted = [p for p in payloads if isinstance(p, list) or "event_type" in p]
    assert capture.venue == "polymarket"
    assert sum(capture.skipped.values()) == len(lines) - len(wanted)
    tokens = sorted({e["asset_id"] for p in wanted if isinstance(p, list) for e in p})
    replay = PolymarketReplay(capture, 0)
    first = replay.receive(json.dumps({"assets_ids": tokens, "type": "market"}), 0)
    assert [json.loads(f.text) for f in [*first, *replay.advance(ALL)]] == wanted
    one = PolymarketReplay(capture, 0)
    one.receive(json.dumps({"assets_ids": tokens[:1], "type": "market"}), 0)
    for frame in one.advance(ALL):
        body = json.loads(frame.text)
        events = body if isinstance(body, list) else [body]
        assert all(e["event_type"] == "new_market" or tokens[0] in json.dumps(e) for e in events)
    assert [f.text for f in one.receive("PING", ALL)] == ["PONG"]
    assert one.receive(json.dumps({"operation": "unsubscribe", "assets_ids": tokens[:1]}), ALL) == []


@needs_recordings
def test_levels_of_a_table_are_played_as_frames_at_their_times() -> None:
    rows = gzip.decompress(LEVELS.read_bytes()).decode().splitlines()[1:]
    capture = load(LEVELS)
    frames = [json.loads(f.body) for f in capture.frames]
    assert {f["event_type"] for f in frames} == {"book", "price_change"}
    levels = sum(len(f.get("bids", [])) + len(f.get("asks", [])) + len(f.get("changes", [])) for f in frames)
    assert levels + sum(capture.skipped.values()) == len(rows)
    assert {c["side"] for f in frames for c in f.get("changes", [])} == {"BUY", "SELL"}
    assert [f.us for f in capture.frames] == sorted(f.us for f in capture.frames)


@needs_recordings
def test_a_file_of_bare_frames_is_a_capture() -> None:
    assert len(load(PRINTS).frames) == 40
    assert json.loads(load(OLD_CHANGE).frames[0].body)["event_type"] == "price_change"


def test_a_file_that_is_not_a_capture_is_refused(tmp_path: Path) -> None:
    for name, text in (("a.jsonl", '{"x": 1}\n'), ("b.json", "{"), ("c.csv", "a,b\n1\n"), ("d.jsonl.gz", "no gzip")):
        (tmp_path / name).write_text(text)
        with pytest.raises(BadSettings, match=name):
            load(tmp_path / name)


@needs_recordings
def test_a_capture_is_played_over_a_socket_by_the_clock_and_the_other_venue_is_unaffected() -> None:
    app = build_app(universe(), keys=sandbox_keys(), capture=load(MULTI))
    with Served(app) as sandbox:
        assert sandbox.get("/__sandbox__/ws/capture")["frames"] == 268
        tickers = json.loads(gzip.decompress(MULTI.read_bytes()))["tickers"]
        socket = sandbox.open(sandbox.kalshi, signed())
        params = {"channels": ["orderbook_delta"], "market_tickers": tickers}
        socket.send(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
        assert json.loads(socket.recv(timeout=5))["type"] == "subscribed"
        sandbox.advance(600)
        frames = [json.loads(socket.recv(timeout=5)) for _ in range(257)]
        assert [f["seq"] for f in frames] == list(range(1, 258))
        market = sandbox.open(sandbox.market)
        market.send(json.dumps({"assets_ids": ["1"], "type": "market"}))
        assert market.recv(timeout=5) == "[]"


@needs_recordings
def test_a_recorded_universe_has_no_stream_unless_one_is_given() -> None:
    app = build_app(load_universe(RECORDINGS), keys=sandbox_keys())
    with Served(app) as sandbox, pytest.raises(InvalidStatus) as caught:
        sandbox.open(sandbox.market)
    assert caught.value.response.status_code == 404


def _members(events: Iterator[Obj] | list[Obj], kind: str) -> dict[str, frozenset[str]]:
    """Member names of the first event of every kind."""
    found: dict[str, frozenset[str]] = {}
    for event in events:
        found.setdefault(event[kind], frozenset(event))
    return found


@needs_recordings
def test_generated_kalshi_frames_have_the_members_of_recorded_ones(tmp_path: Path) -> None:
    recorded: dict[str, frozenset[str]] = {}
    outer: dict[str, frozenset[str]] = {}
    for number, path in enumerate((GOLD, BITCOIN)):
        folder = tmp_path / str(number)
        folder.mkdir()
        beginning(path, folder)
    for path in (MULTI, *tmp_path.iterdir()):
        frames = [json.loads(f.body) for f in load(path).frames]
        outer |= _members(frames, "type")
        recorded |= {f["type"]: frozenset(f["msg"]) for f in reversed(frames) if "msg" in f}
    client = Client()
    rows = client.open_rows(30)
    frames = client.send("subscribe", channels=["orderbook_delta", "ticker"], market_tickers=client.tickers(*rows))
    frames += client.send("subscribe", channels=["trade"]) + client.wait(20)
    client.world.kalshi.books.max_steps = 10
    frames += client.wait(3600)
    frames += client.send("update_subscription", sid=1, action="delete_markets", market_tickers=client.tickers(rows[0]))
    mine = {f["type"]: frozenset(f["msg"]) for f in frames if isinstance(f.get("msg"), dict)}
    assert _members(frames, "type").items() >= outer.items() - {("ok", outer["ok"])}
    assert mine["orderbook_delta"] == recorded["orderbook_delta"]
    assert mine["orderbook_snapshot"] <= recorded["orderbook_snapshot"]
    assert mine["ok"] == recorded["ok"]
    assert mine["trade"] - recorded["trade"] == {"is_block_trade"}  # in the specification since
    assert recorded["ticker"] - mine["ticker"] == {"no_bid_size_fp", "no_ask_size_fp"}  # the specification has none
    assert mine["ticker"] <= recorded["ticker"]


@needs_recordings
def test_generated_polymarket_frames_have_the_members_of_recorded_ones() -> None:
    long = RAW.with_name("raw_frames_m9-rtds-natural-20260429T021025Z-fresh.jsonl.gz")
    bodies = [json.loads(f.body) for path in (long, PRINTS) for f in load(path).frames]
    recorded = _members([e for b in bodies for e in (b if isinstance(b, list) else [b])], "event_type")
    client = MarketClient(MarketClient().open_rows(1))
    created = client.world.polymarket.venue.columns["created"][: client.world.polymarket.venue.ordinary]
    client.world.polymarket.books.max_steps = 20
    frames = client.subscribe(custom=True)
    for at in sorted(at for at in created if at * SECOND > NOW)[:40]:
        frames += client.wait(at - client.us // SECOND)
    row, at_us = traded()
    printing = MarketClient([row], us=at_us - SECOND)
    frames += printing.subscribe() + printing.wait(2)
    events = [e for f in frames for e in (f if isinstance(f, list) else [f])]
    mine = _members(events, "event_type")
    assert mine["book"] == recorded["book"]
    assert mine["price_change"] == recorded["price_change"]
    assert mine["last_trade_price"] == recorded["last_trade_price"]
    fees = frozenset({"fee_schedule"})
    assert {frozenset(e) | fees for e in events if e["event_type"] == "new_market"} == {recorded["new_market"] | fees}
    changes = [c for b in bodies if isinstance(b, dict) for c in b.get("price_changes", [])]
    assert {frozenset(c) for e in events for c in e.get("price_changes", [])} == {frozenset(c) for c in changes}
