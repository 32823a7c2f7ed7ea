"""Under faults an ingest ends with the same tables, or stops with a named error and loses nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from echelon_pipeline.errors import EchelonError
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.integration.conftest import BACK, SMALL, Ingested
from echelon_pipeline_tests.pipeline import contents, duplicates, ingest, settings_for

pytestmark = pytest.mark.xdist_group("ingested")

KINDS = ("429", "500", "timeout", "truncate", "malformed", "repeat_cursor")


def _ingest_until_done(settings: Settings, tries: int = 20) -> float:
    """Runs again after named errors, as a schedule would; how many requests the last run had to repeat."""
    for _ in range(tries):
        try:
            counts = ingest(settings)
        except EchelonError:
            continue
        return sum(c.requests.get("retries", 0) for c in counts.values())
    raise AssertionError(f"no run of {tries} came through")


@pytest.mark.timeout(600)
def test_ten_percent_of_failing_requests_change_nothing(ingested: Ingested, tmp_path: Path) -> None:
    share = 0.10 / len(KINDS)
    faults = tuple(f"{kind}={share:.4f}" for kind in KINDS)
    with SandboxProcess(replace(SMALL, faults=faults)) as faulty:
        settings = settings_for(
            tmp_path / "faulty",
            faulty.env(),
            ECHELON_DAYS_BACK=BACK,
            ECHELON_HTTP_TIMEOUT="2",
            ECHELON_HTTP_BACKOFF_MAX="0.05",
        )
        assert _ingest_until_done(settings) > 0
        assert contents(settings) == ingested.contents
        assert duplicates(settings) == {}


def test_a_dead_venue_stops_its_run_with_a_named_error(tmp_path: Path) -> None:
    names = ("KALSHI_BASE_URL", "POLYMARKET_GAMMA_URL", "POLYMARKET_API_URL", "ECHELON_POLYMARKET_DATA_URL")
    env = {"ECHELON_NOW": "2026-11-20T12:00:00Z", **dict.fromkeys(names, "http://127.0.0.1:9")}
    settings = settings_for(tmp_path, env, ECHELON_HTTP_RETRIES="1", ECHELON_HTTP_BACKOFF_MAX="0.01")
    with pytest.raises(EchelonError, match="kalshi"):
        ingest(settings, venues=["kalshi"])
