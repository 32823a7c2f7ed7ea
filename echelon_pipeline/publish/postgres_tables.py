"""The definition of a published table in Postgres: its name, its DDL, and the query for its rows.

Belongs here: SQL text, generated from the registry and the columns of the published relation. ``postgres.py`` runs it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from echelon_pipeline.sqltools.text import literal, quote
from echelon_pipeline.tables import Column, Table

SCHEMA = "echelon"
STAGING = "echelon_staging"

# Postgres types by DuckDB type. Texts compare by bytes, as in DuckDB: the same order, and faster indexes.
_TYPES = {
    "VARCHAR": 'text COLLATE "C"',
    "BOOLEAN": "boolean",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "DOUBLE": "double precision",
    "VARCHAR[]": 'text[] COLLATE "C"',
    "INTEGER[]": "integer[]",
    "BIGINT[]": "bigint[]",
}
_DECIMAL = re.compile(r"DECIMAL(\(\d+,\d+\))")


def _ordered(column: str) -> str:
    """``volume_24h DESC NULLS LAST`` with its name quoted."""
    name, _, order = column.partition(" ")
    return f"{quote(name)} {order}".strip()


@dataclass(frozen=True)
class Mirror:
    """One table of the mirror. ``columns``: name and DuckDB type of each column of the published relation, which may
    have more than the registry's table."""

    table: Table
    columns: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """core_instruments for core.instruments."""
        return self.table.name.replace(".", "_")

    @property
    def path(self) -> str:
        """The name that readers use, with its schema."""
        return f"{SCHEMA}.{quote(self.name)}"

    @property
    def staged(self) -> str:
        """The name of the table while it is built."""
        return f"{STAGING}.{quote(self.name)}"

    @property
    def shape(self) -> str:
        """Hash of the definition: rows are copied into an existing table only if its hash is the same."""
        text = "\n".join((self.create(), *self.finish()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def create(self) -> str:
        """CREATE TABLE, without the parts of ``finish``, which are cheaper to add after the rows."""
        columns = ", ".join(self._column(name, kind) for name, kind in self.columns)
        return f"CREATE TABLE {self.staged} ({columns})"

    def _column(self, name: str, kind: str) -> str:
        known = self._known(name)
        required = "" if known is None or known.nullable else " NOT NULL"
        return f"{quote(name)} {self._type(name, kind)}{required}"

    def _type(self, name: str, kind: str) -> str:
        known = self._known(name)
        if known is not None and known.is_json:
            return "jsonb"
        decimal = _DECIMAL.fullmatch(kind)
        if decimal is not None:
            return f"numeric{decimal.group(1)}"
        if kind not in _TYPES:
            raise TypeError(f"{self.table.name}.{name} has the type {kind}, which has no counterpart in Postgres")
        return _TYPES[kind]

    def finish(self) -> tuple[str, ...]:
        """Key, indexes, comments, and statistics for the planner."""
        return (
            f"ALTER TABLE {self.staged} ADD {self._key()} ({', '.join(map(quote, self.table.key))})",
            *(
                f"CREATE INDEX {quote(f'{self.name}_{n}')} ON {self.staged} ({', '.join(map(_ordered, columns))})"
                for n, columns in enumerate(self.table.indexes, start=1)
            ),
            f"COMMENT ON TABLE {self.staged} IS {literal(self.table.about)}",
            *(f"COMMENT ON COLUMN {self.staged}.{quote(name)} IS {literal(about)}" for name, about in self._comments()),
            f"ANALYZE {self.staged}",
        )

    def _key(self) -> str:
        nullable = any(self.table.column(name).nullable for name in self.table.key)
        return "UNIQUE NULLS NOT DISTINCT" if nullable else "PRIMARY KEY"

    def _comments(self) -> Iterator[tuple[str, str]]:
        for name, _ in self.columns:
            known = self._known(name)
            if known is not None:
                yield name, known.about + (f" [{known.unit}]" if known.unit else "")

    def rows(self) -> str:
        """The DuckDB query for the rows, for the published file with the macros of ``sql/mirror``."""
        return f"SELECT {', '.join(self._value(name, kind) for name, kind in self.columns)} FROM {self.table.name}"

    def _value(self, name: str, kind: str) -> str:
        known = self._known(name)
        if known is not None and known.is_json:
            return f"as_jsonb({quote(name)}) AS {quote(name)}"
        if kind == "VARCHAR":
            return f"as_pg_text({quote(name)}) AS {quote(name)}"
        if kind == "VARCHAR[]":
            return f"list_transform({quote(name)}, lambda t: as_pg_text(t)) AS {quote(name)}"
        return quote(name)

    def _known(self, name: str) -> Column | None:
        return self.table.column(name) if name in self.table.names else None
