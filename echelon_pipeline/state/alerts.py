"""Alerts that were raised, by key and destination: which wait to be sent, and when they were sent last.

Belongs here: reading and writing these rows. What an alert says and how it is delivered is ``alerts/``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from echelon_pipeline.state.database import State
from echelon_pipeline.state.statements import put
from echelon_pipeline.state.tables import ALERTS

_T = ALERTS.c


@dataclass(frozen=True)
class Waiting:
    """An alert that waits to be sent. ``times``: how often it was raised since it was last sent."""

    key: str
    destination: str
    title: str
    text: str
    severity: str
    details: dict[str, str]
    first_at: float
    times: int
    tries: int


class Alerts:
    """The alerts of one state database."""

    def __init__(self, state: State) -> None:
        self._state = state

    def record(
        self,
        key: str,
        destination: str,
        *,
        title: str,
        text: str,
        severity: str,
        details: Mapping[str, str],
        now: float,
        every: float,
    ) -> None:
        """Records an alert, which waits unless one of its key was sent less than ``every`` seconds ago."""
        with self._state.begin() as connection:
            before = connection.execute(sa.select(ALERTS).where(_is(key, destination))).one_or_none()
            times = before.times if before else 0
            is_new = before is None or before.sent_at is None or now - before.sent_at >= every
            # An alert that waits already keeps the time of its next attempt.
            due_at = before.due_at if before and before.due_at is not None else now if is_new else None
            put(
                connection,
                ALERTS,
                {
                    "key": key,
                    "destination": destination,
                    "title": title,
                    "text": text,
                    "severity": severity,
                    "details": json.dumps(dict(details)),
                    "first_at": before.first_at if before and times else now,
                    "last_at": now,
                    "times": times + 1,
                    "sent_at": before.sent_at if before else None,
                    "due_at": due_at,
                    "tries": before.tries if before and before.due_at is not None else 0,
                    "reason": before.reason if before else "",
                },
            )

    def due(self, now: float, destinations: Collection[str], most: int) -> list[Waiting]:
        """Alerts whose next attempt is due, oldest first."""
        query = sa.select(ALERTS).where(_T.due_at <= now, _T.destination.in_(destinations))
        with self._state.read() as connection:
            rows = connection.execute(query.order_by(_T.due_at, _T.key).limit(most)).all()
        return [
            Waiting(
                r.key, r.destination, r.title, r.text, r.severity, json.loads(r.details), r.first_at, r.times, r.tries
            )
            for r in rows
        ]

    def sent(self, one: Waiting, now: float) -> None:
        """Records that an alert was accepted. Those raised meanwhile are counted for the next one."""
        self._set(one, sent_at=now, due_at=None, tries=0, reason="", times=_T.times - one.times)

    def failed(self, one: Waiting, reason: str, again_at: float | None) -> None:
        """Records a failed attempt. ``again_at``: the time of the next one; None: it is given up."""
        self._set(one, due_at=again_at, tries=one.tries + 1, reason=reason)

    def _set(self, one: Waiting, **values: object) -> None:
        with self._state.begin() as connection:
            connection.execute(sa.update(ALERTS).where(_is(one.key, one.destination)).values(**values))


def _is(key: str, destination: str) -> sa.ColumnElement[bool]:
    return sa.and_(_T.key == key, _T.destination == destination)
