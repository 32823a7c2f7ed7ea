"""The services of docs/deploy/compose.yaml as processes of this machine: they find each other, are healthy, run a job.

Belongs here: what only the running services show. Their files are ``unit/test_deploy.py``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from echelon_pipeline_tests.ports import free_port
from echelon_pipeline_tests.unit.test_deploy import DEPLOY, SERVICES

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("postgres")]
BIN = Path(sys.executable).parent
LAUNCH = """
mutation { launchRun(executionParams: { selector: {
    repositoryLocationName: "echelon_pipeline", repositoryName: "__repository__", jobName: "refresh"
}, runConfigData: {} }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"


class Deployed:
    """The services, with this machine's ports in place of the container's."""

    def __init__(self, folder: Path, databases: dict[str, str], stack: ExitStack) -> None:
        self.ports = {"4000": free_port(), "3000": free_port()}
        self.folder = folder
        workspace = (DEPLOY / "workspace.code.yaml").read_text(encoding="utf-8")
        workspace = workspace.replace("host: code", "host: 127.0.0.1").replace("4000", str(self.ports["4000"]))
        (folder / "workspace.code.yaml").write_text(workspace, encoding="utf-8")
        home = folder / "home"
        (home / "dagster").mkdir(parents=True)
        (home / "dagster" / "dagster.yaml").write_bytes((DEPLOY / "dagster.postgres.yaml").read_bytes())
        values = {**SERVICES["code"]["environment"], **databases, "ECHELON_HOME": str(home), "REDIS_URL": ""}
        values["DAGSTER_HOME"] = str(home / "dagster")
        self.env = {**os.environ, **values, "PATH": f"{BIN}:{os.environ['PATH']}", "ECHELON_MIN_FREE_MB": "0"}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = stack

    def command(self, words: list[str]) -> list[str]:
        """The words of a service's command, for this machine."""
        replaced = {"0.0.0.0": "127.0.0.1", **{port: str(own) for port, own in self.ports.items()}}  # noqa: S104
        found = [replaced.get(word, word.replace("/etc/echelon", str(self.folder))) for word in words]
        return [word.replace(":3000/", f":{self.ports['3000']}/") for word in found]

    def start(self, name: str) -> None:
        lines = self._stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            self.command(SERVICES[name]["command"]), env=self.env, stdout=lines, stderr=lines, start_new_session=True
        )
        self.processes[name] = process
        self._stack.callback(_end, process)

    def is_healthy(self, name: str) -> bool:
        words = self.command(SERVICES[name]["healthcheck"]["test"][1:])
        return subprocess.run(words, env=self.env, capture_output=True, check=False).returncode == 0

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")[-2000:]

    def asked(self, query: str, **variables: object) -> Any:
        url = f"http://127.0.0.1:{self.ports['3000']}/graphql"
        answer = httpx.post(url, json={"query": query, "variables": variables}, timeout=60, trust_env=False)
        return answer.json()["data"]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait(what: str, found: Callable[[], object], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


@pytest.fixture
def databases(database: str) -> dict[str, str]:
    """The databases that compose creates."""
    with closing(psycopg2.connect(database)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for name in ("dagster", "state"):
                cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                cursor.execute(f"CREATE DATABASE {name}")
    dagster, state = (database.replace("/postgres?", f"/{name}?") for name in ("dagster", "state"))
    return {
        "DAGSTER_POSTGRES_URL": dagster.replace("postgresql://", "postgresql+psycopg2://"),
        "ECHELON_STATE_URL": state,
        "ECHELON_POSTGRES_URL": "",
    }


def test_the_services_are_healthy_and_a_run_of_the_ui_is_executed(databases: dict[str, str], tmp_path: Path) -> None:
    with ExitStack() as stack:
        deployed = Deployed(tmp_path, databases, stack)
        for name in ("code", "web", "daemon"):  # the order of depends_on
            assert not deployed.is_healthy(name), f"{name} is healthy before it runs"
            deployed.start(name)
            wait(f"{name} is not healthy", lambda name=name: deployed.is_healthy(name))  # type: ignore[misc]
        entries = deployed.asked(LOCATIONS)["workspaceOrError"]["locationEntries"]
        assert entries == [{"name": "echelon_pipeline", "loadStatus": "LOADED"}]
        launched = deployed.asked(LAUNCH)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run = launched["run"]["runId"]

        def ended() -> bool:
            status = deployed.asked(STATUS, run=run)["runOrError"]["status"]
            assert status not in ("FAILURE", "CANCELED"), deployed.said("code")
            return bool(status == "SUCCESS")

        wait("the run does not end", ended)
        assert (tmp_path / "home" / "echelon.duckdb").is_file()
        assert not list((tmp_path / "home").rglob("*.db")), "Dagster's records are in Postgres"
        assert not (tmp_path / "home" / "state.sqlite").exists()
        for name in ("daemon", "web", "code"):
            deployed.processes[name].send_signal(signal.SIGTERM)
            deployed.processes[name].wait(60)
