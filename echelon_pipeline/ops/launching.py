"""Runs jobs in this process, for ``echelon ingest``, ``derive``, ``rederive`` and the demo.

Belongs here: running a job without the UI, recorded in the same Dagster instance that the UI shows. Callers pass the
definitions (``defs/build.py``), built for the same settings.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.execute_in_process import core_execute_in_process
from dagster._core.utils import make_new_run_id

from echelon_pipeline import stopping
from echelon_pipeline.domain.days import every_day
from echelon_pipeline.errors import BadSettings, EchelonError, RunFailed, RunPostponed
from echelon_pipeline.ingest.homes import require_own_venues
from echelon_pipeline.ingest.listings import Mode
from echelon_pipeline.lake.faults import require_space
from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.ops.dagster_home import LISTEN_JOB
from echelon_pipeline.ops.dead_runs import end_dead_runs
from echelon_pipeline.ops.failures import TRANSIENT, step_failure
from echelon_pipeline.ops.partition_begin import note_begin
from echelon_pipeline.publish.lineage import require_intact_lake
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.processes import Process
from echelon_pipeline.streams.hours import HOUR_KEY, present
from echelon_pipeline.streams.intents import intents_of
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline.tables import daily_tables
from echelon_pipeline.venues.registry import venue_names

log = logging.getLogger(__name__)

# Level of Dagster's console. A shift shows warnings only: the log of the project has its other lines.
_CONSOLE = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}
_QUIET = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class MainRun:
    """The result of a run of the main job. ``unavailable``: by asset, requested data that the venue does not have.
    ``unread``: by asset, the number of rows that could not be read."""

    run_id: str
    days: tuple[date, ...]
    unavailable: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def configured_days(settings: Settings) -> tuple[date, ...]:
    """The days of a first run: from ``first_day`` to today."""
    return tuple(every_day(settings.first_day, settings.clock().date()))


def run_main_job(
    definitions: dg.Definitions,
    settings: Settings,
    days: Sequence[date] | None = None,
    venues: Sequence[Venue] | None = None,
    *,
    select: str | None = None,
    mode: Mode = "auto",
    refetch: bool = False,
    instance: dg.DagsterInstance | None = None,
) -> MainRun:
    """Materializes the main job for a range of days in this process. ``definitions``: built for these settings.

    ``select``: text of an asset selection; default: all assets of the ``venues`` (default: all venues). Steps that do
    not depend on a failed one still run, so that one venue's outage never stops the other. Then raises RunFailed, which
    names the failed steps.
    """
    require_intact_lake(settings)
    require_own_venues(settings)  # each step checks this too; here it is one error, before a run is recorded
    chosen = tuple(sorted(days or configured_days(settings)))
    job = definitions.resolve_job_def("main")
    selected_venues = venue_names() if venues is None else venues
    selection = _selected(job, selected_venues, select)
    result = execute(
        job,
        settings,
        instance,
        tags={_RANGE_START: str(chosen[0]), _RANGE_END: str(chosen[-1])},
        selection=selection,
        config=_config(selection, selected_venues, mode, refetch=refetch),
    )
    if not result.success:
        _publish_committed(settings)
        raise _failure(result)
    return MainRun(result.run_id, chosen, _unavailable(result), _unread(result))


def run_books_job(
    build: Callable[[Settings], dg.Definitions], settings: Settings, *, instance: dg.DagsterInstance | None = None
) -> list[datetime]:
    """Derives every hour whose recorded segments are not in the tables yet, in this process; returns these hours.

    ``build``: builds the definitions, after the first hour of their partitions is known.

    Raises RunFailed or RunPostponed for the first failed hour, after all other hours are done.
    """
    require_intact_lake(settings)
    session, now = Session.of(settings), present(settings)
    due = {h.starts_at for v in venue_names() for h in hours_due(session, v, intents_of(session, v), now)}
    if due:
        note_begin(settings, hour=min(due))
    job, failures = build(settings).resolve_job_def("books"), []
    for starts_at in sorted(due):
        tags = {_PARTITION: starts_at.strftime(HOUR_KEY)}
        result = execute(job, settings, instance, tags=tags)
        if not result.success:
            failures.append(_failure(result))
    if failures:
        raise failures[0]
    return sorted(due)


def run_rederive_job(
    definitions: dg.Definitions,
    settings: Settings,
    config: Mapping[str, Any],
    *,
    instance: dg.DagsterInstance | None = None,
) -> dict[str, Any]:
    """Derives core tables again in this process; returns the metadata of the run. Raises RunFailed, RunPostponed."""
    job = definitions.resolve_job_def("rederive")
    run_config = {"ops": {"rederive_tables": {"config": dict(config)}}}
    result = execute(job, settings, instance, config=run_config)
    if not result.success:
        raise _failure(result)
    outputs = (e.step_output_data.metadata for e in result.all_events if e.is_successful_output)
    return {name: value.value for metadata in outputs for name, value in metadata.items()}


def run_listen_job(
    definitions: dg.Definitions, settings: Settings, listener: str, *, instance: dg.DagsterInstance | None = None
) -> str:
    """Runs one shift of a listener in this process, like the sensor starts it; returns the run's id. Raises
    RunFailed."""
    config = {"ops": {"listening": {"config": {"listener": listener}}}, **_QUIET}
    result = execute(definitions.resolve_job_def(LISTEN_JOB), settings, instance, config=config)
    if not result.success:
        raise _failure(result)
    return result.run_id


def execute(
    job: dg.JobDefinition,
    settings: Settings,
    instance: dg.DagsterInstance | None,
    *,
    tags: Mapping[str, str] | None = None,
    selection: Sequence[dg.AssetKey] = (),
    config: Mapping[str, Any] | None = None,
) -> dg.ExecuteInProcessResult:
    """Runs a job in this process on the home that it was built for, with the same executor as in the daemon:
    ``execute_in_process`` would replace it with Dagster's own.

    Raises DiskFull before the run starts; Interrupted after the run is recorded as canceled.
    """
    stopping.check()
    for place in (settings.lake_root, settings.home):  # check for a full disk before any request to a venue
        require_space(place, settings.min_free_mb)
    instance = instance or dg.DagsterInstance.get()
    end_dead_runs(instance, settings)
    chosen = frozenset(selection)
    run_id = make_new_run_id()
    try:
        result = core_execute_in_process(
            run_config={**_CONSOLE, **(config or {})},
            job=InMemoryJob(job.get_subset(asset_selection=chosen) if chosen else job),
            instance=instance,
            output_capturing_enabled=False,
            raise_on_error=False,
            # The daemon must not retry the run: the user runs the command again.
            run_tags={**(tags or {}), **Process.this().tags(), "dagster/max_retries": "0"},
            run_id=run_id,
            asset_selection=chosen,
        )
    except BaseException:
        _end_unfinished(instance, run_id)
        raise
    stopping.check()
    if result.dagster_run.status is dg.DagsterRunStatus.CANCELED:  # by a signal that only the executor received
        raise stopping.Interrupted(signal.SIGTERM)
    return result


def _end_unfinished(instance: dg.DagsterInstance, run_id: str) -> None:
    """Records the end of a run whose end Dagster could not record: it must not stay started."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        end = instance.report_run_canceled if stopping.is_requested() else instance.report_run_failed
        end(run, "The run was interrupted before its end was recorded.")


def _publish_committed(settings: Settings) -> None:
    """Publishes what the successful steps committed. An error here is only logged: the run's failure matters more."""
    try:
        publish(settings, soon=True)
    except EchelonError as error:
        log.warning("data of the successful steps is not published: %s", error)


def _selected(job: dg.JobDefinition, venues: Sequence[Venue], select: str | None) -> list[dg.AssetKey]:
    graph = job.asset_layer.asset_graph
    of_job = job.asset_layer.selected_asset_keys
    if select is not None:
        return sorted(_resolved(graph, select) & of_job)
    others = {v for v in venue_names() if v not in venues}
    return sorted(k for k in of_job if not others & set(k.path))


def _resolved(graph: AssetGraph, select: str) -> set[dg.AssetKey]:
    """The assets that a text selects. Raises BadSettings if it selects none, or only some assets of one step."""
    try:
        selected = set(dg.AssetSelection.from_string(select).resolve(graph))
    except dg.DagsterError as error:
        raise BadSettings(f"--select {select!r} cannot be read: {str(error).strip().splitlines()[0]}") from None
    if not selected:
        raise BadSettings(f"--select {select!r} selects no asset")
    for definition in graph.assets_defs:
        of_step = set(definition.keys)
        if not definition.can_subset and selected & of_step and of_step - selected:
            missing = ", ".join(sorted(k.to_user_string() for k in of_step - selected))
            raise BadSettings(f"--select {select!r} leaves out assets of the same step: add {missing}")
    return selected


def _config(
    selection: Sequence[dg.AssetKey], venues: Sequence[Venue], mode: Mode, *, refetch: bool
) -> dict[str, object]:
    """Configuration of the selected steps. Each step is named after one of its assets."""
    ops: dict[str, object] = {"published_duckdb": {"config": {"force": True}}}
    for venue in venues:
        ops[f"raw_{venue}_listings"] = {"config": {"mode": mode}}
        for table in daily_tables():
            ops[f"core_{venue}_{table.removeprefix('core.')}"] = {"config": {"refetch": refetch}}
    steps = {"_".join(key.path) for key in selection}
    return {"ops": {name: config for name, config in ops.items() if name in steps}}


def _unread(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    """The failed ``no_dead_letters`` checks, as text."""
    failed = (c for c in result.get_asset_check_evaluations() if c.check_name == "no_dead_letters" and not c.passed)
    return tuple(
        f"{c.asset_key.to_user_string()}: {c.metadata['dead_letters'].value:,} dead letter(s), "
        f"{c.metadata['unread_rows'].value:,} requested row(s) are unread "
        f"({float(str(c.metadata['unread_share'].value)):.2%})"
        for c in failed
    )


def _unavailable(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    """The failed ``available`` checks, as text."""
    failed = (c for c in result.get_asset_check_evaluations() if c.check_name == "available" and not c.passed)
    return tuple(f"{c.asset_key.to_user_string()}: {c.metadata['absent'].value}" for c in failed)


def _failure(result: dg.ExecuteInProcessResult) -> RunFailed | RunPostponed:
    """The error that lists the failed steps: RunPostponed if every failure is transient, else RunFailed."""
    lines, is_permanent = [], False
    for event in result.all_events:
        if event.is_step_failure:
            failure = step_failure(event.step_failure_data)
            lines.append(f"{event.step_key}: {failure.reason}")
            is_permanent = is_permanent or failure.kind != TRANSIENT
    kind = RunFailed if is_permanent or not lines else RunPostponed
    return kind(f"run {result.run_id}: " + ("; ".join(lines) or "failed before any step began"))
