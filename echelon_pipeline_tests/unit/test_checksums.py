"""A sha256 of every data file is recorded at its commit and detects files that changed on disk."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from echelon_pipeline.lake.checksums import checksum, known
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.maintain import maintain
from echelon_pipeline.ops.store_probes import examine_stores
from echelon_pipeline.ops.venue_probes import Level
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings
from echelon_pipeline.streams.log import _written
from echelon_pipeline_tests.rows import DAY, arrow, row, staged, trade

TRADES, OBJECTS = "core.trades", "raw.objects"
PAYLOAD = '{"ticker": "KXA-1"}'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", publish_every=0, min_free_mb=0)


def _merge(lake: Lake, *numbers: int, day: int = 0) -> None:
    later = timedelta(days=day)
    rows = [trade(n, date=DAY + later, event_at=trade(n)["event_at"] + later) for n in numbers]
    lake.merge(TRADES, [staged(lake.scratch, TRADES, rows)])


def _recorded(lake: Lake, table: str) -> dict[str, str]:
    """Recorded checksums of the files of the latest version."""
    uri = lake.uri(table)
    return {p: known(uri).get(p.removeprefix(f"{uri}/"), "nothing") for p in lake.files(table)}


def _levels(settings: Settings, *, deep: bool = True) -> dict[str, Level]:
    return {f.what: f.level for f in examine_stores(settings, deep=deep)}


def test_files_of_merges_appends_replacements_and_compactions_are_recorded(lake: Lake) -> None:
    _merge(lake, 1, 2)
    _merge(lake, 3, day=1)
    _merge(lake, 4)
    for n in range(12):  # appends compact small files
        lake.append(TRADES, arrow(TRADES, [trade(10 + n)]))
    lake.replace(TRADES, staged(lake.scratch, TRADES, [trade(9)]), (DAY, DAY))
    found = _recorded(lake, TRADES)
    assert found == {path: checksum(Path(path)) for path in lake.files(TRADES)}
    assert len(found) == 2


def test_maintenance_consolidates_records_and_adds_missing_checksums(settings: Settings, lake: Lake) -> None:
    _merge(lake, 1)
    _merge(lake, 2, day=1)
    folder = Path(lake.uri(TRADES), "_sha256")
    (folder / f"{1:020d}.json").unlink()  # like a process killed between the commit and its record
    assert _levels(settings)["checksums"] is Level.WARN
    assert maintain(settings, keep_seconds=0).checksums_added == 1
    assert [p.name for p in folder.iterdir()] == ["gathered.json"]
    assert _recorded(lake, TRADES) == {path: checksum(Path(path)) for path in lake.files(TRADES)}
    assert _levels(settings)["checksums"] is Level.OK
    _merge(lake, 3)
    maintain(settings, keep_seconds=0)
    assert set(known(lake.uri(TRADES))) == {p.removeprefix(f"{lake.uri(TRADES)}/") for p in lake.files(TRADES)}


def test_one_flipped_bit_of_a_data_file_is_found(settings: Settings, lake: Lake) -> None:
    _merge(lake, 1)
    (path,) = map(Path, lake.files(TRADES))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert _levels(settings, deep=False)["data files"] is Level.OK
    assert _levels(settings)["checksums"] is Level.FAIL
    texts = [f.text for f in examine_stores(settings, deep=True) if f.what == "checksums"]
    assert texts == [f"core.trades: {path} is not what was committed (sha256)"]


@pytest.mark.parametrize("fault", ["gone", "short"])
def test_a_missing_or_short_data_file_is_found_without_reading_it(settings: Settings, lake: Lake, fault: str) -> None:
    _merge(lake, 1)
    (path,) = map(Path, lake.files(TRADES))
    assert _levels(settings, deep=False)["data files"] is Level.OK
    if fault == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    (found,) = (f for f in examine_stores(settings) if f.what == "data files")
    assert found.level is Level.FAIL
    assert str(path) in found.text
    assert ("does not exist" if fault == "gone" else "the log says") in found.text


def test_a_payload_that_is_not_what_was_served_is_found(settings: Settings, lake: Lake) -> None:
    right = hashlib.sha256(PAYLOAD.encode()).hexdigest()
    lake.append(OBJECTS, arrow(OBJECTS, [row(OBJECTS, payload=PAYLOAD, sha256=right, unit_id="u1")]))
    assert _levels(settings)["payloads"] is Level.OK
    lake.append(OBJECTS, arrow(OBJECTS, [row(OBJECTS, payload=PAYLOAD + " ", sha256=right, unit_id="u2")]))
    (found,) = (f for f in examine_stores(settings, deep=True) if f.what == "payloads")
    assert found.level is Level.FAIL
    assert "1 payload(s)" in found.text
    assert "first u2 page 0 position 0" in found.text


def test_stores_that_cannot_be_reached_are_named(settings: Settings, lake: Lake) -> None:
    _merge(lake, 1)
    publish(settings)
    away = settings.model_copy(
        update={
            "redis_url": type(settings).model_validate({"redis_url": "redis://127.0.0.1:1/0"}).redis_url,
            "postgres_url": type(settings)
            .model_validate({"postgres_url": "postgresql://x@127.0.0.1:1/x"})
            .postgres_url,
        }
    )
    found = _levels(away, deep=False)
    assert (found["redis"], found["postgres"], found["state"]) == (Level.FAIL, Level.FAIL, Level.OK)
    assert {"redis", "postgres"}.isdisjoint(_levels(settings, deep=False))


def test_a_damaged_state_database_is_named(settings: Settings, lake: Lake) -> None:
    _merge(lake, 1)
    publish(settings)
    (settings.home / "state.sqlite").write_bytes(b"no database at all, but long enough to be read as one" * 9)
    assert _levels(settings, deep=False)["state"] is Level.FAIL


def test_a_missing_lake_is_named(settings: Settings, lake: Lake) -> None:
    _merge(lake, 1)
    publish(settings)
    Path(settings.lake_root).rename(settings.home / "unmounted")
    (found,) = (f for f in examine_stores(settings) if f.what == "lake")
    assert found.level is Level.FAIL
    assert "core.trades has vanished" in found.text


def test_every_table_can_be_verified_before_anything_exists(settings: Settings) -> None:
    assert set(_levels(settings).values()) == {Level.OK}


def test_files_of_private_tables_are_readable_by_their_owner_only(lake: Lake) -> None:
    table = "core.account_events"
    event = row(table, kind="order", instrument_id="kalshi:A", order_id="o1", hour=12, listener="l", connection_id="c")
    lake.merge(table, [staged(lake.scratch, table, [event])])
    _merge(lake, 1)
    modes = {oct(Path(path).stat().st_mode & 0o777) for path in lake.files(table)}
    assert modes == {"0o600"}
    assert Path(lake.uri(table)).stat().st_mode & 0o777 == 0o700
    assert Path(lake.files(TRADES)[0]).stat().st_mode & 0o777 != 0o600


def test_recorded_frames_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    with _written(tmp_path / "segment", b"x"):
        pass
    assert (tmp_path / "segment").stat().st_mode & 0o777 == 0o600
