"""The real command against a venue that never answers: the state after a signal, a closed terminal or a kill.

Belongs here: one process at a known step, which occupies a pool. Kills at random times are in ``test_kills.py``.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from echelon_pipeline_tests import promises
from echelon_pipeline_tests.dagster_records import HEARING, slots, status, statuses
from echelon_pipeline_tests.integration.test_listen_processes import TERMINATE, ask, served

COMMAND = [sys.executable, "-c", HEARING]
INGEST = [*COMMAND, "ingest", "--select", 'key:"raw/kalshi/listings"']
POOL = "kalshi_api"


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment of a home whose Kalshi accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        own = {"ECHELON_HOME": str(tmp_path), "KALSHI_BASE_URL": url, "ECHELON_MIN_FREE_MB": "0"}
        own["ECHELON_HTTP_TIMEOUT"] = "600"
        yield {**os.environ, **own}


def holder(home: Path) -> str | None:
    """The run that occupies the venue's pool."""
    return slots(home).get(POOL)


def wait(what: str, found: Callable[[], str | None], seconds: float = 120.0) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError(f"no {what} in {seconds:g} s")


def begun(env: dict[str, str], after: str | None = None) -> tuple[subprocess.Popen[bytes], str]:
    """The command at the step that waits for the venue, and its run."""
    home = Path(env["ECHELON_HOME"])
    process = subprocess.Popen(INGEST, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        return process, wait("run in the pool", lambda: found if (found := holder(home)) != after else None)
    except AssertionError:
        process.kill()
        raise AssertionError(process.communicate()[0].decode()) from None


def ended(process: subprocess.Popen[bytes], number: int) -> tuple[int, float, str]:
    """Exit code, seconds from the signal to the end, standard error."""
    at = time.monotonic()
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    return process.returncode, time.monotonic() - at, said.decode()


def test_a_killed_command_does_not_block_the_next_one_and_a_signal_ends_that_one(env: dict[str, str]) -> None:
    home = Path(env["ECHELON_HOME"])
    process, killed = begun(env)
    ended(process, signal.SIGKILL)
    assert (status(home, killed), holder(home)) == ("STARTED", killed)
    process, run = begun(env, after=killed)
    assert status(home, killed) == "FAILURE"
    code, took, said = ended(process, signal.SIGINT)
    assert (code, status(home, run), holder(home)) == (130, "CANCELED", None), said
    assert took < promises.seconds(5.0)
    assert f"run {killed} (main) is ended: process " in said
    assert "error: interrupted; committed data stays" in said
    process, run = begun(env)
    code, took, said = ended(process, signal.SIGTERM)
    assert (code, status(home, run), holder(home)) == (143, "CANCELED", None), said
    assert took < promises.seconds(5.0)


# Makes standard input the controlling terminal of a new session, as a terminal's window does for its shell.
IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_closed_terminal_ends_the_run_and_frees_its_pool(env: dict[str, str]) -> None:
    home = Path(env["ECHELON_HOME"])
    window, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, *INGEST],
        env=env,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        run = wait("run in the pool", lambda: holder(home))
        at = time.monotonic()
        os.close(window)
        assert process.wait(60) == 129
        assert time.monotonic() - at < promises.seconds(5.0)
    finally:
        process.kill()
        process.wait()
    assert (status(home, run), holder(home)) == ("CANCELED", None)


def test_a_full_disk_is_reported_before_any_request_to_a_venue(env: dict[str, str]) -> None:
    said = subprocess.run(INGEST, env={**env, "ECHELON_MIN_FREE_MB": "1000000000"}, capture_output=True, check=False)
    assert said.returncode == 75
    assert b"MiB free, a write needs at least 1000000000 MiB" in said.stderr
    assert statuses(Path(env["ECHELON_HOME"])) == []


LAUNCH = """
mutation {
  launchRun(executionParams: {
    selector: {repositoryName: "__repository__", repositoryLocationName: "echelon_pipeline", jobName: "instruments"}
    runConfigData: {}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}"""


@pytest.mark.slow
def test_terminate_in_the_ui_ends_a_run_as_canceled(env: dict[str, str]) -> None:
    home = Path(env["ECHELON_HOME"])
    with served(env) as ui:
        wait("web server", lambda: "up" if ask(ui.url, "{ version }") else None)
        launched = ask(ui.url, LAUNCH)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run = launched["run"]["runId"]
        wait("run in the pool", lambda: holder(home), 180)
        at = time.monotonic()
        assert ask(ui.url, TERMINATE, run=run)["terminateRun"]["__typename"] == "TerminateRunSuccess"
        wait("end", lambda: "ended" if status(home, run) == "CANCELED" else None, 60)
        assert time.monotonic() - at < promises.seconds(5.0)
        assert holder(home) is None
