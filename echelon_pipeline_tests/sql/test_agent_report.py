"""``mart.agent_report``: figures of builder codes by agent, and that they stay private."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from echelon_pipeline.cli import app
from echelon_pipeline.defs.report import table_state
from echelon_pipeline.errors import MartsFailed
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.session import Session
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import load_settings
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.marts import computed
from echelon_pipeline_tests.rows import Row, staged, stored
from echelon_pipeline_tests.sql.test_builder_marts import CODES, LEDGER, LEGS, MONDAY, READ, A, B, leg

REPORT, AGENTS, FILLS = "mart.agent_report", "core.agents", "core.fills"
SECRET = "agent-whose-name-is-secret"


def agent(name: str, kind: str, of: str) -> Row:
    return {"agent_id": name, "kind": kind, "id": of}


def by_agent(fills: list[Row], agents: list[Row], range_: str = "all", code: str = A) -> dict[str, Row]:
    legs = computed(LEGS, {FILLS: fills}, builder_codes=CODES)
    found = computed(REPORT, {LEGS: legs, FILLS: fills, AGENTS: agents}, builder_codes=CODES)
    return {r["agent_id"]: r for r in found if (r["range"], r["builder_code"]) == (range_, code)}


def test_an_owner_decides_before_a_wallet_and_the_rest_is_unassigned() -> None:
    fills = [
        leg(1, "1", "10", maker="0xU1", owner="Key-1"),
        leg(2, "2", "20", maker="0xu1", owner="other"),
        leg(3, "3", "30", maker="0xu2"),
    ]
    found = by_agent(fills, [agent("alpha", "wallet", "0xu1"), agent("beta", "owner", "key-1")])
    assert {name: r["volume_usd"] for name, r in found.items()} == {"alpha": 20, "beta": 10, "unassigned": 30}
    assert found["beta"]["volume_share"] == 10 / 60
    assert found["alpha"]["fee_usd"] == Decimal("0.1")


def test_agents_add_up_to_the_volume_of_each_code() -> None:
    agents = [agent("alpha", "wallet", "0xu1"), agent("beta", "wallet", "0xu5")]
    legs = computed(LEGS, {FILLS: LEDGER}, builder_codes=CODES)
    volume = computed("mart.builder_volume", {LEGS: legs, "core.coverage": READ}, builder_codes=CODES)
    found = computed(REPORT, {LEGS: legs, FILLS: LEDGER, AGENTS: agents}, builder_codes=CODES)
    compared = 0
    for r in volume:
        if r["legs"]:
            key = (r["builder_code"], r["range"], r["range_start"])
            own = [f for f in found if (f["builder_code"], f["range"], f["range_start"]) == key]
            for column in ("volume_usd", "contracts", "legs"):
                assert sum(f[column] for f in own) == r[column], (key, column)
            compared += 1
    assert compared > 8
    assert {r["range_start"] for r in found if r["range"] == "week"} == {MONDAY.date()}


def test_an_unknown_fee_makes_the_agents_sum_unknown() -> None:
    fills = [leg(1, "1", "10", maker="0xu1"), leg(2, "2", "10", maker="0xu1", builder_fee_usd=None)]
    found = by_agent(fills, [agent("alpha", "wallet", "0xu1")])
    assert (found["alpha"]["fee_usd"], found["alpha"]["builder_fee_usd"]) == (Decimal("0.2"), None)


def test_without_agents_there_are_no_rows() -> None:
    assert by_agent(LEDGER, []) == by_agent(LEDGER, [], code=B) == {}


def test_nothing_about_agents_leaves_the_lake(tmp_path: Path) -> None:
    seed, code = tmp_path / "agents.csv", "0x" + "aa" * 32
    wallet = "0x" + "11" * 20
    seed.write_text(f"agent,wallet\n{SECRET},{wallet}\n")
    environ = {"ECHELON_HOME": str(tmp_path / "home"), "ECHELON_BUILDER_CODE": code, "ECHELON_AGENTS_FILE": str(seed)}
    settings = load_settings(environ)
    lake = Lake.of(settings)
    fills = [leg(n, str(n), "10", maker=wallet, builder_code=code) for n in range(2)]
    lake.merge(FILLS, [staged(tmp_path, FILLS, fills)])
    built = {b.table: b.rows for b in Refresh(settings).run([LEGS, REPORT])}
    assert built[REPORT] == 8  # one code and all codes, four ranges
    publish(settings, force=True)
    assert SECRET.encode() not in settings.published_file.read_bytes()
    with duckdb.connect(str(settings.published_file), read_only=True) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views()")
        assert not {"agents", "agent_report"} & {name for (name,) in names.fetchall()}
    for name in (AGENTS, REPORT):
        assert (TABLES[name].published, TABLES[name].mirrored, TABLES[name].private) == (False, False, True)
        assert SECRET not in str(table_state(Session.of(settings), name, None))
        assert {Path(f).stat().st_mode & 0o077 for f in lake.files(name)} == {0}
    output = tmp_path / "agents.md"
    arguments = ["report", "agents", "--month", "2026-11", "-o", str(output)]
    old = os.umask(0o022)
    try:
        assert CliRunner().invoke(app, arguments, env=environ).exit_code == 0
    finally:
        os.umask(old)
    assert SECRET in output.read_text()
    assert output.stat().st_mode & 0o077 == 0


def test_a_faulty_seed_fails_the_report_of_agents_alone(tmp_path: Path) -> None:
    seed = tmp_path / "agents.csv"
    seed.write_text("agent,wallet\nalpha,zzz\n")
    code = "0x" + "aa" * 32
    environ = {"ECHELON_HOME": str(tmp_path), "ECHELON_BUILDER_CODE": code, "ECHELON_AGENTS_FILE": str(seed)}
    settings = load_settings(environ)
    Lake.of(settings).merge(FILLS, [staged(tmp_path, FILLS, [leg(1, "1", "10", builder_code=code)])])
    names = [LEGS, "mart.builder_volume"]
    with pytest.raises(MartsFailed, match="line 2: wallet of alpha") as failed:
        list(Refresh(settings).run([*names, REPORT]))
    assert set(failed.value.reasons) == {REPORT}
    assert all(stored(Lake.of(settings), name) for name in names)
