"""Bad input end to end: served oddities are kept and counted, damaged stores are named, nothing is half written.

Belongs here: what needs a whole unit of work. What each statement makes of each odd value is in ``unit/``.
"""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from deltalake import DeltaTable

from echelon_pipeline.errors import CorruptStore, DiskFull, NewerLake, SchemaDrift, VenueUnavailable
from echelon_pipeline.ingest import main
from echelon_pipeline.ingest.listings import derive_listings, fetch_listings
from echelon_pipeline.ingest.prices import prices_from_trades
from echelon_pipeline.ingest.trades import ingest_trades
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.settings import load_settings
from echelon_pipeline.venues.kalshi.client import KalshiClient
from echelon_pipeline.venues.kalshi.cutoff import cutoff_of
from echelon_pipeline.venues.kalshi.walks import KalshiListings, KalshiTrades
from echelon_pipeline.venues.polymarket.client import PolymarketClient
from echelon_pipeline.venues.polymarket.walks import PolymarketListings, PolymarketTrades
from echelon_pipeline_tests.rows import Row, staged, stored, trade

NOW = "2026-11-20T12:00:00+00:00"
DAY = date(2026, 11, 20)
Answers = Mapping[str, Any]


def session_in(home: Path, **more: str) -> Session:
    base = {
        "ECHELON_HOME": str(home),
        "ECHELON_NOW": NOW,
        "ECHELON_MIN_FREE_MB": "0",
        "ECHELON_RATE_SCALE": "100000",
        "ECHELON_HTTP_RETRIES": "0",
        "ECHELON_HISTORY_DAYS": "0",
    }
    return Session.of(load_settings({**base, **more}))


def transport(answers: Answers) -> httpx.MockTransport:
    """Answers by the end of the path; everything else is an empty listing."""

    def answer(request: httpx.Request) -> httpx.Response:
        body = next((a for end, a in answers.items() if request.url.path.endswith(end)), None)
        if callable(body):
            body = body(dict(request.url.params))
        if body is None:
            empty: Row = {"markets": [], "events": [], "series": [], "trades": [], "cursor": ""}
            body = [] if "gamma" in request.url.host else empty
        return httpx.Response(200, content=json.dumps(body).encode())

    return httpx.MockTransport(answer)


def kalshi(session: Session, answers: Answers) -> Counts:
    """A listing and the day's trades of a scripted Kalshi; what the derivation counted."""

    async def go() -> None:
        async with KalshiClient(session.settings, transport=transport(answers)) as client:
            await fetch_listings(session, "kalshi", KalshiListings(client, session.settings))

    async def walk() -> Counts:
        async with KalshiClient(session.settings, transport=transport(answers)) as client:
            feed = KalshiTrades(client, await cutoff_of(client))
            return await ingest_trades(session, "kalshi", feed, [DAY])

    asyncio.run(go())
    counts = derive_listings(session, "kalshi", KalshiListings.kinds)
    counts.add(asyncio.run(walk()))
    return counts


def polymarket(session: Session, answers: Answers) -> Counts:
    """The same of a scripted Polymarket."""

    async def go() -> None:
        async with PolymarketClient(session.settings, transport=transport(answers)) as client:
            await fetch_listings(session, "polymarket", PolymarketListings(client, session.settings))

    async def walk() -> Counts:
        async with PolymarketClient(session.settings, transport=transport(answers)) as client:
            feed = PolymarketTrades(client, session.settings, session.clock())
            return await ingest_trades(session, "polymarket", feed, [DAY])

    asyncio.run(go())
    counts = derive_listings(session, "polymarket", PolymarketListings.kinds)
    counts.add(asyncio.run(walk()))
    return counts


def by(session: Session, table: str, key: str, value: str) -> dict[str, Any]:
    return {r[key]: r[value] for r in stored(session.lake, table)}


CUTOFF = {"market_settled_ts": "2026-01-01T00:00:00Z", "trades_created_ts": "2026-01-01T00:00:00Z"}


def kalshi_market(ticker: str, **change: Any) -> Row:
    made = {
        "ticker": ticker,
        "event_ticker": "E",
        "title": "t",
        "status": "active",
        "created_time": "2026-11-01T00:00:00Z",
        "open_time": "2026-11-01T00:00:00Z",
        "close_time": "2026-12-01T00:00:00Z",
        "yes_bid_dollars": "0.4200",
        "yes_ask_dollars": "0.4400",
        "volume_24h_fp": "3.00",
        "volume_fp": "9.00",
        "result": "",
    }
    return {**made, **change}


def kalshi_trade(name: str, **change: Any) -> Row:
    made = {
        "trade_id": name,
        "ticker": "GOOD",
        "count_fp": "2.00",
        "yes_price_dollars": "0.4000",
        "no_price_dollars": "0.6000",
        "taker_outcome_side": "yes",
        "created_time": "2026-11-20T10:00:00Z",
    }
    return {**made, **change}


def test_odd_kalshi_objects_are_kept_and_counted_and_their_neighbours_load(tmp_path: Path) -> None:
    session = session_in(tmp_path)
    markets = [
        kalshi_market("GOOD"),
        kalshi_market("ZEROTIME", created_time="0001-01-01T00:00:00Z"),
        kalshi_market("ODDSTATUS", status="napping"),
        kalshi_market("SCALAR", status="finalized", result="scalar", settlement_value_dollars="0.3300"),
        kalshi_market("NULLQUOTES", yes_bid_dollars=None, yes_ask_dollars=None),
        kalshi_market("NOEVENT", event_ticker=None),
        kalshi_market("DEAR", yes_ask_dollars="1.5000"),
        {"status": "active", "ticker": None},
        "no object",
    ]
    trades = [
        kalshi_trade("good"),
        kalshi_trade("dear", yes_price_dollars="1.2000", no_price_dollars="-0.2000"),
        kalshi_trade("negative", count_fp="-2.00"),
        kalshi_trade("zero time", created_time="0001-01-01T00:00:00Z"),
        kalshi_trade("last", created_time="2026-11-20T09:00:00Z"),
    ]
    counts = kalshi(
        session,
        {
            "/historical/cutoff": CUTOFF,
            "/markets/trades": {"trades": trades, "cursor": ""},
            "/markets": lambda query: {"markets": markets if query.get("status") == "open" else [], "cursor": ""},
        },
    )
    status = by(session, "core.instruments", "native_id", "status")
    assert {"GOOD", "ZEROTIME", "ODDSTATUS", "SCALAR", "NULLQUOTES", "NOEVENT"} <= status.keys()
    assert by(session, "core.instruments", "native_id", "created_at")["ZEROTIME"] is None
    assert by(session, "core.instruments", "native_id", "venue_status")["ODDSTATUS"] == "napping"
    paid = {
        r["instrument_id"]: (str(r["payout_0"]), str(r["payout_1"])) for r in stored(session.lake, "core.resolutions")
    }
    assert paid["kalshi:SCALAR"] == ("0.330000000000", "0.670000000000")
    assert by(session, "core.trades", "trade_id", "size").keys() == {"good", "last"}
    dead = [(r["endpoint"], r["path"]) for r in stored(session.lake, "core.dead_letters")]
    assert dead.count(("trades", "$.yes_price_dollars")) == 1
    assert dead.count(("trades", "$.count_fp")) == 1
    assert dead.count(("trades", "$.created_time")) == 1
    assert ("markets", "$.ticker") in dead
    assert counts.new["core.dead_letters"] == len(dead)
    drift = {(r["path"], r["value"]) for r in stored(session.lake, "core.drift")}
    assert ("status", "napping") in drift
    # Every object that was served became an instrument, or a dead letter that holds its payload.
    letters = {r["payload"] for r in stored(session.lake, "core.dead_letters") if r["endpoint"] == "markets"}
    assert len(status) + len(letters) == len(markets)


def gamma_market(condition: str, **change: Any) -> Row:
    made = {
        "id": condition,
        "conditionId": condition,
        "question": "q",
        "slug": condition,
        "outcomes": '["Yes", "No"]',
        "clobTokenIds": f'["{condition}1", "{condition}2"]',
        "outcomePrices": '["0.4", "0.6"]',
        "active": True,
        "closed": False,
        "acceptingOrders": True,
        "volumeNum": 5,
        "volume24hr": 3,
        "createdAt": "2026-11-01T00:00:00Z",
    }
    return {**made, **change}


def data_trade(number: int, **change: Any) -> Row:
    made = {
        "transaction_hash": f"0x{number}",
        "token_id": "0xa1",
        "condition_id": "0xa",
        "proxy_wallet": "0xw",
        "side": "BUY",
        "price": 0.4,
        "size": 3,
        "timestamp": int(datetime(2026, 11, 20, 11 - number, tzinfo=UTC).timestamp()),
    }
    return {**made, **change}


def test_odd_polymarket_objects_are_kept_and_counted_and_their_neighbours_load(tmp_path: Path) -> None:
    session = session_in(tmp_path)
    markets = [
        gamma_market("0xa"),
        gamma_market("0xb", outcomes="[]", clobTokenIds="[]", outcomePrices="[]"),
        gamma_market("0xc", outcomes=None, clobTokenIds=None, outcomePrices=None),
        gamma_market("0xd", umaResolutionStatus="pondering", createdAt=None),
        gamma_market("0xe", createdAt="0001-01-01T00:00:00Z"),
        gamma_market("0xf", conditionId=None),
    ]
    trades = [
        data_trade(0),
        data_trade(1, price=1.7),
        data_trade(2, size=-5),
        data_trade(3, side="HODL"),
        data_trade(4, timestamp=0),
        data_trade(5),
    ]
    events = [{"id": "1", "title": "e", "slug": "e", "markets": markets, "closed": False}]
    counts = polymarket(
        session,
        {
            "/v2/trades": {"data": trades, "pagination": {"has_more": False, "next_cursor": None}},
            "/events/keyset": {"events": events, "next_cursor": None},
            "/series/keyset": {"series": [], "next_cursor": None},
            "/markets/keyset": {"markets": [], "next_cursor": None},
        },
    )
    outcomes = by(session, "core.instruments", "native_id", "outcome_count")
    assert outcomes == {"0xa": 2, "0xb": 0, "0xc": 0, "0xd": 2, "0xe": 2}
    assert by(session, "core.instruments", "native_id", "created_at")["0xe"] is None
    assert by(session, "core.trades", "transaction_hash", "taker_direction") == {"0x0": 1, "0x3": None, "0x5": 1}
    dead = sorted((r["endpoint"], r["path"]) for r in stored(session.lake, "core.dead_letters"))
    assert dead == [
        ("markets", "$.conditionId"),
        ("trades", "$.price"),
        ("trades", "$.size"),
        ("trades", "$.timestamp"),
    ]
    assert counts.new["core.dead_letters"] == 4
    drift = {(r["path"], r["value"]) for r in stored(session.lake, "core.drift")}
    assert {("umaResolutionStatus", "pondering"), ("side", "HODL")} <= drift


def test_a_cutoff_without_its_times_is_drift_with_a_sample(tmp_path: Path) -> None:
    with pytest.raises(SchemaDrift, match=r"cutoff.*2026-13-45"):
        kalshi(session_in(tmp_path), {"/historical/cutoff": {**CUTOFF, "trades_created_ts": "2026-13-45"}})


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_an_unreachable_venue_is_named_and_says_so_in_the_windows(tmp_path: Path, venue: Any) -> None:
    nowhere = "http://127.0.0.1:9"
    session = session_in(
        tmp_path,
        KALSHI_BASE_URL=f"{nowhere}/trade-api/v2",
        POLYMARKET_GAMMA_URL=nowhere,
        POLYMARKET_API_URL=nowhere,
        ECHELON_POLYMARKET_DATA_URL=nowhere,
    )
    with pytest.raises(VenueUnavailable, match=venue):
        main.fetch(session, venue)
    windows = session.windows.recorded(venue, "raw.objects")
    assert [(w.state, (w.reason or "").split(":")[0]) for w in windows] == [("partial", "VenueUnavailable")]


# --- damaged, full and newer stores


def lake_in(folder: Path, **more: Any) -> Lake:
    return Lake(str(folder / "lake"), scratch=folder / "scratch", **{"min_free_mb": 0, **more})


def merge(lake: Lake, *rows: Row) -> None:
    lake.merge("core.trades", [staged(lake.scratch, "core.trades", rows)])


def _cut(whole: bytes) -> list[bytes]:
    return [b"", *(whole[: len(whole) * part // 7] for part in range(1, 7)), b"\0" * len(whole)]


@pytest.mark.parametrize("entry", [0, 1, 2])
def test_a_torn_log_entry_is_a_corrupt_store_that_names_its_table(tmp_path: Path, entry: int) -> None:
    lake = lake_in(tmp_path)
    for number in range(2):
        merge(lake, trade(number))
    path = Path(lake.uri("core.trades")) / "_delta_log" / f"{entry:020d}.json"
    whole = path.read_bytes()
    for torn in _cut(whole):
        path.write_bytes(torn)
        with pytest.raises(CorruptStore, match=r"core[./]trades"):
            stored(lake, "core.trades")
        with pytest.raises(CorruptStore, match=r"core[./]trades"):
            merge(lake, trade(9))
    path.write_bytes(whole)
    assert len(stored(lake, "core.trades")) == 2


def test_a_killed_writers_half_written_file_is_no_part_of_the_table(tmp_path: Path) -> None:
    lake = lake_in(tmp_path)
    merge(lake, trade(1))
    (file,) = (Path(p) for p in lake.files("core.trades"))
    orphan = file.with_name("part-00000-orphan-c000.zstd.parquet")
    orphan.write_bytes(file.read_bytes()[:500])
    merge(lake, trade(2))
    assert [r["trade_id"] for r in stored(lake, "core.trades", order="trade_id")] == ["kalshi:t1", "kalshi:t2"]
    assert orphan.exists()  # sweeping it is maintenance's


def test_a_full_disk_in_the_middle_of_a_write_commits_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_in(tmp_path)
    merge(lake, trade(1))
    before = lake.version("core.trades")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", full)
    with pytest.raises(DiskFull, match=r"core\.trades.*no space left"):
        merge(lake, trade(2))
    monkeypatch.undo()
    assert lake.version("core.trades") == before
    merge(lake, trade(2))
    assert len(stored(lake, "core.trades")) == 2


def test_too_little_room_stops_a_unit_before_anything_is_claimed(tmp_path: Path) -> None:
    session = session_in(tmp_path, ECHELON_MIN_FREE_MB=str(10**9))
    with pytest.raises(DiskFull, match="MiB free"):
        kalshi(session, {"/historical/cutoff": CUTOFF, "/markets": {"markets": [kalshi_market("M")], "cursor": ""}})
    assert session.lake.version("core.ingest_windows") is None
    assert session.lake.version("core.instruments") is None


def _newer(lake: Lake, table: str) -> Callable[[], int | None]:
    """Marks a stored table as written by newer code; gives its raw Delta version."""
    DeltaTable(lake.uri(table)).alter.set_table_description("v99: of the future")
    return lambda: DeltaTable(lake.uri(table)).version()


def test_a_lake_of_newer_code_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    session = session_in(tmp_path)
    answers = {"/historical/cutoff": CUTOFF, "/markets/trades": {"trades": [kalshi_trade("a")], "cursor": ""}}
    listing = {"/markets": lambda q: {"markets": [kalshi_market("GOOD")] if q.get("status") == "open" else []}}
    kalshi(session, {**answers, **listing})
    version = _newer(session.lake, "core.trades")
    before = version()
    windows = len(session.windows.recorded("kalshi", "core.trades"))
    with pytest.raises(NewerLake, match=r"core\.trades.*version 99.*upgrade"):
        merge(session.lake, trade(1))
    with pytest.raises(NewerLake, match="upgrade"):
        prices_from_trades(session, "kalshi", [DAY])
    assert version() == before
    assert len(session.windows.recorded("kalshi", "core.trades")) == windows
