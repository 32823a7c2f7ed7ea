"""Quality of the data: rows per day, late rows, dead letters, completeness of reading.

Belongs here: columns, keys and rules of the marts about quality.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import VENUE
from echelon_pipeline.tables.schema import Column, Rule, T, Table

_TABLE = Column("table_name", T.TEXT, "the core table", nullable=False)

DATA_QUALITY = Table(
    name="mart.data_quality",
    about="One row is one table's UTC day: rows, late rows, dead letters, unknown fields, and how much was read.",
    grain="venue, table_name, date",
    columns=(
        VENUE,
        _TABLE,
        Column("date", T.DATE, "UTC day of the rows; of observed_at for listings, dead letters, drift", nullable=False),
        Column("rows", T.BIGINT, "stored rows", nullable=False),
        Column("late_rows", T.BIGINT, "first observed more than ECHELON_LATE_HOURS after the day; NULL for listings"),
        Column("dead_letters", T.BIGINT, "payloads of the table that could not be parsed, seen on that day", False),
        Column("drift_objects", T.BIGINT, "objects with a field or value that the parsers do not know", nullable=False),
        Column("drift_fields", T.BIGINT, "number of such fields", nullable=False),
        Column("latest_event_at", T.TIME, "latest event by the venue's clock: trades and fills of the last 8 days"),
        Column("latest_observed_at", T.TIME, "latest observation by our clock"),
        Column("last_read_at", T.TIME, "end of the latest read of the table; the same on all its days"),
        Column("scope", T.TEXT, "all or configured: the scope of the reads that the minutes describe"),
        Column("complete_minutes", T.STAT, "read completely; NULL if the table is not read by day", unit="min"),
        Column("partial_minutes", T.STAT, "read, but not to the end", unit="min"),
        Column("unavailable_minutes", T.STAT, "the venue does not have them", unit="min"),
        Column("missing_minutes", T.STAT, "past minutes that were never read", unit="min"),
        Column("reasons", T.TEXTS, "why minutes are partial or unavailable"),
        Column(
            "state",
            T.TEXT,
            "complete (walked to the end, every row read), unread (walked to the end, but rows could not be read), "
            "missing, partial or unavailable; today: open, or stale if nothing was read for "
            "ECHELON_STALE_HOURS; NULL if the table is not read by day",
        ),
        Column("unread_rows", T.BIGINT, "rows of the day that could not be read and were not read later", False),
        Column("unread_share", T.STAT, "unread rows / (stored + unread rows); NULL if no row is unread"),
        Column("is_unread_over_limit", T.BOOL, "unread_share is above ECHELON_MAX_UNREAD_SHARE", nullable=False),
    ),
    key=("venue", "table_name", "date"),
    partition_by=(),
    sort_by=("table_name", "venue", "date"),
    rules=(
        Rule(
            "state is known",
            "state IS NULL OR state IN ('complete', 'unread', 'missing', 'partial', 'unavailable', 'open', 'stale')",
        ),
        Rule("late rows are rows", "late_rows IS NULL OR late_rows <= rows"),
        Rule("a complete day has all its minutes", "state IS DISTINCT FROM 'complete' OR missing_minutes = 0"),
        Rule("a complete day has all its rows", "state IS DISTINCT FROM 'complete' OR unread_rows = 0"),
    ),
    indexes=(("date",),),
)

DEAD_LETTER_REASONS = Table(
    name="mart.dead_letter_reasons",
    about="One row is one reason for which payloads of a table became dead letters on one UTC day.",
    grain="venue, table_name, date, reason",
    columns=(
        VENUE,
        _TABLE,
        Column("date", T.DATE, "UTC day on which they were seen", nullable=False),
        Column("reason", T.TEXT, "what was expected, without the found value; (other reasons) after the 20th", False),
        Column("letters", T.BIGINT, "number of dead letters", nullable=False),
        Column("place", T.BIGINT, "rank; 1 is the most frequent reason of the table's day", nullable=False),
        Column("latest_observed_at", T.TIME, "when the last one was seen", nullable=False),
        Column("sample_sha256", T.TEXT, "sha256 of one of them, as in core.dead_letters", nullable=False),
    ),
    key=("venue", "table_name", "date", "reason"),
    partition_by=(),
    sort_by=("table_name", "date", "place"),
)

QUALITY_TABLES: tuple[Table, ...] = (DATA_QUALITY, DEAD_LETTER_REASONS)
