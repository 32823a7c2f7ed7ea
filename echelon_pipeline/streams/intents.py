"""Listeners, and what each meant to watch, from the state database to the lake.

Belongs here: the export, and the intents that an hour of books needs. Both are edited in ``state/listeners.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.state.database import State
from echelon_pipeline.state.listeners import Listeners
from echelon_pipeline.streams.hours import Intent, IntentsWithin
from echelon_pipeline.tables import TABLES

LISTENERS, INTENTS = "core.listeners", "core.listener_intents"


def export_listeners(session: Session) -> Counts:
    """Brings ``core.listeners`` and ``core.listener_intents`` up to the state database; what is equal is left alone.

    Raises RuleViolation, Conflict, DiskFull.
    """
    counts = Counts()
    with State.of(session.settings) as state:
        exported = Listeners(state).exported()
    for name, rows in zip((LISTENERS, INTENTS), exported, strict=True):
        counts.staged[name] = len(rows)
        counts.new[name] = _replace(session, name, rows)
    return counts


def intents_of(session: Session, venue: Venue) -> IntentsWithin:
    """Reads the intents of all listeners of a venue."""

    def within(since: datetime, until: datetime) -> list[Intent]:
        with State.of(session.settings) as state:
            return [Intent(*watched) for watched in Listeners(state).watched(venue, since, until)]

    return within


def _replace(session: Session, name: str, rows: Sequence[dict[str, Any]]) -> int:
    table = TABLES[name]
    wanted = pa.Table.from_pylist(list(rows), schema=table.arrow_schema()).select(list(table.names))
    with session.duck() as connection, session.unit() as unit:
        connection.register("wanted", wanted)
        stored = session.lake.scan(name)
        differs = connection.execute(
            f"SELECT 1 FROM ((FROM wanted EXCEPT ({stored})) UNION ALL (({stored}) EXCEPT FROM wanted)) LIMIT 1"
        ).fetchone()
        if differs is None:
            return 0
        path = unit.scratch / f"{name}.parquet"
        pq.write_table(wanted, path)
        return session.lake.replace(name, path, None).rows_new
