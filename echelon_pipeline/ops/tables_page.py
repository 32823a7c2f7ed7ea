"""docs/tables.md: every table of the lake, and every view and function of the published file.

Belongs here: the page. The registry has the tables; an empty publication has the types of everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import echelon_pipeline.venues.registry  # noqa: F401  (its macros are in a publication)
from echelon_pipeline.ops.markdown import GENERATED, anchor, names, prose, table
from echelon_pipeline.publish.catalog import PublicationInfo, Source, fill
from echelon_pipeline.publish.descriptions import Description, descriptions
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.tables import TABLES, Column, Table


@dataclass(frozen=True)
class Published:
    """What a publication has: descriptions by name, and rows of ``meta.columns`` by name."""

    described: dict[str, Description]
    columns: dict[str, list[tuple[str, str, str, str]]]


@cache
def _published() -> Published:
    """The names and types of a publication without rows."""
    columns: dict[str, list[tuple[str, str, str, str]]] = {}
    with connect(private=True) as connection:
        sources = {t.name: Source(t, None) for t in TABLES.values() if t.published}
        fill(connection, sources, PublicationInfo("", datetime.now(UTC)))
        query = "SELECT name, column_name, type, coalesce(unit, ''), about FROM meta.columns ORDER BY name, place"
        for name, column, kind, unit, about in connection.execute(query).fetchall():
            columns.setdefault(name, []).append((f"`{column}`", _type(kind), unit, about))
    return Published(descriptions(), columns)


def tables_page() -> str:
    """Tables with key, storage, columns, rules and an example; then views and functions."""
    published = _published()
    others = [d for name, d in published.described.items() if name not in TABLES]
    relations, functions = ([d for d in others if d.is_relation is wanted] for wanted in (True, False))
    lines = [
        "# Tables",
        "",
        GENERATED,
        "",
        "Names, types and units are the same in the lake and in the published DuckDB file. Prices are dollars per",
        "share of outcome 0 unless a column says otherwise, sizes are contracts or shares, money ends in `_usd`, times",
        "end in `_at` and are UTC, dates are UTC days. Decimals are exact. A total of 10^12 or more does not fit a",
        "column of sizes or money and is NULL, never a wrong figure: its row does not count as complete, and averages,",
        "ratios and sums over it are NULL too. Every row satisfies the rules: they are checked before each commit.",
        "",
        "The page has [tables](#tables), then [views and other relations](#views-and-other-relations) and",
        "[functions](#functions) of the published file. `echelon tables NAME` shows a section in a terminal.",
        "",
        *table(
            ("Table", "One row", "Published"),
            [
                (f"[`{t.name}`](#{anchor(t.name)})", t.about, "yes" if t.published else "lake only")
                for t in TABLES.values()
            ],
        ),
        "",
    ]
    for one in TABLES.values():
        lines += _table_section(one, published)
    lines += _group("Views and other relations", "Only in the published file; computed from the tables.", relations)
    for described in relations:
        lines += _described_section(described, published)
    lines += _group("Functions", "Only in the published file. A table function is used after FROM.", functions)
    for described in functions:
        lines += _described_section(described, published)
    return "\n".join(lines)


def _group(title: str, text: str, described: list[Description]) -> list[str]:
    rows = [(f"[`{d.name}`](#{anchor(d.name)})", d.about) for d in described]
    return [f"## {title}", "", text, "", *table(("Name", "Meaning"), rows), ""]


def _described_section(described: Description, published: Published) -> list[str]:
    lines = [f"## {described.name}", "", prose(described.about), "", f"- Grain: {prose(described.grain)}"]
    if described.key:
        lines.append(f"- Key: {names(described.key)}")
    lines += [f"- Argument `{n}`, {kind}: {prose(about)}" for n, (kind, about) in described.arguments.items()]
    lines.append("")
    columns = published.columns.get(described.name)
    if columns:
        lines += [*table(("Column", "Type", "Unit", "Meaning"), columns), ""]
    return lines + _example(described)


def _example(described: Description) -> list[str]:
    return ["```sql", described.example, "```", ""]


def _table_section(one: Table, published: Published) -> list[str]:
    lines = [
        f"## {one.name}",
        "",
        prose(one.about),
        "",
        f"- Grain: {prose(one.grain)}",
        f"- Key: {names(one.key)}",
    ]
    if one.replaces != one.key:
        lines.append(f"- Replaced together: rows with the same {names(one.replaces)}")
    if one.newest:
        lines.append(f"- Of two rows with one key, the larger {names((one.newest,))} is kept")
    if one.append_only:
        lines.append("- Append-only")
    lines += [
        f"- Partitioned by {names(one.partition_by) or 'nothing'}, sorted by {names(one.sort_by) or 'nothing'}",
        f"- Schema version {one.version}",
        "",
        *table(("Column", "Type", "Unit", "Meaning"), [_column(c) for c in one.columns]),
        "",
    ]
    added = [row for row in published.columns.get(one.name, ()) if row[0].strip("`") not in one.names]
    if added:
        lines += ["Added in the published file:", ""]
        lines += [f"- {column}, {kind}: {prose(about)}" for column, kind, _, about in added]
        lines.append("")
    if one.rules:
        lines += ["Rules, in addition to required columns:", ""]
        lines += [f"- {prose(rule.name)}: `{rule.sql}`" for rule in one.rules]
        lines.append("")
    return lines + (_example(published.described[one.name]) if one.published else [])


def _column(column: Column) -> tuple[str, ...]:
    required = "" if column.nullable else ", required"
    return (f"`{column.name}`", f"{_type(column.type.value)}{required}", column.unit, column.about)


def _type(kind: str) -> str:
    return kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
