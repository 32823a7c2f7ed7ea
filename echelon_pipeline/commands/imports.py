"""``echelon import``: loads bulk history from files into the same tables.

Belongs here: the options and the printed report. The import itself is in ``ingest/bulk.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echelon_pipeline.commands.common import building, fail, out
from echelon_pipeline.venues.registry import venue_names

if TYPE_CHECKING:
    from echelon_pipeline.ingest.bulk import ImportReport

LIST = "list"  # no preset has this name
FIRST_REASONS = 3


def import_(
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, show_default=False, help="Parquet, CSV, JSON or JSON lines."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            show_default=False,
            help="Kind of data: trades, daily-prices, books, frames … Not needed with a preset.",
        ),
    ] = None,
    venue: Annotated[
        str | None,
        typer.Option(
            show_default=False,
            help=f"{', '.join(venue_names())}, or any: each row names its venue. Not needed with a preset.",
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=COLUMN",
            help="Maps a field of the table to a column of the file (FIELD==TEXT: to a literal). May be repeated.",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            show_default=False, help="A known format, instead of --map. `list` shows all presets with their columns."
        ),
    ] = None,
    each: Annotated[
        str | None,
        typer.Option(
            show_default=False, metavar="PATH", help="Path of a list in each record: every member becomes a row."
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Name stored with every row. Default: preset or file name.")
    ] = None,
    naive_tz: Annotated[str | None, typer.Option(help="Time zone of times without an offset. Default: UTC.")] = None,
    markets: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            show_default=False,
            help="For frames and books: a file of markets with their tokens and outcomes.",
        ),
    ] = None,
) -> None:
    """Import bulk history into the same tables; every row keeps its source. Exits with 1 if no row could be loaded."""
    if preset == LIST:
        show_presets()
        return
    if file is None:
        raise typer.BadParameter("name the file to import, or use --preset list")
    from echelon_pipeline.ingest.bulk import import_file
    from echelon_pipeline.ops.partition_begin import note_lake

    settings = building()
    report = import_file(
        settings,
        file,
        table=table,
        venue=venue,
        mapping=field_map(map_) if map_ else None,
        preset=preset,
        each=each,
        source=source,
        naive_tz=naive_tz,
        markets=markets,
    )
    note_lake(settings)
    _show(report)
    if not report.rows_read:
        raise fail(f"{file}: has no rows")
    if report.is_all_dead:
        reasons = "; ".join(f"{reason} ({count:,})" for reason, count in list(report.reasons.items())[:FIRST_REASONS])
        raise fail(f"{file}: none of {report.rows_read:,} rows could be loaded: {reasons}")


def show_presets() -> None:
    """Prints every preset with its tables, venue and columns."""
    from echelon_pipeline.ingest.presets import all_presets

    for preset in all_presets():
        columns = ", ".join(" or ".join(spellings) for spellings in preset.columns)
        lines = (
            f"--preset {preset.name} --table {preset.table} --venue {preset.venue}",
            f"    columns: {columns}",
            f"    {preset.about}",
        )
        for line in lines:
            out().print(line, soft_wrap=True)


def field_map(pairs: list[str]) -> dict[str, str]:
    """``FIELD=COLUMN`` options as a mapping. ``FIELD==text`` keeps the ``=`` that marks a literal."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not (field and equals and column):
            raise typer.BadParameter(f"--map {pair!r}: expected FIELD=COLUMN")
        if field in mapping:
            raise typer.BadParameter(f"--map names the field {field!r} twice")
        mapping[field] = column
    return mapping


def _show(report: ImportReport) -> None:
    first = (
        f"{report.source}: {report.rows_read:,} rows read, {report.rows_committed:,} in the lake "
        f"({report.rows_new:,} new), {report.duplicates:,} duplicates, {report.dead_letters:,} dead letters, "
        f"{report.seconds:.1f} s"
    )
    lines = [first, *(f"  {note}" for note in report.notes)]
    for reason, count in report.reasons.items():
        place = report.examples.get(reason)
        lines.append(f"  {count:,}: {reason}" + (f" (for example {place})" if place else ""))
    for line in lines:
        out().print(line, soft_wrap=True)
