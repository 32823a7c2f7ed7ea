"""Sensors: runs that follow the outcome of other runs, and the end of runs whose process is gone.

Belongs here: sensors that depend on jobs only. The sensor of listeners is in ``listening.py``.
"""

from collections.abc import Iterator

import dagster as dg

from echelon_pipeline.defs.jobs import daily_job, instruments_job, main_job, publish_job
from echelon_pipeline.defs.refreshing import refresh
from echelon_pipeline.ops.dead_runs import end_dead_runs
from echelon_pipeline.ops.warehouse import Resource


def sensors(status: dg.DefaultSensorStatus) -> list[dg.SensorDefinition]:
    """Every sensor except that of listeners. ``status``: initial status of the sensors that start runs."""
    failed = dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.FAILURE,
        monitored_jobs=[main_job, instruments_job, daily_job],
        request_job=publish_job,
        description="After a failed run: publishes what its other steps committed.",
        default_status=status,
    )
    succeeded = dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[daily_job, main_job],
        request_job=refresh,
        description="After each run of a backfill: builds the marts that it made stale.",
        default_status=status,
    )
    return [failed(publish_after_failure), succeeded(refresh_after_backfill), dead_runs]


def publish_after_failure(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    """Publishes the data of the other venue: a failed step skips the publication of its run."""
    return dg.RunRequest(run_key=context.dagster_run.run_id)


def refresh_after_backfill(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Refreshes the marts after each run of a backfill, without waiting for the hourly refresh."""
    backfill = context.dagster_run.tags.get("dagster/backfill")
    if backfill is None:
        yield dg.SkipReason("not a backfill")
    else:
        yield dg.RunRequest(run_key=f"{backfill}:{context.dagster_run.run_id}")


@dg.sensor(
    name="dead_runs",
    minimum_interval_seconds=60,
    description="Ends runs whose process is gone, and frees their slots. Always on.",
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def dead_runs(context: dg.SensorEvaluationContext, warehouse: Resource) -> dg.SkipReason:
    """Ends runs whose process is gone, so that runs that wait for their slots continue."""
    ended = end_dead_runs(context.instance, warehouse.settings())
    return dg.SkipReason(f"ended {', '.join(ended)}" if ended else "every unfinished run has a live process")
