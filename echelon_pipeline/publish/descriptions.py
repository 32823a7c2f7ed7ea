"""What the published relations and functions mean: comments, ``meta.catalog``, and the reference page.

Belongs here: collecting descriptions from the registry and from the headers in ``sql/``. ``catalog.py`` creates the
relations; ``ops/docgen.py`` writes the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache

from echelon_pipeline.publish.macros import INTERNAL
from echelon_pipeline.settings import project_file
from echelon_pipeline.sqltools.statements import Statement, statement, statements
from echelon_pipeline.sqltools.text import quote
from echelon_pipeline.tables import TABLES, Table

_TABLE_MACRO = re.compile(r"^CREATE MACRO [^;]*?\)\s+AS TABLE\b", re.MULTILINE | re.DOTALL)


class Kind(StrEnum):
    """What a name of the published file is. A table may be a DuckDB view over files of the lake."""

    TABLE = "table"
    VIEW = "view"
    TABLE_FUNCTION = "table function"
    FUNCTION = "function"


@dataclass(frozen=True)
class Description:
    """One published name. ``columns``: meanings by name; a unit stands in brackets. ``arguments``: types and meanings
    by name. ``key``: columns that are unique together. ``example``: a query that uses it."""

    name: str
    kind: Kind
    about: str
    grain: str = ""
    key: tuple[str, ...] = ()
    arguments: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    example: str = ""

    @property
    def is_relation(self) -> bool:
        return self.kind in (Kind.TABLE, Kind.VIEW)

    @property
    def comment(self) -> str:
        """The comment on the name itself; that of a function lists its arguments."""
        return f"{self.about} Arguments: {self.argument_list}" if self.arguments else self.about

    @property
    def argument_list(self) -> str:
        return "; ".join(f"{name} ({kind}): {about}" for name, (kind, about) in self.arguments.items())

    @property
    def call(self) -> str:
        """A call with a NULL of the right type for each argument: enough to find the columns of the result."""
        return f"{self.name}({', '.join(f'CAST(NULL AS {kind})' for kind, _ in self.arguments.values())})"


def in_main(name: str) -> str:
    """The view of a relation in the schema ``main``, which DuckDB lists by default: ``main."core.trades"``."""
    return f"main.{quote(name)}"


META = (
    Description(
        "meta.publication",
        Kind.TABLE,
        "One row is one table of this publication and the version it was made from.",
        "table",
        ("table_name",),
        columns={
            "table_name": "name of the table",
            "version": "version of the lake's table; NULL if it does not exist yet",
            "rows": "number of rows",
            "files": "number of files in the lake",
            "is_view": "read from files of the lake; otherwise the rows are copied into the published file",
            "lake": "root of the lake at the time of the publication",
            "built_at": "when the publication was made",
            "code_version": "version of the pipeline",
            "sequence": "number of the publication: a larger one is newer",
            "table_id": "Delta's id of the table; it changes if the table is created again",
            "is_stale": "the last good version is kept, stale_reason says why",
            "stale_reason": "why the last good version is kept",
            "min_duckdb_version": "the oldest DuckDB that can read this file",
        },
    ),
    Description(
        "meta.files",
        Kind.TABLE,
        "One row is one lake file that a table of this publication reads, below the root.",
        "table, file",
        ("table_name", "file"),
        columns={"table_name": "name of the table", "file": "path below meta.publication.lake"},
    ),
    Description(
        "meta.catalog",
        Kind.TABLE,
        "One row is one table, view or function of this publication: what it means, its rows, and an example.",
        "name",
        ("name",),
        columns={
            "name": "name with its schema, as queries use it",
            "kind": "table, view, table function (used after FROM) or function",
            "about": "what one row is, or what the function returns",
            "grain": "what is counted once",
            "key": "columns that are unique together; empty if none are known",
            "arguments": "arguments of a function, each with its type and meaning",
            "rows": "number of rows at the time of the publication; NULL for functions",
            "is_complete": "all rows, and all days that are over, are complete: the current day never is; NULL if the "
            "relation has no notion of completeness",
            "incomplete_reason": "why is_complete is false",
            "example": "a query that uses it",
        },
    ),
    Description(
        "meta.columns",
        Kind.TABLE,
        "One row is one column of a table, a view, or the result of a table function.",
        "name, column",
        ("name", "column_name"),
        columns={
            "name": "the table, view or table function",
            "place": "position of the column, from 1",
            "column_name": "name of the column",
            "type": "DuckDB type",
            "unit": "unit, if neither the name nor the meaning includes it",
            "about": "meaning",
        },
    ),
)


def descriptions() -> dict[str, Description]:
    """Every published name."""
    found = {t.name: _of_table(t) for t in TABLES.values() if t.published}
    made = {name: s for name, s in _creators().items() if not name.startswith(f"{INTERNAL}.")}
    found |= {name: _of_statement(s) for name, s in made.items() if name not in found}
    return found | {d.name: replace(d, example=_example(d.name)) for d in META}


def _of_table(table: Table) -> Description:
    return Description(
        table.name,
        Kind.TABLE,
        table.about,
        table.grain,
        table.key,
        columns=_columns(table.name),
        example=_example(table.name),
    )


def _of_statement(made: Statement) -> Description:
    name, folder = made.header["creates"], made.name.partition("/")[0]
    kind = {"publish": Kind.TABLE, "views": Kind.VIEW}.get(folder)
    if kind is None:
        kind = Kind.TABLE_FUNCTION if _TABLE_MACRO.search(made.text) else Kind.FUNCTION
    about = made.about[0].upper() + made.about[1:].rstrip(".") + "."
    columns = _columns(name) if kind is not Kind.FUNCTION else {}
    described = Description(name, kind, about, made.header["grain"], arguments=made.arguments, columns=columns)
    return replace(described, example=_example(name if described.is_relation else described.call))


def _columns(name: str) -> dict[str, str]:
    """Meanings of columns: of the registry, of the statement's header, and of its inputs for columns that it passes on
    under the same name."""
    made = _creators().get(name)
    own = {c.name: c.about + (f" [{c.unit}]" if c.unit else "") for c in TABLES[name].columns} if name in TABLES else {}
    if made is None:
        return own
    if name in TABLES:
        return own | made.columns
    inherited: dict[str, str] = {}
    for source in reversed([i.strip() for i in made.header["inputs"].split(",")]):
        inherited |= _columns(source.removeprefix("lake:"))
    return inherited | made.columns


@cache
def _creators() -> dict[str, Statement]:
    made = (*statements("publish"), *statements("views"), *statements("functions"))
    return {s.header["creates"]: s for s in made}


def _example(source: str) -> str:
    """The statement of ``sql/examples`` for a relation or the call of a function, if there is one."""
    name = source.partition("(")[0]
    if not project_file("sql", "examples", f"{name}.sql").exists():
        return f"FROM {source} LIMIT 5"
    lines = statement(f"examples/{name}").text.splitlines()
    return "\n".join(line for line in lines if not line.startswith("--")).strip().rstrip(";")
