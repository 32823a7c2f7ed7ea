"""Compaction: every row exists exactly once afterwards, even if others write at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake.exceptions import CommitFailedError

from echelon_pipeline.errors import DiskFull
from echelon_pipeline.lake import compaction
from echelon_pipeline.lake.changes import changed_since
from echelon_pipeline.lake.datafiles import exchange_files
from echelon_pipeline.lake.delta import Partition
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.opening import open_for_write
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import arrow, row, stored

OBJECTS = "raw.objects"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch", min_free_mb=0)
    for number in range(4):
        append(lake, str(number))
    return lake


def append(lake: Lake, unit: str) -> None:
    lake.append(OBJECTS, arrow(OBJECTS, [row(OBJECTS, unit_id=unit)]))


def units(lake: Lake) -> list[str]:
    return sorted(str(r["unit_id"]) for r in stored(lake, OBJECTS, "unit_id"))


def partition(lake: Lake) -> Partition:
    table_version = lake.open(OBJECTS)
    assert table_version is not None
    [found] = {f.partition for f in table_version.files}
    return found


def compacted(lake: Lake, meanwhile: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> bool | None:
    """Runs a compaction; another thread does something before it commits. Returns the result of the compaction."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            meanwhile()
        except BaseException as error:
            errors.append(error)
            raise

    def late(*args: object) -> int | None:
        monkeypatch.setattr(compaction, "exchange_files", exchange_files)
        other = threading.Thread(target=work)
        other.start()
        other.join()
        return exchange_files(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "exchange_files", late)
    done = lake.compact(OBJECTS, partition(lake))
    assert not errors
    return done


def test_small_files_become_one_and_no_row_changes(lake: Lake) -> None:
    before = lake.version(OBJECTS)
    assert lake.compact(OBJECTS, partition(lake)) is True
    assert len(lake.files(OBJECTS)) == 1
    assert units(lake) == ["0", "1", "2", "3"]
    assert not changed_since(lake.open(OBJECTS), before)
    assert lake.compact(OBJECTS, partition(lake)) is False


def test_two_compactions_of_the_same_files_keep_every_row_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compacted(lake, lambda: lake.compact(OBJECTS, partition(lake)), monkeypatch) is None
    assert units(lake) == ["0", "1", "2", "3"]
    assert len(lake.files(OBJECTS)) == 1
    assert len(list(Path(lake.uri(OBJECTS)).rglob("*.parquet"))) == 5  # the file of the losing compaction is deleted


def test_an_append_does_not_disturb_a_compaction(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compacted(lake, lambda: append(lake, "4"), monkeypatch) is True
    assert units(lake) == ["0", "1", "2", "3", "4"]
    assert len(lake.files(OBJECTS)) == 2


def test_a_deletion_against_an_older_version_does_not_bring_rows_back(lake: Lake) -> None:
    """Delta-rs skips commits that are marked as changing no data."""
    old = open_for_write(TABLES[OBJECTS], lake.uri(OBJECTS))
    assert lake.compact(OBJECTS, partition(lake)) is True
    with pytest.raises(CommitFailedError):
        old.delta.delete("unit_id = '1'")
    assert units(lake) == ["0", "1", "2", "3"]


def test_concurrent_compactions_lose_and_duplicate_no_row(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "GATHER_FILES", 3)

    def work(name: str) -> None:
        for number in range(8):
            append(lake, f"{name}{number}")

    writers = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert units(lake) == sorted([*"0123", *(f"{name}{n}" for name in "ab" for n in range(8))])


@pytest.mark.parametrize("error", [DiskFull("no space left"), CommitFailedError("another process migrates it")])
def test_a_committed_append_succeeds_even_if_compaction_fails(
    lake: Lake, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(compaction, "GATHER_FILES", 3)
    monkeypatch.setattr(Lake, "compact", fails)
    append(lake, "4")
    assert units(lake) == ["0", "1", "2", "3", "4"]
    assert str(error) in caplog.text
