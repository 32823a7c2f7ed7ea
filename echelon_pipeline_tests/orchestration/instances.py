"""Runs of a real Dagster instance as other processes would have left them.

Belongs here: what tests of runs share. The instance is on SQLite with the project's own ``dagster.yaml``.
"""

from __future__ import annotations

import dagster as dg

from echelon_pipeline.state.processes import Process


@dg.job
def other() -> None:
    """A job of some other process."""


def started(
    instance: dg.DagsterInstance,
    process: Process | None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> dg.DagsterRun:
    """A run under way, of a process."""
    return instance.create_run_for_job(other, status=status, tags=process.tags() if process else {})


def holding(instance: dg.DagsterInstance, run: dg.DagsterRun, pool: str) -> None:
    """Gives a run the only slot of a pool."""
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(pool)
    assert storage.claim_concurrency_slot(pool, run.run_id, "step").is_claimed


def pool_of(instance: dg.DagsterInstance, pool: str) -> list[str]:
    """Runs that hold slots of a pool."""
    return [slot.run_id for slot in instance.event_log_storage.get_concurrency_info(pool).claimed_slots]


def finished(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Ends a run, as a process does that dies before it gives back its slots."""
    instance.report_run_failed(run)


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    """As it is recorded now."""
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status
