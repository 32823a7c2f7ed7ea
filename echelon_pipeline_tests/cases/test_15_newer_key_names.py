"""A publisher renames keys inside of an object: both spellings load, and a missing column is looked for whole."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from echelon_pipeline.errors import BadImport
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.imported import CASES, Row, home_in, load, needs_cases, rows_of, write_csv

CONDITION = f"0xaa{1:062x}"
RESOLUTION = {"winning_outcome_label": "Yes", "resolved_at": 1780300000}
NEWER = RESOLUTION | {"external_ids": {"polymarket_condition_id": CONDITION, "polymarket_market_id": "1"}}
BAR: Row = {"open": "0.40", "high": "0.45", "low": "0.39", "close": "0.44"}
NEWER_BAR = BAR | {"external_ids": {"polymarket_clob_token_id": "615"}, "timestamp": 1780272000, "volume": "120.5"}


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home that knows the token 615 as outcome 0 of the condition."""
    home = home_in(tmp_path)
    outcomes = [{"condition": CONDITION, "token": token, "place": str(i)} for i, token in enumerate(("615", "616"))]
    mapping = {"instrument": "condition", "token_id": "token", "outcome_index": "place"}
    load(home, write_csv(tmp_path / "outcomes.csv", outcomes), "outcomes", mapping, "polymarket")
    return home


def lines(path: Path, *records: Row) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def pancake(home: Settings, path: Path, table: str | None = None) -> dict[str, int]:
    return load(home, path, table, venue=None, preset="pancake").reasons


def is_right(home: Settings) -> None:
    (resolution,) = rows_of(home, "core.resolutions")
    assert resolution["instrument_id"] == f"polymarket:{CONDITION}"
    assert resolution["resolved_at"] == datetime.fromtimestamp(1780300000, UTC)
    (bar,) = rows_of(home, "core.daily_prices")
    assert (bar["instrument_id"], bar["date"]) == (f"polymarket:{CONDITION}", date(2026, 5, 31))
    assert (bar["high"], bar["close"], bar["volume"]) == (Decimal("0.45"), Decimal("0.44"), Decimal("120.5"))
    assert bar["price_source"] == "candle"


@needs_cases
def test_the_given_file_loads_by_both_tables_of_the_preset(home: Settings) -> None:
    path = CASES / "15-newer-key-names.jsonl"
    assert pancake(home, path, "resolutions") == {"instrument: no instrument": 1}
    assert pancake(home, path, "daily-prices") == {"instrument: no instrument": 1}
    is_right(home)


def test_newer_keys_name_the_instrument_and_the_token_and_the_table_is_found(home: Settings, tmp_path: Path) -> None:
    assert pancake(home, lines(tmp_path / "r.jsonl", NEWER)) == {}
    assert pancake(home, lines(tmp_path / "b.jsonl", NEWER_BAR)) == {}
    is_right(home)


def test_older_keys_still_load_beside_newer_ones(home: Settings, tmp_path: Path) -> None:
    older = RESOLUTION | {"external_ids": {"condition_id": "0xbb"}}
    bar = BAR | {"external_ids": {"token_id": "616"}, "observed_at": 1780185600}
    assert pancake(home, lines(tmp_path / "r.jsonl", NEWER, older)) == {}
    assert pancake(home, lines(tmp_path / "b.jsonl", NEWER_BAR, bar)) == {}
    assert len(rows_of(home, "core.resolutions")) == len(rows_of(home, "core.daily_prices")) == 2


def test_the_check_of_columns_looks_at_the_whole_path(home: Settings, tmp_path: Path) -> None:
    path = lines(tmp_path / "r.jsonl", RESOLUTION | {"external_ids": {"id_of_condition": "0xbb"}})
    wanted = r"r\.jsonl: has no column external_ids\.condition_id or external_ids\.polymarket_condition_id;"
    with pytest.raises(BadImport, match=wanted):
        pancake(home, path, "resolutions")
    with pytest.raises(BadImport, match=r"has no column external_ids\.condition \(for instrument\)"):
        load(home, path, "resolutions", {"instrument": "external_ids.condition", "result": "winning_outcome_label"})


def test_a_key_that_only_a_late_record_has_is_found(home: Settings, tmp_path: Path) -> None:
    path = lines(tmp_path / "r.jsonl", *[RESOLUTION | {"external_ids": {}}] * 1_500, NEWER)
    assert pancake(home, path, "resolutions") == {"instrument: no instrument": 1_500}
    assert len(rows_of(home, "core.resolutions")) == 1
