"""Presets: known data sets, recognised by their columns.

Belongs here: listing presets, finding the presets whose columns a file has, and choosing one. A preset is a SQL file
``sql/import/presets/<name>/<table>.sql``; its header declares the required columns (``a | b``: either), the source, the
venue, and the zone of times without an offset.
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
        """The description of the data set: the header's text, continued in indented lines."""
        first, *more = self.statement.text.splitlines()
        return " ".join([first.partition("about: ")[2], *(line[2:].strip() for line in takewhile(_goes_on, more))])

    @property
    def venue(self) -> str:
        """The venue of its rows; ``any`` where each row names its venue."""
        return self.statement.header["venue"]

    @property
    def columns(self) -> tuple[tuple[str, ...], ...]:
        """The required columns; a file needs one spelling of each."""
        found = self.statement.header["columns"].split(",")
        return tuple(tuple(name.strip() for name in column.split("|")) for column in found)

    def lacking(self, connection: duckdb.DuckDBPyConnection, layout: Layout) -> list[str]:
        """Required columns that a file does not have; nested paths are compared in full."""
        return [
            " or ".join(spellings)
            for spellings in self.columns
            if not any(layout.find(name) or layout.find_anywhere(connection, name) for name in spellings)
        ]

    def fits(self, layout: Layout) -> bool:
        """Whether the sampled records have all required columns."""
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
    """The tables that each preset loads, by preset name."""
    tables: dict[str, tuple[str, ...]] = {}
    for preset in all_presets():
        tables[preset.name] = (*tables.get(preset.name, ()), preset.table)
    return tables


def fitting(layout: Layout) -> list[Preset]:
    """Presets whose columns the file has, the one with the most columns first."""
    found = [preset for preset in all_presets() if preset.fits(layout)]
    return sorted(found, key=lambda preset: -len(preset.columns))


def suggestion(layout: Layout) -> str:
    """The presets that match a file's columns, as command options; empty where none does."""
    commands = [f"--preset {p.name} --table {p.table} --venue {p.venue}" for p in fitting(layout)]
    return f"; its columns are those of {' or '.join(commands)}" if commands else ""


def chosen(preset: str, table: str | None, layout: Layout) -> Preset:
    """The preset's table; without ``table``, its only one or the only one whose columns the file has.

    Raises BadImport for an unknown preset or table, or where ``table`` is required.
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
        raise BadImport(f"{layout.path}: choose with --table one of {tables} of preset {preset}")
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
