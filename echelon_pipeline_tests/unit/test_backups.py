"""Backups: whole or absent, consistent while others write, and restored to the same rows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.backups import copying, recordings
from echelon_pipeline.backups import restore as restoring
from echelon_pipeline.backups import take as taking
from echelon_pipeline.backups.layout import backups
from echelon_pipeline.backups.restore import check, restore
from echelon_pipeline.backups.tables import pinning_order
from echelon_pipeline.backups.take import take
from echelon_pipeline.errors import BadSettings, Conflict, CorruptStore, NewerLake, NotFound
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.doctor import examine
from echelon_pipeline.ops.maintain import maintain
from echelon_pipeline.ops.venue_probes import Level
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings, load_settings, record_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.holding import hold_lease
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.state.pauses import BACKUP
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.segments import CLOSED, OPEN, Connection, read, segments
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import NOON, arrow, row, staged, stored, trade

SECRET = "do-not-copy-4711"


def settings_of(home: Path, **values: Any) -> Settings:
    return Settings(home=home, publish_every=0, min_free_mb=0, **values)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with trades under a window, a listener, and recorded settings."""
    settings = settings_of(tmp_path_factory.mktemp("template") / "home")
    record_settings(settings)
    commit(settings, 1)
    with State.of(settings) as state:
        Listeners(state).save(Listener(name="fed", venue="kalshi"))
    return settings.home


@pytest.fixture
def settings(template: Path, tmp_path: Path) -> Settings:
    """A copy of that home."""
    shutil.copytree(template, tmp_path / "home")
    return settings_of(tmp_path / "home")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def commit(settings: Settings, number: int) -> None:
    """What a unit of work does: rows first, then the window that claims them."""
    lake = Lake.of(settings)
    lake.merge("core.trades", [staged(settings.scratch / "unit", "core.trades", [trade(number)])])
    window = row("core.ingest_windows", unit_id=f"u{number}", state="complete", to_at=NOON + timedelta(hours=1))
    lake.append("core.ingest_windows", arrow("core.ingest_windows", [window]))


def log_of(settings: Settings, number: int = 1) -> Log:
    return Log(
        settings.capture_root, Connection("kalshi", "fed", 1, 0, f"20261120T120000-{number}", "wss://example.test")
    )


def frames(root: Path) -> list[bytes]:
    return [payload for path in segments(root) for block in read(path) for _, payload in block.pairs()]


def rows_of(settings: Settings, table: str = "core.trades") -> list[dict[str, Any]]:
    return stored(Lake.of(settings), table)


def test_a_restored_home_has_the_same_rows_settings_and_listeners_and_goes_on(
    settings: Settings, target: Path, tmp_path: Path
) -> None:
    publish(settings)
    take(settings, target)
    restored = settings_of(tmp_path / "elsewhere")
    done = restore(restored, target)
    assert done.files == done.backup.about.files
    assert rows_of(restored) == rows_of(settings)
    assert (restored.home / "settings.json").read_bytes() == (settings.home / "settings.json").read_bytes()
    with State.of(restored) as state:
        assert [known.listener.name for known in Listeners(state).all()] == ["fed"]
    publish(restored)
    published = []
    for number, each in enumerate((settings, restored), start=1):
        with read_published(each.published_file, lake=each.lake_root) as connection:
            published.append(connection.execute("SELECT * FROM core.trades ORDER BY ALL").fetchall())
            sequence = connection.execute("SELECT max(sequence) FROM meta.publication").fetchall()
            assert sequence == [(number,)], "a number that readers know already is not given to other data"
    assert published[0] == published[1] != []
    commit(restored, 2)
    assert len(rows_of(restored)) == 2
    assert [f for f in examine({"ECHELON_HOME": str(restored.home)}, offline=True) if f.level is Level.FAIL] == []


def test_a_record_in_the_backup_never_claims_rows_that_it_does_not_have(
    settings: Settings, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run commits between any two tables whose versions are pinned."""
    number = 1
    opened = Lake.open

    def opening(lake: Lake, table: str, version: int | None = None) -> Any:
        nonlocal number
        found = opened(lake, table, version)
        if table in ("core.trades", "core.ingest_windows"):
            number += 1
            monkeypatch.setattr(Lake, "open", opened)
            commit(settings, number)
            monkeypatch.setattr(Lake, "open", opening)
        return found

    monkeypatch.setattr(Lake, "open", opening)
    backup = take(settings, target).backup
    monkeypatch.undo()
    copy = Lake(str(backup.folder / "lake"), scratch=settings.scratch)
    windows, trades = (stored(copy, name) for name in ("core.ingest_windows", "core.trades"))
    assert 0 < len(windows) < len(trades) < number


def test_every_table_is_pinned_once_and_raw_objects_last() -> None:
    order = pinning_order()
    assert sorted(order) == sorted(TABLES)
    assert order[0] == "core.ingest_windows"
    assert order[-1] == "raw.objects"
    assert order.index("core.mart_builds") < order.index("mart.trade_volume") < order.index("core.trades")


def test_frames_that_were_durable_before_the_backup_are_in_it_and_later_ones_in_the_next(
    settings: Settings, target: Path, tmp_path: Path
) -> None:
    log = log_of(settings)
    sent = [f"frame {n}".encode() for n in range(6)]
    for n, frame in enumerate(sent[:4]):
        log.add(n + 1, frame)
        log.flush()
        if n == 1:
            log.rotate()
    # A block that is being written: the listener has not been told yet that it is durable.
    (opened,) = (p for p in segments(settings.capture_root) if p.suffix == OPEN)
    with opened.open("ab") as file:
        file.write(b"ECHF half a block")
    first = take(settings, target)
    copied = first.backup.folder / "home" / "capture"
    assert (first.segments, frames(copied)) == (2, sent[:4])
    assert {p.suffix for p in segments(copied)} == {CLOSED}
    os.truncate(opened, opened.stat().st_size - len(b"ECHF half a block"))
    for n, frame in enumerate(sent[4:]):
        log.add(n + 5, frame)
        log.flush()
    second = take(settings, target)
    log.rotate()
    restored = settings_of(tmp_path / "elsewhere")
    restore(restored, target)
    assert frames(restored.capture_root) == sent
    assert second.segments == 2


def test_a_segment_that_is_closed_or_deleted_under_the_backup_does_not_fail_it(
    settings: Settings, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(settings)
    log.add(1, b"frame")
    log.flush()

    def closing(source: Path, copy: Path) -> tuple[int, str]:
        log.rotate()
        return real(source, copy)

    real: Callable[[Path, Path], tuple[int, str]] = copying.copy_bytes
    monkeypatch.setattr(recordings, "copy_bytes", closing)
    assert frames(take(settings, target).backup.folder / "home" / "capture") == [b"frame"]


def test_files_that_never_change_are_linked_to_the_last_backup_and_deleting_it_takes_nothing_away(
    settings: Settings, target: Path
) -> None:
    first = take(settings, target)
    commit(settings, 2)
    second = take(settings, target, keep=1)
    assert second.deleted == 1
    assert [b.folder for b in backups(target)] == [second.backup.folder]
    assert not first.backup.folder.exists()
    data = [e for e in second.backup.entries() if e.name.endswith(".parquet") and "_delta_log" not in e.name]
    assert len(data) > second.copied_files - len([e for e in second.backup.entries() if e not in data])
    assert check(target).folder == second.backup.folder


@pytest.mark.parametrize("step", ["copy_logs", "copy_data", "copy_recordings", "copy_state"])
def test_an_interrupted_backup_is_not_taken_for_a_whole_one_and_the_next_one_clears_it_away(
    settings: Settings, target: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(taking, step, dies)
    with pytest.raises(KeyboardInterrupt):
        take(settings, target)
    monkeypatch.undo()
    assert backups(target) == []
    (part,) = target.iterdir()
    for source in (target, part):
        with pytest.raises(NotFound):
            check(source)
    whole = take(settings, target).backup
    assert list(target.iterdir()) == [whole.folder]
    assert check(target) == whole


@pytest.mark.parametrize("part", ["lake/core/trades", "home/state.sqlite", "files.jsonl", "backup.json"])
def test_a_changed_byte_of_a_backup_is_found_before_anything_is_restored(
    settings: Settings, target: Path, tmp_path: Path, part: str
) -> None:
    folder = take(settings, target).backup.folder
    path = folder / part
    path = next(path.rglob("*.parquet")) if path.is_dir() else path
    data = bytearray(path.read_bytes())
    data[0] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CorruptStore, match="use another backup"):
        check(target)
    restored = settings_of(tmp_path / "elsewhere")
    with pytest.raises(CorruptStore):
        restore(restored, target)
    assert not (restored.home / "lake" / "core").exists()


def test_a_data_file_that_changed_since_its_commit_fails_the_backup(settings: Settings, target: Path) -> None:
    """Else the damaged file would replace the good one of older backups."""
    path = Path(Lake.of(settings).files("core.trades")[0])
    data = bytearray(path.read_bytes())
    data[10] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CorruptStore, match=path.name):
        take(settings, target)
    assert backups(target) == []


@pytest.mark.parametrize("killed_at", ["_load", "lake", "home"])
def test_an_interrupted_restore_is_refused_by_other_commands_and_ends_when_it_is_run_again(
    settings: Settings, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    log = log_of(settings)
    log.add(1, b"frame")
    log.flush()
    log.rotate()
    take(settings, target)
    url = f"sqlite:///{tmp_path / 'others.sqlite'}" if killed_at == "_load" else None
    restored = settings_of(tmp_path / "elsewhere", state_url=url)
    places = iter(("lake", "home"))

    def dies(*_: object) -> None:
        if killed_at in ("_load", next(places)):
            raise KeyboardInterrupt

    monkeypatch.setattr(restoring, "_load" if killed_at == "_load" else "fsync_folder", dies)
    with pytest.raises(KeyboardInterrupt):
        restore(restored, target)
    monkeypatch.undo()
    with pytest.raises(CorruptStore, match="run `echelon restore` again"):
        State.of(restored)
    restore(restored, target)
    assert rows_of(restored) == rows_of(settings)
    assert frames(restored.capture_root) == [b"frame"]
    with State.of(restored) as state:
        assert [known.listener.name for known in Listeners(state).all()] == ["fed"]


def test_a_folder_with_files_is_not_restored_into(settings: Settings, target: Path) -> None:
    take(settings, target)
    with pytest.raises(BadSettings, match="empty folder"):
        restore(settings, target)
    assert len(rows_of(settings)) == 1


def test_a_backup_inside_of_its_home_is_refused(settings: Settings) -> None:
    with pytest.raises(BadSettings, match="outside"):
        take(settings, settings.home / "backups")


def test_a_backup_of_a_newer_version_is_refused(settings: Settings, target: Path, tmp_path: Path) -> None:
    path = take(settings, target).backup.folder / "backup.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"format": 1', '"format": 2'), encoding="utf-8")
    with pytest.raises(NewerLake):
        restore(settings_of(tmp_path / "elsewhere"), target)


def test_secrets_are_named_and_their_values_are_nowhere_in_a_backup(settings: Settings, target: Path) -> None:
    environ = {
        "ECHELON_HOME": str(settings.home),
        "ECHELON_MIN_FREE_MB": "0",
        "ECHELON_THREADS": "3",
        "KALSHI_API_KEY": SECRET,
        "ECHELON_POSTGRES_URL": f"postgresql://user:{SECRET}@localhost/db",
    }
    backup = take(load_settings(environ), target).backup
    assert backup.about.secrets == ("KALSHI_API_KEY", "ECHELON_POSTGRES_URL")
    text = (backup.folder / "settings.env").read_text(encoding="utf-8")
    assert "ECHELON_THREADS=3\n" in text
    assert "# KALSHI_API_KEY is a secret" in text
    for path in backup.folder.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_a_backup_can_be_read_by_its_owner_only_and_private_tables_stay_private(
    settings: Settings, target: Path, tmp_path: Path
) -> None:
    event = row("core.account_events", kind="order", instrument_id="kalshi:I0", order_id="o")
    Lake.of(settings).append("core.account_events", arrow("core.account_events", [event]))
    folder = take(settings, target).backup.folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in folder.rglob("*") if p.is_file()} == {0o600}
    restored = settings_of(tmp_path / "elsewhere")
    restore(restored, target)
    assert Path(Lake.of(restored).uri("core.account_events")).stat().st_mode & 0o777 == 0o700
    assert Path(Lake.of(restored).files("core.trades")[0]).stat().st_mode & 0o077


def test_maintenance_deletes_nothing_while_a_backup_runs_and_two_backups_never_run_at_once(
    settings: Settings, target: Path
) -> None:
    lake = Lake.of(settings)
    lake.merge("core.trades", [staged(settings.scratch / "unit", "core.trades", [trade(1, size=9)])])
    with hold_lease(settings, BACKUP, wait=0.0):
        assert maintain(settings, keep_seconds=0).vacuumed_files == 0
        with pytest.raises(Conflict):
            take(settings, target)
    assert maintain(settings, keep_seconds=0).vacuumed_files == 1


def test_a_restored_home_knows_no_process_of_the_original_and_epochs_go_on(
    settings: Settings, target: Path, tmp_path: Path
) -> None:
    with hold_lease(settings, "refresh", wait=0.0) as original:
        take(settings, target)
        restored = settings_of(tmp_path / "elsewhere")
        restore(restored, target)
        with State.of(restored) as state:
            assert Leases(state).current("refresh") is None
        with hold_lease(restored, "refresh", wait=0.0) as here:
            assert here.epoch > original.epoch
