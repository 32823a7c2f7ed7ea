"""Allows one ``echelon ui`` per home: two daemons would start every run twice.

Belongs here: the lock and the file of the process that serves a home, and ending the child processes of a killed one.
The system releases the lock of a dead process, so no manual cleanup is needed.
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
    """The locked file that names the process that serves the home."""

    descriptor: int
    port: int

    def record(self, children: Mapping[str, int]) -> None:
        """Writes this process and its children, by name, to the file."""
        started = {name: process.tags() for name, pid in children.items() if (process := Process.at(pid)) is not None}
        text = json.dumps({"pid": os.getpid(), "port": self.port, "children": started})
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text.encode(), 0)


@contextmanager
def exclusive_ui(
    settings: Settings, port: int, patience: float = parent_watch.GRACE_SECONDS + 5.0
) -> Iterator[Presence]:
    """Inside, no other ``echelon ui`` serves the home of ``settings``. Raises BadSettings if another one does.

    First ends the child processes of a killed ``echelon ui`` and prints their names.
    """
    path = ensure_dagster_home(settings) / FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            server = _server(_read(descriptor))
            raise BadSettings(f"{settings.home} is already served{server}; stop that process first") from None
        _end_orphans(_read(descriptor), patience)
        presence = Presence(descriptor, port)
        presence.record({})
        yield presence
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> dict[str, Any]:
    with suppress(ValueError):
        content = json.loads(os.pread(descriptor, 65_536, 0))
        if isinstance(content, dict):
            return content
    return {}


def _server(record: Mapping[str, Any]) -> str:
    return f" by process {record['pid']} on port {record['port']}" if "pid" in record and "port" in record else ""


def _end_orphans(record: Mapping[str, Any], patience: float) -> None:
    """Waits for the child processes, which end by themselves after their parent, and kills those that do not."""
    children = record.get("children")
    named = [(name, Process.of(tags)) for name, tags in children.items()] if isinstance(children, dict) else []
    orphans = [(name, process) for name, process in named if process and process.is_here() and process.lives()]
    if not orphans:
        return
    names = ", ".join(f"{name} ({process})" for name, process in orphans)
    err().print(f"ending processes of an `echelon ui` that was killed: {names}", soft_wrap=True)
    for process in living_after([process for _, process in orphans], patience):
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
