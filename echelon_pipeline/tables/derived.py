"""Core tables that are made of other core tables alone: what instruments are about and what people call them.

Belongs here: columns, keys and rules. The statements are ``sql/derive/ticker_categories.sql`` and
``sql/derive/display_names.sql``, put together by ``domain/derived.py``.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import BUCKET, INSTRUMENT, IS_VENUE, VENUE
from echelon_pipeline.tables.schema import Column, Rule, T, Table

_NAME_LENGTH = 120

TICKER_CATEGORIES = Table(
    name="core.ticker_categories",
    about="One row is what one instrument is about, and what its ticker says (Kalshi).",
    grain="instrument",
    columns=(
        VENUE,
        BUCKET,
        INSTRUMENT,
        Column("event_id", T.TEXT, "venue:native_id of the event"),
        Column("series_id", T.TEXT, "venue:native_id of the series"),
        Column("category", T.TEXT, "of one taxonomy for both venues; Other where no rule matches", nullable=False),
        Column("category_source", T.TEXT, "evidence that decided: venue, tag, series, title, none", nullable=False),
        Column("rule_id", T.TEXT, "the rule that decided, of domain/category_rules.toml"),
        Column("venue_category", T.TEXT, "the venue's own category, as served"),
        Column("ticker_date", T.DATE, "first day of what date_precision names; NULL where it is not certain"),
        Column("date_precision", T.TEXT, "year, quarter, month, day, hour, minute"),
        Column("ticker_time", T.TEXT, "HH:MM as in the ticker: US Eastern, the venue's own clock"),
        Column(
            "strike_kind", T.TEXT, "above, at_least, below, at_most, between, named; threshold, bucket: side unknown"
        ),
        Column("strike_low", T.STRIKE, "lower bound by the venue's API"),
        Column("strike_high", T.STRIKE, "upper bound by the venue's API"),
        Column("ticker_strike", T.STRIKE, "the number after T or B in the ticker"),
        Column("outcome_code", T.TEXT, "the ticker after its event: MIL, T74.5, 45"),
        Column("parse_note", T.TEXT, "what is ambiguous, or where ticker and API disagree (the API wins)"),
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
    about="One row is what people call one instrument and its first two outcomes.",
    grain="instrument",
    columns=(
        VENUE,
        BUCKET,
        INSTRUMENT,
        Column("display_name", T.TEXT, f"at most {_NAME_LENGTH} characters, distinct within an event", nullable=False),
        Column("outcome_0_name", T.TEXT, "of outcome 0; NULL where the outcome is not held"),
        Column("outcome_1_name", T.TEXT, "of outcome 1; NULL where the outcome is not held"),
        Column(
            "name_source", T.TEXT, "event, title, parts, slug or native_id; + id: the id tells twins", nullable=False
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
