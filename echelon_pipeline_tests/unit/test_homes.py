"""Homes: generated rows and live ones never share a lake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from echelon_pipeline.cli import app
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest import main
from echelon_pipeline.ingest.homes import claim_home, claimed_universe, require_own_venues
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.ops.doctor import examine
from echelon_pipeline.ops.venue_probes import Level
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings, load_settings


@pytest.fixture
def demo_home(tmp_path: Path) -> Path:
    claim_home(tmp_path / "demo", {"seed": 1})
    return tmp_path / "demo"


def sandbox_settings(home: Path, **environment: str) -> Settings:
    process = SandboxProcess(SandboxOptions())
    process.port = 1  # nothing listens there
    return load_settings({**process.env(), "ECHELON_HOME": str(home), **environment})


def test_the_demo_marks_its_home_and_may_come_back(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    universe = {"events": 9, "instruments": 20, "trades": 100, "days": 30, "seed": 3}
    assert claimed_universe(home) is None
    claim_home(home, universe)
    (home / "lake").mkdir()
    claim_home(home, universe)
    assert claimed_universe(home) == universe


def test_the_demo_refuses_a_home_with_other_data(tmp_path: Path, demo_home: Path) -> None:
    (tmp_path / "live" / "lake").mkdir(parents=True)
    with pytest.raises(BadSettings, match="did not make"):
        claim_home(tmp_path / "live", {"seed": 1})
    assert not (tmp_path / "live" / "sandbox.json").exists()
    with pytest.raises(BadSettings, match="another universe"):
        claim_home(demo_home, {"seed": 2})


def test_a_demo_home_takes_nothing_from_live_venues(demo_home: Path) -> None:
    with pytest.raises(BadSettings, match="KALSHI_BASE_URL, POLYMARKET_GAMMA_URL") as refused:
        require_own_venues(Settings(home=demo_home))
    assert str(demo_home) in str(refused.value)
    with pytest.raises(BadSettings, match="and ECHELON_POLYMARKET_DATA_URL point"):
        require_own_venues(sandbox_settings(demo_home, ECHELON_POLYMARKET_DATA_URL="https://data.example.org"))
    for host in ("localhost", "127.0.0.1", "[::1]"):
        require_own_venues(sandbox_settings(demo_home, KALSHI_BASE_URL=f"http://{host}:4000/trade-api/v2"))


def test_other_homes_may_ask_whom_they_like(tmp_path: Path) -> None:
    require_own_venues(Settings(home=tmp_path))
    require_own_venues(sandbox_settings(tmp_path))


_TODAY = [datetime.now(UTC).date()]
STEPS: dict[str, Callable[[Session], Counts]] = {
    "kalshi listings": lambda session: main.fetch(session, "kalshi"),
    "kalshi trades": lambda session: main.trades(session, "kalshi", _TODAY),
    "polymarket prices": lambda session: main.prices(session, "polymarket", _TODAY),
    "fills": lambda session: main.builder_fills(session, "polymarket", _TODAY),
    "resolutions": lambda session: main.data_resolutions(session, "polymarket"),
}


@pytest.mark.parametrize("step", STEPS)
def test_every_step_that_asks_a_venue_refuses_before_it_asks(demo_home: Path, step: str) -> None:
    session = Session.of(Settings(home=demo_home, min_free_mb=0, builder_code=f"0x{1:064x}"))
    with pytest.raises(BadSettings, match="generated rows"):
        STEPS[step](session)
    assert not (demo_home / "lake").exists()


def test_the_command_refuses_before_a_run_is_recorded(demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHELON_HOME", str(demo_home))
    monkeypatch.setenv("ECHELON_NOW", "2026-11-20T12:00:00")
    result = CliRunner().invoke(app, ["ingest"])
    assert result.exit_code == 1
    assert "generated rows" in result.output
    assert not (demo_home / "lake").exists()
    assert not list((demo_home / "dagster").glob("history/runs/*"))


def test_the_doctor_contacts_no_live_venue_for_a_demo_home(demo_home: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    environment = {"ECHELON_HOME": str(demo_home), "ECHELON_MIN_FREE_MB": "0"}
    found = {f.what: f for f in examine(environment, transport=httpx.MockTransport(refuse))}
    assert found["venues"].level is Level.OK
    assert "not probed" in found["venues"].text
