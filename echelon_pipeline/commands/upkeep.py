"""``echelon prune`` and ``echelon reconcile``: delete old runs, and report partitions from the lake to Dagster.

Belongs here: options and printed output. ``ops/history.py`` deletes runs, ``ops/reconcile.py`` reports partitions.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from echelon_pipeline.commands.common import out, prepared
from echelon_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


def prune(
    older_than: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="DAYS",
            show_default=False,
            help="Delete only runs that ended at least this many days ago. Default: ECHELON_RUN_RETENTION_DAYS (30).",
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            show_default=False,
            help="Number of newest ended runs to keep at any age. Default: ECHELON_KEEP_RUNS (100).",
        ),
    ] = None,
) -> None:
    """Delete old runs from Dagster's records, with their event files and logs.

    The lake keeps everything. Records of partitions are deleted with the runs that made them, then reported again from
    the lake, like `echelon reconcile` does.
    """
    import dagster as dg

    from echelon_pipeline.commands.work import in_dagster
    from echelon_pipeline.ops.dead_runs import end_dead_runs
    from echelon_pipeline.ops.history import prune as delete

    settings = prepared()
    with in_dagster(settings), dg.DagsterInstance.get() as instance:
        end_dead_runs(instance, settings)  # else they count as running
        days = settings.run_retention_days if older_than is None else older_than
        kept = settings.keep_runs if keep is None else keep
        done = delete(instance, settings.dagster_home.resolve(), older_than=timedelta(days=days), keep=kept)
        if done.runs:
            report_partitions(settings, instance)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(done.runs.items())) or "none old enough"
    out().print(
        f"runs deleted: {counts}; leftover files of {done.unknown} runs deleted earlier; "
        f"{done.bytes_before / 1e6:.1f} MB before, {done.bytes_after / 1e6:.1f} MB now",
        soft_wrap=True,
        highlight=False,
    )


def reconcile() -> None:
    """Report the partitions that the lake has to Dagster, and remove records of partitions that it does not have.

    Computes nothing and sends no request to a venue. Use it after Dagster's records, or tables, were deleted or
    restored.
    """
    import dagster as dg

    from echelon_pipeline.commands.work import in_dagster

    settings = prepared()
    with in_dagster(settings), dg.DagsterInstance.get() as instance:
        report_partitions(settings, instance)


def report_partitions(settings: Settings, instance: DagsterInstance) -> None:
    """Reports the partitions of the lake to Dagster and prints their number."""
    from echelon_pipeline.defs.build import build_defs
    from echelon_pipeline.ops.partition_begin import note_lake
    from echelon_pipeline.ops.reconcile import reconcile as report

    note_lake(settings)
    done = report(build_defs(settings), settings, instance)
    for asset, count in sorted(done.forgotten.items()):
        out().print(f"{asset}: {count} recorded partition(s) are not in the lake; reported again", soft_wrap=True)
    total = sum(done.reported.values())
    out().print(f"reported from the lake: {total} partition(s) of {len(done.reported)} asset(s)", soft_wrap=True)
