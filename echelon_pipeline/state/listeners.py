"""Listeners: which instruments each watches all the time.

Belongs here: listeners as they are kept. Their filters are ``filters.py``'s, what each watched and when is
``intents.py``'s, the choice of instruments ``streams/selection.py``'s, a listener at work ``streams/shift.py``'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import sqlalchemy as sa
from pydantic import Field, model_validator

from echelon_pipeline.clocks import Clock
from echelon_pipeline.domain.instrument_id import InstrumentId
from echelon_pipeline.errors import NotFound
from echelon_pipeline.state import intents
from echelon_pipeline.state.database import State
from echelon_pipeline.state.filters import Filters
from echelon_pipeline.state.statements import put
from echelon_pipeline.state.tables import INTENTS, LISTENERS, RECORD
from echelon_pipeline.venues.registry import REGISTRY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCK = 7_205_760  # of a Postgres database; SQLite has one writer anyway

_KEPT = ("name", "venue", "own", "quotes", "discover_every", "emit_every")
_T = LISTENERS.c
Transaction: TypeAlias = AbstractContextManager[sa.Connection]


class Listener(Filters):
    """One listener: instruments of a venue that pass its filters, at most ``most``, the most traded first.

    ``own``: it also records what the venue tells the configured account of itself; ``quotes``: the venue's own quotes
    are wanted in tables. ``discover_every``: seconds between two choices of instruments; ``emit_every``: between two
    emissions of latest states.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    venue: str
    most: int = Field(200, ge=1)
    own: bool = False
    quotes: bool = False
    discover_every: float = Field(300.0, gt=0)
    emit_every: float = Field(1.0, gt=0)
    is_active: bool = True

    @model_validator(mode="after")
    def _possible(self) -> Listener:
        if self.name == RECORD:
            raise ValueError(f"{RECORD!r} is the name of what `echelon record` writes")
        if self.venue not in REGISTRY:
            raise ValueError(f"venue: expected {' or '.join(REGISTRY)}, got {self.venue!r}")
        venue = REGISTRY[self.venue]
        for other in REGISTRY.values():
            name = other.names_instruments_by
            if name != venue.names_instruments_by and getattr(self, name):
                own = f"{venue.title}'s have a {venue.names_instruments_by}"
                raise ValueError(f"{name}: only {other.title}'s markets have one; {own}")
        for figure in ("liquidity", "volume", "open_interest"):
            low, high = getattr(self, f"min_{figure}"), getattr(self, f"max_{figure}")
            if low is not None and high is not None and low > high:
                raise ValueError(f"min_{figure} is more than max_{figure}")
        return self

    @property
    def filters(self) -> Filters:
        """Its filters alone."""
        return Filters(**{name: getattr(self, name) for name in Filters.model_fields})

    def filters_json(self) -> dict[str, Any]:
        """Its filters and its limit, as stored in JSON."""
        given = self.model_dump(mode="json", include={*Filters.model_fields, "most"})
        return {name: value for name, value in given.items() if value not in (None, [])}


@dataclass(frozen=True)
class Known:
    """A listener as kept, and how many instruments it watches now."""

    listener: Listener
    created_at: datetime
    updated_at: datetime
    watched: int


class Listeners:
    """The listeners of a state database. All methods raise DatabaseUnavailable.

    ``clock``: gives the times of intents; default: the clock of the state database.
    """

    def __init__(self, state: State, *, clock: Clock | None = None) -> None:
        self._state = state
        self._clock = clock

    def save(self, *listeners: Listener) -> None:
        """Adds them, or changes the ones of their names, all or none; one that is paused watches nothing."""
        with self._begin() as connection:
            for listener in listeners:
                now = self.now()
                row = {
                    **listener.model_dump(include={*_KEPT, "is_active"}),
                    "filters": json.dumps(listener.filters_json(), sort_keys=True),
                    "created_at": now,
                    "updated_at": now,
                }
                put(connection, LISTENERS, row, keep=("created_at",))
                if not listener.is_active:
                    intents.declare(connection, listener.name, [], now)

    def all(self) -> list[Known]:
        """By name."""
        return self._known(sa.true())

    def known(self, name: str) -> Known:
        """The one of that name. Raises NotFound."""
        for known in self._known(_T.name == name):
            return known
        raise NotFound(f"no listener {name!r}: `echelon listeners list`")

    def get(self, name: str) -> Listener:
        """The same, without what is known of it. Raises NotFound."""
        return self.known(name).listener

    def is_active(self, name: str) -> bool:
        """Neither paused nor gone."""
        with self._state.read() as connection:
            return _is_active(connection, name)

    def activate(self, name: str, active: bool) -> None:
        """Pauses it, which ends what it watches, or lets it go on. Raises NotFound."""
        self.save(self.get(name).model_copy(update={"is_active": active}))

    def remove(self, name: str) -> None:
        """Forgets it; what it watched and when stays known. Raises NotFound."""
        self.get(name)
        with self._begin() as connection:
            intents.declare(connection, name, [], self.now())
            connection.execute(sa.delete(LISTENERS).where(_T.name == name))

    def claim(self, name: str, wanted: Iterable[str]) -> set[str] | None:
        """From now on it watches these and nothing else, but for those that another listener watches.

        Gives what it watches; None where it is paused or gone.
        """
        with self._begin() as connection:
            if not _is_active(connection, name):
                return None
            granted = intents.not_watched_by_others(connection, name, wanted)
            intents.declare(connection, name, granted, self.now())
        return granted

    def record_by_hand(
        self, guard: Callable[[], Transaction], instruments: Collection[str], *, at: datetime | None = None
    ) -> None:
        """From ``at`` (default: now) ``echelon record`` watches these and nothing else, also those of listeners.

        ``guard``: of its lease, so that a recorder that lost it ends no intent of the next one. Raises Conflict then.
        """
        with guard() as connection:
            intents.declare(connection, RECORD, instruments, self.now(at))

    def exported(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows of ``core.listeners`` and of ``core.listener_intents``."""
        listeners = [
            {
                "listener": known.listener.name,
                "venue": known.listener.venue,
                "filters": json.dumps(known.listener.filters_json(), sort_keys=True),
                "own": known.listener.own,
                "quotes": known.listener.quotes,
                "discovery_seconds": known.listener.discover_every,
                "emit_seconds": known.listener.emit_every,
                "is_active": known.listener.is_active,
                "updated_at": known.updated_at,
            }
            for known in self.all()
        ]
        watched = [
            {
                "venue": InstrumentId.parse(row.instrument_id).venue,
                "listener": row.listener,
                "instrument_id": row.instrument_id,
                "from_at": _time(row.from_at),
                "to_at": None if row.to_at is None else _time(row.to_at),
            }
            for row in self._watched(sa.true())
        ]
        return listeners, watched

    def watched(self, venue: str, since: datetime, until: datetime) -> list[tuple[str, datetime, datetime | None]]:
        """Instruments of a venue that listeners watched within [since, until], each with its whole interval; no end
        while it is watched."""
        of_venue = INTENTS.c.instrument_id.startswith(InstrumentId.prefix(venue), autoescape=True)
        lasts = sa.or_(INTENTS.c.to_at.is_(None), INTENTS.c.to_at >= self.now(since))
        return [
            (row.instrument_id, _time(row.from_at), None if row.to_at is None else _time(row.to_at))
            for row in self._watched(sa.and_(of_venue, INTENTS.c.from_at <= self.now(until), lasts))
        ]

    def watched_now(self, name: str) -> list[tuple[str, datetime]]:
        """The instruments that a listener watches, and since when."""
        which = sa.and_(INTENTS.c.listener == name, INTENTS.c.to_at.is_(None))
        return [(row.instrument_id, _time(row.from_at)) for row in self._watched(which)]

    def now(self, at: datetime | None = None) -> int:
        """Microseconds since 1970 of an instant, by default of the present one."""
        if at is None and self._clock is not None:
            return self._clock.now()
        return ((at or self._state.now()) - _EPOCH) // timedelta(microseconds=1)

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        """A transaction that runs alone: each listener must see which instruments the others have taken."""
        with self._state.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield connection

    def _watched(self, which: sa.ColumnElement[bool]) -> Sequence[sa.Row[*tuple[Any, ...]]]:
        query = sa.select(INTENTS).where(which).order_by(INTENTS.c.instrument_id, INTENTS.c.from_at)
        with self._state.read() as connection:
            return connection.execute(query).all()

    def _known(self, which: sa.ColumnElement[bool]) -> list[Known]:
        with self._state.read() as connection:
            rows = connection.execute(sa.select(LISTENERS).where(which).order_by(_T.name)).mappings().all()
            watched = intents.counts(connection)
        return [
            Known(_listener(row), _time(row["created_at"]), _time(row["updated_at"]), watched.get(row["name"], 0))
            for row in rows
        ]


def _is_active(connection: sa.Connection, name: str) -> bool:
    return bool(connection.execute(sa.select(_T.is_active).where(_T.name == name)).scalar_one_or_none())


def _listener(row: sa.RowMapping) -> Listener:
    fields = {name: row[name] for name in _KEPT}
    return Listener(**json.loads(row["filters"]), **fields, is_active=bool(row["is_active"]))


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=int(microseconds))
