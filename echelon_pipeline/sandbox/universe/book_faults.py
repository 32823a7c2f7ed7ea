"""Injected changes of single order books: a finer tick, an empty side, an early end.

Belongs here: book faults and their intervals. ``books.py`` applies them, so REST and WebSocket agree; a fault never
begins in the past, so earlier answers stay correct.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BookFaultKind = Literal["tick_change", "empty_bids", "empty_asks", "empty_book", "resolve"]
BOOK_FAULT_KINDS: tuple[BookFaultKind, ...] = ("tick_change", "empty_bids", "empty_asks", "empty_book", "resolve")
FOREVER = 2**60
RESOLVE_US = 1_000_000  # a market that ends early is determined one second later and settled two seconds later


@dataclass(frozen=True, slots=True)
class BookFault:
    """``since`` and ``until``: Unix microseconds; ``until`` is excluded."""

    kind: BookFaultKind
    row: int
    since: int
    until: int = FOREVER


class BookFaults:
    """The book faults of one venue."""

    def __init__(self) -> None:
        self._by_row: dict[int, list[BookFault]] = {}

    def add(self, fault: BookFault) -> None:
        self._by_row.setdefault(fault.row, []).append(fault)

    def of(self, row: int) -> list[BookFault]:
        """The faults of a row, in the order of ``add``."""
        return self._by_row.get(row, [])

    def since(self, row: int, kind: BookFaultKind) -> int:
        """The first time of a kind; FOREVER if there is none."""
        return min((m.since for m in self.of(row) if m.kind == kind), default=FOREVER)

    def emptied(self, row: int, us: int) -> tuple[bool, bool]:
        """Whether the bids are empty, whether the asks are empty."""
        now = {m.kind for m in self.of(row) if m.since <= us < m.until}
        return bool(now & {"empty_bids", "empty_book"}), bool(now & {"empty_asks", "empty_book"})

    def edges(self, row: int, after: int, until: int) -> set[int]:
        """Times in (after, until] at which a fault begins or ends."""
        return {at for m in self.of(row) for at in (m.since, m.until) if after < at <= until}

    def rows(self) -> list[int]:
        return list(self._by_row)
