"""The protocol of a venue's stream for listeners: connect, then subscribe.

Belongs here: the protocol, and what the venues' feeds have in common. Each venue's ``live.py`` implements it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Message
from echelon_pipeline.venues.ws import Wire, WsPolicy

OWN = -1  # number of the feed of an account's own channels


class Feed(Protocol):
    """One connection of a venue's stream. ``number``: from 0 among the open feeds, or ``OWN``. ``channels``: channels
    whose subscription numbers must be known before changes. ``quotes``: its quotes are stored in tables."""

    @property
    def venue(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def url(self) -> str: ...
    @property
    def instruments(self) -> tuple[Instrument, ...]: ...
    @property
    def channels(self) -> tuple[str, ...]: ...
    @property
    def quotes(self) -> bool: ...

    def dial(self) -> AbstractAsyncContextManager[Wire]:
        """A new connection as a context manager."""

    def greet(self, wire: Wire, tokens: Sequence[str], /) -> Awaitable[None]:
        """Subscribes to some tokens on a new connection."""

    def renew(self, wire: Wire, tokens: Sequence[str], sids: Mapping[str, int], /) -> Awaitable[None]:
        """Requests snapshots of some tokens again. ``sids``: the venue's subscription numbers of this connection, by
        channel."""

    def change(
        self, wire: Wire, added: Sequence[str], dropped: Sequence[str], sids: Mapping[str, int], /
    ) -> Awaitable[None]:
        """Subscribes to added tokens and unsubscribes from dropped ones."""

    def read(self, payload: bytes, /) -> Message:
        """Decodes a frame."""


@dataclass(frozen=True)
class Connection:
    """What all feeds have. ``connect``: opens a connection."""

    url: str
    connect: Callable[[], AbstractAsyncContextManager[Wire]] = field(repr=False)

    def dial(self) -> AbstractAsyncContextManager[Wire]:
        return self.connect()


@dataclass(frozen=True)
class MarketConnection(Connection):
    """A connection of books of some instruments."""

    number: int
    instruments: tuple[Instrument, ...]
    quotes: bool = False


@dataclass(frozen=True)
class OwnConnection(Connection):
    """A connection of an account's own channels: no books, nothing to choose."""

    number: ClassVar[int] = OWN
    instruments: ClassVar[tuple[Instrument, ...]] = ()
    channels: ClassVar[tuple[str, ...]] = ()
    quotes: ClassVar[bool] = False

    async def renew(self, wire: Wire, tokens: Sequence[str], sids: Mapping[str, int]) -> None:
        """There are no books."""

    async def change(self, wire: Wire, added: Sequence[str], dropped: Sequence[str], sids: Mapping[str, int]) -> None:
        """There are no tokens."""


def patient(policy: WsPolicy) -> WsPolicy:
    """The policy for an account's channels, which are silent without trades: only protocol pings detect a dead one."""
    return replace(policy, silence=math.inf)


def tokens_of(instruments: Iterable[Instrument]) -> list[str]:
    """Names of the instruments' ladders, in order."""
    return [token for instrument in instruments for token in instrument.tokens]


def placed(
    before: Mapping[int, Sequence[Instrument]], wanted: Sequence[Instrument], most: int
) -> dict[int, list[Instrument]]:
    """Instruments by the number of their connection, with a maximum of tokens on each. Placed instruments stay; others
    fill free places, then new connections. Empty connections are removed."""
    left = {i.instrument_id: i for i in wanted}
    places = {
        number: [left.pop(i.instrument_id) for i in some if i.instrument_id in left]
        for number, some in sorted(before.items())
    }
    free = {number: most - len(tokens_of(some)) for number, some in places.items()}
    number = 0
    for instrument in left.values():
        while number in free and free[number] < len(instrument.tokens):
            number += 1
        places.setdefault(number, []).append(instrument)
        free[number] = free.get(number, most) - len(instrument.tokens)
    return {number: some for number, some in sorted(places.items()) if some}
