"""What every venue's stream offers to whoever listens: dial, then say what is wanted.

Belongs here: the shape of a feed. Each venue's ``live.py`` makes them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Message
from echelon_pipeline.venues.ws import Wire


@dataclass(frozen=True)
class Feed:
    """One connection's worth of a venue's stream. ``number``: of those that are open at once, from 0.

    ``greet`` asks for everything; ``renew`` for whole books of some tokens again, given the venue's numbers of the
    connection's subscriptions by channel.
    """

    venue: str
    number: int
    url: str
    instruments: tuple[Instrument, ...]
    dial: Callable[[], AbstractAsyncContextManager[Wire]]
    greet: Callable[[Wire], Awaitable[None]]
    renew: Callable[[Wire, Sequence[str], Mapping[str, int]], Awaitable[None]]
    read: Callable[[bytes], Message]
