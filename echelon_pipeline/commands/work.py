"""``echelon ingest``, ``derive``, ``refresh``, ``publish`` and ``maintain``.

Belongs here: options and printed output. The work itself belongs in lower rooms.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

import typer

from echelon_pipeline.commands.common import building, err, out, warn
from echelon_pipeline.commands.progress import shown_progress
from echelon_pipeline.domain.days import every_day
from echelon_pipeline.errors import MartsFailed, RunFailed, RunPostponed
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.registry import venue_names

# Values of the option --venue.
VenueName = StrEnum("VenueName", {name: name for name in venue_names()})  # type: ignore[misc]


def days_between(settings: Settings, first: datetime | None, last: datetime | None) -> list[date]:
    """UTC days from ``first`` to ``last``, inclusive. Default: from the first day of the partitions to today."""
    begin = first.date() if first else settings.first_day
    end = last.date() if last else settings.clock().astimezone(UTC).date()
    if begin > end:
        raise typer.BadParameter(f"--from {begin} is after --to {end}")
    return every_day(begin, end)


def ingest(
    from_: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], show_default=False, help="First UTC day. Default: see ECHELON_DAYS_BACK."
        ),
    ] = None,
    to: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], show_default=False, help="Last UTC day, inclusive. Default: today."),
    ] = None,
    venue: Annotated[list[VenueName] | None, typer.Option(help="Only this venue; may be repeated.")] = None,
    select: Annotated[
        str | None,
        typer.Option(show_default=False, help="Asset selection, e.g. 'key:\"core/kalshi/*\"'. Default: all."),
    ] = None,
    refetch: Annotated[bool, typer.Option("--refetch", help="Fetch complete days again too.")] = False,
) -> None:
    """Fetch, derive, commit and publish. Continues where an interrupted run stopped."""
    settings = building()
    ingest_days(settings, days_between(settings, from_, to), venue or list(VenueName), select=select, refetch=refetch)


def ingest_days(
    settings: Settings,
    days: list[date],
    venues: list[VenueName],
    *,
    select: str | None = None,
    refetch: bool = False,
) -> None:
    """Runs the main job on this home and shows progress on standard error. Raises RunFailed."""
    from echelon_pipeline.defs.build import build_defs
    from echelon_pipeline.ops.launching import run_main_job
    from echelon_pipeline.ops.partition_begin import note_begin
    from echelon_pipeline.ops.warehouse import Warehouse

    note_begin(settings, day=days[0])
    with in_dagster(settings), shown_progress(err()) as progress:
        definitions = build_defs(settings, warehouse=Warehouse(settings, progress))
        run = run_main_job(definitions, settings, days, [v.value for v in venues], select=select, refetch=refetch)
    for line in run.unavailable:
        err().print(line, soft_wrap=True)
    out().print(f"run {run.run_id}: {days[0]} to {days[-1]} done", soft_wrap=True)
    if run.unread:
        warn(
            "rows could not be read; the days that they may belong to are not complete "
            "(core.unread_rows, mart.dead_letter_reasons):",
            *run.unread,
        )


@contextmanager
def in_dagster(settings: Settings) -> Iterator[None]:
    """Inside, runs are recorded in the home's Dagster instance."""
    from dagster import BetaWarning, PreviewWarning

    from echelon_pipeline.ops.dagster_home import enter_dagster_home

    for notice in (BetaWarning, PreviewWarning):  # for developers, not for users of the command
        warnings.simplefilter("ignore", notice)
    enter_dagster_home(settings)
    yield


def derive() -> None:
    """Derive book tables and marts from recordings, then publish."""
    derive_books(building())


def derive_books(settings: Settings) -> None:
    """Derives book tables, then refreshes. Raises RunFailed or RunPostponed at the end if an hour failed."""
    from echelon_pipeline.defs.build import build_defs
    from echelon_pipeline.ops.launching import run_books_job

    with in_dagster(settings):
        try:
            hours = run_books_job(build_defs, settings)
        except (RunFailed, RunPostponed):
            refresh_and_publish(settings)
            raise
    for hour in hours:
        out().print(f"books of {hour:%Y-%m-%d %H}:00 derived", soft_wrap=True)
    refresh_and_publish(settings)


def publish(
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Publish even if nothing changed, or if the last publication is younger than ECHELON_PUBLISH_EVERY. "
            "Does not override the refusal of tables that vanished or went back to an older version.",
        ),
    ] = False,
    rebuilt: Annotated[
        list[str] | None,
        typer.Option(
            "--rebuilt",
            metavar="TABLE",
            help="Accept this table, which was rebuilt or restored on purpose. May be repeated; `all`: every table.",
        ),
    ] = None,
) -> None:
    """Build the published DuckDB file from the lake, then update the Postgres mirror."""
    from echelon_pipeline.publish.publish import publish as build

    settings = building()
    publication = build(settings, force=force, rebuilt=rebuilt or ())
    if rebuilt:
        out().print(f"accepted as rebuilt on purpose: {', '.join(rebuilt)}", soft_wrap=True)
    if publication is None:
        out().print(
            f"{settings.published_file}: nothing new, or published less than {settings.publish_every} s ago "
            "(--force publishes anyway)",
            soft_wrap=True,
        )
    else:
        out().print(
            f"published {publication.path}: {len(publication.tables)} tables in {publication.seconds:.1f} s",
            soft_wrap=True,
        )
        print_stale(publication.stale)
    update_mirror(settings)


def print_stale(stale: Mapping[str, str]) -> None:
    """Prints one yellow line for each published table that keeps an older version."""
    for name, reason in stale.items():
        err().print(f"{name} keeps its last version: {reason}", style="yellow", soft_wrap=True)


def update_mirror(settings: Settings) -> None:
    """Updates the Postgres mirror from the published file, if one is configured."""
    if settings.postgres_url is None:
        return
    from echelon_pipeline.publish.postgres import publish_postgres

    done = publish_postgres(settings)
    if done is not None:
        out().print(
            f"mirrored to Postgres: {len(done.copied)} tables, {sum(done.copied.values()):,} rows copied, "
            f"{len(done.unchanged)} tables unchanged, {done.seconds:.1f} s",
            soft_wrap=True,
        )


def refresh(
    again: Annotated[bool, typer.Option("--again", help="Compute all marts, including up-to-date ones.")] = False,
    allow_empty: Annotated[
        bool,
        typer.Option("--allow-empty", help="Also commit a mart that loses all its rows although its inputs have rows."),
    ] = False,
) -> None:
    """Compute the marts that are older than their inputs, then publish.

    First derives days of an older parser version again, at most ECHELON_REDERIVE_DAYS per table.
    """
    settings = building()
    derive_stale(settings)
    refresh_and_publish(settings, again=again, allow_empty=allow_empty)


def derive_stale(settings: Settings) -> None:
    """Derives a bounded number of days of an older parser version again; prints what it did and what is left. Raises
    CorruptStore."""
    from echelon_pipeline.ingest.newer_parsers import rederive_stale
    from echelon_pipeline.lake.session import Session
    from echelon_pipeline.publish.lineage import require_intact_lake

    require_intact_lake(settings)
    for line in rederive_stale(Session.of(settings), settings.rederive_days).sentences():
        out().print(line, soft_wrap=True)


def refresh_and_publish(settings: Settings, *, again: bool = False, allow_empty: bool = False) -> None:
    """Builds stale marts, publishes, updates the mirror, and prints what it did. Raises MartsFailed at the end."""
    from echelon_pipeline.publish.lineage import guarded_refresh
    from echelon_pipeline.publish.publish import publish as build

    parts: dict[str, tuple[int, int]] = {}
    failed: MartsFailed | None = None
    try:
        for built in guarded_refresh(settings).run(again=again, allow_empty=allow_empty):
            days, rows = parts.get(built.table, (0, 0))
            parts[built.table] = (days + 1, rows + built.rows)
    except MartsFailed as error:
        failed = error
    for table, (days, rows) in parts.items():
        out().print(f"{table}: {days:,} part(s), {rows:,} rows", soft_wrap=True)
    # Publish even if the last publication is recent: the file must not be older than the lake when the command ends.
    publication = build(settings, soon=True)
    out().print(f"published {publication.path}" if publication else "nothing new to publish", soft_wrap=True)
    if publication is not None:
        print_stale({n: r for n, r in publication.stale.items() if failed is None or n not in failed.reasons})
    update_mirror(settings)
    if failed is not None:
        raise failed


def maintain() -> None:
    """Compact tables, delete files that no kept publication names, and delete recordings after their retention.

    Also derives days of an older parser version again, at most ECHELON_REDERIVE_DAYS per table.
    """
    from echelon_pipeline.lake.session import Session
    from echelon_pipeline.ops.maintain import maintain as tidy
    from echelon_pipeline.streams.recordings import expire_recordings

    settings = building()
    done = tidy(settings)
    expired = expire_recordings(Session.of(settings), datetime.now(UTC))
    out().print(f"recordings_deleted_bytes: {expired}")
    for what, value in done.as_dict().items():
        out().print(f"{what}: {value}", soft_wrap=True)
    derive_stale(settings)
