"""Statements that SQLite and Postgres write differently.

Belongs here: rows that replace others by key, and texts that are given as a set. All else is SQLAlchemy's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def put(connection: sa.Connection, table: sa.Table, row: Mapping[str, object], *, keep: Collection[str] = ()) -> None:
    """Inserts a row, or replaces the one of its key but for the columns ``keep``."""
    statement = insert(connection, table).values(dict(row))
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in row if name not in keys and name not in keep}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


class _JsonTexts(FunctionElement[str]):
    name = "json_texts"
    inherit_cache = True


@compiles(_JsonTexts, "sqlite")
def _on_sqlite(element: _JsonTexts, compiler: Any, **words: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **words)})"


@compiles(_JsonTexts, "postgresql")
def _on_postgres(element: _JsonTexts, compiler: Any, **words: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **words)} AS JSON))"


def texts(values: Iterable[str], name: str) -> sa.TableValuedAlias:
    """A relation of distinct texts, in one parameter however many they are; its column is ``value``."""
    given = sa.literal(json.dumps(sorted(set(values))), sa.Text)
    return _JsonTexts(given).table_valued(sa.column("value", sa.Text), name=name)
