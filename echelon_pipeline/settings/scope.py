"""What is ingested and what marts say: the settings that decide what the data says.

Belongs here: fields, their checks, and what follows from them alone.
"""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from echelon_pipeline.settings.group import Group, listed


class ScopeSettings(Group):
    """Scope: what is ingested, and what marts say"""

    builder_code: str | None = Field(
        None, description="Builder code(s), 0x and 64 hex digits, comma-separated; their fills are ingested."
    )
    max_instruments: int = Field(
        500, ge=0, description="Instruments per venue, by 24 h volume; 0 is all. KALSHI_MAX_INSTRUMENTS wins on Kalshi."
    )
    min_volume: int = Field(0, ge=0, description="Least total volume (contracts or USD) for an instrument to be kept.")
    history_days: int = Field(
        7, ge=0, description="Settled instruments that closed within this many days are listed too."
    )
    reread_days: int = Field(
        30,
        ge=1,
        description="Fills that are not final are asked about again for this many days, and so are payouts that Gamma "
        "calls final and Data API v2 does not know. Other payouts are asked about until they are final.",
    )
    parlays_max: int = Field(
        200,
        ge=0,
        description="Open Kalshi combos kept per run, most traded in 24 h first, then newest; 0 is none. "
        "Their legs become instruments.",
    )
    parlays_scan: int = Field(10_000, ge=1, description="Open Kalshi combos looked at per run, newest first.")
    parlays_reread: int = Field(
        1_000, ge=0, description="Known Kalshi combos that are not settled, read again per run."
    )
    parlay_collections: str | None = Field(
        None, description="Collections whose combos are kept, comma-separated tickers. Default: all."
    )
    overlap_minutes: int = Field(15, ge=0, description="How far a trade walk reads into what was read before.")
    trend_short_days: int = Field(7, ge=2, description="Short window of price trends, in days.")
    trend_long_days: int = Field(30, ge=3, description="Long window of price trends, in days.")
    late_hours: int = Field(
        6, ge=0, description="Rows first observed later than this many hours after their UTC day count as late."
    )
    stale_hours: int = Field(
        3, ge=1, description="A table that nothing was read for in this many hours counts as stale."
    )
    max_unread_share: float = Field(
        0.001,
        ge=0,
        le=1,
        description="Share of a table's rows of a UTC day that may be unread (dead letters) before health and the "
        "no_dead_letters checks are red.",
    )

    @field_validator("builder_code")
    @classmethod
    def _codes(cls, value: str | None) -> str | None:
        for code in listed(value):
            if not re.fullmatch(r"0[xX][0-9a-fA-F]{64}", code):
                raise ValueError("a builder code is 0x and 64 hexadecimal digits; several are separated by commas")
        return value

    @property
    def builder_codes(self) -> tuple[str, ...]:
        return listed(self.builder_code)

    @property
    def parlay_collections_allowed(self) -> tuple[str, ...]:
        """Collections whose combos are kept; empty: all."""
        return listed(self.parlay_collections)
