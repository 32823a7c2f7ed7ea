"""Undated tables: rebuilt as a whole after a change of an input, a setting or the statement, then the marts above."""

from __future__ import annotations

from pathlib import Path

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.refresh import Built, Refresh
from echelon_pipeline.publish.macros import all_macros, needed
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import load_settings
from echelon_pipeline_tests.marts import mart
from echelon_pipeline_tests.rows import DAY, Row, row, staged, stored

LEGS, VOLUME = "core.builder_legs", "mart.builder_volume"

CODE, OTHER = "0x" + "aa" * 32, "0x" + "bb" * 32
UPPER = "0x" + "AA" * 32


def _fill(number: int, code: str = CODE) -> Row:
    return row("core.fills", venue="polymarket", fill_id=f"polymarket:{number}", builder_code=code, date=DAY,
               role="taker", status="confirmed", is_terminal=True, maker=f"0x{number}")  # fmt: skip


def _run(home: Path, codes: str) -> list[Built]:
    settings = load_settings({"ECHELON_HOME": str(home), "ECHELON_BUILDER_CODE": codes})
    return list(Refresh(settings).run([LEGS, VOLUME]))


def test_an_undated_table_follows_its_inputs_and_its_settings(tmp_path: Path) -> None:
    lake = Lake.of(load_settings({"ECHELON_HOME": str(tmp_path)}))
    lake.merge("core.fills", [staged(tmp_path, "core.fills", [_fill(1), _fill(2, OTHER)])])
    assert _run(tmp_path, UPPER)[0] == Built(LEGS, "all", 1)
    assert _run(tmp_path, UPPER) == []
    assert [b.table for b in _run(tmp_path, f"{UPPER},{OTHER}")] == [LEGS, VOLUME]
    lake.merge("core.fills", [staged(tmp_path, "core.fills", [_fill(3)])])
    assert [b.table for b in _run(tmp_path, f"{UPPER},{OTHER}")] == [LEGS, VOLUME]
    assert {r["fill_id"][-1] for r in stored(lake, LEGS)} == {"1", "2", "3"}
    totals = stored(lake, VOLUME, "matches, users", where={}, order="builder_code DESC, range, venue DESC")
    assert totals[0] == {"matches": 3, "users": 3}


def test_the_statements_run_unchanged_on_the_published_file(tmp_path: Path) -> None:
    settings = load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_BUILDER_CODE": CODE})
    lake = Lake.of(settings)
    lake.merge("core.fills", [staged(tmp_path, "core.fills", [_fill(1), _fill(2)])])
    names = [LEGS, VOLUME, "mart.builder_revenue", "mart.builder_leaderboard"]
    built = {b.table: b.rows for b in Refresh(settings).run(names)}
    publish(settings, force=True)
    macros = all_macros()
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        for macro in needed([mart(name).statement.text for name in names], macros):
            connection.execute(macro.text.replace("MACRO", "TEMP MACRO", 1))
        for name in names:
            known = mart(name)
            rows = connection.execute(known.statement.text, known.bound({"builder_codes": [CODE]})).fetchall()
            assert len(rows) == built[name] > 0, name
