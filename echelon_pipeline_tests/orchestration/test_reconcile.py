"""Dagster's records of partitions follow the lake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.lake.session import Session
from echelon_pipeline.ops.reconcile import reconcile
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.orchestration.conftest import Opened
from echelon_pipeline_tests.rows import row, staged

FIRST = date(2026, 11, 18)
TRADES = dg.AssetKey(["core", "kalshi", "trades"])
INSTRUMENTS = dg.AssetKey(["core", "kalshi", "instruments"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ECHELON_HOME": str(tmp_path / "home"), "ECHELON_MIN_FREE_MB": "0"})


@pytest.fixture
def records(opened: Opened, settings: Settings) -> Iterator[dg.DagsterInstance]:
    with opened(settings.dagster_home) as instance:
        yield instance


def with_data(settings: Settings) -> None:
    """A trade of the first day, a window over the second, an opened one over the third, and an instrument."""
    session = Session.of(settings)
    noon = datetime(2026, 11, 18, 12, tzinfo=UTC)
    trade = row("core.trades", venue="kalshi", date=FIRST, event_at=noon)
    for made in (trade, row("core.instruments", venue="kalshi")):
        table = "core.trades" if "trade_id" in made else "core.instruments"
        session.lake.merge(table, [staged(settings.scratch / "rows", table, [made])])
    for days, state in ((1, "complete"), (2, "complete"), (2, "partial")):
        begin = datetime.combine(FIRST + timedelta(days=days), datetime.min.time(), UTC)
        with session.unit() as unit:
            span = (begin, begin + timedelta(days=1))
            window = unit.window("kalshi", "core.trades", "configured", span, state=state, reason="raw is gone")
            session.windows.record([window])


def test_days_with_rows_and_days_that_were_read_are_put_on_record_once(
    settings: Settings, records: dg.DagsterInstance
) -> None:
    with_data(settings)
    done = reconcile(build_defs(settings), settings, records)
    assert done.reported == {
        "core/kalshi/trades": 2,
        "core/kalshi/instruments": 1,
        "core/ingest_windows": 1,
    }
    assert records.get_materialized_partitions(TRADES) == {"2026-11-18", "2026-11-19"}
    event = records.get_latest_materialization_event(INSTRUMENTS)
    assert event is not None
    assert reconcile(build_defs(settings), settings, records).reported == {}


def test_what_the_lake_does_not_have_is_no_longer_on_record(settings: Settings, records: dg.DagsterInstance) -> None:
    with_data(settings)
    for day in ("2026-11-18", "2026-11-20", "2026-11-21"):
        records.report_runless_asset_event(dg.AssetMaterialization(TRADES, partition=day))
    done = reconcile(build_defs(settings), settings, records)
    assert done.forgotten == {"core/kalshi/trades": 2}
    assert records.get_materialized_partitions(TRADES) == {"2026-11-18", "2026-11-19"}
