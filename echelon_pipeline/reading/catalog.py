"""Tables and columns of a publication, and errors that name near ones.

Belongs here: what a name of a caller means. A table may be named without its schema if only one schema has it.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from echelon_pipeline.errors import BadQuery, NotFound
from echelon_pipeline.sqltools.text import quote

NEAR = 3
_COLUMNS = """
    SELECT schema_name || '.' || table_name, column_name, data_type
    FROM duckdb_columns()
    WHERE schema_name IN ('core', 'mart', 'meta') AND NOT internal
    ORDER BY schema_name, table_name, column_index
"""


@dataclass(frozen=True)
class Relation:
    """A table or view, with the DuckDB types of its columns in their order."""

    name: str
    columns: Mapping[str, str]

    @property
    def sql(self) -> str:
        """The quoted name."""
        return ".".join(quote(part) for part in self.name.split("."))

    def column(self, name: str) -> str:
        """The quoted name of a column. Raises NotFound with near ones."""
        if name not in self.columns:
            raise NotFound(f"{self.name} has no column {name}{did_you_mean(name, self.columns)}")
        return quote(name)


@dataclass(frozen=True)
class Catalog:
    """The tables and views of a publication by name."""

    path: Path
    relations: Mapping[str, Relation]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, path: Path) -> Catalog:
        columns: dict[str, dict[str, str]] = {}
        for table, column, kind in connection.execute(_COLUMNS).fetchall():
            columns.setdefault(table, {})[column] = kind
        return cls(path, {name: Relation(name, own) for name, own in columns.items()})

    def relation(self, name: str) -> Relation:
        """The table or view with a name. Raises NotFound with near names, BadQuery if several schemas have it."""
        if name in self.relations:
            return self.relations[name]
        found = [full for full in self.relations if full.split(".", 1)[1] == name]
        if len(found) > 1:
            raise BadQuery(f"{name} is in several schemas: expected {' or '.join(found)}")
        if not found:
            raise NotFound(
                f"{self.path} has no table {name}{did_you_mean(name, self.relations)} tables() lists all of them"
            )
        return self.relations[found[0]]


def did_you_mean(name: str, known: Collection[str]) -> str:
    """The end of a message about an unknown name: near ones, or a full stop."""
    lowered = {own.lower(): own for own in known}
    near = difflib.get_close_matches(name.lower(), lowered, n=NEAR, cutoff=0.75)
    return f": did you mean {' or '.join(lowered[n] for n in near)}?" if near else "."
