"""Executes the steps of a run one after the other in one process, which a signal ends at any step.

Belongs here: what Dagster's own in-process executor lacks. Its waits (for a slot of a pool, before a retry) ignore
signals and log nothing, it counts a run that is interrupted without the UI as failed, and it does not record the
process of a run, so that a dead process stays unnoticed. The subclassed parts of Dagster are not public:
``echelon_pipeline_tests/orchestration/test_executor.py`` tests the behaviour that this module relies on.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.events import DagsterEvent
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context.system import PlanExecutionContext, PlanOrchestrationContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import inner_plan_execution_iterator
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.base import Executor

from echelon_pipeline import stopping
from echelon_pipeline.ops.dead_runs import end_dead_runs, slot_holders
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.state.heartbeats import beating
from echelon_pipeline.state.processes import Process

log = logging.getLogger(__name__)

# Seconds between two polls while a step waits, between two searches for dead runs, between two log lines about a wait.
POLL_EVERY, END_DEAD_RUNS_EVERY, LOG_EVERY = 0.25, 15.0, 60.0
# Seconds between two checks whether the run was terminated in the UI.
TERMINATION_EVERY = 2.0
# The type of an input that only orders steps and passes no value.
NOTHING = "Nothing"
_TERMINATED = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)


class _Pools(InstanceConcurrencyContext):
    """Slots of pools. ``waiting``: the pool that each waiting step waits for. ``warehouse``: the home of the run."""

    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun, warehouse: Warehouse) -> None:
        super().__init__(instance, run)
        self.waiting: dict[str, str] = {}
        self.warehouse = warehouse

    def claim(self, concurrency_key: str, step_key: str, step_priority: int = 0) -> bool:
        claimed = bool(super().claim(concurrency_key, step_key, step_priority))
        if claimed:
            self.waiting.pop(step_key, None)
        else:
            self.waiting[step_key] = concurrency_key
        return claimed


class _Active(ActiveExecution):
    """Dagster's state of a run, with waits that a signal ends and that log their reason."""

    pools: _Pools
    _logged_at: float | None = None
    _ended_dead_at: float | None = None

    def _should_skip_step(self, step_key: str) -> bool:
        """True only if a step lacks a value. A mart that keeps its last version reports no new one; the steps after it
        continue with that version."""
        step = self.get_step_by_key(step_key)
        takes_values = any(i.dagster_type_key != NOTHING for i in step.step_inputs)
        return takes_values and bool(super()._should_skip_step(step_key))

    def sleep_til_ready(self) -> None:
        stopping.wait(POLL_EVERY)
        if self.pools.waiting:
            self._wait_for_slots()

    def _wait_for_slots(self) -> None:
        now, instance = time.monotonic(), self.pools._instance  # noqa: SLF001 - our superclass's
        if self._ended_dead_at is None or now - self._ended_dead_at > END_DEAD_RUNS_EVERY:
            self._ended_dead_at = now
            end_dead_runs(instance, self.pools.warehouse.settings())
        if self._logged_at is None or now - self._logged_at > LOG_EVERY:
            self._logged_at = now
            for pool in sorted(set(self.pools.waiting.values())):
                for holder in slot_holders(instance, pool):
                    log.warning("waiting for %s, which holds the pool %s", holder, pool)


class _Plan(ExecutionPlan):
    """Dagster's plan, which starts as our ``_Active``."""

    def start(self, *args: Any, **given: Any) -> ActiveExecution:
        active = _Active(self, *args, **given)
        active.pools = given["instance_concurrency_context"]
        return active


@contextmanager
def _terminable(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Inside, the UI's Terminate ends this run like a SIGTERM. Dagster signals only processes of its own launcher. For
    a run that a command started it only records the request."""

    def watch(over: threading.Event) -> None:
        while not over.wait(TERMINATION_EVERY):
            run = instance.get_run_by_id(run_id)
            if run is None or run.status in _TERMINATED:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    with stopping.background("termination", watch):
        yield


class SteadyExecutor(Executor):
    """Executes the steps of runs on one home. A run that is interrupted, by a signal or in the UI, ends as canceled."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    @property
    def retries(self) -> RetryMode:
        return RetryMode.ENABLED

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Executes the steps and yields the run's events."""
        instance, run = plan_context.instance, plan_context.dagster_run
        instance.add_run_tags(run.run_id, Process.this().tags())

        def cancel() -> None:
            found = instance.get_run_by_id(run.run_id)
            if found is not None and not found.is_finished:
                instance.report_run_canceled(found, "The run did not end in time; its process was killed.")

        beats = beating(self._warehouse.settings(), run.run_id)
        with stopping.handling_signals(), stopping.before_forced_exit(cancel), beats, _terminable(instance, run.run_id):
            try:
                yield from self._steps(plan_context, execution_plan)
            except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
                found = instance.get_run_by_id(run.run_id)
                if found is not None and found.status is dg.DagsterRunStatus.STARTED:
                    # Otherwise Dagster records it as failed: it only knows terminations from the UI.
                    instance.report_run_canceling(found, "The process received a signal to end.")
                raise

    def _steps(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        yield from ExecuteRunWithPlanIterable(
            execution_plan=execution_plan,
            iterator=self._events,
            execution_context_manager=PlanExecutionContextManager(
                job=plan_context.job,
                retry_mode=plan_context.retry_mode,
                execution_plan=execution_plan,
                run_config=plan_context.run_config,
                dagster_run=plan_context.dagster_run,
                instance=plan_context.instance,
                raise_on_error=plan_context.raise_on_error,
                output_capture=plan_context.output_capture,
            ),
        )

    def _events(self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        with _Pools(job_context.instance, job_context.dagster_run, self._warehouse) as pools:
            yield from inner_plan_execution_iterator(job_context, _Plan(*execution_plan), pools)


def steady_executor(warehouse: Warehouse) -> dg.ExecutorDefinition:
    """Executes all steps of a run in one process, on the home of ``warehouse``."""

    @dg.executor(name="in_process")
    def in_process(_context: dg.InitExecutorContext) -> SteadyExecutor:
        """Executes all steps of a run in one process."""
        return SteadyExecutor(warehouse)

    return in_process
