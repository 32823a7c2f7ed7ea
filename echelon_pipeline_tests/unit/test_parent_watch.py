"""Servers that end with their parent, ports, and one ``echelon ui`` per home, with real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from echelon_pipeline.commands import presence
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.hosting.ports import require_port
from echelon_pipeline.settings import load_settings
from echelon_pipeline.state.processes import Process

SLEEPER = "import time\nprint('ready', flush=True)\ntime.sleep(600)\n"
DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + SLEEPER
PARENT = """
import subprocess, sys, time
from echelon_pipeline.hosting import parent_watch
parent_watch.GRACE_SECONDS = 1.0
child = parent_watch.start("sleeper", stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""
SANDBOX = """
import time
from echelon_pipeline.sandbox.server.process import SandboxProcess
with SandboxProcess(events=2, instruments=4, trades=10, days=1) as sandbox:
    print(sandbox._process.pid, flush=True)
    time.sleep(600)
"""


def parent_of(code: str, folder: Path, **environment: str) -> tuple[subprocess.Popen[bytes], psutil.Process]:
    command = [sys.executable, "-c", code]
    path = os.pathsep.join([str(folder), str(Path(__file__).resolve().parents[2])])
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path, **environment}, cwd=folder
    )
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    process.stdout.close()
    return process, child


@pytest.mark.parametrize("code", [PARENT, SANDBOX], ids=["any", "sandbox"])
def test_a_server_ends_when_its_parent_is_killed(code: str, tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(SLEEPER, encoding="utf-8")
    parent, child = parent_of(code, tmp_path)
    parent.kill()
    parent.wait()
    gone, _ = psutil.wait_procs([child], timeout=10)
    assert gone == [child]


def test_a_server_that_ignores_interrupts_is_ended_by_force() -> None:
    watched = "import threading, os; from echelon_pipeline.hosting import parent_watch\n"
    watched += "threading.Thread(target=parent_watch.watch, args=(os.dup(0), 0.5), daemon=True).start()\n" + DEAF
    child = subprocess.Popen([sys.executable, "-c", watched], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    child.stdin.close()
    assert child.wait(10) == 1
    child.stdout.close()


def test_a_port_in_use_is_an_error_that_names_the_process() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        said = rf"port {port} is in use by process {os.getpid()} \(.+\); choose another with --port"
        with pytest.raises(BadSettings, match=said):
            require_port("127.0.0.1", port)
    require_port("127.0.0.1", port)
    require_port("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("no such host", 3000, "no such host is not an address to listen on"),
        ("192.0.2.1", 3000, "cannot listen on port 3000 of 192.0.2.1"),
        ("127.0.0.1", 70_000, "port 70000 does not exist"),
    ],
)
def test_an_unusable_port_is_an_error_of_one_line(host: str, port: int, said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        require_port(host, port)


def test_a_home_is_served_once(tmp_path: Path) -> None:
    settings = load_settings({"ECHELON_HOME": str(tmp_path)})
    with (
        presence.exclusive_ui(settings, 3001),
        pytest.raises(BadSettings) as refused,
        presence.exclusive_ui(settings, 3002),
    ):
        pass
    assert str(refused.value) == (
        f"{tmp_path} is already served by process {os.getpid()} on port 3001; stop that process first"
    )
    with presence.exclusive_ui(settings, 3003):
        pass


@pytest.mark.parametrize("ends", [True, False], ids=["by itself", "killed"])
def test_processes_of_a_killed_ui_are_ended_and_named(
    ends: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings({"ECHELON_HOME": str(tmp_path)})
    file = tmp_path / "dagster" / presence.FILE
    seconds = 1 if ends else 600
    child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])
    try:
        with presence.exclusive_ui(settings, 3001) as present:
            present.record({"daemon": child.pid})
            left = file.read_bytes()
        file.write_bytes(left)  # as a kill leaves it
        name = Process.at(child.pid)
        with presence.exclusive_ui(settings, 3001, patience=3.0 if ends else 0.3):
            assert child.wait(10) == (0 if ends else -signal.SIGKILL)
        assert capsys.readouterr().err == f"ending processes of an `echelon ui` that was killed: daemon ({name})\n"
        with presence.exclusive_ui(settings, 3001):
            assert capsys.readouterr().err == ""
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"children": 3}'])
def test_a_truncated_file_of_a_killed_ui_is_ignored(text: str, tmp_path: Path) -> None:
    settings = load_settings({"ECHELON_HOME": str(tmp_path)})
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / presence.FILE).write_text(text, encoding="utf-8")
    with presence.exclusive_ui(settings, 3001):
        pass


def started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests themselves may run under nohup
    )


SMALL = ("--events=2", "--instruments=4", "--trades=10", "--days=1", "--port=0")
SERVERS: dict[str, Callable[[], subprocess.Popen[bytes]]] = {
    "command": lambda: started("-c", "from echelon_pipeline.cli import app; app()", "sandbox", *SMALL),
    "module": lambda: started("-m", "echelon_pipeline.sandbox", *SMALL),
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_a_signal_ends_a_sandbox_with_exit_code_0(server: Callable[[], subprocess.Popen[bytes]], number: int) -> None:
    process = server()
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, b"")
