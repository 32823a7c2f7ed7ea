"""A home of an earlier version under this one: rows stay, what is older is migrated or computed once, nothing twice."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from echelon_pipeline.commands.work import refresh_and_publish
from echelon_pipeline.errors import NewerLake
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.builds import Builds
from echelon_pipeline.marts.marts import marts
from echelon_pipeline.ops.doctor import examine
from echelon_pipeline.ops.venue_probes import Level
from echelon_pipeline.publish.lineage import guarded_refresh
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import SHAPES_DATA, Settings, load_settings, record_settings
from echelon_pipeline.state import schema
from echelon_pipeline.state.database import State
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.tables import TABLES, Table
from echelon_pipeline_tests.rows import DAY, NOON, Row, row, staged, stored, trade

# Columns that later versions of tables added.
ADDED = {
    "core.ingest_windows": ["unread_rows"],
    "core.dead_letters": ["scope", "instrument_id", "from_at", "to_at", "unread_rows", "closed_at", "closed_reason"],
    "core.daily_prices": ["unread_rows", "incomplete_reason"],
    "core.trades": ["parser_version"],
    "core.instruments": ["parser_version"],
}
STATE_BEFORE = "0004"
SETTING_ADDED = "max_unread_share"


def older(table: Table) -> Table:
    return replace(table, version=1, columns=tuple(c for c in table.columns if c.name not in ADDED[table.name]))


ROWS: dict[str, list[Row]] = {
    "core.instruments": [row("core.instruments", instrument_id=f"kalshi:I{n}", native_id=f"I{n}") for n in range(3)],
    "core.trades": [
        trade(
            n, date=DAY, outcome_index=0, price_0=Decimal("0.25"), taker_notional_usd=Decimal("0.5"), taker_direction=1
        )
        for n in range(6)
    ],
    "core.ingest_windows": [
        row("core.ingest_windows", table_name="core.trades", state="complete", to_at=NOON + timedelta(hours=9))
    ],
}


def environ(home: Path) -> dict[str, str]:
    return {"ECHELON_HOME": str(home), "ECHELON_MIN_FREE_MB": "0", "ECHELON_PUBLISH_EVERY": "0"}


@pytest.fixture
def settings(before: Path, tmp_path: Path) -> Settings:
    """A copy of the home."""
    shutil.copytree(before, tmp_path / "home")
    return load_settings(environ(tmp_path / "home"))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as an earlier version left it, without marts."""
    home = tmp_path_factory.mktemp("before") / "home"
    made = load_settings({**environ(home), "ECHELON_NOW": (NOON + timedelta(hours=10)).isoformat()})
    record_settings(made)
    lake = Lake(
        made.lake_root, scratch=made.scratch, min_free_mb=0, tables={**TABLES, **{n: older(TABLES[n]) for n in ADDED}}
    )
    for name, rows in ROWS.items():
        narrow = [{c: r[c] for c in lake.tables[name].names} for r in rows]
        path = staged(made.scratch / "unit", name, [{**dict.fromkeys(TABLES[name].names), **r} for r in narrow])
        _narrow(path, lake.tables[name])
        lake.merge(name, [path])
    recorded = json.loads((home / "settings.json").read_text(encoding="utf-8"))
    del recorded[SETTING_ADDED]
    (home / "settings.json").write_text(json.dumps(recorded), encoding="utf-8")
    with State.of(made) as state:
        Listeners(state).save(Listener(name="fed", venue="kalshi"))
        with state.begin() as connection:
            schema.migrate(connection, STATE_BEFORE)
    return home


def _narrow(path: Path, table: Table) -> None:
    import pyarrow.parquet as pq

    kept: pa.Table = pq.read_table(path).select(list(table.names))
    pq.write_table(kept, path)


def rows_of(settings: Settings) -> dict[str, list[Row]]:
    return {
        name: stored(Lake.of(settings), name, ", ".join(r for r in rows[0] if r not in ADDED[name]))
        for name, rows in ROWS.items()
    }


def published(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        return connection.execute(query).fetchall()


def test_rows_stay_settings_are_completed_and_the_state_database_is_migrated(settings: Settings) -> None:
    before = rows_of(settings)
    failed = [f for f in examine(environ(settings.home), offline=True) if f.level is Level.FAIL]
    assert [f.what for f in failed] == []
    record_settings(settings)
    recorded = json.loads((settings.home / "settings.json").read_text(encoding="utf-8"))
    assert set(SHAPES_DATA) <= set(recorded)
    with State.of(settings) as state:
        with state.read() as connection:
            assert schema.revision_of(connection) == schema.HEAD
        assert [known.listener.name for known in Listeners(state).all()] == ["fed"]
    publish(settings)
    assert published(settings, "SELECT count(*) FROM core.trades") == [(len(ROWS["core.trades"]),)]
    assert rows_of(settings) == before


@pytest.mark.slow
def test_marts_of_earlier_statements_are_computed_once(settings: Settings) -> None:
    refresh_and_publish(settings)
    query = "SELECT * FROM mart.trade_volume ORDER BY ALL"
    before, volume = rows_of(settings), published(settings, query)
    assert len(volume) == 3
    builds = Builds(Lake.of(settings), settings.scratch)
    computed = {mart.name: [r for r in builds.of(mart.name) if r.code] for mart in marts()}
    computed = {name: records for name, records in computed.items() if records}
    assert {"mart.trade_volume", "mart.daily", "mart.market_overview"} <= set(computed)
    for name, records in computed.items():
        builds.record(name, [replace(r, code="of an earlier statement") for r in records])

    built = {part.table for part in guarded_refresh(settings).run()}
    assert set(computed) - built == set()
    assert list(guarded_refresh(settings).run()) == [], "a second time nothing is older"
    publish(settings, force=True)
    assert published(settings, query) == volume
    assert rows_of(settings) == before


def test_new_columns_are_null_until_the_next_commit_and_later_rows_have_them(settings: Settings) -> None:
    lake = Lake.of(settings)
    assert {r["parser_version"] for r in stored(lake, "core.trades", "parser_version")} == {None}
    late = trade(9, date=DAY, outcome_index=0, parser_version=1)
    lake.merge("core.trades", [staged(settings.scratch / "unit", "core.trades", [late])])
    assert {r["parser_version"] for r in stored(lake, "core.trades", "parser_version")} == {None, 1}
    assert len(stored(lake, "core.trades")) == len(ROWS["core.trades"]) + 1


def test_older_code_that_runs_afterwards_is_refused_and_changes_nothing(settings: Settings) -> None:
    """A machine that was forgotten in the upgrade."""
    newer = replace(TABLES["core.trades"], version=TABLES["core.trades"].version + 1)
    lake = Lake(settings.lake_root, scratch=settings.scratch, min_free_mb=0, tables={**TABLES, "core.trades": newer})
    lake.merge("core.trades", [staged(settings.scratch / "unit", "core.trades", [trade(9, date=DAY)])])
    with pytest.raises(NewerLake):
        refresh_and_publish(settings)
    with State.of(settings) as state, state.begin() as connection:
        schema.migrate(connection)
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerLake):
        State.of(settings)
