"""Deletions that wait for a backup.

Belongs here: whether one runs. The files that it copies must exist until it ends.
"""

from __future__ import annotations

from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.leases import Leases

BACKUP = "backup"  # the lease of a backup that runs


def is_backup_running(settings: Settings) -> bool:
    """Whether a backup of this home runs now. Raises as ``State.of``."""
    with State.of(settings) as state:
        return Leases(state).current(BACKUP) is not None
