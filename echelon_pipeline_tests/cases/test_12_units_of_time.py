"""A time's unit is said by the field's name and never guessed; times are exact to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from echelon_pipeline.errors import BadImport
from echelon_pipeline_tests.imported import CASES, home_in, load, needs_cases, rows_of, write_csv

PRINTS = {"instrument": "ticker", "price": "price", "size": "quantity", "side": "taker_side"}
PRINT = {"ticker": "KXA-1", "price": "0.4000", "quantity": "12.0000", "taker_side": "bid"}
AT = datetime(2026, 3, 1, tzinfo=UTC)
UNITS = "event_at_epoch_s, event_at_epoch_ms, event_at_epoch_us, event_at_epoch_ns"


@needs_cases
def test_the_given_file_is_exact_to_the_microsecond(tmp_path: Path) -> None:
    home = home_in(tmp_path)
    mapping = PRINTS | {"event_at_epoch_ns": "local_timestamp"}
    assert load(home, CASES / "12-nanosecond-times.csv", "trades", mapping).rows_committed == 2
    times = sorted(row["event_at"] for row in rows_of(home, "core.trades"))
    assert times == [AT.replace(microsecond=123456), AT.replace(second=1)]


@pytest.mark.parametrize(
    ("unit", "text", "microsecond"),
    [
        ("ns", "1772323200123456789", 123456),
        ("ns", "1772323200999999999", 999999),
        ("us", "1772323200123456", 123456),
        ("us", "1772323200123456.9", 123456),
        ("ms", "1772323200123.4567", 123456),
        ("s", "1772323200.1234569", 123456),
        ("s", "1772323200", 0),
        ("s", "1.7723232e9", 0),
    ],
)
def test_a_number_is_cut_to_the_microsecond(tmp_path: Path, unit: str, text: str, microsecond: int) -> None:
    home = home_in(tmp_path)
    path = write_csv(tmp_path / "t.csv", [PRINT | {"at": text}])
    load(home, path, "trades", PRINTS | {f"event_at_epoch_{unit}": "at"})
    assert [row["event_at"] for row in rows_of(home, "core.trades")] == [AT.replace(microsecond=microsecond)]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("event_at", "1772323200123456789"),
        ("event_at", "1772323200"),
        ("event_at_epoch_us", "1772323200123456789"),
        ("event_at_epoch_s", "1772323200123"),
        ("event_at_epoch_ms", "1772323200"),
        ("event_at_epoch_ns", "1772323200123456"),
    ],
)
def test_a_wrong_unit_is_a_dead_letter_that_names_the_units(tmp_path: Path, field: str, text: str) -> None:
    report = load(
        home_in(tmp_path), write_csv(tmp_path / "t.csv", [PRINT | {"at": text}]), "trades", PRINTS | {field: "at"}
    )
    ((reason, count),) = report.reasons.items()
    assert (count, report.is_all_dead) == (1, True)
    assert reason.startswith("event_at: the number is no time from 2000 to 9999")
    assert reason.endswith(UNITS)


@pytest.mark.parametrize("name", ["event_at_ns", "event_at_epoch_nanos", "event_at_epoch", "event_at_unix"])
def test_an_unknown_unit_names_the_units(tmp_path: Path, name: str) -> None:
    path = write_csv(tmp_path / "t.csv", [PRINT | {"at": "1"}])
    with pytest.raises(BadImport, match=rf"trades has no field '{name}'; units of event_at are event_at, {UNITS}"):
        load(home_in(tmp_path), path, "trades", PRINTS | {name: "at"})


def test_an_unknown_unit_of_a_price_names_the_units(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [PRINT | {"at": "1"}])
    with pytest.raises(BadImport, match="no field 'price_pct'; units of price are price, price_cents"):
        load(home_in(tmp_path), path, "trades", {"instrument": "ticker", "price_pct": "price"})


def test_one_field_in_two_units_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [PRINT | {"at": "1"}])
    with pytest.raises(BadImport, match="gives event_at in two units: event_at, event_at_epoch_s"):
        load(home_in(tmp_path), path, "trades", PRINTS | {"event_at": "at", "event_at_epoch_s": "at"})


def test_zero_is_no_time(tmp_path: Path) -> None:
    home = home_in(tmp_path)
    path = write_csv(tmp_path / "r.csv", [{"id": "KXA-1", "result": "yes", "at": "0"}])
    load(home, path, "resolutions", {"instrument": "id", "result": "result", "resolved_at_epoch_s": "at"})
    assert [row["resolved_at"] for row in rows_of(home, "core.resolutions")] == [None]
