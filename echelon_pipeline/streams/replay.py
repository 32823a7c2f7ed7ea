"""Segments to books: the summary of a chain's frames, and the books at the end.

Belongs here: counts and last books. Which frames follow each other is ``chains.py``'s, the rules are ``books/``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from echelon_pipeline.books.arrow import Batches, rows_of_batch
from echelon_pipeline.books.rows import BookRow, BookState
from echelon_pipeline.errors import NotFound
from echelon_pipeline.streams.chains import COMPILED_FROM, LINGER, Chain, Follower, chains
from echelon_pipeline.streams.watchlist import watched_of


@dataclass
class Replayed:
    """What one chain's frames say. ``last_at``: microseconds. ``events`` by kind, ``gaps`` by reason, ``states`` of the
    ``books`` at the end; ``hashes``: how many matched, did not, or could not be computed."""

    venue: str
    listener: str
    feed: int
    epoch: int
    connections: int = 0
    frames: int = 0
    last_at: int | None = None
    events: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    gaps: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    books: dict[str, BookRow] = field(default_factory=dict)
    hashes: Counter[str] = field(default_factory=Counter)


def replay(
    chain: Chain,
    *,
    until: int | None = None,
    see: Callable[[Batches], None] = lambda _: None,
    compiled_from: int = COMPILED_FROM,
) -> Replayed:
    """What a chain says as of its last frame, or at ``until``.

    ``see`` gets what is finished as it goes on. Raises CorruptStore.
    """
    about, follower = chain[0][0], Follower(chain, until=until, compiled_from=compiled_from)
    summary, by = Replayed(about.venue, about.listener, about.feed, about.epoch), follower.replayer
    connections = set()
    for fed in follower.play():
        connections.add(fed.connection)
        _take(by.take(), summary, see)
    _take(by.take(), summary, see)
    # A microsecond later: a row that begins here has lasted no time. Of a batch that is still open there is one more,
    # after it: what holds is what held at the end of the last batch.
    last = by.finish(by.now + 1)
    _take(last, summary, see)
    for book in rows_of_batch(last.rows):
        summary.books.setdefault(book.instrument_id, book)
    summary.states.update(str(book.state) for book in summary.books.values())
    summary.connections, summary.frames, summary.last_at = len(connections), follower.frames, follower.last_at
    summary.events, summary.hashes = by.event_counts, follower.hashes
    summary.met = by.counts + Counter(clock_backwards=follower.stepped_back)
    return summary


def book_of(paths: Iterable[Path], instrument_id: str, *, until: int | None = None) -> BookRow | None:
    """One book at the last frame of the connections that were opened for it, or at ``until``; of several feeds the
    one with a valid book, or else the last. None where no frame had arrived.

    Raises NotFound where no connection was opened for it, CorruptStore.
    """
    concerned = [
        [(about, some) for about, some in feed if any(instrument_id in watched for _, watched in watched_of(some[0]))]
        for feed in chains(paths)
    ]
    if not any(concerned):
        raise NotFound(f"no order book of {instrument_id} was recorded in this home")
    summaries = [replay(feed, until=until) for feed in concerned if feed]
    newest = max(one.last_at or 0 for one in summaries)
    # One that ended earlier had a valid book at its own last frame, not at the last of all.
    found = [one.books.get(instrument_id) for one in summaries if until or (one.last_at or 0) + LINGER >= newest]
    return max(filter(None, found), key=lambda row: (row.state is BookState.LIVE, row.valid_from), default=None)


def _take(output: Batches, summary: Replayed, see: Callable[[Batches], None]) -> None:
    summary.rows += output.rows.num_rows
    summary.gaps.update(map(str, output.gaps["reason"].to_pylist()))
    see(output)
