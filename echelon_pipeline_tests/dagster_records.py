"""What Dagster's SQLite files of a home say, read as they lie: an instance of its own would take part in what it sees.

Belongs here: reading, and how the command whose records they are is started. Runs of an instance are made by
``orchestration/instances.py``.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

# The command, also where the tests themselves run under ``nohup``: a hang-up that a parent ignores stays ignored.
HEARING = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from echelon_pipeline.cli import app
app()
"""


def rows(home: Path, file: str, query: str) -> list[tuple[str, ...]]:
    """Rows of a file below ``dagster/history``; none while it does not exist."""
    path = home / "dagster" / "history" / file
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:  # its tables are being made
        return []


def slots(home: Path) -> dict[str, str]:
    """The run that holds a slot, by pool."""
    query = "SELECT concurrency_key, run_id FROM concurrency_slots WHERE run_id IS NOT NULL"
    return {str(found[0]): str(found[1]) for found in rows(home, "runs/index.db", query)}


def status(home: Path, run: str) -> str:
    """Of a run."""
    return rows(home, "runs.db", f"SELECT status FROM runs WHERE run_id = '{run}'")[0][0]


def statuses(home: Path) -> list[str]:
    """Of all runs, oldest first."""
    return [found for (found,) in rows(home, "runs.db", "SELECT status FROM runs ORDER BY id")]


def steps_begun(home: Path) -> int:
    """How many steps the newest run has begun."""
    newest = rows(home, "runs.db", "SELECT run_id FROM runs ORDER BY id DESC LIMIT 1")
    query = "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'STEP_START'"
    found = rows(home, f"runs/{newest[0][0]}.db", query) if newest else []
    return int(found[0][0]) if found else 0
