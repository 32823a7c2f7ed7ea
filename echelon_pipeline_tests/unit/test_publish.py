"""Publishing: one set of versions, built aside and swapped in; readers never see anything else."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from echelon_pipeline.errors import BadSettings, Conflict, CorruptStore
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.doctor import examine
from echelon_pipeline.ops.venue_probes import Level
from echelon_pipeline.publish import catalog
from echelon_pipeline.publish import publish as module
from echelon_pipeline.publish.publications import kept_publications
from echelon_pipeline.publish.publish import Publication, publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.publications import publications
from echelon_pipeline.state.tables import LEASES
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import NOON, Row, row, staged, trade

SPAWN = multiprocessing.get_context("spawn")


def settings_of(home: Path) -> Settings:
    return Settings(home=home, publish_every=0, min_free_mb=0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "home")


def merge(settings: Settings, table: str, *rows: Row) -> int | None:
    return Lake.of(settings).merge(table, [staged(settings.scratch / "unit", table, rows)]).version


def published(settings: Settings, query: str, lake: str | None = None) -> list[tuple[object, ...]]:
    with read_published(settings.published_file, lake=lake) as connection:
        return connection.execute(query).fetchall()


def test_an_empty_lake_publishes_every_table_with_its_columns(settings: Settings) -> None:
    done = publish(settings)
    assert isinstance(done, Publication)
    names = {t.name for t in TABLES.values() if t.published}
    assert names | {"core.coverage_daily", "core.schema_drift"} <= set(done.tables)
    columns = published(
        settings,
        "SELECT schema_name || '.' || table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name IN ('core', 'mart')",
    )
    expected = {(t.name, c.name, c.type.value) for t in TABLES.values() if t.published for c in t.columns}
    assert expected <= set(columns)
    assert not any(str(name).startswith("raw.") for name, *_ in columns)


def test_columns_have_comments_with_meaning_and_unit(settings: Settings) -> None:
    publish(settings)
    ((comment,),) = published(
        settings,
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'trades' AND column_name = 'taker_notional_usd'",
    )
    assert comment == "price x size of the traded outcome [USD]"


@pytest.mark.parametrize("physical_bytes", [2**30, 0], ids=["copied", "as views"])
def test_published_rows_equal_the_rows_of_the_listed_versions(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, physical_bytes: int
) -> None:
    monkeypatch.setattr(catalog, "PHYSICAL_BYTES", physical_bytes)
    merge(settings, "core.trades", *(trade(n) for n in range(5)))
    version = merge(settings, "core.trades", trade(7))
    merge(settings, "core.instruments", row("core.instruments", instrument_id="kalshi:I0"))
    publish(settings)
    merge(settings, "core.trades", trade(8))  # later writes change nothing for readers
    assert published(settings, "SELECT count(*), sum(size) FROM core.trades") == [(6, 12)]
    assert published(
        settings,
        "SELECT version, rows, files, is_view FROM meta.publication WHERE table_name = 'core.trades'",
    ) == [(version, 6, 1, physical_bytes == 0)]
    assert published(settings, "SELECT instrument_id, trades_complete_reason FROM core.instruments") == [
        ("kalshi:I0", "never read completely")
    ]


def test_views_can_read_a_lake_that_was_moved(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "PHYSICAL_BYTES", 0)
    merge(settings, "core.trades", trade(1))
    publish(settings)
    moved = settings.home / "elsewhere's lake"
    shutil.move(settings.lake_root, moved)
    with pytest.raises(duckdb.IOException):
        published(settings, "SELECT count(*) FROM core.trades")
    assert published(settings, "SELECT count(*) FROM core.trades", lake=str(moved)) == [(1,)]


def test_nothing_is_published_twice_or_too_often_unless_requested(settings: Settings) -> None:
    merge(settings, "core.trades", trade(1))
    assert publish(settings) is not None
    assert publish(settings) is None
    merge(settings, "core.trades", trade(2))
    seldom = settings.model_copy(update={"publish_every": 300})
    assert publish(seldom) is None
    assert publish(settings) is not None
    assert publish(seldom, force=True) is not None


def test_the_last_copies_are_kept_and_recorded(settings: Settings) -> None:
    for number in range(5):
        merge(settings, "core.trades", trade(number))
        publish(settings)
    kept = kept_publications(settings.published_file)
    assert len(kept) == settings.keep_publications == 3
    assert kept[0].samefile(settings.published_file)
    counts = []
    for path in kept:
        with read_published(path) as connection:
            counts += connection.execute("SELECT count(*) FROM core.trades").fetchall()
    assert counts == [(5,), (4,), (3,)]
    with State.of(settings) as state:
        assert [p.path for p in publications(state)] == kept


def test_a_corrupt_published_file_is_reported_and_replaced(settings: Settings) -> None:
    merge(settings, "core.trades", trade(1))
    publish(settings)
    settings.published_file.unlink()  # its kept copy is the same file
    settings.published_file.write_bytes(b"no database")
    settings.published_file.with_name("echelon.duckdb.wal").write_bytes(b"stale")
    with pytest.raises(CorruptStore, match="publish --force"):
        published(settings, "SELECT 1")
    assert publish(settings) is not None
    assert published(settings, "SELECT count(*) FROM core.trades") == [(1,)]
    assert not settings.published_file.with_name("echelon.duckdb.wal").exists()


COPIES: dict[str, list[str]] = {
    "where it is": [],
    "with links and times": ["cp", "-a"],
    "with times": ["cp", "-r", "--preserve=mode,timestamps", "--no-preserve=links"],
    "as new files": ["cp", "-r", "--no-preserve=links"],
}


def copied(settings: Settings, how: str) -> Settings:
    if not COPIES[how]:
        return settings
    subprocess.run([*COPIES[how], str(settings.home), str(settings.home) + "-copy"], check=True)
    return settings_of(settings.home.with_name(settings.home.name + "-copy"))


def said_of_publication(settings: Settings) -> tuple[Level, str]:
    found = examine({"ECHELON_HOME": str(settings.home)}, offline=True)
    return next((f.level, f.text) for f in found if f.what == "publication")


@pytest.mark.parametrize("how", COPIES)
def test_a_changed_file_is_detected_and_replaced_in_copied_homes_too(settings: Settings, how: str) -> None:
    merge(settings, "core.trades", trade(1))
    publish(settings)
    settings = copied(settings, how)
    path = settings.published_file
    assert publish(settings) is None
    assert said_of_publication(settings)[0] is Level.OK
    path.chmod(0o644)
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM core.trades")
    level, text = said_of_publication(settings)
    assert (level, "was changed by another program" in text) == (Level.FAIL, True)
    assert publish(settings) is not None
    assert published(settings, "SELECT count(*) FROM core.trades") == [(1,)]
    assert publish(settings) is None
    assert said_of_publication(settings)[0] is Level.OK


def test_a_file_without_a_record_is_compared_with_its_kept_copy(settings: Settings) -> None:
    merge(settings, "core.trades", trade(1))
    publish(settings)
    settings = copied(settings, "with times")
    settings.home.joinpath("state.sqlite").unlink()
    assert publish(settings) is None
    settings.published_file.chmod(0o644)
    with duckdb.connect(str(settings.published_file)) as connection:
        connection.execute("DELETE FROM core.trades")
    assert publish(settings) is not None
    assert published(settings, "SELECT count(*) FROM core.trades") == [(1,)]


def test_a_folder_in_place_of_the_file_is_named(settings: Settings) -> None:
    path = settings.published_file
    path.mkdir(parents=True)
    with pytest.raises(BadSettings, match=f"{path} is a folder, expected the published file: move it away"):
        publish(settings, force=True)
    with pytest.raises(BadSettings, match=f"{path} is a folder, expected the published file: move it away"):
        published(settings, "SELECT 1")
    assert said_of_publication(settings)[0] is Level.FAIL


def test_an_unreadable_lake_file_leaves_the_published_file_unchanged(settings: Settings) -> None:
    merge(settings, "core.trades", trade(1))
    publish(settings)
    merge(settings, "core.trades", trade(2))
    (path,) = (Path(p) for p in Lake.of(settings).files("core.trades"))
    path.write_bytes(b"damaged")
    with pytest.raises(CorruptStore, match=path.name):
        publish(settings)
    assert published(settings, "SELECT count(*) FROM core.trades") == [(1,)]
    assert list(settings.home.glob("*.building-*")) == []


def test_leftovers_of_killed_builders_are_deleted(settings: Settings) -> None:
    settings.home.mkdir()
    process = SPAWN.Process(target=int)
    process.start()
    process.join()
    for name in (f"echelon.duckdb.building-{process.pid}", f"echelon.duckdb.building-{process.pid}.wal"):
        (settings.home / name).write_bytes(b"half")
    publish(settings)
    assert list(settings.home.glob("*.building-*")) == []


def write_and_publish(home: Path, rounds: int) -> None:
    """Repeatedly merges one more trade and one more instrument and publishes."""
    settings = settings_of(home)
    for number in range(rounds):
        merge(settings, "core.trades", *(trade(n) for n in range(number + 1)))
        publish(settings, force=True)


def test_readers_never_fail_while_the_file_is_replaced(settings: Settings) -> None:
    merge(settings, "core.trades", trade(0))
    publish(settings)
    writer = SPAWN.Process(target=write_and_publish, args=(settings.home, 6))
    writer.start()
    seen = []
    while writer.is_alive():
        with read_published(settings.published_file) as connection:
            rows, noted = connection.execute(
                "SELECT (SELECT count(*) FROM core.trades), rows FROM meta.publication WHERE table_name = 'core.trades'"
            ).fetchall()[0]
        assert rows == noted
        seen.append(rows)
        time.sleep(0.02)  # otherwise the reader takes a processor from the writer
    writer.join()
    assert writer.exitcode == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 2


def test_a_publisher_that_lost_its_lease_does_not_replace_the_file(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulates a process that was stopped for longer than its lease."""
    merge(settings, "core.trades", trade(0))
    publish(settings)
    inode, kept = settings.published_file.stat().st_ino, kept_publications(settings.published_file)
    merge(settings, "core.trades", trade(1))
    name = f"publication of {settings.lake_root}"
    verify = module._verify

    def stopped(building: Path, tables: tuple[str, ...]) -> None:
        verify(building, tables)
        with State.of(settings) as state:
            with state.begin() as connection:
                connection.execute(sa.update(LEASES).values(expires_at=0.0))
            assert Leases(state).acquire(name, "another", 60) is not None

    monkeypatch.setattr(module, "_verify", stopped)
    with pytest.raises(Conflict, match=f"{name}.* was taken over"):
        publish(settings)
    assert settings.published_file.stat().st_ino == inode
    assert kept_publications(settings.published_file) == kept
    assert list(settings.home.glob("*.building-*")) == []
    monkeypatch.undo()
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)
    with pytest.raises(Conflict, match=f"{name}: process {os.getpid()} is at it"):
        publish(settings)


def kill_publishers(settings: Settings, kills: int) -> None:
    rng = random.Random(kills)
    merge(settings, "core.trades", trade(0))
    publish(settings)
    inode = settings.published_file.stat().st_ino
    for _ in range(kills):
        process = SPAWN.Process(target=write_and_publish, args=(settings.home, 10_000))
        process.start()
        while settings.published_file.stat().st_ino == inode:
            time.sleep(0.01)
            assert process.is_alive()
        time.sleep(rng.uniform(0, 1.0))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        inode = settings.published_file.stat().st_ino
        assert published(settings, "SELECT count(*) = count(DISTINCT trade_id) FROM core.trades") == [(True,)]
    merge(settings, "core.trades", trade(999, event_at=NOON + timedelta(hours=1)))
    assert publish(settings, force=True) is not None
    assert list(settings.home.glob("*.building-*")) == []
    assert published(settings, "SELECT count(*) FROM core.trades WHERE trade_id = 'kalshi:t999'") == [(1,)]


def test_after_a_killed_publisher_the_last_file_stays_and_the_next_one_publishes(settings: Settings) -> None:
    kill_publishers(settings, 3)


@pytest.mark.slow
def test_fifty_killed_publishers_leave_a_readable_file(settings: Settings) -> None:
    kill_publishers(settings, 50)
