"""The folder of the home with Dagster's records, created on first use.

Belongs here: creating that folder, the environment of processes that use it, and names in the records that several
rooms use. Imports of Dagster do not belong
here: the command must answer ``--help`` and ``doctor`` in well under a second.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings, load_settings, project_file

INSTANCE_FILE = "dagster.yaml"
WORKSPACE_FILE = "workspace.yaml"
# The job of a listener's shift, and the tag of its runs with the listener's name.
LISTEN_JOB, LISTENER_TAG = "listen", "echelon/listener"
# The tag of a failed run: transient, permanent or unexpected.
FAILURE_TAG = "echelon/failure_class"
# The tag of all other runs: dagster.yaml limits how many of them run at once.
WORK = {"echelon/kind": "work"}


def ensure_dagster_home(settings: Settings) -> Path:
    """Creates ``<home>/dagster`` with a ``dagster.yaml`` and returns its absolute path.

    An existing file is kept, because operators may edit it; ``echelon doctor`` reports if it differs from the shipped
    one. Raises BadSettings if the folder cannot be created.
    """
    home = settings.dagster_home
    target = home / INSTANCE_FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            part = target.with_suffix(f".{os.getpid()}.part")
            shutil.copyfile(project_file(INSTANCE_FILE), part)
            part.replace(target)  # atomic: another process never reads a partial file
    except OSError as error:
        raise BadSettings(f"ECHELON_HOME: cannot create {home}: {error.strerror}") from error
    return home


def damaged_records() -> list[Path]:
    """Files of Dagster's records in the configured home that SQLite cannot read."""
    from echelon_pipeline.state.sqlite_files import problems

    try:
        return [path for path, _ in problems(load_settings().dagster_home)]
    except BadSettings:
        return []


def child_environment(settings: Settings, **extra: str) -> dict[str, str]:
    """Environment of a process that works on this home: this process's, DAGSTER_HOME, no telemetry, ``extra``."""
    return {
        **os.environ,
        "ECHELON_HOME": str(settings.home),
        "DAGSTER_HOME": str(ensure_dagster_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        **extra,
    }


def enter_dagster_home(settings: Settings) -> None:
    """Makes this process use the home's Dagster records, for runs in this process."""
    os.environ.update(child_environment(settings))
