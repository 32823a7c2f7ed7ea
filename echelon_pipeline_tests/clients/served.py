"""A sandbox on a port of its own, served by a thread of the test process.

Belongs here: a sandbox with WebSockets for tests. The universe is the shared one.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import httpx
from starlette.applications import Starlette
from websockets.sync.client import ClientConnection, connect

from echelon_pipeline.sandbox.server.hub import Hub
from echelon_pipeline.sandbox.server.keys import KEY_ID, Keys, key_file, public_key
from echelon_pipeline.sandbox.server.options import KALSHI_PATH, MARKET_PATH, USER_PATH
from echelon_pipeline.sandbox.server.run import Server
from echelon_pipeline.venues.kalshi.auth import Signer


def sandbox_keys() -> Keys:
    """The keys of a sandbox process."""
    return Keys({KEY_ID: public_key(key_file().read_bytes())})


def signed() -> dict[str, str]:
    """Headers of a valid handshake."""
    return Signer(KEY_ID, key_file().read_bytes()).headers("GET", KALSHI_PATH)


class Served:
    """Context manager over an application made by ``build_app``."""

    def __init__(self, app: Starlette) -> None:
        self._port = 0
        self.hub: Hub = app.state.hub
        self._ready = threading.Event()
        self._server = Server(app, "127.0.0.1", 0, self._announce)
        self._thread = threading.Thread(target=self._server.run)
        self._open = ExitStack()
        self._http = self._open.enter_context(httpx.Client(trust_env=False, verify=False, timeout=30))  # noqa: S501

    def _announce(self, port: int) -> None:
        self._port = port
        self._ready.set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        self._server.should_exit = True
        self._thread.join(20)

    def open(self, url: str, headers: dict[str, str] | None = None) -> ClientConnection:
        """A client that is closed with the sandbox at the latest, without waiting for a half-open server."""
        return self._open.enter_context(connect(url, additional_headers=headers, close_timeout=0.1))

    @property
    def kalshi(self) -> str:
        return f"ws://127.0.0.1:{self._port}{KALSHI_PATH}"

    @property
    def market(self) -> str:
        return f"ws://127.0.0.1:{self._port}{MARKET_PATH}"

    @property
    def user(self) -> str:
        return f"ws://127.0.0.1:{self._port}{USER_PATH}"

    def get(self, path: str, **query: object) -> Any:
        return self._http.get(self.url(path), params={k: str(v) for k, v in query.items()}).raise_for_status().json()

    def post(self, path: str, body: object) -> Any:
        return self._http.post(self.url(path), json=body).raise_for_status().json()

    def refusal(self, path: str, body: object) -> int:
        """The status of a POST that must not succeed."""
        status = self._http.post(self.url(path), json=body).status_code
        assert status >= 400
        return status

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def advance(self, seconds: float) -> None:
        """Moves the clock; returns when all data up to the new time was sent."""
        self.post("/__sandbox__/advance", {"seconds": seconds})

    def inject(self, kind: str, **where: object) -> None:
        self.post("/__sandbox__/ws/faults", {"kind": kind} | where)

    def faults(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/__sandbox__/ws/faults")["faults"]
        return found

    def tick(self, instrument: str) -> str:
        """Tick size of the current true book."""
        found: str = self.get("/__sandbox__/book", instrument=instrument)["tick"]
        return found

    def token(self, condition: str) -> str:
        """The first token of a condition."""
        assert self.hub.world is not None
        names = self.hub.world.polymarket.names
        row = names.find_condition(condition)
        assert row is not None
        return names.token(row, 0)
