"""UTC days: every day of an interval, runs of consecutive days.

Belongs here: arithmetic on dates.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

_DAY = timedelta(days=1)


def every_day(first: date, last: date) -> list[date]:
    """The days from ``first`` to ``last``, inclusive; none if ``first`` is later."""
    return [first + n * _DAY for n in range((last - first).days + 1)]


def consecutive(days: Iterable[date]) -> list[list[date]]:
    """The days, sorted, in runs of consecutive days."""
    runs: list[list[date]] = []
    for day in sorted(days):
        if runs and day == runs[-1][-1] + _DAY:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs
