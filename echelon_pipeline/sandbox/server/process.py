"""A sandbox in a process of its own, for tests and demos; it ends with the process that started it.

Belongs here: starting the process, waiting until it listens, the environment that points the pipeline at it, ending it.
"""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx

from echelon_pipeline.errors import VenueUnavailable
from echelon_pipeline.hosting import parent_watch
from echelon_pipeline.sandbox.server.keys import API_KEY, KEY_ID, key_file
from echelon_pipeline.sandbox.server.options import DEFAULT_NOW, KALSHI_PATH, MARKET_PATH, USER_PATH, SandboxOptions

READY = "sandbox listening on "
# No request uses TLS: httpx would load all certificates for each request, 35 ms.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class SandboxProcess:
    """Context manager. ``fields`` replace those of ``options`` (default: SandboxOptions())."""

    def __init__(self, options: SandboxOptions | None = None, **fields: Any) -> None:
        self.options = replace(options or SandboxOptions(), **fields)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """The sandbox's URL."""
        return f"http://{self.options.host}:{self.port}"

    def env(self) -> dict[str, str]:
        """Environment variables that point the pipeline's settings at this sandbox."""
        now = (self.options.now or DEFAULT_NOW) - timedelta(seconds=self.options.behind)
        sockets = f"ws://{self.options.host}:{self.port}"
        variables = {
            "KALSHI_BASE_URL": f"{self.base_url}/trade-api/v2",
            "POLYMARKET_GAMMA_URL": f"{self.base_url}/gamma",
            "POLYMARKET_API_URL": f"{self.base_url}/clob",
            "ECHELON_POLYMARKET_DATA_URL": f"{self.base_url}/data",
            "ECHELON_NOW": now.isoformat(),
            "KALSHI_WS_URL": f"{sockets}{KALSHI_PATH}",
            "KALSHI_API_KEY": KEY_ID,
            "KALSHI_PRIVATE_KEY_PATH": str(self.options.kalshi_key or key_file()),
            "POLYMARKET_WS_URL": f"{sockets}{MARKET_PATH}",
            "POLYMARKET_API_KEY": API_KEY["apiKey"],
            "POLYMARKET_API_SECRET": API_KEY["secret"],
            "ECHELON_POLYMARKET_API_PASSPHRASE": API_KEY["passphrase"],
            "ECHELON_POLYMARKET_USER_WS_URL": f"{sockets}{USER_PATH}",
        }
        return variables | ({"ECHELON_RATE_SCALE": "1000"} if self.options.limits == "off" else {})

    def advance(self, by: timedelta) -> None:
        """Moves the sandbox's clock; ``env`` has the new time from then on."""
        answer = httpx.post(
            f"{self.base_url}/__sandbox__/advance", json={"seconds": by.total_seconds()}, verify=NO_CERTIFICATES
        )
        answer.raise_for_status()
        self.options = replace(self.options, now=datetime.fromisoformat(answer.json()["now"]), behind=0)

    def __enter__(self) -> Self:
        self._process = parent_watch.start("echelon_pipeline.sandbox", *arguments(self.options), stdout=subprocess.PIPE)
        assert self._process.stdout is not None  # noqa: S101 - stdout is a pipe
        for line in self._process.stdout:
            if line.startswith(READY.encode()):
                self.port = int(line.rsplit(b":", 1)[1])
                if self.options.now is None:  # a recorded universe has its own time
                    health = (
                        httpx.get(f"{self.base_url}/__sandbox__/health", verify=NO_CERTIFICATES)
                        .raise_for_status()
                        .json()
                    )
                    self.options = replace(self.options, now=datetime.fromisoformat(health["now"]), behind=0)
                return self
        raise VenueUnavailable(f"the sandbox ended with code {self._process.wait()} before it listened")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()


def arguments(options: SandboxOptions) -> list[str]:
    """Command-line arguments that give the same options."""
    texts = [
        f"--universe={options.universe}",
        f"--host={options.host}",
        f"--port={options.port}",
        f"--events={options.events}",
        f"--instruments={options.instruments}",
        f"--days={options.days}",
        f"--trades={options.trades}",
        f"--seed={options.seed}",
        f"--horizon-days={options.horizon_days}",
        f"--behind={options.behind}",
        f"--speed={options.speed}",
        f"--book-ms={options.book_ms}",
        f"--limits={options.limits}",
        f"--capture-numbers={options.capture_numbers}",
        *(f"--fault={fault}" for fault in options.faults),
    ]
    files = {"recordings": options.recordings, "kalshi-key": options.kalshi_key, "capture": options.capture}
    texts += [f"--{name}={path}" for name, path in files.items() if path is not None]
    return [*texts, f"--now={options.now.isoformat()}"] if options.now else texts
