"""``echelon rederive``: core tables again from raw, then what is computed from them, then the publication.

Belongs here: options, and which days the command names afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Annotated, Any

import typer

from echelon_pipeline.commands.common import building, err, out, warn
from echelon_pipeline.commands.progress import shown_progress
from echelon_pipeline.commands.work import VenueName, bring_up, in_dagster
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
        typer.Option("--to", formats=["%Y-%m-%d"], show_default=False, help="Last UTC day of events, included."),
    ] = None,
) -> None:
    """Derive core tables again from what is stored in raw, then compute marts and publish. No venue is asked.

    For a table that was damaged or lost, and after a change of the parsers. The rows are the same ones; imported rows
    and rows whose raw is gone stay. Days that could not be derived whole are named at the end.
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
    """The same for these settings. Raises RunFailed, RunPostponed."""
    from echelon_pipeline.defs.build import build_defs
    from echelon_pipeline.ops.launching import run_rederive_job
    from echelon_pipeline.ops.warehouse import Warehouse

    with in_dagster(settings), shown_progress(err()) as progress:
        done = run_rederive_job(build_defs(settings, warehouse=Warehouse(settings, progress)), settings, config)
    for name, rows in sorted(done["rows_staged"].items()):
        new, changed = done["rows_new"].get(name, 0), done["rows_changed"].get(name, 0)
        out().print(f"{name}: {rows:,} rows derived, {new:,} new, {changed:,} changed", soft_wrap=True)
    bring_up(settings)
    _say_gaps(done["gaps"])


def _say_gaps(gaps: Sequence[Sequence[Any]]) -> None:
    """One line for each table of a venue whose raw is not whole."""
    lines = []
    for (venue, table, is_gone), some in groupby(sorted(gaps, key=_kind), key=_kind):
        days = sorted({day for _, _, day, _, _ in some if day})
        when = f"{len(days)} day(s), {days[0]} to {days[-1]}: " if days else ""
        what = "rows are lost, and windows say so: ask for them again" if is_gone else "its rows stay as they are"
        lines.append(f"{table} of {venue}: {when}raw of it is gone, {what}")
    if lines:
        warn("not derived whole (`echelon ingest` asks again for what windows no longer claim):", *lines)


def _kind(gap: Sequence[Any]) -> tuple[str, str, bool]:
    return gap[0], gap[1], bool(gap[4])
