"""Listeners: what is watched all the time, and what each meant to watch when.

Belongs here: their tables in the state database. Their filters are ``filters.py``'s, the choice of instruments is
``streams/selection.py``'s, a listener at work ``streams/shift.py``'s, its lease ``tenure.py``'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field, model_validator

from echelon_pipeline.errors import NotFound
from echelon_pipeline.state.database import State
from echelon_pipeline.state.filters import Filters

RECORD = "record"  # the name under which ``echelon record`` writes; no listener has it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCK = 7_205_760  # of a Postgres database; SQLite has one writer anyway

_SAVE = """
    INSERT INTO listeners
        (name, venue, filters, own, quotes, discover_every, emit_every, is_active, created_at, updated_at)
    VALUES (:name, :venue, :filters, :own, :quotes, :discover_every, :emit_every, :is_active, :now, :now)
    ON CONFLICT (name) DO UPDATE SET venue = excluded.venue, filters = excluded.filters, own = excluded.own,
        quotes = excluded.quotes, discover_every = excluded.discover_every, emit_every = excluded.emit_every,
        is_active = excluded.is_active, updated_at = excluded.updated_at
"""
_KEPT = ("name", "venue", "own", "quotes", "discover_every", "emit_every")
_LASTING = "SELECT listener, instrument_id FROM listener_intents WHERE to_at IS NULL"
# What ended at this very instant goes on.
_BEGIN = """
    INSERT INTO listener_intents (listener, instrument_id, from_at) VALUES (:listener, :instrument, :at)
    ON CONFLICT (listener, instrument_id, from_at) DO UPDATE SET to_at = NULL
"""
# Two changes within a microsecond, or a clock that stepped back: an interval never ends before it begins.
_END = """
    UPDATE listener_intents SET to_at = CASE WHEN from_at > :at THEN from_at ELSE :at END
    WHERE listener = :listener AND instrument_id = :instrument AND to_at IS NULL
"""


class Listener(Filters):
    """One listener: instruments of a venue that pass its filters, at most ``most``, the most traded first.

    ``own``: it also records what the venue tells the configured account of itself; ``quotes``: the venue's own quotes
    are wanted in tables. ``discover_every``: seconds between two choices of instruments; ``emit_every``: between two
    tellings of latest states.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    venue: Literal["kalshi", "polymarket"]
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
        if self.venue == "kalshi" and self.condition:
            raise ValueError("condition: only Polymarket's markets have one; Kalshi's have a ticker")
        if self.venue == "polymarket" and self.ticker:
            raise ValueError("ticker: only Kalshi's markets have one; Polymarket's have a condition")
        for figure in ("liquidity", "volume", "open_interest"):
            low, high = getattr(self, f"min_{figure}"), getattr(self, f"max_{figure}")
            if low is not None and high is not None and low > high:
                raise ValueError(f"min_{figure} is more than max_{figure}")
        return self

    @property
    def filters(self) -> Filters:
        """Its filters alone."""
        return Filters(**{name: getattr(self, name) for name in Filters.model_fields})

    def told(self) -> dict[str, Any]:
        """What it filters by, and how many it takes, as JSON holds it."""
        given = self.model_dump(mode="json", include={*Filters.model_fields, "most"})
        return {name: value for name, value in given.items() if value not in (None, [])}


@dataclass(frozen=True)
class Known:
    """A listener as kept, and how many instruments it means to watch now."""

    listener: Listener
    created_at: datetime
    updated_at: datetime
    watched: int


class Listeners:
    """The listeners of a state database."""

    def __init__(self, state: State) -> None:
        self._state = state

    def save(self, *listeners: Listener) -> None:
        """Adds them, or changes the ones of their names, all or none; who is paused means to watch nothing."""
        with self._begin() as connection:
            for listener in listeners:
                fields = listener.model_dump(include={*_KEPT, "is_active"})
                filters = json.dumps(listener.told(), sort_keys=True)
                connection.execute(sa.text(_SAVE), {**fields, "filters": filters, "now": self.now()})
                if not listener.is_active:
                    self._end(connection, listener.name, None)

    def all(self) -> list[Known]:
        """By name."""
        with self._begin() as connection:
            rows = connection.execute(sa.text("SELECT * FROM listeners ORDER BY name")).mappings().all()
            lasting = [row.listener for row in connection.execute(sa.text(_LASTING))]
        return [
            Known(_listener(row), _time(row["created_at"]), _time(row["updated_at"]), lasting.count(row["name"]))
            for row in rows
        ]

    def known(self, name: str) -> Known:
        """The one of that name. Raises NotFound."""
        for known in self.all():
            if known.listener.name == name:
                return known
        raise NotFound(f"no listener {name!r}: `echelon listeners list`")

    def get(self, name: str) -> Listener:
        """The same, without what is known of it. Raises NotFound."""
        return self.known(name).listener

    def is_active(self, name: str) -> bool:
        """Neither paused nor gone."""
        return any(known.listener.is_active for known in self.all() if known.listener.name == name)

    def activate(self, name: str, active: bool) -> None:
        """Pauses it, which ends what it means to watch, or lets it go on. Raises NotFound."""
        self.save(self.get(name).model_copy(update={"is_active": active}))

    def remove(self, name: str) -> None:
        """Forgets it; when it meant to watch what stays known. Raises NotFound."""
        self.get(name)
        with self._begin() as connection:
            self._end(connection, name, None)
            connection.execute(sa.text("DELETE FROM listeners WHERE name = :name"), {"name": name})

    def claim(self, name: str, wanted: Iterable[str]) -> set[str] | None:
        """From now on it means to watch these and nothing else; those of them that no other listener watches.

        None where it is paused or gone.
        """
        with self._begin() as connection:
            known = connection.execute(
                sa.text("SELECT is_active FROM listeners WHERE name = :name"), {"name": name}
            ).one_or_none()
            if known is None or not known.is_active:
                return None
            others = {
                r.instrument_id for r in connection.execute(sa.text(_LASTING)) if r.listener not in (name, RECORD)
            }
            granted = set(wanted) - others
            self._mean(connection, name, granted)
        return granted

    def mean(self, name: str, instruments: Iterable[str], *, at: datetime | None = None) -> None:
        """From ``at`` (default: now) it means to watch these and nothing else, whoever else does."""
        with self._begin() as connection:
            self._mean(connection, name, set(instruments), at)

    def exported(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows of ``core.listeners`` and of ``core.listener_intents``."""
        listeners = [
            {
                "listener": known.listener.name,
                "venue": known.listener.venue,
                "filters": json.dumps(known.listener.told(), sort_keys=True),
                "own": known.listener.own,
                "quotes": known.listener.quotes,
                "discovery_seconds": known.listener.discover_every,
                "emit_seconds": known.listener.emit_every,
                "is_active": known.listener.is_active,
                "updated_at": known.updated_at,
            }
            for known in self.all()
        ]
        query = "SELECT listener, instrument_id, from_at, to_at FROM listener_intents ORDER BY instrument_id, from_at"
        with self._begin() as connection:
            rows = connection.execute(sa.text(query)).all()
        intents = [
            {
                "venue": row.instrument_id.split(":", 1)[0],
                "listener": row.listener,
                "instrument_id": row.instrument_id,
                "from_at": _time(row.from_at),
                "to_at": None if row.to_at is None else _time(row.to_at),
            }
            for row in rows
        ]
        return listeners, intents

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        """A transaction that no other of these meets: what one listener takes, another must see."""
        with self._state.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
            yield connection

    def _mean(self, connection: sa.Connection, name: str, instruments: set[str], at: datetime | None = None) -> None:
        lasting = self._end(connection, name, instruments, at)
        now = self.now(at)
        for instrument in sorted(instruments - lasting):
            connection.execute(sa.text(_BEGIN), {"listener": name, "instrument": instrument, "at": now})

    def _end(self, connection: sa.Connection, name: str, but: set[str] | None, at: datetime | None = None) -> set[str]:
        """Ends what it means to watch, ``but`` for these; what lasts."""
        lasting = {r.instrument_id for r in connection.execute(sa.text(_LASTING)) if r.listener == name}
        for instrument in sorted(lasting - (but or set())):
            connection.execute(sa.text(_END), {"listener": name, "instrument": instrument, "at": self.now(at)})
        return lasting & (but or set())

    def now(self, at: datetime | None = None) -> int:
        """Microseconds since 1970 of an instant, by default of the present one."""
        return ((at or self._state.now()) - _EPOCH) // timedelta(microseconds=1)


def _listener(row: sa.RowMapping) -> Listener:
    fields = {name: row[name] for name in _KEPT}
    return Listener(**json.loads(row["filters"]), **fields, is_active=bool(row["is_active"]))


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=int(microseconds))
