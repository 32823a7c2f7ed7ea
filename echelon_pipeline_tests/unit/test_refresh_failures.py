"""A mart that fails, or would lose all its rows, keeps its last version; marts that do not read it are built."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from echelon_pipeline.errors import CorruptStore, DiskFull, MartsFailed
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts import refresh as module
from echelon_pipeline.marts.builds import EMPTIED, FAILED, outdated_marts
from echelon_pipeline.marts.refresh import Built, Refresh
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.marts import changed_statement
from echelon_pipeline_tests.rows import DAY, row, staged, stored, trade

VOLUME, CALIBRATION, OVERVIEW = "mart.trade_volume", "mart.calibration", "mart.market_overview"
NAMES = "core.display_names"


def _merge(lake: Lake, table: str, *rows: dict[str, object]) -> None:
    lake.merge(table, [staged(lake.scratch, table, rows)])


def _broken(
    monkeypatch: pytest.MonkeyPatch, divisor: str = "CASE v.instrument_id WHEN 'kalshi:I1' THEN 0 ELSE 1 END"
) -> None:
    """Makes the statement of trade_volume divide by zero on some rows, like a fault in it."""
    average = "v.contracts::DOUBLE / nullif(v.trades, 0) AS average_size"
    changed_statement(
        monkeypatch, VOLUME, lambda text: text.replace(average, f"v.contracts // ({divisor}) AS average_size")
    )


def _instruments(lake: Lake) -> None:
    for n in range(3):
        _merge(lake, "core.instruments", row("core.instruments", instrument_id=f"kalshi:I{n}", title=f"Market {n}"))


def test_a_mart_that_fails_stops_only_the_marts_that_read_it(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _instruments(lake)
    _merge(lake, "core.trades", *(trade(n, taker_direction=1) for n in range(6)))
    list(Refresh(settings).run())
    before = stored(lake, VOLUME), lake.version(OVERVIEW)
    _merge(
        lake,
        "core.trades",
        trade(7),
        trade(8, event_at=trade(8)["event_at"] + timedelta(days=1), date=DAY + timedelta(days=1)),
    )
    _merge(lake, "core.instruments", row("core.instruments", instrument_id="kalshi:I9", title="Market 9"))
    with monkeypatch.context() as patch:
        _broken(patch)
        built: list[Built] = []
        with pytest.raises(MartsFailed) as failure:
            built.extend(Refresh(settings).run())
    assert {NAMES} <= {b.table for b in built}
    assert {VOLUME, OVERVIEW}.isdisjoint(b.table for b in built)
    assert (stored(lake, VOLUME), lake.version(OVERVIEW)) == before
    assert set(failure.value.reasons) == {VOLUME, OVERVIEW, "mart.daily"}
    assert f"rows of {DAY} of kalshi:I1: " in failure.value.reasons[VOLUME]
    assert "Division by zero" in failure.value.reasons[VOLUME]
    assert failure.value.reasons[OVERVIEW] == f"not built, it reads {VOLUME}"
    assert outdated_marts(lake, FAILED) == failure.value.reasons


def test_a_mart_requested_alone_is_not_built_while_its_input_has_failed(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _instruments(lake)
    _merge(lake, "core.trades", trade(1))
    with monkeypatch.context() as patch:
        _broken(patch)
        with pytest.raises(MartsFailed):
            list(Refresh(settings).run([VOLUME]))
    with pytest.raises(MartsFailed, match=r"it reads mart\.trade_volume"):
        list(Refresh(settings).run([OVERVIEW]))
    assert Built(VOLUME, str(DAY), 1) in list(Refresh(settings).run())
    assert outdated_marts(lake) == {}
    assert stored(lake, OVERVIEW, "count(*) AS n") == [{"n": 3}]


def test_an_unreadable_input_stops_only_the_marts_that_read_it(settings: Settings, lake: Lake) -> None:
    _instruments(lake)
    _merge(lake, "core.trades", trade(1))
    (path,) = lake.files("core.trades")
    Path(path).write_bytes(b"damaged")
    with pytest.raises(MartsFailed, match="trades"):
        list(Refresh(settings).run())
    failed = outdated_marts(lake, FAILED)
    assert VOLUME in failed
    assert NAMES not in failed
    assert stored(lake, NAMES, "count(*) AS n") == [{"n": 3}]


def test_a_full_disk_stops_the_refresh_at_once(settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    _merge(lake, "core.trades", trade(1))
    monkeypatch.setattr(module, "stage", lambda *_: (_ for _ in ()).throw(DiskFull("full")))
    with pytest.raises(DiskFull):
        list(Refresh(settings).run())
    assert outdated_marts(lake) == {}


def test_instruments_that_fail_only_together_are_all_named(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _merge(lake, "core.trades", trade(0), trade(1))
    _broken(monkeypatch, "2 - count(*) OVER ()")
    with pytest.raises(MartsFailed, match=f"rows of {DAY} of kalshi:I0, kalshi:I1: "):
        list(Refresh(settings).run([VOLUME]))


def test_a_mart_that_would_lose_all_rows_keeps_its_last_version(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _instruments(lake)
    list(Refresh(settings).run([NAMES]))
    before = stored(lake, NAMES)
    assert len(before) == 3
    changed_statement(monkeypatch, NAMES, lambda text: f"SELECT * FROM ({text}) LIMIT 0")
    assert list(Refresh(settings).run([NAMES])) == []
    assert stored(lake, NAMES) == before
    assert "core.display_names keeps its last version" in caplog.text
    assert list(outdated_marts(lake, EMPTIED)) == [NAMES]
    assert list(Refresh(settings).run([NAMES], allow_empty=True)) == [Built(NAMES, "all", 0)]
    assert outdated_marts(lake) == {}


def test_a_dated_mart_may_lose_the_rows_of_a_day_but_not_all_rows(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = DAY + timedelta(days=1)
    _merge(lake, "core.trades", trade(1), trade(2, event_at=trade(2)["event_at"] + timedelta(days=1), date=later))
    list(Refresh(settings).run([VOLUME]))
    for condition, days in ((f"date <> DATE '{DAY}'", [later]), ("false", [later])):
        changed_statement(monkeypatch, VOLUME, f"SELECT * FROM ({{}}) WHERE {condition}".format)
        list(Refresh(settings).run([VOLUME], again=True))
        assert [r["date"] for r in stored(lake, VOLUME)] == days
    assert list(outdated_marts(lake, EMPTIED)) == [VOLUME]


def test_an_error_names_each_mart_with_its_reason() -> None:
    error = MartsFailed({"mart.a": "x", "mart.b": "not built, it reads mart.a"})
    assert str(error) == "mart.a: x; mart.b: not built, it reads mart.a"
    assert not isinstance(error, CorruptStore)
