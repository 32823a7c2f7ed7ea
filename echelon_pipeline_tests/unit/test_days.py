"""Days of an interval, and runs of consecutive days."""

from __future__ import annotations

from datetime import date

from echelon_pipeline.domain.days import consecutive, every_day


def test_an_interval_of_days_includes_its_last_day() -> None:
    assert every_day(date(2026, 2, 27), date(2026, 3, 1)) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert every_day(date(2026, 3, 1), date(2026, 3, 1)) == [date(2026, 3, 1)]
    assert every_day(date(2026, 3, 2), date(2026, 3, 1)) == []


def test_runs_end_where_a_day_is_missing() -> None:
    days = [date(2026, 3, 1), date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 4)]
    assert consecutive(days) == [every_day(date(2026, 2, 27), date(2026, 3, 1)), [date(2026, 3, 4)]]
    assert consecutive([]) == []
