"""Deadlines of one length.

Belongs here: nothing of books. Because all waits of one kind are equally long, the order in which they are
started is the order in which they fall due, and a dictionary is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")


class Waits(Generic[Key]):
    """What waits, oldest first; starts never go back in time."""

    __slots__ = ("_length", "_since")

    def __init__(self, length: int) -> None:
        self._length = length
        self._since: dict[Key, int] = {}

    def start(self, key: Key, at: int) -> None:
        """Waits from now, also where it waited already."""
        self._since.pop(key, None)
        self._since[key] = at

    def start_once(self, key: Key, at: int) -> None:
        """Waits from now where it doesn't wait already."""
        self._since.setdefault(key, at)

    def stop(self, key: Key) -> None:
        """Waits no longer."""
        self._since.pop(key, None)

    def due(self, now: int) -> Iterator[tuple[Key, int]]:
        """What falls due until now, with the instant at which it did."""
        while self._since:
            key, since = next(iter(self._since.items()))
            if since + self._length > now:
                return
            del self._since[key]
            yield key, since + self._length
