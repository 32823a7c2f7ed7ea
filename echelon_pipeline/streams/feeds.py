"""The venues' streams by name, and what is chosen to be watched as books know it.

Belongs here: what both ``echelon record`` and shifts need before they record.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Protocol

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Facts
from echelon_pipeline.domain.instrument_id import InstrumentId
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.feeds import BookSource
from echelon_pipeline.venues.live import Feed, placed
from echelon_pipeline.venues.registry import REGISTRY, venue_of
from echelon_pipeline.venues.ws import WsMetrics

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Chosen(Protocol):
    """An instrument of the published file (``streams/selection.py``)."""

    @property
    def instrument_id(self) -> str: ...
    @property
    def native_id(self) -> str: ...
    @property
    def tokens(self) -> tuple[str, ...]: ...
    @property
    def closes_at(self) -> datetime | None: ...
    @property
    def tick_size(self) -> str | None: ...
    @property
    def min_order_size(self) -> str | None: ...
    @property
    def is_neg_risk(self) -> bool | None: ...


def instrument_of(chosen: Chosen) -> Instrument:
    """What to watch of it."""
    closes = chosen.closes_at
    facts = Facts(
        market=chosen.native_id,
        min_order_size=_plain(chosen.min_order_size),
        tick_size=_plain(chosen.tick_size),
        neg_risk=chosen.is_neg_risk,
    )
    close_at = None if closes is None else (closes - _EPOCH) // timedelta(microseconds=1)
    return Instrument(chosen.instrument_id, chosen.tokens, close_at, facts)


def _plain(number: str | None) -> str | None:
    """As the venue serves it: without the zeros of a table's scale."""
    return None if number is None else f"{Decimal(number).normalize():f}"


def feeds_of(settings: Settings, chosen: Sequence[Instrument], metrics: WsMetrics) -> list[Feed]:
    """As many connections as instruments of any venue need. BadSettings where a venue wants a key and has none."""
    found: list[Feed] = []
    for venue in REGISTRY.values():
        some = [i for i in chosen if i.instrument_id.startswith(InstrumentId.prefix(venue.name))]
        places = placed({}, some, venue.stream.tokens)
        found += [venue.stream.feed(settings, number, few, metrics) for number, few in places.items()]
    return found


def feed_maker(
    settings: Settings, venue: str, *, quotes: bool = False
) -> tuple[Callable[[int, Sequence[Instrument]], Feed], int]:
    """What makes the feed of a number for some instruments (BadSettings as above), and how many tokens one takes."""
    stream, metrics = venue_of(venue).stream, WsMetrics()

    def make(number: int, instruments: Sequence[Instrument]) -> Feed:
        return stream.feed(settings, number, instruments, metrics, quotes=quotes)

    return make, stream.tokens


def books_maker(settings: Settings, venue: str) -> Callable[[], AbstractAsyncContextManager[BookSource]]:
    """What opens the venue's REST endpoint of books: without retries, because the next request comes soon anyway."""
    quick = settings.model_copy(update={"http_retries": 0, "breaker_failures": sys.maxsize})

    @asynccontextmanager
    async def opened() -> AsyncIterator[BookSource]:
        async with venue_of(venue).rest(quick) as rest:
            yield rest.books()

    return opened


def own_maker(settings: Settings, venue: str) -> Callable[[], Feed]:
    """What makes the feed of an account's own channels: BadSettings without the account's key."""
    return partial(venue_of(venue).stream.own, settings, WsMetrics())
