"""Clocks for state databases, and the instruments that a listener watches."""

from __future__ import annotations

from datetime import datetime, timedelta

from echelon_pipeline.state.listeners import Listeners
from echelon_pipeline_tests.rows import NOON


class ManualClock:
    """Stands still until it is advanced."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class TickingClock(ManualClock):
    """A second later each time it is read: no two changes have the same time."""

    def __call__(self) -> datetime:
        self.advance(1)
        return self.now


def watched(listeners: Listeners, name: str) -> list[str]:
    """The instruments that a listener watches now."""
    return [i["instrument_id"] for i in listeners.exported()[1] if i["listener"] == name and i["to_at"] is None]
