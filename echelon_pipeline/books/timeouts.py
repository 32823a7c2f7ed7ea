"""Timeouts of one fixed length.

Belongs here: timeouts of any key; nothing about books. Because all timeouts of one kind are equally long, they expire
in the order in which they start, and a dictionary is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")


class Timeouts(Generic[Key]):
    """Running timeouts, oldest first; starts never go back in time."""

    __slots__ = ("_length", "_since")

    def __init__(self, length: int) -> None:
        self._length = length
        self._since: dict[Key, int] = {}

    def start(self, key: Key, at: int) -> None:
        """Starts or restarts the timeout of a key."""
        self._since.pop(key, None)
        self._since[key] = at

    def start_once(self, key: Key, at: int) -> None:
        """Starts the timeout of a key unless it runs."""
        self._since.setdefault(key, at)

    def stop(self, key: Key) -> None:
        """Cancels the timeout of a key."""
        self._since.pop(key, None)

    def due(self, now: int) -> Iterator[tuple[Key, int]]:
        """Keys whose timeout expired by ``now``, with the time of expiry."""
        while self._since:
            key, since = next(iter(self._since.items()))
            if since + self._length > now:
                return
            del self._since[key]
            yield key, since + self._length
