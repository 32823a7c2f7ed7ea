"""Presets: data sets that are known by their columns.

Belongs here: listing presets, finding those whose columns a file has, and choosing one. A preset is the SQL file
``sql/import/presets/<name>/<table>.sql``; its header says the columns that it needs (``a | b``: either), the source,
the venue, and the zone of times without an offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import takewhile

import duckdb

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk_paths import Layout
from echelon_pipeline.ingest.mappings import Shape, near, suggest
from echelon_pipeline.settings import project_file
from echelon_pipeline.sqltools.statements import Statement, statement


@dataclass(frozen=True)
class Preset:
    """One table of a preset. ``columns``: each with its alternative spellings, oldest first."""

    name: str
    table: str
    statement: Statement

    @property
    def about(self) -> str:
        """What the data set is: the header's text, which goes on in indented lines."""
        first, *more = self.statement.text.splitlines()
        return " ".join([first.partition("about: ")[2], *(line[2:].strip() for line in takewhile(_goes_on, more))])

    @property
    def venue(self) -> str:
        """The venue of its rows; ``any`` where they name it themselves."""
        return self.statement.header["venue"]

    @property
    def columns(self) -> tuple[tuple[str, ...], ...]:
        """The columns that a file must have; of each, one of its spellings."""
        found = self.statement.header["columns"].split(",")
        return tuple(tuple(name.strip() for name in column.split("|")) for column in found)

    def lacking(self, connection: duckdb.DuckDBPyConnection, layout: Layout) -> list[str]:
        """Columns that a file does not have, whole nested paths compared."""
        return [
            " or ".join(spellings)
            for spellings in self.columns
            if not any(layout.find(name) or layout.holds(connection, name) for name in spellings)
        ]

    def fits(self, layout: Layout) -> bool:
        """Whether the first records have all its columns."""
        return all(any(layout.find(name) for name in spellings) for spellings in self.columns)


def _goes_on(line: str) -> bool:
    return line.startswith("--        ")


@cache
def all_presets() -> tuple[Preset, ...]:
    """Every table of every preset, by name."""
    root = project_file("sql", "import", "presets")
    return tuple(
        Preset(folder.name, file.stem.replace("_", "-"), statement(f"import/presets/{folder.name}/{file.stem}"))
        for folder in sorted(root.iterdir())
        for file in sorted(folder.glob("*.sql"))
    )


def presets() -> dict[str, tuple[str, ...]]:
    """Names of presets with the tables that each loads."""
    found: dict[str, tuple[str, ...]] = {}
    for preset in all_presets():
        found[preset.name] = (*found.get(preset.name, ()), preset.table)
    return found


def fitting(layout: Layout) -> list[Preset]:
    """Presets whose columns the file has: those that need most of its columns first."""
    found = [preset for preset in all_presets() if preset.fits(layout)]
    return sorted(found, key=lambda preset: -len(preset.columns))


def suggestion(layout: Layout) -> str:
    """The presets that a file's columns are of, as commands; empty where there are none."""
    commands = [f"--preset {p.name} --table {p.table} --venue {p.venue}" for p in fitting(layout)]
    return f"; its columns are those of {' or '.join(commands)}" if commands else ""


def chosen(preset: str, table: str | None, layout: Layout) -> Preset:
    """The preset's table; without ``table``, its only one or the only one whose columns the file has.

    Raises BadImport for an unknown preset or table, or where the table has to be said.
    """
    known = presets()
    if preset not in known:
        raise BadImport(f"there is no preset {preset!r}{near(preset, known)}; known are {', '.join(known)}")
    if table is not None and table not in known[preset]:
        raise BadImport(f"preset {preset} loads {', '.join(known[preset])}, not {table}")
    options = [p for p in all_presets() if p.name == preset and table in (None, p.table)]
    fits = [p for p in options if p.fits(layout)] if len(options) > 1 else options
    if len(fits) != 1:
        tables = ", ".join(p.table for p in fits or options)
        raise BadImport(f"{layout.path}: say with --table which of {tables} to load by preset {preset}")
    return fits[0]


def preset_shape(connection: duckdb.DuckDBPyConnection, preset: Preset, layout: Layout) -> Shape:
    """The shape of a preset. Raises BadImport where the file lacks its columns, naming presets that fit."""
    if not layout.each and not preset.fits(layout):
        lists = layout.fitting(names[0] for names in preset.columns)
        layout = lists[0] if len(lists) == 1 else layout
    missing = preset.lacking(connection, layout)
    if missing:
        raise BadImport(
            f"{layout.path}: has no column {', '.join(missing)}; columns found: {', '.join(layout.columns)}"
            f"{suggest(missing, layout.columns)}{suggestion(layout)}"
        )
    header = preset.statement.header
    return Shape(preset.statement.text, layout, header["source"], header.get("naive_tz"), flat=True)
