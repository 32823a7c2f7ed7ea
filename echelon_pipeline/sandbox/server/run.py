"""Runs the sandbox until a signal ends it.

Belongs here: the server, its port and its signals. ``app.py`` makes the application.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.applications import Starlette

from echelon_pipeline.hosting.ports import require_port
from echelon_pipeline.sandbox.server.app import build
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.protocol import SandboxProtocol

PING_SECONDS = 10.0  # between two of Kalshi's heartbeats


def run(options: SandboxOptions, *, announce: Callable[[int], None] | None = None) -> None:
    """Serves until SIGINT, SIGTERM or SIGHUP. ``announce`` gets the port as soon as the server listens (port 0 selects
    a free port). Raises BadSettings."""
    require_port(options.host, options.port)
    with _ending_in_order():
        Server(build(options), options.host, options.port, announce or (lambda _: None)).run()


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP end the server like SIGINT; SIGHUP is ignored if the parent ignores it (nohup)."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if before[signal.SIGHUP] is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Server(uvicorn.Server):
    """REST and WebSocket on one port; announces the port as soon as it listens."""

    def __init__(self, app: Starlette, host: str, port: int, announce: Callable[[int], None]) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            lifespan="off",
            ws=SandboxProtocol,
            ws_ping_interval=PING_SECONDS,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce(self.servers[0].sockets[0].getsockname()[1])
