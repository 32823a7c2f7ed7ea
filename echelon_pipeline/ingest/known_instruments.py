"""Known instruments, as relations that the statements of ``sql/derive`` read.

Belongs here: the tables behind these relations. The statements use them.
"""

from __future__ import annotations

import duckdb

from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.sqltools.statements import statement

_TABLES = {
    "instruments": "core.instruments",
    "history": "core.instrument_history",
    "outcomes": "core.outcomes",
    "windows": "core.ingest_windows",
}


def create_instrument_views(session: Session, connection: duckdb.DuckDBPyConnection, venue: Venue) -> None:
    """Creates the views instruments, history, outcomes, windows and held (since when an instrument is known)."""
    for name, table in _TABLES.items():
        query = session.lake.scan(table, where={"venue": [venue]})
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW held AS {statement('derive/held').text}")
