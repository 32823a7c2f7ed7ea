"""Every recorded object is served like at its venue, or listed as unserved.

Belongs here: the case, as small folders.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.sandbox.server.app import build
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.universe.recorded import load
from echelon_pipeline.sandbox.universe.unserved import unserved
from echelon_pipeline_tests.clients.local import KALSHI, Local

AT = 1_780_000_000  # 2026-05-28 20:26:40 UTC
MARKET = {"event_ticker": "E", "market_type": "binary", "status": "active", "yes_sub_title": "yes"}
EVENT = {"event_ticker": "E", "series_ticker": "S", "title": "t", "mutually_exclusive": True}
COMBO = {"mve_selected_legs": [{"market_ticker": "A", "side": "yes"}]}


def folder(tmp_path: Path, **files: Any) -> Path:
    """``kalshi_x`` and ``gamma_x``: answers of the venues."""
    places = {"kalshi": "kalshi/rest", "gamma": "polymarket/gamma", "history": "polymarket/prices_history"}
    for name, body in files.items():
        place = tmp_path / places[name.split("_")[0]]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.json").write_text(json.dumps(body))
    return tmp_path


def market(ticker: str, **more: Any) -> dict[str, Any]:
    return {"ticker": ticker, **MARKET, **more}


def gamma(name: str, **more: Any) -> dict[str, Any]:
    tokens = json.dumps([f"{name}0", f"{name}1"])
    return {"id": name, "conditionId": f"0x{name}", "question": "q", "slug": name, "clobTokenIds": tokens, **more}


def test_a_finalized_market_that_does_not_say_when_is_listed_and_named(tmp_path: Path) -> None:
    closed = {"status": "finalized", "close_time": "2026-05-01T00:00:00Z"}
    dated = {**closed, "settlement_ts": "2026-05-02T00:00:00Z"}
    markets = [market("A", **closed), market("B", **dated)]
    universe = load(folder(tmp_path, kalshi_m={"markets": markets, "event": EVENT}))
    sandbox = Local(universe)
    listed = sandbox.get(f"{KALSHI}/markets?status=settled&min_settled_ts={AT - 40 * 86_400}")["markets"]
    assert [one["ticker"] for one in listed] == ["A", "B"]
    assert sandbox.get(f"{KALSHI}/markets?status=settled&min_settled_ts={AT}")["markets"] == []
    assert unserved(universe) == {"settled market without a settlement time: listed by its close_time": ["A"]}


@pytest.mark.parametrize("collection", [{}, {"mve_collection_ticker": ""}, {"mve_collection_ticker": "GONE"}])
def test_a_combo_of_no_collection_is_listed_among_combos_and_named(tmp_path: Path, collection: dict[str, str]) -> None:
    markets = [market("A"), market("C", **COMBO, **collection)]
    universe = load(folder(tmp_path, kalshi_m={"markets": markets, "event": EVENT}))
    sandbox = Local(universe)
    for mve, tickers in (("only", ["C"]), ("exclude", ["A"])):
        listed = sandbox.get(f"{KALSHI}/markets?status=open&mve_filter={mve}")["markets"]
        assert [one["ticker"] for one in listed] == tickers
    assert unserved(universe) == {"combo without a recorded collection: listed as a combo, in no collection": ["C"]}


def test_an_open_market_without_its_event_is_listed_with_the_event_that_it_tells_of_or_named(tmp_path: Path) -> None:
    told = [{"id": "7", "slug": "seven", "title": "Seven", "closed": False}]
    event = {"id": "8", "slug": "eight", "title": "Eight", "creationDate": "2026-05-01", "markets": [gamma("inside")]}
    markets = [
        gamma("told", events=told),
        gamma("beside", events=[{"id": "8", "slug": "eight", "title": "Eight"}]),
        gamma("alone"),
        gamma("over", closed=True),
    ]
    universe = load(folder(tmp_path, gamma_m=markets, gamma_e=[event], kalshi_m={"market": market("A")}))
    sandbox = Local(universe)
    events = {one["id"]: one for one in sandbox.get("/gamma/events/keyset?closed=false")["events"]}
    listed = {name: [m["id"] for m in one["markets"]] for name, one in events.items()}
    assert listed == {"7": ["told"], "8": ["inside", "beside"]}
    assert sandbox.get("/gamma/events/7")["title"] == "Seven"
    assert unserved(universe) == {
        "open polymarket market without an event: in no listing of open events": ["0xalone"],
        "kalshi market without a recorded event: listed without the event": ["A"],
    }


def test_trades_candles_and_histories_are_reached_through_the_routes_that_venues_have(tmp_path: Path) -> None:
    trade = {"trade_id": "t", "ticker": "A", "created_time": "2026-05-28T12:00:00Z"}
    candles = [{"end_period_ts": AT + 3_600 * n} for n in range(3)]
    history = {"yes_token": "a0", "history": [{"t": AT, "p": 0.5}]}
    universe = load(
        folder(
            tmp_path,
            kalshi_m={"market": market("A"), "event": EVENT},
            kalshi_t={"trades": [trade]},
            kalshi_c={"ticker": "A", "candlesticks": candles},
            gamma_m=[gamma("a", closed=True)],
            history_a=history,
        )
    )
    sandbox = Local(universe)
    cutoff = sandbox.get(f"{KALSHI}/historical/cutoff")
    assert set(cutoff) >= {"market_settled_ts", "trades_created_ts"}
    assert max(cutoff.values()) < "2001"  # everything recorded is later, so it is asked for where it is
    assert sandbox.get(f"{KALSHI}/markets/trades?ticker=A")["trades"] == [trade]
    batch = sandbox.get(
        f"{KALSHI}/markets/candlesticks?market_tickers=A&start_ts={AT}&end_ts={AT + 10_000}&period_interval=60"
    )
    assert batch["markets"] == [{"market_ticker": "A", "candlesticks": candles}]
    asked = {"markets": ["a0", "a1"], "start_ts": AT - 1, "end_ts": AT + 1, "fidelity": 60}
    answer = sandbox.ask("POST", "/clob/batch-prices-history", body=asked)
    assert json.loads(answer.content) == {"history": {"a0": history["history"]}}
    none = sandbox.ask("POST", "/clob/batch-prices-history", body={**asked, "start_ts": AT + 1})
    assert (none.status_code, b"not_available_in_recording" in none.content) == (404, True)
    assert unserved(universe) == {}


def test_everything_else_in_the_folder_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = folder(tmp_path, kalshi_m={"market": market("A"), "event": EVENT}, kalshi_odd={"x": [1]})
    (place / "notes.txt").write_text("x")
    (place / "kalshi" / "tape.parquet").write_bytes(b"")
    trade = {"trade_id": "t", "ticker": "GONE", "created_time": "2026-05-28T12:00:00Z"}
    folder(tmp_path, kalshi_t={"trades": [trade]}, kalshi_c={"ticker": "GONE", "candlesticks": [{"end_period_ts": AT}]})
    found = unserved(load(place))
    assert found == {
        "file of an unknown kind": ["kalshi/tape.parquet", "notes.txt"],
        "file without a known object": ["kalshi/rest/kalshi_odd.json"],
        "kalshi trade of a market that is not recorded: served only by name": ["GONE"],
        "kalshi candles of a market that is not recorded: served only by name": ["GONE"],
        "kalshi candles that are not hourly: served with their own period_interval only": ["GONE"],
    }
    app = build(SandboxOptions(universe="recorded", recordings=place))
    assert "2 x file of an unknown kind" in caplog.text
    assert Local(app.state.universe).get("/__sandbox__/recording")["left_out"] == found
