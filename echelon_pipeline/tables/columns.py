"""Columns and rules that several tables share.

Belongs here: what means the same wherever it stands. What only one table has is with that table.
"""

from __future__ import annotations

from echelon_pipeline.tables.schema import Column, Rule, T

VENUE = Column("venue", T.TEXT, "polymarket or kalshi", nullable=False)
BUCKET = Column("bucket", T.INT, "hash bucket of the id, 0..15 (storage only)", nullable=False)
DATE = Column("date", T.DATE, "UTC day", nullable=False)
INSTRUMENT = Column("instrument_id", T.TEXT, "venue:native_id of the instrument", nullable=False)
IS_VENUE = Rule("venue is known", "venue IN ('polymarket', 'kalshi')")
