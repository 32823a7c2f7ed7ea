"""Which processes are still there: names that outlast a process, and heartbeats of runs for other machines to see.

Belongs here: saying of a process, from its name, whether it lives. What follows for its run is ``ops/dead_runs.py``'s.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import psutil
import sqlalchemy as sa

from echelon_pipeline.errors import EchelonError
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State

log = logging.getLogger(__name__)

HOST, BOOT, PID, STARTED = (f"echelon/{name}" for name in ("host", "boot", "pid", "started"))
# Seconds between heartbeats, and the age from which a run of another machine counts as dead: a machine that is busy,
# or cut off from the state database, for less than this keeps its runs.
BEAT, SILENCE = 10.0, 90.0
POLL_SECONDS = 0.2

_BEAT = """
    INSERT INTO run_heartbeats (run_id, host, pid, beat_at) VALUES (:run_id, :host, :pid, :beat_at)
    ON CONFLICT (run_id) DO UPDATE SET host = excluded.host, pid = excluded.pid, beat_at = excluded.beat_at
"""


@dataclass(frozen=True)
class Process:
    """A process, named so that no other one ever has the same name.

    ``boot``: boot of the machine and process namespace (a container has its own): only inside of it does ``pid`` mean
    something. ``started``: when it began, in clock ticks since the boot where the system says so, else seconds since
    1970. A pid is used again, a pair of both is not.
    """

    host: str
    boot: str
    pid: int
    started: str

    @classmethod
    def this(cls) -> Self:
        """The process that calls."""
        return cls(socket.gethostname(), _boot(), os.getpid(), _started(os.getpid()) or "")

    @classmethod
    def at(cls, pid: int) -> Self | None:
        """The process of this machine that has a pid now; None where there is none."""
        started = _started(pid)
        return None if started is None else cls(socket.gethostname(), _boot(), pid, started)

    @classmethod
    def of(cls, tags: Mapping[str, str]) -> Self | None:
        """The process that a run's tags name; None where they name none."""
        if not all(tags.get(name) for name in (HOST, BOOT, PID, STARTED)) or not tags[PID].isdecimal():
            return None
        return cls(tags[HOST], tags[BOOT], int(tags[PID]), tags[STARTED])

    def tags(self) -> dict[str, str]:
        """As tags of a run."""
        return {HOST: self.host, BOOT: self.boot, PID: str(self.pid), STARTED: self.started}

    def is_here(self) -> bool:
        """Whether this process can see it, dead or alive."""
        return self.boot == _boot()

    def lives(self) -> bool:
        """Of a process that ``is_here``: whether it still runs."""
        return _started(self.pid) == self.started

    def __str__(self) -> str:
        return f"process {self.pid}" + ("" if self.is_here() else f" of {self.host}")


def living_after(processes: Sequence[Process], seconds: float) -> list[Process]:
    """Waits until all have ended, at most so long; those that still live."""
    deadline = time.monotonic() + seconds
    while (living := [p for p in processes if p.lives()]) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return living


def _boot() -> str:
    """The boot and, where processes have namespaces, ours."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = Path("/proc/self/ns/pid").readlink().name.removeprefix("pid:").strip("[]")
    except OSError:  # no Linux
        return f"{socket.gethostname()}-{psutil.boot_time():.0f}"
    return f"{boot}-{namespace}"


def _started(pid: int) -> str | None:
    """When a process began; None where there is none, or only what a parent has not collected yet."""
    try:
        # Field 22 of stat(5). The name before it may hold spaces and parentheses. A clock that is set does not move
        # these ticks, as it does psutil's time of creation.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return None
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return f"{process.create_time():.2f}"
    return None


def last_beats(state: State) -> dict[str, datetime]:
    """By run, when its process last said that it lives. Raises DatabaseUnavailable."""
    with state.begin() as connection:
        rows = connection.execute(sa.text("SELECT run_id, beat_at FROM run_heartbeats")).all()
    return {row.run_id: datetime.fromtimestamp(row.beat_at, UTC) for row in rows}


def forget(state: State, run_id: str) -> None:
    """Drops what is known of a run that has ended. Raises DatabaseUnavailable."""
    with state.begin() as connection:
        connection.execute(sa.text("DELETE FROM run_heartbeats WHERE run_id = :run_id"), {"run_id": run_id})


def beat(state: State, run_id: str, process: Process) -> None:
    """Says that a run's process lives. Raises DatabaseUnavailable."""
    row = {"run_id": run_id, "host": process.host, "pid": process.pid, "beat_at": state.now().timestamp()}
    with state.begin() as connection:
        connection.execute(sa.text(_BEAT), row)


def silent_since(last: datetime, now: datetime) -> bool:
    """Whether a run whose last sign of life is ``last`` counts as dead."""
    return now - last > timedelta(seconds=SILENCE)


@contextmanager
def beating(settings: Settings, run_id: str) -> Iterator[None]:
    """Says all the while that a run's process lives. A state database that cannot be reached is a warning: the run
    itself does not need it, and from this machine its process can be seen."""
    over = threading.Event()
    process = Process.this()

    def beats() -> None:
        warned = False
        while True:
            try:
                with State.of(settings) as state:
                    while True:
                        beat(state, run_id, process)
                        warned = False
                        if over.wait(BEAT):
                            forget(state, run_id)
                            return
            except EchelonError as error:
                if not warned:
                    log.warning("no heartbeat of run %s: %s", run_id, error)
                warned = True
            if over.wait(BEAT):
                return

    thread = threading.Thread(target=beats, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(2.0)
