"""Runs work on a list of items with a bounded number of concurrent tasks on one event loop.

Belongs here: the limit, and the handling of failures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from echelon_pipeline.errors import EchelonError

Item = TypeVar("Item")


async def gather_limited(items: Iterable[Item], width: int, work: Callable[[Item], Awaitable[None]]) -> None:
    """Awaits ``work`` on every item, ``width`` at a time. The first failure cancels the others and is raised:
    they all ask the same venue."""
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
