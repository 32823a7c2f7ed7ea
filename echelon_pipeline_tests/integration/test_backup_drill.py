"""The drill with real processes: record, ingest, back up, kill all of it, restore elsewhere, go on.

Belongs here: what only separate processes show. Single steps are ``unit/test_backups.py``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from echelon_pipeline.backups.layout import ABOUT, backups, find
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.listeners import Listeners
from echelon_pipeline.streams.segments import count_of, segments
from echelon_pipeline_tests.integration.test_record import UNIVERSE

ECHELON = [sys.executable, "-c", "from echelon_pipeline.cli import app; app()"]
FAST = {"ECHELON_CAPTURE_FLUSH": "0.1", "ECHELON_CAPTURE_SEGMENT": "2", "ECHELON_MIN_FREE_MB": "0"}


class Home:
    """A home and the commands that work on it."""

    def __init__(self, path: Path, env: dict[str, str]) -> None:
        self.path = path
        self.env = {**os.environ, **env, **FAST, "ECHELON_HOME": str(path)}

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*ECHELON, *arguments], env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        return subprocess.Popen([*ECHELON, *arguments], env=self.env, stdout=quiet, stderr=quiet, stdin=quiet)

    @property
    def lake(self) -> Lake:
        return Lake.of(Settings(home=self.path, min_free_mb=0))

    def frames(self) -> dict[str, int]:
        return durable(self.path / "capture")


def durable(root: Path) -> dict[str, int]:
    """Durable frames of each connection."""
    found: dict[str, int] = {}
    for path in segments(root):
        found[path.parent.name] = max(found.get(path.parent.name, 0), int(path.stem) + count_of(path))
    return found


def content(lake: Lake, table: str, version: int) -> tuple[object, ...]:
    with lake.duck() as connection:
        row = connection.execute(f"SELECT count(*), bit_xor(hash(t)) FROM ({lake.scan(table, version=version)}) t")
        return tuple(row.fetchall()[0])


def wait(what: str, is_there: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_there():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    with SandboxProcess(UNIVERSE, speed=1.0) as sandbox:
        yield sandbox.env()


@pytest.mark.slow
def test_a_home_that_is_lost_while_it_works_goes_on_from_its_backup(env: dict[str, str], tmp_path: Path) -> None:
    home, target = Home(tmp_path / "home", env), tmp_path / "backups"
    home.run("ingest")
    home.run("listeners", "add", "fed", "--venue", "kalshi")
    working = [home.start("record", "--top", "10"), home.start("ingest", "--refetch")]
    wait("no frames", lambda: sum(home.frames().values()) > 20)
    for _ in range(2):
        before = home.frames()
        home.run("backup", str(target))
        copied = durable(find(target).folder / "home" / "capture")
        assert {c: n for c, n in before.items() if copied.get(c, 0) < n} == {}
    for seconds in (0.0, 0.4):
        known = set(target.iterdir())
        dying = home.start("backup", str(target))
        wait("no backup began", lambda known=known: set(target.iterdir()) - known)  # type: ignore[misc]
        time.sleep(seconds)
        dying.kill()
        dying.wait()
        assert all((b.folder / ABOUT).is_file() for b in backups(target))
    for process in working:
        process.send_signal(signal.SIGKILL)
        process.wait()

    restored = Home(tmp_path / "elsewhere", env)
    assert "published" in restored.run("restore", str(target))
    backup = find(target)
    assert backup.about.tables["core.trades"] > 0
    for table, version in backup.about.tables.items():
        assert content(restored.lake, table, version) == content(home.lake, table, version), table
    assert restored.frames() == durable(backup.folder / "home" / "capture")
    with State.of(Settings(home=restored.path)) as state:
        assert [known.listener.name for known in Listeners(state).all()] == ["fed"]
    restored.run("doctor", "--offline", "--deep")
    before = restored.frames()
    restored.run("record", "--top", "10", "--seconds", "3")
    assert sum(restored.frames().values()) > sum(before.values())
    restored.run("derive")
    restored.run("ingest")
    restored.run("backup", str(target), "--keep", "1")
    assert len(list(target.iterdir())) == 1
