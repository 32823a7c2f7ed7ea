"""The latest state of one book, for dashboards.

Belongs here: the type, shared by listener shifts, which make it, and ``state/latest.py``, which stores it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LatestState:
    """Best prices and state of one instrument. Times are microseconds since 1970 UTC, prices and sizes millionths, of
    outcome 0. ``state`` and ``reason`` as in core.book_snapshots; ``received_at``: of the frame with these prices.
    ``verified_at``: when a REST book last equalled this book, since it became valid; None: never."""

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
    verified_at: int | None = None
