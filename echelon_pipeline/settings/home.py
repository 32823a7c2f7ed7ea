"""Paths and limits of a home, and its clock.

Belongs here: fields, their checks, and properties computed from them alone.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pydantic import Field, field_validator

from echelon_pipeline.settings.group import Group
from echelon_pipeline.settings.places import usable_path
from echelon_pipeline.settings.urls import STORES, check_url

RESTORING = ".restoring"  # the folder of a restore that has not ended, inside a home


class HomeSettings(Group):
    """Home: paths, limits, clock"""

    home: Path = Field(
        Path(".echelon"),
        validate_default=True,
        description="Folder of the lake, the published file, the state database and logs.",
    )
    lake: str | None = Field(None, description="Lake root: a folder or object-store URL. Default: <home>/lake.")
    published: Path | None = Field(None, description="Published DuckDB file. Default: <home>/echelon.duckdb.")
    publish_every: int = Field(300, ge=0, description="Minimum seconds between automatic publications.")
    lease_seconds: float = Field(
        60.0,
        ge=1,
        description="Seconds without a sign of life after which another process takes over the lease of a refresh, a "
        "publication or `echelon record`. The lease of a dead process on the same machine is taken over at once.",
    )
    memory_limit_mb: int = Field(
        512, ge=64, description="Memory limit of each DuckDB computation; above it, the computation spills to disk."
    )
    threads: int = Field(2, ge=1, description="Threads of each DuckDB computation.")
    raw_flush_objects: int = Field(
        20_000, ge=1, le=40_000, description="Raw objects buffered in memory before they are written and derived."
    )
    rederive_days: int = Field(
        7,
        ge=0,
        description="Maximum days per table and venue that a refresh or maintenance derives again after the "
        "parsers have changed; 0: none, use `echelon rederive`.",
    )
    merge_tries: int = Field(10, ge=1, description="Maximum attempts of a commit against concurrent writers.")
    min_free_mb: int = Field(200, ge=0, description="Minimum megabytes of free disk for starting a unit of work.")
    now: datetime | None = Field(None, description="Frozen clock (ISO 8601, UTC) for recorded or sandbox universes.")
    start_date: date | None = Field(
        None,
        description="First UTC day of the daily partitions. Default: the first day of the home's data.",
    )
    days_back: int = Field(7, ge=0, description="Number of days before today that the first run ingests.")

    @field_validator("now")
    @classmethod
    def _utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @field_validator("home", "published")
    @classmethod
    def _usable(cls, value: Path | None) -> Path | None:
        return None if value is None else usable_path(value)

    @field_validator("lake")
    @classmethod
    def _usable_lake(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if "://" not in value and not re.match(r"[\w+.-]+:", value):
            return str(usable_path(value))
        check_url(value, STORES, credentials=False)
        if re.search(r"[?*\[\]]", value):
            raise ValueError(
                "the URL of a lake must have no parameters (set the store's own variables instead) and no patterns"
            )
        return value

    def clock(self) -> datetime:
        """The current time in UTC, or the frozen clock if one is set."""
        return self.now or datetime.now(UTC)

    @property
    def first_day(self) -> date:
        """First UTC day of the daily partitions."""
        return self.start_date or (self.clock() - timedelta(days=self.days_back)).date()

    @property
    def lake_root(self) -> str:
        return self.lake or str(self.home / "lake")

    @property
    def capture_root(self) -> Path:
        """The folder of received frames, by venue and connection."""
        return self.home / "capture"

    @property
    def published_file(self) -> Path:
        return self.published or self.home / "echelon.duckdb"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def scratch(self) -> Path:
        """The folder of staging files of units of work; files left here after a crash may be deleted."""
        return self.home / "scratch"
