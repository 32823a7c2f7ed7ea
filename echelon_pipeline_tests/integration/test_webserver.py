"""Dagster's pages as ``echelon ui`` serves them, a process of their own: what pages of other sites get done there.

Belongs here: the real application behind the layer. Each rule about headers is in ``unit/test_same_origin.py``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import websockets
from dagster import DagsterInstance

from echelon_pipeline.ops.dagster_home import ensure_dagster_home
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import load_settings
from echelon_pipeline_tests.ports import free_port

# One worker: the server takes seconds to start.
pytestmark = pytest.mark.xdist_group("webserver")

CODE = """
import dagster as dg

@dg.op
def nothing() -> None: ...

@dg.job
def idle() -> None:
    nothing()

@dg.repository
def code():
    return [idle]
"""
DELETE = 'mutation { deletePipelineRun(runId: "%s") { __typename } }'
RUNS = "{ runsOrError { ... on Runs { results { runId } } } }"
LOGS = 'subscription { pipelineRunLogs(runId: "%s") { __typename } }'
EVIL = "https://evil.example"


@dataclass(frozen=True)
class Served:
    url: str
    run: str  # a run that other sites would delete

    @property
    def runs(self) -> list[str]:
        found = httpx.post(f"{self.url}/graphql", json={"query": RUNS}, timeout=60).json()
        return [r["runId"] for r in found["data"]["runsOrError"]["results"]]

    def said(self, query: str, origin: str | None) -> list[Any]:
        """What a WebSocket answers to a query, two messages at most."""

        async def talk() -> list[Any]:
            url = self.url.replace("http", "ws", 1) + "/graphql"
            protocol = websockets.Subprotocol("graphql-ws")
            async with websockets.connect(url, origin=origin, subprotocols=[protocol]) as socket:  # type: ignore[arg-type]
                await socket.send(json.dumps({"type": "connection_init"}))
                await socket.send(json.dumps({"type": "start", "id": "1", "payload": {"query": query}}))
                return [json.loads(await asyncio.wait_for(socket.recv(), 60)) for _ in range(2)]

        return asyncio.run(talk())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("ui")
    home = ensure_dagster_home(load_settings({"ECHELON_HOME": str(folder / "home")}))
    (folder / "code.py").write_text(CODE, encoding="utf-8")
    workspace = folder / "workspace.yaml"
    workspace.write_text("load_from:\n  - python_file: {relative_path: code.py}\n", encoding="utf-8")
    with DagsterInstance.from_config(str(home)) as instance:
        run = instance.create_run_for_job(_job()).run_id
    port = free_port()
    command = [sys.executable, "-m", "echelon_pipeline.commands.webserver", "--workspace", str(workspace)]
    process = subprocess.Popen([*command, "--port", str(port)], env={**os.environ, "DAGSTER_HOME": str(home)})
    try:
        found = Served(f"http://127.0.0.1:{port}", run)
        _wait(process, found.url)
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def _job() -> Any:
    space: dict[str, Any] = {}
    exec(compile(CODE, "code.py", "exec"), space)  # noqa: S102 - the text above
    return space["idle"]


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended by itself"
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/server_info", timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError("no answer in 120 s")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_mutation_by_get(served: Served, method: str) -> None:
    query = {"query": DELETE % served.run}
    assert httpx.request(method, f"{served.url}/graphql", params=query, timeout=60).status_code == 405
    page = httpx.get(f"{served.url}/graphql", params=query, headers={"Accept": "text/html"}, timeout=60)
    assert page.status_code == 200
    assert "GraphiQL" in page.text
    assert served.runs == [served.run]


@pytest.mark.parametrize("headers", [{"Origin": EVIL}, {"Origin": "null"}, {"Host": "evil.example"}])
def test_a_page_of_another_site_deletes_nothing(served: Served, headers: dict[str, str]) -> None:
    """Each way in which a page can send a mutation without being asked: JSON, GraphQL, and a form's parameters."""
    query = DELETE % served.run
    sent: list[dict[str, Any]] = [
        {"json": {"query": query}},
        {"content": query, "headers": {"Content-Type": "application/graphql"}},
        {"params": {"query": query}, "headers": {"Content-Type": "text/plain"}},
    ]
    for given in sent:
        given["headers"] = given.get("headers", {}) | headers
        assert httpx.post(f"{served.url}/graphql", **given, timeout=60).status_code == 403
    assert httpx.get(f"{served.url}/", headers=headers, timeout=60).status_code == 403
    assert served.runs == [served.run]


def test_no_websocket_for_a_page_of_another_site(served: Served) -> None:
    for origin in (EVIL, "null"):
        with pytest.raises(websockets.InvalidStatus, match="403"):
            served.said(RUNS, origin)


@pytest.mark.parametrize("page", ["own", None])
def test_subscriptions_of_our_own_page_and_of_programs_work_and_no_mutation_runs_there(
    served: Served, page: str | None
) -> None:
    origin = served.url if page else None
    acknowledged, data = served.said(LOGS % served.run, origin)
    assert acknowledged["type"] == "connection_ack"
    assert data["payload"]["data"]["pipelineRunLogs"]["__typename"] == "PipelineRunLogsSubscriptionSuccess"
    _, refused = served.said(DELETE % served.run, origin)
    assert refused["type"] == "error" or refused["payload"].get("errors")
    assert served.runs == [served.run]


def test_our_own_page_opens_and_may_change_things(served: Served) -> None:
    page = httpx.get(f"{served.url}/runs", timeout=60)
    assert (page.status_code, page.headers["x-frame-options"]) == (200, "DENY")
    assert "nonce" in page.headers["content-security-policy"]  # Dagster's own policy stays beside ours
    asked = httpx.post(
        f"{served.url}/graphql",
        json={"query": DELETE % "00000000-0000-0000-0000-000000000000"},
        headers={"Origin": served.url},
        timeout=60,
    )
    assert asked.json()["data"]["deletePipelineRun"]["__typename"] == "RunNotFoundError"


@pytest.mark.parametrize("headers", [{"Origin": EVIL}, {"Host": "evil.example"}])
def test_a_page_of_another_site_moves_no_clock_of_a_sandbox(sandbox: SandboxProcess, headers: dict[str, str]) -> None:
    health = f"{sandbox.base_url}/__sandbox__/health"
    before = httpx.get(health).json()
    for path in ("advance", "faults", "counts", "account", "ws/faults", "ws/keys"):
        url = f"{sandbox.base_url}/__sandbox__/{path}"
        refused = httpx.post(url, content='{"seconds": 60}', headers=headers | {"Content-Type": "text/plain"})
        assert refused.status_code == 403, path
    assert httpx.get(health).json() == before
