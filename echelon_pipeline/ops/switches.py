"""Schedules and sensors that a person switched on or off in the UI: for backups.

Belongs here: reading these switches from Dagster's records and writing them into others. Runs, ticks and cursors are
not part of it: the runs of a home that was copied would look alive, and a cursor of other records would skip events.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import dagster as dg
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
)
from dagster._serdes import deserialize_value, serialize_value


def read_switches(instance: dg.DagsterInstance) -> str:
    """The switches as JSON: a list of Dagster's own serialized states."""
    switched = [s for s in instance.all_instigator_state() if s.status is not InstigatorStatus.DECLARED_IN_CODE]
    return json.dumps([serialize_value(_bare(state)) for state in switched])


def write_switches(instance: dg.DagsterInstance, text: str) -> list[str]:
    """Sets the switches of ``read_switches``; returns the names. A schedule or sensor that has a state keeps it."""
    known = {(s.instigator_origin_id, s.selector_id) for s in instance.all_instigator_state()}
    states = [deserialize_value(item, InstigatorState) for item in json.loads(text)]
    new = [_bare(s) for s in states if (s.instigator_origin_id, s.selector_id) not in known]
    for state in new:
        instance.add_instigator_state(state)
    return sorted(state.name for state in new)


def _bare(state: InstigatorState) -> InstigatorState:
    """Without cursors and ticks. A schedule begins now: what it missed is not run."""
    data = state.instigator_data
    if isinstance(data, ScheduleInstigatorData):
        return state.with_data(ScheduleInstigatorData(data.cron_schedule, datetime.now(UTC).timestamp()))
    if isinstance(data, SensorInstigatorData):
        return state.with_data(SensorInstigatorData(min_interval=data.min_interval, sensor_type=data.sensor_type))
    return state
