"""Checks of ``echelon doctor`` on Dagster's records: failed runs, the daemon, schedules that are off; and listeners
without a shift.

Belongs here: read-only probes through Dagster's own interface. A home without records has no findings, so that the
doctor of a new home does not load Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from echelon_pipeline.ops.dagster_home import FAILURE_TAG
from echelon_pipeline.ops.data_probes import shown
from echelon_pipeline.ops.venue_probes import Clock, Finding, Level, first_few
from echelon_pipeline.settings import Settings, dagster_url

if TYPE_CHECKING:
    from dagster import DagsterInstance

WITHIN = timedelta(hours=24)
SHOWN = 50
# Dagster's daemon reports every 30 s; its own limit is 5 min.
SILENT = timedelta(minutes=5)


def examine_runs(settings: Settings, wall: Clock) -> Iterator[Finding]:
    """Findings about runs, daemon, schedules and listeners."""
    if dagster_url() or (settings.dagster_home / "history" / "runs.db").is_file():
        import dagster as dg

        try:
            with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
                yield _failed(instance, wall)
                yield _daemon(instance, settings, wall)
                yield from _switched_off(instance, settings)
        except Exception:  # noqa: BLE001 - another check reports records that cannot be read
            return
    yield from _listeners(settings)


def _failed(instance: DagsterInstance, wall: Clock) -> Finding:
    import dagster as dg

    since = wall() - WITHIN
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    runs = [record.dagster_run for record in instance.get_run_records(wanted, limit=SHOWN)]
    data = {"runs": [{"run": r.run_id, "job": r.job_name, "class": r.tags.get(FAILURE_TAG)} for r in runs]}
    if not runs:
        return Finding(Level.OK, "runs", f"none failed in the last {WITHIN.total_seconds() / 3600:.0f} h", data=data)
    named = [f"{r.job_name} {r.run_id[:8]} ({r.tags.get(FAILURE_TAG, 'no reason recorded')})" for r in runs]
    return Finding(Level.WARN, "runs", f"{len(runs)} failed in the last 24 h: {first_few(named)}", "`echelon ui`", data)


def _daemon(instance: DagsterInstance, settings: Settings, wall: Clock) -> Finding:
    beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
    age = wall() - datetime.fromtimestamp(max(beats), UTC) if beats else None
    is_on, said = age is not None and age < SILENT, "never ran" if age is None else f"last seen {shown(age)} ago"
    data = {"is_on": is_on, "seconds": None if age is None else round(age.total_seconds())}
    if is_on:
        return Finding(Level.OK, "daemon", f"running, {said}", data=data)
    if settings.schedules:
        advice = "Start `echelon ui`, or the daemon's service: nothing is ingested, published or recorded meanwhile."
        return Finding(Level.FAIL, "daemon", f"off, {said}, and ECHELON_SCHEDULES is on", advice, data)
    return Finding(Level.OK, "daemon", f"off, {said}; schedules are off (ECHELON_SCHEDULES)", data=data)


def _switched_off(instance: DagsterInstance, settings: Settings) -> Iterator[Finding]:
    from dagster._core.scheduler.instigation import InstigatorStatus

    states = instance.all_instigator_state()
    off = sorted({s.name for s in states if s.status is InstigatorStatus.STOPPED})
    on = sorted({s.name for s in states if s.status is InstigatorStatus.RUNNING})
    data = {"on_by_default": settings.schedules, "switched_off": off, "switched_on": on}
    if settings.schedules and off:
        text = f"switched off in the UI: {', '.join(off)}"
        yield Finding(Level.WARN, "schedules", text, "Switch them on there when their reason is gone.", data)
    else:
        default = "on" if settings.schedules else "off"
        text = f"{default} (ECHELON_SCHEDULES)" + (f"; switched on in the UI: {', '.join(on)}" if on else "")
        yield Finding(Level.OK, "schedules", text, data=data)


def _listeners(settings: Settings) -> Iterator[Finding]:
    """Active listeners without a shift."""
    from echelon_pipeline.errors import EchelonError
    from echelon_pipeline.settings import STATE_FILE
    from echelon_pipeline.state.database import State
    from echelon_pipeline.state.listeners import Listeners
    from echelon_pipeline.state.shift_lease import holders

    if settings.state_url is None and not (settings.home / STATE_FILE).is_file():
        return
    try:
        with State.of(settings) as state:
            active = [k.listener.name for k in Listeners(state).all() if k.listener.is_active]
            silent = [name for name in active if not any(holders(state, name))]
    except EchelonError:  # another check reports a state database that cannot be read
        return
    data = {"active": active, "without_shift": silent}
    if silent:
        advice = "Start `echelon ui` with ECHELON_SCHEDULES=true, or `echelon listeners pause NAME`."
        yield Finding(Level.WARN, "listeners", f"active, but not recording: {', '.join(silent)}", advice, data)
    elif active:
        yield Finding(Level.OK, "listeners", f"{len(active)} recording", data=data)
