"""The venue's own ranking of builders, in shares.

Belongs here: the unit of work. Our own ranking comes from ``core.fills`` only.
"""

from __future__ import annotations

from dataclasses import replace

from echelon_pipeline.errors import EchelonError, NotAvailable
from echelon_pipeline.ingest.dead_letters import present_pages
from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.ingest.unavailable import note, window_state
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.venues.feeds import RankingSource

TABLE = "core.builder_leaderboard"


async def ingest_leaderboard(session: Session, venue: Venue, source: RankingSource) -> Counts:
    """Reads the current ranking of every range; a failed range keeps the ranges before it."""
    counts, objects = Counts(), list[int]()
    started = session.clock()
    with session.unit() as unit:
        store = unit.store(venue, source.parser_version)
        failure: EchelonError | None = None
        try:
            for number, wanted in enumerate(source.ranges):
                async for page in source.ask(wanted):
                    store.add(replace(page, number=counts.pages))
                    objects.append(len(page.objects))
                    counts.pages += 1
                    counts.objects += len(page.objects)
                session.progress(f"{venue} builders", number + 1, len(source.ranges))
        except EchelonError as error:
            failure = error
        store.flush()
        deriver = Deriver(unit, source.kinds)
        deriver.parse(RawSlice(venue, (unit.unit_id,)), served=present_pages(objects, (started, session.clock())))
        counts.add(deriver.commit())
        state, reason = window_state(failure)
        span, rows = (started, session.clock()), counts.staged.get(TABLE, 0)
        session.windows.record(
            [unit.window(venue, TABLE, source.source, span, state=state, reason=reason, counts=counts, rows=rows)]
        )
    if isinstance(failure, NotAvailable):
        note(counts, failure, "the ranking of builders is")
    elif failure:
        raise failure
    return counts
