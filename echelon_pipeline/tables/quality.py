"""What can be said of the data itself: how many rows a day, how late, what failed, what was read.

Belongs here: columns, keys and rules of the marts about quality.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import VENUE
from echelon_pipeline.tables.schema import Column, Rule, T, Table

_TABLE = Column("table_name", T.TEXT, "the table of core that is spoken of", nullable=False)

DATA_QUALITY = Table(
    name="mart.data_quality",
    about="One row is one table's UTC day: rows, late rows, dead letters, unknown fields, and what was read of it.",
    grain="venue, table_name, date",
    columns=(
        VENUE,
        _TABLE,
        Column("date", T.DATE, "UTC day of the rows; of observed_at for listings, dead letters, drift", nullable=False),
        Column("rows", T.BIGINT, "rows held", nullable=False),
        Column("late_rows", T.BIGINT, "first observed more than ECHELON_LATE_HOURS after the day; NULL for listings"),
        Column("dead_letters", T.BIGINT, "payloads of the table that could not be parsed, seen on that day", False),
        Column("drift_objects", T.BIGINT, "objects with a field or word that the parsers do not know", nullable=False),
        Column("drift_fields", T.BIGINT, "how many such fields", nullable=False),
        Column("latest_event_at", T.TIME, "latest event by the venue's clock: trades and fills of the last 8 days"),
        Column("latest_observed_at", T.TIME, "latest observation by ours"),
        Column("last_read_at", T.TIME, "up to when the table was ever read: the same on all its days"),
        Column("scope", T.TEXT, "all or configured: which reading the minutes are of"),
        Column("complete_minutes", T.STAT, "read completely; NULL where no reading by day is claimed", unit="min"),
        Column("partial_minutes", T.STAT, "read, but not to the end", unit="min"),
        Column("unavailable_minutes", T.STAT, "the venue does not have them", unit="min"),
        Column("missing_minutes", T.STAT, "never read, of those that have passed", unit="min"),
        Column("reasons", T.TEXTS, "why minutes are partial or unavailable"),
        Column(
            "state",
            T.TEXT,
            "complete (walked to the end, every row read), unread (walked to the end, but rows could not be read), "
            "missing, partial or unavailable; today: open, or stale where nothing was read for "
            "ECHELON_STALE_HOURS; NULL where no reading by day is claimed",
        ),
        Column("unread_rows", T.BIGINT, "rows of the day that could not be read and have not been read since", False),
        Column("unread_share", T.STAT, "of rows held and unread rows; NULL where none is unread"),
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
        Column("reason", T.TEXT, "what was expected, without what was found; (other reasons) after the 20th", False),
        Column("letters", T.BIGINT, "dead letters", nullable=False),
        Column("place", T.BIGINT, "1 is the most frequent reason of the table's day", nullable=False),
        Column("latest_observed_at", T.TIME, "when the last was seen", nullable=False),
        Column("sample_sha256", T.TEXT, "one of them, as in core.dead_letters", nullable=False),
    ),
    key=("venue", "table_name", "date", "reason"),
    partition_by=(),
    sort_by=("table_name", "date", "place"),
)

QUALITY_TABLES: tuple[Table, ...] = (DATA_QUALITY, DEAD_LETTER_REASONS)
