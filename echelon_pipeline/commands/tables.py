"""``echelon tables``: lists what the published file has, and describes one table, view or function.

Belongs here: printing ``meta.catalog`` and ``meta.columns``, which ``publish/listing.py`` fills.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from echelon_pipeline.commands.common import out, prepared
from echelon_pipeline.commands.layout import write_table
from echelon_pipeline.errors import NotFound
from echelon_pipeline.sqltools.statements import statement

if TYPE_CHECKING:
    import duckdb

_LINES = (12, 12)  # of a meaning, so that columns stay a table in a narrow terminal
_HEADINGS = {
    "core": "core: what the venues say, and what was read",
    "mart": "mart: computed from core",
    "functions": "functions, used after FROM or in expressions",
    "meta": "meta: about this publication",
}


def tables(
    name: Annotated[
        str | None, typer.Argument(help="A table, view or function to describe. Default: list all.", show_default=False)
    ] = None,
    database: Annotated[
        Path | None, typer.Option("--database", help="Another published file, e.g. an older publication.")
    ] = None,
) -> None:
    """List the tables, views and functions of the published file, or describe one of them."""
    from echelon_pipeline.publish.reader import read_published

    settings = prepared()
    place = database or settings.published_file
    with read_published(place, lake=None if database else settings.lake_root) as connection:
        if not connection.execute(statement("reading/has_catalog").text).fetchall():
            raise NotFound(f"{place} was published by an older version and has no catalog: `echelon publish --force`")
        if name is None:
            _list(out(), connection)
        else:
            _describe(out(), connection, name, place)


def _list(console: Console, connection: duckdb.DuckDBPyConnection) -> None:
    listed = connection.execute(statement("reading/catalog").text).fetchall()
    groups: dict[str, list[tuple[Any, ...]]] = {}
    for name, kind, rows, complete, about in listed:
        group = "functions" if kind.endswith("function") else name.partition(".")[0]
        figures = ("", "") if rows is None else (f"{rows:,}", complete or "")
        groups.setdefault(group, []).append((name, *figures, _short(about)))
    first, second = (max(len(row[n]) for rows in groups.values() for row in rows) for n in (0, 1))
    console.print(Text(f"{'name':<{first}}  {'rows':>{second}}  complete  one row is", style="dim"))
    for group, heading in _HEADINGS.items():
        if group not in groups:
            continue
        console.print()
        console.print(Text(heading, style="bold"))
        for name, rows, complete, about in groups[group]:
            line = Text(f"{name:<{first}}  ") + Text(f"{rows:>{second}}  {complete:<8}  ", style="dim") + Text(about)
            console.print(line, no_wrap=True, overflow="ellipsis")
    console.print()
    console.print("`echelon tables NAME` describes one: meaning, columns, units, key, an example", style="dim")


def _short(about: str) -> str:
    text = about.removeprefix("One row is ").partition(". ")[0].rstrip(".")
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def _describe(console: Console, connection: duckdb.DuckDBPyConnection, name: str, place: Path) -> None:
    known = connection.execute(statement("reading/names").text).fetchall()
    full = _full_name([n for (n,) in known], name, place)
    kind, about, grain, key, arguments, rows, is_complete, reason, example = connection.execute(
        statement("reading/described").text, {"name": full}
    ).fetchall()[0]
    console.print(Text(full, style="bold"))
    console.print(about)
    console.print()
    facts = [("kind", kind), ("one row per", grain), ("key", ", ".join(key)), ("rows", rows and f"{rows:,}")]
    complete = None if is_complete is None else "yes" if is_complete else f"no: {reason}"
    for label, fact in (*facts, ("complete", complete)):
        if fact not in (None, ""):
            console.print(f"{label + ':':<13}{fact}", soft_wrap=True)
    if arguments:
        console.print()
        console.print(Text("arguments", style="bold"))
        for argument in arguments.split("; "):
            console.print(f"  {argument}", soft_wrap=True)
    columns = connection.execute(statement("reading/described_columns").text, {"name": full}).fetchall()
    if columns:
        console.print()
        write_table(console, ("column", "type", "unit", "meaning"), columns, lines=_LINES)
    console.print()
    console.print(Text("example", style="bold"))
    console.print(example, soft_wrap=True)


def _full_name(known: list[str], name: str, place: Path) -> str:
    """The name with its schema. Raises NotFound with near names."""
    from echelon_pipeline.reading.catalog import did_you_mean

    found = [n for n in known if name in (n, n.partition(".")[2])]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFound(f"{name} is in several schemas: expected {' or '.join(found)}")
    raise NotFound(f"{place} has no table, view or function {name}{did_you_mean(name, known)}")
