"""Builder programme: the venue's own ranking, the counted legs, and the marts of volume, revenue and rank.

Belongs here: columns, keys and rules of ``core.builder_*`` and ``mart.builder_*``. Volume is counted once per
(transaction, taker order); fees are summed over legs; the two are never divided into each other per leg.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import DATE, INSTRUMENT, PARSER, VENUE
from echelon_pipeline.tables.schema import Column, Counted, Feeder, PagedRows, Rule, T, Table

_RANGES = "('day', 'week', 'month', 'all')"
_IS_RANGE = Rule("range is known", f"range IN {_RANGES}")
_RANGE_START = Column(
    "range_start", T.DATE, "first UTC day of the range: Monday, first of the month; 1970-01-01 for all", nullable=False
)

VENUE_RANKING = Table(
    name="core.builder_leaderboard",
    paged=PagedRows("observed_at"),
    fed_by=(Feeder.RANKING,),
    commit_order=11,
    counted=Counted("date", "observed_at"),
    version=2,
    about="One row is one builder's place in the venue's own ranking, as served.",
    grain="range, builder, observation",
    columns=(
        VENUE,
        Column("date", T.DATE, "UTC day of observed_at", nullable=False),
        Column("range", T.TEXT, "day, week, month or all; the venue does not publish its begin", nullable=False),
        Column("builder_code", T.TEXT, "bytes32 code", nullable=False),
        Column("observed_at", T.TIME, "when the first page of the ranking was read: the same for all its rows", False),
        Column("rank", T.INT, "as served, from 1"),
        Column("builder_name", T.TEXT, "as served"),
        Column("contracts", T.SIZE, "the venue's volume, in shares", unit="contracts"),
        Column("active_users", T.BIGINT, "as served"),
        Column("is_verified", T.BOOL, "as served"),
        Column("raw_sha256", T.TEXT, "sha256 of the payload from which the row was derived"),
        PARSER,
    ),
    key=("venue", "range", "builder_code", "observed_at"),
    partition_by=("venue", "date"),
    sort_by=("range", "observed_at", "rank"),
    rules=(
        _IS_RANGE,
        Rule("volume is not negative", "contracts IS NULL OR contracts >= 0"),
        Rule("date is the UTC day of observed_at", "date = CAST(observed_at AT TIME ZONE 'UTC' AS DATE)"),
    ),
)

BUILDER_LEGS = Table(
    name="core.builder_legs",
    version=2,
    about="One row is one order leg of a configured builder code, with its contribution to volume and fees.",
    grain="venue leg id",
    columns=(
        VENUE,
        DATE,
        Column("fill_id", T.TEXT, "venue:leg_id", nullable=False),
        Column("builder_code", T.TEXT, "bytes32 code, lower case", nullable=False),
        INSTRUMENT,
        Column("match_id", T.TEXT, "transaction and taker order; the leg's own id if it names none", nullable=False),
        Column("role", T.TEXT, "maker or taker", nullable=False),
        Column("side", T.TEXT, "buy or sell, of the traded outcome; NULL if the venue did not say"),
        Column("wallet", T.TEXT, "the order's maker address, lower case; NULL for the venue's own contracts"),
        Column("state", T.TEXT, "settled, open (a leg of the match is not final yet) or excluded (failed, retrying)",
               nullable=False),
        Column("notional_usd", T.MONEY, "of the leg itself: fees are charged on it", unit="USD"),
        Column("contracts", T.SIZE, "contribution to the volume of its code; 0 if the match's taker leg is counted",
               nullable=False, unit="contracts"),
        Column("volume_usd", T.MONEY, "contribution to the volume of its code; 0 if the match's taker leg is counted",
               nullable=False, unit="USD"),
        Column("all_contracts", T.SIZE, "contribution to the volume of all codes together", nullable=False,
               unit="contracts"),
        Column("all_volume_usd", T.MONEY, "contribution to the volume of all codes together", nullable=False,
               unit="USD"),
        Column("fee_usd", T.MONEY, "as served, else by the schedule known at the time of the trade; NULL if unknown",
               unit="USD"),
        Column("fee_source", T.TEXT, "reported, estimated or unknown", nullable=False),
        Column("builder_fee_usd", T.MONEY, "builder fee as served; NULL if not served", unit="USD"),
    ),
    key=("fill_id",),
    partition_by=(),
    sort_by=("builder_code", "date", "fill_id"),
    rules=(
        Rule("state is known", "state IN ('settled', 'open', 'excluded')"),
        Rule("fee_source is known", "fee_source IN ('reported', 'estimated', 'unknown')"),
        Rule("an unknown fee is no number", "(fee_source = 'unknown') = (fee_usd IS NULL)"),
        Rule("excluded legs add nothing", "state <> 'excluded' OR (volume_usd = 0 AND all_volume_usd = 0)"),
    ),
)  # fmt: skip

_WHO = (
    Column("builder_scope", T.TEXT, "configured", nullable=False),
    VENUE,
    Column("builder_code", T.TEXT, "bytes32 code, lower case; all_codes: each leg of all codes once", nullable=False),
    Column("range", T.TEXT, "day, week, month or all, in UTC", nullable=False),
    _RANGE_START,
)
_KEY = ("builder_scope", "venue", "builder_code", "range", "range_start")
_COMPLETE = (
    Column(
        "is_complete",
        T.BOOL,
        "every fill of the code in the range was read, for all instruments (all: from the first read to the last)",
        False,
    ),
    Column("reason", T.TEXT, "why the range is not complete, or why there are no figures"),
)

BUILDER_VOLUME = Table(
    name="mart.builder_volume",
    about="One row is the volume and number of users of one configured builder code in one range.",
    grain="builder code, range, range_start",
    columns=(
        *_WHO,
        Column("volume_usd", T.MONEY, "final matches, each once per transaction and taker order", unit="USD"),
        Column("contracts", T.SIZE, "volume_usd in shares", unit="contracts"),
        Column("taker_volume_usd", T.MONEY, "volume of matches whose taker order had the code", unit="USD"),
        Column("maker_volume_usd", T.MONEY, "volume of matches in which only maker orders had it", unit="USD"),
        Column("matches", T.BIGINT, "distinct transactions and taker orders"),
        Column("legs", T.BIGINT, "order legs of final matches"),
        Column("taker_legs", T.BIGINT, "taker legs among them"),
        Column("maker_legs", T.BIGINT, "maker legs among them"),
        Column("open_legs", T.BIGINT, "legs of matches that are not final yet; no other figure includes them"),
        Column("open_volume_usd", T.MONEY, "volume of matches that are not final yet", unit="USD"),
        Column("excluded_legs", T.BIGINT, "failed and retrying legs; no other figure includes them"),
        Column("users", T.BIGINT, "distinct maker addresses without the venue's own contracts"),
        Column("new_users", T.BIGINT, "users whose first recorded match is in the range"),
        Column("top_1_share", T.STAT, "share of the volume in legs of the largest user; NULL without volume"),
        Column("top_10_share", T.STAT, "share of the 10 largest users; NULL without volume"),
        Column("top_100_share", T.STAT, "share of the 100 largest users; NULL without volume"),
        *_COMPLETE,
    ),
    key=_KEY,
    partition_by=(),
    sort_by=("builder_code", "range", "range_start"),
    rules=(
        _IS_RANGE,
        Rule(
            "maker and taker volume sum to volume",
            "volume_usd IS NULL OR taker_volume_usd IS NULL OR maker_volume_usd IS NULL "
            "OR CAST(taker_volume_usd AS DECIMAL(19, 6)) + maker_volume_usd = volume_usd",
        ),
        Rule("new users are users", "users IS NULL OR new_users <= users"),
        Rule("what is not complete has a reason", "is_complete OR reason IS NOT NULL"),
    ),
    indexes=(("range", "range_start"),),
)

BUILDER_REVENUE = Table(
    name="mart.builder_revenue",
    about="One row is the fees that the trades of one configured builder code paid in one range.",
    grain="builder code, range, range_start",
    columns=(
        *_WHO,
        Column("fee_usd", T.MONEY, "venue fees of all final legs; NULL if one is unknown", unit="USD"),
        Column("fee_source", T.TEXT, "reported; estimated if a leg's fee is computed; unknown if one is unknown"),
        Column("reported_fee_usd", T.MONEY, "fees that the venue reported", unit="USD"),
        Column("estimated_fee_usd", T.MONEY, "fees by the schedule known at the time of the trade", unit="USD"),
        Column("reported_legs", T.BIGINT, "legs with a reported fee"),
        Column("estimated_legs", T.BIGINT, "legs with an estimated fee"),
        Column("unknown_legs", T.BIGINT, "legs whose fee is unknown"),
        Column("builder_fee_usd", T.MONEY, "builder fees of all final legs; NULL if one was not served", unit="USD"),
        Column("served_builder_fee_usd", T.MONEY, "builder fees that were served", unit="USD"),
        Column("unserved_builder_fee_legs", T.BIGINT, "legs for which no builder fee was served"),
        Column("revenue_share", T.STAT, "builder fees / (venue + builder fees); NULL if one is unknown or negative, or "
               "both are 0"),
        Column("revenue_bps", T.STAT, "builder fees in basis points of the volume"),
        Column("arpu_usd", T.STAT, "builder fees per user", unit="USD"),
        Column("users", T.BIGINT, "as in mart.builder_volume"),
        Column("volume_usd", T.MONEY, "as in mart.builder_volume", unit="USD"),
        *_COMPLETE,
    ),
    key=_KEY,
    partition_by=(),
    sort_by=("builder_code", "range", "range_start"),
    rules=(
        _IS_RANGE,
        Rule("unknown fees are no number", "coalesce(unknown_legs, 0) = 0 OR fee_usd IS NULL"),
        Rule("revenue_share lies in 0..1", "revenue_share IS NULL OR revenue_share BETWEEN 0 AND 1"),
    ),
    indexes=(("range", "range_start"),),
)  # fmt: skip

BUILDER_RANKS = Table(
    name="mart.builder_leaderboard",
    about="One row is one builder's place in one range: among the configured codes, or in the venue's own ranking.",
    grain="builder_scope, builder code, range, range_start",
    columns=(
        Column("builder_scope", T.TEXT, "configured (from our fills) or venue_leaderboard (from the venue)", False),
        VENUE,
        Column("builder_code", T.TEXT, "bytes32 code, lower case", nullable=False),
        Column("range", T.TEXT, "day, week, month or all", nullable=False),
        Column("range_start", T.DATE, "as in mart.builder_volume; venue_leaderboard: begin of the range in which the "
               "ranking was last seen; the venue may sum another range", nullable=False),
        Column("builder_name", T.TEXT, "as the venue names it"),
        Column("rank", T.INT, "configured: by volume, equal volumes share a rank, NULL without one; "
               "venue_leaderboard: as served"),
        Column("is_configured", T.BOOL, "the code is one of ECHELON_BUILDER_CODE", nullable=False),
        Column("contracts", T.SIZE, "volume in shares; both scopes have it", unit="contracts"),
        Column("volume_usd", T.MONEY, "configured only", unit="USD"),
        Column("builder_fee_usd", T.MONEY, "configured only", unit="USD"),
        Column("users", T.BIGINT, "configured: distinct maker addresses; venue_leaderboard: active users as served"),
        Column("volume_share", T.STAT, "share of the contracts of the same scope, range and ranking; NULL if contracts "
               "of one row are NULL"),
        Column("revenue_share", T.STAT, "configured: share of the builder fees of all codes"),
        Column("is_verified", T.BOOL, "venue_leaderboard only, as served"),
        Column("is_complete", T.BOOL, "configured: the range was read completely; venue_leaderboard: NULL"),
        Column("observed_at", T.TIME, "venue_leaderboard: when the ranking was read"),
    ),
    key=_KEY,
    partition_by=(),
    sort_by=("builder_scope", "range", "range_start", "rank"),
    rules=(
        _IS_RANGE,
        Rule("scope is known", "builder_scope IN ('configured', 'venue_leaderboard')"),
        Rule("the venue's ranking is in shares", "builder_scope = 'configured' OR volume_usd IS NULL"),
    ),
    indexes=(("range", "range_start"),),
)  # fmt: skip

BUILDER_TABLES: tuple[Table, ...] = (
    VENUE_RANKING,
    BUILDER_LEGS,
    BUILDER_VOLUME,
    BUILDER_REVENUE,
    BUILDER_RANKS,
)
