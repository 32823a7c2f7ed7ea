"""The real thing for three minutes: web server, daemon, schedules and sensors as ``echelon ui`` starts them.

Belongs here: what only separate processes show. What schedules and sensors ask for is driven in
``test_schedules_drive.py``.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import load_settings

UNIVERSE = SandboxOptions(events=8, instruments=40, trades=4_000, days=5)
SECONDS = 180.0

BACKFILL = """
mutation ($days: [String!]) {
  launchPartitionBackfill(backfillParams: {
    partitionNames: $days,
    selector: {
      partitionSetName: "main_partition_set",
      repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "echelon_pipeline"}
    }
  }) { __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } }
}"""
RUNS = """
{ runsOrError { ... on Runs { results { jobName status tags { key value } } } } }"""
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
TICKING = """
{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    __typename
    ... on PythonError { message }
    ... on RepositoryLocation { repositories {
        schedules { name scheduleState { status } }
        sensors { name sensorState { status } } } } } } } } }"""


@dataclass(frozen=True)
class Web:
    """The web server's GraphQL."""

    url: str
    process: subprocess.Popen[bytes]

    def ask(self, query: str, **variables: Any) -> Any:
        answer = httpx.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30)
        body = answer.json()
        assert not body.get("errors"), body
        return body["data"]

    def wait(self, what: str, found: Callable[[], Any], seconds: float = SECONDS) -> Any:
        """What ``found`` gives as soon as it is true; AssertionError after ``seconds`` or when the command ends."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"ended by itself with {self.process.returncode}"
            if result := found():
                return result
            time.sleep(1)
        raise AssertionError(f"no {what} in {seconds:.0f} s")

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/server_info", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def runs(self, job: str, status: str = "SUCCESS") -> list[dict[str, str]]:
        """Tags of a job's runs of a status."""
        found = self.ask(RUNS)["runsOrError"]["results"]
        assert not [r for r in found if r["status"] == "FAILURE"], found
        return [
            {t["key"]: t["value"] for t in r["tags"]} for r in found if (r["jobName"], r["status"]) == (job, status)
        ]


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    with SandboxProcess(UNIVERSE) as sandbox:
        yield {**sandbox.env(), "ECHELON_HOME": str(tmp_path), "ECHELON_SCHEDULES": "1", "ECHELON_MIN_FREE_MB": "0"}


@pytest.fixture
def web(env: dict[str, str]) -> Iterator[Web]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from echelon_pipeline.cli import app; app()", "ui", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, **env}, start_new_session=True)
    try:
        yield Web(f"http://127.0.0.1:{port}", process)
    finally:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
            child.kill()
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_backfill_by_hand_is_refreshed_and_published_by_the_daemon(web: Web, env: dict[str, str]) -> None:
    web.wait("web page", web.answers)
    web.wait("healthy daemon", lambda: not unhealthy(web))
    assert not stopped(web)
    settings = load_settings(env)
    day = settings.clock().date() - timedelta(days=1)
    launched = web.ask(BACKFILL, days=[str(day)])["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    [main] = web.wait("main run", lambda: web.runs("main"))
    assert main["dagster/backfill"] == launched["backfillId"]
    [after] = web.wait("refresh after the backfill", lambda: refreshed(web))
    assert after["dagster/sensor_name"] == "refresh_after_backfill"
    assert volume(env, day) > 0
    ended(web)


def refreshed(web: Web) -> list[dict[str, str]]:
    return [tags for tags in web.runs("refresh") if "dagster/sensor_name" in tags]


def unhealthy(web: Web) -> list[str]:
    """Daemons that are needed and have not been heard of."""
    statuses = web.ask(DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return [s["daemonType"] for s in statuses if s["required"] and not s["healthy"]]


def stopped(web: Web) -> list[str]:
    """Schedules and sensors that do not run although the setting says so."""
    [entry] = web.ask(TICKING)["workspaceOrError"]["locationEntries"]
    [repository] = entry["locationOrLoadError"]["repositories"]
    assert repository["schedules"]
    assert repository["sensors"]
    states = [(s["name"], s["scheduleState"]["status"]) for s in repository["schedules"]]
    states += [(s["name"], s["sensorState"]["status"]) for s in repository["sensors"]]
    return [name for name, status in states if status != "RUNNING"]


def volume(env: dict[str, str], day: date) -> int:
    settings = load_settings(env)
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        query = "SELECT count(*) FROM mart.trade_volume WHERE date = $day"
        return int(connection.execute(query, {"day": day}).fetchall()[0][0])


def ended(web: Web) -> None:
    """An interrupt ends every process within twenty seconds or so."""
    children = psutil.Process(web.process.pid).children(recursive=True)
    assert len(children) >= 2
    web.process.send_signal(signal.SIGTERM)
    assert web.process.wait(40) == 0
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
