"""Derives stored rows again once values that they lacked are known.

Belongs here: finding and committing these rows. Nothing is fetched: a trade's outcome is known once a listing has its
token; a day's prices carry the current number of unread rows. Prices are staged with the trades that they are computed
from and committed before them, so that a run that is killed in between repeats both.
"""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa

from echelon_pipeline.ingest.dead_letters import unread_rows
from echelon_pipeline.ingest.derive import Deriver
from echelon_pipeline.ingest.prices import stage_prices
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.registry import venue_of

TRADES, PRICES = "core.trades", "core.daily_prices"
FILLS, INSTRUMENTS = "core.fills", "core.instruments"


def derive_late_values(session: Session, venue: Venue) -> Counts:
    """Derives the rows again that new tokens, events and series make stale; returns the counts of the commit.

    Raises Conflict, DiskFull, RuleViolation, CorruptStore.
    """
    with session.unit() as unit:
        deriver, unread = Deriver(unit, {}), unread_rows(session, venue, TRADES)
        if venue_of(venue).facts.has_tokens:  # otherwise outcomes are sides of the instrument
            _fills(deriver, venue)
            for day in _days(session, venue):
                _trades(deriver, venue, day, unread)
        for day in _unread_days(session, venue, unread):
            trades = session.lake.scan(TRADES, where={"venue": [venue], "date": [day]})
            with session.duck() as connection:
                stage_prices(deriver, connection, venue, day, trades, unread)
        complete_instruments(deriver, venue)
        return deriver.commit()


def _known(session: Session, venue: Venue, connection: duckdb.DuckDBPyConnection) -> None:
    outcomes = session.lake.scan("core.outcomes", where={"venue": [venue]})
    connection.execute(f"CREATE OR REPLACE TEMP VIEW known_outcomes AS {outcomes}")


def _days(session: Session, venue: Venue) -> list[date]:
    """Days with trades whose token or outcome has become known since they were read."""
    with session.duck() as connection:
        _known(session, venue, connection)
        trades = session.lake.scan(TRADES, where={"venue": [venue]})
        connection.execute(f"CREATE TEMP VIEW trades AS {trades}")
        return [day for (day,) in connection.execute(statement("derive/mapped_days").text).fetchall()]


def _unread_days(session: Session, venue: Venue, unread: pa.Table) -> list[date]:
    """Days whose prices from trades carry an outdated number of unread rows."""
    with session.duck() as connection:
        connection.execute(f"CREATE TEMP VIEW prices AS {session.lake.scan(PRICES, where={'venue': [venue]})}")
        connection.register("unread", unread)
        return [day for (day,) in connection.execute(statement("derive/unread_days").text).fetchall()]


def _trades(deriver: Deriver, venue: Venue, day: date, unread: pa.Table) -> None:
    """Stages a day's trades that have changed, and the day's prices with them."""
    session = deriver.unit.session
    stored = session.lake.scan(TRADES, where={"venue": [venue], "date": [day]})
    with session.duck() as connection:
        _known(session, venue, connection)
        connection.execute(f"CREATE TEMP VIEW trades AS {stored}")
        connection.execute(f"CREATE TEMP TABLE mapped AS {statement('derive/mapped_trades').text}")
        deriver.stage(connection, TRADES, "SELECT * FROM mapped")
        now = f"SELECT * FROM ({stored}) ANTI JOIN mapped USING (trade_id) UNION ALL BY NAME SELECT * FROM mapped"
        stage_prices(deriver, connection, venue, day, now, unread)


def _fills(deriver: Deriver, venue: Venue) -> None:
    session = deriver.unit.session
    with session.duck() as connection:
        _known(session, venue, connection)
        fills = session.lake.scan(FILLS, where={"venue": [venue]})
        connection.execute(f"CREATE TEMP VIEW fills AS {fills}")
        deriver.stage(connection, FILLS, statement("derive/mapped_fills").text)


def complete_instruments(deriver: Deriver, venue: Venue) -> None:
    """Stages instruments that lack values of their event or series."""
    session = deriver.unit.session
    with session.duck() as connection:
        for name, table in (
            ("instruments", INSTRUMENTS),
            ("known_events", "core.events"),
            ("known_series", "core.series"),
        ):
            query = session.lake.scan(table, where={"venue": [venue]})
            connection.execute(f"CREATE TEMP VIEW {name} AS {query}")
        deriver.stage(connection, INSTRUMENTS, statement("derive/completed_instruments").text)
