"""Core tables that are derived only from other core tables: categories and display names of instruments.

Belongs here: columns, keys and rules. The statements are ``sql/derive/ticker_categories.sql`` and
``sql/derive/display_names.sql``; ``domain/derived.py`` assembles them.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import BUCKET, INSTRUMENT, IS_VENUE, VENUE
from echelon_pipeline.tables.schema import Column, Rule, T, Table

_NAME_LENGTH = 120

TICKER_CATEGORIES = Table(
    name="core.ticker_categories",
    about="One row is the category of one instrument, and the facts in its ticker (Kalshi).",
    grain="instrument",
    columns=(
        VENUE,
        BUCKET,
        INSTRUMENT,
        Column("event_id", T.TEXT, "venue:native_id of the event"),
        Column("series_id", T.TEXT, "venue:native_id of the series"),
        Column("category", T.TEXT, "of one taxonomy for both venues; Other if no rule matches", nullable=False),
        Column("category_source", T.TEXT, "deciding evidence: venue, tag, series, title, none", nullable=False),
        Column("rule_id", T.TEXT, "the deciding rule of domain/category_rules.toml"),
        Column("venue_category", T.TEXT, "the venue's own category, as served"),
        Column("ticker_date", T.DATE, "first day of the period that date_precision names; NULL if not certain"),
        Column("date_precision", T.TEXT, "year, quarter, month, day, hour, minute"),
        Column("ticker_time", T.TEXT, "HH:MM as in the ticker: US Eastern, the venue's own clock"),
        Column(
            "strike_kind", T.TEXT, "above, at_least, below, at_most, between, named; threshold, bucket: side unknown"
        ),
        Column("strike_low", T.STRIKE, "lower bound from the venue's API"),
        Column("strike_high", T.STRIKE, "upper bound from the venue's API"),
        Column("ticker_strike", T.STRIKE, "the number after T or B in the ticker"),
        Column("outcome_code", T.TEXT, "the part of the ticker after its event: MIL, T74.5, 45"),
        Column("parse_note", T.TEXT, "what is ambiguous, or how ticker and API disagree (the API wins)"),
    ),
    key=("instrument_id",),
    partition_by=("venue", "bucket"),
    sort_by=("instrument_id",),
    rules=(
        IS_VENUE,
        Rule("category_source is known", "category_source IN ('venue', 'tag', 'series', 'title', 'none')"),
        Rule("a category has a rule", "(category_source = 'none') = (rule_id IS NULL)"),
        Rule("a date has a precision", "(ticker_date IS NULL) = (date_precision IS NULL)"),
    ),
    indexes=(("category",), ("series_id",)),
)

DISPLAY_NAMES = Table(
    name="core.display_names",
    about="One row is the display names of one instrument and its first two outcomes.",
    grain="instrument",
    columns=(
        VENUE,
        BUCKET,
        INSTRUMENT,
        Column("display_name", T.TEXT, f"at most {_NAME_LENGTH} characters, distinct within an event", nullable=False),
        Column("outcome_0_name", T.TEXT, "name of outcome 0; NULL if core.outcomes lacks it"),
        Column("outcome_1_name", T.TEXT, "name of outcome 1; NULL if core.outcomes lacks it"),
        Column(
            "name_source",
            T.TEXT,
            "event, title, parts, slug or native_id; + id: the id distinguishes equal names",
            nullable=False,
        ),
    ),
    key=("instrument_id",),
    partition_by=("venue", "bucket"),
    sort_by=("instrument_id",),
    rules=(
        IS_VENUE,
        Rule(f"a name has 1 to {_NAME_LENGTH} characters", f"length(display_name) BETWEEN 1 AND {_NAME_LENGTH}"),
    ),
)

DERIVED_TABLES = (TICKER_CATEGORIES, DISPLAY_NAMES)
