"""Schedules ask for the days that they promise."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from echelon_pipeline.definitions import defs
from echelon_pipeline.defs import schedules


@pytest.mark.parametrize(
    ("schedule", "days", "refetch"),
    [
        (schedules.days_today, ["2026-11-20"], False),
        (schedules.days_yesterday, ["2026-11-19"], False),
        (schedules.days_sweeps, ["2026-11-18", "2026-11-13"], True),
    ],
)
def test_a_tick_asks_for_its_days(schedule: dg.ScheduleDefinition, days: list[str], refetch: bool) -> None:
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 11, 20, 4, 40, tzinfo=UTC),
        repository_def=defs().get_repository_def(),
    )
    data = schedule.evaluate_tick(context)
    assert [r.partition_key for r in data.run_requests or []] == days
    for request in data.run_requests or []:
        assert request.run_config["ops"]["core_kalshi_trades"] == {"config": {"refetch": refetch}}


def test_schedules_are_off_unless_the_setting_says_so() -> None:
    for schedule in (schedules.instruments_scope, schedules.days_today, schedules.maintenance_daily):
        assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
