"""Third-party clients read the sandbox without an error.

They have an environment of their own (``make test`` builds it from requirements-clients.lock).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from echelon_pipeline.sandbox.polymarket.builders import DEMO_BUILDER_CODE
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline_tests.clients.local import OPTIONS

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
pytestmark = [
    pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-clients: `make test` builds it"),
    pytest.mark.xdist_group("clients"),
]


@pytest.fixture(scope="module")
def served() -> Iterator[SandboxProcess]:
    with SandboxProcess(OPTIONS) as process:
        yield process


def _run(script: str, *arguments: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    command = [str(PYTHON), str(ROOT / "echelon_pipeline_tests" / "clients" / script), *arguments]
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _count(served: SandboxProcess, path: str, name: str, cursor: str) -> int:
    """The number of objects in a listing, read without the client."""
    total, following = 0, ""
    while True:
        query = f"&{cursor}={following}" if following else ""
        body = httpx.get(f"{served.base_url}{path}{query}").raise_for_status().json()
        total += len(body[name])
        following = body.get("cursor") or body.get("next_cursor") or ""
        if not following:
            return total


def test_pykalshi_reads_all_of_kalshi(served: SandboxProcess) -> None:
    assert served.options.now is not None
    found = _run("kalshi_client.py", served.base_url, str(int(served.options.now.timestamp())))
    kalshi = "/trade-api/v2"
    assert found["markets"] == _count(served, f"{kalshi}/markets?status=open&mve_filter=exclude", "markets", "cursor")
    assert found["settled"] == _count(served, f"{kalshi}/markets?status=settled&limit=1000", "markets", "cursor")
    assert found["trades"] == found["trades_listed"] > 0
    assert found["series"] == _count(served, f"{kalshi}/series?", "series", "cursor")
    assert found["events"] == min(_count(served, f"{kalshi}/events?limit=200", "events", "cursor"), 200)
    assert found["candles"] == 49
    assert found["batch"] == 20
    assert found["book"]
    assert found["combo_events"] > 0
    assert found["collections"] == 3
    assert found["historical"] == min(
        50, _count(served, f"{kalshi}/historical/markets?limit=1000", "markets", "cursor")
    )
    assert found["trading"]


def test_polymarkets_client_reads_all_of_polymarket(served: SandboxProcess) -> None:
    found = _run("polymarket_client.py", served.base_url, DEMO_BUILDER_CODE)
    listed = _count(served, "/gamma/markets/keyset?closed=false&limit=100", "markets", "after_cursor")
    assert found["complaints"] == []
    assert 0 <= listed - found["markets"] <= 3  # the client leaves out markets with three outcomes
    assert found["events"] == min(
        _count(served, "/gamma/events/keyset?closed=false&limit=100", "events", "after_cursor"), 120
    )
    assert found["books"] > 0
    assert found["ordered_books"] > 0
    assert found["trades"] == 2500
    assert found["builder_trades"] > 0
    assert found["points"] > 100
    assert found["tokens"] == 20
    assert found["resolutions"] == 10
    assert found["leaderboard"] == 5
    assert found["volumes"] > 30
    assert found["series"] > 50
    assert found["tags"] >= 20
    assert found["sports"] == 4


@pytest.fixture(scope="module")
def moving() -> Iterator[SandboxProcess]:
    with SandboxProcess(OPTIONS, speed=20.0) as process:
        yield process


def test_pykalshi_follows_books_over_the_websocket_and_ends_with_the_true_ones(moving: SandboxProcess) -> None:
    found = _run("kalshi_stream.py", moving.base_url, env=moving.env())
    assert found["complaints"] == []
    assert found["books"] == found["true"] > 5
    assert found["counts"]["OrderbookSnapshotMessage"] == 40
    assert found["counts"]["TickerMessage"] > 0


def test_polymarkets_client_follows_the_market_channel(moving: SandboxProcess) -> None:
    found = _run("polymarket_stream.py", moving.base_url, env=moving.env())
    assert found["complaints"] == []
    assert found["books"] == 80
    assert found["wrong"] == 0
    assert {"book", "price_change", "best_bid_ask"} <= found["counts"].keys()


def test_polymarkets_client_follows_the_user_channel(moving: SandboxProcess) -> None:
    markets = httpx.get(f"{moving.base_url}/gamma/markets/keyset?closed=false&limit=20").raise_for_status().json()
    condition = next(m["conditionId"] for m in markets["markets"] if m.get("clobTokenIds"))
    found = _run("polymarket_user.py", moving.base_url, f"polymarket:{condition}", env=moving.env())
    assert (found["complaints"], found["dropped"]) == ([], 0)
    assert found["told"] == [
        ["order", "LIVE", "BUY", "0.42", "0"],
        ["order", "LIVE", "BUY", "0.42", "2.5"],
        ["trade", "MATCHED", "SELL", "0.42", "2.5"],
        ["trade", "CONFIRMED", "SELL", "0.42", "2.5"],
        ["order", "CANCELED", "BUY", "0.42", "2.5"],
    ]
