"""Every mart, view, derived table and table macro builds from any rows that its inputs' types and rules allow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from echelon_pipeline.errors import EchelonError
from echelon_pipeline.lake.merge import check_rules, check_unique
from echelon_pipeline.marts.marts import Mart, marts, settings_params
from echelon_pipeline.publish.catalog import PublicationInfo, Source, fill
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import statements
from echelon_pipeline.sqltools.text import literal, quote, typed
from echelon_pipeline.tables import TABLES, T
from echelon_pipeline_tests.legal_rows import BUILDER, INSTRUMENTS, legal_table
from echelon_pipeline_tests.rows import DAY, NOON

AT = literal(NOON.isoformat())
CALLS = (
    *(f"core.book_at({literal(i)}, {AT})" for i in INSTRUMENTS),
    *(f"core.depth_within({literal(i)}, {AT}, 1)" for i in INSTRUMENTS),
    *(f"core.mid({literal(i)}, {AT})" for i in INSTRUMENTS),
    *(
        f"core.cost_of({literal(i)}, {AT}, {contracts}, {literal(side)}, outcome := {outcome})"
        for i in INSTRUMENTS
        for contracts, side, outcome in ((1, "buy", 0), (999_999_999_999, "sell", 0), ("0.000001", "buy", 1))
    ),
    *(
        f"core.books_every({literal(i)}, INTERVAL {step}, {AT}, TIMESTAMPTZ {AT} + INTERVAL 2 HOUR)"
        for i in INSTRUMENTS[:2]
        for step in ("10 MINUTE", "0 SECOND")
    ),
    "mart.markets_filtered()",
    "mart.markets_filtered(search := '%', after_volume := 1, after_id := 'x')",
)


class Given(Source):
    """A table of the registry whose rows lie in the schema ``given``."""

    def select(self, root: str) -> str:
        del root
        return f"SELECT * FROM given.{quote(self.table.name)}"


def _params() -> dict[str, Any]:
    return {
        **settings_params(Settings(), NOON),
        "builder_codes": [BUILDER],
        "from": DAY - timedelta(days=1),
        "to": DAY + timedelta(days=2),
    }


def _build(connection: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    """Builds a mart as a refresh does: typed, then checked."""
    bound = mart.bound(_params())
    query = typed(mart.table, mart.statement.text, connection, bound)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE built AS {query}", bound)
    check_rules(connection, mart.table, "built")
    check_unique(connection, mart.table, "built")
    for column in mart.table.columns:
        if column.type is T.STAT:
            odd = f"SELECT count(*) FROM built WHERE NOT isfinite({quote(column.name)})"
            assert connection.execute(odd).fetchall() == [(0,)], f"{column.name} is infinite or no number"


def faults(seed: int, rows: int) -> dict[str, str]:
    """What fails on the rows of a seed, by the relation's name."""
    failures: dict[str, str] = {}
    with connect(private=True) as connection:
        connection.execute("CREATE SCHEMA given")
        sources = {}
        for schema in ("raw", "core", "mart"):
            connection.execute(f"CREATE SCHEMA {schema}")
        for table in TABLES.values():
            legal_table(connection, table, f"given.{quote(table.name)}", seed, rows)
            if table.published:
                sources[table.name] = Given(table, None)
            else:  # some marts look into raw
                connection.execute(f"CREATE VIEW IF NOT EXISTS {table.name} AS FROM given.{quote(table.name)}")
        connection.execute("BEGIN")  # as publish does: comments on columns would each be a transaction
        fill(connection, sources, PublicationInfo("/lake", NOON))
        connection.execute("COMMIT")
        for mart in marts():
            try:
                _build(connection, mart)
            except (duckdb.Error, EchelonError, AssertionError) as error:
                failures[mart.name] = str(error)
        views = [s.header["creates"] for folder in ("publish", "views") for s in statements(folder)]
        for relation in (*views, *CALLS):
            try:
                connection.execute(f"SELECT * FROM {relation}").fetchall()
            except duckdb.Error as error:
                if "no instrument" not in str(error):
                    failures[relation] = str(error)
    return failures


@pytest.mark.parametrize("seed", range(4))
def test_legal_rows_are_generated_for_every_table(seed: int) -> None:
    """The property is empty where no row survives the rules."""
    with connect(private=True) as connection:
        connection.execute("CREATE SCHEMA given")
        empty = {
            t.name
            for t in TABLES.values()
            if t.published
            and not any(
                legal_table(connection, t, f"given.{quote(f'{t.name} {n}')}", seed * 9 + n, 30) for n in range(9)
            )
        }
    assert empty == set()


@settings(max_examples=4, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 10**9), rows=st.integers(0, 12))
@example(seed=0, rows=0)
def test_every_relation_builds_from_any_legal_rows(seed: int, rows: int) -> None:
    assert faults(seed, rows) == {}


@pytest.mark.slow
@settings(max_examples=400, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 10**9), rows=st.integers(0, 40))
def test_every_relation_builds_from_many_legal_rows(seed: int, rows: int) -> None:
    assert faults(seed, rows) == {}
