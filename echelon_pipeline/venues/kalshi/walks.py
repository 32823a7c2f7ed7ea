"""Requests to Kalshi: scans, trade walks, candles, routed by the live/historical cutoff.

Belongs here: the choice of endpoints and their limits (reference/kalshi 3.3 to 3.8). ``ingest/``
runs the units of work.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import ClassVar

import msgspec

from echelon_pipeline.domain.batches import batches
from echelon_pipeline.domain.intervals import Span
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.bounds import Ranked, TopN, measure
from echelon_pipeline.venues.feeds import Group, PriceRequest, PriceTarget, Scan
from echelon_pipeline.venues.kalshi.client import KalshiClient
from echelon_pipeline.venues.kalshi.cutoff import Cutoff
from echelon_pipeline.venues.kalshi.parse import KINDS, LISTED, PARSER_VERSION
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.narrowing import GivenUp, narrowed
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.payload_members import read_members, read_members_of_all, utc

CANDLES_PER_REQUEST = 10_000  # documented limit of the batch endpoint
BEGAN = 2000  # years before it are no times: 0001 is the venue's zero time
HOUR = 60  # minutes: candles that tile UTC days; the venue's daily candles are Eastern-time days


class _Market(msgspec.Struct):
    volume_fp: str | None = None
    volume_24h_fp: str | None = None


class _Member(msgspec.Struct):
    event_ticker: str | None = None


class _Trade(msgspec.Struct):
    created_time: datetime


def rank(market: RawObject) -> Ranked:
    """The volumes that bounds look at; a missing or malformed one counts as 0."""
    row = read_members(market, _Market)
    return Ranked(_decimal(row.volume_24h_fp), _decimal(row.volume_fp)) if row else Ranked(Decimal(0), Decimal(0))


def _decimal(text: str | None) -> Decimal:
    try:
        return measure(Decimal(text or 0))
    except InvalidOperation:
        return Decimal(0)


class KalshiListings:
    """Scans of Kalshi. Combos are never part of an ordinary scan: hundreds are created each minute."""

    kinds: ClassVar[dict[str, PayloadKind]] = LISTED
    parser_version: ClassVar[int] = PARSER_VERSION

    def __init__(self, client: KalshiClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._bounds = TopN(settings.instruments_bound("kalshi"), Decimal(settings.min_volume), rank)
        self._events: set[str] = set()
        self.given_up = GivenUp()

    @property
    def filtered_out(self) -> int:
        return self._bounds.filtered_out

    async def scan(self, scan: Scan) -> AsyncIterator[Page]:
        """Markets that can trade, markets that ended lately, their events; with a full scan all series too.

        One status per request (reference/kalshi 3.4): paused ones are not open, and what closed stays unsettled
        for hours or, disputed, for days. Each group has the bounds for itself.
        """
        for group in self._groups(scan):
            async for page in self._kept(group):
                yield page
        async for page in self._their_events():
            yield page
        if scan.mode == "full":
            async for page in self._client.series():
                yield page

    def _groups(self, scan: Scan) -> list[list[AsyncIterator[Page]]]:
        markets = self._client.markets
        if scan.mode == "changes" and scan.since is not None:
            return [
                [markets(min_updated_ts=scan.since, mve_filter="exclude")],
                [markets(status="settled", min_settled_ts=scan.since, mve_filter="exclude")],
            ]
        groups = [[markets(status="open", mve_filter="exclude"), markets(status="paused", mve_filter="exclude")]]
        if scan.mode == "full":
            # They open by the clock, which min_updated_ts of a scan of changes need not show.
            groups[0].append(markets(status="unopened", mve_filter="exclude"))
        if self._settings.history_days:
            since = scan.now - timedelta(days=self._settings.history_days)
            groups.append(
                [
                    markets(status="closed", min_close_ts=since, mve_filter="exclude"),
                    markets(status="settled", min_settled_ts=since, mve_filter="exclude"),
                ]
            )
        return groups

    async def _kept(self, sources: Sequence[AsyncIterator[Page]]) -> AsyncIterator[Page]:
        bounds = TopN(self._bounds.limit, self._bounds.min_volume, rank)
        async for page in bounds.through(_chained(sources)):
            self._events.update(m.event_ticker for m in read_members_of_all(page.objects, _Member) if m.event_ticker)
            yield page
        self._bounds.filtered_out += bounds.filtered_out

    async def _their_events(self) -> AsyncIterator[Page]:
        """Events of the kept markets."""
        for tickers in batches(sorted(self._events), self._settings.kalshi_batch_size):
            async for page in narrowed(tickers, lambda some: self._client.events(tickers=some), self.given_up):
                yield page
        self._events.clear()

    async def by_id(self, native_ids: Sequence[str]) -> AsyncIterator[Page]:
        """Known markets by ticker; those that the live tier no longer has come from the historical one."""
        for tickers in batches(native_ids, self._settings.kalshi_batch_size):
            async for page in narrowed(tickers, self._known, self.given_up):
                yield page

    async def _known(self, tickers: Sequence[str]) -> AsyncIterator[Page]:
        found: set[str] = set()
        async for page in self._client.markets(tickers=tickers):
            found.update(o.key for o in page.objects if o.key)
            yield page
        gone = [t for t in tickers if t not in found]
        if gone:
            async for page in self._client.historical_markets(tickers=gone):
                yield page


async def _chained(sources: Sequence[AsyncIterator[Page]]) -> AsyncIterator[Page]:
    for source in sources:
        async for page in source:
            yield page


class KalshiTrades:
    """Kalshi's trade feed: one walk per ticker, or the whole exchange; split at the cutoff."""

    kinds: ClassVar[dict[str, PayloadKind]] = {"trades": KINDS["trades"]}
    parser_version: ClassVar[int] = PARSER_VERSION

    def __init__(self, client: KalshiClient, cutoff: Cutoff) -> None:
        self._client = client
        self._cutoff = cutoff

    def reach(self) -> datetime | None:
        """The historical tier goes back to the beginning."""
        return None

    def groups(self, targets: Sequence[tuple[str, str, Span]]) -> Iterable[Group]:
        """One walk per ticker: the endpoint filters by one ticker or none."""
        for instrument_id, native_id, span in targets:
            ids = ((instrument_id,), (native_id,)) if instrument_id else ((), ())
            yield Group(ids[0], ids[1], span)

    async def walk(self, group: Group) -> AsyncIterator[Page]:
        """Live pages down to the cutoff, then historical ones. The query's bounds are whole seconds, so
        it asks from the second that begins the span to the one that ends it."""
        ticker = group.native_ids[0] if group.native_ids else None
        begin, end = group.span[0], group.span[1] + timedelta(seconds=1)
        if end > self._cutoff.trades:
            low = max(begin, self._cutoff.trades)
            async for page in self._client.trades(ticker=ticker, min_ts=low, max_ts=end):
                yield page
        if begin < self._cutoff.trades:
            high = min(end, self._cutoff.trades + timedelta(seconds=1))
            async for page in self._client.historical_trades(ticker=ticker, min_ts=begin, max_ts=high):
                yield page

    def times(self, page: Page) -> list[datetime]:
        """created_time of a page's rows, without unreadable ones (the zero time among them)."""
        times = (utc(trade.created_time) for trade in read_members_of_all(page.objects, _Trade))
        return [t for t in times if t.year >= BEGAN]


class KalshiPrices:
    """Hourly candles: batches of live markets, single requests for archived ones."""

    kinds: ClassVar[dict[str, PayloadKind]] = {"candlesticks": KINDS["candlesticks"]}
    parser_version: ClassVar[int] = PARSER_VERSION

    def __init__(self, client: KalshiClient, settings: Settings, cutoff: Cutoff) -> None:
        self._client = client
        self._batch = settings.kalshi_batch_size
        self._cutoff = cutoff

    def requests(self, targets: Sequence[PriceTarget], span: Span) -> Iterable[PriceRequest]:
        """Batches whose candles stay below the documented 10,000; archived markets one by one."""
        live = [t for t in targets if t.settled_at is None or t.settled_at >= self._cutoff.markets]
        archived = [t for t in targets if t.settled_at is not None and t.settled_at < self._cutoff.markets]
        days = timedelta(days=max(1, CANDLES_PER_REQUEST // (self._batch * 24)))
        begin = span[0]
        while begin < span[1]:
            end = min(begin + days, span[1])
            for some in batches(live, self._batch):
                yield PriceRequest(tuple(some), (begin, end))
            begin = end
        for one in archived:
            yield PriceRequest((one,), span)

    async def fetch(self, request: PriceRequest) -> AsyncIterator[Page]:
        """Candles that end within the span: a candle is labelled with its inclusive end."""
        begin, end = request.span
        only = request.targets[0]
        if only.settled_at is not None and only.settled_at < self._cutoff.markets:
            pages = self._client.historical_candlesticks(only.native_id, begin, end, HOUR)
        else:
            pages = self._client.candlesticks_batch([t.native_id for t in request.targets], begin, end, HOUR)
        async for page in pages:
            yield page
