"""What is known of the work itself: windows that were read, payloads that could not be, fields that nobody knows.

Belongs here: columns, keys and rules of these tables.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import IS_VENUE, OBSERVED, VENUE
from echelon_pipeline.tables.schema import Column, Feeder, MergePolicy, Rule, T, Table

INGEST_WINDOWS = Table(
    name="core.ingest_windows",
    fed_by=(Feeder.UNITS,),
    mirrored=False,
    version=2,
    about="One row says that [from_at, to_at) of one scope was walked, and how far.",
    grain="venue, table, scope, from_at, to_at, recorded_at",
    columns=(
        VENUE,
        Column("table_name", T.TEXT, "the table that the window speaks of", nullable=False),
        Column("scope", T.TEXT, "what was asked for: all, a condition, a builder code, a file", nullable=False),
        Column("from_at", T.TIME, "inclusive", nullable=False),
        Column("to_at", T.TIME, "exclusive", nullable=False),
        Column(
            "state",
            T.TEXT,
            "complete (walked to the end: not asked for again; what was read is unread_rows), partial or unavailable",
            nullable=False,
        ),
        Column("reason", T.TEXT, "why it is not complete, or which members of a complete one could not be read"),
        Column("rows", T.BIGINT, "rows committed under it", nullable=False),
        Column("dead_letters", T.BIGINT, "payloads that could not be parsed", nullable=False),
        Column("filtered_out", T.BIGINT, "objects left out by the configured bounds", nullable=False),
        Column("pages", T.BIGINT, "pages read", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work", nullable=False),
        Column("run_id", T.TEXT, "the run that did it"),
        Column("recorded_at", T.TIME, "when it was committed", nullable=False),
        Column(
            "unread_rows",
            T.BIGINT,
            "rows of the window that could not be read, when it was recorded: all rows were read where it is complete "
            "and this is 0; what is unread by now is in core.unread_rows; NULL in older rows",
        ),
    ),
    key=("unit_id", "table_name", "scope", "from_at", "to_at", "recorded_at"),
    partition_by=("venue",),
    sort_by=("table_name", "scope", "from_at"),
    append_only=True,
    rules=(
        IS_VENUE,
        Rule("state is known", "state IN ('complete', 'partial', 'unavailable')"),
        Rule("from_at is before to_at", "from_at < to_at"),
        Rule("a state that is not complete has a reason", "state = 'complete' OR reason IS NOT NULL"),
    ),
)

DEAD_LETTERS = Table(
    name="core.dead_letters",
    fed_by=(Feeder.UNITS,),
    commit_order=12,
    # If one walk needed a dead letter and another did not, the open dead letter wins.
    merge=MergePolicy(("closed_at ASC NULLS FIRST",)),
    mirrored=False,
    version=2,
    about="One row is one payload that could not become a row, kept whole, with the reason and where it counts.",
    grain="object sha256, path, parser version",
    columns=(
        VENUE,
        Column("table_name", T.TEXT, "the table that it was meant for", nullable=False),
        Column("endpoint", T.TEXT, "the payload kind or the imported file", nullable=False),
        Column("sha256", T.TEXT, "of the payload bytes, hex", nullable=False),
        Column("path", T.TEXT, "where in the object the fault is", nullable=False),
        Column("parser_version", T.INT, "version of the parsers", nullable=False),
        Column("reason", T.TEXT, "what is wrong and what was expected", nullable=False),
        Column("payload", T.TEXT, "the object as served", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work that read it last", nullable=False),
        OBSERVED,
        Column("scope", T.TEXT, "the builder code that was asked for; NULL for tables not read code by code"),
        Column("instrument_id", T.TEXT, "the instrument whose rows are missing; NULL: any of the venue's"),
        Column("from_at", T.TIME, "the missing rows are not older; NULL: as the windows of the unit"),
        Column("to_at", T.TIME, "and older than this"),
        Column("unread_rows", T.BIGINT, "rows that are missing because of it; NULL (older rows): 1"),
        Column("closed_at", T.TIME, "since when it no longer counts; NULL: rows are missing because of it"),
        Column("closed_reason", T.TEXT, "why it no longer counts: the rows were read since, or were not asked for"),
    ),
    key=("venue", "table_name", "endpoint", "sha256", "path", "parser_version"),
    partition_by=("venue",),
    sort_by=("table_name", "endpoint", "sha256"),
    newest="observed_at",
    rules=(IS_VENUE,),
)

DRIFT = Table(
    name="core.drift",
    fed_by=(Feeder.UNITS,),
    mirrored=False,
    about="One row counts a field or enum value that the parsers do not know, in what a unit of work commits at once.",
    version=2,
    grain="unit, endpoint, path, value, page",
    columns=(
        VENUE,
        Column("endpoint", T.TEXT, "the payload kind", nullable=False),
        Column("path", T.TEXT, "the field", nullable=False),
        Column("kind", T.TEXT, "field or value", nullable=False),
        Column("value", T.TEXT, "the unknown value as served; NULL where the field itself is unknown"),
        Column("objects", T.BIGINT, "how many objects showed it", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work", nullable=False),
        Column("page", T.INT, "the first of the unit's pages that were looked at together; NULL in older rows"),
        OBSERVED,
    ),
    key=("unit_id", "endpoint", "path", "kind", "value", "page"),
    partition_by=("venue",),
    sort_by=("endpoint", "path"),
    append_only=True,
    rules=(IS_VENUE,),
)

REDERIVATIONS = Table(
    name="core.rederivations",
    fed_by=(Feeder.REDERIVATION,),
    about="One row says that a day of a table was derived again by a version of the parsers, and what it left.",
    grain="venue, table, date, parser version, unit",
    columns=(
        VENUE,
        Column("table_name", T.TEXT, "the table", nullable=False),
        Column("date", T.DATE, "UTC day of events; NULL: all of the table"),
        Column("parser_version", T.INT, "the version of the parsers", nullable=False),
        Column("rows_left", T.BIGINT, "rows of an older version that stay", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work", nullable=False),
        Column("run_id", T.TEXT, "the run that did it"),
        Column("recorded_at", T.TIME, "when it was committed", nullable=False),
    ),
    key=("venue", "table_name", "date", "parser_version", "unit_id"),
    partition_by=("venue",),
    sort_by=("table_name", "date"),
    append_only=True,
    published=False,
    rules=(IS_VENUE,),
)

RECORD_TABLES = (
    INGEST_WINDOWS,
    DEAD_LETTERS,
    DRIFT,
    REDERIVATIONS,
)
