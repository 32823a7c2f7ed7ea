"""``echelon ui`` beside another one, and killed: the real processes.

Belongs here: what only separate processes show. The parts alone are in ``unit/test_parent_watch.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from echelon_pipeline_tests.ports import free_port

pytestmark = pytest.mark.xdist_group("webserver")
UI = [sys.executable, "-c", "from echelon_pipeline.cli import app; app()", "ui", "--port"]


def answers(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/server_info", timeout=5).status_code == 200
    return False


def refusal(env: dict[str, str], port: int) -> str:
    """What a second one says, at once."""
    begun = time.monotonic()
    result = subprocess.run([*UI, str(port)], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert time.monotonic() - begun < 20
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1), result
    return result.stderr


def test_a_second_ui_is_refused_in_one_line_and_a_killed_one_leaves_nothing(tmp_path: Path) -> None:
    port = free_port()
    env = {**os.environ, "ECHELON_HOME": str(tmp_path / "home"), "ECHELON_MIN_FREE_MB": "0"}
    process = subprocess.Popen([*UI, str(port)], env=env, start_new_session=True)
    children: list[psutil.Process] = []
    try:
        deadline = time.monotonic() + 120
        while not answers(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.5)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3  # web server, daemon, code servers
        served = f"is already served by process {process.pid} on port {port}; stop that process first"
        assert served in refusal(env, free_port())
        assert served in refusal(env, port)
        other = refusal({**env, "ECHELON_HOME": str(tmp_path / "other")}, port)
        assert f"port {port} is in use by process" in other
        assert "choose another with --port" in other
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(children, timeout=60)
        assert alive == []
        assert not answers(port)
    finally:
        process.kill()
        process.wait()
        for left in children:
            with suppress(psutil.Error):
                left.kill()
