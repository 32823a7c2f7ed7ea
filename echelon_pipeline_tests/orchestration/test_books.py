"""Books in Dagster: an hour is a partition, and only hours that have something new are asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.defs.partitions import HOUR_KEY
from echelon_pipeline.defs.run import run_books_job
from echelon_pipeline.defs.schedules import books_recorded
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.streaming.log import Log
from echelon_pipeline.streaming.segments import Connection
from echelon_pipeline.warehouse.lake import Lake


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    given = {"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return load_settings(given)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def record(settings: Settings, name: str) -> datetime:
    """A recording of one book, now; the hour that it lies in."""
    now = time.time()
    log = Log(
        settings.capture_root,
        Connection("kalshi", "fed", 1, 0, name, "wss://example.test"),
        [Instrument("kalshi:A", ("A",))],
    )
    msg = {"market_ticker": "A", "yes_dollars_fp": [["0.40", "5.00"]], "no_dollars_fp": []}
    frame = {"type": "orderbook_snapshot", "sid": 1, "seq": 1, "msg": msg}
    log.add(int(now * 1e6), json.dumps(frame).encode())
    log.flush()
    log.rotate()
    return datetime.fromtimestamp(now, UTC).replace(minute=0, second=0, microsecond=0)


def asked_for() -> list[dg.RunRequest | dg.SkipReason]:
    """What the schedule's tick says."""
    found = books_recorded()
    assert isinstance(found, Iterator)
    return list(found)


def test_a_recorded_hour_is_asked_for_until_its_segments_are_in_the_tables(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    [skipped] = asked_for()
    assert isinstance(skipped, dg.SkipReason)
    starts_at = record(settings, "1")
    [asked] = asked_for()
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == starts_at.strftime(HOUR_KEY)
    assert run_books_job(settings, instance=instance) == [starts_at]
    assert run_books_job(settings, instance=instance) == []
    [skipped] = asked_for()
    assert isinstance(skipped, dg.SkipReason)
    record(settings, "2")
    [again] = asked_for()
    assert isinstance(again, dg.RunRequest)
    assert again.run_key != asked.run_key


def test_a_run_says_rows_frames_and_how_much_of_the_time_was_believed(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    record(settings, "1")
    run_books_job(settings, instance=instance)
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
