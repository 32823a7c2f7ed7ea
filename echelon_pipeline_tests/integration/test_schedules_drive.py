"""Time goes by: the schedules alone keep every day complete, every mart fresh, and do nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.marts import marts
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline_tests.rows import stored
from echelon_pipeline_tests.schedule_driver import Driver, due

# Long past: Dagster knows no partition of a day that has not begun by the machine's own clock.
START = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    universe = SandboxOptions(events=8, instruments=40, trades=4_000, days=12, now=START)
    env = {
        "ECHELON_HOME": str(tmp_path),
        "ECHELON_DAYS_BACK": "1",
        "ECHELON_HTTP_BACKOFF": "0.01",
        "ECHELON_PUBLISH_EVERY": "600",  # of real time: only what the refresh forces, once per simulated hour
    }
    with SandboxProcess(universe) as sandbox, dg.DagsterInstance.ephemeral() as instance:
        yield Driver(sandbox, env, instance)


@pytest.mark.parametrize(
    ("cron", "at", "fires"),
    [
        ("*/15 * * * *", "12:30", True),
        ("*/15 * * * *", "12:31", False),
        ("10 0-6 * * *", "06:10", True),
        ("10 0-6 * * *", "07:10", False),
        ("12,27 * * * *", "03:27", True),
        ("40 4 * * *", "04:40", True),
        ("40 4 * * *", "05:40", False),
    ],
)
def test_ticks_are_found_as_cron_does(cron: str, at: str, fires: bool) -> None:
    hour, minute = map(int, at.split(":"))
    assert due(cron, datetime(2026, 11, 20, hour, minute, tzinfo=UTC)) is fires


def test_half_an_hour_of_schedules_leaves_every_mart_fresh(driver: Driver) -> None:
    driver.until(START + timedelta(minutes=35))
    assert driver.ran["refresh"] == 1
    assert driver.ran["daily"] == driver.ran["instruments"] - 1 == 2
    # No order book is recorded.
    dated = [m for m in marts() if m.is_dated and set(m.inputs) != {"core.book_snapshots"}]
    assert {name for name, _ in driver.built} == {m.name for m in dated}
    assert set(driver.built.values()) == {1}


@pytest.mark.slow
@pytest.mark.timeout(14_400)  # some two hours: 1,700 runs
def test_a_week_of_schedules_leaves_every_day_complete_and_does_no_work_twice(driver: Driver) -> None:
    for number in range(1, 8):
        driver.until(START + timedelta(days=number))
        _every_day_is_complete(driver, [(START + timedelta(days=n)).date() for n in range(number)])
        _nothing_is_built_again_without_a_reason(driver, driver.settings.clock().date())
    assert driver.ran["refresh"] == 7 * 24
    list(Refresh(driver.settings).run())
    assert list(Refresh(driver.settings).run()) == []
    _marts_equal_a_full_build(driver)


def _every_day_is_complete(driver: Driver, days: list[date]) -> None:
    settings = driver.settings
    publish(settings, force=True)
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        rows = connection.execute(
            "SELECT venue, table_name, date, max(complete_minutes) FROM core.coverage_daily "
            "WHERE table_name IN ('core.trades', 'core.daily_prices') GROUP BY ALL"
        ).fetchall()
        for check in ("trades_twice", "instruments_without_outcomes", "settled_without_payout"):
            assert connection.execute(statement(f"checks/{check}").text).fetchall() == [], check
    complete = {(venue, table, day) for venue, table, day, minutes in rows if minutes >= 1440}
    wanted = {(v, t, d) for v in ("kalshi", "polymarket") for t in ("core.trades", "core.daily_prices") for d in days}
    assert wanted <= complete


def _nothing_is_built_again_without_a_reason(driver: Driver, today: date) -> None:
    """A day changes in the 24 hours of itself, in the hours after midnight, and in two sweeps; not more often."""
    lookback = 32
    for (name, part), times in driver.built.items():
        age = (today - date.fromisoformat(part)).days
        if name == "mart.trade_volume":
            assert times <= 24 + 7 + 2, (name, part, times)
        assert times <= (24 + 7 + 2) * min(age + 1, lookback), (name, part, times)


def _marts_equal_a_full_build(driver: Driver) -> None:
    lake = Lake.of(driver.settings)
    dated = [m.name for m in marts() if m.is_dated]
    before = {name: stored(lake, name) for name in dated}
    list(Refresh(driver.settings).run(dated, again=True))
    for name in dated:
        assert stored(lake, name) == before[name], name
