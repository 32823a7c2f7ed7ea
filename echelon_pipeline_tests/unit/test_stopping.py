"""A signal ends a process at any step, within seconds, with the exit code of shells. Real processes, real signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from echelon_pipeline import stopping
from echelon_pipeline_tests import promises

# What a process may be busy with. Each says that it has begun, and would go on for hours.
BUSY = {
    "python": "while True: sum(range(1000))",
    "sleep": "stopping.wait(3600)",
    "lock": "import threading; threading.Lock().acquire(); lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "query": "query()",
    "copy": "query(\"COPY ({}) TO '/dev/null' (FORMAT csv)\")",
    # Code that swallows the error of one member must not swallow the interrupt.
    "members": """
while True:
    try:
        query()
    except Exception:
        pass""",
    "loop": "stopping.run(asyncio.sleep(3600), patience=stopping.PATIENCE)",
    "task": """
async def work():
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(asyncio.sleep(3600))
stopping.run(work(), patience=stopping.PATIENCE)""",
    "answer": """
import sys
from echelon_pipeline.venues.http import Policy, VenueHttp
async def work():
    async with VenueHttp(sys.argv[2], policy=Policy(), rates={"default": 10.0}, name="kalshi") as http:
        await http.get("/markets")
stopping.run(work(), patience=stopping.PATIENCE)""",
    # The loop runs inside SQLite: Python handlers are not called.
    "deaf": "deaf()",
    "thread": """
async def work():
    await asyncio.to_thread(deaf)
stopping.run(work(), patience=stopping.PATIENCE)""",
}
CHILD = """
import asyncio, signal, sqlite3, sys
import echelon_pipeline.venues.registry  # registers macros that every connection needs
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
from echelon_pipeline import signals, stopping
from echelon_pipeline.sqltools.duck import connect

def query(around="{}"):
    with connect() as connection:
        connection.execute(around.format("SELECT max(a.range * b.range % 7) FROM range(1000000) a, range(1000000) b"))

def deaf():
    text = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    sqlite3.connect(":memory:", check_same_thread=False).execute(text).fetchall()

busy = sys.argv[1]
try:
    with stopping.handling_signals():
        print("ready", flush=True)
        exec(busy)
except stopping.Interrupted as error:
    sys.exit(error.exit_code)
"""


def ended(code: str, number: int, *arguments: str, child: str = CHILD, **popen: object) -> tuple[int, float, str]:
    """Exit code, seconds from the signal to the end, standard error."""
    command = [sys.executable, "-c", child, code, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)  # type: ignore[call-overload]
    try:
        assert process.stdout.readline() == b"ready\n", process.stderr.read()
        time.sleep(0.3)
        begun = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        return process.returncode, time.monotonic() - begun, errors.decode()
    finally:
        process.kill()
        process.communicate()


def ended_in_time(busy: str, number: int, *arguments: str) -> tuple[int, str]:
    """Exit code and standard error; patience and deadline are scaled by how busy this machine is."""
    limit, patience = promises.seconds(5.0), promises.seconds(stopping.PATIENCE)
    patient = f"stopping.PATIENCE = stopping._watch.patience = {patience}\n{BUSY[busy]}"
    code, took, errors = ended(patient, number, *arguments)
    assert took < limit, (took, errors)
    return code, errors


@pytest.mark.parametrize("busy", [name for name in BUSY if name != "answer"])
def test_a_signal_ends_any_work_within_five_seconds(busy: str) -> None:
    code, errors = ended_in_time(busy, signal.SIGTERM)
    assert code == 143, errors
    assert ("by force" in errors) == (busy in {"deaf", "thread"}), errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_exit_code_is_128_plus_the_signal(number: int, code: int) -> None:
    assert ended(BUSY["query"], number)[0] == code


def test_a_server_that_never_finishes_its_answer_does_not_block_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code, errors = ended_in_time("answer", signal.SIGINT, f"http://127.0.0.1:{port}")
    assert code == 130, errors
    assert "by force" not in errors


def test_a_commit_gets_more_time_than_other_work_but_not_unlimited_time() -> None:
    short = "signals.PATIENCE, signals.COMMIT_PATIENCE = 0.2, 1.5\n"
    patient = f"{short}stopping._watch.patience = 0.2\nwith stopping.committing():\n    deaf()"
    code, took, errors = ended(patient, signal.SIGTERM)
    assert code == 143, errors
    assert "by force" in errors
    assert took > 1.4


def test_a_hangup_that_the_parent_ignores_stays_ignored() -> None:
    """Starts a command like ``nohup``."""
    quiet = CHILD.replace("SIG_DFL", "SIG_IGN")
    code, took, _ = ended("stopping.wait(2.0)", signal.SIGHUP, child=quiet)
    assert (code, took > 1.0) == (0, True)


def test_work_with_on_signal_ends_by_itself_and_returns_its_result() -> None:
    work = """
async def work(stop):
    await stop.wait()
    await asyncio.sleep(0.1)
    return "closed"
stop = asyncio.Event()
print(stopping.run(work(stop), on_signal=stop.set), stopping.is_requested(), file=sys.stderr)"""
    code, _, errors = ended(work, signal.SIGINT)
    assert (code, errors) == (130, "closed True\n")


def test_code_with_handlers_of_its_own_gets_its_signals() -> None:
    own = """
import signal
with stopping.default_signals():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    signal.pause()"""
    assert ended(own, signal.SIGTERM)[0] == 7


LATE = """
import os, signal, sys
from echelon_pipeline import stopping

class Teardown:
    def __del__(self):  # the interpreter shuts down: Python handlers are no longer called
        os.kill(os.getpid(), NUMBER)
kept = Teardown()
for number in stopping.SIGNALS:
    signal.signal(number, signal.SIG_DFL)
with stopping.handling_signals():
    pass
sys.exit(7)
"""


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_signal_at_exit_does_not_change_the_exit_code(number: int) -> None:
    command = [sys.executable, "-c", LATE.replace("NUMBER", str(int(number)))]
    assert subprocess.run(command, timeout=30, check=False).returncode == 7


def test_default_signals_close_no_other_file() -> None:
    before = [signal.getsignal(n) for n in stopping.SIGNALS]
    with stopping.handling_signals(), stopping.default_signals():
        taken = os.pipe()  # gets the file numbers of the first watch
    for file in taken:
        os.close(file)  # OSError if it was closed already
    assert [signal.getsignal(n) for n in stopping.SIGNALS] == before


def test_without_a_signal_the_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in stopping.SIGNALS]
    with stopping.handling_signals():
        assert [signal.getsignal(number) for number in stopping.SIGNALS] != before
        assert stopping.run(asyncio.sleep(0, "done")) == "done"
        with pytest.raises(ValueError, match="own"):
            stopping.run(_raises())
        assert not stopping.is_requested()
    assert [signal.getsignal(number) for number in stopping.SIGNALS] == before


async def _raises() -> None:
    raise ValueError("own")


def test_an_error_caused_by_the_signal_becomes_interrupted() -> None:
    def broken_off() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            stopping.wait(10)
        finally:
            raise RuntimeError("Query interrupted")

    with pytest.raises(stopping.Interrupted) as caught, stopping.handling_signals():
        broken_off()
    assert caught.value.exit_code == 143
    assert not stopping.is_requested()
