"""Isolates failing members of a batch, so that the others are read.

Belongs here: which failures one member can cause, and the halving. A member that fails alone is given up for this run
and requested again by the next one; ``ingest/`` records it in windows and reports.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import TypeVar

from echelon_pipeline.errors import AnswerTooLarge, BadRequest, EchelonError, SchemaDrift, VenueUnavailable
from echelon_pipeline.venues.page import Page

# Failures of a whole request that one record can cause. A limit, a missing key or an open breaker is not among them.
NARROWED = (VenueUnavailable, AnswerTooLarge, BadRequest, SchemaDrift)

Member = TypeVar("Member")


class GivenUp(dict[str, EchelonError]):
    """Members that could not be read, and why. ``before``: gives those that an earlier run gave up; it is called where
    all members fail.

    If several members were requested and none could be read, the venue is down. A run that requests only members that
    failed before is no evidence of that: it would fail for as long as they do.
    """

    def __init__(self, before: Callable[[], Collection[str]] = tuple) -> None:
        super().__init__()
        self._before = before

    def is_the_venue(self, failed: Collection[str]) -> bool:
        """Whether the venue is down, given that these members failed and no other was read."""
        return len(failed) > 1 and bool(set(failed) - set(self._before()))


def halves(members: Sequence[Member]) -> list[Sequence[Member]]:
    """Both halves of several members."""
    middle = len(members) // 2
    return [members[:middle], members[middle:]]


async def narrowed(
    members: Sequence[str], ask: Callable[[Sequence[str]], AsyncIterator[Page]], given_up: GivenUp
) -> AsyncIterator[Page]:
    """The pages of ``ask(members)``; on a failure, of its halves, down to single members, which are added to
    ``given_up``. Raises the first failure where none of several members can be read and not all of them failed before:
    then the venue is down.

    Halves are queued behind other parts of the batch, so that successes lie between failures: one bad record does not
    trip a breaker that counts consecutive failures.
    """
    waiting = deque([list(members)])
    first: EchelonError | None = None
    failed: dict[str, EchelonError] = {}
    while waiting:
        some = waiting.popleft()
        try:
            pages = [page async for page in ask(some)]
        except NARROWED as error:
            first = first or error
            if len(some) > 1:
                waiting.extend(list(half) for half in halves(some))
            else:
                failed[some[0]] = error
        else:
            for page in pages:
                yield page
    if first is not None and len(failed) == len(members) and given_up.is_the_venue(failed):
        raise first
    given_up.update(failed)
