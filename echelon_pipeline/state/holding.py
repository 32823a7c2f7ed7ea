"""Work that must happen once at a time on all machines: it holds a lease for as long as it lasts.

Belongs here: waiting for the lease, renewing it in a thread, and the fence before a result becomes visible. The fence
refuses a process that was stopped for longer than its lease, if another process has taken the lease over.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from echelon_pipeline import stopping
from echelon_pipeline.errors import Conflict, EchelonError
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.leases import Lease, Leases
from echelon_pipeline.state.processes import Process

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2  # between two tries to take a lease that another has


class Hold:
    """The lease of work that is under way. Any thread may use it."""

    def __init__(self, leases: Leases, lease: Lease, seconds: float) -> None:
        self.epoch = lease.epoch
        self._leases = leases
        self._lease = lease
        self._seconds = seconds

    def check(self) -> None:
        """The fence: raises Conflict where another has taken over, DatabaseUnavailable."""
        try:
            self._leases.check(self._lease)
        except Conflict:
            # It expired while this machine was busy. Renewing fails if another process has taken it since.
            self._leases.renew(self._lease, self._seconds)

    @contextmanager
    def guard(self) -> Iterator[sa.Connection]:
        """The fence around one short step: no other process can take over inside. Gives the transaction for writes to
        the state database inside. Raises as ``check``."""
        with self._leases.guard(self._lease, self._seconds) as connection:
            yield connection

    @contextmanager
    def prolonged(self) -> Iterator[None]:
        """Renews the lease from a thread until the block ends."""

        def renew(over: threading.Event) -> None:
            while not over.wait(self._seconds / 3):
                try:
                    self._leases.renew(self._lease, self._seconds)
                except Conflict as error:
                    log.warning("%s; what is under way will not be committed", error)
                    return
                except EchelonError as error:
                    log.warning("lease %s is not renewed: %s", self._lease.name, error)

        with stopping.background(f"lease {self._lease.name}", renew):
            yield


@contextmanager
def hold_lease(settings: Settings, name: str, *, wait: float, at_least: int = 1) -> Iterator[Hold]:
    """Takes the lease of that name within ``wait`` seconds and gives it back at the end. ``at_least``: smallest epoch.

    Raises Conflict where another process has it for longer, DatabaseUnavailable, CorruptStore, BadSettings.
    """
    seconds = settings.lease_seconds
    with State.of(settings) as state:
        leases = Leases(state)
        lease = _taken(leases, name, wait, seconds, at_least)
        hold = Hold(leases, lease, seconds)
        try:
            with hold.prolonged():
                yield hold
        finally:
            _give_back(leases, lease)


def _taken(leases: Leases, name: str, wait: float, seconds: float, at_least: int) -> Lease:
    owner = f"{Process.this()} ({secrets.token_hex(4)})"  # two threads of a process are two owners
    deadline = time.monotonic() + wait
    while (lease := leases.acquire(name, owner, seconds, at_least=at_least)) is None:
        if time.monotonic() >= deadline:
            other = leases.current(name)
            who = "another process" if other is None else str(other.process)
            raise Conflict(f"{name}: {who} is at it" + (f", and was for {wait:.0f} s" if wait else ""))
        stopping.wait(POLL_SECONDS)
    return lease


def _give_back(leases: Leases, lease: Lease) -> None:
    try:
        leases.release(lease)
    except EchelonError as error:
        log.warning("lease %s will expire: %s", lease.name, error)
