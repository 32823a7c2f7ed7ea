"""Protocols of a venue's REST side: listings, trades, prices, and feeds that only some venues have.

Belongs here: protocols and the values that they exchange with ``ingest/``, which walks them and stores the pages.
``*/walks.py`` has the endpoints and their limits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from echelon_pipeline.domain.intervals import Span
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.narrowing import GivenUp
from echelon_pipeline.venues.page import Page


class Parsed(Protocol):
    """A source of pages whose objects become rows. ``parser_version``: stored with its raw objects."""

    kinds: ClassVar[dict[str, PayloadKind]]
    parser_version: ClassVar[int]


@dataclass(frozen=True)
class Scan:
    """The request of a listing. ``since``: start of the last full scan or scan of changes, minus the overlap; None:
    there was none."""

    mode: Literal["full", "scope", "changes"]
    now: datetime
    since: datetime | None


class ListingSource(Parsed, Protocol):
    """A venue's listings."""

    given_up: GivenUp  # known instruments and events that could not be read by id

    @property
    def filtered_out(self) -> int:
        """Number of objects that the bounds excluded so far."""

    def scan(self, scan: Scan) -> AsyncIterator[Page]:
        """Pages of the configured scope within the bounds; filtered_out counts the excluded objects."""

    def by_id(self, native_ids: Sequence[str]) -> AsyncIterator[Page]:
        """Pages of known instruments, from any tier of the venue."""


@dataclass(frozen=True)
class Group:
    """Instruments whose trades come from one walk. Empty: the venue's whole feed."""

    instrument_ids: tuple[str, ...]
    native_ids: tuple[str, ...]
    span: Span


class TradeFeed(Parsed, Protocol):
    """A venue's trades."""

    def groups(self, targets: Sequence[tuple[str, str, Span]]) -> Iterable[Group]:
        """Groups (instrument_id, native_id, span) targets into walks."""

    def walk(self, group: Group) -> AsyncIterator[Page]:
        """Pages of a group, newest first."""

    def times(self, page: Page) -> list[datetime]:
        """Event times of a page in the order served, without unreadable ones."""

    def reach(self) -> datetime | None:
        """The oldest time that the venue can serve; None: no limit."""


@dataclass(frozen=True)
class PriceTarget:
    """An instrument whose prices are requested for a run of days. ``token_id``: outcome 0, where outcomes are
    tokens."""

    instrument_id: str
    native_id: str
    token_id: str | None
    trading_ended_at: datetime | None
    settled_at: datetime | None


@dataclass(frozen=True)
class PriceRequest:
    """The targets of one request over one span of whole days (or up to now)."""

    targets: tuple[PriceTarget, ...]
    span: Span


class PriceFeed(Parsed, Protocol):
    """A venue's prices."""

    def requests(self, targets: Sequence[PriceTarget], span: Span) -> Iterable[PriceRequest]:
        """Splits targets and span into requests within the venue's limits."""

    def fetch(self, request: PriceRequest) -> AsyncIterator[Page]:
        """The pages of one request."""


class FillFeed(Parsed, Protocol):
    """Fills that carry a builder code."""

    def walk(self, code: str, span: Span) -> AsyncIterator[Page]:
        """Pages of a code's fills that cover at least the span."""


class PayoutSource(Parsed, Protocol):
    """A second source of payouts. ``source``: its name in ``core.resolutions``; ``at_once``: ids per request."""

    source: ClassVar[str]
    at_once: ClassVar[int]

    def ask(self, native_ids: Sequence[str]) -> AsyncIterator[Page]:
        """Pages of the payouts of ended instruments."""


class RankingSource(Parsed, Protocol):
    """The venue's own ranking of builders, by range of time."""

    source: ClassVar[str]
    ranges: ClassVar[tuple[str, ...]]

    def ask(self, wanted: str) -> AsyncIterator[Page]:
        """Pages of the current ranking over one range."""


class BookSource(Protocol):
    """Order books as they are now. ``most``: ladders of one request; ``endpoint``: its path."""

    most: ClassVar[int]
    endpoint: ClassVar[str]

    async def ask(self, tokens: Sequence[str]) -> bytes:
        """The books of some ladders, as served; unknown ones are missing."""


class ComboSource(Protocol):
    """A bounded sample of combos with their legs; its pages are payloads of listings. ``stopped``: the scan ended at
    its bound, so that more combos may be open than were read; ``notes``: for the run's metadata."""

    parser_version: ClassVar[int]
    given_up: GivenUp
    filtered_out: int
    stopped: bool
    notes: list[str]

    def pages(self, known: Callable[[], Sequence[str]]) -> AsyncIterator[Page]:
        """The sample, then known combos that it does not show, then the legs of both. ``known``: gives native ids of
        open combos, the least recently seen first; called after the sample."""
