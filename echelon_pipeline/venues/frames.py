"""Shared parts of the venues' frame readers: exact numbers within bounds, and the errors of unreadable frames.

Belongs here: pure functions of a frame's parts. Which part means what is decided in each venue's ``stream`` module.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from echelon_pipeline.books.events import Level
from echelon_pipeline.domain.scaled import ONE, scaled

READER_VERSION = 2  # increase it when frames are read differently; stored with dead letters

# Everything that reading can raise: a wrong shape, a malformed text, a value out of bounds, brackets nested deeper than
# the stack.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError)

Natural = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


def reason(error: Exception) -> str:
    """The error in one line; the payload is stored with it."""
    return f"{type(error).__name__}: {error}"[:200]


def share(text: str) -> int:
    """An amount from 0 to 1 dollar, both included."""
    number = scaled(text)
    if not 0 <= number <= ONE:
        raise ValueError(f"expected dollars in 0..1, got {text[:40]!r}")
    return number


def price(text: str) -> int:
    """The price of a resting order: between 0 and 1, both excluded."""
    number = share(text)
    if number in (0, ONE):
        raise ValueError(f"expected a price between 0 and 1, got {text[:40]!r}")
    return number


def size(text: str) -> int:
    """Shares or contracts."""
    number = scaled(text)
    if number < 0:
        raise ValueError(f"expected a size of 0 or more, got {text[:40]!r}")
    return number


def level(price_text: str, size_text: str) -> Level:
    """A level of a whole ladder; its size is above 0."""
    found = price(price_text), size(size_text)
    if not found[1]:
        raise ValueError(f"a level of no size at {price_text[:40]}")
    return found


def ladder(levels: list[Level]) -> tuple[Level, ...]:
    """One side, without duplicate prices."""
    if len(dict(levels)) != len(levels):
        raise ValueError("a price is there twice")
    return tuple(levels)


def best(text: str | None) -> int | None:
    """A best price that comes with a change: None where the frame has none, 0 where the side is empty (an empty text, 0
    or 1)."""
    number = share(text) if text else 0
    return None if text is None else 0 if number == ONE else number


def quote(text: str | None) -> int | None:
    """A best price; None for an empty text, 0 and 1."""
    return best(text) or None
