"""Resources: the warehouse session. Belongs here: Dagster wrappers that hand out plain objects.

Settings come from the environment of the process that runs the step; secrets are never run config.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from echelon_pipeline.lake.session import Progress, Session, silent
from echelon_pipeline.settings import Settings, load_settings, record_settings


class Warehouse(dg.ConfigurableResource["Warehouse"]):
    """Hands out sessions on the settings in force."""

    def settings(self) -> Settings:
        """The settings of this process's environment and home, or those that ``given`` set."""
        if _GIVEN:
            return _GIVEN[-1].settings
        record_settings(load_settings())
        return load_settings()

    def session(self, run_id: str | None = None) -> Session:
        """A session on the configured lake."""
        return Session.of(self.settings(), run_id=run_id, progress=_GIVEN[-1].progress if _GIVEN else silent)


@dataclass(frozen=True)
class _Given:
    settings: Settings
    progress: Progress


_GIVEN: list[_Given] = []


@contextmanager
def given(settings: Settings, progress: Progress = silent) -> Iterator[None]:
    """Runs of this process that begin inside use these settings and tell this display. Dagster makes resources
    anew for each run, so that an instance cannot carry them."""
    _GIVEN.append(_Given(settings, progress))
    try:
        yield
    finally:
        _GIVEN.pop()
