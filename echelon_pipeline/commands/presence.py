"""One ``echelon ui`` per home: two daemons would start every run twice.

Belongs here: the lock and file of the process that serves a home, and ending the processes of one that was killed. The
system releases the lock of a dead process, so nothing has to be cleaned up by hand.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from echelon_pipeline.commands.common import err
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.hosting import parent_watch
from echelon_pipeline.ops.dagster_home import ensure_dagster_home
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.processes import Process, living_after

FILE = "ui.json"


@dataclass(frozen=True)
class Presence:
    """The file that says who serves the home, locked while we do."""

    descriptor: int
    port: int

    def note(self, children: Mapping[str, int]) -> None:
        """Notes our process and what it started, by name."""
        started = {name: process.tags() for name, pid in children.items() if (process := Process.at(pid)) is not None}
        text = json.dumps({"pid": os.getpid(), "port": self.port, "children": started})
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text.encode(), 0)


@contextmanager
def alone(settings: Settings, port: int, patience: float = parent_watch.GRACE_SECONDS + 5.0) -> Iterator[Presence]:
    """Inside, no other ``echelon ui`` serves the home of ``settings``. Raises BadSettings where one does.

    What a killed one left behind is ended before, with a line that says so.
    """
    path = ensure_dagster_home(settings) / FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadSettings(f"{settings.home} is served already{_by(_read(descriptor))}; stop that first") from None
        _end_left(_read(descriptor), patience)
        presence = Presence(descriptor, port)
        presence.note({})
        yield presence
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> dict[str, Any]:
    with suppress(ValueError):
        found = json.loads(os.pread(descriptor, 65_536, 0))
        if isinstance(found, dict):
            return found
    return {}


def _by(noted: Mapping[str, Any]) -> str:
    return f" by process {noted['pid']} on port {noted['port']}" if "pid" in noted and "port" in noted else ""


def _end_left(noted: Mapping[str, Any], patience: float) -> None:
    """Waits for the processes, which end by themselves when their parent is gone, and kills those that do not."""
    children = noted.get("children")
    named = [(name, Process.of(tags)) for name, tags in children.items()] if isinstance(children, dict) else []
    left = [(name, process) for name, process in named if process and process.is_here() and process.lives()]
    if not left:
        return
    names = ", ".join(f"{name} ({process})" for name, process in left)
    err().print(f"ending processes of an `echelon ui` that was killed: {names}", soft_wrap=True)
    for process in living_after([process for _, process in left], patience):
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
