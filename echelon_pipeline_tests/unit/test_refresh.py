"""Refresh builds exactly the parts that are older than their inputs, and every build equals a full build."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from echelon_pipeline.errors import Conflict, RuleViolation
from echelon_pipeline.lake.changes import EVERYTHING, NOTHING, Changed, changed_since
from echelon_pipeline.lake.delta import commit_properties
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts import refresh as module
from echelon_pipeline.marts.builds import Builds, Record
from echelon_pipeline.marts.marts import Mart
from echelon_pipeline.marts.refresh import Built, Refresh
from echelon_pipeline.marts.staleness import reached as reached_days
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.tables import LEASES
from echelon_pipeline_tests.rows import DAY, NOON, Row, arrow, row, staged, stored, trade

VOLUME, CALIBRATION = "mart.trade_volume", "mart.calibration"
TRADES = "core.trades"
LATER = DAY + timedelta(days=1)


def _trades(numbers: Sequence[int], day: date = DAY) -> list[Row]:
    shift = day - DAY
    return [trade(n, date=day, event_at=trade(n)["event_at"] + shift, taker_direction=1) for n in numbers]


def _merge(lake: Lake, rows: Sequence[Row]) -> None:
    lake.merge(TRADES, [staged(lake.scratch, TRADES, rows)])


def _run(settings: Settings, *, again: bool = False, days: Sequence[date] | None = None) -> list[Built]:
    return list(Refresh(settings).run([VOLUME], days=days, again=again))


def test_a_mart_that_was_never_built_is_built_and_then_fresh(settings: Settings, lake: Lake) -> None:
    _merge(lake, _trades(range(4)) + _trades(range(10, 13), DAY + timedelta(days=1)))
    assert _run(settings) == [Built(VOLUME, "2026-11-20", 3), Built(VOLUME, "2026-11-21", 3)]
    version = lake.version(VOLUME)
    assert _run(settings) == []
    assert lake.version(VOLUME) == version


def test_a_late_row_makes_only_its_day_stale(settings: Settings, lake: Lake) -> None:
    days = [DAY + timedelta(days=n) for n in range(5)]
    for n, day in enumerate(days):
        _merge(lake, _trades([n * 10], day))
    _run(settings)
    _merge(lake, _trades([77], days[1]))
    assert _run(settings) == [Built(VOLUME, str(days[1]), 2)]


def test_a_day_known_only_from_a_lookup_is_built_and_updated_by_late_rows(settings: Settings, lake: Lake) -> None:
    paid = row("core.resolutions", instrument_id="kalshi:I1", resolved_at=NOON + timedelta(days=3))
    lake.merge("core.resolutions", [staged(lake.scratch, "core.resolutions", [paid])])
    _merge(lake, _trades([0]))
    built = [Built(CALIBRATION, "2026-11-20", 0), Built(CALIBRATION, "2026-11-23", 5)]
    assert list(Refresh(settings).run([CALIBRATION])) == built
    _merge(lake, _trades([3]))
    assert list(Refresh(settings).run([CALIBRATION])) == built
    assert list(Refresh(settings).run([CALIBRATION])) == []
    assert list(Refresh(settings).run([CALIBRATION], again=True)) == built


def test_a_change_reaches_each_later_day_within_the_lookback() -> None:
    days = {DAY + timedelta(days=n) for n in range(10)}
    reached = reached_days({"a": Changed(dates=frozenset({DAY})), "b": NOTHING}, days, 3)
    assert reached == {DAY + timedelta(days=n) for n in range(4)}
    assert reached_days({"a": EVERYTHING}, days, 0) == days


def test_compaction_and_an_identical_merge_make_nothing_stale(settings: Settings, lake: Lake) -> None:
    _merge(lake, _trades([1]))
    lake.append(TRADES, arrow(TRADES, _trades([2])))  # a second file of the day
    _run(settings)
    _merge(lake, _trades([2]))
    table_version = lake.open(TRADES)
    assert table_version is not None
    before = table_version.version
    table_version.delta.optimize.compact(commit_properties=commit_properties("compact"))
    assert lake.version(TRADES) == before + 1
    assert _run(settings) == []


def test_a_changed_lookup_makes_only_the_days_of_the_stale_statement_stale(settings: Settings, lake: Lake) -> None:
    trends = "mart.price_trends"
    priced = [
        row("core.daily_prices", instrument_id="kalshi:A", date=day, close=Decimal("0.5")) for day in (DAY, LATER)
    ]
    lake.merge("core.daily_prices", [staged(lake.scratch, "core.daily_prices", priced)])
    assert len(list(Refresh(settings).run([trends]))) == 2
    ended = row("core.instruments", instrument_id="kalshi:A", trading_ended_at=NOON)
    lake.merge("core.instruments", [staged(lake.scratch, "core.instruments", [ended])])
    assert list(Refresh(settings).run([trends])) == [Built(trends, str(LATER), 0)]
    assert list(Refresh(settings).run([trends])) == []


def test_an_older_refresh_that_ends_later_does_not_overwrite_a_newer_one(settings: Settings, lake: Lake) -> None:
    _merge(lake, _trades([1]))
    slow = Refresh(settings).run([VOLUME])
    assert next(slow) == Built(VOLUME, str(DAY), 1)  # it has the lease until it ends
    _merge(lake, _trades([2]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WAIT_SECONDS", 0.1)
        with pytest.raises(Conflict, match=f"refresh of {settings.lake_root}: process [0-9]+ is at it"):
            _run(settings)
    assert list(slow) == []
    assert _run(settings) == [Built(VOLUME, str(DAY), 2)]


def test_a_refresh_that_lost_its_lease_commits_nothing(settings: Settings, lake: Lake) -> None:
    """Simulates a process that was stopped for longer than its lease."""
    _merge(lake, _trades([1]) + _trades([2], DAY + timedelta(days=2)))
    slow = Refresh(settings).run([VOLUME])
    assert next(slow) == Built(VOLUME, str(DAY), 1)
    with State.of(settings) as state:
        with state.begin() as connection:
            connection.execute(sa.update(LEASES).values(expires_at=0.0))
        assert Leases(state).acquire(f"refresh of {settings.lake_root}", "another", 60) is not None
        version = lake.version(VOLUME)
        with pytest.raises(Conflict, match="was taken over"):
            next(slow)
        assert lake.version(VOLUME) == version
        assert Leases(state).current(f"refresh of {settings.lake_root}") is not None
        with state.begin() as connection:
            connection.execute(sa.update(LEASES).values(expires_at=0.0))
    assert _run(settings) == [Built(VOLUME, str(DAY + timedelta(days=2)), 1)]


def test_rows_outside_the_replaced_days_are_refused(lake: Lake) -> None:
    _merge(lake, _trades([1], LATER))
    stray = staged(lake.scratch, TRADES, _trades([2]) + _trades([3], LATER))
    with pytest.raises(RuleViolation, match="rows are of the days"):
        lake.replace(TRADES, stray, (DAY, DAY))
    assert len(stored(lake, TRADES)) == 1


def test_a_changed_statement_makes_every_day_stale(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _merge(lake, _trades([1]))
    assert len(_run(settings)) == 1
    monkeypatch.setattr(Mart, "code", lambda _self, _params: "another")
    assert len(_run(settings)) == 1
    assert _run(settings) == []


def test_days_that_were_not_requested_stay_stale(settings: Settings, lake: Lake) -> None:
    later = DAY + timedelta(days=1)
    _merge(lake, _trades([1]) + _trades([2], later))
    assert _run(settings, days=[later]) == [Built(VOLUME, str(later), 1)]
    assert _run(settings) == [Built(VOLUME, str(DAY), 1)]


def test_a_refresh_killed_between_data_and_record_repeats_that_part(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _merge(lake, _trades(range(4)))
    with monkeypatch.context() as patch:
        real = Builds.record

        def killed(self: Builds, mart: str, records: Sequence[Record]) -> None:
            if any(r.kind == "built" for r in records):
                raise KeyboardInterrupt
            real(self, mart, records)

        patch.setattr(Builds, "record", killed)
        with pytest.raises(KeyboardInterrupt):
            _run(settings)
    before = stored(lake, VOLUME)
    assert _run(settings) == [Built(VOLUME, str(DAY), 3)]
    assert stored(lake, VOLUME) == before


def test_rows_removed_from_an_input_disappear_from_the_mart(settings: Settings, lake: Lake) -> None:
    _merge(lake, _trades([1, 2]))
    _run(settings)
    lake.replace(TRADES, staged(lake.scratch, TRADES, []), (DAY, DAY))
    assert _run(settings) == [Built(VOLUME, str(DAY), 0)]
    assert stored(lake, VOLUME) == []


def test_building_fresh_days_again_gives_the_same_rows(settings: Settings, lake: Lake) -> None:
    _merge(lake, _trades(range(9)))
    _run(settings)
    before = stored(lake, VOLUME)
    assert len(_run(settings, again=True)) == 1
    assert stored(lake, VOLUME) == before


def test_an_input_created_again_makes_every_day_stale_also_at_the_checked_version(
    settings: Settings, lake: Lake
) -> None:
    for day in (DAY, LATER):
        _merge(lake, _trades(range(4), day))
    _run(settings)
    checked = lake.version(TRADES)
    shutil.rmtree(lake.uri(TRADES))
    for day in (LATER, DAY):
        _merge(lake, _trades([7], day))
    assert lake.version(TRADES) == checked
    assert _run(settings) == [Built(VOLUME, str(DAY), 1), Built(VOLUME, str(LATER), 1)]
    assert _run(settings) == []


def test_a_mart_whose_table_was_lost_is_built_again(settings: Settings, lake: Lake) -> None:
    _merge(lake, _trades(range(4)))
    built = _run(settings)
    shutil.rmtree(lake.uri(VOLUME))
    assert _run(settings) == built != []
    assert _run(settings) == []


def test_a_mart_without_rows_has_no_table_and_is_not_built_again(settings: Settings, lake: Lake) -> None:
    _merge(lake, _trades([0]))
    assert list(Refresh(settings).run([CALIBRATION])) == [Built(CALIBRATION, str(DAY), 0)]
    assert list(Refresh(settings).run([CALIBRATION])) == []


def test_a_check_recorded_without_table_ids_makes_no_unchanged_day_stale(settings: Settings, lake: Lake) -> None:
    _merge(lake, _trades(range(4)))
    _run(settings)
    builds = Builds(lake, settings.scratch)
    (checked,) = (r for r in builds.of(VOLUME) if r.kind == "checked")
    versions = {name: seen[1] for name, seen in json.loads(checked.inputs or "").items() if seen}
    builds.record(VOLUME, [replace(checked, inputs=json.dumps(versions))])
    assert _run(settings) == []


def test_after_a_log_cleanup_every_day_may_have_changed(lake: Lake) -> None:
    _merge(lake, _trades([1]))
    table_version = lake.open(TRADES)
    assert changed_since(table_version, None) == EVERYTHING
    assert changed_since(table_version, -3) == EVERYTHING
    assert changed_since(None, None) == NOTHING


def test_all_days_of_a_table_that_is_gone_changed(lake: Lake) -> None:
    assert changed_since(None, 3) == EVERYTHING
