"""A feed whose parts are given one by one: for tests of what records a feed.

Belongs here: the shape alone. The venues' own feeds are ``venues/*/live.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Message
from echelon_pipeline.venues.ws import Wire


@dataclass(frozen=True)
class CallbackFeed:
    """As ``venues/live.py`` describes a feed."""

    venue: str
    number: int
    url: str
    instruments: tuple[Instrument, ...]
    dial: Callable[[], AbstractAsyncContextManager[Wire]]
    greet: Callable[[Wire, Sequence[str]], Awaitable[None]]
    renew: Callable[[Wire, Sequence[str], Mapping[str, int]], Awaitable[None]]
    change: Callable[[Wire, Sequence[str], Sequence[str], Mapping[str, int]], Awaitable[None]]
    read: Callable[[bytes], Message]
    channels: tuple[str, ...] = ()
    quotes: bool = False
