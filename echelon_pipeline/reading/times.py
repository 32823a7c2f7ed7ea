"""Times and steps as a caller of the reader gives them.

Belongs here: reading dates, times and steps, and writing them as SQL. A time without a zone is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from echelon_pipeline.errors import BadQuery
from echelon_pipeline.sqltools.text import literal

Time = datetime | date | str
Step = timedelta | str

_STEP = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}


def instant(name: str, value: Time) -> datetime:
    """A time in UTC; a date is its midnight. Raises BadQuery that names the argument."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise BadQuery(
                f"{name}={value!r} is not a time: expected 2026-11-14, 2026-11-14T12:30 or a datetime"
            ) from None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC)


def window(since: Time | None, until: Time | None) -> tuple[datetime | None, datetime | None]:
    """Both ends of a window. Raises BadQuery if it ends before it begins."""
    start = None if since is None else instant("since", since)
    end = None if until is None else instant("until", until)
    if start is not None and end is not None and end < start:
        raise BadQuery(f"until ({end:%Y-%m-%d %H:%M:%S}) is before since ({start:%Y-%m-%d %H:%M:%S})")
    return start, end


def step(value: Step) -> timedelta:
    """A step between two times, as ``"100ms"``, ``"1s"``, ``"5min"`` or a timedelta. Raises BadQuery."""
    found = value
    if isinstance(value, str):
        match = _STEP.fullmatch(value)
        found = timedelta(seconds=float(match[1]) * _SECONDS[match[2]]) if match else timedelta(0)
    if not isinstance(found, timedelta) or found < timedelta(milliseconds=1):
        raise BadQuery(f"every={value!r} is not a step: expected 100ms, 1s, 5min, 1h, 1d or a timedelta, at least 1 ms")
    return found


def sql_time(at: datetime) -> str:
    """A SQL literal of a time."""
    return f"TIMESTAMPTZ {literal(at.astimezone(UTC).isoformat())}"


def sql_day(at: datetime) -> str:
    """A SQL literal of the UTC day of a time."""
    return f"DATE {literal(at.astimezone(UTC).date().isoformat())}"


def sql_step(every: timedelta) -> str:
    """A SQL literal of a step."""
    return f"INTERVAL {every // timedelta(microseconds=1)} MICROSECOND"
