"""Maintenance: fewer files, the same rows, and never a file that somebody may still read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.maintain import KEEP_SECONDS, maintain, sweep_scratch
from echelon_pipeline.publish import catalog
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.rows import arrow, row, staged, stored, trade

TWO_DAYS = 2 * KEEP_SECONDS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", publish_every=0, min_free_mb=0, keep_publications=1)


def data_files(lake: Lake, table: str) -> set[str]:
    return {str(p) for p in Path(lake.uri(table)).rglob("*.parquet") if "_delta_log" not in p.parts}


def test_many_small_files_of_a_partition_become_one_with_the_same_rows(settings: Settings) -> None:
    lake = Lake.of(settings)
    for number in range(10):
        lake.append("core.drift", arrow("core.drift", [row("core.drift", unit_id=f"u{number}")]))
    before = stored(lake, "core.drift")
    done = maintain(settings)
    assert (done.tables, done.compacted_partitions, done.checkpoints) == (1, 1, 1)
    assert len(lake.files("core.drift")) == 1
    assert stored(lake, "core.drift") == before
    assert maintain(settings).compacted_partitions == 0


def test_dropped_files_stay_for_a_day(settings: Settings) -> None:
    lake = Lake.of(settings)
    for size in (1, 2):
        lake.merge("core.trades", [staged(settings.scratch / "u", "core.trades", [trade(1, size=size)])])
    assert maintain(settings).vacuumed_files == 0
    assert len(data_files(lake, "core.trades")) == 2
    assert maintain(settings, keep_seconds=0).vacuumed_files == 1
    assert data_files(lake, "core.trades") == set(lake.files("core.trades"))


def test_files_that_a_kept_publication_names_are_never_deleted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "PHYSICAL_BYTES", 0)
    lake = Lake.of(settings)
    for size in (1, 2, 3):
        lake.merge("core.trades", [staged(settings.scratch / "u", "core.trades", [trade(1, size=size)])])
        if size == 2:
            publish(settings)
    assert maintain(settings, keep_seconds=0).vacuumed_files == 1
    with read_published(settings.published_file) as connection:
        assert connection.execute("SELECT size FROM core.trades").fetchall() == [(2,)]
    publish(settings)
    assert maintain(settings, keep_seconds=0).vacuumed_files == 1
    assert data_files(lake, "core.trades") == set(lake.files("core.trades"))


def test_files_of_a_commit_under_way_are_left_and_forgotten_ones_go(settings: Settings) -> None:
    lake = Lake.of(settings)
    lake.merge("core.trades", [staged(settings.scratch / "u", "core.trades", [trade(1)])])
    (known,) = lake.files("core.trades")
    young, old = (Path(known).with_name(f"part-{n}.zstd.parquet") for n in ("young", "old"))
    for path in (young, old):
        path.write_bytes(Path(known).read_bytes())
    long_ago = time.time() - TWO_DAYS
    os.utime(old, (long_ago, long_ago))
    assert maintain(settings).vacuumed_files == 1
    assert young.exists()
    assert not old.exists()


def test_scratch_of_dead_processes_goes_at_once_and_other_scratch_after_a_day(tmp_path: Path) -> None:
    dead, alive = tmp_path / "pid-4194305-x", tmp_path / f"pid-{os.getpid()}-x"  # beyond Linux's largest pid
    spilled = tmp_path / "spill-4194305"
    fresh, idle = tmp_path / "20261120T1", tmp_path / "20261101T1"
    for folder in (dead, alive, spilled, fresh, idle):
        folder.mkdir()
        (folder / "file").touch()
    long_ago = time.time() - TWO_DAYS
    for path in (idle / "file", idle):
        os.utime(path, (long_ago, long_ago))
    assert sweep_scratch(tmp_path) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([alive.name, fresh.name])
