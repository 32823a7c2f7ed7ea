"""Marts of how prices move and how often they were right.

Belongs here: columns, keys and rules of ``mart.price_trends`` and of the calibration tables. Windows are calendar
days that end with the row's day; ``short_days`` and ``long_days`` are settings (7 and 30 by default).
"""

from __future__ import annotations

from echelon_pipeline.tables.marts import DATE, INSTRUMENT, VENUE
from echelon_pipeline.tables.schema import Column, Rule, T, Table

_DAY = "USD per day"

PRICE_TRENDS = Table(
    name="mart.price_trends",
    about=(
        "One row is one instrument's UTC day of one price source, as in core.daily_prices until trading ended, with "
        "how its close moved. Sources are never mixed."
    ),
    grain="instrument, date, price_source",
    columns=(
        VENUE,
        DATE,
        INSTRUMENT,
        Column("price_source", T.TEXT, "trades, candle, mid_sample or venue_day (Eastern-time day)", nullable=False),
        Column("close", T.PRICE, "of outcome 0; NULL where nothing traded", unit="USD"),
        Column(
            "is_fresh",
            T.BOOL,
            "the close was observed on this day. trades, candle, venue_day: something traded (close is not NULL). "
            "mid_sample: the venue fills forward, so a day whose samples all equal the close of the day before is "
            "taken as carried; a midpoint that really stood still all day looks the same",
            nullable=False,
        ),
        Column("change", T.PRICE, "close minus yesterday's; NULL unless both days are fresh", unit="USD"),
        Column(
            "logit_change",
            T.STAT,
            "change of ln(p / (1 - p)), closes clipped to one tick from 0 and 1 (the tick as it is now; 0.01 where "
            "unknown); NULL where change is",
        ),
        Column("mean_short", T.STAT, "mean of the fresh closes of the last short_days days", unit="USD"),
        Column("days_short", T.BIGINT, "fresh closes in it", nullable=False),
        Column("mean_long", T.STAT, "mean of the fresh closes of the last long_days days", unit="USD"),
        Column("days_long", T.BIGINT, "fresh closes in it", nullable=False),
        Column(
            "volatility_short",
            T.STAT,
            "sample standard deviation of the changes of the last short_days days, not annualized; NULL below 2",
            unit=_DAY,
        ),
        Column("changes_short", T.BIGINT, "changes in it", nullable=False),
        Column("volatility_long", T.STAT, "the same over the last long_days days", unit=_DAY),
        Column("changes_long", T.BIGINT, "changes in it", nullable=False),
        Column(
            "z_score",
            T.STAT,
            "(close - mean) / sample standard deviation of the fresh closes of the long_days days before this one; "
            "NULL where the day is not fresh, below 5 closes, or where the deviation is below half a tick",
        ),
        Column("days_prior", T.BIGINT, "fresh closes in it", nullable=False),
        Column(
            "drawdown",
            T.PRICE,
            "close minus the highest fresh close of the last long_days days: 0 at the high, else negative; NULL where "
            "the day is not fresh",
            unit="USD",
        ),
        Column("momentum", T.PRICE, "close minus the close short_days ago; NULL unless both are fresh", unit="USD"),
        Column(
            "regime",
            T.TEXT,
            "volatility_short against the instrument's own volatility_before (no less than half a tick): calm below "
            "half of it, volatile above twice, else normal; NULL below 3 changes now or 5 before",
        ),
        Column(
            "volatility_before", T.STAT, "as volatility_long, of the long_days days before the short window", unit=_DAY
        ),
        Column("changes_before", T.BIGINT, "changes in it", nullable=False),
        Column("is_complete", T.BOOL, "the source covers the whole day; else the close may still move", nullable=False),
    ),
    key=("instrument_id", "date", "price_source"),
    partition_by=("date",),
    sort_by=("instrument_id", "price_source"),
    rules=(
        Rule("a fresh day has a close", "close IS NOT NULL OR NOT is_fresh"),
        Rule("drawdown is not positive", "drawdown IS NULL OR drawdown <= 0"),
        Rule("regime is known", "regime IS NULL OR regime IN ('calm', 'normal', 'volatile')"),
        Rule("volatility is not negative", "volatility_long IS NULL OR volatility_long >= 0"),
    ),
    indexes=(("date",),),
)

TREND_TABLES: tuple[Table, ...] = (PRICE_TRENDS,)
