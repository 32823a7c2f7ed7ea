"""A change of the parsers: days of an older version are found and derived again, a bounded number at a time.

Belongs here: versions. Tables that were lost are ``test_rederive.py``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest import newer_parsers, parse
from echelon_pipeline.ingest.newer_parsers import StaleRound, rederive_stale
from echelon_pipeline.ingest.rederive import Rederived, rederive
from echelon_pipeline.ingest.stale import stale_days
from echelon_pipeline.ingest.versions import current_version, is_versioned
from echelon_pipeline.lake.raw import OBJECTS
from echelon_pipeline.lake.session import Session
from echelon_pipeline.sqltools.statements import Statement, statement
from echelon_pipeline.tables import TABLES, Column, T
from echelon_pipeline.venues.registry import venue_names, venue_of
from echelon_pipeline_tests.integration.conftest import Ingested
from echelon_pipeline_tests.pipeline import contents, days_of

pytestmark = pytest.mark.xdist_group("ingested")

TRADES, OUTPUT, PARSE = "core.trades", "parse/kalshi/trades_core_trades", "parse/kalshi/trades"
Patch = pytest.MonkeyPatch


@pytest.fixture
def session(ingested: Ingested, tmp_path: Path) -> Session:
    """A session on a copy of the ingested home."""
    shutil.copytree(ingested.settings.home, tmp_path / "home")
    return Session.of(ingested.settings.model_copy(update={"home": tmp_path / "home"}))


def changed(patch: Patch, version: int, name: str, change: Callable[[str], str]) -> None:
    """Kalshi's trades are parsed by another version, with another statement of this name."""
    kinds: Any = venue_of("kalshi").kinds
    patch.setitem(kinds, "trades", replace(kinds["trades"], version=version))
    patch.setattr(parse, "_COLUMNS", {})

    def found(wanted: str) -> Statement:
        current = statement(wanted)
        return Statement(wanted, change(current.text)) if wanted == name else current

    patch.setattr(parse, "statement", found)


def trades(session: Session, columns: str, where: str = "venue = 'kalshi'") -> list[tuple[Any, ...]]:
    with session.duck() as connection:
        query = f"SELECT {columns} FROM ({session.lake.scan(TRADES)}) WHERE {where} GROUP BY ALL ORDER BY ALL"
        return connection.execute(query).fetchall()


def row_counts(session: Session) -> dict[str, int]:
    return {name: rows for name, (rows, _) in contents(session.settings).items() if name != "core.rederivations"}


def refusing(text: str) -> str:
    reason = "CASE WHEN size > 100 THEN 'too large' ELSE reject_reason END"
    return f"SELECT * REPLACE ({reason} AS reject_reason) FROM ({text})"


def test_kinds_that_make_rows_of_one_table_have_one_version() -> None:
    for venue in venue_names():
        for table in TABLES:
            if is_versioned(venue, table):
                assert current_version(venue, table) >= 1


def test_days_of_an_older_parser_are_derived_again_the_newest_first_and_so_many_at_a_time(
    session: Session, monkeypatch: Patch
) -> None:
    assert stale_days(session, "kalshi", TRADES) == []
    changed(monkeypatch, 2, OUTPUT, lambda text: f"SELECT * REPLACE ('read anew' AS price_text) FROM ({text})")
    days = sorted(days_of(session.settings), reverse=True)
    assert stale_days(session, "kalshi", TRADES) == days

    first = rederive_stale(session, 1)
    assert (first.derived, first.left) == ([("kalshi", TRADES, 1)], [("kalshi", TRADES, len(days) - 1)])
    assert trades(session, "date, parser_version, price_text = 'read anew'") == [
        *((day, 1, False) for day in days[:0:-1]),
        (days[0], 2, True),
    ]
    assert list(first.sentences()) == [
        "core.trades of kalshi: 1 day(s) of an older parser derived again",
        (
            f"core.trades of kalshi: {len(days) - 1} day(s) are of an older parser "
            "(`echelon rederive --table core.trades`)"
        ),
    ]
    second = rederive_stale(session, 10)
    assert (second.derived, second.left) == ([("kalshi", TRADES, len(days) - 1)], [])
    assert rederive_stale(session, 10).derived == []
    assert trades(session, "parser_version", "true") == [(1,), (2,)], "the other venue's rows are of its own version"


def test_tables_of_listings_are_derived_again_in_one_pass_over_the_listings(
    session: Session, monkeypatch: Patch
) -> None:
    kinds: Any = venue_of("kalshi").kinds
    listing_kinds: Any = venue_of("kalshi").listing_kinds
    for name in listing_kinds:
        newer = replace(kinds[name], version=kinds[name].version + 1)
        monkeypatch.setitem(kinds, name, newer)
        monkeypatch.setitem(listing_kinds, name, newer)
    passes: list[Collection[str]] = []

    def counted(session: Session, tables: Collection[str], *arguments: Any) -> Rederived:
        passes.append(list(tables))
        return rederive(session, tables, *arguments)

    monkeypatch.setattr(newer_parsers, "rederive", counted)
    before = row_counts(session)
    done = rederive_stale(session, 1)
    tables = [table for _, table, _ in done.derived]
    assert passes == [tables]
    assert {"core.events", "core.instruments", "core.outcomes", "core.resolutions"} <= set(tables)
    assert rederive_stale(session, 1).derived == []
    assert row_counts(session) == before


def test_what_a_newer_parser_refuses_is_a_dead_letter_and_no_row_and_what_has_no_raw_stays(
    session: Session, monkeypatch: Patch
) -> None:
    with session.unit() as unit, session.duck() as connection:
        one = f"SELECT * FROM ({session.lake.scan(TRADES, where={'venue': ['kalshi']})}) LIMIT 1"
        imported = (
            "SELECT * REPLACE ('imported' AS trade_id, 'imported' AS set_id, 'weak' AS identity, NULL AS raw_sha256, "
            f"NULL AS parser_version) FROM ({one})"
        )
        connection.execute(f"CREATE TEMP TABLE imported AS {imported}")
        session.lake.merge(TRADES, [session.lake.stage(connection, TRADES, "imported", unit=unit.unit_id)])
    count = trades(session, "count(*)", "venue = 'kalshi' AND size > 100")[0][0]
    assert count > 0
    before = trades(session, "count(*)")[0][0]

    changed(monkeypatch, 2, PARSE, refusing)
    done = rederive(session, [TRADES], ["kalshi"])
    large_imports = trades(session, "count(*)", "trade_id = 'imported' AND size > 100")
    assert done.dropped == count - (large_imports[0][0] if large_imports else 0)
    assert trades(session, "count(*)")[0][0] == before - done.dropped
    assert trades(session, "trade_id, parser_version", "trade_id = 'imported'") == [("imported", None)]
    assert done.counts.dead_letters == done.dropped
    assert stale_days(session, "kalshi", TRADES) == [], "the imported row is on record as left"


def test_a_missing_raw_file_of_other_pages_does_not_stop_the_deletion_of_refused_rows(
    session: Session, monkeypatch: Patch
) -> None:
    where = {"venue": ["kalshi"], "endpoint": ["trades"]}
    before = set(session.lake.files(OBJECTS, where=where))
    with session.duck() as connection:
        one = (
            f"SELECT * REPLACE (date - 1 AS date, 'other' AS unit_id) FROM ({session.lake.scan(OBJECTS, where=where)})"
        )
        session.lake.append(OBJECTS, connection.sql(f"{one} LIMIT 1").to_arrow_table())
    (added,) = set(session.lake.files(OBJECTS, where=where)) - before
    Path(added).unlink()
    changed(monkeypatch, 2, PARSE, refusing)
    done = rederive(session, [TRADES], ["kalshi"])
    assert (done.dropped > 0, done.gaps) == (True, [])
    assert trades(session, "trade_id", "venue = 'kalshi' AND size > 100") == []


def test_a_column_is_added_by_the_registry_the_statement_the_version_and_rederive(
    session: Session, monkeypatch: Patch
) -> None:
    """docs/develop.md describes these steps."""
    table = TABLES[TRADES]
    column = Column("is_large", T.BOOL, "more than 100 contracts")
    monkeypatch.setitem(TABLES, TRADES, replace(table, version=table.version + 1, columns=(*table.columns, column)))
    changed(monkeypatch, 2, OUTPUT, lambda text: f"SELECT *, size > 100 AS is_large FROM ({text})")
    assert trades(session, "is_large", "true") == [(None,)]
    rederive(session, [TRADES], ["kalshi"])
    assert trades(session, "is_large = (size > 100)") == [(True,)]
    assert trades(session, "is_large", "venue = 'polymarket'") == [(None,)]


def test_a_round_reports_rows_that_it_deleted() -> None:
    assert list(StaleRound(dropped=1_200).sentences()) == ["1,200 row(s) deleted: the newer parser does not make them"]
