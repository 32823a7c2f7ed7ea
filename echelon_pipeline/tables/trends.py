"""Marts of price trends and of the calibration of prices.

Belongs here: columns, keys and rules of ``mart.price_trends`` and of the calibration tables. Windows are calendar
days that end with the row's day; ``short_days`` and ``long_days`` are settings (7 and 30 by default).
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import DATE, INSTRUMENT, VENUE
from echelon_pipeline.tables.schema import Column, Cycle, Rule, T, Table

_DAY = "USD per day"

_PRICED = "name of outcome 0, whose prices the row has; its label at the time of computation"

PRICE_TRENDS = Table(
    name="mart.price_trends",
    cycle=Cycle.DAY,
    version=2,
    about=(
        "One row is one instrument's UTC day of one price source, as in core.daily_prices until trading ended, with "
        "the trend of its close. Sources are never mixed."
    ),
    grain="instrument, date, price_source",
    columns=(
        VENUE,
        DATE,
        INSTRUMENT,
        Column("price_source", T.TEXT, "trades, candle, mid_sample or venue_day (Eastern-time day)", nullable=False),
        Column("close", T.PRICE, "of outcome 0; NULL if nothing traded", unit="USD"),
        Column("priced_outcome", T.TEXT, _PRICED, nullable=False),
        Column(
            "is_fresh",
            T.BOOL,
            "the close was observed on this day. trades, candle, venue_day: something traded (close is not NULL). "
            "mid_sample: the venue fills forward, so a day whose samples all equal the close of the day before counts "
            "as filled; a midpoint that really did not move all day looks the same",
            nullable=False,
        ),
        Column("change", T.PRICE, "close minus the close of the day before; NULL unless both are fresh", unit="USD"),
        Column(
            "logit_change",
            T.STAT,
            "change of ln(p / (1 - p)), closes clipped to one tick from 0 and 1 (the current tick; 0.01 if unknown); "
            "NULL if change is NULL",
        ),
        Column("mean_short", T.STAT, "mean of the fresh closes of the last short_days days", unit="USD"),
        Column("days_short", T.BIGINT, "number of fresh closes in mean_short", nullable=False),
        Column("mean_long", T.STAT, "mean of the fresh closes of the last long_days days", unit="USD"),
        Column("days_long", T.BIGINT, "number of fresh closes in mean_long", nullable=False),
        Column(
            "volatility_short",
            T.STAT,
            "sample standard deviation of the changes of the last short_days days, not annualized; NULL below 2",
            unit=_DAY,
        ),
        Column("changes_short", T.BIGINT, "number of changes in volatility_short", nullable=False),
        Column("volatility_long", T.STAT, "as volatility_short, over the last long_days days", unit=_DAY),
        Column("changes_long", T.BIGINT, "number of changes in volatility_long", nullable=False),
        Column(
            "z_score",
            T.STAT,
            "(close - mean) / sample standard deviation of the fresh closes of the long_days days before this one; "
            "NULL if the day is not fresh, below 5 closes, or if the deviation is below half a tick",
        ),
        Column("days_prior", T.BIGINT, "number of fresh closes in the z_score's mean", nullable=False),
        Column(
            "drawdown",
            T.PRICE,
            "close minus the highest fresh close of the last long_days days: 0 at the high, else negative; NULL if "
            "the day is not fresh",
            unit="USD",
        ),
        Column("momentum", T.PRICE, "close minus the close short_days ago; NULL unless both are fresh", unit="USD"),
        Column(
            "regime",
            T.TEXT,
            "volatility_short compared with the instrument's volatility_before (at least half a tick): calm below "
            "half of it, volatile above twice of it, else normal; NULL below 3 changes now or 5 before",
        ),
        Column(
            "volatility_before", T.STAT, "as volatility_long, of the long_days days before the short window", unit=_DAY
        ),
        Column("changes_before", T.BIGINT, "number of changes in volatility_before", nullable=False),
        Column("is_complete", T.BOOL, "the source covers the whole day; else the close may still move", nullable=False),
        Column("incomplete_reason", T.TEXT, "why is_complete is false, as in core.daily_prices"),
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

_HORIZON = Column("horizon", T.TEXT, "1h, 6h, 1d, 7d or 30d before outcome_known_at", nullable=False)
_HORIZON_SECONDS = Column("horizon_seconds", T.INT, "the horizon in seconds", nullable=False)

CALIBRATION = Table(
    name="mart.calibration",
    cycle=Cycle.DAY,
    version=2,
    about=(
        "One row is the price of one instrument with a final outcome at one horizon before the outcome could be known, "
        "and its payout; or the reason why one of them is missing."
    ),
    grain="instrument, horizon",
    columns=(
        VENUE,
        Column(
            "date",
            T.DATE,
            "UTC day of outcome_known_at, or of our first observation of the resolution if that is unknown. Prices "
            "are searched from 45 days before it",
            nullable=False,
        ),
        INSTRUMENT,
        Column("event_id", T.TEXT, "venue:native_id of the event, if known"),
        _HORIZON,
        _HORIZON_SECONDS,
        Column(
            "outcome_known_at",
            T.TIME,
            "the earliest known time of: end of trading, occurrence (game start), first proposal of a resolution, "
            "final resolution",
        ),
        Column(
            "outcome_basis",
            T.TEXT,
            "which of these times: trading_ended, occurrence, proposal or resolution. If only the resolution is known, "
            "the outcome was public earlier, and prices at short horizons already include it",
        ),
        Column("horizon_at", T.TIME, "outcome_known_at minus the horizon"),
        Column(
            "price",
            T.EXACT_PRICE,
            "of outcome 0: the last price at or before horizon_at, at most a quarter of the horizon older; of several "
            "at the same time always the same one; without block trades and imports without ids",
            unit="USD",
        ),
        Column("priced_outcome", T.TEXT, _PRICED, nullable=False),
        Column("price_at", T.TIME, "time of the trade; for a daily close, the end of its day"),
        Column(
            "price_source",
            T.TEXT,
            "trade; if there is no trade at or before horizon_at (within the 45 days before date), the daily close of "
            "trades, candle, mid_sample or venue_day",
        ),
        Column("outcome", T.EXACT_PRICE, "final payout per share of outcome 0; fractions stay as they are", unit="USD"),
        Column(
            "missing_reason",
            T.TEXT,
            "why the row is not in the curve: no_payout, "
            "payouts_disagree (between sources: two payouts, or a payout and a proposal), no_outcome_time, "
            "too_old (a price within the 45 days before date, but older than allowed), not_open (horizon_at is before "
            "trading), no_price (none in these days; there may be older ones); NULL if nothing is missing",
        ),
    ),
    key=("instrument_id", "horizon"),
    partition_by=("date",),
    sort_by=("instrument_id", "horizon"),
    rules=(
        Rule("price lies in 0..1", "price IS NULL OR price BETWEEN 0 AND 1"),
        Rule("outcome lies in 0..1", "outcome IS NULL OR outcome BETWEEN 0 AND 1"),
        Rule("a price comes from before the horizon", "price IS NULL OR price_at <= horizon_at"),
        Rule(
            "a row counts or says why not", "missing_reason IS NOT NULL OR (price IS NOT NULL AND outcome IS NOT NULL)"
        ),
    ),
    indexes=(("event_id",),),
)

CALIBRATION_CURVE = Table(
    name="mart.calibration_curve",
    about=(
        "One row is one price bucket of one venue and horizon: the payouts of instruments at that price. Every bucket "
        "has a row."
    ),
    grain="venue, horizon, bucket",
    columns=(
        VENUE,
        _HORIZON,
        _HORIZON_SECONDS,
        Column("bucket_from", T.PRICE, "lower limit of the bucket, inclusive", nullable=False, unit="USD"),
        Column("bucket_to", T.PRICE, "upper limit, exclusive except for 1", nullable=False, unit="USD"),
        Column("n_instruments", T.BIGINT, "instruments in the bucket, each counted once", nullable=False),
        Column(
            "n_events",
            T.BIGINT,
            "number of their events; an instrument without a known event counts as its own event",
            nullable=False,
        ),
        Column(
            "n_missing",
            T.BIGINT,
            "instruments of this venue and horizon that are in no bucket (reasons: mart.calibration)",
            nullable=False,
        ),
        Column("mean_price", T.STAT, "NULL if the bucket is empty, like all following columns", unit="USD"),
        Column("mean_outcome", T.STAT, "mean payout; prices are calibrated if it is near mean_price", unit="USD"),
        Column(
            "outcome_low",
            T.STAT,
            "2.5% point of mean_outcome over 200 bootstrap draws of events; NULL below 2 events. If all payouts are "
            "equal, low and high are that value, even for a few events",
            unit="USD",
        ),
        Column("outcome_high", T.STAT, "97.5% point of the same draws", unit="USD"),
        Column("brier_score", T.STAT, "mean of (price - outcome) squared"),
    ),
    key=("venue", "horizon", "bucket_from"),
    partition_by=(),
    sort_by=("venue", "horizon_seconds", "bucket_from"),
    rules=(
        Rule("counts agree", "n_events <= n_instruments AND n_missing >= 0"),
        Rule("low is no more than high", "outcome_low IS NULL OR outcome_low <= outcome_high"),
        Rule("an empty bucket has no figures", "(n_instruments > 0) = (mean_outcome IS NOT NULL)"),
    ),
)

TREND_TABLES: tuple[Table, ...] = (PRICE_TRENDS, CALIBRATION, CALIBRATION_CURVE)
