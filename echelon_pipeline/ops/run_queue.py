"""The queue of runs: marks every run except the shifts of listeners as work, so that one limit counts them all.

Belongs here: the class that ``dagster.yaml`` names. Runs that the UI starts from the asset graph, and backfills of
single assets, are of no job of ours and so have no tags of a job; without this class they would not count.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

from echelon_pipeline.ops.dagster_home import LISTEN_JOB, WORK


class RunQueue(QueuedRunCoordinator[dg.DagsterInstance]):
    """Dagster's queue, whose runs all have a tag that a limit counts. The limits are under ``concurrency``."""

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Adds the tag, then queues the run."""
        run = context.dagster_run
        if run.job_name != LISTEN_JOB and not WORK.items() <= run.tags.items():
            self._instance.add_run_tags(run.run_id, WORK)
        return super().submit_run(context)
