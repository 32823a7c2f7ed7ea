"""Daily prices: candles and sampled midpoints from the venues, and OHLC from our own complete trades.

Belongs here: for which instruments and days prices are requested, and when a day is complete. ``venues/*/walks.py``
makes the requests; ``sql/`` turns points into days.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import duckdb
import pyarrow as pa

from echelon_pipeline.errors import EchelonError, NotFound
from echelon_pipeline.ingest.concurrency import gather_limited
from echelon_pipeline.ingest.dead_letters import PageRequest, Reread, unread_rows
from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.ingest.given_up import given_up_before, note_given_up
from echelon_pipeline.ingest.known_instruments import create_instrument_views
from echelon_pipeline.ingest.trades import CONFIGURED, day_span
from echelon_pipeline.ingest.unavailable import means_unavailable, note, reason_of
from echelon_pipeline.ingest.versions import current_version
from echelon_pipeline.lake.session import Counts, Session, Unit, Venue, midnight
from echelon_pipeline.lake.windows import Span, Window
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.feeds import PriceFeed, PriceRequest, PriceTarget
from echelon_pipeline.venues.narrowing import NARROWED, GivenUp, halves

TABLE = "core.daily_prices"
# Answers between two commits: a killed run repeats at most these, some 20 s at 10 requests a second.
PAGES_PER_COMMIT = 200


async def ingest_prices(
    session: Session, venue: Venue, feed: PriceFeed, days: Sequence[date], *, refetch: bool = False
) -> Counts:
    """Fetches the days' prices for every instrument that lacks them, then derives and commits them."""
    asked_at = session.clock()  # instruments that are listed from now on are not part of this run
    begin, end = day_span(days, asked_at)
    total = Counts()
    if end <= begin:
        return total
    with session.unit() as unit:
        batch = _Batch(unit, venue, feed)
        batch.again = (begin, end) if refetch else None
        plan = _plan(session, venue, (begin, end), refetch=refetch)
        await batch.run([request for span, targets in plan for request in feed.requests(targets, span)])
        total.add(batch.total)
        if batch.absent:
            session.windows.record(batch.windows(plan))
            lacking = [e for e in batch.absent.values() if isinstance(e, NotFound)]
            if lacking:
                note(total, lacking[0], f"prices of {len(lacking)} instruments are")
            note_given_up(total, batch.given_up, f"{venue} prices")
        else:
            windows = [_window(unit, venue, day, asked_at, total) for day in sorted(set(days))]
            session.windows.record(windows, as_of=asked_at)
    return total


def _window(unit: Unit, venue: Venue, day: date, now: datetime, counts: Counts) -> Window:
    begin = datetime.combine(day, time(), UTC)
    end = begin + timedelta(days=1)
    rows = counts.staged.get(TABLE, 0)
    if now >= end:
        return unit.window(venue, TABLE, CONFIGURED, (begin, end), counts=counts, rows=rows)
    reason = "the day is not over"
    return unit.window(venue, TABLE, CONFIGURED, (begin, end), state="partial", reason=reason, counts=counts, rows=rows)


def _plan(session: Session, venue: Venue, span: Span, *, refetch: bool) -> list[tuple[Span, list[PriceTarget]]]:
    """Spans of days with the instruments that lack them: instruments that could trade in the span and have, for at
    least one of its days, no complete window recorded since they are known."""
    with session.duck() as connection:
        create_instrument_views(session, connection, venue)
        rows = connection.execute(
            statement("derive/price_targets").text,
            {"from_at": span[0], "to_at": span[1], "table_name": TABLE, "scope": CONFIGURED, "refetch": refetch},
        ).fetchall()
    by_span: dict[Span, list[PriceTarget]] = {}
    for first, last, *fields in rows:
        wanted = (max(span[0], first), min(span[1], last))
        by_span.setdefault(wanted, []).append(PriceTarget(*fields))
    return sorted(by_span.items())


class _Batch:
    """Fetches a bounded number of requests concurrently and commits whenever enough answers are pending."""

    def __init__(self, unit: Unit, venue: Venue, feed: PriceFeed) -> None:
        self.unit = unit
        self.venue = venue
        self.feed = feed
        self.total = Counts()
        self.absent: dict[str, EchelonError] = {}
        self.given_up = GivenUp(lambda: given_up_before(unit.session, venue, TABLE))
        self._any = False  # at least one request was answered
        self._session = unit.session
        # A price object holds a day's candles or more: a hundred times a trade's size.
        self._raw = unit.store(venue, feed.parser_version, share=20)
        self._page = 0
        self._from = 0
        self._done = 0
        self._requests: list[PageRequest] = []
        self._read: list[Reread] = []
        self.again: Span | None = None  # all days are requested again

    async def run(self, requests: list[PriceRequest]) -> None:
        """Fetches the requests. On a failure it commits what was read, then raises."""
        self._done = 0
        try:
            await gather_limited(
                requests, self._session.settings.http_concurrency, lambda r: self._fetch(r, len(requests))
            )
        except EchelonError:
            self._commit()
            raise
        if self.again is not None and not self.absent:
            self._read.append(Reread(TABLE, self.again, ()))
        self._commit()
        if not self._any and self.given_up.is_the_venue(self.given_up):
            raise next(iter(self.given_up.values()))

    async def _fetch(self, whole: PriceRequest, total: int) -> None:
        """Fetches a request; a failed request is split in halves, down to single instruments."""
        waiting = deque([whole])
        while waiting:
            request = waiting.popleft()
            try:
                await self._answered(request)
            except NARROWED as error:
                if len(request.targets) > 1:
                    waiting.extend(replace(request, targets=tuple(half)) for half in halves(request.targets))
                else:
                    only = request.targets[0].instrument_id
                    self.absent[only] = self.given_up[only] = error
        self._done += 1
        self._session.progress(f"{self.venue} prices", self._done, total)
        if self._page - self._from >= PAGES_PER_COMMIT:
            self._commit()

    async def _answered(self, request: PriceRequest) -> None:
        ids = tuple(t.instrument_id for t in request.targets)
        try:
            async for page in self.feed.fetch(request):
                self._raw.add(replace(page, number=self._page))
                self._requests.append(
                    PageRequest(self._page, ids, request.span, request.span, objects=len(page.objects))
                )
                self._page += 1
                self.total.objects += len(page.objects)
            self._read.append(Reread(TABLE, request.span, ids, unnamed=False))
        except NotFound as error:
            if not means_unavailable(error, request.targets):
                raise
            self.absent |= {t.instrument_id: error for t in request.targets}
        self._any = True

    def windows(self, plan: Sequence[tuple[Span, list[PriceTarget]]]) -> list[Window]:
        """Windows per instrument: data that some instruments lack must not be claimed for all."""
        rows: list[Window] = []
        for (begin, end), targets in plan:
            over = min(end, midnight(self._session.clock()))  # a day that is not over is never complete
            for target in targets:
                absent, scope = self.absent.get(target.instrument_id), target.instrument_id
                if absent is not None:
                    state = "unavailable" if isinstance(absent, NotFound) else "partial"
                    reason, until = reason_of(absent), end
                else:
                    state, reason, until = "complete", None, over
                if begin < until:
                    span = (begin, until)
                    rows.append(self.unit.window(self.venue, TABLE, scope, span, state=state, reason=reason))
        return rows

    def _commit(self) -> None:
        self._raw.flush()
        if self._page == self._from and not self._read:
            return
        deriver = Deriver(self.unit, self.feed.kinds)
        source = RawSlice(self.venue, (self.unit.unit_id,), page_from=self._from)
        deriver.parse(source, requests=self._requests, rereads=self._read)
        counts = deriver.commit()
        counts.pages = self._page - self._from
        self.total.add(counts)
        self._from, self._requests, self._read = self._page, [], []


def prices_from_trades(session: Session, venue: Venue, days: Sequence[date]) -> Counts:
    """OHLC, VWAP and volume of the days from our own trades; volume and VWAP only where the instrument's
    trades are complete for the whole day: walked to its end, and every row read."""
    total, unread = Counts(), unread_rows(session, venue, "core.trades")
    with session.unit() as unit:
        deriver = Deriver(unit, {})
        for day in sorted(set(days)):
            trades = session.lake.scan("core.trades", where={"venue": [venue], "date": [day]})
            with session.duck() as connection:
                stage_prices(deriver, connection, venue, day, trades, unread)
        total.add(deriver.commit())
    return total


def stage_prices(
    deriver: Deriver, connection: duckdb.DuckDBPyConnection, venue: Venue, day: date, trades: str, unread: pa.Table
) -> None:
    """Stages the rows of one day that a query of the day's trades gives. ``unread``: unread_rows() of trades."""
    session = deriver.unit.session
    create_instrument_views(session, connection, venue)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW trades AS {trades}")
    connection.register("unread", unread)
    query = statement("derive/daily_prices_from_trades").text
    for parameter, value in (("$day", f"DATE '{day}'"), ("$venue", f"'{venue}'")):
        query = query.replace(parameter, value)
    deriver.stage(connection, TABLE, f"SELECT *, {current_version(venue, TABLE)} AS parser_version FROM ({query})")
