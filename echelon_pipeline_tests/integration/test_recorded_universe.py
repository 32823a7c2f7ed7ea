"""The whole graph over the recorded universe: the published file holds what the recorded JSON files say.

The expected counts come from the files themselves, read here without the sandbox and without the parsers.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.sandbox.universe.recorded import load
from echelon_pipeline_tests import kalshi_oracle
from echelon_pipeline_tests.clients.local import KALSHI as KALSHI_PATH
from echelon_pipeline_tests.clients.local import Local
from echelon_pipeline_tests.fakes import RECEIVED, RECORDINGS, needs_recordings

# One worker: all ask one run of the command.
pytestmark = [needs_recordings, pytest.mark.xdist_group("recorded")]

Row = dict[str, Any]
Count = dict[tuple[str, str], int]
KALSHI = ("kalshi/rest/*.json*", "kalshi/mve/*.json*", "kalshi/ws/*.event.json")
POLYMARKET = ("polymarket/gamma/*json*",)


# --- what the files say


def objects(patterns: tuple[str, ...], *keys: str) -> Iterator[Row]:
    """Every JSON object with these keys, however deep in whichever file."""
    return (found for found in everything(patterns) if found.keys() >= set(keys))


@cache
def everything(patterns: tuple[str, ...]) -> list[Row]:
    found: list[Row] = []
    for path in sorted(p for pattern in patterns for p in RECORDINGS.glob(pattern)):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for text in data.splitlines() if "jsonl" in path.name or "ndjson" in path.name else [data]:
            if text.strip():
                found += _inside(json.loads(text))
    return found


def _inside(value: object) -> Iterator[Row]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from _inside(inner)


def latest(found: Iterator[Row], name: str, stamp: str) -> dict[str, Row]:
    """By id the version that was updated last; the later one read where that is equal."""
    kept: dict[str, Row] = {}
    for one in found:
        old = kept.get(str(one[name]))
        if old is None or str(one.get(stamp) or "") >= str(old.get(stamp) or ""):
            kept[str(one[name])] = one
    return kept


def expected_kalshi() -> Count:
    """Markets of any state, settled ones if they say when; their events; all series. Combos come by their own scan,
    which reads no event of theirs."""
    markets = latest(objects(KALSHI, "ticker", "event_ticker", "status", "yes_sub_title"), "ticker", "updated_time")
    listed = {
        ticker: market
        for ticker, market in markets.items()
        if market["status"] != "finalized" or market.get("settlement_ts")
    }
    good, odd = {}, 0
    for ticker, market in listed.items():
        try:
            good[ticker] = kalshi_oracle.market(market, RECEIVED)
        except kalshi_oracle.Odd:
            odd += 1
    events = {e["event_ticker"] for e in objects(KALSHI, "event_ticker", "series_ticker", "title")}
    singles = {m["event_ticker"] for m in listed.values() if "mve_collection_ticker" not in m}
    return {
        ("kalshi", "instruments"): len(good),
        ("kalshi", "outcomes"): 2 * len(good),
        ("kalshi", "events"): len(events & singles),
        ("kalshi", "series"): len({s["ticker"] for s in objects(KALSHI, "ticker", "frequency", "fee_type")}),
        ("kalshi", "resolutions"): sum(row["core.resolutions"] is not None for row in good.values()),
        ("kalshi", "dead_letters"): odd,
    }


def expected_polymarket() -> Count:
    """Open events with their markets and those that name them, closed markets and their events. Open ones of no event
    are in no scan: the universe names them."""
    events = latest(objects(POLYMARKET, "id", "slug", "title", "creationDate"), "id", "updatedAt")
    is_open = {e: event for e, event in events.items() if not event.get("closed")}
    markets = latest(objects(POLYMARKET, "conditionId", "question", "clobTokenIds"), "conditionId", "updatedAt")
    inside = {m["conditionId"] for event in is_open.values() for m in event.get("markets", [])}
    inside |= {c for c, m in markets.items() if any(str(e["id"]) in is_open for e in m.get("events") or [])}
    listed = {c: m for c, m in markets.items() if c in inside or m["closed"]}
    named = {str(m["events"][0]["id"]) for m in listed.values() if m["closed"] and m.get("events")}
    return {
        ("polymarket", "instruments"): len(listed),
        ("polymarket", "outcomes"): sum(len(json.loads(m["clobTokenIds"])) for m in listed.values()),
        ("polymarket", "events"): len(is_open.keys() | (named & events.keys())),
        ("polymarket", "series"): len({s["id"] for s in objects(POLYMARKET, "id", "ticker", "recurrence")}),
        ("polymarket", "resolutions"): sum(m["closed"] for m in listed.values()),
        ("polymarket", "dead_letters"): 0,
    }


# --- what the pipeline made of them


@dataclass
class Done:
    """A finished ``echelon ingest``: what it wrote to standard error, and the home it published in."""

    log: str
    home: Path
    base_url: str

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with read_published(self.home / "echelon.duckdb", lake=str(self.home / "lake")) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    """The command as a user runs it: both venues, all instruments, the last two days of the recording."""
    home = tmp_path_factory.mktemp("recorded") / "home"
    with SandboxProcess(universe="recorded", recordings=RECORDINGS) as sandbox:
        chosen = {"ECHELON_HOME": str(home), "ECHELON_MAX_INSTRUMENTS": "0", "ECHELON_HISTORY_DAYS": "4000"}
        bounds = {"ECHELON_DAYS_BACK": "1", "ECHELON_MIN_FREE_MB": "0", "ECHELON_BUILDER_CODE": f"0x{1:064x}"}
        run = subprocess.run(
            [sys.executable, "-m", "echelon_pipeline.cli", "ingest"],
            env={**os.environ, **sandbox.env(), **chosen, **bounds},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stderr[-3000:]
        yield Done(run.stderr, home, sandbox.base_url)


def test_the_published_file_holds_exactly_what_the_recorded_files_say(done: Done) -> None:
    expected = expected_kalshi() | expected_polymarket()
    found = {
        (venue, table): done.ask(f"SELECT count(*) FROM core.{table} WHERE venue = '{venue}'")[0][0]
        for venue, table in expected
    }
    for (venue, table), count in found.items():
        sys.stdout.write(f"{venue} {table}: {count}\n")
    assert found == expected
    assert all(count for (_, table), count in found.items() if table != "dead_letters")


def test_every_outcome_carries_the_label_and_token_of_its_recorded_market(done: Done) -> None:
    markets = latest(objects(POLYMARKET, "conditionId", "question", "clobTokenIds"), "conditionId", "updatedAt")
    rows = done.ask(
        "SELECT split_part(instrument_id, ':', 2), outcome_index, token_id, label FROM core.outcomes "
        "WHERE venue = 'polymarket'"
    )
    assert len(rows) > 800
    for condition, index, token, label in rows:
        market = markets[condition]
        assert (json.loads(market["clobTokenIds"])[index], json.loads(market["outcomes"])[index]) == (token, label)


def test_what_the_recording_lacks_is_unavailable_with_the_reason_and_never_claimed(done: Done) -> None:
    windows = done.ask("SELECT venue, table_name, scope, state, reason FROM core.ingest_windows")
    lacking = {
        ("kalshi", "core.trades"): "/markets/trades",
        ("kalshi", "core.daily_prices"): "/markets/candlesticks",
        ("polymarket", "core.trades"): "/v2/trades",
        ("polymarket", "core.daily_prices"): "/batch-prices-history",
        ("polymarket", "core.fills"): "/builder/trades",
        ("polymarket", "core.resolutions"): "/v2/resolutions",
    }
    states = {pair: Counter(s for v, t, _, s, _ in windows if (v, t) == pair) for pair in lacking}
    assert {pair: set(found) for pair, found in states.items()} == {pair: {"unavailable"} for pair in lacking}
    for venue, table, _, _, reason in windows:
        if (venue, table) in lacking:
            assert reason.startswith("NotAvailable: ")
            assert lacking[venue, table] in reason
            assert "not_available_in_recording" in reason
    for table in ("trades", "daily_prices", "fills"):
        assert done.ask(f"SELECT count(*) FROM core.{table}") == [(0,)]


def test_the_command_says_which_assets_lack_what(done: Done) -> None:
    said = [line for line in done.log.splitlines() if "not available; nothing of them is claimed" in line]
    assert sorted(line.partition(": ")[0] for line in said) == [
        "core/kalshi/combos",
        "core/kalshi/daily_prices",
        "core/kalshi/trades",
        "core/polymarket/builder_leaderboard",
        "core/polymarket/daily_prices",
        "core/polymarket/data_resolutions",
        "core/polymarket/fills",
        "core/polymarket/trades",
    ]
    assert all("not_available_in_recording" in line for line in said)


def test_listings_are_complete_and_the_completeness_of_the_rest_is_denied_with_a_reason(done: Done) -> None:
    listings = done.ask(
        "SELECT venue, scope, state FROM core.ingest_windows WHERE table_name = 'raw.objects' ORDER BY ALL"
    )
    assert [(venue, state) for venue, scope, state in listings if scope != "listings:parlays"] == [
        ("kalshi", "complete"),
        ("polymarket", "complete"),
    ]
    # Legs that settled long ago are asked of the historical tier, which no recording holds.
    assert [(venue, state) for venue, scope, state in listings if scope == "listings:parlays"] == [
        ("kalshi", "unavailable")
    ]
    claims = done.ask("SELECT count(*), count(complete_from), count(reason) FROM core.instrument_completeness")
    ((rows, claimed, reasoned),) = claims
    assert (rows > 2_000, claimed, reasoned) == (True, 0, rows)


def test_a_stretch_outside_of_what_was_recorded_is_no_empty_success(done: Done) -> None:
    for path in (
        "trade-api/v2/markets/trades?min_ts=1&max_ts=2",
        "trade-api/v2/series/KXELONMARS/markets/KXELONMARS-99/candlesticks?start_ts=1&end_ts=2&period_interval=1440",
    ):
        answer = httpx.get(f"{done.base_url}/{path}")
        assert (answer.status_code, "not_available_in_recording" in answer.text) == (404, True)


@pytest.mark.parametrize(
    "path",
    [f"{KALSHI_PATH}/events", f"{KALSHI_PATH}/series", "/gamma/events/keyset", "/gamma/markets", "/clob/markets"],
)
def test_a_list_of_a_kind_that_was_never_recorded_is_no_empty_success(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "kalshi" / "rest"
    folder.mkdir(parents=True)
    market = {"ticker": "A-1", "event_ticker": "A", "market_type": "binary", "status": "active", "yes_sub_title": "x"}
    (folder / "market.json").write_text(json.dumps({"market": market}))
    sandbox = Local(load(tmp_path))
    assert sandbox.get(f"{KALSHI_PATH}/markets")["markets"] == [market]
    status, body = sandbox.refusal(path)
    assert (status, "not_available_in_recording" in json.dumps(body)) == (404, True)


def test_the_published_file_opens_in_plain_duckdb(done: Done) -> None:
    with duckdb.connect(str(done.home / "echelon.duckdb"), read_only=True) as connection:
        row = connection.execute("SELECT count(DISTINCT venue) FROM core.instruments").fetchone()
    assert row == (2,)
