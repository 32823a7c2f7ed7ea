"""The report of the configured builder codes, and the months of it that were marked final.

Belongs here: columns, keys and rules of ``mart.builder_report`` and ``core.builder_statements``. Both have the same
figures.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import VENUE
from echelon_pipeline.tables.schema import Column, Feeder, Rule, T, Table

DIMENSIONS = ("total", "category", "instrument", "side", "role")

_CODE = Column(
    "builder_code", T.TEXT, "bytes32 code, lower case; all_codes: each leg of all codes once", nullable=False
)
_PART = (
    Column("dimension", T.TEXT, "total, category, instrument, side or role", nullable=False),
    Column("part", T.TEXT, "all; the category; the instrument_id; buy, sell or unknown; maker or taker", False),
)
_FIGURES = (
    Column("volume_usd", T.MONEY, "final matches, each once per transaction and taker order", unit="USD"),
    Column("volume_share", T.STAT, "share of the part in the volume of the range"),
    Column("contracts", T.SIZE, "volume_usd in shares", unit="contracts"),
    Column("matches", T.BIGINT, "distinct transactions and taker orders"),
    Column("legs", T.BIGINT, "order legs of final matches"),
    Column("open_volume_usd", T.MONEY, "volume of matches that are not final yet; no other figure includes it", True,
           "USD"),
    Column("volume_growth", T.STAT, "volume / volume of the range before - 1; NULL without a volume before, and unless "
           "both ranges were read completely"),
    Column("users", T.BIGINT, "distinct maker addresses without the venue's own contracts"),
    Column("new_users", T.BIGINT, "users whose first recorded match with the code is in the range"),
    Column("returning_users", T.BIGINT, "users with a match of the code before the range"),
    Column("retention", T.STAT, "share of the users of the range before that traded in this range again; NULL without "
           "users before"),
    Column("fee_usd", T.MONEY, "venue fees of all final legs; NULL if one is unknown", unit="USD"),
    Column("fee_source", T.TEXT, "reported; estimated if a leg's fee is computed; unknown if one is unknown"),
    Column("builder_fee_usd", T.MONEY, "builder fees of all final legs; NULL if one was not served", unit="USD"),
    Column("arpu_usd", T.STAT, "builder fees per user", unit="USD"),
    Column("taker_rate_bps", T.STAT, "builder fees of takers in basis points of their notional"),
    Column("maker_rate_bps", T.STAT, "builder fees of makers in basis points of their notional"),
    Column("rate_history", T.TEXTS, "rates of the range: role, basis points, first and last day with that rate (fees / "
           "notional of a day, rounded); dimension total only"),
    Column("complete_share", T.STAT, "share of the days of the range that were read completely"),
    Column("is_complete", T.BOOL, "every fill of the code in the range was read, for all instruments", nullable=False),
    Column("incomplete_reason", T.TEXT, "why is_complete is false"),
)  # fmt: skip
_RULES = (
    Rule("dimension is known", f"dimension IN {DIMENSIONS}"),
    Rule("new users are users", "users IS NULL OR new_users <= users"),
    Rule("what is not complete has a reason", "is_complete OR incomplete_reason IS NOT NULL"),
)

BUILDER_REPORT = Table(
    name="mart.builder_report",
    about="One row is one builder code in one UTC day, week or month: in total, or one category, instrument, side or "
    "role of it.",
    grain="builder code, range, range_start, dimension, part",
    columns=(
        VENUE,
        _CODE,
        Column("range", T.TEXT, "day, week or month, in UTC", nullable=False),
        Column("range_start", T.DATE, "first day; weeks begin on ECHELON_BUILDER_WEEK_START", nullable=False),
        *_PART,
        *_FIGURES,
        Column(
            "is_final", T.BOOL, "the month was marked final: the figures are those of its statement", nullable=False
        ),
        Column("final_at", T.TIME, "when the month was marked final"),
        Column("statement_id", T.TEXT, "the statement in core.builder_statements"),
    ),
    key=("venue", "builder_code", "range", "range_start", "dimension", "part"),
    partition_by=(),
    sort_by=("builder_code", "range", "range_start", "dimension", "part"),
    rules=(
        *_RULES,
        Rule("range is known", "range IN ('day', 'week', 'month')"),
        Rule("only months are final", "NOT is_final OR (range = 'month' AND statement_id IS NOT NULL)"),
    ),
    indexes=(("range", "range_start"),),
)

BUILDER_STATEMENTS = Table(
    name="core.builder_statements",
    about="One row is one row of a month of mart.builder_report as it was when the month was marked final. The latest "
    "statement of a code and month counts; earlier ones stay.",
    grain="statement, builder code, dimension, part",
    columns=(
        VENUE,
        _CODE,
        Column("month", T.DATE, "first day of the month", nullable=False),
        *_PART,
        *_FIGURES,
        Column("statement_id", T.TEXT, "month, number of the statement and a random part", nullable=False),
        Column("final_at", T.TIME, "when the month was marked final", nullable=False),
        Column("table_versions", T.TEXT, "JSON: lake version of each table that the figures were computed from", False,
               is_json=True),
    ),
    key=("statement_id", "venue", "builder_code", "dimension", "part"),
    partition_by=("venue",),
    sort_by=("month", "builder_code", "dimension", "part"),
    append_only=True,
    fed_by=(Feeder.COMMAND,),
    rules=(*_RULES, Rule("month is a first day", "day(month) = 1")),
)  # fmt: skip

BUILDER_REPORT_TABLES: tuple[Table, ...] = (BUILDER_REPORT, BUILDER_STATEMENTS)
