"""The partitions of a home begin where its data does, and their begin only moves back."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from echelon_pipeline.defs.partitions import daily, hourly
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.partition_begin import FILE, last_hour, note_begin, note_lake, partition_begin
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.rows import staged, trade


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_NOW": "2026-11-20T12:00:00Z"})


def stored_trades(settings: Settings, *days: date) -> None:
    """A trade of each day in the lake."""
    times = [datetime(day.year, day.month, day.day, 12, tzinfo=UTC) for day in days]
    rows = [trade(n, date=at.date(), event_at=at, observed_at=at) for n, at in enumerate(times)]
    Lake.of(settings).merge("core.trades", [staged(settings.scratch, "core.trades", rows)])


def begin(settings: Settings) -> date:
    return partition_begin(settings)[0]


def test_a_home_without_data_begins_with_the_days_of_a_first_run(settings: Settings) -> None:
    assert begin(settings) == date(2026, 11, 13)
    assert not (settings.home / FILE).exists()


def test_the_first_run_sets_the_begin_and_earlier_days_move_it_back(settings: Settings) -> None:
    for day, expected in (("2026-11-14", 14), ("2026-11-18", 14), ("2026-11-02", 2)):
        note_begin(settings, day=date.fromisoformat(day))
        assert begin(settings) == date(2026, 11, expected)


def test_the_setting_wins(settings: Settings, tmp_path: Path) -> None:
    note_begin(settings, day=date(2026, 11, 14))
    assert begin(load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_START_DATE": "2025-02-03"})) == date(2025, 2, 3)


def test_a_home_without_the_file_begins_with_the_first_day_of_its_lake(settings: Settings) -> None:
    stored_trades(settings, date(2026, 3, 1), date(2026, 11, 19))
    assert begin(settings) == date(2026, 3, 1)
    note_begin(settings, day=date(2026, 11, 20))  # the first run of newer code keeps the older days
    assert begin(settings) == date(2026, 3, 1)


def test_an_import_of_history_moves_the_begin_back(settings: Settings) -> None:
    note_begin(settings, day=date(2026, 11, 14))
    stored_trades(settings, date(2021, 5, 1))
    note_lake(settings)
    assert begin(settings) == date(2021, 5, 1)


def test_hours_begin_with_the_oldest_recording_and_stay_when_it_is_deleted(settings: Settings) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert partition_begin(settings)[1] == today
    folder = settings.capture_root / "kalshi" / "20261120T092510489102-7aac06"
    folder.mkdir(parents=True)
    oldest = datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert partition_begin(settings)[1] == oldest
    note_begin(settings, hour=oldest)
    folder.rmdir()
    assert partition_begin(settings)[1] == oldest


def test_hours_end_with_a_frozen_clock_unless_something_was_recorded_later(settings: Settings) -> None:
    assert last_hour(settings) is None
    (settings.capture_root / "kalshi" / "20261120T092510489102-7aac06").mkdir(parents=True)
    last = last_hour(settings)
    assert last == datetime(2026, 11, 20, 11, tzinfo=UTC)
    keys = hourly(partition_begin(settings)[1], last).get_partition_keys()
    assert [keys[0], keys[-1], len(keys)] == ["2026-11-20-09:00", "2026-11-20-11:00", 3]
    (settings.capture_root / "kalshi" / "20261123T092510489102-7aac06").mkdir(parents=True)
    assert last_hour(settings) is None


@pytest.mark.parametrize("days", [-10, 0, 30])
def test_hours_reach_a_frozen_clock_that_is_ahead(days: int) -> None:
    last = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=days)
    keys = hourly(last - timedelta(hours=2), last).get_partition_keys()
    assert keys == [f"{last - timedelta(hours=n):%Y-%m-%d-%H:%M}" for n in (2, 1, 0)]


def test_a_damaged_file_does_not_keep_the_definitions_from_loading(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (settings.home / FILE).write_text("[1", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert begin(settings) == date(2026, 11, 13)
    assert FILE in caplog.text
    note_begin(settings, day=date(2026, 11, 1))
    assert begin(settings) == date(2026, 11, 1)


@pytest.mark.parametrize("days", [-10, 0, 30])
def test_days_end_with_a_frozen_clock_before_and_after_the_real_one(days: int) -> None:
    """A sandbox's clock may be in the future of the machine's."""
    frozen = datetime.now(UTC) + timedelta(days=days)
    keys = daily(frozen.date() - timedelta(days=3), frozen).get_partition_keys()
    assert keys == [str(frozen.date() - timedelta(days=n)) for n in (3, 2, 1, 0)]
