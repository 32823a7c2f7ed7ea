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
_FUNCTIONS = "SELECT name FROM meta.catalog WHERE kind = 'table function' ORDER BY name"


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
    """The tables and views of a publication by name, and the names of its table functions. A publication of an older
    version has no ``meta.catalog``."""

    path: Path
    relations: Mapping[str, Relation]
    functions: tuple[str, ...] = ()

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, path: Path) -> Catalog:
        columns: dict[str, dict[str, str]] = {}
        for table, column, kind in connection.execute(_COLUMNS).fetchall():
            columns.setdefault(table, {})[column] = kind
        listed = connection.execute(_FUNCTIONS).fetchall() if "meta.catalog" in columns else []
        relations = {name: Relation(name, own) for name, own in columns.items()}
        return cls(path, relations, tuple(row[0] for row in listed))

    def relation(self, name: str) -> Relation:
        """The table or view with a name. Raises NotFound with near names, BadQuery if several schemas have it."""
        return self.relations[self._full_name(name, self.relations)]

    def described(self, name: str) -> str:
        """The full name of a table, view or table function that ``meta.catalog`` describes. Raises as ``relation``."""
        self.require_descriptions()
        return self._full_name(name, (*self.relations, *self.functions))

    def require_descriptions(self) -> None:
        """Raises NotFound if the publication has no ``meta.catalog``."""
        if "meta.catalog" not in self.relations:
            raise NotFound(
                f"{self.path} was published by an older version without meta.catalog: `echelon publish --force`"
            )

    def _full_name(self, name: str, known: Collection[str]) -> str:
        found = [full for full in known if name in (full, full.split(".", 1)[1])]
        if len(found) > 1:
            raise BadQuery(f"{name} is in several schemas: expected {' or '.join(found)}")
        if not found:
            raise NotFound(f"{self.path} has no table {name}{did_you_mean(name, known)} tables() lists all of them")
        return found[0]


def did_you_mean(name: str, known: Collection[str]) -> str:
    """The end of a message about an unknown name: near ones, with or without a schema, or a full stop."""
    lowered = {own.lower().partition(".")[2]: own for own in known} | {own.lower(): own for own in known}
    near = difflib.get_close_matches(name.lower(), lowered, n=NEAR, cutoff=0.75)
    meant = dict.fromkeys(lowered[n] for n in near)
    return f": did you mean {' or '.join(meant)}?" if meant else "."
