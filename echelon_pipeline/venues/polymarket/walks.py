"""Requests to Polymarket: event scans, trade walks by condition, sampled midpoints.

Belongs here: the choice of endpoints and their limits (reference/polymarket 1 to 4). ``ingest/``
runs the units of work.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import ClassVar

import msgspec

from echelon_pipeline.domain.batches import batches
from echelon_pipeline.domain.intervals import Span
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.bounds import Ranked, TopN, measure
from echelon_pipeline.venues.feeds import Group, PriceRequest, PriceTarget, Scan
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.narrowing import GivenUp, narrowed
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.payload_members import read_members, read_members_of_all, utc
from echelon_pipeline.venues.polymarket.client import PolymarketClient
from echelon_pipeline.venues.polymarket.parse import KINDS, LISTED, PARSER_VERSION

CONDITIONS_PER_WALK = 20  # documented limit of data v2 filters
TOKENS_PER_REQUEST = 20  # documented limit of batch-prices-history
IDS_PER_REQUEST = 100  # documented limit of condition_ids
HISTORY_SPAN = timedelta(days=15)  # longest window of prices-history, whatever the fidelity
BEGAN, END = 946_684_800, 253_402_300_800  # years 2000 to 9999 in Unix seconds: other times are no times
FIDELITY = 60  # minutes between samples: 24 points a day


class _Market(msgspec.Struct):
    conditionId: str = ""  # noqa: N815 - the venue's name
    volumeNum: Decimal | None = None  # noqa: N815
    volume24hr: Decimal | None = None


class _Event(msgspec.Struct):
    id: str = ""


class _Member(msgspec.Struct):
    events: list[_Event] = []


class _Trade(msgspec.Struct):
    timestamp: int


def rank(market: RawObject) -> Ranked:
    """The volumes that bounds look at; a missing or malformed one counts as 0."""
    row = read_members(market, _Market) or _Market()
    return Ranked(measure(row.volume24hr), measure(row.volumeNum))


def _events_of(page: Page) -> set[str]:
    """The ids of the events that a page's markets name."""
    return {
        member.events[0].id
        for member in read_members_of_all(page.objects, _Member)
        if member.events and member.events[0].id
    }


class PolymarketListings:
    """Scans of Polymarket: events by 24 h volume with their markets, then recently closed markets."""

    kinds: ClassVar[dict[str, PayloadKind]] = LISTED
    parser_version: ClassVar[int] = PARSER_VERSION

    def __init__(self, client: PolymarketClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._limit = settings.instruments_bound("polymarket")
        self.filtered_out = 0
        self._shown: set[str] = set()
        self._named: set[str] = set()
        self.given_up = GivenUp()

    async def scan(self, scan: Scan) -> AsyncIterator[Page]:
        """Open events with their markets, markets whose end passed in the last days, and the events of those."""
        if scan.mode == "changes" and scan.since is not None:
            async for page in self._ranked(self._newer(scan.since)):
                yield page
        else:
            async for page in self._open_events():
                yield page
            if self._settings.history_days:
                since = scan.now - timedelta(days=self._settings.history_days)
                closed = self._client.gamma.markets(closed=True, end_date_min=since, order="volumeNum", ascending=False)
                async for page in self._bounded(closed):
                    self._named |= _events_of(page)
                    yield page
        async for page in self._other_events():
            yield page
        if scan.mode == "full":
            async for page in self._client.gamma.series():
                yield page

    async def _other_events(self) -> AsyncIterator[Page]:
        """Events of markets that were shown without them; like markets, closed ones are asked for as such."""
        for ids in batches(sorted(self._named - self._shown), IDS_PER_REQUEST):
            for closed in (True, False):
                rest = [i for i in ids if i not in self._shown]
                if rest:
                    ask = partial(self._events_by_id, closed=closed)
                    async for page in narrowed(rest, ask, self.given_up):
                        if page.endpoint == "events":
                            self._shown.update(o.key for o in page.objects if o.key)
                            yield page

    def _events_by_id(self, ids: Sequence[str], *, closed: bool) -> AsyncIterator[Page]:
        return self._client.gamma.events(id=ids, closed=closed)

    async def _open_events(self) -> AsyncIterator[Page]:
        """Events in order of volume, until the bound on instruments is reached."""
        pages = self._client.gamma.events(closed=False, order="volume24hr", ascending=False)
        async for page in self._bounded(pages):
            if page.endpoint == "events":
                self._shown.update(o.key for o in page.objects if o.key)
            yield page

    async def _bounded(self, pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
        """Pages in the venue's order, without markets of too little volume, until the bound is reached."""
        bounds = TopN(0, Decimal(self._settings.min_volume), rank)
        kept = 0
        async for page in pages:
            if page.endpoint != "markets":
                yield page
                continue
            async for bounded in bounds.through(_one(page)):
                odd = tuple(o for o in bounded.objects if o.key is None)  # as in TopN
                known = tuple(o for o in bounded.objects if o.key is not None)
                fitting = known[: self._limit - kept] if self._limit else known
                self.filtered_out += len(known) - len(fitting)
                kept += len(fitting)
                yield replace(bounded, objects=(*fitting, *odd))
            if self._limit and kept >= self._limit:
                break
        self.filtered_out += bounds.filtered_out

    async def _ranked(self, pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
        """The markets of the largest 24 h volume, in the configured number, of a walk in another order."""
        bounds = TopN(self._limit, Decimal(self._settings.min_volume), rank)
        async for page in bounds.through(pages):
            self._named |= _events_of(page)
            yield page
        self.filtered_out += bounds.filtered_out

    async def _newer(self, since: datetime) -> AsyncIterator[Page]:
        """Markets created since a time; closed ones are read again by id."""
        async for page in self._client.gamma.markets(closed=False, order="createdAt", ascending=False):
            yield page
            if _oldest(page) < since:
                break

    async def by_id(self, native_ids: Sequence[str]) -> AsyncIterator[Page]:
        """Known markets by condition id. Listings show open ones unless ``closed=true`` is asked for."""
        for ids in batches(native_ids, IDS_PER_REQUEST):
            async for page in narrowed(ids, self._known, self.given_up):
                yield page

    async def _known(self, ids: Sequence[str]) -> AsyncIterator[Page]:
        found: set[str] = set()
        async for page in self._client.gamma.markets(condition_ids=ids, closed=True):
            found.update(o.key for o in page.objects if o.key)
            yield page
        rest = [i for i in ids if i not in found]
        if rest:
            async for page in self._client.gamma.markets(condition_ids=rest, closed=False):
                yield page


async def _one(page: Page) -> AsyncIterator[Page]:
    yield page


class _Created(msgspec.Struct):
    createdAt: datetime  # noqa: N815 - the venue's name


def _oldest(page: Page) -> datetime:
    """The oldest readable creation time on a page."""
    stamps = (utc(market.createdAt) for market in read_members_of_all(page.objects, _Created))
    return min(stamps, default=datetime.max.replace(tzinfo=UTC))


class PolymarketTrades:
    """Trades by walks over up to 20 conditions, newest first; without a bound, the bare feed.

    Data v2 ignores start and end for condition walks (a fixed three-year window) and keeps the bare feed
    for the current and the previous month (reference/polymarket 4.3).
    """

    kinds: ClassVar[dict[str, PayloadKind]] = {"trades": KINDS["trades"]}
    parser_version: ClassVar[int] = PARSER_VERSION

    def __init__(self, client: PolymarketClient, settings: Settings, now: datetime) -> None:
        self._client = client
        self._bare = settings.instruments_bound("polymarket") == 0
        self._now = now

    def reach(self) -> datetime | None:
        """The first of the previous month for the bare feed, three years for walks by condition."""
        if not self._bare:
            return self._now - timedelta(days=3 * 365)
        first = self._now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return (first - timedelta(days=1)).replace(day=1)

    def groups(self, targets: Sequence[tuple[str, str, Span]]) -> Iterable[Group]:
        """Conditions that miss the same span share a walk."""
        bare = [span for instrument_id, _, span in targets if not instrument_id]
        if bare:
            # The bare feed takes no bounds: one walk passes all gaps. Two in one unit of work would serve the
            # same rows twice, which the parser counts as identical prints.
            yield Group((), (), (min(b for b, _ in bare), max(e for _, e in bare)))
        by_span: dict[Span, list[tuple[str, str]]] = {}
        for instrument_id, native_id, span in targets:
            if instrument_id:
                by_span.setdefault(span, []).append((instrument_id, native_id))
        for span, members in by_span.items():
            for some in batches(members, CONDITIONS_PER_WALK):
                yield Group(tuple(i for i, _ in some), tuple(n for _, n in some), span)

    def walk(self, group: Group) -> AsyncIterator[Page]:
        """Pages from the newest trade down; the caller stops where its span begins."""
        return self._client.data.trades(conditions=group.native_ids)

    def times(self, page: Page) -> list[datetime]:
        """Timestamps of a page's rows, without unreadable ones."""
        stamps = (trade.timestamp for trade in read_members_of_all(page.objects, _Trade, strict=False))
        return [datetime.fromtimestamp(t, UTC) for t in stamps if BEGAN <= t < END]


class PolymarketPrices:
    """Hourly samples of outcome 0's midpoint, 20 tokens and at most 15 days a request."""

    kinds: ClassVar[dict[str, PayloadKind]] = {"prices_history": KINDS["prices_history"]}
    parser_version: ClassVar[int] = PARSER_VERSION

    def __init__(self, client: PolymarketClient) -> None:
        self._client = client

    def requests(self, targets: Sequence[PriceTarget], span: Span) -> Iterable[PriceRequest]:
        """Batches of tokens over spans that the venue accepts; instruments without tokens have no history."""
        known = [t for t in targets if t.token_id]
        begin = span[0]
        while begin < span[1]:
            end = min(begin + HISTORY_SPAN, span[1])
            for some in batches(known, TOKENS_PER_REQUEST):
                yield PriceRequest(tuple(some), (begin, end))
            begin = end

    def fetch(self, request: PriceRequest) -> AsyncIterator[Page]:
        """One object per token; the end of trading goes along so that later points can be left out."""
        tokens = [t.token_id for t in request.targets if t.token_id]
        ends = {t.token_id: t.trading_ended_at for t in request.targets if t.token_id and t.trading_ended_at}
        return self._client.clob.batch_prices_history(tokens, *request.span, fidelity=FIDELITY, ended_at=ends)
