"""A venue is one folder and one registration: a third one is ingested, streamed, published, shown and probed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import httpx
import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.ingest import main
from echelon_pipeline.ingest.homes import require_own_streams, require_own_venues
from echelon_pipeline.lake.session import Session
from echelon_pipeline.marts.marts import marts
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.ops.stream_probes import probe_streams
from echelon_pipeline.ops.venue_probes import Level, probe_venues
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.listeners import Listener
from echelon_pipeline.streams.book_tables import derive_hour
from echelon_pipeline.streams.feeds import feeds_of
from echelon_pipeline.streams.record import Pace, Recorded, record
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline.venues.registry import register, unregister
from echelon_pipeline.venues.ws import WsMetrics, WsPolicy
from echelon_pipeline_tests.state_databases import intents_within
from echelon_pipeline_tests.toy_venue.server import NOW, served
from echelon_pipeline_tests.toy_venue.venue import TOY


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home that knows the toy venue, which is served."""
    register(TOY)
    marts.cache_clear()
    try:
        with served() as places:
            home = tmp_path_factory.mktemp("toy")
            env = {"ECHELON_HOME": str(home), "ECHELON_MIN_FREE_MB": "0", "ECHELON_NOW": NOW.isoformat()}
            local = dict.fromkeys(("KALSHI_BASE_URL", "POLYMARKET_GAMMA_URL"), places["ECHELON_TOY_URL"])
            local |= {"POLYMARKET_API_URL": places["ECHELON_TOY_URL"]}
            local |= {"ECHELON_POLYMARKET_DATA_URL": places["ECHELON_TOY_URL"]}
            local |= dict.fromkeys(("KALSHI_WS_URL", "POLYMARKET_WS_URL"), places["ECHELON_TOY_WS_URL"])
            local |= {"ECHELON_POLYMARKET_USER_WS_URL": places["ECHELON_TOY_WS_URL"]}
            yield load_settings({**env, **places, **local})
    finally:
        unregister("toy")
        marts.cache_clear()


@pytest.fixture(scope="module")
def session(settings: Settings) -> Session:
    """What was fetched, derived and recorded of it."""
    session = Session.of(settings)
    main.fetch(session, "toy")
    main.derive(session, "toy")
    main.trades(session, "toy", [NOW.date()])
    _record(settings)
    for hour in hours_due(session, "toy", intents_within(), datetime.now(UTC)):
        derive_hour(session, hour)
    return session


def _record(settings: Settings) -> None:
    async def go() -> None:
        (feed,) = feeds_of(
            settings, [Instrument("toy:RAIN", ("RAIN",)), Instrument("toy:SNOW", ("SNOW",))], WsMetrics()
        )
        stop, done, pace = asyncio.Event(), Recorded(), Pace(flush=0.02, segment=60.0)
        words: dict[str, Any] = {"listener": "toy", "epoch": 1, "policy": WsPolicy.of(settings), "pace": pace}
        task = asyncio.create_task(record(feed, settings.capture_root, stop=stop, recorded=done, **words))
        while done.frames < 4 and not task.done():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
        stop.set()
        await task

    asyncio.run(asyncio.wait_for(go(), 10))


def rows(session: Session, query: str, table: str) -> list[tuple[Any, ...]]:
    with session.duck() as connection:
        scan = session.lake.scan(table, where={"venue": ["toy"]})
        return connection.execute(query.format(f"({scan})")).fetchall()


def test_it_is_ingested(session: Session) -> None:
    assert rows(session, "SELECT instrument_id, title FROM {} ORDER BY 1", "core.instruments") == [
        ("toy:RAIN", "Will there be rain?"),
        ("toy:SNOW", "Will there be snow?"),
    ]
    assert rows(session, "SELECT count(*), sum(size) FROM {}", "core.trades") == [(6, 12)]
    state = "SELECT DISTINCT state FROM {} WHERE table_name IN ('core.instruments', 'core.trades')"
    assert rows(session, state, "core.ingest_windows") == [("complete",)]
    assert not rows(session, "FROM {}", "core.dead_letters")


def test_its_stream_is_recorded_and_becomes_books_and_trades(session: Session) -> None:
    books = "SELECT DISTINCT instrument_id, bid, ask FROM {} WHERE state = 'live' ORDER BY 1"
    assert [(i, str(b), str(a)) for i, b, a in rows(session, books, "core.book_snapshots")] == [
        ("toy:RAIN", "0.390000", "0.410000"),
        ("toy:SNOW", "0.390000", "0.410000"),
    ]
    trades = "SELECT DISTINCT instrument_id, outcome_index, taker_direction FROM {} ORDER BY 1"
    assert rows(session, trades, "core.live_trades") == [("toy:RAIN", 0, 1), ("toy:SNOW", 0, 1)]


def test_it_is_in_the_marts_and_published(session: Session) -> None:
    settings = session.settings
    list(Refresh(settings).run(["core.display_names", "mart.trade_volume", "mart.data_quality"]))
    assert publish(settings, soon=True)
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        volume = connection.execute("SELECT sum(contracts) FROM mart.trade_volume WHERE venue = 'toy'").fetchone()
        names = connection.execute("SELECT outcome_0_name FROM core.display_names WHERE venue = 'toy'").fetchall()
        tables = connection.execute("SELECT DISTINCT table_name FROM mart.data_quality WHERE venue = 'toy'").fetchall()
    assert volume == (12,)
    assert names == [("Yes",), ("Yes",)]
    assert {"core.trades", "core.instruments", "core.book_snapshots"} <= {name for (name,) in tables}


def test_it_is_in_the_graph_with_its_pool_and_in_the_jobs(settings: Settings) -> None:
    definitions = build_defs(settings)
    graph = definitions.resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"raw/toy/listings", "core/toy/instruments", "core/toy/trades", "core/toy/book_snapshots"} <= keys
    assert not {"core/toy/daily_prices", "core/toy/fills", "core/toy/combos"} & keys
    assert {"toy_api"} == {
        a.op.pool for a in definitions.assets or [] if isinstance(a, dg.AssetsDefinition) and _asks(a)
    }
    volume = graph.get(dg.AssetKey(["mart", "trade_volume"]))
    assert dg.AssetKey(["core", "toy", "trades"]) in volume.parent_keys
    daily = definitions.resolve_job_def("daily").asset_layer.selected_asset_keys
    assert dg.AssetKey(["core", "toy", "trades"]) in daily


def _asks(asset: dg.AssetsDefinition) -> bool:
    return any(list(k.path) in (["raw", "toy", "listings"], ["core", "toy", "trades"]) for k in asset.keys)


def test_the_doctor_asks_it(settings: Settings) -> None:
    found = {f.what: f.level for f in probe_venues(settings, httpx.HTTPTransport(), lambda: NOW)}
    assert found["toy"] is Level.OK
    streams = {f.what: f.level for f in probe_streams(settings)}
    assert streams["toy stream"] is Level.OK


def test_listeners_and_homes_know_it(settings: Settings) -> None:
    assert Listener(name="l", venue="toy", ticker=("RAIN",)).venue == "toy"
    require_own_venues(settings)
    require_own_streams(settings)
