"""What a thread keeps of an opened table: spared openings must never show an old version or other files.

Belongs here: opening and pinning. Writing is tested in ``test_lake.py`` and ``test_datafiles.py``.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from deltalake import DeltaTable

from echelon_pipeline.lake import delta
from echelon_pipeline.lake.changes import changed_since
from echelon_pipeline.lake.delta import Snapshot, open_table
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import DAY, Row, arrow, row, staged, stored, trade

TRADES = "core.trades"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch", min_free_mb=0)


def merge(lake: Lake, *rows: Row) -> None:
    lake.merge(TRADES, [staged(lake.scratch, TRADES, rows)])


def opened(lake: Lake) -> Snapshot:
    snapshot = lake.open(TRADES)
    assert snapshot is not None
    return snapshot


def elsewhere(lake: Lake, *rows: Row) -> None:
    """Commits in another thread, which shares nothing with this one."""
    writer = threading.Thread(target=merge, args=(lake, *rows))
    writer.start()
    writer.join()


def test_a_table_without_new_commits_is_opened_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    merge(lake, trade(1))
    first = opened(lake)
    monkeypatch.setattr(delta, "DeltaTable", None)
    assert opened(lake) is first


@pytest.mark.parametrize("commits", [1, 3])
def test_commits_of_another_writer_are_seen_at_once(lake: Lake, commits: int) -> None:
    merge(lake, trade(0))
    before = opened(lake)
    for number in range(1, commits + 1):
        elsewhere(lake, trade(number))
    assert opened(lake).version == before.version + commits
    assert len(stored(lake, TRADES)) == commits + 1


def test_a_pinned_version_keeps_its_files_whatever_is_committed_after(lake: Lake) -> None:
    merge(lake, trade(1))
    mine, other = opened(lake), DeltaTable(lake.uri(TRADES)).file_uris()
    merge(lake, trade(2))
    elsewhere(lake, trade(3))
    assert opened(lake).version == mine.version + 2
    assert [f.path for f in mine.files] == [str(f) for f in other]
    assert mine.version == 1


def test_changes_are_those_up_to_the_pinned_version(lake: Lake) -> None:
    merge(lake, trade(1))
    mine = opened(lake)
    for number in (2, 3):
        merge(lake, trade(number))
    opened(lake)  # the handle has moved on
    assert changed_since(mine, 0).dates == {DAY}
    assert changed_since(mine, 1).dates == frozenset()
    assert [c["version"] for c in mine.history(0)] == [1]


def test_a_table_that_was_deleted_and_made_again_is_opened_again(lake: Lake) -> None:
    merge(lake, trade(1))
    before = opened(lake)
    shutil.rmtree(lake.uri(TRADES))
    assert lake.open(TRADES) is None
    merge(lake, trade(2))
    again = opened(lake)
    assert again.version == before.version
    assert [r["trade_id"] for r in stored(lake, TRADES, "trade_id")] == [trade(2)["trade_id"]]


def test_an_append_leaves_the_version_that_it_made(lake: Lake) -> None:
    rows = arrow("raw.objects", [row("raw.objects", unit_id="a")])
    for version in (1, 2):
        assert lake.append("raw.objects", rows).version == version
        assert lake.version("raw.objects") == version


def test_a_version_of_the_past_is_not_taken_for_the_latest(lake: Lake) -> None:
    for number in (1, 2):
        merge(lake, trade(number))
    past = open_table(TABLES[TRADES], lake.uri(TRADES), 1)
    assert past is not None
    assert past.version == 1
    assert opened(lake).version == 2
