"""Trade walks that are killed claim only what they have, and the next run completes them: real processes, real SIGKILL.

Belongs here: kills after so many commits of one walk, against the sandbox. Walks that fail are ``test_walks.py``, kills
at random moments of a whole run ``test_kills.py``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline.ingest.trades import CONFIGURED
from echelon_pipeline.ingest.walk_progress import EVERYTHING
from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.lake.windows import Window
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.integration.conftest import TINY
from echelon_pipeline_tests.pipeline import VENUES, contents, days_of, duplicates, settings_for

pytestmark = pytest.mark.xdist_group("walks_killed")

_WORK = """
import sys
from datetime import date
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Session
from echelon_pipeline.settings import load_settings
main.trades(Session.of(load_settings()), sys.argv[1], [date.fromisoformat(d) for d in sys.argv[2:]])
"""
_BACK = 3
_SMALL = {"ECHELON_RAW_FLUSH_OBJECTS": "300", "ECHELON_HTTP_CONCURRENCY": "2"}


@pytest.fixture(scope="module")
def busy() -> Iterator[SandboxProcess]:
    """A universe whose whole feed has several pages within the days."""
    with SandboxProcess(replace(TINY, trades=12_000)) as process:
        yield process


@pytest.fixture(
    scope="module",
    params=[pytest.param("500", id="bounded", marks=pytest.mark.slow), pytest.param("0", id="whole feed")],
)
def listed(request: pytest.FixtureRequest, busy: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with both venues' listings; the file ``bound`` beside it holds the bound."""
    home = tmp_path_factory.mktemp("listed") / "home"
    settings_ = settings_for(home, busy.env(), ECHELON_MAX_INSTRUMENTS=request.param, **_SMALL)
    session = Session.of(settings_)
    for venue in VENUES:
        main.fetch(session, venue)
        main.derive(session, venue)
    (home.parent / "bound").write_text(request.param)
    return home


def _settings(home: Path, listed: Path, busy: SandboxProcess) -> Settings:
    bound = (listed.parent / "bound").read_text()
    return settings_for(home, busy.env(), ECHELON_MAX_INSTRUMENTS=bound, **_SMALL)


def _kill_after(home: Path, listed: Path, busy: SandboxProcess, venue: Venue, commits: int) -> None:
    """Starts the walk in a process of its own and kills it once it has claimed ``commits`` times."""
    log = home / "lake" / "core" / "ingest_windows" / "_delta_log"
    before = len(list(log.glob("*.json")))
    days = [d.isoformat() for d in days_of(_settings(home, listed, busy), _BACK)]
    env = {**busy.env(), **_SMALL, "ECHELON_MAX_INSTRUMENTS": (listed.parent / "bound").read_text()}
    process = subprocess.Popen(
        [sys.executable, "-c", _WORK, venue, *days],
        env={**os.environ, **env, "ECHELON_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(list(log.glob("*.json"))) < before + commits and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the walk came to its end before it could be killed"


def _rows(settings_: Settings, window: Window) -> list[tuple[Any, ...]]:
    session = Session.of(settings_)
    among = "" if window.scope in (CONFIGURED, EVERYTHING) else f"AND instrument_id = '{window.scope}'"
    scan = session.lake.scan("core.trades", where={"venue": [window.venue]})
    with session.duck() as connection:
        return connection.execute(
            f"SELECT trade_id, event_at, size, price FROM ({scan}) "
            f"WHERE event_at >= $1 AND event_at < $2 {among} ORDER BY ALL",
            [window.from_at, window.to_at],
        ).fetchall()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("venue", VENUES)
def test_a_killed_walk_claims_what_it_has_and_the_next_run_completes_it(
    listed: Path, busy: SandboxProcess, tmp_path: Path, venue: Venue
) -> None:
    clean, killed = tmp_path / "clean", tmp_path / "killed"
    shutil.copytree(listed, clean)
    shutil.copytree(listed, killed)
    whole, cut = _settings(clean, listed, busy), _settings(killed, listed, busy)
    days = days_of(whole, _BACK)
    main.trades(Session.of(whole), venue, days)
    _kill_after(killed, listed, busy, venue, commits=2)
    claims = [w for w in Session.of(cut).windows.recorded(venue, "core.trades") if w.state == "complete"]
    assert claims
    for claim in claims:
        assert _rows(cut, claim) == _rows(whole, claim)
    held = contents(cut)["core.trades"][0]
    assert 0 < held < contents(whole)["core.trades"][0]
    main.trades(Session.of(cut), venue, days)
    assert contents(cut)["core.trades"] == contents(whole)["core.trades"]
    assert duplicates(cut) == {}
