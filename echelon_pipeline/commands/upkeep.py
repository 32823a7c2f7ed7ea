"""``echelon prune`` and ``echelon reconcile``: Dagster's records, thinned and brought into line with the lake.

Belongs here: options and what is printed. What belongs to a run is ``ops/history.py``'s to know.
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
        float, typer.Option(min=0, metavar="DAYS", help="Only runs that ended so many days ago or longer.")
    ] = 30.0,
    keep: Annotated[int, typer.Option(min=0, help="So many ended runs stay, the newest, however old.")] = 100,
) -> None:
    """Delete old runs from Dagster's records, with their event files and logs.

    The lake keeps everything. The records of partitions go with the runs that made them, and are reported again from
    the lake afterwards, as `echelon reconcile` does.
    """
    import dagster as dg

    from echelon_pipeline.commands.work import in_dagster
    from echelon_pipeline.ops.dead_runs import end_dead_runs
    from echelon_pipeline.ops.history import prune as delete

    settings = prepared()
    with in_dagster(settings), dg.DagsterInstance.get() as instance:
        end_dead_runs(instance, settings)  # else they count as under way
        done = delete(instance, settings.dagster_home.resolve(), older_than=timedelta(days=older_than), keep=keep)
        if done.runs:
            _reconcile(settings, instance)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(done.runs.items())) or "none old enough"
    out().print(
        f"runs deleted: {counts}; files of {done.unknown} runs that were deleted before; "
        f"{done.bytes_before / 1e6:.1f} MB before, {done.bytes_after / 1e6:.1f} MB now",
        soft_wrap=True,
        highlight=False,
    )


def reconcile() -> None:
    """Report partitions to Dagster as the lake has them: what was lost from its records, and what it only believes.

    Nothing is computed and no venue is asked. For records that were deleted or restored, and after tables were.
    """
    import dagster as dg

    from echelon_pipeline.commands.work import in_dagster

    settings = prepared()
    with in_dagster(settings), dg.DagsterInstance.get() as instance:
        _reconcile(settings, instance)


def _reconcile(settings: Settings, instance: DagsterInstance) -> None:
    from echelon_pipeline.defs.build import build_defs
    from echelon_pipeline.ops.reconcile import reconcile as report

    done = report(build_defs(settings), settings, instance)
    for asset, count in sorted(done.forgotten.items()):
        out().print(f"{asset}: {count} partition(s) on record are not in the lake: reported anew", soft_wrap=True)
    total = sum(done.reported.values())
    out().print(f"reported from the lake: {total} partition(s) of {len(done.reported)} asset(s)", soft_wrap=True)
