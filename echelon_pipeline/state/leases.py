"""Leases: a right that one owner has until it expires, and an epoch that only grows.

Belongs here: acquiring, renewing, checking and releasing. Waiting for a lease and renewing it during work is in
``holding.py``; how the shifts of a listener follow each other is in ``shift_lease.py``.

Each new owner gets the next epoch, and the previous owner is refused from then on. A lease is free when it was
released, when it has expired, and at once when its process ran on this machine and is gone. On Postgres the server's
clock decides what has expired: the machines' clocks may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from echelon_pipeline.errors import Conflict
from echelon_pipeline.state.database import State
from echelon_pipeline.state.processes import Process
from echelon_pipeline.state.statements import insert
from echelon_pipeline.state.tables import LEASES

_T = LEASES.c


@dataclass(frozen=True)
class Lease:
    """What was taken: by whom, until when, and with which epoch. What is written under it carries the epoch."""

    name: str
    owner: str
    epoch: int
    expires_at: datetime
    process: Process


class Leases:
    """The leases of a state database. All methods raise DatabaseUnavailable."""

    def __init__(self, state: State) -> None:
        self._state = state

    def last(self, name: str) -> Lease | None:
        """The last lease of that name, in force or not. The owner of a released lease is empty."""
        with self._state.read() as connection:
            row = connection.execute(sa.select(LEASES).where(_T.name == name)).one_or_none()
        return None if row is None else _lease(row)

    def current(self, name: str) -> Lease | None:
        """The lease in force: no other owner can take it now."""
        with self._state.read() as connection:
            row = connection.execute(self._seen(name)).one_or_none()
        return None if row is None or _is_free(row) else _lease(row)

    def acquire(self, name: str, owner: str, seconds: float, *, at_least: int = 1) -> Lease | None:
        """Takes a lease that is free; None while another owner has it. Does not wait for that owner.

        The same owner gets a new epoch too: a restarted process must not share the old one. ``at_least``: the smallest
        epoch to give.
        """
        with self._state.begin() as connection:
            return self._taken(connection, name, owner, seconds, at_least)

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """The same lease, for longer. An expired lease can be renewed until another owner takes it.

        Raises Conflict if it was taken over or given back: work under it must stop.
        """
        with self._state.begin() as connection:
            return self._renewed(connection, lease, seconds)

    @contextmanager
    def guard(self, lease: Lease, seconds: float) -> Iterator[sa.Connection]:
        """No other owner can take the lease inside: for the one step that makes work visible. Renews the lease first.

        Keep it short, and use the state database by this transaction only: on SQLite all other writers wait meanwhile.
        Raises Conflict as ``renew``.
        """
        with self._state.begin() as connection:
            self._renewed(connection, lease, seconds)
            yield connection

    def release(self, lease: Lease) -> None:
        """Gives a lease back. A lease that was taken over stays with its new owner."""
        with self._state.begin() as connection:
            _give_back(connection, lease)

    def exchange(self, lease: Lease, name: str, seconds: float) -> Lease | None:
        """Takes another lease for the same owner and gives this one back, both or nothing; None while the other one
        is not free. Raises Conflict as ``check``."""
        with self._state.begin() as connection:
            self._require(connection, lease)
            taken = self._taken(connection, name, lease.owner, seconds, 1)
            if taken is not None:
                _give_back(connection, lease)
        return taken

    def check(self, lease: Lease) -> None:
        """Raises Conflict unless the lease is the current one and has not expired."""
        with self._state.read() as connection:
            self._require(connection, lease)

    def _require(self, connection: sa.Connection, lease: Lease) -> None:
        query = sa.select(sa.literal(1)).where(_is(lease), _T.expires_at > self._state.instant())
        if connection.execute(query).first() is None:
            raise Conflict(f"lease {lease.name!r}: epoch {lease.epoch} of {lease.owner} is over")

    def _taken(self, connection: sa.Connection, name: str, owner: str, seconds: float, at_least: int) -> Lease | None:
        process = Process.this()
        given = {"owner": owner, "expires_at": self._state.instant() + seconds, **vars(process)}
        # A row that another transaction holds is not free.
        row = connection.execute(self._seen(name).with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            first = insert(connection, LEASES).values(name=name, epoch=at_least, **given)
            taken = connection.execute(first.on_conflict_do_nothing().returning(*LEASES.c)).one_or_none()
        elif row.owner == owner or _is_free(row):
            change = sa.update(LEASES).where(_T.name == name).values(epoch=max(row.epoch + 1, at_least), **given)
            taken = connection.execute(change.returning(*LEASES.c)).one()
        else:
            taken = None
        return None if taken is None else _lease(taken)

    def _renewed(self, connection: sa.Connection, lease: Lease, seconds: float) -> Lease:
        change = sa.update(LEASES).where(_is(lease)).values(expires_at=self._state.instant() + seconds)
        row = connection.execute(change.returning(*LEASES.c)).one_or_none()
        if row is None:
            raise Conflict(f"lease {lease.name!r}: epoch {lease.epoch} of {lease.owner} {self._end(connection, lease)}")
        return _lease(row)

    def _end(self, connection: sa.Connection, lease: Lease) -> str:
        row = connection.execute(self._seen(lease.name)).one_or_none()
        if row is None or row.epoch == lease.epoch:
            return "was given back"
        return f"was taken over by {_process(row)}"

    def _seen(self, name: str) -> sa.Select[*tuple[Any, ...]]:
        is_over = (_T.expires_at <= self._state.instant()).label("is_over")
        return sa.select(*LEASES.c, is_over).where(_T.name == name)


def _give_back(connection: sa.Connection, lease: Lease) -> None:
    connection.execute(sa.update(LEASES).where(_is(lease)).values(owner="", expires_at=0.0))


def _is(lease: Lease) -> sa.ColumnElement[bool]:
    return sa.and_(_T.name == lease.name, _T.owner == lease.owner, _T.epoch == lease.epoch)


def _is_free(row: sa.Row[*tuple[Any, ...]]) -> bool:
    process = _process(row)
    return bool(row.is_over) or (process.is_here() and not process.lives())


def _process(row: sa.Row[*tuple[Any, ...]]) -> Process:
    return Process(row.host, row.boot, int(row.pid), row.started)


def _lease(row: sa.Row[*tuple[Any, ...]]) -> Lease:
    at = datetime.fromtimestamp(row.expires_at, UTC)
    return Lease(row.name, row.owner, int(row.epoch), at, _process(row))
