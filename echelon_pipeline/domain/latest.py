"""The latest state of one book, as a dashboard shows it.

Belongs here: the shape, known to whoever makes it (a listener's shift) and to what keeps it (``state/latest.py``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latest:
    """One instrument's best prices and what they are worth. Times are microseconds since 1970 UTC, prices and sizes
    millionths, outcome 0 is the axis. ``state`` and ``reason`` as in core.book_snapshots; ``received_at``: of the
    frame that it is from."""

    instrument_id: str
    state: str
    reason: str | None
    bid: int | None
    ask: int | None
    bid_size: int | None
    ask_size: int | None
    event_at: int | None
    received_at: int
    listener: str
