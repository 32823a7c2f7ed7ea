"""Where Dagster keeps its records: a folder of the home, made on first use.

Belongs here: making that folder and the environment of processes that use it. Importing Dagster does not:
the command must answer ``--help`` and ``doctor`` in well under a second.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from functools import cache
from pathlib import Path

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings, project_file

INSTANCE_FILE = "dagster.yaml"
WORKSPACE_FILE = "workspace.yaml"


def ensure_dagster_home(settings: Settings) -> Path:
    """The absolute path of ``<home>/dagster``, holding a ``dagster.yaml``.

    A file that is already there is kept: it is the operator's (``echelon doctor`` says where it differs
    from the shipped one). Raises BadSettings where the folder cannot be made.
    """
    home = settings.dagster_home.resolve()
    target = home / INSTANCE_FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            part = target.with_suffix(f".{os.getpid()}.part")
            shutil.copyfile(project_file(INSTANCE_FILE), part)
            part.replace(target)  # a second process never reads half a file
    except OSError as error:
        raise BadSettings(f"ECHELON_HOME: cannot make {home}: {error.strerror}") from error
    return home


def child_environment(settings: Settings, **extra: str) -> dict[str, str]:
    """Environment of a process that works on this home: ours, DAGSTER_HOME, no telemetry, and ``extra``."""
    return {
        **os.environ,
        "ECHELON_HOME": str(settings.home.resolve()),
        "DAGSTER_HOME": str(ensure_dagster_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        **extra,
    }


def enter_dagster_home(settings: Settings) -> None:
    """Makes this process use the home's Dagster records, for runs that happen in it."""
    os.environ.update(child_environment(settings))


@cache
def lighten_records() -> None:
    """Dagster's SQLite records of this process's runs are written without waiting for the disk each time.

    A run of the main job commits some 900 times and closes each connection, and SQLite empties its write-ahead log
    whenever the last one closes: thousands of fsyncs of 1 to 3 ms. With ``synchronous = NORMAL`` and one connection
    of ours left open they happen once per thousand pages. A killed process loses nothing by it; a power cut may lose
    the last events of a run, never the file's consistency. The lake, which is the truth, is not concerned.
    """
    from sqlalchemy import Engine, event

    held: dict[str, sqlite3.Connection] = {}

    def lighten(connection: object, _record: object) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        if not path.endswith(".db"):  # Dagster's; ours is state.sqlite
            return
        connection.execute("PRAGMA synchronous = NORMAL")
        if path not in held:
            held[path] = sqlite3.connect(path, check_same_thread=False)
            held[path].execute("SELECT count(*) FROM sqlite_master").fetchall()

    event.listen(Engine, "connect", lighten)
