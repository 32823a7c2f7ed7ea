"""The main job against the sandbox: complete, exact, repeatable, resumable.

Belongs here: one moment of the venues. Their clock moves on in ``test_truth.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Session
from echelon_pipeline.marts.marts import marts
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline.tables.books import BOOK_TABLES
from echelon_pipeline.tables.listeners import LISTENER_TABLES
from echelon_pipeline.tables.own import OWN_TABLES
from echelon_pipeline_tests.integration.conftest import BACK, Ingested
from echelon_pipeline_tests.pipeline import contents, days_of, duplicates, ingest, settings_for

pytestmark = pytest.mark.xdist_group("ingested")


@pytest.fixture
def done(ingested: Ingested) -> Settings:
    """A home after one full ingest."""
    return ingested.settings


def _one(settings: Settings, query: str) -> object:
    session = Session.of(settings)
    with session.duck() as connection:
        for table in ("instruments", "outcomes", "trades", "daily_prices", "events", "ingest_windows", "dead_letters"):
            connection.execute(f"CREATE TEMP VIEW {table} AS {session.lake.scan(f'core.{table}')}")
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_every_core_table_gets_rows(done: Settings) -> None:
    found = contents(done)
    empty = {name for name, (rows, _) in found.items() if rows == 0}
    # Nothing is refreshed or derived again here, and no order book recorded.
    unmade = {*(m.name for m in marts()), *(t.name for t in (*BOOK_TABLES, *OWN_TABLES, *LISTENER_TABLES))}
    unmade |= {"core.agents", "core.builder_statements"}  # of a file, and of months that are marked final
    assert empty <= {"core.dead_letters", "core.fills", "core.mart_builds", "core.rederivations", *unmade}


def test_no_key_stands_twice(done: Settings) -> None:
    assert duplicates(done) == {}


def test_a_second_run_changes_nothing(done: Settings) -> None:
    before = contents(done)
    counts = ingest(done)
    assert contents(done) == before
    assert sum(sum(c.new.values()) + sum(c.changed.values()) for c in counts.values()) == 0


def test_every_trade_lies_under_a_complete_window(done: Settings) -> None:
    outside = _one(
        done,
        """SELECT count(*) FROM trades t WHERE NOT EXISTS (
               SELECT 1 FROM ingest_windows w
               WHERE w.venue = t.venue AND w.table_name = 'core.trades' AND w.state = 'complete'
                 AND w.from_at <= t.event_at AND t.event_at < w.to_at)""",
    )
    assert outside == 0


def test_outcome_prices_are_mirrored_exactly(done: Settings) -> None:
    wrong = _one(
        done,
        """SELECT count(*) FROM trades WHERE outcome_index IS NOT NULL AND price_0 IS NOT NULL
             AND price_0 <> CASE outcome_index WHEN 0 THEN price ELSE 1 - price END""",
    )
    assert wrong == 0


def test_volume_of_days_equals_the_trades(done: Settings) -> None:
    wrong = _one(
        done,
        """SELECT count(*) FROM (
               SELECT p.instrument_id, p.date, p.volume, sum(t.size) AS contracts
               FROM daily_prices p JOIN trades t USING (instrument_id, date)
               WHERE p.price_source = 'trades' AND p.volume IS NOT NULL AND t.identity = 'strong'
                 AND t.price_0 IS NOT NULL
               GROUP BY ALL HAVING p.volume <> contracts)""",
    )
    assert wrong == 0


def test_widening_the_days_adds_only_what_is_missing(
    sandbox: SandboxProcess, ingested: Ingested, tmp_path: Path
) -> None:
    narrow = settings_for(tmp_path / "a", sandbox.env(), ECHELON_DAYS_BACK="1")
    ingest(narrow)
    wide = settings_for(tmp_path / "a", sandbox.env(), ECHELON_DAYS_BACK=BACK)
    ingest(wide)
    assert contents(wide) == ingested.contents


def test_refetching_a_day_adds_no_row(done: Settings) -> None:
    before = contents(done)
    session = Session.of(done)
    main.trades(session, "polymarket", days_of(done, 0), refetch=True)
    main.trades(session, "kalshi", days_of(done, 0), refetch=True)
    assert contents(done) == before
