"""A sandbox without a socket: the application called in this process.

Belongs here: requests of tests to a universe. One universe of each size is built per run.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from typing import Any

import httpx

from echelon_pipeline.sandbox.faults.faults import FaultPlan
from echelon_pipeline.sandbox.server.app import build_app
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.universe.recorded import RecordedUniverse
from echelon_pipeline.sandbox.universe.universe import Universe

KALSHI = "/trade-api/v2"
OPTIONS = SandboxOptions(events=120, instruments=800, trades=20_000, days=100)


@cache
def universe(seed: int = 7) -> Universe:
    """The universe that the tests share; it never changes, only clocks do."""
    return Universe(replace(OPTIONS, seed=seed))


class Local:
    """Requests to a sandbox application with a clock of its own."""

    def __init__(self, of: Universe | RecordedUniverse, faults: FaultPlan | None = None, speed: float = 0.0) -> None:
        self.universe = of
        self.clock = SandboxClock(of.start, speed=speed)
        self.plan = faults or FaultPlan()
        self.app = build_app(of, faults=self.plan, clock=self.clock)

    def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, body: object = None
    ) -> httpx.Response:
        """One response."""

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, headers=headers, json=body)

        return asyncio.run(go())

    def get(self, path: str, **query: object) -> Any:
        """The body of a GET that must succeed."""
        answer = self.ask("GET", str(httpx.URL(path, params={k: str(v) for k, v in query.items()})) if query else path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def post(self, path: str, body: object) -> Any:
        """The body of a POST that must succeed."""
        answer = self.ask("POST", path, body=body)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def refusal(self, path: str) -> tuple[int, Any]:
        """Status and body of a GET that must not succeed."""
        answer = self.ask("GET", path)
        assert answer.status_code >= 400, f"{path} answered {answer.status_code}"
        return answer.status_code, answer.json()

    def pages(self, path: str, name: str, **query: object) -> list[dict[str, Any]]:
        """Every object of a Kalshi listing."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            body = self.get(path, **query, cursor=cursor)
            found += body[name]
            cursor = body["cursor"]
            if not cursor:
                return found
