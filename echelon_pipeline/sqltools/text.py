"""SQL text: quoted names, literals, lists of files, and queries with the columns and types of a table.

Belongs here: text that statements are put together from. Opening a session is ``duck.py``'s; statements are files in
``sql/``, which ``statements.py`` reads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

import duckdb


class TypedTable(Protocol):
    """What a cast needs of a table: its name and the DuckDB types of its columns, in their order."""

    @property
    def name(self) -> str: ...

    @property
    def types(self) -> Mapping[str, str]: ...


def quote(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def one_file(path: Path) -> str:
    """A SQL literal of one file's name for readers of files, whatever characters it has: patterns stand for themselves,
    and a ``~`` at the beginning is no user's folder."""
    return literal(re.sub(r"([*?\[])", r"[\1]", str(path.absolute())))


def file_list(paths: list[str]) -> str:
    """A SQL list of file names for ``read_parquet``; the caller guards against an empty list."""
    return "[" + ", ".join(literal(p) for p in paths) + "]"


def typed(
    table: TypedTable, query: str, connection: duckdb.DuckDBPyConnection, params: Mapping[str, object] | None = None
) -> str:
    """A query with exactly the table's columns and types; columns the query lacks are NULL.

    Raises duckdb.BinderException where the query gives a column that the table does not have.
    """
    return cast(table, query, columns_of(connection, query, params))


def columns_of(
    connection: duckdb.DuckDBPyConnection, query: str, params: Mapping[str, object] | None = None
) -> tuple[str, ...]:
    """The names of a query's columns, in their order."""
    return tuple(row[0] for row in connection.execute(f"DESCRIBE {query}", params).fetchall())


def cast(table: TypedTable, query: str, given: Collection[str]) -> str:
    """``typed`` for a query whose columns are known."""
    unknown = sorted(set(given) - set(table.types))
    if unknown:
        raise duckdb.BinderException(f"{table.name} has no column(s) {', '.join(unknown)}")
    columns = ", ".join(
        f"CAST({quote(name) if name in given else 'NULL'} AS {type_name}) AS {quote(name)}"
        for name, type_name in table.types.items()
    )
    return f"SELECT {columns} FROM ({query})"
