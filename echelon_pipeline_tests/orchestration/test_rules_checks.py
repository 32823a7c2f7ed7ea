"""The ``rules`` check of an asset is red where rows broke a rule of its table, and the step fails.

Belongs here: what Dagster's records say of a broken rule.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.errors import Conflict, RuleViolation
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops import failures
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.marts import changed_statement
from echelon_pipeline_tests.rows import DAY, staged, trade

TRADES = dg.AssetKey(["core", "kalshi", "trades"])
VOLUME = dg.AssetKey(["mart", "trade_volume"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        {"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0", "ECHELON_START_DATE": "2026-11-01"}
    )


def ran(settings: Settings, key: dg.AssetKey, day: str) -> tuple[bool, list[tuple[bool, str]]]:
    """Whether a run of an asset succeeded, and what its ``rules`` checks say: passed, and which rule is broken."""
    job = build_defs(settings).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            asset_selection=[key], partition_key=day, instance=instance, raise_on_error=False
        )
        events = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [e.dagster_event.asset_check_evaluation_data for e in events if e.dagster_event]
    broken = [
        (c.passed, str(c.metadata["broken"].value) if "broken" in c.metadata else "")
        for c in found
        if c.check_name == "rules"
    ]
    return result.success, broken


def test_rows_that_break_a_rule_are_a_red_check_and_a_failed_step(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trades(*_: object, **__: object) -> None:
        lake = Lake.of(settings)
        lake.merge("core.trades", [staged(lake.scratch, "core.trades", [trade(1, price_0=Decimal("1.5"))])])

    monkeypatch.setattr(main, "trades", trades)
    success, checks = ran(settings, TRADES, "2026-11-20")
    assert not success
    ((passed, broken),) = checks
    assert not passed
    assert broken.startswith("core.trades: rule ")


def test_another_failure_says_nothing_of_the_rules(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def trades(*_: object, **__: object) -> None:
        raise Conflict("other writers were faster")

    monkeypatch.setattr(failures, "RETRY_DELAY", 0.01)
    monkeypatch.setattr(main, "trades", trades)
    assert ran(settings, TRADES, "2026-11-20") == (False, [])


def test_a_mart_whose_rows_break_a_rule_has_a_red_check_and_the_run_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.of(settings)
    lake.merge("core.trades", [staged(lake.scratch, "core.trades", [trade(1)])])
    changed_statement(monkeypatch, "mart.trade_volume", lambda text: f"FROM ({text}) UNION ALL FROM ({text})")
    success, ((passed, broken),) = ran(settings, VOLUME, str(DAY))
    assert success
    assert not passed
    assert "key (" in broken


def test_a_violation_names_its_table() -> None:
    assert RuleViolation("core.trades: …", table="core.trades").table == "core.trades"
    assert RuleViolation("no table is at fault").table == ""
