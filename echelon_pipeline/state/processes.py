"""Processes by a name that outlasts them: whether one of this machine still lives.

Belongs here: naming a process and looking for it. What follows for the leases that it had is in ``leases.py``, for its
run in ``ops/dead_runs.py``.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

HOST, BOOT, PID, STARTED = (f"echelon/{name}" for name in ("host", "boot", "pid", "started"))
POLL_SECONDS = 0.2


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
