"""What makes a publication readable on its own: views in ``main``, comments, ``meta.catalog`` and ``meta.columns``.

Belongs here: writing descriptions into the file. ``descriptions.py`` collects them; ``catalog.py`` creates the
relations before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import duckdb

from echelon_pipeline.publish.descriptions import Description, Kind, in_main
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import literal, quote

CREATE = (
    """CREATE TABLE meta.catalog (
        name VARCHAR, kind VARCHAR, about VARCHAR, grain VARCHAR, "key" VARCHAR[], arguments VARCHAR, rows BIGINT,
        is_complete BOOLEAN, incomplete_reason VARCHAR, example VARCHAR)""",
    """CREATE TABLE meta.columns (
        name VARCHAR, place INTEGER, column_name VARCHAR, type VARCHAR, unit VARCHAR, about VARCHAR)""",
)
_UNIT = re.compile(r"^(.*?)\s*\[([^][]+)\]$", re.DOTALL)

_Columns = Mapping[str, list[tuple[str, str]]]  # by relation or table function: names and types


def list_everything(
    connection: duckdb.DuckDBPyConnection, described: Iterable[Description], *, stale: Mapping[str, str]
) -> None:
    """Describes everything in the current database; its relations and functions exist already."""
    known = sorted(described, key=lambda one: one.name)
    for text in CREATE:
        connection.execute(text)
    columns = _columns(connection, known)
    _fill_columns(connection, known, columns)
    _fill_catalog(connection, known, columns, stale)
    views = {name for (name,) in connection.execute(statement("catalog/views").text).fetchall()}
    texts = [t for d in known for t in _comments(d, [name for name, _ in columns.get(d.name, ())], d.name in views)]
    connection.execute(";\n".join(texts))


def _columns(connection: duckdb.DuckDBPyConnection, known: list[Description]) -> _Columns:
    columns: dict[str, list[tuple[str, str]]] = {}
    for name, column, kind in connection.execute(statement("catalog/columns").text).fetchall():
        columns.setdefault(name, []).append((column, kind))
    for one in known:
        if one.kind is Kind.TABLE_FUNCTION:
            rows = connection.execute(f"DESCRIBE FROM {one.call}").fetchall()
            columns[one.name] = [(row[0], row[1]) for row in rows]
    return columns


def _fill_columns(connection: duckdb.DuckDBPyConnection, known: list[Description], columns: _Columns) -> None:
    rows: list[tuple[str, int, str, str, str | None, str]] = []
    for one in known:
        for place, (name, kind) in enumerate(columns.get(one.name, ()), start=1):
            about = one.columns.get(name, "")
            split = _UNIT.match(about)
            unit = split.group(2) if split else None
            rows.append((one.name, place, name, kind, unit, split.group(1) if split else about))
    lists = {field: [row[n] for row in rows] for n, field in enumerate(("n", "p", "c", "t", "u", "a"))}
    connection.execute(
        "INSERT INTO meta.columns SELECT unnest($n), unnest($p), unnest($c), unnest($t), unnest($u), unnest($a)", lists
    )


def _fill_catalog(
    connection: duckdb.DuckDBPyConnection, known: list[Description], columns: _Columns, stale: Mapping[str, str]
) -> None:
    fed = dict(connection.execute(statement("catalog/incomplete_tables").text).fetchall())
    counted = dict(connection.execute("SELECT table_name, rows FROM meta.publication").fetchall())
    rows = []
    for one in known:
        total, reason, is_judged = None, None, False
        if one.name == "meta.catalog":
            total = len(known)
        elif one.is_relation:
            total, reason, is_judged = _counted(connection, one.name, dict(columns[one.name]), fed, counted)
        if one.name in stale:
            reason, is_judged = f"the last good version is kept: {stale[one.name]}", True
        arguments = one.argument_list or None
        state = reason is None if is_judged else None
        about = (one.name, one.kind.value, one.about, one.grain, list(one.key), arguments)
        rows.append((*about, total, state, reason, one.example))
    connection.executemany(f"INSERT INTO meta.catalog VALUES ({', '.join('?' * 10)})", rows)


def _counted(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    types: Mapping[str, str],
    fed: Mapping[str, str | None],
    counted: Mapping[str, int],
) -> tuple[int, str | None, bool]:
    """The rows of a relation, why it is not complete, and whether anything says so. ``counted``: rows of the tables
    that need no query for them."""
    has_flag = types.get("is_complete") == "BOOLEAN" and name not in fed
    if name in counted and not has_flag:
        return counted[name], fed.get(name), name in fed
    flag = "count(*) FILTER (WHERE NOT is_complete)" if has_flag else "0"
    total, failing = connection.execute(f"SELECT count(*), {flag} FROM {name}").fetchall()[0]
    return (
        total,
        f"{failing:,} of {total:,} rows are not complete" if failing else fed.get(name),
        has_flag or name in fed,
    )


def _comments(one: Description, columns: list[str], is_view: bool) -> Iterator[str]:
    about = literal(one.comment)
    if not one.is_relation:
        yield f"COMMENT ON {'MACRO TABLE' if one.kind is Kind.TABLE_FUNCTION else 'MACRO'} {one.name} IS {about}"
        return
    yield f"COMMENT ON {'VIEW' if is_view else 'TABLE'} {one.name} IS {about}"
    yield f"CREATE VIEW {in_main(one.name)} AS FROM {one.name}"
    # Its columns have no comments of their own: they would double the time that comments take.
    yield f"COMMENT ON VIEW {in_main(one.name)} IS {literal(f'The same as {one.name}. {one.about}')}"
    for name in columns:
        if name in one.columns:
            yield f"COMMENT ON COLUMN {one.name}.{quote(name)} IS {literal(one.columns[name])}"
