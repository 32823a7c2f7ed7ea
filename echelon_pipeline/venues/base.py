"""The interface of a venue: one registration that names all its parts.

Belongs here: the shape of a registration and its parts. ``*/venue.py`` creates it, ``registry.py`` lists
all registrations; ``feeds.py`` defines REST feeds, ``live.py`` streams. Clients, streams and compiled decoders are
imported by the call that needs them, so that importing a registration is cheap.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from echelon_pipeline.domain.fees import TakerFees
from echelon_pipeline.errors import NotAvailable
from echelon_pipeline.settings import Settings
from echelon_pipeline.settings.group import Group
from echelon_pipeline.tables.schema import Feeder
from echelon_pipeline.venues.feeds import (
    BookSource,
    ComboSource,
    FillFeed,
    ListingSource,
    PayoutSource,
    PriceFeed,
    RankingSource,
    TradeFeed,
)
from echelon_pipeline.venues.kinds import PayloadKind

if TYPE_CHECKING:
    import httpx

    from echelon_pipeline.books.book import Instrument
    from echelon_pipeline.books.events import Message
    from echelon_pipeline.venues.live import Feed
    from echelon_pipeline.venues.ws import Headers, WsMetrics


Levels = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Facts:
    """Facts of a venue's data. SQL reads a fact by its name: ``venue_has_tokens(venue)``.

    ``has_tokens``: outcomes are tokens with their own ids, which may become known after their trades; otherwise they
    are the sides yes and no of one ladder, named by the instrument. ``has_tickers``: native ids contain series, event,
    day and strike. ``has_trade_ids``: a trade is one match with an id of the venue; otherwise it is a taker's
    aggregate, identified by its fields. ``has_builder_trades``: fills carry builder codes. ``has_numbered_frames``: a
    stream's frames are numbered, so that a stream without gaps proves its books. ``closes_on_time``: trading ends as
    scheduled.
    """

    has_tokens: bool = False
    has_tickers: bool = False
    has_trade_ids: bool = False
    has_builder_trades: bool = False
    has_numbered_frames: bool = False
    closes_on_time: bool = True


class Rest(ABC):
    """A venue's REST side, open for one unit of work: a client and the feeds over it.

    Only the feeds that the venue's registration names must be implemented.
    """

    venue: str

    @abstractmethod
    def requests(self) -> dict[str, int | float]:
        """Counts of requests so far, for run metadata."""

    @abstractmethod
    def listings(self) -> ListingSource:
        """Scans of instruments, events, series."""

    @abstractmethod
    async def trades(self) -> TradeFeed:
        """Trades. Raises NotAvailable where the venue has none."""

    @abstractmethod
    async def prices(self) -> PriceFeed:
        """Daily prices. Raises NotAvailable."""

    def fills(self) -> FillFeed:
        """Fills that carry a builder code."""
        raise self._lacking("fills")

    def payouts(self) -> PayoutSource:
        """A second source of payouts."""
        raise self._lacking("second source of payouts")

    def ranking(self) -> RankingSource:
        """The venue's own ranking of builders."""
        raise self._lacking("ranking of builders")

    def combos(self) -> ComboSource:
        """A bounded sample of combos."""
        raise self._lacking("combos")

    def books(self) -> BookSource:
        """Order books as they are now."""
        raise self._lacking("endpoint of order books")

    def _lacking(self, what: str) -> NotAvailable:
        return NotAvailable(f"{self.venue} has no {what}")


@dataclass(frozen=True)
class VenueState:
    """The state of a venue from the body of a probe's answer. ``is_up``: no action is needed."""

    text: str
    is_up: bool
    advice: str = ""


@dataclass(frozen=True)
class Probe:
    """One address of a venue, requested once by the doctor. ``variable``: the setting of the address. ``state``: reads
    the venue's state from the answer; ``clock``: reads the venue's time from it."""

    name: str
    url: str
    variable: str
    state: Callable[[httpx.Response], VenueState | None] | None = None
    clock: Callable[[httpx.Response], datetime | None] | None = None


@dataclass(frozen=True)
class StreamProbe:
    """One stream of a venue, opened once by the doctor. Any answer to ``question`` is a success. ``lacks``: why it
    cannot be opened, with advice."""

    name: str
    url: str
    question: object
    variable: str
    headers: Headers | None = None
    keepalive: tuple[str, str] | None = None
    lacks: tuple[str, str] | None = None


class Stream(Protocol):
    """A venue's streams. ``tokens``: maximum per connection; ``quote_word``: a text that every frame with a quote
    contains."""

    tokens: int
    quote_word: str

    def feed(
        self,
        settings: Settings,
        number: int,
        instruments: Sequence[Instrument],
        metrics: WsMetrics,
        *,
        quotes: bool = False,
    ) -> Feed:
        """One connection of the market stream. BadSettings where it needs a key and none is configured."""

    def own(self, settings: Settings, metrics: WsMetrics) -> Feed:
        """The connection of an account's own channels. BadSettings without the account's key."""

    def reader(self, *, quotes: bool = False) -> Callable[[bytes], Message]:
        """The function that decodes a frame; ``quotes``: with all fields of quotes."""

    def is_frame(self, frame: Mapping[str, Any]) -> bool:
        """Whether an object could be a frame of this venue."""

    def book(
        self,
        name: str,
        bids: Levels,
        asks: Levels,
        received_at: int,
        event_at: int | None,
        digest: str | None,
    ) -> dict[str, Any]:
        """The frame that would carry a whole book of a ladder. Times are microseconds, levels (price, size) as
        texts in dollars; ``digest``: the venue's hash of it."""

    def decoder(self) -> Callable[[Any, Any], Any] | None:
        """The compiled decoder of many frames at once (``*/fast.py``, imports numba); None without one."""

    def probe(self, settings: Settings) -> StreamProbe:
        """The doctor's probe. Raises BadSettings for an unusable key."""


@dataclass(frozen=True)
class Venue:
    """One venue.

    ``title``: its display name. ``kinds``: all its payload kinds, ``listing_kinds``: those of its listings. ``feeds``:
    feeders of tables in addition to listings and stream, each with the description of its asset. ``payout_sources``:
    its sources of ``core.resolutions``. ``names_instruments_by``: the listener filter on the native id. ``addresses``,
    ``streams``: URLs by the variable that sets them. ``faults``: errors of its settings, with advice.
    ``fees``: its taker fees; None if they are not known.
    ``unlisted_combos``: bounds and pattern of native ids of combos that no listing has. ``sql``: its folder of
    statements, if outside of ``sql/``; they are named ``<venue>/…``. ``macros``: its
    folder of macros below ``sql/``, if it has one.
    """

    name: str
    title: str
    settings: type[Group]
    kinds: Mapping[str, PayloadKind]
    listing_kinds: Mapping[str, PayloadKind]
    rest: Callable[[Settings], AbstractAsyncContextManager[Rest]]
    stream: Stream
    feeds: Mapping[Feeder, str]
    facts: Facts
    payout_sources: tuple[str, ...]
    names_instruments_by: str
    addresses: Callable[[Settings], Mapping[str, str]]
    streams: Callable[[Settings], Mapping[str, str]]
    probes: Callable[[Settings], Sequence[Probe]]
    faults: Callable[[Settings], Iterable[tuple[str, str]]] = field(default=lambda _: ())
    fees: TakerFees | None = None
    unlisted_combos: tuple[str, str, str] | None = None
    sql: Path | None = None
    macros: str = ""

    @property
    def pool(self) -> str:
        """The Dagster pool of all assets that call its REST side: limits are per address."""
        return f"{self.name}_api"
