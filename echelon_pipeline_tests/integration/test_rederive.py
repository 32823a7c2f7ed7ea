"""Core tables are a function of raw: deleted, broken off, by days, with a raw file missing.

Belongs here: a copy of an ingested home. That all tables of many runs come back is in ``test_truth.py``, how pages are
cut in ``unit/test_page_parts.py``.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline.ingest.derive import Deriver
from echelon_pipeline.ingest.rederive import rederive
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.sandbox.polymarket.builders import DEMO_BUILDER_CODE
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.integration.conftest import BACK, Ingested
from echelon_pipeline_tests.pipeline import contents, days_of, ingest, settings_for

pytestmark = pytest.mark.xdist_group("ingested")

DAMAGED = ("core.trades", "core.daily_prices", "core.fills", "core.resolutions")


@pytest.fixture
def home(sandbox: SandboxProcess, ingested: Ingested, tmp_path: Path) -> Settings:
    """A copy of the ingested home, with fills; small parts, so that walks are cut between commits."""
    shutil.copytree(ingested.settings.home, tmp_path / "home")
    more = {"ECHELON_BUILDER_CODE": DEMO_BUILDER_CODE, "ECHELON_RAW_FLUSH_OBJECTS": "400"}
    settings = settings_for(tmp_path / "home", sandbox.env(), ECHELON_DAYS_BACK=BACK, **more)
    main.builder_fills(Session.of(settings), "polymarket", days_of(settings))
    return settings


def folder(settings: Settings, table: str) -> Path:
    return settings.home / "lake" / table.replace(".", "/")


def delete(settings: Settings, tables: Sequence[str] = DAMAGED) -> None:
    for table in tables:
        shutil.rmtree(folder(settings, table))


def rows(settings: Settings, query: str) -> list[tuple[object, ...]]:
    session = Session.of(settings)
    with session.duck() as connection:
        for table in ("trades", "daily_prices", "ingest_windows", "instruments"):
            connection.execute(f"CREATE TEMP VIEW {table} AS {session.lake.scan(f'core.{table}')}")
        return connection.execute(query).fetchall()


def test_a_run_that_breaks_off_is_completed_by_the_next(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(home)
    delete(home, ["core.trades"])
    commits, commit = 0, Deriver.commit

    def broken(deriver: Deriver) -> Counts:
        nonlocal commits
        commits += 1
        if commits == 4:
            raise KeyboardInterrupt
        return commit(deriver)

    with monkeypatch.context() as patch:
        patch.setattr(Deriver, "commit", broken)
        with pytest.raises(KeyboardInterrupt):
            rederive(Session.of(home), ["core.trades"])
    assert 0 < contents(home)["core.trades"][0] < before["core.trades"][0]
    rederive(Session.of(home), ["core.trades"])
    assert contents(home) == before


def test_days_are_days_of_events(home: Settings) -> None:
    day = home.clock().date() - timedelta(days=1)
    query = "SELECT venue, date, count(*), sum(size) FROM trades GROUP BY ALL ORDER BY ALL"
    before = rows(home, query)
    delete(home, ["core.trades"])
    rederive(Session.of(home), ["core.trades"], days=[day])
    assert rows(home, query) == [row for row in before if row[1] == day] != []


def test_rows_that_no_raw_object_gives_stay(home: Settings) -> None:
    session = Session.of(home)
    with session.unit() as unit, session.duck() as connection:
        deriver = Deriver(unit, {})
        one = f"SELECT * FROM ({session.lake.scan('core.trades')}) LIMIT 1"
        imported = (
            "SELECT * REPLACE ('imported' AS trade_id, 'imported' AS set_id, 'weak' AS identity, "
            f"'import:a' AS source, NULL AS parser_version) FROM ({one})"
        )
        deriver.stage(connection, "core.trades", imported)
        deriver.commit()
    before = contents(home)
    rederive(session, ["core.trades"])
    assert contents(home) == before


def _lose_raw(settings: Settings, venue: str, endpoint: str) -> None:
    """Deletes the largest file of an endpoint's raw objects."""
    where = {"venue": [venue], "endpoint": [endpoint]}
    files = (Path(file) for file in Session.of(settings).lake.files("raw.objects", where=where))
    max(files, key=lambda file: file.stat().st_size).unlink()


def _opened(settings: Settings, table: str) -> int:
    """Windows that were opened because rows are gone."""
    condition = f"table_name = '{table}' AND state = 'partial' AND reason LIKE 'raw is gone%'"
    return len(rows(settings, f"SELECT 1 FROM ingest_windows WHERE {condition}"))


def test_windows_stop_claiming_what_is_gone_and_the_next_ingest_reads_it_again(home: Settings) -> None:
    before, session = contents(home), Session.of(home)
    delete(home, ["core.trades", "core.daily_prices"])
    _lose_raw(home, "polymarket", "trades")
    gaps = rederive(session, ["core.trades", "core.daily_prices"]).gaps
    assert {(g.venue, g.table, g.is_gone) for g in gaps} == {("polymarket", "core.trades", True)}
    assert 0 < contents(home)["core.trades"][0] < before["core.trades"][0]
    assert _opened(home, "core.trades") > 0
    claimed = "SELECT DISTINCT venue FROM daily_prices WHERE price_source = 'trades' AND is_complete"
    assert rows(home, claimed) == [("kalshi",)]
    main.trades(session, "polymarket", days_of(home))
    main.prices(session, "polymarket", days_of(home))
    assert contents(home) == before


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("venue", "endpoint", "table"),
    [
        ("kalshi", "trades", "core.trades"),
        ("kalshi", "candlesticks", "core.daily_prices"),
        ("polymarket", "prices_history", "core.daily_prices"),
        ("polymarket", "builder_trades", "core.fills"),
        ("polymarket", "resolutions", "core.resolutions"),
    ],
)
def test_whatever_raw_is_gone_the_next_ingest_reads_it_again(
    home: Settings, venue: str, endpoint: str, table: str
) -> None:
    before = contents(home)
    delete(home)
    _lose_raw(home, venue, endpoint)
    gaps = rederive(Session.of(home), DAMAGED).gaps
    assert {(g.venue, g.table, g.is_gone) for g in gaps} == {(venue, table, True)}
    assert contents(home)[table][0] < before[table][0]
    assert _opened(home, table) > 0
    ingest(home)
    assert contents(home) == before


def test_lost_raw_costs_nothing_while_the_table_has_its_rows(home: Settings) -> None:
    before, windows = contents(home), rows(home, "SELECT count(*) FROM ingest_windows")
    _lose_raw(home, "polymarket", "trades")
    gaps = rederive(Session.of(home), ["core.trades"]).gaps
    first = home.clock().date() - timedelta(days=int(BACK))
    assert {(g.table, g.is_gone) for g in gaps} == {("core.trades", False)}
    assert min(g.day or date.min for g in gaps) == first
    assert contents(home) == before
    assert rows(home, "SELECT count(*) FROM ingest_windows") == windows


def test_raw_of_an_older_version_without_a_record_of_its_pages_is_named_and_asked_for_again_where_rows_are_gone(
    home: Settings,
) -> None:
    before, session = contents(home), Session.of(home)
    delete(home, ["raw.pages"])
    gaps = rederive(session, ["core.trades"], ["kalshi"]).gaps
    assert {(g.table, g.is_gone) for g in gaps} == {("core.trades", False)}
    assert contents(home) == before
    delete(home, ["core.trades"])
    gaps = rederive(session, ["core.trades"]).gaps
    assert {(g.venue, g.is_gone) for g in gaps} == {("kalshi", True), ("polymarket", True)}
    for venue in ("kalshi", "polymarket"):
        main.trades(session, venue, days_of(home))
    assert contents(home)["core.trades"] == before["core.trades"]
    assert rederive(session, ["core.trades"]).gaps != [], "the windows of older units are still not backed by pages"


def test_a_listing_whose_raw_is_gone_is_stored_again_by_the_next(home: Settings) -> None:
    before = contents(home)
    delete(home, ["core.instruments", "core.outcomes"])
    _lose_raw(home, "kalshi", "markets")
    gaps = rederive(Session.of(home), ["core.instruments", "core.outcomes"]).gaps
    assert {(g.venue, g.table, g.day, g.is_gone) for g in gaps} == {
        ("kalshi", "core.instruments", None, True),
        ("kalshi", "core.outcomes", None, True),
    }
    main.fetch(Session.of(home), "kalshi", "full")
    main.derive(Session.of(home), "kalshi")
    after = contents(home)
    assert after["core.outcomes"] == before["core.outcomes"]
    assert after["core.instruments"][0] == before["core.instruments"][0]
