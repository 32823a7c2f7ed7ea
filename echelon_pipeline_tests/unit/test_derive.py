"""Staged rows are committed whole: each table has a place, and no table is left out in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from echelon_pipeline.errors import RuleViolation
from echelon_pipeline.ingest.derive import Deriver
from echelon_pipeline.lake.session import Session
from echelon_pipeline.settings import load_settings
from echelon_pipeline.tables import COMMIT_ORDER
from echelon_pipeline.venues.kalshi.parse import KINDS as KALSHI
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.polymarket.parse import KINDS as POLYMARKET
from echelon_pipeline_tests.rows import row, staged, stored, trade


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.of(load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"}))


def test_rows_of_a_table_without_a_place_stop_the_commit_before_it_begins(session: Session) -> None:
    with session.unit() as unit:
        deriver = Deriver(unit, {})
        deriver.staged = {
            "core.trades": [staged(unit.scratch, "core.trades", [trade(1)])],
            "core.parlays": [staged(unit.scratch, "core.parlays", [row("core.parlays")])],
        }
        with pytest.raises(RuleViolation, match=r"rows are staged for core\.parlays: no place in the commit order"):
            deriver.commit()
    assert stored(session.lake, "core.trades") == []


def test_versions_of_instruments_are_committed_without_the_instruments(session: Session) -> None:
    with session.unit() as unit:
        deriver = Deriver(unit, {})
        version = row("core.instrument_history")
        deriver.staged = {"core.instrument_history": [staged(unit.scratch, "core.instrument_history", [version])]}
        assert deriver.commit().new == {"core.instrument_history": 1}
    assert len(stored(session.lake, "core.instrument_history")) == 1


@pytest.mark.parametrize("kinds", [KALSHI, POLYMARKET], ids=["kalshi", "polymarket"])
def test_every_table_that_a_payload_gives_rows_of_has_a_place(kinds: dict[str, PayloadKind]) -> None:
    assert {table for kind in kinds.values() for table in kind.outputs} <= set(COMMIT_ORDER)
