"""Copies a state database: into a file of a backup, and back.

Belongs here: which rows are copied. Leases are copied without their owners, whose processes belong to the original
home; epochs continue, so that a writer from before is refused. Signs of life of runs are not copied.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.tables import LEASES, LISTENERS, METADATA, NUMBERED_MIGRATIONS, RUN_HEARTBEATS

_LEFT_OUT = (RUN_HEARTBEATS, NUMBERED_MIGRATIONS)
_RELEASED = {"owner": "", "expires_at": 0.0, "host": "", "boot": "", "pid": 0, "started": ""}


def copy_state(state: State, path: Path) -> Path:
    """Copies all rows of one instant into a new SQLite file; returns its path."""
    path.touch(mode=0o600, exist_ok=False)
    with State(f"sqlite:///{quote(str(path))}") as copy:
        _copy(state, copy)
    return path


def load_state(settings: Settings, path: Path) -> None:
    """Copies the rows of a backup's file into the configured database.

    Raises BadSettings if that database has other listeners: it is another home's.
    """
    with State(f"sqlite:///{quote(str(path))}") as copy, State(settings.state_dsn) as state:
        if (names := _listeners(state)) and names != _listeners(copy):
            raise BadSettings("ECHELON_STATE_URL: this database has other listeners; restore into an empty one")
        _copy(copy, state)


def _listeners(state: State) -> set[str]:
    with state.read() as connection:
        return set(connection.execute(sa.select(LISTENERS.c.name)).scalars())


def _copy(source: State, target: State) -> None:
    with source.snapshot() as reading, target.begin() as writing:
        for table in METADATA.sorted_tables:
            if table in _LEFT_OUT:
                continue
            rows = [dict(row) for row in reading.execute(sa.select(table)).mappings()]
            if table is LEASES:
                rows = [{**row, **_RELEASED} for row in rows]
            writing.execute(sa.delete(table))
            if rows:
                writing.execute(sa.insert(table), rows)
