"""Combos from the sandbox to values: a bounded sample, followed until it settles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline.ingest.parlays import SCOPE
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.lake.windows import RecordedWindow
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline_tests.pipeline import settings_for
from echelon_pipeline_tests.rows import Row, stored

Served = dict[str, dict[str, Any]]
TABLES = ("core.parlays", "core.parlay_legs", "mart.parlay_values")


@pytest.fixture(scope="module")
def venue() -> Iterator[SandboxProcess]:
    """A universe with some dozen open combos; its clock is advanced by the last test."""
    with SandboxProcess(events=60, instruments=1_800, days=6, trades=3_000, seed=11, horizon_days=150) as process:
        yield process


def _served(venue: SandboxProcess, **query: str | int) -> Served:
    url = f"{venue.env()['KALSHI_BASE_URL']}/markets"
    found = httpx.get(url, params={"limit": 1000, **query}).raise_for_status().json()["markets"]
    return {m["ticker"]: m for m in found}


def _run(settings: Settings) -> tuple[Counts, RecordedWindow]:
    """One run of the unit, and the window that it recorded."""
    session = Session.of(settings)
    counts = main.parlays(session, "kalshi")
    return counts, session.windows.recorded("kalshi", "raw.objects", SCOPE)[-1]


def _held(settings: Settings, *, combos: bool = True) -> set[str]:
    """Tickers that the lake holds: of combos, or of ordinary instruments."""
    rows = stored(Session.of(settings).lake, "core.instruments", "native_id, is_combo")
    return {r["native_id"] for r in rows if r["is_combo"] == combos}


def _built(settings: Settings) -> dict[str, list[Row]]:
    list(Refresh(settings).run(TABLES))
    lake = Session.of(settings).lake
    return {name: stored(lake, name) for name in TABLES}


@pytest.fixture(scope="module")
def done(venue: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = settings_for(tmp_path_factory.mktemp("parlays"), venue.env())
    _run(settings)
    return settings


def test_every_open_combo_comes_with_its_legs_and_nothing_else(venue: SandboxProcess, done: Settings) -> None:
    combos = _served(venue, mve_filter="only", status="open")
    assert len(combos) >= 10
    legs = {leg["market_ticker"] for m in combos.values() for leg in m["mve_selected_legs"]}
    assert _held(done) == set(combos)
    assert _held(done, combos=False) == legs


def test_quotes_of_combo_and_legs_are_of_one_moment(venue: SandboxProcess, done: Settings) -> None:
    built = _built(done)
    assert all(r["legs_known"] and r["leg_count"] >= 2 for r in built["core.parlays"])
    assert all(r["is_known"] and r["beside_at"] is not None for r in built["core.parlay_legs"])
    assert all(r["quote_spread_seconds"] <= 60 for r in built["mart.parlay_values"])
    reasons = {r["verdict_reason"] for r in built["mart.parlay_values"]}
    assert {None, "one_sided"} <= reasons <= {None, "one_sided", "leg_not_trading", "leg_without_quote"}


def test_bounds_are_those_of_the_quotes_that_the_venue_serves(venue: SandboxProcess, done: Settings) -> None:
    markets = _served(venue, mve_filter="exclude", status="open")
    combos = _served(venue, mve_filter="only", status="open")
    checked = 0
    for row in _built(done)["mart.parlay_values"]:
        combo = combos[row["instrument_id"].removeprefix("kalshi:")]
        legs = [(markets.get(leg["market_ticker"]), leg["side"]) for leg in combo["mve_selected_legs"]]
        quotes = [
            (Decimal(m[f"{side}_bid_dollars"]), Decimal(m[f"{side}_ask_dollars"])) for m, side in legs if m is not None
        ]
        if len(quotes) == len(legs) and all(m is not None and m["status"] == "active" for m, _ in legs):
            assert row["upper_bound"] == min(ask for _, ask in quotes)
            assert row["lower_bound"] == max(0, sum(bid for bid, _ in quotes) - (len(quotes) - 1))
            checked += 1
    assert checked >= 5


def test_a_second_run_adds_no_instrument(done: Settings) -> None:
    counts, _ = _run(done)
    assert sum(counts.new.values()) == 0
    assert counts.dead_letters == 0


def test_the_most_traded_are_kept_and_the_others_counted(venue: SandboxProcess, tmp_path: Path) -> None:
    combos = _served(venue, mve_filter="only", status="open")
    kept = settings_for(tmp_path, venue.env(), ECHELON_PARLAYS_MAX="4")
    _, window = _run(kept)
    assert (window.state, window.filtered_out) == ("complete", len(combos) - 4)
    volumes = sorted((Decimal(m["volume_24h_fp"]) for m in combos.values()), reverse=True)
    assert sorted((Decimal(combos[t]["volume_24h_fp"]) for t in _held(kept)), reverse=True) == volumes[:4]


def test_only_allowed_collections_are_kept_and_a_closed_one_is_named(venue: SandboxProcess, tmp_path: Path) -> None:
    name = "KXMVECROSSCATEGORY-SHARD1-R"
    wanted = {
        ticker
        for ticker, market in _served(venue, mve_filter="only", status="open").items()
        if market["mve_collection_ticker"] == name
    }
    settings = settings_for(tmp_path, venue.env(), ECHELON_PARLAY_COLLECTIONS=f"{name}, KXGONE-R")
    counts, _ = _run(settings)
    assert wanted
    assert _held(settings) == wanted
    assert counts.notes == ["collection KXGONE-R is not open: nothing of it is read"]


def test_a_run_without_combos_reads_collections_only(venue: SandboxProcess, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, venue.env(), ECHELON_PARLAYS_MAX="0")
    counts, window = _run(settings)
    assert (counts.pages, window.state) == (1, "complete")
    kinds = {r["endpoint"] for r in stored(Session.of(settings).lake, "raw.objects", "endpoint")}
    assert kinds == {"multivariate_collections"}


def test_no_walk_over_held_instruments_goes_through_combos(done: Settings) -> None:
    session = Session.of(done)
    with session.duck() as connection:
        connection.execute(f"CREATE TEMP VIEW instruments AS {session.lake.scan('core.instruments')}")
        connection.execute("CREATE TEMP VIEW held AS SELECT instrument_id, observed_at AS held_at FROM instruments")
        span = {"from_at": done.clock() - timedelta(days=400), "to_at": done.clock()}
        walked = {row[1] for row in connection.execute(statement("derive/tradable").text, span).fetchall()}
    assert walked
    assert not walked & _held(done)


def test_a_known_combo_is_read_until_it_pays_the_product_of_its_legs(venue: SandboxProcess, done: Settings) -> None:
    known = _held(done)
    venue.advance(timedelta(days=150))
    later = settings_for(done.home, venue.env(), ECHELON_PARLAYS_MAX="0", ECHELON_REREAD_DAYS="400")
    main.parlays(Session.of(later), "kalshi")
    settled = [r for r in _built(later)["mart.parlay_values"] if r["status"] == "settled"]
    assert {r["instrument_id"].removeprefix("kalshi:") for r in settled} <= known
    assert len(settled) >= 5
    assert all(r["payout_0"] == r["legs_payout"] for r in settled)
    reread = main.parlays(Session.of(later), "kalshi")
    assert reread.objects < len(known) * 3  # what has settled is not asked for again
