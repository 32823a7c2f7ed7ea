"""A few workers over a list of work, on one event loop.

Belongs here: how many things are under way at once, and what happens when one fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from echelon_pipeline.errors import EchelonError

Item = TypeVar("Item")


async def each(items: Iterable[Item], width: int, work: Callable[[Item], Awaitable[None]]) -> None:
    """Awaits ``work`` on every item, ``width`` at a time. The first failure cancels the others and is raised:
    the rest are the same venue's."""
    queue = list(items)[::-1]

    async def worker() -> None:
        while queue:
            await work(queue.pop())

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(width, len(queue))):
                tasks.create_task(worker())
    except* EchelonError as failed:
        raise _first(failed) from None


def _first(failed: BaseExceptionGroup[EchelonError]) -> EchelonError:
    error = failed.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
