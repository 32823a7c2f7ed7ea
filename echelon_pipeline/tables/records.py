"""Records of ingestion: windows that were read, payloads that could not be read, unknown fields.

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
    about="One row is how far [from_at, to_at) of one scope was read.",
    grain="venue, table, scope, from_at, to_at, recorded_at",
    columns=(
        VENUE,
        Column("table_name", T.TEXT, "the table of the window", nullable=False),
        Column("scope", T.TEXT, "what was requested: all, a condition, a builder code, a file", nullable=False),
        Column("from_at", T.TIME, "inclusive", nullable=False),
        Column("to_at", T.TIME, "exclusive", nullable=False),
        Column(
            "state",
            T.TEXT,
            "complete (walked to the end, not requested again; unread_rows counts rows that could not be read), "
            "partial or unavailable",
            nullable=False,
        ),
        Column("reason", T.TEXT, "why it is not complete, or which members of a complete one could not be read"),
        Column("rows", T.BIGINT, "rows committed under it", nullable=False),
        Column("dead_letters", T.BIGINT, "payloads that could not be parsed", nullable=False),
        Column("filtered_out", T.BIGINT, "objects excluded by the configured bounds", nullable=False),
        Column("pages", T.BIGINT, "pages read", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work", nullable=False),
        Column("run_id", T.TEXT, "the run that recorded it"),
        Column("recorded_at", T.TIME, "when it was committed", nullable=False),
        Column(
            "unread_rows",
            T.BIGINT,
            "rows of the window that could not be read at the time of recording: every row was read if the state is "
            "complete and this is 0; core.unread_rows has the rows unread now; NULL in older rows",
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
    about="One row is one payload that could not be parsed, complete, with the reason and the rows that are missing.",
    grain="object sha256, path, parser version",
    columns=(
        VENUE,
        Column("table_name", T.TEXT, "the table of its rows", nullable=False),
        Column("endpoint", T.TEXT, "the payload kind or the imported file", nullable=False),
        Column("sha256", T.TEXT, "of the payload bytes, hex", nullable=False),
        Column("path", T.TEXT, "path of the fault in the object", nullable=False),
        Column("parser_version", T.INT, "version of the parsers", nullable=False),
        Column("reason", T.TEXT, "what is wrong and what was expected", nullable=False),
        Column("payload", T.TEXT, "the object as served", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work that read it last", nullable=False),
        OBSERVED,
        Column("scope", T.TEXT, "the requested builder code; NULL for tables that are not read by code"),
        Column("instrument_id", T.TEXT, "the instrument whose rows are missing; NULL: any instrument of the venue"),
        Column("from_at", T.TIME, "lower limit of the missing rows, inclusive; NULL: the windows of the unit"),
        Column("to_at", T.TIME, "upper limit of the missing rows, exclusive"),
        Column("unread_rows", T.BIGINT, "number of missing rows; NULL (older rows): 1"),
        Column("closed_at", T.TIME, "when it stopped counting; NULL: rows are missing because of it"),
        Column("closed_reason", T.TEXT, "why it no longer counts: the rows were read later, or were not requested"),
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
    about="One row counts the objects of one commit of a unit that have a field or enum value unknown to the parsers.",
    version=2,
    grain="unit, endpoint, path, value, page",
    columns=(
        VENUE,
        Column("endpoint", T.TEXT, "the payload kind", nullable=False),
        Column("path", T.TEXT, "the field", nullable=False),
        Column("kind", T.TEXT, "field or value", nullable=False),
        Column("value", T.TEXT, "the unknown value as served; NULL if the field itself is unknown"),
        Column("objects", T.BIGINT, "number of objects that have it", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work", nullable=False),
        Column("page", T.INT, "the first page of the commit; NULL in older rows"),
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
    about="One row is one day of a table derived again by a parser version, with the number of older rows left.",
    grain="venue, table, date, parser version, unit",
    columns=(
        VENUE,
        Column("table_name", T.TEXT, "the table", nullable=False),
        Column("date", T.DATE, "UTC day of events; NULL: the whole table"),
        Column("parser_version", T.INT, "the version of the parsers", nullable=False),
        Column("rows_left", T.BIGINT, "number of rows of an older version that stay", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work", nullable=False),
        Column("run_id", T.TEXT, "the run that recorded it"),
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
