"""Heartbeats of runs, for other machines to see: a run whose process says nothing for long enough counts as dead.

Belongs here: writing and reading them. A process of this machine is looked at instead (``processes.py``); what follows
for a run is in ``ops/dead_runs.py``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from echelon_pipeline import stopping
from echelon_pipeline.errors import EchelonError
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.processes import Process
from echelon_pipeline.state.statements import put
from echelon_pipeline.state.tables import RUN_HEARTBEATS

log = logging.getLogger(__name__)

# Seconds between heartbeats, and the age from which a run of another machine counts as dead: a machine that is busy,
# or cut off from the state database, for less than this keeps its runs.
BEAT, SILENCE = 10.0, 90.0
_T = RUN_HEARTBEATS.c


def last_beats(state: State) -> dict[str, datetime]:
    """By run, when its process last said that it lives. Raises DatabaseUnavailable."""
    with state.read() as connection:
        rows = connection.execute(sa.select(_T.run_id, _T.beat_at)).all()
    return {row.run_id: datetime.fromtimestamp(row.beat_at, UTC) for row in rows}


def forget(state: State, run_id: str) -> None:
    """Drops what is known of a run that has ended. Raises DatabaseUnavailable."""
    with state.begin() as connection:
        connection.execute(sa.delete(RUN_HEARTBEATS).where(_T.run_id == run_id))


def beat(state: State, run_id: str, process: Process) -> None:
    """Says that a run's process lives. Raises DatabaseUnavailable."""
    row = {"run_id": run_id, "host": process.host, "pid": process.pid, "beat_at": state.now().timestamp()}
    with state.begin() as connection:
        put(connection, RUN_HEARTBEATS, row)


def silent_since(last: datetime, now: datetime) -> bool:
    """Whether a run whose last sign of life is ``last`` counts as dead."""
    return now - last > timedelta(seconds=SILENCE)


@contextmanager
def beating(settings: Settings, run_id: str) -> Iterator[None]:
    """Says all the while that a run's process lives. A state database that cannot be reached is a warning: the run
    itself does not need it, and from this machine its process can be seen."""
    process = Process.this()

    def beats(over: threading.Event) -> None:
        warned = False
        while True:
            try:
                with State.of(settings) as state:
                    while True:
                        beat(state, run_id, process)
                        warned = False
                        if over.wait(BEAT):
                            forget(state, run_id)
                            return
            except EchelonError as error:
                if not warned:
                    log.warning("no heartbeat of run %s: %s", run_id, error)
                warned = True
            if over.wait(BEAT):
                return

    with stopping.background("heartbeat", beats):
        yield
