"""What a venue is to the rest of the project: one registration that names all that it has.

Belongs here: the shape of a registration and its parts. ``*/venue.py`` fills it, ``registry.py`` has those
that there are; what REST feeds offer is in ``feeds.py``, what streams offer in ``live.py``. Clients, streams and
compiled decoders are imported by the call that needs them: naming a venue costs nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

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
    """What is true of a venue's data. Statements ask for a fact by its name: ``venue_has_tokens(venue)``.

    ``has_tokens``: outcomes are tokens with ids of their own, which may become known after their trades; else they are
    the sides yes and no of one ladder, named by the instrument. ``has_tickers``: native ids say series, event, day and
    strike. ``has_trade_ids``: a trade is one match with an id of the venue; else it is all that one taker got, known by
    its fields. ``has_builder_trades``: fills carry builder codes. ``has_numbered_frames``: a stream's frames are
    numbered, so that one without a break proves its books. ``closes_on_time``: trading ends when it is scheduled to.
    """

    has_tokens: bool = False
    has_tickers: bool = False
    has_trade_ids: bool = False
    has_builder_trades: bool = False
    has_numbered_frames: bool = False
    closes_on_time: bool = True


class Rest(ABC):
    """A venue's REST side, open for one unit of work: a client and the feeds over it.

    What a venue's registration does not name among its feeds need not be there.
    """

    venue: str

    @abstractmethod
    def requests(self) -> dict[str, int | float]:
        """What was asked so far, for run metadata."""

    @abstractmethod
    def listings(self) -> ListingSource:
        """Scans of instruments, events, series."""

    @abstractmethod
    async def trades(self) -> TradeFeed:
        """Trades. Raises NotAvailable where the venue says that it has none."""

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
class Said:
    """What an answer to a probe says of the venue, where it is more than its status code. ``is_up``: nothing is to be
    done about it."""

    text: str
    is_up: bool
    advice: str = ""


@dataclass(frozen=True)
class Probe:
    """One address of a venue, asked once by the doctor. ``variable``: the setting that says where it is. ``said``: what
    its answer says beyond its status code; ``clock``: the venue's own time in it."""

    name: str
    url: str
    variable: str
    said: Callable[[httpx.Response], Said | None] | None = None
    clock: Callable[[httpx.Response], datetime | None] | None = None


@dataclass(frozen=True)
class StreamProbe:
    """One stream of a venue, opened once by the doctor. Any answer to ``question`` will do. ``lacks``: why it cannot be
    asked, with advice; then nothing is opened."""

    name: str
    url: str
    question: object
    variable: str
    headers: Headers | None = None
    keepalive: tuple[str, str] | None = None
    lacks: tuple[str, str] | None = None


class Stream(Protocol):
    """A venue's streams. ``tokens``: how many one connection takes; ``quote_word``: a text that every frame with a
    quote has."""

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
        """One connection of the market's stream. BadSettings where it wants a key and there is none."""

    def own(self, settings: Settings, metrics: WsMetrics) -> Feed:
        """The connection of an account's own channels. BadSettings without the account's key."""

    def reader(self, *, quotes: bool = False) -> Callable[[bytes], Message]:
        """What says what a frame says; ``quotes``: with all that quotes say."""

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
        """The frame that would have sent a whole book of a ladder. Times are microseconds, levels (price, size) as
        texts in dollars; ``digest``: the venue's hash of it."""

    def decoder(self) -> Callable[[Any, Any], Any] | None:
        """The compiled reader of many frames at once (``*/fast.py``), which imports numba; None where there is none."""

    def probe(self, settings: Settings) -> StreamProbe:
        """How the doctor asks it. Raises BadSettings for a key that cannot be used."""


@dataclass(frozen=True)
class Venue:
    """One venue.

    ``title``: its name for people. ``kinds``: all of its payload kinds, ``listing_kinds``: those of its listings.
    ``feeds``: what feeds tables in addition to listings and stream, each with the description of its asset.
    ``payout_sources``: sources of ``core.resolutions`` that are the venue's own. ``names_instruments_by``: the filter
    of listeners that is the native id. ``addresses``, ``streams``: URLs by the variable that sets them. ``faults``: of
    its settings, with advice. ``unlisted_combos``: bounds and pattern of native ids of combos that no listing has.
    ``sql``: its folder of statements, if it is not in ``sql/``; they are named ``<venue>/…``. ``macros``: its
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
    unlisted_combos: tuple[str, str, str] | None = None
    sql: Path | None = None
    macros: str = ""

    @property
    def pool(self) -> str:
        """The pool that everything holds which asks its REST side: limits are per address."""
        return f"{self.name}_api"
