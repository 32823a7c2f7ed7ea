"""All partitions definitions: UTC days and UTC hours, including the current one.

Venue and hash bucket below a day belong to storage; they are not partitions. ``ops/partition_begin.py`` knows the first
day and hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from echelon_pipeline.streams.hours import HOUR, HOUR_KEY


def daily(first: date, frozen: datetime | None = None) -> dg.DailyPartitionsDefinition:
    """UTC days from ``first`` to today, including today. ``frozen``: the clock of a recorded universe, whose day is the
    last one, before or after the real one."""
    if frozen is None:
        return dg.DailyPartitionsDefinition(start_date=str(first), timezone="UTC", end_offset=1)
    last, real = frozen.date(), datetime.now(UTC).date()
    return dg.DailyPartitionsDefinition(
        start_date=str(first),
        end_date=str(last + timedelta(days=1)),
        timezone="UTC",
        end_offset=max(0, (last - real).days + 1),
    )


def days_of(context: dg.AssetExecutionContext) -> Sequence[date]:
    """The UTC days that a run owns, oldest first."""
    return [date.fromisoformat(key) for key in sorted(context.partition_keys)]


def hourly(first: datetime, last: datetime | None = None) -> dg.HourlyPartitionsDefinition:
    """UTC hours from ``first`` to ``last``; default: to the current one."""
    if last is None:
        return dg.HourlyPartitionsDefinition(start_date=first.strftime(HOUR_KEY), timezone="UTC", end_offset=1)
    return dg.HourlyPartitionsDefinition(
        start_date=first.strftime(HOUR_KEY),
        end_date=(last + HOUR).strftime(HOUR_KEY),
        timezone="UTC",
        end_offset=max(0, (last - datetime.now(UTC)) // HOUR + 2),
    )


def hours_of(context: dg.AssetExecutionContext) -> Sequence[datetime]:
    """The UTC hours that a run owns, oldest first."""
    return [datetime.strptime(key, HOUR_KEY).replace(tzinfo=UTC) for key in sorted(context.partition_keys)]
