"""The lake: merges commit exactly what changed, appends are checked, versions are refused or migrated."""

from __future__ import annotations

import errno
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake.exceptions import CommitFailedError, DeltaError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echelon_pipeline.errors import Conflict, CorruptStore, DiskFull, NewerLake, RuleViolation
from echelon_pipeline.lake.compaction import GATHER_FILES
from echelon_pipeline.lake.datafiles import commit_files
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.opening import open_for_write
from echelon_pipeline.tables import TABLES, Column, T
from echelon_pipeline_tests.rows import NOON, Row, arrow, row, staged, stored, trade

LATER = NOON + timedelta(hours=2)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch", min_free_mb=0)


def merge(lake: Lake, table: str, *rows: Row) -> tuple[int, int, int]:
    """(new, changed, removed) of a merge."""
    done = lake.merge(table, [staged(lake.scratch / "unit", table, rows)])
    return done.rows_new, done.rows_changed, done.rows_removed


def log_of(lake: Lake, table: str) -> set[Path]:
    return set(Path(lake.uri(table)).rglob("*"))


# --- merge


def test_a_missing_table_is_read_as_empty_with_its_types(lake: Lake) -> None:
    assert lake.version("core.trades") is None
    assert lake.files("core.trades") == []
    with lake.duck() as connection:
        described = connection.execute(f"DESCRIBE {lake.scan('core.trades')}").fetchall()
    assert [(r[0], r[1]) for r in described] == [(c.name, c.type.value) for c in TABLES["core.trades"].columns]


def test_merged_rows_come_back_with_exact_values_and_types(lake: Lake) -> None:
    given = [
        trade(1, price=Decimal("0.123456789012"), size=Decimal("31000000.000001"), token_id="7" * 77),
        trade(2, date=date(2026, 11, 21), event_at=NOON + timedelta(days=1), unmapped_reason="it's 100 % 'odd'"),
    ]
    assert merge(lake, "core.trades", *given) == (2, 0, 0)
    assert stored(lake, "core.trades", order="trade_id") == given
    with lake.duck() as connection:
        described = connection.execute(f"DESCRIBE {lake.scan('core.trades')}").fetchall()
    assert [(r[0], r[1]) for r in described] == [(c.name, c.type.value) for c in TABLES["core.trades"].columns]


def test_an_identical_merge_commits_nothing_and_touches_nothing(lake: Lake) -> None:
    path = staged(lake.scratch, "core.trades", [trade(n) for n in range(10)])
    assert lake.merge("core.trades", [path]).version == 1
    before = log_of(lake, "core.trades")
    again = lake.merge("core.trades", [path, path])
    assert (again.version, again.rows_staged, again.rows_new, again.rows_changed) == (None, 20, 0, 0)
    assert again.partitions == []
    assert log_of(lake, "core.trades") == before


def test_rows_that_differ_in_provenance_only_are_left_as_stored(lake: Lake) -> None:
    merge(lake, "core.instruments", row("core.instruments", instrument_id="kalshi:A", raw_sha256="1"))
    seen_again = row("core.instruments", instrument_id="kalshi:A", raw_sha256="2", observed_at=LATER)
    assert merge(lake, "core.instruments", seen_again) == (0, 0, 0)
    assert [r["raw_sha256"] for r in stored(lake, "core.instruments")] == ["1"]


@pytest.mark.parametrize(
    "column",
    ["best_bid_size", "best_ask_size", "volume", "volume_24h", "volume_usd", "volume_24h_usd", "open_interest"],
)
def test_a_quote_with_a_negative_size_is_refused(lake: Lake, column: str) -> None:
    with pytest.raises(RuleViolation, match=f"{column} is not negative"):
        merge(lake, "core.instrument_quotes", row("core.instrument_quotes", **{column: Decimal("-0.01")}))
    assert merge(lake, "core.instrument_quotes", row("core.instrument_quotes", **{column: Decimal(0)})) == (1, 0, 0)


def test_only_partitions_with_changes_are_rewritten(lake: Lake) -> None:
    days = [date(2026, 11, d) for d in (1, 2, 3)]
    rows = [trade(d.day, date=d, event_at=datetime(2026, 11, d.day, tzinfo=NOON.tzinfo)) for d in days]
    merge(lake, "core.trades", *rows)
    before = set(lake.files("core.trades"))
    done = lake.merge(
        "core.trades", [staged(lake.scratch, "core.trades", [rows[0], {**rows[1], "size": Decimal(9)}, rows[2]])]
    )
    assert done.partitions == [{"venue": "kalshi", "date": days[1]}]
    kept = before & set(lake.files("core.trades"))
    assert sorted(p.split("date=")[1][:10] for p in kept) == ["2026-11-01", "2026-11-03"]


def test_the_row_with_the_larger_newest_column_wins_staged_or_stored(lake: Lake) -> None:
    def version(title: str, hours: int) -> Row:
        return row("core.instruments", instrument_id="kalshi:A", title=title, observed_at=NOON + timedelta(hours=hours))

    assert merge(lake, "core.instruments", version("old", 1), version("new", 5), version("middle", 3)) == (1, 0, 0)
    assert [r["title"] for r in stored(lake, "core.instruments")] == ["new"]
    assert merge(lake, "core.instruments", version("stale", 4)) == (0, 0, 0)
    assert merge(lake, "core.instruments", version("same time", 5)) == (0, 1, 0)
    assert [r["title"] for r in stored(lake, "core.instruments")] == ["same time"]


def test_staged_rows_replace_their_whole_set(lake: Lake) -> None:
    def of_set(number: int, name: str) -> Row:
        return trade(number, venue="polymarket", set_id=name)

    merge(lake, "core.trades", of_set(1, "a"), of_set(2, "a"), of_set(3, "b"))
    assert merge(lake, "core.trades", of_set(1, "a"), of_set(4, "a")) == (1, 0, 1)
    assert [(r["trade_id"], r["set_id"]) for r in stored(lake, "core.trades", order="trade_id")] == [
        ("kalshi:t1", "a"),
        ("kalshi:t3", "b"),
        ("kalshi:t4", "a"),
    ]


def test_a_trade_keeps_the_time_at_which_it_was_first_read(lake: Lake) -> None:
    merge(lake, "core.trades", trade(1, observed_at=LATER))
    merge(lake, "core.trades", trade(1, observed_at=LATER + timedelta(hours=1), outcome_index=1))
    (found,) = stored(lake, "core.trades")
    assert (found["observed_at"], found["outcome_index"]) == (LATER, 1)


@pytest.mark.parametrize(
    ("grain", "complete", "is_taken"),
    [(60, True, True), (3600, True, True), (7200, True, False), (None, True, False), (60, False, False)],
)
def test_a_finer_or_complete_price_is_never_replaced_by_a_worse_one(
    lake: Lake, grain: int | None, complete: bool, is_taken: bool
) -> None:
    def price(**values: object) -> Row:
        return row("core.daily_prices", instrument_id="kalshi:A", **values)

    merge(lake, "core.daily_prices", price(close=Decimal("0.5")))
    merge(lake, "core.daily_prices", price(close=Decimal("0.6"), grain_seconds=grain, is_complete=complete))
    assert [r["close"] for r in stored(lake, "core.daily_prices")] == [Decimal("0.6" if is_taken else "0.5")]


def test_the_complete_and_finer_of_two_staged_prices_is_kept(lake: Lake) -> None:
    rows = [
        row("core.daily_prices", instrument_id="kalshi:A", grain_seconds=g, is_complete=c, source=f"{g} {c}")
        for g, c in [(60, False), (3600, True), (600, True), (None, True)]
    ]
    assert merge(lake, "core.daily_prices", *rows) == (1, 0, 0)
    assert [r["source"] for r in stored(lake, "core.daily_prices")] == ["600 True"]


ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), max_size=8)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(merges=st.lists(ROWS, min_size=1, max_size=3))
def test_merging_in_parts_and_all_at_once_give_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, merges: list[list[tuple[int, int, int]]]
) -> None:
    folder = tmp_path_factory.mktemp("lakes")
    parts = Lake(str(folder / "parts"), scratch=folder / "s", min_free_mb=0)
    whole = Lake(str(folder / "whole"), scratch=folder / "s", min_free_mb=0)

    def made(n: int, hour: int, title: int) -> Row:
        values = {"title": f"{hour} {title}", "raw_sha256": f"{title}", "bucket": n % 2}
        return row("core.series", series_id=f"k:{n}", observed_at=NOON + timedelta(hours=hour), **values)

    batches = [[made(*r) for r in batch] for batch in merges]
    for number, batch in enumerate(batches):
        # Later merges are later reads, as in production.
        for item in batch:
            item["observed_at"] += timedelta(days=number)
        merge(parts, "core.series", *batch)
    merge(whole, "core.series", *(r for b in batches for r in b))
    columns = "series_id, title, bucket"
    assert stored(parts, "core.series", columns) == stored(whole, "core.series", columns)


# --- rules


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"price": Decimal("1.000001")}, "price lies in 0..1"),
        ({"instrument_id": None}, "instrument_id is present"),
        ({"venue": "elsewhere"}, "venue is known"),
        ({"date": date(2026, 11, 19)}, "date is the UTC day of event_at"),
    ],
)
def test_a_broken_rule_commits_nothing_and_names_table_rule_and_rows(lake: Lake, values: Row, rule: str) -> None:
    merge(lake, "core.trades", trade(1))
    before = log_of(lake, "core.trades")
    bad = [trade(n, **values) for n in range(10, 17)]
    with pytest.raises(RuleViolation) as caught:
        merge(lake, "core.trades", trade(2), *bad)
    text = str(caught.value)
    assert text.startswith("core.trades: rule ")
    assert rule in text
    assert "7 of 8 row(s)" in text
    assert text.count("trade_id: kalshi:t1") == 5
    assert log_of(lake, "core.trades") == before


def test_two_different_staged_rows_of_one_key_are_refused(lake: Lake) -> None:
    with pytest.raises(RuleViolation, match=r"key \(trade_id\) is unique.*1 key"):
        merge(lake, "core.trades", trade(1), trade(1, size=Decimal(3)))
    assert lake.version("core.trades") is None
    assert merge(lake, "core.trades", trade(1), trade(1, observed_at=LATER)) == (1, 0, 0)


def test_a_newer_parser_replaces_what_an_older_one_made_of_the_same_payload(lake: Lake) -> None:
    made = row("core.instruments", instrument_id="kalshi:A", raw_sha256="1", observed_at=LATER, parser_version=1)
    merge(lake, "core.instruments", made)
    merge(lake, "core.instruments", {**made, "observed_at": NOON, "title": "older payload", "raw_sha256": "0"})
    merge(lake, "core.instruments", {**made, "observed_at": NOON, "title": "read anew", "parser_version": 2})
    assert [(r["title"], r["parser_version"]) for r in stored(lake, "core.instruments")] == [("read anew", 2)]


def test_a_newer_parser_may_replace_a_price_by_a_worse_one_of_the_same_reading_only(lake: Lake) -> None:
    best = row("core.daily_prices", is_complete=True, grain_seconds=60, observed_at=NOON, parser_version=1)
    merge(lake, "core.daily_prices", best)
    merge(lake, "core.daily_prices", {**best, "grain_seconds": 3600, "observed_at": LATER, "parser_version": 2})
    assert [r["grain_seconds"] for r in stored(lake, "core.daily_prices")] == [60]
    merge(lake, "core.daily_prices", {**best, "is_complete": False, "parser_version": 2})
    assert [r["is_complete"] for r in stored(lake, "core.daily_prices")] == [False]


def test_a_deletion_keeps_rows_that_another_writer_committed_since_its_condition_was_made(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge(lake, "core.trades", trade(1), trade(2), trade(3, date=date(2026, 11, 21), event_at=NOON + timedelta(days=1)))

    def after_another(*arguments: Any) -> int:
        monkeypatch.undo()
        merge(lake, "core.trades", trade(5))
        return commit_files(*arguments)

    with lake.duck() as connection:
        connection.execute(f"CREATE TEMP TABLE unwanted AS SELECT trade_id FROM ({lake.scan('core.trades')})")
        merge(lake, "core.trades", trade(4))
        monkeypatch.setattr("echelon_pipeline.lake.lake.commit_files", after_another)
        partition = ("kalshi", NOON.date())
        lake.delete_rows(connection, "core.trades", partition, "trade_id IN (FROM unwanted)")
    assert stored(lake, "core.trades", order="trade_id") == [
        trade(3, date=date(2026, 11, 21), event_at=NOON + timedelta(days=1)),
        trade(4),
        trade(5),
    ]


def test_an_append_checks_the_rules(lake: Lake) -> None:
    with pytest.raises(RuleViolation, match="kind is present"):
        lake.append("core.drift", arrow("core.drift", [row("core.drift"), row("core.drift", kind=None)]))
    assert lake.version("core.drift") is None


# --- append


def test_an_append_adds_rows_and_returns_its_partitions(lake: Lake) -> None:
    rows = [row("core.drift", unit_id=f"u{n}", venue=v) for n, v in enumerate(["kalshi", "polymarket", "kalshi"])]
    done = lake.append("core.drift", arrow("core.drift", rows))
    assert (done.version, done.rows_new) == (1, 3)
    assert sorted(p["venue"] for p in done.partitions if isinstance(p["venue"], str)) == ["kalshi", "polymarket"]
    reader = arrow("core.drift", [row("core.drift", unit_id="u9")]).to_reader()
    assert lake.append("core.drift", reader).version == 2
    assert len(stored(lake, "core.drift")) == 4
    assert lake.append("core.drift", arrow("core.drift", [])).version is None


# --- reading


def test_a_scan_reads_one_version_and_only_the_requested_partitions(lake: Lake) -> None:
    for d in (1, 2):
        merge(lake, "core.trades", trade(d, date=date(2026, 11, d), event_at=NOON.replace(day=d)))
    assert len(stored(lake, "core.trades")) == 2
    assert [r["trade_id"] for r in stored(lake, "core.trades", version=1)] == ["kalshi:t1"]
    where = {"venue": ["kalshi"], "date": [date(2026, 11, 2)]}
    assert [r["trade_id"] for r in stored(lake, "core.trades", where=where)] == ["kalshi:t2"]
    assert stored(lake, "core.trades", where={"venue": ["polymarket"]}) == []
    with pytest.raises(TypeError, match="takes date values"):
        lake.files("core.trades", where={"date": ["2026-11-02"]})


def test_partition_values_with_odd_characters_survive(lake: Lake) -> None:
    name = "a/b c=%25&'ü"
    for unit in ("u1", "u2"):
        lake.append("raw.objects", arrow("raw.objects", [row("raw.objects", endpoint=name, unit_id=unit)]))
    found = stored(lake, "raw.objects", where={"venue": ["kalshi"], "endpoint": [name]})
    assert [r["endpoint"] for r in found] == [name, name]


def test_a_scan_skips_raw_files_of_other_units(lake: Lake) -> None:
    for unit in ("20261120T01-a", "20261120T02-b", "20261120T03-c"):
        lake.append("raw.objects", arrow("raw.objects", [row("raw.objects", unit_id=unit)]))
    assert len(lake.files("raw.objects")) == 3
    assert len(lake.files("raw.objects", units=["20261120T02-b"])) == 1
    assert [r["unit_id"] for r in stored(lake, "raw.objects", units=["20261120T02-b"])] == ["20261120T02-b"]


def test_a_damaged_or_missing_file_is_named(lake: Lake) -> None:
    merge(lake, "core.trades", *(trade(n) for n in range(50)))
    (path,) = (Path(p) for p in lake.files("core.trades"))
    whole = path.read_bytes()
    for damaged in (whole[:100], b"PAR1" + b"\0" * (len(whole) - 8) + b"PAR1"):
        path.write_bytes(damaged)
        with pytest.raises(CorruptStore, match=path.name):
            stored(lake, "core.trades")
        with pytest.raises(CorruptStore, match=path.name):
            merge(lake, "core.trades", trade(99))
    path.unlink()
    with pytest.raises(CorruptStore, match=path.name):
        merge(lake, "core.trades", trade(99))
    path.write_bytes(whole)
    assert merge(lake, "core.trades", trade(99)) == (1, 0, 0)


def test_a_damaged_log_is_named(lake: Lake) -> None:
    merge(lake, "core.trades", trade(1))
    for entry in (Path(lake.uri("core.trades")) / "_delta_log").glob("*.json"):
        entry.write_text("{{{")
    with pytest.raises(CorruptStore, match=r"core\.trades"):
        lake.version("core.trades")


def test_too_little_free_disk_refuses_to_write(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch", min_free_mb=10**9)
    with pytest.raises(DiskFull, match="MiB free"):
        merge(lake, "core.trades", trade(1))
    with pytest.raises(DiskFull, match="MiB free"):
        lake.append("core.drift", arrow("core.drift", [row("core.drift")]))


FULL = "No space left on device (os error 28)"


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFull),
        (DeltaError(f"Generic LocalFileSystem error: Unable to copy data to file: {FULL}"), DiskFull),
        (duckdb.IOException(f"IO Error: Could not write file: {FULL}"), DiskFull),
        (duckdb.InvalidInputException("Invalid Input Error: No magic bytes found at end of file 'x'"), CorruptStore),
        (duckdb.InvalidInputException("Invalid Input Error: a parameter is missing"), duckdb.InvalidInputException),
        (CommitFailedError("another writer"), CommitFailedError),
        (ValueError("not storage's"), ValueError),
    ],
)
def test_storage_errors_are_translated_and_others_pass(error: Exception, named: type[Exception]) -> None:
    with pytest.raises(named), storage_faults("the lake"):
        raise error


# --- versions of the columns


def with_column(lake: Lake) -> Lake:
    """The same lake, read by code whose trades have one more column."""
    trades = TABLES["core.trades"]
    newer = replace(trades, version=trades.version + 1, columns=(*trades.columns, Column("venue_note", T.TEXT, "new")))
    scratch, root = lake.scratch, lake.root
    return Lake(root, scratch=scratch, min_free_mb=0, tables={**TABLES, "core.trades": newer})


def test_columns_missing_from_an_older_schema_are_null_until_the_next_write_adds_them(lake: Lake) -> None:
    merge(lake, "core.trades", trade(1))
    newer = with_column(lake)
    assert [r["venue_note"] for r in stored(newer, "core.trades")] == [None]
    schema = newer.tables["core.trades"].arrow_schema()
    day = date(2026, 11, 21)
    rows = [{**trade(2, date=day, event_at=NOON + timedelta(days=1)), "venue_note": "hello"}]
    path = newer.scratch / "new.parquet"
    pa.parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    assert newer.merge("core.trades", [path]).rows_new == 1
    assert [(r["trade_id"], r["venue_note"]) for r in stored(newer, "core.trades", order="trade_id")] == [
        ("kalshi:t1", None),
        ("kalshi:t2", "hello"),
    ]
    assert newer.merge("core.trades", [path]).version is None


def test_a_partition_with_older_files_only_is_read_and_merged_after_columns_were_added(lake: Lake) -> None:
    """None of the files that are read has the column, although the table has it now."""
    merge(lake, "core.trades", trade(1))
    newer = with_column(lake)
    schema = newer.tables["core.trades"].arrow_schema()
    for number, day in ((2, date(2026, 11, 21)), (3, date(2026, 11, 20))):
        at = NOON + timedelta(days=day.day - 20)
        path = newer.scratch / f"{number}.parquet"
        rows = [{**trade(number, date=day, event_at=at), "venue_note": "hello"}]
        pa.parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path)
        assert newer.merge("core.trades", [path]).rows_new == 1
    where = {"date": [date(2026, 11, 20)]}
    with newer.duck() as connection:
        found = connection.execute(
            f"SELECT venue_note FROM ({newer.scan('core.trades', where=where)}) ORDER BY trade_id"
        )
        assert found.fetchall() == [(None,), ("hello",)]


def test_a_table_written_by_newer_code_is_refused(lake: Lake) -> None:
    newer = with_column(lake)
    open_for_write(newer.tables["core.trades"], newer.uri("core.trades"))
    with pytest.raises(NewerLake, match="columns of version 3, this code supports up to 2"):
        merge(lake, "core.trades", trade(1))
    with pytest.raises(NewerLake, match="upgrade"):
        lake.scan("core.trades")


# --- conflicts


def test_a_writer_that_loses_every_try_raises_conflict(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    merge(lake, "core.trades", trade(0))
    rival = Lake(lake.root, scratch=lake.scratch / "rival", min_free_mb=0)
    numbers = iter(range(100, 200))

    def open_and_lose(table: object, uri: str) -> object:
        table_version = open_for_write(TABLES["core.trades"], uri)
        with monkeypatch.context() as undone:
            undone.setattr("echelon_pipeline.lake.lake.open_for_write", open_for_write)
            merge(rival, "core.trades", trade(next(numbers)))
        return table_version

    monkeypatch.setattr("echelon_pipeline.lake.lake.open_for_write", open_and_lose)
    lake = Lake(lake.root, scratch=lake.scratch, min_free_mb=0, tries=3)
    with pytest.raises(Conflict, match="3 times in a row"):
        merge(lake, "core.trades", trade(1))
    monkeypatch.undo()
    assert [r["trade_id"] for r in stored(lake, "core.trades", "trade_id")] == [
        "kalshi:t0",
        "kalshi:t100",
        "kalshi:t101",
        "kalshi:t102",
    ]


def test_many_small_appends_do_not_leave_many_files(lake: Lake) -> None:
    for number in range(GATHER_FILES + 3):
        window = row("core.ingest_windows", unit_id=f"{number}", state="complete", to_at=NOON + timedelta(days=1))
        lake.append("core.ingest_windows", arrow("core.ingest_windows", [window]))
    assert len(lake.files("core.ingest_windows")) < 10
    units = {r["unit_id"] for r in stored(lake, "core.ingest_windows", "unit_id")}
    assert units == {f"{n}" for n in range(GATHER_FILES + 3)}
