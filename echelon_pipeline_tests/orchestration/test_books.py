"""Books in Dagster: an hour is a partition, and only hours that have something new are asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.defs import schedules
from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.defs.partitions import hourly
from echelon_pipeline.defs.schedules import hours_requested
from echelon_pipeline.errors import RunFailed
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.session import Session
from echelon_pipeline.ops.launching import run_books_job
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.streams.hours import HOUR_KEY
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.segments import Connection, segments
from echelon_pipeline_tests.loaded import defs
from echelon_pipeline_tests.orchestration.conftest import Opened


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    given = {"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return load_settings(given)


@pytest.fixture
def instance(opened: Opened, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    # A tick opens the instance by its reference: one in memory has none.
    with opened(tmp_path_factory.mktemp("instance") / "dagster") as made:
        yield made


def record(settings: Settings, name: str, hours_ago: int = 0, frames: int = 1) -> datetime:
    """A recording of one book, by default now, a segment for each frame; the hour that it lies in."""
    now = time.time() - 3600 * hours_ago
    log = Log(
        settings.capture_root,
        Connection("kalshi", "fed", 1 + hours_ago, 0, name, "wss://example.test"),
        [Instrument("kalshi:A", ("A",))],
    )
    msg = {"market_ticker": "A", "yes_dollars_fp": [["0.40", "5.00"]], "no_dollars_fp": []}
    for number in range(1, frames + 1):
        frame = {"type": "orderbook_snapshot", "sid": 1, "seq": number, "msg": msg}
        log.add(int(now * 1e6) + number, json.dumps(frame).encode())
        log.flush()
        log.rotate()
    return datetime.fromtimestamp(now, UTC).replace(minute=0, second=0, microsecond=0)


def asked_for(instance: dg.DagsterInstance) -> list[dg.RunRequest | dg.SkipReason]:
    """What the schedule's tick says."""
    with dg.build_schedule_context(instance=instance, resources={"warehouse": Warehouse()}) as context:
        found = hours_requested(context, Warehouse(), hourly(datetime(2026, 1, 1, tzinfo=UTC)))
        assert isinstance(found, Iterator)
        return list(found)


def test_a_recorded_hour_is_asked_for_until_its_segments_are_in_the_tables_and_its_run_reports_the_valid_share(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    [skipped] = asked_for(instance)
    assert isinstance(skipped, dg.SkipReason)
    starts_at = record(settings, "1")
    [asked] = asked_for(instance)
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == starts_at.strftime(HOUR_KEY)
    assert run_books_job(build_defs, settings, instance=instance) == [starts_at]
    report_rows_frames_and_the_valid_share(settings, instance)
    assert run_books_job(build_defs, settings, instance=instance) == []
    [skipped] = asked_for(instance)
    assert isinstance(skipped, dg.SkipReason)
    record(settings, "2")
    [again] = asked_for(instance)
    assert isinstance(again, dg.RunRequest)
    assert again.run_key != asked.run_key


def report_rows_frames_and_the_valid_share(settings: Settings, instance: dg.DagsterInstance) -> None:
    lake = Lake.of(settings)
    with lake.duck() as connection:
        assert connection.execute(f"SELECT count(*) FROM ({lake.scan('core.book_events')})").fetchone() == (1,)
    key = dg.AssetKey(["core", "kalshi", "book_snapshots"])
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["frames"].value == 1
    records = instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(key, "covered"), limit=1)
    assert [str(r.status.value) for r in records] == ["SUCCEEDED"]


def test_an_hour_that_fails_stops_no_other_and_is_asked_for_again_an_hour_later(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = record(settings, "1", 5), record(settings, "2", 1)
    damaged = segments(settings.capture_root)[0]
    damaged.write_bytes(damaged.read_bytes() + b"and more")
    with pytest.raises(RunFailed, match=str(damaged)):
        run_books_job(build_defs, settings, instance=instance)
    assert [w.from_at for w in Session.of(settings).windows.recorded("kalshi", "core.book_snapshots")] == [newer]
    [skipped] = asked_for(instance)
    assert isinstance(skipped, dg.SkipReason)
    monkeypatch.setattr(schedules, "FAILED_WAIT", timedelta(0))
    [asked] = asked_for(instance)
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == older.strftime(HOUR_KEY)


def test_of_many_hours_the_newest_wait_for_none_and_what_a_wrong_clock_wrote_blocks_nothing(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "NEWEST", 1)
    monkeypatch.setattr(schedules, "OLDEST", 2)
    hours = [record(settings, str(ago), ago) for ago in (9, 7, 5, 3, 1)]
    record(settings, "at the epoch", int(time.time() / 3600) - 5)
    keys = [a.partition_key for a in asked_for(instance) if isinstance(a, dg.RunRequest)]
    assert keys == [h.strftime(HOUR_KEY) for h in (hours[0], hours[1], hours[4])]


def test_an_hour_whose_run_has_not_ended_is_not_asked_for_again(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    starts_at = record(settings, "1")
    tags = {"dagster/partition": starts_at.strftime(HOUR_KEY)}
    run = instance.create_run_for_job(
        job_def=defs().resolve_job_def("books"), tags=tags, status=dg.DagsterRunStatus.NOT_STARTED
    )
    [skipped] = asked_for(instance)
    assert isinstance(skipped, dg.SkipReason)
    assert "running" in (skipped.skip_message or "")
    instance.delete_run(run.run_id)
    [asked] = asked_for(instance)
    assert isinstance(asked, dg.RunRequest)
