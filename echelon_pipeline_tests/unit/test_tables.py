"""The registry of tables says of each table what feeds it, when it is committed and who may read it."""

from __future__ import annotations

from collections import Counter

import pytest

from echelon_pipeline.marts.marts import marts
from echelon_pipeline.tables import COMMIT_ORDER, OF_VENUES, TABLES, Cycle, Feeder, fed_by
from echelon_pipeline.tables.schema import Audience
from echelon_pipeline.venues.registry import REGISTRY, feeding


@pytest.mark.parametrize("feeder", sorted(OF_VENUES))
def test_every_feeder_of_venues_feeds_a_table_and_is_a_feeder_of_a_venue(feeder: Feeder) -> None:
    assert [t for t in TABLES.values() if feeder in t.fed_by]
    assert feeding(feeder)


@pytest.mark.parametrize("venue", REGISTRY)
def test_a_venue_names_only_feeders_of_venues_each_with_what_its_asset_says(venue: str) -> None:
    feeds = REGISTRY[venue].feeds
    assert set(feeds) <= OF_VENUES - {Feeder.LISTINGS, Feeder.BOOKS}
    assert all(feeds.values())


def test_the_tables_of_statements_are_the_marts() -> None:
    computed = {name for name, table in TABLES.items() if table.fed_by[0] is Feeder.STATEMENT}
    assert computed == {mart.name for mart in marts()}


def test_a_statement_and_its_table_agree_on_the_stretch_that_a_run_owns() -> None:
    for mart in marts():
        assert mart.table.cycle is (Cycle.DAY if mart.is_dated else Cycle.NONE), mart.name


def test_hourly_tables_are_those_of_books() -> None:
    hourly = {name for name, table in TABLES.items() if table.cycle is Cycle.HOUR}
    assert hourly == set(fed_by(Feeder.BOOKS))


def test_tables_that_venues_feed_come_after_those_that_they_need() -> None:
    for name, table in TABLES.items():
        for need in table.needs:
            assert TABLES[need].fed_by[0] in OF_VENUES, (name, need)
            assert name not in TABLES[need].needs


def test_no_two_tables_have_one_place_in_the_order_of_commits() -> None:
    places = Counter(TABLES[name].commit_order for name in COMMIT_ORDER)
    assert places == dict.fromkeys(range(1, len(COMMIT_ORDER) + 1), 1)


def test_every_table_that_payloads_make_rows_of_has_a_place_in_the_order_of_commits() -> None:
    made = {table for venue in REGISTRY.values() for kind in venue.kinds.values() for table in kind.outputs}
    assert made <= set(COMMIT_ORDER)
    assert set(fed_by(Feeder.LISTINGS)) <= set(COMMIT_ORDER)


def test_private_tables_are_not_published() -> None:
    private = [table for table in TABLES.values() if table.audience is Audience.PRIVATE]
    assert [t.name for t in private] == ["core.agents", "mart.agent_report", "core.account_events"]
    assert not [t.name for t in private if t.published]
