"""SQL text: quoted names, literals, lists of files, and queries with the columns and types of a table.

Belongs here: functions that build SQL text. ``duck.py`` opens connections; ``statements.py`` reads the statements in
``sql/``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import duckdb


class TypedTable(Protocol):
    """The facts of a table that a cast needs: its name and the DuckDB types of its columns, in their order."""

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
    """A SQL literal of one file name for functions that read files. Special characters are escaped: pattern characters
    match themselves, and a leading ``~`` is not expanded to a home folder."""
    return literal(re.sub(r"([*?\[])", r"[\1]", str(path.absolute())))


def file_list(paths: list[str]) -> str:
    """A SQL list of file names for ``read_parquet``; the list must not be empty."""
    return "[" + ", ".join(literal(p) for p in paths) + "]"


def typed(
    table: TypedTable, query: str, connection: duckdb.DuckDBPyConnection, params: Mapping[str, object] | None = None
) -> str:
    """A query with exactly the table's columns and types; columns that the query lacks are NULL.

    Raises duckdb.BinderException if the query has a column that the table lacks.
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
        import duckdb  # here: code that only writes SQL text does not load it

        raise duckdb.BinderException(f"{table.name} has no column(s) {', '.join(unknown)}")
    columns = ", ".join(
        f"CAST({quote(name) if name in given else 'NULL'} AS {type_name}) AS {quote(name)}"
        for name, type_name in table.types.items()
    )
    return f"SELECT {columns} FROM ({query})"
