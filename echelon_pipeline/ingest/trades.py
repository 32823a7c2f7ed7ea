"""Reads trades with walks that resume after a kill.

Belongs here: which intervals each instrument lacks, walking feeds newest-first, committing in batches, recording what
is complete. ``venues/*/walks.py`` chooses the URLs.

A feed is walked from new to old. The interval above the oldest time that a walk has reached is complete; rows *at* that
time may continue on the next page, so they are committed after the walk has passed it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from echelon_pipeline.domain.intervals import subtract, union
from echelon_pipeline.errors import EchelonError, NotFound
from echelon_pipeline.ingest.concurrency import gather_limited
from echelon_pipeline.ingest.dead_letters import Reread, UnreadRows
from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.ingest.given_up import given_up_before, note_given_up
from echelon_pipeline.ingest.known_instruments import create_instrument_views
from echelon_pipeline.ingest.unavailable import means_unavailable, note, reason_of
from echelon_pipeline.ingest.walk_progress import EVERYTHING, Walk, keep
from echelon_pipeline.lake.session import Counts, Session, Unit, Venue
from echelon_pipeline.lake.windows import RecordedWindow, Span, Window
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.feeds import Group, TradeFeed
from echelon_pipeline.venues.narrowing import NARROWED, GivenUp
from echelon_pipeline.venues.page import Page

TABLE = "core.trades"
INSTRUMENTS = "core.instruments"
CONFIGURED = "configured"  # scope: every instrument that was known when the window was recorded


def day_span(days: Sequence[date], now: datetime) -> Span:
    """[first day 00:00, end of last day or now) in UTC; raises ValueError for no days."""
    first, last = min(days), max(days)
    begin = datetime.combine(first, time(), UTC)
    end = datetime.combine(last + timedelta(days=1), time(), UTC)
    return begin, max(begin, min(end, now))


def trade_scope(session: Session, venue: Venue) -> str:
    """The scope that a finished run claims: the whole feed without a bound on instruments, else the known
    instruments."""
    return EVERYTHING if session.settings.instruments_bound(venue) == 0 else CONFIGURED


async def ingest_trades(
    session: Session, venue: Venue, feed: TradeFeed, days: Sequence[date], *, refetch: bool = False
) -> Counts:
    """Reads missing trades of the days and commits them in batches; returns the counts.

    ``refetch``: read complete intervals again too.
    """
    asked_at = session.clock()  # instruments that are listed from now on are not part of this walk
    begin, end = day_span(days, asked_at)
    total = Counts()
    if end <= begin:
        return total
    with session.unit() as unit:
        batch = _Batch(unit, venue, feed)
        reach = feed.reach()
        if reach is not None and begin < reach:
            batch.unavailable((begin, min(reach, end)), f"the venue serves trades from {reach:%Y-%m-%d} on")
            begin = min(reach, end)
        batch.whole, batch.again = (begin, end), refetch
        await batch.run(list(feed.groups(targets(session, venue, (begin, end), refetch=refetch))))
        total.add(batch.total)
        if end > begin and not batch.has_gaps:
            rows = total.staged.get(TABLE, 0)
            window = unit.window(venue, TABLE, batch.scope, (begin, end), counts=total, rows=rows)
            session.windows.record([window], as_of=asked_at)
    return total


def targets(session: Session, venue: Venue, span: Span, *, refetch: bool) -> list[tuple[str, str, Span]]:
    """(instrument, native id, missing interval) for each instrument that could trade within the span.

    With no bound on instruments there is one target without an instrument: the whole feed.
    """
    overlap = timedelta(minutes=session.settings.overlap_minutes)
    everything = session.windows.complete(venue, TABLE, EVERYTHING, meets=span)
    if session.settings.instruments_bound(venue) == 0:
        missing = [span] if refetch else subtract([span], everything)
        return [("", "", (max(span[0], gap[0] - overlap), gap[1])) for gap in missing]
    instruments = _tradable(session, venue, span)
    configured = _claims(session.windows.recorded(venue, TABLE, CONFIGURED, meets=span))
    own = session.windows.complete_by_scope(venue, TABLE, meets=span)
    # Under a frozen clock times are equal: then a window covers the instruments that earlier units listed.
    listed = session.windows.last_unit_with_rows(venue, INSTRUMENTS)
    found = []
    for instrument_id, native_id, known_since in instruments:
        covered = [s for stamp, spans in configured if stamp > (known_since, listed) for s in spans]
        gaps = [span] if refetch else subtract([span], union([*covered, *everything, *own.get(instrument_id, [])]))
        if gaps:
            # One walk from the newest gap down to the oldest: feeds are newest-first.
            low = max(span[0], min(g[0] for g in gaps) - overlap)
            found.append((instrument_id, native_id, (low, max(g[1] for g in gaps))))
    return found


def _claims(windows: Sequence[RecordedWindow]) -> list[tuple[tuple[datetime, str], list[Span]]]:
    """When each complete window was recorded, and its intervals that no later partial window reopens."""
    opened = [w for w in windows if w.state == "partial"]
    found = []
    for window in windows:
        if window.state == "complete":
            stamp = (window.recorded_at, window.unit_id)
            holes = [(p.from_at, p.to_at) for p in opened if (p.recorded_at, p.unit_id) > stamp]
            found.append((stamp, subtract([(window.from_at, window.to_at)], holes)))
    return found


def _tradable(session: Session, venue: Venue, span: Span) -> list[tuple[str, str, datetime]]:
    with session.duck() as connection:
        create_instrument_views(session, connection, venue)
        rows = connection.execute(statement("derive/tradable").text, {"from_at": span[0], "to_at": span[1]}).fetchall()
    return [(str(i), str(n), known_since) for i, n, known_since in rows]


class _Batch:
    """Stores pages of several walks and commits whenever enough objects are pending."""

    def __init__(self, unit: Unit, venue: Venue, feed: TradeFeed) -> None:
        self.unit = unit
        self.venue = venue
        self.feed = feed
        self.total = Counts()
        self.absent: list[NotFound] = []
        self.given_up = GivenUp(lambda: given_up_before(unit.session, venue, TABLE))
        self._session = unit.session
        self.scope = trade_scope(self._session, venue)
        self.whole: Span | None = None  # the interval that the run claims under ``scope`` once all walks have ended
        self.again = False  # walk every instrument that could trade, also if it was walked before
        self._raw = unit.store(venue, feed.parser_version)
        self._page = 0
        self._batch_from = 0
        self._pending = 0
        self._walks: list[Walk] = []
        self._finished = 0
        self._read = False  # at least one walk reached its end

    def unavailable(self, span: Span, reason: str) -> None:
        """Records that the venue cannot serve a span."""
        self._session.windows.record(
            [self.unit.window(self.venue, TABLE, self.scope, span, state="unavailable", reason=reason)]
        )
        self.total.notes.append(reason)

    async def run(self, groups: list[Group]) -> None:
        """Walks all groups, a bounded number at a time. On a failure it commits and claims what was read, then
        raises."""
        try:
            await gather_limited(
                map(Walk, groups), self._session.settings.http_concurrency, lambda w: self._walk_group(w, len(groups))
            )
        except EchelonError:
            self._commit(claim=True)
            raise
        if not self._read and self.given_up.is_the_venue(self.given_up):
            raise next(iter(self.given_up.values()))
        # Data that some instruments lack must not be claimed for all: then each instrument gets its own windows.
        self._commit(claim=self.has_gaps, ended=True)
        note_given_up(self.total, self.given_up, f"{self.venue} trades")
        if self.absent:
            note(self.total, self.absent[0], f"{len(self.absent)} of {len(groups)} trade walks are")

    @property
    def has_gaps(self) -> bool:
        """Whether a requested interval is in no walk that reached its end."""
        return bool(self.absent or self.given_up)

    async def _walk_group(self, whole: Walk, total: int) -> None:
        """Walks a group; a failed walk continues in halves, down to single instruments."""
        waiting = deque([whole])
        while waiting:
            walk = waiting.popleft()
            try:
                await self._walk(walk)
            except NARROWED as error:
                ids = walk.group.instrument_ids
                if not ids:
                    raise
                if len(ids) > 1:
                    walk.split = True
                    waiting.extend(walk.parts())
                else:
                    walk.absent = self.given_up[ids[0]] = error
        self._finished += 1
        self._session.progress(f"{self.venue} trades", self._finished, total)

    async def _walk(self, walk: Walk) -> None:
        self._walks.append(walk)
        try:
            async for page in self.feed.walk(walk.group):
                self._take(walk, page)
                if walk.done:
                    break
            walk.done = True
        except NotFound as error:
            if not means_unavailable(error, walk.group.instrument_ids):
                raise
            walk.absent = error
            self.absent.append(error)
        self._read = True

    def _take(self, walk: Walk, page: Page) -> None:
        """Stores a page and updates the walk's progress. Synchronous: no other walk interleaves."""
        numbered = replace(page, number=self._page)
        self._page += 1
        self._raw.add(numbered)
        self._pending += len(page.objects)
        walk.pass_page(numbered.number, self.feed.times(page), len(page.objects))
        if self._pending >= self._session.settings.raw_flush_objects:
            self._commit(claim=True)

    def _commit(self, *, claim: bool, ended: bool = False) -> None:
        """Derives and merges pending pages. ``claim``: record what is complete per instrument; at the end of a run
        without failures (``ended``) one window covers all of them."""
        self._raw.flush()
        rereads = self._rereads(ended=ended)
        if not self._walks and not rereads:
            return
        deriver = Deriver(self.unit, self.feed.kinds)
        source = RawSlice(
            self.venue,
            (self.unit.unit_id,),
            page_from=self._batch_from,
            also_pages=tuple(sorted(p for w in self._walks for p in w.pending_pages if p < self._batch_from)),
        )
        deriver.parse(
            source,
            keep={TABLE: keep(self._walks)},
            requests=[page for walk in self._walks for page in walk.requests()],
            rereads=rereads,
        )
        counts = deriver.commit()
        counts.pages, counts.objects = self._page - self._batch_from, self._pending
        self.total.add(counts)
        if claim:
            self._session.windows.record(self._windows(deriver.unread))
        self._walks = [w for w in self._walks if not w.ended]
        for walk in self._walks:
            walk.committed()
        self._batch_from, self._pending = self._page, 0

    def _rereads(self, *, ended: bool) -> list[Reread]:
        """The spans that walks have read completely. A dead letter without an instrument may belong to any walk of a
        bounded run: it is read again when all of them are."""
        found = [
            Reread(TABLE, w.group.span, w.group.instrument_ids or None, unnamed=not w.group.instrument_ids)
            for w in self._walks
            if w.done
        ]
        if ended and self.again and self.whole is not None and not self.has_gaps:
            found.append(Reread(TABLE, self.whole, ()))
        return found

    def _windows(self, unread: UnreadRows) -> list[Window]:
        rows: list[Window] = []
        for walk in self._walks:
            begin, end = walk.span_read()
            if begin < end and begin != walk.committed_from:  # otherwise the last commit claimed it
                rows.extend(
                    self.unit.window(
                        self.venue, TABLE, scope, (begin, end), unread_rows=unread.within(scope, (begin, end))
                    )
                    for scope in walk.scopes
                    # A single walk over the whole feed: the run's own window follows at once and has the counts.
                    if (scope, (begin, end)) != (self.scope, self.whole)
                )
            if walk.absent is not None and walk.group.span[0] < begin:
                rest, why = (walk.group.span[0], begin), reason_of(walk.absent)
                state = "unavailable" if isinstance(walk.absent, NotFound) else "partial"
                rows.extend(
                    self.unit.window(self.venue, TABLE, scope, rest, state=state, reason=why) for scope in walk.scopes
                )
        return rows
