"""What every venue's stream offers to whoever listens: dial, then say what is wanted.

Belongs here: the shape of a feed. Each venue's ``live.py`` makes them.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Message
from echelon_pipeline.venues.ws import Wire, WsPolicy

OWN = -1  # the number of the feed that an account's own channels come on


class Feed(Protocol):
    """One connection's worth of a venue's stream. ``number``: of those that are open at once, from 0, or ``OWN``.
    ``channels``: those whose subscriptions must be numbered before anything can be changed. ``quotes``: those that it
    brings are wanted in tables."""

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
        """A new connection, closed on the way out."""

    def greet(self, wire: Wire, tokens: Sequence[str], /) -> Awaitable[None]:
        """Asks for some tokens on a connection that is new."""

    def renew(self, wire: Wire, tokens: Sequence[str], sids: Mapping[str, int], /) -> Awaitable[None]:
        """Asks for whole books of some tokens again. ``sids``: the venue's numbers of the connection's subscriptions,
        by channel."""

    def change(
        self, wire: Wire, added: Sequence[str], dropped: Sequence[str], sids: Mapping[str, int], /
    ) -> Awaitable[None]:
        """Asks for more tokens, and for others no more."""

    def read(self, payload: bytes, /) -> Message:
        """What a frame says."""


def patient(policy: WsPolicy) -> WsPolicy:
    """For an account's channels, which are silent while nothing is traded: only protocol pings tell a dead one."""
    return replace(policy, silence=math.inf)


def tokens_of(instruments: Iterable[Instrument]) -> list[str]:
    """Names of their ladders, in order."""
    return [token for instrument in instruments for token in instrument.tokens]


def placed(
    before: Mapping[int, Sequence[Instrument]], wanted: Sequence[Instrument], most: int
) -> dict[int, list[Instrument]]:
    """Instruments by the number of their connection, at most so many tokens on each: who has a place keeps it, others
    fill what is free, and then new connections; one that nobody is left on is gone."""
    left = {i.instrument_id: i for i in wanted}
    found = {
        number: [left.pop(i.instrument_id) for i in some if i.instrument_id in left]
        for number, some in sorted(before.items())
    }
    free = {number: most - len(tokens_of(some)) for number, some in found.items()}
    number = 0
    for instrument in left.values():
        while number in free and free[number] < len(instrument.tokens):
            number += 1
        found.setdefault(number, []).append(instrument)
        free[number] = free.get(number, most) - len(instrument.tokens)
    return {number: some for number, some in sorted(found.items()) if some}
