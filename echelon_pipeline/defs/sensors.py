"""Sensors: what follows from the outcome of a run."""

from __future__ import annotations

import dagster as dg

from echelon_pipeline.defs.jobs import daily_job, instruments_job, main_job, publish_job
from echelon_pipeline.settings import load_settings

STATUS = dg.DefaultSensorStatus.RUNNING if load_settings().schedules else dg.DefaultSensorStatus.STOPPED


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.FAILURE,
    monitored_jobs=[main_job, instruments_job, daily_job],
    request_job=publish_job,
    default_status=STATUS,
)
def publish_after_failure(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    """A failed step skips the publication of its run: what the other venue committed is published here."""
    return dg.RunRequest(run_key=context.dagster_run.run_id)
