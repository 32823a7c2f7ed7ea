"""The real thing: web server, daemon, code server and run processes, and what becomes of a shift whose run is ended.

Belongs here: what only separate processes show. Shifts alone are ``unit/test_shift.py``.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.state.shift_lease import holders
from echelon_pipeline.streams.segments import CLOSED, OPEN, connection_of, segments
from echelon_pipeline_tests.dagster_records import status
from echelon_pipeline_tests.integration.test_listen import listed
from echelon_pipeline_tests.integration.test_record import UNIVERSE

START = """
mutation { startSensor(sensorSelector: {
    repositoryName: "__repository__", repositoryLocationName: "echelon_pipeline", sensorName: "listeners"
}) { __typename ... on PythonError { message } } }"""
TERMINATE = """
mutation ($run: String!) { terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) { __typename } }"""
STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    fast = {"ECHELON_LISTEN_LEASE": "3", "ECHELON_CAPTURE_FLUSH": "0.2", "ECHELON_MIN_FREE_MB": "0"}
    with SandboxProcess(UNIVERSE, speed=1.0) as sandbox:
        yield {**sandbox.env(), **fast, "ECHELON_HOME": str(tmp_path)}


@dataclass(frozen=True)
class Served:
    """A command ``echelon ui``, where it answers, where its words go: a pipe would stay open as long as its runs."""

    url: str
    process: subprocess.Popen[bytes]
    said: Path


@contextmanager
def served(env: dict[str, str], *arguments: str) -> Iterator[Served]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from echelon_pipeline.cli import app; app()", "ui", "--port", str(port)]
    said = Path(env["ECHELON_HOME"]) / "said.txt"
    with said.open("wb") as words:
        process = subprocess.Popen(
            [*command, *arguments], env={**os.environ, **env}, start_new_session=True, stdout=words
        )
    try:
        yield Served(f"http://127.0.0.1:{port}", process, said)
    finally:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
            child.kill()
        process.kill()
        process.wait()


@pytest.fixture
def url(env: dict[str, str]) -> Iterator[str]:
    with served(env) as ui:
        yield ui.url


def wait(what: str, found: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError(f"no {what} in {seconds:g} s")


def ask(url: str, query: str, **variables: Any) -> Any:
    """None while nobody answers."""
    try:
        body = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=30).json()
    except httpx.TransportError:
        return None
    assert not body.get("errors"), body
    return body["data"]


def holder(state: State, epoch: int, settings: Settings) -> str | None:
    """The run that records as this epoch, with something durable."""
    lease, _ = holders(state, "l")
    written = [p for p in segments(settings.capture_root) if connection_of(p).epoch == epoch]
    found = lease is not None and lease.epoch == epoch and any(p.stat().st_size > 1_000 for p in written)
    return lease.owner if lease is not None and found else None


def worker(settings: Settings) -> psutil.Process:
    """The process that has a segment open."""
    for process in psutil.process_iter():
        try:
            files = [Path(file.path) for file in process.open_files()]
        except psutil.Error:
            continue
        if any(f.suffix == OPEN and f.is_relative_to(settings.capture_root.resolve()) for f in files):
            return process
    raise AssertionError("nobody has a segment open")


@pytest.mark.slow
def test_terminate_is_heard_within_seconds_and_a_killed_shift_is_followed_by_another(
    env: dict[str, str], url: str
) -> None:
    settings = load_settings(env)
    listed(settings, 5)
    with State.of(settings) as state:
        Listeners(state).save(Listener(name="l", venue="kalshi"))
        wait("web server", lambda: ask(url, "{ version }"), 60)
        wait("sensor", lambda: (ask(url, START) or {})["startSensor"]["__typename"] == "Sensor", 60)

        run = wait("shift", lambda: holder(state, 1, settings), 90)
        begun = time.monotonic()
        assert ask(url, TERMINATE, run=run)["terminateRun"]["__typename"] == "TerminateRunSuccess"
        wait("end of the run", lambda: ask(url, STATUS, run=run)["runOrError"]["status"] == "CANCELED", 10)
        assert time.monotonic() - begun < 5.0
        assert {p.suffix for p in segments(settings.capture_root)} == {CLOSED}

        run = wait("second shift", lambda: holder(state, 2, settings), 90)
        worker(settings).kill()
        wait("failure", lambda: ask(url, STATUS, run=run)["runOrError"]["status"] == "FAILURE", 60)
        assert any(p.suffix == OPEN for p in segments(settings.capture_root))

        run = wait("third shift", lambda: holder(state, 3, settings), 150)
        suffixes = {connection_of(p).epoch: p.suffix for p in segments(settings.capture_root)}
        assert suffixes == {1: CLOSED, 2: CLOSED, 3: OPEN}
        Listeners(state).activate("l", active=False)
        wait("end of a paused shift", lambda: ask(url, STATUS, run=run)["runOrError"]["status"] == "SUCCESS", 20)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
def test_listeners_end_with_the_ui_unless_they_are_to_go_on(env: dict[str, str], kept: bool) -> None:
    settings = load_settings(env)
    listed(settings, 5)
    with (
        State.of(settings) as state,
        served(env, *["--keep-listeners"] * kept) as ui,
    ):
        Listeners(state).save(Listener(name="l", venue="kalshi"))
        wait("web server", lambda: ask(ui.url, "{ version }"), 120)
        wait("sensor", lambda: (ask(ui.url, START) or {})["startSensor"]["__typename"] == "Sensor", 60)
        run = wait("shift", lambda: holder(state, 1, settings), 150)
        at_work = worker(settings)
        ui.process.send_signal(signal.SIGHUP)
        assert ui.process.wait(90) == 0
        said = ui.said.read_text(encoding="utf-8").replace("\n", "")
        assert at_work.is_running() is kept
        assert (f"listener l: run {run} of process {at_work.pid} goes on" in said) is kept
        assert status(settings.home, run) == ("STARTED" if kept else "CANCELED")
        if kept:
            at_work.terminate()
            at_work.wait(30)
            assert status(settings.home, run) == "CANCELED"
        assert {p.suffix for p in segments(settings.capture_root)} == {CLOSED}
