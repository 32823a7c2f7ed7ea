"""The health report names what is missing, partial, unavailable or stale, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.windows import Window, Windows
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.ops import health
from echelon_pipeline.ops.health import DataFinding, findings
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.rows import staged, trade

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAYS = (date(2026, 11, 20), date(2026, 11, 21))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    env = {"ECHELON_HOME": str(tmp_path), "ECHELON_NOW": NOW.isoformat(), "ECHELON_DAYS_BACK": "2"}
    return load_settings(env)


def _window(table: str, day: date, state: str = "complete", hours: int = 24) -> Window:
    begin = datetime.combine(day, time(), UTC)
    return Window(
        venue="kalshi",
        table_name=table,
        scope="all",
        from_at=begin,
        to_at=begin + timedelta(hours=hours),
        state=state,
        reason=None if state == "complete" else "the venue said no",
        unit_id="u",
    )


def _found(settings: Settings, windows: list[Window]) -> list[DataFinding]:
    listing = Window(
        venue="kalshi",
        table_name="core.instruments",
        scope="listings:scope",
        from_at=NOW - timedelta(minutes=10),
        to_at=NOW - timedelta(minutes=9),
        state="complete",
        unit_id="u",
    )
    today = _window("core.trades", NOW.date(), hours=12)
    Windows(Lake.of(settings), settings.clock).record([listing, today, *windows])
    list(Refresh(settings).run())
    publish(settings, force=True)
    return findings(settings)


def test_each_day_that_is_not_complete_is_a_finding_and_no_other(settings: Settings) -> None:
    wide = settings.model_copy(update={"days_back": 4})
    days = [NOW.date() - timedelta(days=n) for n in (4, 3, 2, 1)]
    states = [("complete", 24), ("partial", 24), ("unavailable", 24), ("complete", 6)]
    windows = [_window("core.trades", day, state, hours) for day, (state, hours) in zip(days, states, strict=True)]
    found = _found(wide, windows)
    assert [(f.kind, f.what) for f in found] == [
        ("missing", "kalshi core.trades 2026-11-21"),
        ("partial", "kalshi core.trades 2026-11-19"),
        ("unavailable", "kalshi core.trades 2026-11-20"),
    ]
    details = [f.detail for f in found]
    assert ["the venue said no" in detail for detail in details] == [False, True, True]
    assert [f"{complete} of 1440 minutes complete" in d for complete, d in zip((360, 0, 0), details, strict=True)] == [
        True
    ] * 3


def test_what_was_read_completely_is_no_finding_and_a_mart_older_than_its_inputs_is_one_after_hours_without_a_refresh(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _found(settings, [_window("core.trades", day) for day in DAYS]) == []
    lake = Lake.of(settings)
    lake.merge("core.trades", [staged(lake.scratch, "core.trades", [trade(1)])])
    assert findings(settings) == []
    monkeypatch.setattr(health, "CHECKED_WITHIN", timedelta(0))
    assert "mart.trade_volume" in {f.what for f in findings(settings) if f.kind == "stale"}


def test_tables_that_nobody_read_for_hours_are_a_finding(settings: Settings) -> None:
    _found(settings, [_window("core.trades", day) for day in DAYS])
    later = settings.model_copy(update={"now": NOW + timedelta(hours=9)})
    list(Refresh(later).run())
    publish(later, force=True)
    stale = [f.what for f in findings(later) if f.kind == "stale"]
    assert "kalshi core.instruments 2026-11-22" in stale
