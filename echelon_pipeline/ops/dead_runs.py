"""Ends runs whose process is gone. Dagster would keep them as started, with their slots of pools, for ever.

Belongs here: ending such runs, freeing their slots, and naming the runs that hold a slot. Three callers: every command
before it runs a job, the executor while it waits for a slot, and a sensor every minute.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG

from echelon_pipeline.errors import EchelonError
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.heartbeats import forget, last_beats, silent_since
from echelon_pipeline.state.processes import Process

log = logging.getLogger(__name__)

_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def end_dead_runs(instance: dg.DagsterInstance, settings: Settings) -> list[str]:
    """Ends runs of this home whose process is gone, frees their slots and returns their ids.

    For a run of this machine (and container) it checks the process itself. A run of another machine is dead if its last
    heartbeat is older than 90 s. Runs without a process are not ended: another executor started them.
    """
    ended = []
    beats = _beats(settings)
    for record in instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED)):
        run = record.dagster_run
        process = Process.of(run.tags)
        if process is not None and _is_gone(process, beats.get(run.run_id), datetime.now(UTC)):
            _end(instance, run, process)
            _forget(settings, run.run_id)
            ended.append(run.run_id)
    _free_slots(instance)
    return ended


def launched_here(instance: dg.DagsterInstance) -> list[tuple[dg.DagsterRun, Process]]:
    """Unfinished runs that the daemon or the UI started, and whose process runs on this machine."""
    runs = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
    named = [(run, process) for run in runs if GRPC_INFO_TAG in run.tags and (process := Process.of(run.tags))]
    return [(run, process) for run, process in named if process.is_here() and process.lives()]


def slot_holders(instance: dg.DagsterInstance, pool: str) -> list[str]:
    """The runs that hold slots of a pool, as text: "run 1a2b3c4d (main) of process 42"."""
    holders = []
    for slot in instance.event_log_storage.get_concurrency_info(pool).claimed_slots:
        run = instance.get_run_by_id(slot.run_id)
        process = None if run is None else Process.of(run.tags)
        job = "" if run is None else f" ({run.job_name})"
        holders.append(f"run {slot.run_id[:8]}{job}" + ("" if process is None else f" of {process}"))
    return holders


def _beats(settings: Settings) -> dict[str, datetime]:
    """The last heartbeat by run. A run of another machine without a heartbeat does not count as dead: it may use
    another state database, or this one cannot be reached."""
    try:
        with State.of(settings) as state:
            return last_beats(state)
    except EchelonError as error:
        log.warning("heartbeats of runs cannot be read: %s", error)
        return {}


def _is_gone(process: Process, last: datetime | None, now: datetime) -> bool:
    if process.is_here():
        return not process.lives()
    return last is not None and silent_since(last, now)


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun, process: Process) -> None:
    reason = f"{process} is gone; committed data stays"
    log.warning("run %s (%s) is ended: %s", run.run_id, run.job_name, reason)
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, f"The run was being canceled: {reason}.")
    else:
        instance.report_run_failed(run, f"The process ended without a report: {reason}.")


def _forget(settings: Settings, run_id: str) -> None:
    try:
        with State.of(settings) as state:
            forget(state, run_id)
    except EchelonError as error:
        log.warning("the heartbeat of run %s stays: %s", run_id, error)


def _free_slots(instance: dg.DagsterInstance) -> None:
    """Frees the slots, and the places in the queue for slots, of runs that have ended or were deleted."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    for run_id in sorted(set(_in_pools(instance))):
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            storage.free_concurrency_slots_for_run(run_id)


def _in_pools(instance: dg.DagsterInstance) -> Iterator[str]:
    for pool in instance.event_log_storage.get_concurrency_keys():
        info = instance.event_log_storage.get_concurrency_info(pool)
        yield from (slot.run_id for slot in info.claimed_slots)
        yield from (step.run_id for step in info.pending_steps)
