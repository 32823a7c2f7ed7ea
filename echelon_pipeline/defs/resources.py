"""Resources: the warehouse session. Belongs here: Dagster wrappers that hand out plain objects.

Settings come from the environment of the process that runs the step; secrets are never run config.
"""

from __future__ import annotations

import dagster as dg
from pydantic import PrivateAttr

from echelon_pipeline.ingest.session import Progress, Session, silent
from echelon_pipeline.settings import Settings, load_settings


class Warehouse(dg.ConfigurableResource["Warehouse"]):
    """Hands out sessions on the settings of this process's environment, or on given ones (``of``)."""

    _settings: Settings | None = PrivateAttr(None)

    @classmethod
    def of(cls, settings: Settings) -> Warehouse:
        """A warehouse on settings that this process already holds."""
        warehouse = cls()
        warehouse._settings = settings
        return warehouse

    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings or load_settings()

    def session(self, run_id: str | None = None, progress: Progress | None = None) -> Session:
        """A session on the configured lake."""
        return Session.of(self.settings(), run_id=run_id, progress=progress or _watcher())


_PROGRESS: list[Progress] = []


def watch(progress: Progress | None) -> None:
    """Sends the progress of this process's sessions to a display (the command line's); None stops it."""
    _PROGRESS[:] = [] if progress is None else [progress]


def _watcher() -> Progress:
    return _PROGRESS[0] if _PROGRESS else silent
