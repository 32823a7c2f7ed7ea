"""UTC hours, and intents of listeners, which last for several of them.

Belongs here: arithmetic of hours and stretches. What was recorded in them is ``recordings.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, TypeVar

from echelon_pipeline.settings import Settings

HOUR = timedelta(hours=1)
HOUR_KEY = "%Y-%m-%d-%H:%M"  # how an hour is named as a partition
T = TypeVar("T")
Stretches: TypeAlias = tuple[tuple[str, int, int], ...]  # instrument, from, to in microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Intent:
    """A listener declared to watch an instrument in [from_at, to_at); None: still."""

    instrument_id: str
    from_at: datetime
    to_at: datetime | None


# Intents that overlap [since, until], each whole; what is read does not grow with their history.
IntentsWithin: TypeAlias = Callable[[datetime, datetime], Sequence[Intent]]


def by_hour(stretches: Iterable[tuple[datetime, datetime, T]]) -> dict[datetime, list[T]]:
    """What lasts from an instant to another, by each hour that it reaches into."""
    found: dict[datetime, list[T]] = {}
    for begin, end, what in stretches:
        starts_at = begin.replace(minute=0, second=0, microsecond=0)
        while starts_at < end:
            found.setdefault(starts_at, []).append(what)
            starts_at += HOUR
    return found


def intended(intents: Iterable[Intent], starts_at: datetime, now: datetime) -> Stretches:
    """What listeners intended to watch in an hour, as far as it has passed."""
    until = min(now, starts_at + HOUR)
    return _joined((i.instrument_id, max(i.from_at, starts_at), min(i.to_at or until, until)) for i in intents)


def _joined(stretches: Iterable[tuple[str, datetime, datetime]]) -> Stretches:
    """Stretches of several listeners as one per instrument and time, in microseconds."""
    found: list[tuple[str, int, int]] = []
    for name, begin, end in sorted((n, micros(b), micros(e)) for n, b, e in stretches if b < e):
        if found and found[-1][0] == name and begin <= found[-1][2]:
            found[-1] = (name, found[-1][1], max(found[-1][2], end))
        else:
            found.append((name, begin, end))
    return tuple(found)


def present(settings: Settings) -> datetime:
    """The end of what may have been recorded. Frames have the machine's time, or the frozen time of a demo's home."""
    return max(datetime.now(UTC), settings.clock())


def micros(at: datetime) -> int:
    """Since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def time_of(micros: int) -> datetime:
    """The instant."""
    return _EPOCH + timedelta(microseconds=micros)
