"""Columns and rules that several tables share.

Belongs here: columns and rules with the same meaning in every table. Those of one table are in that table's module.
"""

from __future__ import annotations

from echelon_pipeline.tables.schema import Column, Rule, T

VENUE = Column("venue", T.TEXT, "name of the venue", nullable=False)
BUCKET = Column("bucket", T.INT, "hash bucket of the id, 0..15 (storage only)", nullable=False)
DATE = Column("date", T.DATE, "UTC day", nullable=False)
INSTRUMENT = Column("instrument_id", T.TEXT, "venue:native_id of the instrument", nullable=False)
IS_VENUE = Rule("venue is known", "known_venue(venue)")
OBSERVED = Column(
    "observed_at",
    T.TIME,
    "when a poll first saw this version; the venue may have served it unchanged since then (raw.last_seen)",
    nullable=False,
)
SHA = Column("raw_sha256", T.TEXT, "sha256 of the payload from which the row was derived")
PARSER = Column(
    "parser_version",
    T.INT,
    "version of the parser that made the row; NULL in imported and in older rows",
)


def in_unit(column: str) -> Rule:
    """A price or share that is NULL or between 0 and 1."""
    return Rule(f"{column} lies in 0..1", f"{column} IS NULL OR {column} BETWEEN 0 AND 1")


def not_negative(column: str) -> Rule:
    """A size or amount that is NULL or not negative."""
    return Rule(f"{column} is not negative", f"{column} IS NULL OR {column} >= 0")
