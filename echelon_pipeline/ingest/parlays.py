"""Fetches a venue's bounded sample of combos into raw.

Belongs here: the unit of work. The venue chooses the sample (``venues/kalshi/combos.py``). Legs are read right after
their combos and stored even if unchanged, so that both have quotes of the same time. ``listings.py`` derives the rows.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from echelon_pipeline.errors import EchelonError, NotAvailable
from echelon_pipeline.ingest.given_up import given_up_reason, note_given_up, windows_of
from echelon_pipeline.ingest.listings import RAW
from echelon_pipeline.ingest.unavailable import note, window_state
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.feeds import ComboSource
from echelon_pipeline.venues.narrowing import GivenUp

SCOPE = "listings:parlays"


async def fetch_parlays(session: Session, venue: Venue, sample: ComboSource) -> Counts:
    """Reads the sample into raw. A scan that fails midway keeps its pages, records a partial window, and raises."""
    sample.given_up = GivenUp(lambda: session.windows.given_up(venue, RAW))
    counts, started = Counts(), session.clock()
    failure: EchelonError | None = None
    with session.unit() as unit:
        store = unit.store(venue, sample.parser_version, listing=True, every=True)
        try:
            async for page in sample.pages(lambda: _open(session, venue)):
                store.add(replace(page, number=counts.pages))
                counts.pages += 1
                counts.objects += len(page.objects)
                session.progress(f"{venue} parlays", counts.objects, None)
        except EchelonError as error:
            failure = error
        store.flush()
        counts.filtered_out, counts.notes = sample.filtered_out, sample.notes
        state, reason = window_state(failure)
        if failure is None and sample.stopped:
            state, reason = "partial", f"a sample: the scan ended after {session.settings.parlays_scan} open combos"
        span = (started, session.clock())
        reason = reason or given_up_reason(sample.given_up)
        window = unit.window(venue, RAW, SCOPE, span, state=state, reason=reason, counts=counts, rows=store.stored)
        # Before last_seen, as in listings.py.
        session.windows.record([window, *windows_of(unit, venue, RAW, span, sample.given_up)])
        store.mark_seen()
    note_given_up(counts, sample.given_up, "combos and their legs")
    if isinstance(failure, NotAvailable):
        note(counts, failure, "the rest of the combos is")
    elif failure:
        raise failure
    return counts


def _open(session: Session, venue: Venue) -> list[str]:
    """Native ids of known open combos, the least recently seen first."""
    with session.duck() as connection:
        scan = session.lake.scan("core.instruments", where={"venue": [venue]})
        connection.execute(f"CREATE TEMP VIEW instruments AS {scan}")
        since = session.clock() - timedelta(days=session.settings.reread_days)
        rows = connection.execute(statement("derive/open_combos").text, {"since": since}).fetchall()
    return [str(native_id) for (native_id,) in rows]
