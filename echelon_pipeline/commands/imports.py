"""``echelon import``: bulk history of others into the same tables.

Belongs here: options and what is printed afterwards. The import itself is ``ingest/bulk.py``.
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
        typer.Argument(exists=True, show_default=False, help="The file: Parquet, CSV, JSON lines or JSON."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(show_default=False, help="What it holds: trades, daily-prices, books, frames … A preset knows."),
    ] = None,
    venue: Annotated[
        str | None,
        typer.Option(show_default=False, help=f"{', '.join(venue_names())}, or any: rows name theirs. A preset knows."),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="FIELD=COLUMN", help="Our field = column of the file (==text: a literal). Repeat."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(show_default=False, help="A known format, instead of --map. list: shows all with their columns."),
    ] = None,
    each: Annotated[
        str | None,
        typer.Option(
            show_default=False, metavar="PATH", help="A row of each member of this list inside of the records."
        ),
    ] = None,
    source: Annotated[str | None, typer.Option(help="Name kept with every row. Default: preset or file name.")] = None,
    naive_tz: Annotated[str | None, typer.Option(help="Zone of times without an offset. Default: UTC.")] = None,
    markets: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            show_default=False,
            help="For frames and books: a file of markets with their tokens.",
        ),
    ] = None,
) -> None:
    """Import bulk history into the same tables, source kept. Exits 1 where no row could be loaded, or there is none."""
    if preset == LIST:
        show_presets()
        return
    if file is None:
        raise typer.BadParameter("name the file to import, or say --preset list")
    from echelon_pipeline.ingest.bulk import import_file

    report = import_file(
        building(),
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
    _show(report)
    if not report.rows_read:
        raise fail(f"{file}: holds no row")
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
    """``FIELD=COLUMN`` options as a mapping; ``FIELD==text`` keeps the ``=`` that marks a literal."""
    found: dict[str, str] = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not (field and equals and column):
            raise typer.BadParameter(f"--map {pair!r}: expected FIELD=COLUMN")
        if field in found:
            raise typer.BadParameter(f"--map names the field {field!r} twice")
        found[field] = column
    return found


def _show(report: ImportReport) -> None:
    first = (
        f"{report.source}: {report.rows_read:,} rows read, {report.rows_committed:,} in the lake "
        f"({report.rows_new:,} new), {report.duplicates:,} duplicates, {report.dead_letters:,} dead letters, "
        f"{report.seconds:.1f} s"
    )
    lines = [first, *(f"  {note}" for note in report.notes)]
    for reason, count in report.reasons.items():
        place = report.examples.get(reason)
        lines.append(f"  {count:,}: {reason}" + (f" (one is {place})" if place else ""))
    for line in lines:
        out().print(line, soft_wrap=True)
