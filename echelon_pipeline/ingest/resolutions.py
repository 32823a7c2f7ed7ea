"""Reads payouts of ended instruments from a venue's second source.

Belongs here: which instruments are requested, and which change their status with the answers. Listings are the first
source; the second is stored as well, because disputed rows exist (reference/polymarket 8.4). An instrument is settled
where one source has a final payout and none contradicts it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import duckdb

from echelon_pipeline.domain.batches import batches
from echelon_pipeline.errors import NotAvailable
from echelon_pipeline.ingest.dead_letters import present_pages
from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.ingest.given_up import given_up_reason, note_given_up, windows_of
from echelon_pipeline.ingest.unavailable import note, window_state
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.feeds import PayoutSource
from echelon_pipeline.venues.narrowing import GivenUp, narrowed

TABLE = "core.resolutions"


async def ingest_resolutions(session: Session, venue: Venue, source: PayoutSource) -> Counts:
    """Requests every ended instrument whose payout is not final in this source yet."""
    counts, objects = Counts(), list[int]()
    wanted = _unresolved(session, venue)
    started = session.clock()
    with session.unit() as unit:
        store = unit.store(venue, source.parser_version)
        failure: NotAvailable | None = None
        given_up = GivenUp(lambda: session.windows.given_up(venue, TABLE))
        try:
            for number, conditions in enumerate(batches(wanted, source.at_once)):
                async for page in narrowed(conditions, source.ask, given_up):
                    store.add(replace(page, number=counts.pages))
                    objects.append(len(page.objects))
                    counts.pages += 1
                    counts.objects += len(page.objects)
                session.progress(f"{venue} resolutions", number * source.at_once, len(wanted))
        except NotAvailable as error:
            failure = error
            note(counts, error, "resolutions of Data API v2 are")
        store.flush()
        deriver = Deriver(unit, source.kinds)
        served = present_pages(objects, (started, session.clock()), source.source)
        deriver.parse(RawSlice(venue, (unit.unit_id,)), served=served)
        counts.add(deriver.commit())
        counts.add(update_statuses(session, venue, deriver))
        rows = counts.staged.get(TABLE, 0)
        state, reason = window_state(failure)
        reason = reason or given_up_reason(given_up)
        span = (started, session.clock())
        window = unit.window(venue, TABLE, source.source, span, state=state, reason=reason, counts=counts, rows=rows)
        session.windows.record([window, *windows_of(unit, venue, TABLE, span, given_up)])
        note_given_up(counts, given_up, "payouts of Data API v2")
    return counts


def update_statuses(session: Session, venue: Venue, deriver: Deriver) -> Counts:
    """Commits instruments whose status changes with the stored resolutions."""
    with session.duck() as connection:
        _with_known(session, venue, connection)
        deriver.stage(connection, "core.instruments", statement("derive/judged").text)
    return deriver.commit()


def _with_known(session: Session, venue: Venue, connection: duckdb.DuckDBPyConnection) -> None:
    for name in ("instruments", "resolutions"):
        query = session.lake.scan(f"core.{name}", where={"venue": [venue]})
        connection.execute(f"CREATE TEMP VIEW {name} AS {query}")


def _unresolved(session: Session, venue: Venue) -> list[str]:
    with session.duck() as connection:
        _with_known(session, venue, connection)
        since = session.clock() - timedelta(days=session.settings.reread_days)
        rows = connection.execute(statement("derive/unresolved").text, {"since": since}).fetchall()
    return [str(native_id) for (native_id,) in rows]
