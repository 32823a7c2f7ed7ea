"""Every partitions definition: UTC days, today included.

Venue and hash bucket below a day are storage, not partitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import dagster as dg

from echelon_pipeline.streams.hours import HOUR_KEY
from echelon_pipeline.streams.recordings import BEGINNING

# Fixed, so that partitions never vanish from the UI as days go by; how much a first run reads is
# ECHELON_DAYS_BACK. Widen with ECHELON_START_DATE.
DEFAULT_START = date(2024, 1, 1)


def daily(start: date | None) -> dg.DailyPartitionsDefinition:
    """UTC days from ``start`` (ECHELON_START_DATE), today included."""
    return dg.DailyPartitionsDefinition(start_date=str(start or DEFAULT_START), timezone="UTC", end_offset=1)


def days_of(context: dg.AssetExecutionContext) -> Sequence[date]:
    """The UTC days that a run owns, oldest first."""
    return [date.fromisoformat(key) for key in sorted(context.partition_keys)]


# Each year before would be 8,760 empty boxes in the UI.
HOURLY = dg.HourlyPartitionsDefinition(start_date=BEGINNING.strftime(HOUR_KEY), timezone="UTC", end_offset=1)


def hours_of(context: dg.AssetExecutionContext) -> Sequence[datetime]:
    """The UTC hours that a run owns, oldest first."""
    return [datetime.strptime(key, HOUR_KEY).replace(tzinfo=UTC) for key in sorted(context.partition_keys)]
