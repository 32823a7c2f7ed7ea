"""``echelon rederive``: derives core tables again from raw, then computes marts and publishes.

Belongs here: options, and the report of days that could not be derived completely.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Annotated, Any

import typer

from echelon_pipeline.commands.common import building, err, out, warn
from echelon_pipeline.commands.progress import shown_progress
from echelon_pipeline.commands.work import VenueName, in_dagster, refresh_and_publish
from echelon_pipeline.settings import Settings


def rederive(
    table: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE", show_default=False, help="Only this table; may be repeated. Default: all."),
    ] = None,
    venue: Annotated[list[VenueName] | None, typer.Option(help="Only this venue; may be repeated.")] = None,
    from_: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], show_default=False, help="First UTC day of events."),
    ] = None,
    to: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], show_default=False, help="Last UTC day of events, inclusive."),
    ] = None,
) -> None:
    """Derive core tables again from raw, then compute marts and publish. Sends no request to a venue.

    Use it for a damaged or lost table, and after a change of the parsers. It gives the same rows. Imported rows, and
    rows whose raw was deleted, stay. At the end it names the days that could not be derived completely.
    """
    if (from_ is None) != (to is None):
        raise typer.BadParameter("--from and --to go together")
    if from_ and to and from_ > to:
        raise typer.BadParameter(f"--from {from_:%Y-%m-%d} is after --to {to:%Y-%m-%d}")
    config = {
        "tables": list(table or ()),
        "venues": [v.value for v in venue or ()],
        "first": f"{from_:%Y-%m-%d}" if from_ else "",
        "last": f"{to:%Y-%m-%d}" if to else "",
    }
    rederive_tables(building(), config)


def rederive_tables(settings: Settings, config: dict[str, Any]) -> None:
    """Runs the job ``rederive`` with this configuration, then refreshes. Raises BadSettings, RunFailed,
    RunPostponed."""
    from echelon_pipeline.defs.build import build_defs
    from echelon_pipeline.ingest.rederive import require_rederivable
    from echelon_pipeline.ops.launching import run_rederive_job
    from echelon_pipeline.ops.warehouse import Warehouse

    require_rederivable(config["tables"])  # before there is a run that can only fail
    with in_dagster(settings), shown_progress(err()) as progress:
        done = run_rederive_job(build_defs(settings, warehouse=Warehouse(settings, progress)), settings, config)
    for name, rows in sorted(done["rows_staged"].items()):
        new, changed = done["rows_new"].get(name, 0), done["rows_changed"].get(name, 0)
        out().print(f"{name}: {rows:,} rows derived, {new:,} new, {changed:,} changed", soft_wrap=True)
    if done["rows_deleted"]:
        out().print(f"{done['rows_deleted']:,} row(s) deleted: the newer parser does not make them", soft_wrap=True)
    try:
        refresh_and_publish(settings)
    finally:
        _print_gaps(done["gaps"])


def _print_gaps(gaps: Sequence[Sequence[Any]]) -> None:
    """Prints one line for each table of a venue whose raw is incomplete."""
    lines = []
    for (venue, table, is_gone), group in groupby(sorted(gaps, key=_kind), key=_kind):
        days = sorted({day for _, _, day, _, _ in group if day})
        when = f"{len(days)} day(s), {days[0]} to {days[-1]}: " if days else ""
        what = (
            "rows are lost and their windows are no longer complete" if is_gone else "the stored rows stay as they are"
        )
        lines.append(f"{table} of {venue}: {when}raw is missing, {what}")
    if lines:
        warn("not derived completely (`echelon ingest` fetches again what is under no complete window):", *lines)


def _kind(gap: Sequence[Any]) -> tuple[str, str, bool]:
    return gap[0], gap[1], bool(gap[4])
