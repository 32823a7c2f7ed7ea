"""What can be traded: series, events, instruments, outcomes, and what the venues quote of them.

Belongs here: columns, keys and rules of these tables. Units: prices in dollars per share (0..1), sizes in contracts or
shares, money in US dollars (suffix ``_usd``), times in UTC (suffix ``_at``).
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import BUCKET, INSTRUMENT, IS_VENUE, OBSERVED, SHA, VENUE, in_unit, not_negative
from echelon_pipeline.tables.schema import Column, Rule, T, Table

STATUSES = ("unopened", "active", "paused", "closed", "determined", "settled")


SERIES = Table(
    name="core.series",
    about="One row is one series: the recurring family that events belong to.",
    grain="series",
    columns=(
        VENUE,
        BUCKET,
        Column("series_id", T.TEXT, "venue:native_id", nullable=False),
        Column("native_id", T.TEXT, "the venue's own id or ticker", nullable=False),
        Column("slug", T.TEXT, "the venue's URL name"),
        Column("title", T.TEXT, "as served"),
        Column("category", T.TEXT, "the venue's own category, as served"),
        Column("categories", T.TEXTS, "all categories, where the venue gives several"),
        Column("tags", T.TEXTS, "the venue's tags"),
        Column("frequency", T.TEXT, "the venue's word: daily, weekly, one_off …"),
        Column("fee_type", T.TEXT, "the venue's fee schedule name, now"),
        Column("fee_multiplier", T.RATE, "multiplies the fee formula, now"),
        Column("settlement_sources", T.TEXT, "JSON list of {name, url}", is_json=True),
        Column("updated_at", T.TIME, "the venue's last change of the metadata"),
        OBSERVED,
        SHA,
    ),
    key=("series_id",),
    partition_by=("venue", "bucket"),
    sort_by=("series_id",),
    newest="observed_at",
    rules=(IS_VENUE,),
)

EVENTS = Table(
    name="core.events",
    about="One row is one event: the question that groups instruments.",
    grain="event",
    columns=(
        VENUE,
        BUCKET,
        Column("event_id", T.TEXT, "venue:native_id", nullable=False),
        Column("native_id", T.TEXT, "Kalshi event ticker, Polymarket Gamma event id", nullable=False),
        Column("series_id", T.TEXT, "venue:native_id of the series, where there is one"),
        Column("slug", T.TEXT, "the venue's URL name"),
        Column("title", T.TEXT, "as served"),
        Column("sub_title", T.TEXT, "as served"),
        Column("description", T.TEXT, "as served"),
        Column("category", T.TEXT, "the venue's own category, as served"),
        Column("tags", T.TEXTS, "the venue's tags"),
        Column("is_mutually_exclusive", T.BOOL, "at most one instrument pays out"),
        Column("is_neg_risk", T.BOOL, "Polymarket negative-risk event"),
        Column("is_combo", T.BOOL, "event of a multivariate collection (parlay)"),
        Column("starts_at", T.TIME, "start as served (Polymarket startDate)"),
        Column("ends_at", T.TIME, "nominal end as served; not when trading stopped"),
        Column("strike_at", T.TIME, "Kalshi strike_date"),
        Column("strike_period", T.TEXT, "Kalshi strike_period"),
        Column("created_at", T.TIME, "the venue's creation time"),
        Column("updated_at", T.TIME, "the venue's last metadata change"),
        OBSERVED,
        SHA,
    ),
    key=("event_id",),
    partition_by=("venue", "bucket"),
    sort_by=("event_id",),
    newest="observed_at",
    rules=(IS_VENUE,),
    indexes=(("series_id",),),
)

# Slow attributes: the same columns in core.instruments (current) and core.instrument_history (append).
_SLOW = (
    Column("native_id", T.TEXT, "Kalshi ticker, Polymarket condition id", nullable=False),
    Column("event_id", T.TEXT, "venue:native_id of the event"),
    Column("series_id", T.TEXT, "venue:native_id of the series"),
    Column("slug", T.TEXT, "the venue's URL name"),
    Column("title", T.TEXT, "question or title as served"),
    Column("sub_title", T.TEXT, "what this instrument is about within the event"),
    Column("market_type", T.TEXT, "the venue's word: binary, scalar …"),
    Column(
        "status",
        T.TEXT,
        "unopened, active, paused, closed, determined, settled: one source has a final payout and none contests it",
        nullable=False,
    ),
    Column("venue_status", T.TEXT, "the venue's own word(s)"),
    Column("is_disputed", T.BOOL, "the outcome is being disputed", nullable=False),
    Column("is_combo", T.BOOL, "a parlay: legs of other instruments", nullable=False),
    Column("collection_id", T.TEXT, "multivariate collection of a combo"),
    Column("outcome_count", T.INT, "number of outcomes; other than 2 stays out of complement logic"),
    Column("category", T.TEXT, "the venue's own category, as served with the instrument or its event"),
    Column("tags", T.TEXTS, "the venue's tags, as served with the instrument or its event"),
    Column("tick_size", T.PRICE, "smallest price step anywhere on the grid, now", unit="USD"),
    Column("price_ranges", T.TEXT, "JSON of the price grid, where it is not uniform", is_json=True),
    Column("min_order_size", T.SIZE, "smallest order", unit="contracts"),
    Column("fee_type", T.TEXT, "the venue's fee schedule name, now"),
    Column("fee_rate", T.RATE, "taker fee rate of that schedule, now"),
    Column("fee_schedule", T.TEXT, "JSON of the fee schedule, now", is_json=True),
    Column("is_neg_risk", T.BOOL, "Polymarket negative-risk market"),
    Column("strike_type", T.TEXT, "Kalshi strike type"),
    Column("floor_strike", T.TEXT, "as served"),
    Column("cap_strike", T.TEXT, "as served"),
    Column("rules", T.TEXT, "what decides the outcome, as served"),
    Column("created_at", T.TIME, "the venue's creation time"),
    Column("opens_at", T.TIME, "start of trading"),
    Column("closes_at", T.TIME, "scheduled end of trading as served; may be nominal"),
    Column("trading_ended_at", T.TIME, "when trading really ended; NULL while it goes on or is unknown"),
    Column("expected_expiration_at", T.TIME, "when the venue expects to know the outcome"),
    Column("occurrence_at", T.TIME, "when the underlying happens (game start, occurrence)"),
    Column("settled_at", T.TIME, "when payouts became final"),
    Column("external_ref", T.TEXT, "JSON of further venue ids (question id, gamma id, legs …)", is_json=True),
)

INSTRUMENTS = Table(
    name="core.instruments",
    about="One row is one instrument (a Kalshi market, a Polymarket condition) as it is now.",
    grain="instrument",
    columns=(VENUE, BUCKET, INSTRUMENT, *_SLOW, OBSERVED, SHA),
    key=("instrument_id",),
    partition_by=("venue", "bucket"),
    sort_by=("instrument_id",),
    newest="observed_at",
    rules=(
        IS_VENUE,
        Rule("status is one of six", f"status IN {STATUSES}"),
        in_unit("tick_size"),
        not_negative("min_order_size"),
    ),
    indexes=(("event_id",), ("status",), ("category",)),
)

INSTRUMENT_HISTORY = Table(
    name="core.instrument_history",
    about="One row is one version of an instrument's slow attributes, valid from valid_from.",
    grain="instrument, valid_from",
    columns=(
        VENUE,
        BUCKET,
        INSTRUMENT,
        Column("valid_from", T.TIME, "when we first saw this version", nullable=False),
        Column("attributes_md5", T.TEXT, "of the slow attributes; a new row only when it changes", nullable=False),
        *_SLOW,
        SHA,
    ),
    key=("instrument_id", "valid_from"),
    partition_by=("venue", "bucket"),
    sort_by=("instrument_id", "valid_from"),
    rules=(IS_VENUE,),
)

OUTCOMES = Table(
    name="core.outcomes",
    about="One row is one tradable side of an instrument.",
    grain="instrument, outcome_index",
    columns=(
        VENUE,
        BUCKET,
        INSTRUMENT,
        Column("outcome_index", T.INT, "Kalshi 0 yes 1 no; Polymarket: position in Gamma's token list", nullable=False),
        Column("token_id", T.TEXT, "Polymarket token, a decimal string; NULL on Kalshi"),
        Column("label", T.TEXT, "as served: Yes, Up, a team …"),
        Column("is_affirmative", T.BOOL, "the label means yes; NULL where it says neither yes nor no"),
        OBSERVED,
        SHA,
    ),
    key=("instrument_id", "outcome_index"),
    partition_by=("venue", "bucket"),
    sort_by=("instrument_id", "outcome_index"),
    newest="observed_at",
    rules=(IS_VENUE, not_negative("outcome_index")),
    indexes=(("token_id",),),
)

INSTRUMENT_QUOTES = Table(
    name="core.instrument_quotes",
    mirrored=False,
    about="One row is one poll's view of an instrument's prices, volume and open interest.",
    grain="instrument, observed_at",
    columns=(
        VENUE,
        Column("date", T.DATE, "UTC day of observed_at", nullable=False),
        INSTRUMENT,
        OBSERVED,
        Column("best_bid", T.PRICE, "of outcome 0; NULL where there is no quote", unit="USD"),
        Column("best_ask", T.PRICE, "of outcome 0; NULL where there is no quote", unit="USD"),
        Column("best_bid_size", T.SIZE, "at the best bid", unit="contracts"),
        Column("best_ask_size", T.SIZE, "at the best ask", unit="contracts"),
        Column("last_price", T.PRICE, "last trade of outcome 0; NULL where it never traded", unit="USD"),
        Column("volume", T.SIZE, "contracts traded so far (Kalshi)", unit="contracts"),
        Column("volume_24h", T.SIZE, "contracts traded in 24 h (Kalshi)", unit="contracts"),
        Column("volume_usd", T.MONEY, "traded so far (Polymarket)", unit="USD"),
        Column("volume_24h_usd", T.MONEY, "traded in 24 h (Polymarket)", unit="USD"),
        Column("liquidity_usd", T.MONEY, "resting liquidity as the venue counts it", unit="USD"),
        Column("open_interest", T.SIZE, "Kalshi: contracts", unit="contracts"),
        Column("open_interest_usd", T.MONEY, "Polymarket: USD", unit="USD"),
        SHA,
    ),
    key=("instrument_id", "observed_at"),
    partition_by=("venue", "date"),
    sort_by=("instrument_id", "observed_at"),
    rules=(
        IS_VENUE,
        in_unit("best_bid"),
        in_unit("best_ask"),
        in_unit("last_price"),
        not_negative("best_bid_size"),
        not_negative("best_ask_size"),
        not_negative("volume"),
        not_negative("volume_24h"),
        not_negative("volume_usd"),
        not_negative("volume_24h_usd"),
        not_negative("open_interest"),
    ),
)

INSTRUMENT_TABLES = (
    SERIES,
    EVENTS,
    INSTRUMENTS,
    INSTRUMENT_HISTORY,
    OUTCOMES,
    INSTRUMENT_QUOTES,
)
