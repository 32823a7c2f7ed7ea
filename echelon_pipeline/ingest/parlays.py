"""Kalshi's combos: a bounded sample of the open ones, the known ones until they settle, and their legs.

Belongs here: what is asked for and what is kept. Combos arrive at hundreds per minute and nearly none ever trades
(reference/kalshi 4), so they have bounds of their own and are in no ordinary scan. A market is a combo where it names
a collection, whatever its ticker looks like. Legs are read right after their combos and stored even where nothing
changed, so that both have quotes of one moment. Collections stay raw. The events of combos are not read: they cost
a request each and say no more than "Combo". Rows come out of ``listings.py``'s second half.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

import msgspec

from echelon_pipeline.domain.batches import batches
from echelon_pipeline.errors import EchelonError, NotAvailable
from echelon_pipeline.ingest.bounds import TopN
from echelon_pipeline.ingest.kalshi import KalshiListings, rank
from echelon_pipeline.ingest.listings import RAW
from echelon_pipeline.ingest.narrowing import GivenUp, narrowed, note_given_up, sentence, windows_of
from echelon_pipeline.ingest.payload_members import peek, peek_all
from echelon_pipeline.ingest.unavailable import note, verdict
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.kalshi.client import KalshiClient
from echelon_pipeline.venues.kalshi.parse import PARSER_VERSION
from echelon_pipeline.venues.page import Page, RawObject

VENUE = "kalshi"
SCOPE = "listings:parlays"


class _Leg(msgspec.Struct):
    market_ticker: str | None = None
    event_ticker: str | None = None


class _Combo(msgspec.Struct):
    mve_collection_ticker: str | None = None
    mve_selected_legs: list[_Leg] | None = None


class _Collection(msgspec.Struct):
    collection_ticker: str | None = None
    series_ticker: str | None = None


@dataclass
class Sample:
    """What one run reads. ``filtered_out``: combos that the settings left out. ``stopped``: the scan ended at its
    bound, so that more combos may be open than were looked at."""

    session: Session
    client: KalshiClient
    filtered_out: int = 0
    stopped: bool = False
    notes: list[str] = field(default_factory=list)
    _series: dict[str, str] = field(default_factory=dict)
    _shown: set[str] = field(default_factory=set)
    given_up: GivenUp = field(default_factory=GivenUp)
    _legs: dict[str, str] = field(default_factory=dict)

    async def pages(self) -> AsyncIterator[Page]:
        """Collections, kept combos, known combos again, then the legs of both and the events of the legs."""
        async for page in self.client.multivariate_collections(status="open"):
            self._note_collections(page)
            yield page
        async for page in self._kept():
            self._note_combos(page)
            yield page
        listings = KalshiListings(self.client, self.session.settings)
        listings.given_up = self.given_up
        async for page in listings.by_id(self._again()):
            self._note_combos(page)
            yield page
        async for page in listings.by_id(sorted(set(self._legs) - self._shown)):
            yield page
        for tickers in batches(sorted(set(filter(None, self._legs.values()))), self._batch):
            async for page in narrowed(tickers, lambda some: self.client.events(tickers=some), self.given_up):
                yield page

    @property
    def _batch(self) -> int:
        return self.session.settings.kalshi_batch_size

    @property
    def _allowed(self) -> tuple[str, ...]:
        return self.session.settings.parlay_collections_allowed

    async def _kept(self) -> AsyncIterator[Page]:
        settings = self.session.settings
        if settings.parlays_max == 0:
            return
        bounds = TopN(settings.parlays_max, Decimal(settings.min_volume), rank)
        async for page in bounds.through(self._of_collections()):
            yield page
        self.filtered_out += bounds.filtered_out

    async def _of_collections(self) -> AsyncIterator[Page]:
        """Open combos of the allowed collections, newest first, as many as may be looked at."""
        unread = self.session.settings.parlays_scan
        sources = list(self._sources())
        for number, source in enumerate(sources, start=1):
            async for page in source:
                objects = tuple(o for o in page.objects if self._is_wanted(o))
                self.filtered_out += len(page.objects) - len(objects)
                unread -= len(page.objects)
                yield replace(page, objects=objects)
                if unread <= 0 and (page.cursor or number < len(sources)):
                    self.stopped = True
                    return

    def _sources(self) -> Iterator[AsyncIterator[Page]]:
        """The venue filters by series only: one scan for each series of the allowed collections, or one for all."""
        if not self._allowed:
            yield self.client.markets(status="open", mve_filter="only")
            return
        for name in sorted(set(self._allowed) - set(self._series)):
            self.notes.append(f"collection {name} is not open: nothing of it is read")
        for series in sorted({s for name, s in self._series.items() if name in self._allowed}):
            yield self.client.markets(status="open", mve_filter="only", series_ticker=series)

    def _is_wanted(self, market: RawObject) -> bool:
        collection = _combo(market).mve_collection_ticker
        return bool(collection) and (not self._allowed or collection in self._allowed)

    def _note_collections(self, page: Page) -> None:
        for made in peek_all(page.objects, _Collection):  # an odd one is kept raw, it only cannot be asked for
            if made.collection_ticker and made.series_ticker:
                self._series[made.collection_ticker] = made.series_ticker

    def _note_combos(self, page: Page) -> None:
        for item in page.objects:
            if item.key:
                self._shown.add(item.key)
            for leg in _combo(item).mve_selected_legs or ():
                if leg.market_ticker:
                    self._legs[leg.market_ticker] = leg.event_ticker or ""

    def _again(self) -> Sequence[str]:
        """Known open combos that the sample does not show, the longest unseen first, as many as settings allow."""
        session, settings = self.session, self.session.settings
        with session.duck() as connection:
            scan = session.lake.scan("core.instruments", where={"venue": [VENUE]})
            connection.execute(f"CREATE TEMP VIEW instruments AS {scan}")
            since = session.clock() - timedelta(days=settings.reread_days)
            rows = connection.execute(statement("derive/open_combos").text, {"since": since}).fetchall()
        known = [str(ticker) for (ticker,) in rows if ticker not in self._shown]
        self.filtered_out += max(0, len(known) - settings.parlays_reread)
        return known[: settings.parlays_reread]


async def fetch_parlays(session: Session, client: KalshiClient) -> Counts:
    """Reads the sample into raw. One that fails midway keeps what it got, says partial, and raises."""
    given_up = GivenUp(lambda: session.windows.given_up(VENUE, RAW))
    sample, counts, started = Sample(session, client, given_up=given_up), Counts(), session.clock()
    failure: EchelonError | None = None
    with session.unit() as unit:
        store = unit.store(VENUE, PARSER_VERSION, listing=True, every=True)
        try:
            async for page in sample.pages():
                store.add(replace(page, number=counts.pages))
                counts.pages += 1
                counts.objects += len(page.objects)
                session.progress(f"{VENUE} parlays", counts.objects, None)
        except EchelonError as error:
            failure = error
        store.flush()
        counts.filtered_out, counts.notes = sample.filtered_out, sample.notes
        state, reason = verdict(failure)
        if failure is None and sample.stopped:
            state, reason = "partial", f"a sample: the scan ended after {session.settings.parlays_scan} open combos"
        span = (started, session.clock())
        reason = reason or sentence(sample.given_up)
        window = unit.window(VENUE, RAW, SCOPE, span, state=state, reason=reason, counts=counts, rows=store.stored)
        # Before last_seen, as in listings.py.
        session.windows.record([window, *windows_of(unit, VENUE, RAW, span, sample.given_up)])
        store.mark_seen()
    note_given_up(counts, sample.given_up, "combos and their legs")
    if isinstance(failure, NotAvailable):
        note(counts, failure, "the rest of the combos is")
    elif failure:
        raise failure
    return counts


def _combo(market: RawObject) -> _Combo:
    """What makes a market a combo; nothing where it is odd (the parsers judge it later)."""
    return peek(market, _Combo) or _Combo()
