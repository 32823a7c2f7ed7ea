"""Kalshi's combos: a bounded sample of the open ones, the known ones until they settle, and their legs.

Belongs here: requests, and which combos are kept. Combos arrive at hundreds per minute and nearly none ever trades
(reference/kalshi 4), so they have bounds of their own and are in no ordinary scan. A market is a combo where it names
a collection, whatever its ticker looks like. Collections stay raw. The events of combos are not read: each costs a
request, and their title is only "Combo".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

import msgspec

from echelon_pipeline.domain.batches import batches
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.bounds import TopN
from echelon_pipeline.venues.kalshi.client import KalshiClient
from echelon_pipeline.venues.kalshi.parse import PARSER_VERSION
from echelon_pipeline.venues.kalshi.walks import KalshiListings, rank
from echelon_pipeline.venues.narrowing import GivenUp, narrowed
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.payload_members import read_members, read_members_of_all


class _Leg(msgspec.Struct):
    market_ticker: str | None = None
    event_ticker: str | None = None


class _Combo(msgspec.Struct):
    mve_collection_ticker: str | None = None
    mve_selected_legs: list[_Leg] | None = None


class _Collection(msgspec.Struct):
    collection_ticker: str | None = None
    series_ticker: str | None = None


class Sample:
    """The sample of one run. ``filtered_out``: combos that the settings excluded."""

    parser_version: ClassVar[int] = PARSER_VERSION

    def __init__(self, client: KalshiClient, settings: Settings) -> None:
        self.client = client
        self.settings = settings
        self.filtered_out = 0
        self.stopped = False
        self.notes: list[str] = []
        self.given_up = GivenUp()
        self._series: dict[str, str] = {}
        self._shown: set[str] = set()
        self._legs: dict[str, str] = {}

    async def pages(self, known: Callable[[], Sequence[str]]) -> AsyncIterator[Page]:
        """Collections, kept combos, known combos again, then the legs of both and the events of the legs."""
        async for page in self.client.multivariate_collections(status="open"):
            self._note_collections(page)
            yield page
        async for page in self._kept():
            self._note_combos(page)
            yield page
        listings = KalshiListings(self.client, self.settings)
        listings.given_up = self.given_up
        async for page in listings.by_id(self._again(known())):
            self._note_combos(page)
            yield page
        async for page in listings.by_id(sorted(set(self._legs) - self._shown)):
            yield page
        for tickers in batches(sorted(set(filter(None, self._legs.values()))), self._batch):
            async for page in narrowed(tickers, lambda some: self.client.events(tickers=some), self.given_up):
                yield page

    @property
    def _batch(self) -> int:
        return self.settings.kalshi_batch_size

    @property
    def _allowed(self) -> tuple[str, ...]:
        return self.settings.parlay_collections_allowed

    async def _kept(self) -> AsyncIterator[Page]:
        settings = self.settings
        if settings.parlays_max == 0:
            return
        bounds = TopN(settings.parlays_max, Decimal(settings.min_volume), rank)
        async for page in bounds.through(self._of_collections()):
            yield page
        self.filtered_out += bounds.filtered_out

    async def _of_collections(self) -> AsyncIterator[Page]:
        """Open combos of the allowed collections, newest first, up to the bound of the scan."""
        unread = self.settings.parlays_scan
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
        # A malformed collection stays raw; it only cannot be requested.
        for collection in read_members_of_all(page.objects, _Collection):
            if collection.collection_ticker and collection.series_ticker:
                self._series[collection.collection_ticker] = collection.series_ticker

    def _note_combos(self, page: Page) -> None:
        for item in page.objects:
            if item.key:
                self._shown.add(item.key)
            for leg in _combo(item).mve_selected_legs or ():
                if leg.market_ticker:
                    self._legs[leg.market_ticker] = leg.event_ticker or ""

    def _again(self, known: Sequence[str]) -> Sequence[str]:
        """Known open combos that the sample does not show, as many as settings allow."""
        left = [ticker for ticker in known if ticker not in self._shown]
        self.filtered_out += max(0, len(left) - self.settings.parlays_reread)
        return left[: self.settings.parlays_reread]


def _combo(market: RawObject) -> _Combo:
    """The members that make a market a combo; None where it is malformed (the parsers reject it later)."""
    return read_members(market, _Combo) or _Combo()
