"""``echelon ingest``, ``import``, ``publish`` and ``maintain``: the work itself is done elsewhere.

Belongs here: options and what is printed afterwards.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from echelon_pipeline.commands.common import err, fail, out, prepared
from echelon_pipeline.commands.progress import shown_progress
from echelon_pipeline.settings import Settings


class VenueName(StrEnum):
    """Venues that can be asked for."""

    kalshi = "kalshi"
    polymarket = "polymarket"


class ImportTable(StrEnum):
    """Tables that bulk history can be imported into."""

    trades = "trades"
    daily_prices = "daily-prices"


def days_between(settings: Settings, first: datetime | None, last: datetime | None) -> list[date]:
    """UTC days, both ends included; without them, the first day of the partitions to today."""
    begin = first.date() if first else settings.first_day
    end = last.date() if last else settings.clock().astimezone(UTC).date()
    if begin > end:
        raise typer.BadParameter(f"--from {begin} is after --to {end}")
    return [begin + timedelta(days=n) for n in range((end - begin).days + 1)]


def ingest(
    from_: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], show_default=False, help="First UTC day."),
    ] = None,
    to: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], show_default=False, help="Last UTC day, included. Default: today."),
    ] = None,
    venue: Annotated[list[VenueName] | None, typer.Option(help="Only this venue; may be repeated.")] = None,
    refetch: Annotated[bool, typer.Option("--refetch", help="Ask the venues again also for what is complete.")] = False,
) -> None:
    """Fetch, derive, commit and publish. Goes on where an interrupted run stopped."""
    settings = prepared()
    ingest_days(settings, days_between(settings, from_, to), venue or list(VenueName), refetch=refetch)


def ingest_days(settings: Settings, days: list[date], venues: list[VenueName], *, refetch: bool = False) -> None:
    """Runs the main job on this home, showing progress on standard error; failed steps end the command."""
    from echelon_pipeline.dagster_home import enter_dagster_home
    from echelon_pipeline.defs.run import run_main_job

    enter_dagster_home(settings)
    with shown_progress(err()) as progress:
        run = run_main_job(settings, days, [v.value for v in venues], progress, refetch=refetch)
    if not run.success:
        steps = "".join(f"\n  {step}: {reason}" for step, reason in sorted(run.failed.items()))
        raise fail(f"run {run.run_id} failed; what was committed stays, the next run goes on from there{steps}")


def publish(
    force: Annotated[bool, typer.Option("--force", help="Also when nothing changed or it is too soon.")] = False,
) -> None:
    """Build the published DuckDB file anew from the lake."""
    from echelon_pipeline.warehouse import publish as publishing

    settings = prepared()
    publication = publishing.publish(settings, force=force)
    if publication is None:
        out().print(
            f"{settings.published_file}: nothing new, or published less than {settings.publish_every} s ago "
            "(--force publishes anyway)",
            soft_wrap=True,
        )
    else:
        out().print(f"published {settings.published_file}", soft_wrap=True)


def maintain() -> None:
    """Compact tables and remove files that no kept publication names."""
    from echelon_pipeline.warehouse import maintain as maintaining

    settings = prepared()
    with shown_progress(err()) as progress:
        for line in maintaining.maintain(settings, progress):
            out().print(line, soft_wrap=True, highlight=False)


def import_(
    file: Annotated[Path, typer.Argument(exists=True, help="Parquet or CSV, a file or a folder of files.")],
    table: Annotated[ImportTable, typer.Option(help="What a row of the file is.")],
    venue: Annotated[VenueName, typer.Option(help="Whose history it is.")],
    source: Annotated[str, typer.Option(help="Name of the data set; kept with every row.")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="Column of our table = field of the file; may be repeated."),
    ] = None,
) -> None:
    """Import bulk history into the same tables, source kept."""
    from echelon_pipeline.ingest.bulk import import_file

    settings = prepared()
    with shown_progress(err()) as progress:
        outcome = import_file(
            settings,
            file,
            table=table.value,
            venue=venue.value,
            columns=column_map(map_ or []),
            source=source,
            progress=progress,
        )
    out().print(outcome, soft_wrap=True)


def column_map(pairs: list[str]) -> dict[str, str]:
    """``COLUMN=FIELD`` options as a mapping."""
    found: dict[str, str] = {}
    for pair in pairs:
        column, equals, field = pair.partition("=")
        if not (column and equals and field):
            raise typer.BadParameter(f"--map {pair!r}: expected COLUMN=FIELD")
        if column in found:
            raise typer.BadParameter(f"--map names the column {column!r} twice")
        found[column] = field
    return found
