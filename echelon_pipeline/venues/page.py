"""Pages of objects, exactly as served: the output of a client.

Belongs here: the value types between clients and ``ingest/``, and the paging guard.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from echelon_pipeline.errors import PagingStuck


@dataclass(frozen=True, slots=True)
class RawObject:
    """One JSON object of an answer. ``key``: the venue's id, if any. ``context``: JSON text of values outside of the
    object (for example the ticker of a candle list)."""

    payload: bytes
    key: str | None = None
    context: str | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.payload).hexdigest()


@dataclass(frozen=True, slots=True)
class Page:
    """One answer. ``request``: path and query without host; ``cursor``: where the next page starts."""

    endpoint: str
    request: str
    number: int
    received_at: datetime
    objects: tuple[RawObject, ...]
    cursor: str | None = None


# Consecutive empty pages that a walk follows.
EMPTY_PAGES = 100


class PagingGuard:
    """Stops an endless walk: a repeated cursor, or pages without a new id.

    ``stall``: how many pages in a row may bring nothing new (the CLOB's cursors were seen to need 3). Empty
    pages with a further cursor are legal (a filter may leave nothing), but not without end: EMPTY_PAGES.
    Memory is bounded: only the ids of the last ``stall + 2`` pages and the cursors' hashes are kept.
    """

    def __init__(self, what: str, stall: int = 1) -> None:
        self._what = what
        self._stall = stall
        self._cursors: set[bytes] = set()
        self._recent: list[frozenset[bytes]] = []
        self._stalled = 0
        self._empty = 0

    def check(self, page: Page) -> None:
        """Raises PagingStuck where the walk repeats itself; the page then does not count as read."""
        cursor = hashlib.blake2b((page.cursor or "").encode(), digest_size=8).digest() if page.cursor else None
        if cursor in self._cursors:
            raise PagingStuck(f"{self._what}: page {page.number} repeats a cursor that was already followed")
        ids = frozenset(hashlib.blake2b(o.payload, digest_size=8).digest() for o in page.objects)
        stalled = self._stalled + 1 if ids and ids <= frozenset().union(*self._recent) else 0
        if stalled > self._stall:
            raise PagingStuck(f"{self._what}: page {page.number} and {self._stall} before it bring no new object")
        empty = 0 if ids else self._empty + 1
        if empty > EMPTY_PAGES:
            raise PagingStuck(f"{self._what}: page {page.number} and {EMPTY_PAGES} before it are empty")
        self._stalled, self._empty = stalled, empty
        self._recent = [*self._recent[-(self._stall + 1) :], ids]
        if cursor is not None:
            self._cursors.add(cursor)
