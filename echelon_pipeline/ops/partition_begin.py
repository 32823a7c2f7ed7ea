"""The first day and the first hour of a home's partitions: where its data begins.

Belongs here: a small file of the home, which only moves the begin back, so that partitions never disappear from the UI.
It is a record for Dagster alone: without it the begin is read from the lake and from the recordings.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from echelon_pipeline.errors import BadSettings, EchelonError
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.settings import Settings
from echelon_pipeline.streams.hours import HOUR_KEY
from echelon_pipeline.tables import TABLES, daily_tables

log = logging.getLogger(__name__)
FILE = "partitions.json"
_FOLDER_TIME = "%Y%m%dT%H"  # the first characters of a recording's folder


@dataclass(frozen=True)
class Begin:
    """The first UTC day and the first UTC hour with data; None if there is none yet."""

    day: date | None = None
    hour: datetime | None = None

    def earlier(self, other: Begin) -> Begin:
        """The earlier of two, each for itself."""
        days = [day for day in (self.day, other.day) if day is not None]
        hours = [hour for hour in (self.hour, other.hour) if hour is not None]
        return Begin(min(days, default=None), min(hours, default=None))


def partition_begin(settings: Settings) -> tuple[date, datetime]:
    """The first day and hour of the partitions. ECHELON_START_DATE sets the day; a home without data begins with the
    days that a first run reads, and with today's hours."""
    recorded = _read(settings)
    if recorded.day is None:
        recorded = replace(recorded, day=_in_lake(settings))
    recorded = recorded.earlier(Begin(hour=min(_recorded_hours(settings), default=None)))
    day = settings.start_date or recorded.day or settings.first_day
    today = datetime.combine(datetime.now(UTC), time(), UTC)
    return day, recorded.hour or today


def note_begin(settings: Settings, *, day: date | None = None, hour: datetime | None = None) -> None:
    """Records that the home has data of this day or hour."""
    recorded = _read(settings)
    if recorded.day is None and day is not None:
        recorded = replace(recorded, day=_in_lake(settings))
    lowered = recorded.earlier(Begin(day, hour))
    if lowered != _read(settings):
        _write(settings, lowered)


def note_lake(settings: Settings) -> None:
    """Records the first day in the lake, after an import of history."""
    note_begin(settings, day=_in_lake(settings))


def _in_lake(settings: Settings) -> date | None:
    """The first day of the tables that are read by day, from their logs."""
    lake = Lake.of(settings)
    days: list[str] = []
    for name in daily_tables():
        place = TABLES[name].partition_by.index("date")
        try:
            opened = lake.open(name)
        except EchelonError as error:  # the UI must load; what reads the table reports the error
            log.warning("the first day of %s is unknown: %s", name, error)
            continue
        days += [str(file.partition[place]) for file in opened.files] if opened else []
    return min(map(date.fromisoformat, days), default=None)


def last_hour(settings: Settings) -> datetime | None:
    """The last hour of the partitions: that of a frozen clock, if all recordings have its time. None: the current
    hour."""
    newest = max(_recorded_hours(settings), default=None)
    if settings.now is None or newest is None or newest > settings.now:
        return None
    before = settings.now - timedelta(microseconds=1)  # an hour that begins with the clock's time has no data
    return before.replace(minute=0, second=0, microsecond=0)


def _recorded_hours(settings: Settings) -> list[datetime]:
    """The hours in which recordings began."""
    hours = []
    for folder in settings.capture_root.glob("*/*"):
        try:
            hours.append(datetime.strptime(folder.name[:11], _FOLDER_TIME).replace(tzinfo=UTC))
        except ValueError:  # no recording
            continue
    return hours


def _read(settings: Settings) -> Begin:
    path = settings.home / FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        day, hour = values.get("first_day"), values.get("first_hour")
        return Begin(
            date.fromisoformat(day) if day else None,
            datetime.strptime(hour, HOUR_KEY).replace(tzinfo=UTC) if hour else None,
        )
    except (FileNotFoundError, NotADirectoryError):
        return Begin()
    except (OSError, ValueError, AttributeError, TypeError) as error:
        log.warning("%s cannot be read (%s): it is written again", path, type(error).__name__)
        return Begin()


def _write(settings: Settings, begin: Begin) -> None:
    values = {
        "first_day": str(begin.day) if begin.day else None,
        "first_hour": begin.hour.strftime(HOUR_KEY) if begin.hour else None,
    }
    path: Path = settings.home / FILE
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(values) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise BadSettings(f"ECHELON_HOME: cannot write {path}: {error.strerror}") from error
