"""The lake says what the venues say: every row compared with a plain recomputation from the sandbox's answers.

Belongs here: a universe whose clock moves by days with a run after each step, as a schedule would do it.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline.ingest.rederive import rederivable, rederive
from echelon_pipeline.lake.session import Session
from echelon_pipeline.sandbox.polymarket.builders import DEMO_BUILDER_CODE
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.pipeline import VENUES, contents, days_of, duplicates, ingest, settings_for
from echelon_pipeline_tests.truth import EXACT, Truth, counted

# One worker: all but one compare one home.
pytestmark = pytest.mark.xdist_group("truth")

UNIVERSE = SandboxOptions(events=20, instruments=100, days=8, trades=4_000, seed=3)


@dataclass(frozen=True)
class ListedLate:
    """At 20 hours, where new listings were derived after a trade walk had begun: instruments that are new, trades as
    stored and as served."""

    new: set[str]
    stored: Counter[tuple[Any, ...]]
    served: Counter[tuple[Any, ...]]


@dataclass(frozen=True)
class Compared:
    """A home after several runs, the venues' answers at its time, and what both speak of."""

    settings: Settings
    truth: Truth
    listed_late: ListedLate
    begin: datetime  # of the first day of the first run
    before: set[str]  # instruments after the first run

    @property
    def now(self) -> datetime:
        return self.settings.clock()

    @property
    def over(self) -> list[date]:
        """Days that were read and are over."""
        return [self.begin.date() + timedelta(days=n) for n in range((self.now - self.begin).days)]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.settings, query)


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """A query over the lake's core tables."""
    session = Session.of(settings)
    with session.duck() as connection:
        for table in ("instruments", "instrument_history", "events", "trades", "daily_prices", "resolutions", "fills"):
            connection.execute(f"CREATE TEMP VIEW {table} AS {session.lake.scan(f'core.{table}')}")
        return connection.execute(query).fetchall()


def home(path: Path, sandbox: SandboxProcess) -> Settings:
    # A flush every few hundred trades: commits fall into the middle of walks.
    more = {"ECHELON_DAYS_BACK": "2", "ECHELON_RAW_FLUSH_OBJECTS": "400", "ECHELON_BUILDER_CODE": DEMO_BUILDER_CODE}
    return settings_for(path, sandbox.env(), **more)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    """Runs at 0, 20 and 44 hours; the steps of the second one in an order of their own."""
    path = tmp_path_factory.mktemp("truth")
    with SandboxProcess(UNIVERSE) as sandbox:
        first = home(path, sandbox)
        ingest(first)
        before = {str(i) for (i,) in rows(first, "SELECT instrument_id FROM instruments")}
        sandbox.advance(timedelta(hours=20))
        listed_late = list_late(path, sandbox, before)
        sandbox.advance(timedelta(hours=24))
        settings = home(path, sandbox)
        ingest(settings)
        begin = datetime.combine(days_of(first)[0], time(), UTC)
        with Truth(sandbox.base_url) as truth:
            yield Compared(settings, truth, listed_late, begin, before)


def list_late(path: Path, sandbox: SandboxProcess, before: set[str]) -> ListedLate:
    """Fetches listings, walks trades, derives the listings, and walks trades again."""
    for step in ("fetch", "trades", "derive", "trades"):
        settings = home(path, sandbox)
        for venue in VENUES:
            if step == "fetch":
                main.fetch(Session.of(settings), venue)
            elif step == "derive":
                main.derive(Session.of(settings), venue)
            else:
                main.trades(Session.of(settings), venue, days_of(settings))
        sandbox.advance(timedelta(seconds=30))
    begin = datetime.combine(days_of(settings)[0], time(), UTC)
    with Truth(sandbox.base_url) as truth:
        served = counted(truth.prints, begin, settings.clock())
    new = {str(i) for (i,) in rows(settings, "SELECT instrument_id FROM instruments")} - before
    stored = Counter(rows(settings, "SELECT instrument_id, event_at, price FROM trades"))
    return ListedLate(new, stored, Counter(row[:3] for row in served.elements()))


def test_trades_are_exactly_the_venues(compared: Compared) -> None:
    stored = Counter(
        compared.rows(
            "SELECT instrument_id, event_at, price, size, outcome_index, price_0, taker_direction, is_block_trade "
            "FROM trades WHERE price_0 IS NOT NULL"
        )
    )
    stored = Counter({row: n for row, n in stored.items() if row[1] >= compared.begin})
    served = counted(compared.truth.prints, compared.begin, compared.now)
    assert served
    assert served - stored == Counter()
    assert stored - served == Counter()


def test_complete_days_are_recomputed_exactly_from_the_venues_trades(compared: Compared) -> None:
    served = compared.truth.days(compared.over)
    stored = {
        (row[0], row[1]): row[2:]
        for row in compared.rows(
            "SELECT instrument_id, date, is_complete, open, high, low, close, vwap, volume, trades "
            "FROM daily_prices WHERE price_source = 'trades' AND open IS NOT NULL"
        )
        if row[1] in compared.over
    }
    assert served.keys() == stored.keys()
    for key, day in served.items():
        is_complete, opened, high, low, closed, vwap, volume, trades = stored[key]
        assert is_complete, key
        assert (high, low, volume, trades) == (day.high, day.low, day.volume, day.trades), key
        assert opened in day.opens, key
        assert closed in day.closes, key
        assert abs(vwap - day.vwap) <= EXACT, key


def test_days_of_candles_are_the_venues_hours(compared: Compared) -> None:
    stored = {
        (row[0], row[1]): row[2:]
        for row in compared.rows(
            "SELECT instrument_id, date, open, high, low, close, volume, n_samples FROM daily_prices "
            "WHERE price_source = 'candle' AND is_complete"
        )
    }
    checked = 0
    for ticker in compared.truth.kalshi:
        for day, served in compared.truth.candle_days(ticker, compared.begin, compared.now).items():
            if day in compared.over:
                assert stored[f"kalshi:{ticker}", day] == served
                checked += 1
    assert checked > 50


def test_days_of_midpoints_are_the_venues_samples(compared: Compared) -> None:
    stored = {
        (row[0], row[1]): row[2:]
        for row in compared.rows(
            "SELECT instrument_id, date, open, high, low, close, n_samples FROM daily_prices "
            "WHERE price_source = 'mid_sample' AND is_complete"
        )
    }
    checked = 0
    for condition in compared.truth.polymarket:
        for day, served in compared.truth.mid_days(condition, compared.begin, compared.now).items():
            if day in compared.over:
                assert stored[f"polymarket:{condition}", day] == served
                checked += 1
    assert checked > 50


def test_every_instrument_is_listed_with_its_status(compared: Compared) -> None:
    stored = {str(i): status for i, status in compared.rows("SELECT instrument_id, status FROM instruments")}
    statuses = compared.truth.statuses()
    assert {i: stored.get(i) for i in statuses} == statuses
    assert {f"polymarket:{c}" for c in compared.truth.polymarket} <= stored.keys()
    assert {"paused", "settled", "active"} <= set(statuses.values())
    assert stored.keys() - compared.before, "the universe lists nothing new: choose another seed"
    alone = compared.rows("SELECT instrument_id FROM instruments WHERE event_id NOT IN (SELECT event_id FROM events)")
    assert alone == []


def test_what_settled_has_its_payouts(compared: Compared) -> None:
    stored = {
        (i, source): payout
        for i, source, payout in compared.rows(
            "SELECT instrument_id, source, payout_0 FROM resolutions "
            "WHERE status = 'settled' AND payout_0 + payout_1 = 1"
        )
    }
    payouts = compared.truth.payouts()
    assert payouts
    for instrument, payout in payouts.items():
        sources = ["kalshi_market"] if instrument.startswith("kalshi:") else ["gamma", "data_v2"]
        assert [stored.get((instrument, source)) for source in sources] == [payout] * len(sources), instrument


def test_fills_are_exactly_the_builders(compared: Compared) -> None:
    stored = {
        row[0]: row[1:]
        for row in compared.rows(
            "SELECT fill_id, event_at, price, size, role, side, fee_usd, builder_fee_usd FROM fills"
        )
    }
    served = compared.truth.fills(DEMO_BUILDER_CODE)
    assert stored == {i: fill for i, fill in served.items() if compared.begin <= fill[0] < compared.now}
    assert stored


def test_versions_differ_from_the_ones_before_and_no_key_stands_twice(compared: Compared) -> None:
    same = compared.rows(
        "SELECT instrument_id, valid_from FROM instrument_history "
        "QUALIFY lag(attributes_md5) OVER (PARTITION BY instrument_id ORDER BY valid_from) = attributes_md5"
    )
    returned = compared.rows(
        "SELECT instrument_id FROM instrument_history GROUP BY ALL HAVING count(*) > count(DISTINCT attributes_md5)"
    )
    assert (same, returned) == ([], [])
    assert duplicates(compared.settings) == {}


def test_a_listing_derived_after_a_trade_walk_began_is_walked_by_the_next(compared: Compared) -> None:
    late = compared.listed_late
    assert late.new & {row[0] for row in late.served}, "nothing new has traded: choose another seed"
    assert late.served - late.stored == Counter()


@pytest.mark.slow
def test_tables_are_the_same_when_all_units_are_derived_again_from_raw(compared: Compared, tmp_path: Path) -> None:
    """Units that overlap, outcomes and payouts that became known later, prices of days that were not over."""
    shutil.copytree(compared.settings.home, tmp_path / "home")
    settings = compared.settings.model_copy(update={"home": tmp_path / "home"})
    before = contents(settings)
    tables = {table for table in rederivable() if (settings.home / "lake" / table.replace(".", "/")).exists()}
    for table in tables:
        shutil.rmtree(settings.home / "lake" / table.replace(".", "/"))
    done = rederive(Session.of(settings))
    after = contents(settings)
    assert {t: (before[t], after[t]) for t in before if before[t] != after[t]} == {}
    assert done.gaps == []
    again = rederive(Session.of(settings), ["core.trades", "core.fills", "core.resolutions"]).counts
    assert again.staged["core.trades"] >= before["core.trades"][0]
    assert [*again.new.values(), *again.changed.values()] == [0] * (len(again.new) + len(again.changed))
