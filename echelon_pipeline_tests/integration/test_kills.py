"""A killed ingest resumes: the same tables, no duplicates, no leftovers. Real processes, real SIGKILL."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echelon_pipeline.sandbox.process import SandboxProcess
from echelon_pipeline_tests.pipeline import contents, duplicates, ingest, settings_for

_WORK = """
from echelon_pipeline.settings import load_settings
from echelon_pipeline_tests.pipeline import ingest
ingest(load_settings())
"""


def _run(env: dict[str, str], home: Path, kill_after: float | None) -> bool:
    """Runs an ingest in a process of its own, killed after some seconds; whether it came to its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WORK],
        env={**os.environ, **env, "ECHELON_HOME": str(home), "ECHELON_DAYS_BACK": "2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _, errors = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return False
    assert process.returncode == 0, errors.decode()
    return True


def _campaign(sandbox: SandboxProcess, tmp_path: Path, kills: int, seed: int) -> None:
    clean = settings_for(tmp_path / "clean", sandbox.env(), ECHELON_DAYS_BACK="2")
    begun = time.monotonic()
    ingest(clean)
    length = time.monotonic() - begun + 3.0  # start-up of the process included
    expected = contents(clean)
    rng = random.Random(seed)
    home, round_, killed = tmp_path / "home-0", 0, 0
    while killed < kills:
        if _run(sandbox.env(), home, rng.uniform(1.0, length)):
            _check(sandbox, home, expected)
            round_ += 1
            home = tmp_path / f"home-{round_}"
        else:
            killed += 1
    assert _run(sandbox.env(), home, None)
    _check(sandbox, home, expected)


def _check(sandbox: SandboxProcess, home: Path, expected: dict[str, tuple[int, str]]) -> None:
    settings = settings_for(home, sandbox.env(), ECHELON_DAYS_BACK="2")
    assert contents(settings) == expected
    assert duplicates(settings) == {}


@pytest.mark.timeout(300)
def test_five_random_kills_leave_the_same_tables(sandbox: SandboxProcess, tmp_path: Path) -> None:
    _campaign(sandbox, tmp_path, kills=5, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_random_kills_leave_the_same_tables(sandbox: SandboxProcess, tmp_path: Path) -> None:
    _campaign(sandbox, tmp_path, kills=50, seed=2)
