"""Builder-attributed fills of the configured codes.

Belongs here: which interval of a code's fills is read, and what is complete. Volume never comes from fills and fees
never from trades; the two are not joined to be summed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from echelon_pipeline.errors import EchelonError, NotAvailable
from echelon_pipeline.ingest.dead_letters import PageRequest, Reread
from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.ingest.trades import day_span
from echelon_pipeline.ingest.unavailable import note, window_state
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.venues.feeds import FillFeed

TABLE = "core.fills"


async def ingest_fills(session: Session, venue: Venue, feed: FillFeed, days: Sequence[date]) -> Counts:
    """Reads the days' fills of every configured builder code, and older fills that were not final yet."""
    total = Counts()
    begin, end = day_span(days, session.clock())
    if not session.settings.builder_codes:
        total.notes.append("no builder code is configured (ECHELON_BUILDER_CODE)")
    for code in session.settings.builder_codes:
        if begin < end:
            total.add(await _one_code(session, venue, feed, code, (begin, end)))
    return total


async def _one_code(session: Session, venue: Venue, feed: FillFeed, code: str, span: Span) -> Counts:
    counts, requests = Counts(), list[PageRequest]()
    with session.unit() as unit:
        store = unit.store(venue, feed.parser_version)
        failure: EchelonError | None = None
        try:
            # Both bounds are whole seconds: request one second more on each side; keys remove duplicates.
            second = timedelta(seconds=1)
            times = (_first_open(session, venue, code, span[0]) - second, span[1] + second)
            async for page in feed.walk(code, times):
                store.add(replace(page, number=counts.pages))
                requests.append(PageRequest(counts.pages, (), span, span, code, objects=len(page.objects), times=times))
                counts.pages += 1
                counts.objects += len(page.objects)
                session.progress(f"{venue} fills", counts.objects, None)
        except EchelonError as error:
            failure = error
        store.flush()
        deriver = Deriver(unit, feed.kinds)
        deriver.parse(
            RawSlice(venue, (unit.unit_id,)),
            requests=requests,
            rereads=[] if failure else [Reread(TABLE, span, scope=code)],
        )
        counts.add(deriver.commit())
        state, reason = window_state(failure)
        window = unit.window(
            venue,
            TABLE,
            code,
            span,
            state=state,
            reason=reason,
            counts=counts,
            rows=counts.staged.get(TABLE, 0),
        )
        session.windows.record([window])
    if isinstance(failure, NotAvailable):
        note(counts, failure, "builder fills are")
    elif failure:
        raise failure
    return counts


def _first_open(session: Session, venue: Venue, code: str, begin: datetime) -> datetime:
    """The time to read from: the span's begin, or the oldest fill of the code whose status can still change (a leg
    that stays open is not read again after ``reread_days``)."""
    oldest = session.clock() - timedelta(days=session.settings.reread_days)
    with session.duck() as connection:
        fills = session.lake.scan(TABLE, where={"venue": [venue]})
        row = connection.execute(
            f"SELECT min(event_at) FROM ({fills}) "
            f"WHERE builder_code = $code AND NOT is_terminal AND event_at >= $oldest",
            {"code": code, "oldest": oldest},
        ).fetchone()
    first = row[0] if row else None
    return begin if first is None else min(begin, first)
