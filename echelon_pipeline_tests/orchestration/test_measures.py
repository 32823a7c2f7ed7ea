"""Metadata of a run of several days: each day has its own numbers, and those of the run are recorded once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.session import Counts
from echelon_pipeline.ops.launching import execute
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.rows import staged, trade

DAYS = (date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20))
TRADES = dg.AssetKey(["core", "kalshi", "trades"])
VOLUME = dg.AssetKey(["mart", "trade_volume"])
OF_RUN = {"seconds", "requests", "rows_new", "parts_built", "dagster/row_count", "days"}
RANGE = {
    "dagster/asset_partition_range_start": str(DAYS[0]),
    "dagster/asset_partition_range_end": str(DAYS[-1]),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with one, two and three trades on three days."""
    made = load_settings(
        {"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0", "ECHELON_START_DATE": "2026-11-01"}
    )
    times = [datetime(day.year, day.month, day.day, 12, tzinfo=UTC) for day in DAYS]
    at = [times[0], *times[1:2] * 2, *times[2:] * 3]
    rows = [trade(n * 3, date=t.date(), event_at=t, observed_at=t) for n, t in enumerate(at)]
    Lake.of(made).merge("core.trades", [staged(made.scratch, "core.trades", rows)])
    return made


def by_day(settings: Settings, key: dg.AssetKey) -> dict[str, Mapping[str, Any]]:
    """Values of the metadata of each day, after a run of all days."""
    job = build_defs(settings).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute(job, settings, instance, tags=RANGE, selection=[key])
        assert result.success
        found = [e.asset_materialization for e in instance.all_logs(result.run_id) if e.asset_materialization]
    return {str(m.partition): {name: v.value for name, v in m.metadata.items()} for m in found if m.asset_key == key}


def numbers_of_a_day_and_of_the_run(days: Mapping[str, Mapping[str, Any]], rows: list[int]) -> None:
    assert list(days) == [str(day) for day in DAYS]
    assert [day["dagster/partition_row_count"] for day in days.values()] == rows
    for day in days.values():
        assert day["bytes"] > 0
        assert isinstance(day["lake_version"], int)
    *others, last = days.values()
    for day in others:
        assert not OF_RUN & day.keys()
    assert last["days"] == 3
    assert isinstance(last["seconds"], float)


def test_a_mart_reports_rows_by_day_and_what_it_built_once(settings: Settings) -> None:
    days = by_day(settings, VOLUME)
    numbers_of_a_day_and_of_the_run(days, [1, 1, 1])
    assert days[str(DAYS[-1])]["parts_built"] == 3
    assert days[str(DAYS[-1])]["dagster/row_count"] == 3


def test_a_feed_of_a_venue_reports_rows_by_day_and_requests_once_as_a_number(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trades(*_: object, **__: object) -> Counts:
        return Counts(new={"core.trades": 6}, requests={"requests": 7, "bytes": 900, "outcome_ok": 7})

    monkeypatch.setattr(main, "trades", trades)
    days = by_day(settings, TRADES)
    numbers_of_a_day_and_of_the_run(days, [1, 2, 3])
    last = days[str(DAYS[-1])]
    assert (last["requests"], last["bytes_received"], last["rows_new"]) == (7, 900, 6)
    assert last["request_outcomes"] == {"ok": 7}
