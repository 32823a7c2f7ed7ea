"""A read that fails because of a damaged data file names the table and the file, for every error of DuckDB."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from echelon_pipeline import cli
from echelon_pipeline.errors import CorruptStore, MartsFailed
from echelon_pipeline.lake.damage import may_be_damage, naming_damaged_files, note_read
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.publish import catalog
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.rows import row, staged, trade

TRADES, MART = "core.trades", "mart.trade_volume"
PAGE_HEADER = 4  # where the first one begins, behind the magic bytes
TABLES_READ = (TRADES, "core.instruments", "core.daily_prices")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home", publish_every=0, min_free_mb=0)
    lake = Lake.of(settings)
    lake.merge(TRADES, [staged(lake.scratch, TRADES, [trade(n) for n in range(40)])])
    for name in TABLES_READ[1:]:
        rows = [row(name, instrument_id=f"kalshi:I{n}") for n in range(40)]
        lake.merge(name, [staged(lake.scratch, name, rows)])
    return settings


def data_file(settings: Settings, table: str) -> Path:
    return Path(Lake.of(settings).files(table)[0])


def flip(path: Path, at: int) -> None:
    """Replaces one byte in place: same file, same modification time, as a failing disk does."""
    stat = path.stat()
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("table", TABLES_READ)
def test_a_flipped_byte_that_fails_a_publication_is_named(settings: Settings, table: str) -> None:
    path = data_file(settings, table)
    flip(path, PAGE_HEADER)
    with pytest.raises(CorruptStore) as found:
        publish(settings, force=True)
    assert f"{table}: {path} is not what was committed (sha256)" in str(found.value)
    assert "docs/operations.md" in str(found.value)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES_READ)
def test_a_byte_flipped_anywhere_is_named_or_does_not_affect_the_read(settings: Settings, table: str) -> None:
    path = data_file(settings, table)
    whole = path.read_bytes()
    for at in random.Random(7).sample(range(len(whole)), 40):
        flip(path, at)
        try:
            publish(settings, force=True)
        except CorruptStore as error:
            if str(path) not in str(error):
                raise
        path.write_bytes(whole)


def test_the_reason_of_a_failed_mart_names_the_damaged_file(settings: Settings) -> None:
    path = data_file(settings, TRADES)
    flip(path, PAGE_HEADER)
    with pytest.raises(MartsFailed) as found:
        list(Refresh(settings).run([MART]))
    assert f"{TRADES}: {path} is not what was committed" in found.value.reasons[MART]


@pytest.mark.parametrize("damage", [lambda p: flip(p, PAGE_HEADER), Path.unlink, lambda p: p.write_bytes(b"damaged")])
def test_a_damaged_file_below_a_view_is_named_by_sql(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(catalog, "PHYSICAL_BYTES", 0)
    publish(settings)
    path = data_file(settings, TRADES)
    damage(path)
    monkeypatch.setenv("ECHELON_HOME", str(settings.home))
    result = CliRunner().invoke(cli.app, ["sql", "SELECT sum(size), max(trade_id), max(event_at) FROM core.trades"])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: core.trades: {path}"), result.stderr


def test_a_file_without_a_checksum_is_read_to_its_end(settings: Settings) -> None:
    path = data_file(settings, TRADES)
    for record in Path(Lake.of(settings).uri(TRADES), "_sha256").iterdir():
        record.unlink()
    flip(path, PAGE_HEADER)
    with pytest.raises(CorruptStore, match=f"core.trades: {path} cannot be read"):
        publish(settings)


@pytest.mark.parametrize("said", ["Out of buffer", "TProtocolException: Invalid data"])
def test_an_unclassified_error_of_duckdb_is_an_unreadable_file(settings: Settings, said: str) -> None:
    with pytest.raises(CorruptStore, match=f"lake cannot be read: {said}"), Lake.of(settings).duck():
        raise duckdb.Error(said)


def test_errors_in_a_statement_are_not_blamed_on_files(tmp_path: Path) -> None:
    mistakes: tuple[Exception, ...] = (duckdb.BinderException("x"), duckdb.InterruptException("x"), CorruptStore("x"))
    assert not any(may_be_damage(error) for error in mistakes)
    note_read("core.gone", f"{tmp_path}/core/gone", (type("File", (), {"path": str(tmp_path / "gone.parquet")})(),))
    for error in mistakes:
        with pytest.raises(type(error), match=r"^x$"), naming_damaged_files(str(tmp_path)):
            raise error
