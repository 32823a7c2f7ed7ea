"""Clocks for state databases, the instruments that a listener watches, and intents."""

from __future__ import annotations

from datetime import datetime, timedelta

from echelon_pipeline.state.listeners import Listeners
from echelon_pipeline.streams.hours import Intent, IntentsWithin
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
    return [instrument_id for instrument_id, _ in listeners.watched_now(name)]


def intents_within(*intents: Intent) -> IntentsWithin:
    """Reads these intents as from a state database."""

    def within(since: datetime, until: datetime) -> list[Intent]:
        return [i for i in intents if i.from_at <= until and (i.to_at is None or i.to_at >= since)]

    return within
