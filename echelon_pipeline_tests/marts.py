"""Runs a mart's statement on rows made by hand, as the pipeline does: bound, typed, checked.

Belongs here: what tests of marts share. Rows come from ``rows.row``; tables that are not given are empty.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import takewhile
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from echelon_pipeline.lake.merge import check_rules, check_unique
from echelon_pipeline.marts import refresh
from echelon_pipeline.marts.marts import Mart, marts, settings_params
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.sqltools.text import typed
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import DAY, NOON, Row, arrow

# Mostly nothing is unread: tests need not give this relation.
_UNREAD: list[tuple[str, pa.DataType]] = [
    *((name, pa.string()) for name in ("venue", "table_name", "scope", "instrument_id")),
    ("date", pa.date32()),
    ("unread_rows", pa.int64()),
    *((name, pa.timestamp("us", tz="UTC")) for name in ("from_at", "to_at")),
]
UNREAD_ROWS = pa.schema(_UNREAD)
_COMPLETE: list[tuple[str, pa.DataType]] = [
    *((name, pa.string()) for name in ("instrument_id", "table_name", "reason")),
    *((name, pa.timestamp("us", tz="UTC")) for name in ("complete_from", "complete_to")),
]
# Relations that a publication derives, with their columns: the others need a row.
DERIVED = {"core.unread_rows": UNREAD_ROWS, "core.instrument_completeness": pa.schema(_COMPLETE)}


def mart(name: str) -> Mart:
    """A mart by its table's name."""
    return next(m for m in marts() if m.name == name)


def computed(
    name: str, given: Mapping[str, Iterable[Row]], days: tuple[date, date] = (DAY, DAY), **params: Any
) -> list[Row]:
    """Rows of a mart of the days [first, last], in key order; its rules and its key have been checked.

    ``given``: rows per table. A relation that a publication derives (``core.coverage_daily``) has no columns of its
    own here: it needs at least one row, of plain values.
    ``params``: instead of the defaults of the settings; ``now`` is noon of the day.
    """
    known = mart(name)
    bound = known.bound({**_params(params), "from": days[0], "to": days[1] + timedelta(days=1)})
    with _connection().cursor() as connection:
        _load(connection, known.relations, given)
        query = typed(known.table, known.statement.text, connection, bound)
        order = ", ".join(known.table.key)
        connection.execute(f"CREATE OR REPLACE TABLE found AS SELECT * FROM ({query}) ORDER BY {order}", bound)
        check_rules(connection, known.table, "found")
        check_unique(connection, known.table, "found")
    found: list[Row] = _connection().cursor().sql("SELECT * FROM found").to_arrow_table().to_pylist()
    return found


def day_by_day(name: str, given: Mapping[str, Iterable[Row]], days: tuple[date, date], **params: Any) -> list[Row]:
    """The same rows, each day computed alone from what its lookback lets it see, as a refresh may do it."""
    known = mart(name)
    lookback = timedelta(days=known.lookback(_params(params)))
    rows = {relation: list(of_it) for relation, of_it in given.items()}
    dated = [r for r in rows if r in TABLES and "date" in TABLES[r].partition_by]
    found: list[Row] = []
    for n in range((days[1] - days[0]).days + 1):
        day = days[0] + timedelta(days=n)
        seen = {r: [row for row in rows[r] if day - lookback <= row["date"] <= day] for r in dated}
        found += computed(name, {**rows, **seen}, (day, day), **params)
    return sorted(found, key=lambda row: tuple(row[c] for c in known.table.key))


def invalid_days(name: str, given: Mapping[str, Iterable[Row]]) -> set[date]:
    """Days of a mart's stored rows (``given[name]``) that its statement of ``sql/stale`` wants built again."""
    (found,) = (s for s in statements("stale") if s.header["of"] == name)
    with _connection().cursor() as connection:
        _load(connection, (*mart(name).relations, name), given)
        return {row[0] for row in connection.execute(found.text).fetchall()}


def changed_statement(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[str], str]) -> None:
    """Refreshes build a mart from another statement, as another version of the code would have it; its header stays."""
    text = mart(name).statement.text
    header = "\n".join(takewhile(lambda line: line.startswith("--"), text.splitlines()))
    other = Statement(mart(name).statement.name, f"{header}\n{change(text)}")
    changed = tuple(replace(m, statement=other) if m.name == name else m for m in marts())
    monkeypatch.setattr(refresh, "marts", lambda: changed)


def _params(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**settings_params(Settings(), NOON), **given}


def _load(connection: duckdb.DuckDBPyConnection, relations: Iterable[str], given: Mapping[str, Iterable[Row]]) -> None:
    for relation in relations:
        rows = list(given.get(relation, ()))
        is_table = relation in TABLES
        made = arrow(relation, rows) if is_table else pa.Table.from_pylist(rows, schema=DERIVED.get(relation))
        connection.register("given_rows", made)
        connection.execute(f"CREATE OR REPLACE TABLE {relation} AS SELECT * FROM given_rows").fetchall()


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    """One for all tests of a process: opening one costs more than a statement on a few rows."""
    opened = ExitStack()
    connection = opened.enter_context(connect(private=True))
    atexit.register(opened.close)
    for schema in ("raw", "core", "mart"):
        connection.execute(f"CREATE SCHEMA {schema}")
    return connection
