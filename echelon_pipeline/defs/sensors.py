"""Sensors: what follows from the outcome of a run, and runs whose process is gone.

Belongs here: sensors that need nothing but jobs. The listeners' is in ``listening.py``.
"""

from collections.abc import Iterator

import dagster as dg

from echelon_pipeline.defs.jobs import daily_job, instruments_job, main_job, publish_job
from echelon_pipeline.defs.refreshing import refresh
from echelon_pipeline.ops.dead_runs import end_dead_runs
from echelon_pipeline.ops.warehouse import Resource


def sensors(status: dg.DefaultSensorStatus) -> list[dg.SensorDefinition]:
    """Every sensor but the listeners'; ``status``: whether those that start runs do before anyone has said so."""
    failed = dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.FAILURE,
        monitored_jobs=[main_job, instruments_job, daily_job],
        request_job=publish_job,
        default_status=status,
    )
    succeeded = dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[daily_job, main_job],
        request_job=refresh,
        default_status=status,
    )
    return [failed(publish_after_failure), succeeded(refresh_after_backfill), dead_runs]


def publish_after_failure(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    """A failed step skips the publication of its run: what the other venue committed is published here."""
    return dg.RunRequest(run_key=context.dagster_run.run_id)


def refresh_after_backfill(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A backfill's days are in the marts without waiting for the hour."""
    backfill = context.dagster_run.tags.get("dagster/backfill")
    if backfill is None:
        yield dg.SkipReason("not a backfill")
    else:
        yield dg.RunRequest(run_key=f"{backfill}:{context.dagster_run.run_id}")


@dg.sensor(name="dead_runs", minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def dead_runs(context: dg.SensorEvaluationContext, warehouse: Resource) -> dg.SkipReason:
    """Ends runs whose process is gone, so that those that wait for their slots go on."""
    ended = end_dead_runs(context.instance, warehouse.settings())
    return dg.SkipReason(f"ended {', '.join(ended)}" if ended else "every run that is under way has its process")
