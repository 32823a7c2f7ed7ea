"""All partitions definitions: UTC days and UTC hours, including the current one.

Venue and hash bucket below a day belong to storage; they are not partitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import dagster as dg

from echelon_pipeline.streams.hours import HOUR_KEY
from echelon_pipeline.streams.recordings import BEGINNING

# Fixed, so that partitions never disappear from the UI. ECHELON_START_DATE sets another start; ECHELON_DAYS_BACK sets
# how many days a first run reads.
DEFAULT_START = date(2024, 1, 1)


def daily(start: date | None) -> dg.DailyPartitionsDefinition:
    """UTC days from ``start`` (ECHELON_START_DATE), including today."""
    return dg.DailyPartitionsDefinition(start_date=str(start or DEFAULT_START), timezone="UTC", end_offset=1)


def days_of(context: dg.AssetExecutionContext) -> Sequence[date]:
    """The UTC days that a run owns, oldest first."""
    return [date.fromisoformat(key) for key in sorted(context.partition_keys)]


# An earlier start would add 8,760 empty partitions per year to the UI.
HOURLY = dg.HourlyPartitionsDefinition(start_date=BEGINNING.strftime(HOUR_KEY), timezone="UTC", end_offset=1)


def hours_of(context: dg.AssetExecutionContext) -> Sequence[datetime]:
    """The UTC hours that a run owns, oldest first."""
    return [datetime.strptime(key, HOUR_KEY).replace(tzinfo=UTC) for key in sorted(context.partition_keys)]
