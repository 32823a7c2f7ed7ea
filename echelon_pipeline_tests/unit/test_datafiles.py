"""Data files that DuckDB writes and Delta commits: order, statistics, and commits of several writers.

Belongs here: the mechanics below a merge. What a merge changes is tested in ``test_lake.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from deltalake.exceptions import CommitFailedError

from echelon_pipeline.lake import datafiles
from echelon_pipeline.lake.datafiles import TOGETHER_ROWS, commit_files, write_files
from echelon_pipeline.lake.delta import Partition, TableVersion
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.opening import open_for_write
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import DAY, NOON, Row, arrow, staged, stored, trade

TRADES = TABLES["core.trades"]
TODAY: Partition = ("kalshi", DAY)
TOMORROW: Partition = ("kalshi", DAY + timedelta(days=1))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch", min_free_mb=0)


def merge(lake: Lake, *rows: Row) -> None:
    lake.merge("core.trades", [staged(lake.scratch, "core.trades", rows)])


def tomorrow(number: int) -> Row:
    return trade(number, date=DAY + timedelta(days=1), event_at=NOON + timedelta(days=1))


def pinned(lake: Lake) -> TableVersion:
    return open_for_write(TRADES, lake.uri("core.trades"))


def put(lake: Lake, table_version: TableVersion, partition: Partition, *rows: Row) -> int:
    """Writes a partition's new content and commits it against a version."""
    with lake.duck() as connection:
        connection.register("given", arrow("core.trades", rows))
        added = write_files(connection, table_version, [partition], lambda _: "SELECT * FROM given", len(rows))
    return commit_files(table_version, added, [partition], 5)


def ids(lake: Lake) -> list[str]:
    return [r["trade_id"].removeprefix("kalshi:") for r in stored(lake, "core.trades", "trade_id")]


def data_files(lake: Lake) -> set[str]:
    return {str(p) for p in Path(lake.uri("core.trades")).rglob("*.parquet")}


def test_a_file_is_in_the_tables_order_and_in_row_groups_that_can_be_skipped(lake: Lake) -> None:
    merge(lake, *(trade(n * 7919 % 40_009, instrument_id=f"kalshi:I{n % 50:02d}") for n in range(40_000)))
    (path,) = lake.files("core.trades")
    assert pq.read_metadata(path).num_row_groups == 2
    found = pq.read_table(path, columns=["instrument_id", "event_at", "trade_id"]).to_pylist()
    keys = [tuple(row.values()) for row in found]
    assert keys == sorted(keys)


def test_the_log_has_the_row_count_and_range_of_each_file(lake: Lake) -> None:
    merge(lake, *(trade(n) for n in range(5)))
    (file,) = pinned(lake).files
    assert (file.rows, file.low, file.high) == (5, "kalshi:I0", "kalshi:I2")
    assert file.size == Path(file.path).stat().st_size


def test_another_engine_reads_the_same_rows(lake: Lake) -> None:
    merge(lake, *(trade(n) for n in range(5)), tomorrow(9))
    found = pl.scan_delta(lake.uri("core.trades")).filter(pl.col("event_at") >= NOON + timedelta(seconds=3)).collect()
    assert sorted(found["trade_id"]) == ["kalshi:t3", "kalshi:t4", "kalshi:t9"]
    assert found["date"].dtype == pl.Date


def test_a_concurrent_commit_to_another_partition_needs_no_second_merge(lake: Lake) -> None:
    merge(lake, trade(1))
    table_version = pinned(lake)
    merge(lake, tomorrow(2))
    assert put(lake, table_version, TODAY, trade(1), trade(3)) == lake.version("core.trades")
    assert sorted(ids(lake)) == ["t1", "t2", "t3"]


def test_a_concurrent_commit_to_the_same_partition_is_not_overwritten(lake: Lake) -> None:
    merge(lake, trade(1))
    table_version = pinned(lake)
    merge(lake, trade(2))
    before = data_files(lake)
    with pytest.raises(CommitFailedError, match="another writer"):
        put(lake, table_version, TODAY, trade(1), trade(3))
    assert sorted(ids(lake)) == ["t1", "t2"]
    assert data_files(lake) == before  # files of the losing writer are deleted


def test_two_writers_cannot_both_fill_an_empty_partition(lake: Lake) -> None:
    merge(lake, trade(1))
    first, second = pinned(lake), pinned(lake)
    put(lake, first, TOMORROW, tomorrow(2))
    with pytest.raises(CommitFailedError, match="another writer"):
        put(lake, second, TOMORROW, tomorrow(2))
    assert sorted(ids(lake)) == ["t1", "t2"]


def test_a_partition_without_rows_has_no_file(lake: Lake) -> None:
    merge(lake, trade(1), tomorrow(2))
    put(lake, pinned(lake), TODAY)
    assert ids(lake) == ["t2"]
    assert [f.partition for f in pinned(lake).files] == [TOMORROW]


@pytest.mark.parametrize("count", [2, TOGETHER_ROWS + 1])
def test_a_failed_write_deletes_the_files_already_written(lake: Lake, count: int) -> None:
    merge(lake, trade(1))
    before = data_files(lake)
    with lake.duck() as connection:
        connection.register("given", arrow("core.trades", [trade(1)]))
        broken = "SELECT * REPLACE (CAST(error('no') AS VARCHAR) AS source) FROM given"

        def rows(partitions: Sequence[Partition]) -> str:
            return broken if TOMORROW in partitions else "SELECT * FROM given"

        with pytest.raises(duckdb.Error, match="no"):
            write_files(connection, pinned(lake), [TODAY, TOMORROW], rows, count)
    assert data_files(lake) == before


def test_partitions_written_together_equal_partitions_written_one_by_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [trade(n) for n in range(5)] + [tomorrow(n) for n in range(5, 9)]
    merge(lake, *rows)
    together = stored(lake, "core.trades")
    ranges = [(f.partition, f.rows, f.low, f.high) for f in pinned(lake).files]
    monkeypatch.setattr(datafiles, "TOGETHER_ROWS", 0)
    for partition in (TODAY, TOMORROW):
        put(lake, pinned(lake), partition)
    merge(lake, *rows)
    assert stored(lake, "core.trades") == together
    assert [(f.partition, f.rows, f.low, f.high) for f in pinned(lake).files] == ranges
