"""A file whose columns are a preset's is told so, and presets are listed with their columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from echelon_pipeline.cli import app
from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.presets import all_presets
from echelon_pipeline_tests.imported import home_in, load, rows_of, write_csv

TOP = {
    "timestamp": "2026-01-02T00:00:00",
    "market_ticker": "KXA-1",
    "best_yes_bid": "40",
    "best_no_bid": "58",
    "implied_yes_ask": "42",
    "implied_no_ask": "60",
}
COMMAND = "--preset kalshi_book_top --table quotes --venue kalshi"


def command(monkeypatch: pytest.MonkeyPatch, home: Path, *arguments: str) -> tuple[int, str]:
    monkeypatch.setenv("ECHELON_HOME", str(home))
    result = CliRunner().invoke(app, ["import", *arguments])
    return result.exit_code, result.output


def test_a_file_of_a_presets_columns_names_the_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "t.csv", [TOP])
    code, said = command(monkeypatch, tmp_path / "home", str(path))
    assert (code, f"its columns are those of {COMMAND}" in said) == (1, True)


def test_the_named_preset_needs_no_table_and_no_venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "t.csv", [TOP])
    code, said = command(monkeypatch, tmp_path / "home", str(path), "--preset", "kalshi_book_top")
    assert (code, "1 in the lake (1 new)" in said) == (0, True)


def test_the_list_shows_every_preset_with_its_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = command(monkeypatch, tmp_path / "home", "--preset", "list")
    assert code == 0
    for preset in all_presets():
        assert f"--preset {preset.name} --table {preset.table} --venue {preset.venue}\n" in said
        assert all(" or ".join(spellings) in said for spellings in preset.columns)
    assert not (tmp_path / "home").exists()


def test_a_preset_that_does_not_fit_names_those_that_do(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TOP])
    with pytest.raises(BadImport, match=rf"t\.csv: has no column captured_at.*its columns are those of {COMMAND}"):
        load(home_in(tmp_path), path, "quotes", venue=None, preset="kalshi_weather_books")


def test_a_preset_of_several_tables_asks_for_one(tmp_path: Path) -> None:
    columns = {name: "" for p in all_presets() if p.name == "kalshi_15m_results" for (name, *_) in p.columns}
    path = write_csv(tmp_path / "t.csv", [columns])
    with pytest.raises(BadImport, match="choose with --table one of instruments, resolutions of preset"):
        load(home_in(tmp_path), path, venue=None, preset="kalshi_15m_results")


def test_a_mapping_without_a_table_asks_for_it_and_names_presets(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TOP])
    with pytest.raises(BadImport, match=rf"also needs --table and --venue; its columns are those of {COMMAND}"):
        load(home_in(tmp_path), path, mapping={"instrument": "market_ticker"}, venue=None)


def test_a_file_of_no_presets_columns_names_its_columns_only(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [{"a": "1", "b": "2"}])
    with pytest.raises(BadImport, match=r"give either a mapping or a preset; columns found: a, b$"):
        load(home_in(tmp_path), path)


def test_a_file_with_no_name_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = command(monkeypatch, tmp_path / "home")
    assert (code, "--preset list" in said) == (2, True)


@pytest.mark.parametrize("price", ["-1", "1"])
def test_an_import_exits_1_only_where_all_rows_are_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, price: str
) -> None:
    rows = [{"id": "KXA-1", "at": "2026-01-01T00:00:00Z", "price": p, "size": "1"} for p in (price, "2")]
    path = write_csv(tmp_path / "t.csv", rows)
    maps = [
        f"--map={f}={c}" for f, c in (("instrument", "id"), ("event_at", "at"), ("price", "price"), ("size", "size"))
    ]
    code, said = command(monkeypatch, tmp_path / "home", str(path), "--table", "trades", "--venue", "kalshi", *maps)
    reason = "price: price is not a number from 0 to 1"
    assert (code, f"none of 2 rows could be loaded: {reason} (2)" in said) == (
        (1, True) if price == "-1" else (0, False)
    )
    assert f": {reason} (for example $[" in said
    assert len(rows_of(home_in(tmp_path), "core.dead_letters")) == (2 if price == "-1" else 1)
