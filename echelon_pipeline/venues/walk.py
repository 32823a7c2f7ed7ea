"""Walks a paged endpoint: one loop for all cursors of both venues.

Belongs here: following cursors, guarding against endless walks. Callers pass in how to request and read a page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

from echelon_pipeline.errors import PagingStuck
from echelon_pipeline.venues.page import Page, PagingGuard, RawObject

# Requests the page at a cursor (None = first); returns the request as text and the body.
Ask = Callable[[str | None], Awaitable[tuple[str, bytes]]]
# Reads a body into its objects and the next cursor (None = last page); raises SchemaDrift on a wrong shape.
Read = Callable[[bytes], tuple[list[RawObject], str | None]]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


async def walk(
    endpoint: str, ask: Ask, read: Read, *, clock: Clock = utc_now, stall: int = 1, tries: int = 3
) -> AsyncIterator[Page]:
    """Every page in the venue's order. A page that repeats the walk is requested up to ``tries`` times (caches serve
    stale pages for up to 5 minutes) before PagingStuck is raised."""
    guard = PagingGuard(endpoint, stall)
    cursor: str | None = None
    number = 0
    while True:
        page = await _fresh_page(endpoint, ask, read, clock, guard, cursor, number, tries)
        yield page
        if page.cursor is None:
            return
        cursor, number = page.cursor, number + 1


async def _fresh_page(
    endpoint: str, ask: Ask, read: Read, clock: Clock, guard: PagingGuard, cursor: str | None, number: int, tries: int
) -> Page:
    for attempt in range(tries):
        request, body = await ask(cursor)
        objects, following = read(body)
        page = Page(endpoint, request, number, clock(), tuple(objects), following)
        try:
            guard.check(page)
        except PagingStuck:
            if attempt == tries - 1:
                raise
        else:
            return page
    raise AssertionError("unreachable: the loop returns or raises")
