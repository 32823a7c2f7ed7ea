"""The resource of all assets: sessions on the lake.

Belongs here: giving settings and sessions to steps. Run config never contains secrets: settings come from the caller
that builds the definitions, or from the environment of the process that runs the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import ResourceParam

from echelon_pipeline.clocks import MACHINE, Clock
from echelon_pipeline.lake.session import Progress, Session, silent
from echelon_pipeline.settings import Settings, load_settings, record_settings, with_values


class Warehouse:
    """Gives sessions on one home: the home of ``settings``, or else of this process's environment."""

    def __init__(
        self, settings: Settings | None = None, progress: Progress = silent, *, clock: Clock = MACHINE
    ) -> None:
        self.clock = clock
        self._settings = settings
        self._progress = progress

    def settings(self) -> Settings:
        """The settings in use. Those of the environment are first recorded in the home; its values override."""
        if self._settings is not None:
            return self._settings
        record_settings(load_settings())
        return load_settings()

    def session(self, run_id: str | None = None, changed: Mapping[str, Any] | None = None) -> Session:
        """A session on the lake of the home. ``changed``: values of settings for this session alone; None is the home's
        value. They are never recorded. Raises BadSettings for an invalid one."""
        settings = with_values(self.settings(), changed or {})
        return Session.of(settings, run_id=run_id, progress=self._progress)


Resource = ResourceParam[Warehouse]
