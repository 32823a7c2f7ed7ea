"""The cache of opened tables: it must never return an old version or other files.

Belongs here: opening and pinning. Writing is tested in ``test_lake.py`` and ``test_datafiles.py``.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from deltalake import DeltaTable

from echelon_pipeline.lake import opening
from echelon_pipeline.lake.changes import changed_since
from echelon_pipeline.lake.delta import TableVersion
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.opening import open_table
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import DAY, Row, arrow, row, staged, stored, trade

TRADES = "core.trades"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch", min_free_mb=0)


def merge(lake: Lake, *rows: Row) -> None:
    lake.merge(TRADES, [staged(lake.scratch, TRADES, rows)])


def opened(lake: Lake) -> TableVersion:
    table_version = lake.open(TRADES)
    assert table_version is not None
    return table_version


def elsewhere(lake: Lake, *rows: Row) -> None:
    """Commits in another thread, which shares nothing with this one."""
    writer = threading.Thread(target=merge, args=(lake, *rows))
    writer.start()
    writer.join()


def test_a_table_without_new_commits_is_opened_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    merge(lake, trade(1))
    first = opened(lake)
    monkeypatch.setattr(opening, "DeltaTable", None)
    assert opened(lake) is first


@pytest.mark.parametrize("commits", [1, 3])
def test_commits_of_another_writer_are_seen_at_once(lake: Lake, commits: int) -> None:
    merge(lake, trade(0))
    before = opened(lake)
    for number in range(1, commits + 1):
        elsewhere(lake, trade(number))
    assert opened(lake).version == before.version + commits
    assert len(stored(lake, TRADES)) == commits + 1


def test_later_commits_do_not_change_the_files_of_a_pinned_version(lake: Lake) -> None:
    merge(lake, trade(1))
    mine, other = opened(lake), DeltaTable(lake.uri(TRADES)).file_uris()
    merge(lake, trade(2))
    elsewhere(lake, trade(3))
    assert opened(lake).version == mine.version + 2
    assert [f.path for f in mine.files] == [str(f) for f in other]
    assert mine.version == 1


def test_changes_end_at_the_pinned_version(lake: Lake) -> None:
    merge(lake, trade(1))
    mine = opened(lake)
    for number in (2, 3):
        merge(lake, trade(number))
    opened(lake)  # moves the cached handle to the latest version
    assert changed_since(mine, 0).dates == {DAY}
    assert changed_since(mine, 1).dates == frozenset()
    assert [c["version"] for c in mine.history(0)] == [1]


def test_a_table_that_was_deleted_and_created_again_is_not_served_from_the_cache(lake: Lake) -> None:
    merge(lake, trade(1))
    before = opened(lake)
    shutil.rmtree(lake.uri(TRADES))
    assert lake.open(TRADES) is None
    merge(lake, trade(2))
    again = opened(lake)
    assert again.version == before.version
    assert [r["trade_id"] for r in stored(lake, TRADES, "trade_id")] == [trade(2)["trade_id"]]


def test_an_append_caches_the_version_that_it_made(lake: Lake) -> None:
    rows = arrow("raw.objects", [row("raw.objects", unit_id="a")])
    for version in (1, 2):
        assert lake.append("raw.objects", rows).version == version
        assert lake.version("raw.objects") == version


def test_opening_an_old_version_does_not_cache_it_as_the_latest(lake: Lake) -> None:
    for number in (1, 2):
        merge(lake, trade(number))
    past = open_table(TABLES[TRADES], lake.uri(TRADES), 1)
    assert past is not None
    assert past.version == 1
    assert opened(lake).version == 2
