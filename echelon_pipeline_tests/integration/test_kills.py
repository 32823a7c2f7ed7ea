"""A killed ingest resumes: the same tables, no duplicates, no leftovers. Real processes, real SIGKILL.

Belongs here: kills at random moments, of the units alone and of the real command with Dagster's records in its home.
What a signal does at a known step is ``test_interrupts.py``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests import promises
from echelon_pipeline_tests.dagster_records import HEARING, slots, statuses, steps_begun
from echelon_pipeline_tests.integration.conftest import TINY
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
def test_a_random_kill_leaves_the_same_tables(tmp_path: Path) -> None:
    with SandboxProcess(TINY) as sandbox:
        _campaign(sandbox, tmp_path, kills=1, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_random_kills_leave_the_same_tables(sandbox: SandboxProcess, tmp_path: Path) -> None:
    _campaign(sandbox, tmp_path, kills=50, seed=2)


COMMAND = [sys.executable, "-c", HEARING, "ingest"]
STEPS = 36  # of the main job, about
# Seconds for the command that follows a kill.
RESUMED = 120.0
# What a command is stopped with, and the exit code that it then has.
KILL, HANG_UP = (signal.SIGKILL, -signal.SIGKILL), (signal.SIGHUP, 128 + signal.SIGHUP)


def _command(env: dict[str, str], home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env={**os.environ, **env, "ECHELON_HOME": str(home), "ECHELON_DAYS_BACK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _completed(env: dict[str, str], home: Path) -> float:
    """Runs the command to its end; how many seconds it took."""
    begun, process = time.monotonic(), _command(env, home)
    try:
        said, _ = process.communicate(timeout=5 * RESUMED)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"no end in {5 * RESUMED:g} s: {process.communicate()[0].decode()}") from None
    took = time.monotonic() - begun
    assert process.returncode == 0, said.decode()
    assert took < promises.seconds(RESUMED), said.decode()
    return took


def _stopped(env: dict[str, str], home: Path, stop: tuple[int, int], rng: random.Random) -> float:
    """Stops the command soon after it began a random one of its steps; how many seconds it took to end."""
    steps, pause, before = rng.randrange(STEPS), rng.uniform(0.0, 1.0), len(statuses(home))
    process = _command(env, home, "--refetch")  # else there is nothing left to do, and to break off
    while process.poll() is None and not (len(statuses(home)) > before and steps_begun(home) >= steps):
        time.sleep(0.1)
    time.sleep(pause)
    at = time.monotonic()
    process.send_signal(stop[0])
    said, _ = process.communicate(timeout=60)
    assert process.returncode == stop[1] or b" done\n" in said, said.decode()
    return time.monotonic() - at


@dataclass
class Stops:
    """What a campaign saw. ``held``: how many of the stopped runs held slots of pools when they were killed."""

    ended: list[float] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)
    held: int = 0


def _attack(sandbox: SandboxProcess, tmp_path: Path, stops: Sequence[tuple[int, int]], seed: int) -> Stops:
    """One home; each stop at a random step is followed by the command again."""
    clean, home = (settings_for(tmp_path / name, sandbox.env(), ECHELON_DAYS_BACK="1") for name in ("clean", "home"))
    _completed(sandbox.env(), clean.home)
    expected = _tables(clean)
    rng, seen = random.Random(seed), Stops()
    for stop in stops:
        seen.ended.append(_stopped(sandbox.env(), home.home, stop, rng))
        seen.held += bool(slots(home.home))
        seen.resumed.append(_completed(sandbox.env(), home.home))
        assert _tables(home) == expected, seen
        assert duplicates(home) == {}, seen
        assert slots(home.home) == {}, seen
        assert set(statuses(home.home)) <= {"SUCCESS", "FAILURE", "CANCELED"}, seen
    return seen


def _tables(settings: Settings) -> dict[str, tuple[int, str]]:
    """Of the lake; when which mart was built is not compared."""
    return {name: found for name, found in contents(settings).items() if name != "core.mart_builds"}


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_fifty_kills_and_ten_hang_ups_of_the_command_leave_a_home_that_the_command_completes(tmp_path: Path) -> None:
    with SandboxProcess(TINY) as sandbox:
        seen = _attack(sandbox, tmp_path, [*[KILL] * 5, HANG_UP] * 10, seed=3)
    assert len(seen.resumed) == 60
    assert seen.held > 0  # else no kill met what it is about
    print(f"stopped in at most {max(seen.ended):.1f} s, resumed in at most {max(seen.resumed):.0f} s, {seen.held} held")  # noqa: T201
    assert max(seen.ended) < promises.seconds(5.0)
