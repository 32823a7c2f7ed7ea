"""What a feed is to watch while it runs, and what its connections said that they watched.

Belongs here: instruments that come and go. A connection's folder tells those that it was opened for
(``segments.INSTRUMENTS``) and, a line each, what came and went later. A line is durable before anything is asked of
the venue for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.errors import CorruptStore
from echelon_pipeline.streams.live_books import LiveBooks
from echelon_pipeline.streams.segments import instruments_of

CHANGES = "changes.jsonl"


class Watchlist:
    """What a feed is to watch. May change at any time: a connection follows with its next flush. Of the connection
    that is open: ``books`` are its books, ``record`` adds a frame of our own (received_at, payload)."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.books: LiveBooks | None = None
        self.record: Callable[[int, bytes], object] | None = None
        self.want(instruments)

    def want(self, instruments: Iterable[Instrument]) -> None:
        """From now on these, and no others."""
        self.wanted = {i.instrument_id: i for i in instruments}


class WatchChange(msgspec.Struct, frozen=True):
    """A line of changes: what a connection watches, and what not any more, from an arrival number on."""

    first: int
    add: tuple[Instrument, ...] = ()
    drop: tuple[str, ...] = ()


def watched_of(path: Path) -> list[tuple[int, dict[str, Instrument]]]:
    """What the connection of a segment watched, by instrument, from which arrival number on: at first from 0.

    A last line without an end was never durable, and nothing was asked of the venue for it. Raises CorruptStore.
    """
    watched = {i.instrument_id: i for i in instruments_of(path)}
    found = [(0, watched)]
    changes = path.parent / CHANGES
    lines = changes.read_bytes().split(b"\n")[:-1] if changes.exists() else []
    try:
        for line in lines:
            change = msgspec.json.decode(line, type=WatchChange)
            watched = {name: i for name, i in watched.items() if name not in change.drop}
            watched |= {i.instrument_id: i for i in change.add}
            found.append((change.first, watched))
    except msgspec.DecodeError as error:
        raise CorruptStore(f"{changes}: {error}") from error
    return found
