"""Scope of ingestion and parameters of marts: the settings that shape the data.

Belongs here: fields, their checks, and properties computed from them alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, field_validator

from echelon_pipeline.settings.group import Group, listed

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)


class ScopeSettings(Group):
    """Scope: ingestion, and parameters of marts"""

    builder_code: str | None = Field(
        None, description="Builder code(s), 0x and 64 hex digits, comma-separated; their fills are ingested."
    )
    builder_week_start: Weekday = Field(
        "monday",
        description="Weekday on which weeks of mart.builder_report begin: that of the programme's calendar.",
    )
    agents_file: Path | None = Field(
        None,
        description="CSV or YAML file of agents with the fields agent, wallet and owner: mart.agent_report splits the "
        "figures of builder codes by agent. It stays private: in the lake only.",
    )
    max_instruments: int = Field(
        500,
        ge=0,
        description="Instruments to ingest per venue, by 24 h volume; 0 is all. KALSHI_MAX_INSTRUMENTS overrides it "
        "for Kalshi.",
    )
    min_volume: int = Field(
        0, ge=0, description="Minimum total volume (contracts or USD) of an instrument to be ingested."
    )
    history_days: int = Field(
        7, ge=0, description="Settled instruments are ingested too if they closed within this many days."
    )
    reread_days: int = Field(
        30,
        ge=1,
        description="Fills that are not final are requested again for this many days, and so are payouts that Gamma "
        "calls final and Data API v2 does not have. Other payouts are requested until they are final.",
    )
    parlays_max: int = Field(
        200,
        ge=0,
        description="Open Kalshi combos to ingest per run, most traded in 24 h first, then newest; 0 is none. "
        "Their legs become instruments.",
    )
    parlays_scan: int = Field(10_000, ge=1, description="Open Kalshi combos to scan per run, newest first.")
    parlays_reread: int = Field(1_000, ge=0, description="Known, unsettled Kalshi combos to read again per run.")
    parlay_collections: str | None = Field(
        None, description="Tickers of the collections whose combos are ingested, comma-separated. Default: all."
    )
    overlap_minutes: int = Field(
        15, ge=0, description="Minutes by which a trade walk overlaps the interval that was read before."
    )
    trend_short_days: int = Field(7, ge=2, description="Short window of price trends, in days.")
    trend_long_days: int = Field(30, ge=3, description="Long window of price trends, in days.")
    late_hours: int = Field(
        6, ge=0, description="Rows first observed later than this many hours after their UTC day count as late."
    )
    stale_hours: int = Field(
        3, ge=1, description="A table counts as stale after this many hours without new data read for it."
    )
    max_unread_share: float = Field(
        0.001,
        ge=0,
        le=1,
        description="Maximum share of unread rows (dead letters) of a table and UTC day; above it, health and the "
        "no_dead_letters checks are red.",
    )

    @field_validator("builder_code")
    @classmethod
    def _codes(cls, value: str | None) -> str | None:
        codes = listed(value)
        for number, code in enumerate(codes, start=1):
            which = f"code {number} of {len(codes)}"
            if not re.fullmatch(r"0[xX][0-9a-fA-F]{64}", code):
                raise ValueError(
                    f"a builder code is 0x and 64 hexadecimal digits, several are separated by commas; {which} is not: "
                    f"it has {len(code)} characters"
                )
            if int(code, 16) == 0:
                raise ValueError(f"{which} is the zero code, which orders without a builder have")
            if code.lower() in (c.lower() for c in codes[: number - 1]):
                raise ValueError(f"{which} is there twice")
        return value

    @property
    def builder_codes(self) -> tuple[str, ...]:
        return listed(self.builder_code)

    @property
    def parlay_collections_allowed(self) -> tuple[str, ...]:
        """Collections whose combos are ingested; empty: all."""
        return listed(self.parlay_collections)
