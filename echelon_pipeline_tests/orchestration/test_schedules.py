"""Schedules ask for the days that they promise."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.settings import load_settings
from echelon_pipeline_tests.loaded import defs


@pytest.mark.parametrize(
    ("schedule", "days", "refetch"),
    [
        ("days_today", ["2026-11-20"], False),
        ("days_yesterday", ["2026-11-19"], False),
        ("days_sweeps", ["2026-11-18", "2026-11-13"], True),
    ],
)
def test_a_tick_asks_for_its_days(schedule: str, days: list[str], refetch: bool) -> None:
    repository = defs().get_repository_def()
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 11, 20, 4, 40, tzinfo=UTC),
        repository_def=repository,
    )
    data = repository.get_schedule_def(schedule).evaluate_tick(context)
    assert [r.partition_key for r in data.run_requests or []] == days
    for request in data.run_requests or []:
        assert request.run_config["ops"]["core_kalshi_trades"] == {"config": {"refetch": refetch}}


def test_schedules_are_off_unless_the_setting_says_so() -> None:
    stopped, running = dg.DefaultScheduleStatus.STOPPED, dg.DefaultScheduleStatus.RUNNING
    assert {s.default_status for s in defs().get_repository_def().schedule_defs} == {stopped}
    started = build_defs(load_settings({"ECHELON_SCHEDULES": "true"})).get_repository_def()
    assert {s.default_status for s in started.schedule_defs} == {running}
