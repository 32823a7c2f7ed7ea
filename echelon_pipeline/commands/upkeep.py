"""``echelon prune``: Dagster's old runs, deleted.

Belongs here: options and what is printed. What belongs to a run is ``ops/history.py``'s to know.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from echelon_pipeline.commands.common import out, prepared


def prune(
    older_than: Annotated[
        float, typer.Option(min=0, metavar="DAYS", help="Only runs that ended so many days ago or longer.")
    ] = 30.0,
    keep: Annotated[int, typer.Option(min=0, help="So many ended runs stay, the newest, however old.")] = 100,
) -> None:
    """Delete old runs from Dagster's records, with their event files and logs.

    The lake keeps everything. The records of partitions go with the runs that made them: in the UI, days that no
    newer run made show as missing, and a backfill of missing days would ask for them again (and find them complete).
    """
    import dagster as dg

    from echelon_pipeline.ops.dagster_home import enter_dagster_home
    from echelon_pipeline.ops.dead_runs import end_dead_runs
    from echelon_pipeline.ops.history import prune as delete

    settings = prepared()
    enter_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        end_dead_runs(instance, settings)  # else they count as under way
        done = delete(instance, settings.dagster_home.resolve(), older_than=timedelta(days=older_than), keep=keep)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(done.runs.items())) or "none old enough"
    out().print(
        f"runs deleted: {counts}; files of {done.unknown} runs that were deleted before; "
        f"{done.bytes_before / 1e6:.1f} MB before, {done.bytes_after / 1e6:.1f} MB now",
        soft_wrap=True,
        highlight=False,
    )
