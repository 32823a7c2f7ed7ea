"""What the venue serves unchanged has been said again: ages run since it was last served, not since it was stored."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from echelon_pipeline.ingest.listings import derive_listings, fetch_listings
from echelon_pipeline.lake.session import Session
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import load_settings
from echelon_pipeline.venues.kalshi.client import KalshiClient
from echelon_pipeline.venues.kalshi.walks import KalshiListings
from echelon_pipeline_tests.cases.files import inputs
from echelon_pipeline_tests.served_polymarket import Body, Home, Polymarket, market, rows, served

POLLS = ("2026-11-21T12:00:00+00:00", "2026-11-23T12:00:00+00:00", "2026-12-03T12:00:00+00:00")
QUOTE = "best_bid, best_ask, spread, latest_price, price_source, quote_at"
NEVER = {"no_quote", "no_price", "stale_price"}


def said_at(at: str) -> tuple[Any, ...]:
    cents = (Decimal(text) for text in ("0.39", "0.41", "0.02", "0.40"))
    return (*cents, "quote_mid", datetime.fromisoformat(at))


def overview(session: Session) -> tuple[tuple[Any, ...], set[str]]:
    list(Refresh(session.settings).run(["mart.market_overview"]))
    [(*quote, flags)] = rows(session, "mart.market_overview", f"{QUOTE}, quality_flags")
    return tuple(quote), set(flags)


def made() -> dict[str, Any]:
    event = {"id": "8", "slug": "event-8", "title": "Event 8", "closed": False, "markets": [market(8)]}
    return {"polls": POLLS, "served_each_time_byte_for_byte": event}


@pytest.mark.parametrize("case", inputs(made, "03-quiet-market.json"))
def test_a_quiet_market_has_a_quote_as_old_as_the_last_poll(tmp_path: Path, case: Any) -> None:
    told = case()
    event = told["served_each_time_byte_for_byte"]
    with served(Polymarket(events=[event], markets=event["markets"])) as venue:
        home = Home(tmp_path, venue)
        for at in told["polls"]:
            session = home.poll(at)
            quote, flags = overview(session)
            assert quote == said_at(at)
            assert not flags & NEVER
    assert rows(session, "core.instrument_quotes", "count(*)") == [(1,)]
    list(Refresh(session.settings).run())
    publish(session.settings, force=True)
    with read_published(session.settings.published_file) as connection:
        found = connection.execute(
            "FROM core.table_health WHERE table_name LIKE 'core.instrument%' AND is_stale"
        ).fetchall()
    assert found == []


def test_what_the_venue_served_last_is_served_no_longer_after_it_changed_or_went(tmp_path: Path) -> None:
    """A quote that was served until the second poll is 12 days old at the third; another one is new then."""
    event: Body = {"id": "8", "title": "Event 8", "closed": False, "markets": [market(8), market(9)]}
    with served(Polymarket(events=[event], markets=event["markets"])) as venue:
        home = Home(tmp_path, venue)
        for at in POLLS[:2]:
            home.poll(at)
        event["markets"], venue.markets = [market(9, bestBid=0.2, bestAsk=0.3)], []
        session = home.poll(POLLS[2])
        list(Refresh(session.settings).run(["mart.market_overview"]))
        assert rows(session, "mart.market_overview", "native_id[-1], best_bid, quote_at") == [
            ("8", None, None),
            ("9", Decimal("0.2"), datetime.fromisoformat(POLLS[2])),
        ]


def test_a_quiet_market_of_kalshi_has_a_quote_as_old_as_the_last_poll(tmp_path: Path) -> None:
    quiet = {
        "ticker": "KXQ-1",
        "event_ticker": "KXQ",
        "title": "t",
        "status": "active",
        "open_time": "2026-11-01T00:00:00Z",
        "close_time": "2026-12-31T00:00:00Z",
        "yes_bid_dollars": "0.3900",
        "yes_ask_dollars": "0.4100",
        "volume_24h_fp": "0.00",
        "volume_fp": "0.00",
        "result": "",
    }

    def answer(request: httpx.Request) -> httpx.Response:
        wanted = request.url.path.endswith("/markets") and request.url.params.get("status") == "open"
        body: Body = {"markets": [quiet] if wanted else [], "events": [], "series": [], "cursor": ""}
        return httpx.Response(200, content=json.dumps(body).encode())

    async def fetch(session: Session) -> None:
        async with KalshiClient(session.settings, transport=httpx.MockTransport(answer)) as client:
            await fetch_listings(session, "kalshi", KalshiListings(client, session.settings))

    for at in POLLS:
        env = {"ECHELON_HOME": str(tmp_path), "ECHELON_NOW": at, "ECHELON_MIN_FREE_MB": "0"}
        session = Session.of(load_settings({**env, "ECHELON_RATE_SCALE": "100000"}))
        asyncio.run(fetch(session))
        derive_listings(session, "kalshi", KalshiListings.kinds)
        quote, flags = overview(session)
        assert quote == said_at(at)
        assert not flags & NEVER
    assert rows(session, "core.instrument_quotes", "observed_at") == [(datetime(2026, 11, 21, 12, tzinfo=UTC),)]
