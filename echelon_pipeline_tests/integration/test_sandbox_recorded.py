"""The recorded universe serves objects byte for byte, and answers 404 for what it lacks."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import msgspec
import pytest

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.sandbox.universe.recorded import RecordedUniverse, load
from echelon_pipeline_tests.clients.local import KALSHI, Local
from echelon_pipeline_tests.fakes import RECORDINGS, needs_recordings, recorded


@cache
def _universe() -> RecordedUniverse:
    return load(RECORDINGS)


@pytest.fixture
def sandbox() -> Local:
    return Local(_universe())


@needs_recordings
def test_markets_are_served_as_they_were_recorded(sandbox: Local) -> None:
    source = (RECORDINGS / "kalshi/rest/cockpit_markets_settled.json").read_bytes()
    wanted = msgspec.json.decode(
        msgspec.json.decode(source, type=dict[str, msgspec.Raw])["markets"], type=list[msgspec.Raw]
    )
    answer = sandbox.ask("GET", f"{KALSHI}/markets?status=settled&limit=1000").content
    finalized = [bytes(raw) for raw in wanted if json.loads(bytes(raw))["status"] == "finalized"]
    assert len(finalized) > 10
    assert all(raw in answer for raw in finalized)


@needs_recordings
def test_every_kind_of_object_can_be_listed_and_read_alone(sandbox: Local) -> None:
    markets = sandbox.pages(f"{KALSHI}/markets", "markets", limit=1000)
    assert len(markets) == len({m["ticker"] for m in markets}) == len(_universe().objects["kalshi market"])
    assert sandbox.get(f"{KALSHI}/markets/{markets[0]['ticker']}")["market"] == markets[0]
    events = sandbox.pages(f"{KALSHI}/events", "events", limit=200)
    assert len(events) > 2000
    assert sandbox.get(f"{KALSHI}/series/CO2")["series"]["category"] == "Climate and Weather"
    assert sandbox.get(f"{KALSHI}/multivariate_event_collections")["multivariate_contracts"]
    combos = sandbox.get(f"{KALSHI}/markets", mve_filter="only")["markets"]
    assert all(m["mve_selected_legs"] for m in combos)
    assert sandbox.get(f"{KALSHI}/events/multivariate")["events"]
    assert sandbox.get("/gamma/markets/906973")["question"].startswith("Will the Fed decrease")
    assert sandbox.get("/gamma/events/keyset")["events"]
    assert sandbox.get("/clob/markets")["count"] > 400


@needs_recordings
def test_candles_books_and_histories_are_served_under_their_market(sandbox: Local) -> None:
    path = f"{KALSHI}/series/KXELONMARS/markets/KXELONMARS-99/candlesticks?start_ts=0&end_ts=2000000000"
    assert len(sandbox.get(f"{path}&period_interval=1440")["candlesticks"]) == 92
    assert sandbox.refusal(f"{path}&period_interval=60")[1]["error"]["code"] == "not_available_in_recording"
    book = recorded("polymarket/clob_book/fed_june_2026_books.json")[0]
    assert sandbox.get("/clob/book", token_id=book["asset_id"]) == book
    ticker = recorded("kalshi/mve/cockpit_combo_orderbooks.json")[0]["ticker"]
    assert "orderbook_fp" in sandbox.get(f"{KALSHI}/markets/{ticker}/orderbook")
    london = recorded("polymarket/prices_history/temperature_london.json.gz")["markets"][0]["buckets"][0]
    first, last = london["history"][0]["t"], london["history"][-1]["t"]
    served = sandbox.get(f"/clob/prices-history?market={london['yes_token']}&startTs={first}&endTs={last}")
    assert served["history"] == london["history"]


@needs_recordings
@pytest.mark.parametrize(
    "path",
    [
        f"{KALSHI}/historical/trades",
        f"{KALSHI}/markets/NOPE",
        f"{KALSHI}/markets/NOPE/orderbook",
        f"{KALSHI}/markets/trades?ticker=NOPE",
        "/data/v2/trades",
        "/clob/builder/trades",
        "/clob/book?token_id=1",
        "/clob/prices-history?market=1&interval=1d",
        "/gamma/markets/1",
    ],
)
def test_objects_that_were_not_recorded_answer_404(sandbox: Local, path: str) -> None:
    status, body = sandbox.refusal(path)
    assert status == 404
    assert "not_available_in_recording" in json.dumps(body)


@needs_recordings
def test_the_clock_starts_after_the_newest_payload(sandbox: Local) -> None:
    assert sandbox.clock.at() > _universe().newest
    health = sandbox.get("/__sandbox__/health")
    assert health["now"] == _universe().start.isoformat()


def test_a_folder_without_payloads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="no payloads"):
        load(tmp_path)


def test_the_latest_version_of_an_object_is_served_with_its_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "kalshi" / "rest"
    folder.mkdir(parents=True)
    market = (
        '{"ticker":"A-1","event_ticker":"A","market_type":"binary","status":"%s",'
        '"yes_sub_title":"x","updated_time":"%s"}'
    )
    (folder / "a.json").write_text('{"markets": [' + market % ("active", "2026-02-01T00:00:00Z") + "]}")
    (folder / "b.json").write_text('{"market": ' + market % ("initialized", "2026-01-01T00:00:00Z") + "}")
    sandbox = Local(load(tmp_path))
    assert (market % ("active", "2026-02-01T00:00:00Z")).encode() in sandbox.ask("GET", f"{KALSHI}/markets").content
    assert sandbox.refusal(f"{KALSHI}/markets/trades")[0] == 404
