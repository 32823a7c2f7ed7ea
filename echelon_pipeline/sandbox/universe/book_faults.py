"""What is done to single order books on purpose: a finer tick, an empty side, an early end.

Belongs here: marks and when they hold. A book asks them, so every surface shows the same; a mark never reaches
into the past, so what was true stays true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MarkKind = Literal["tick_change", "empty_bids", "empty_asks", "empty_book", "resolve"]
MARKS: tuple[MarkKind, ...] = ("tick_change", "empty_bids", "empty_asks", "empty_book", "resolve")
FOREVER = 2**60
RESOLVE_US = 1_000_000  # a market that is ended early is determined a second later and settled two seconds later


@dataclass(frozen=True, slots=True)
class Mark:
    """``since`` and ``until`` are Unix microseconds; ``until`` itself is outside."""

    kind: MarkKind
    row: int
    since: int
    until: int = FOREVER


class Marks:
    """The marks of one venue."""

    def __init__(self) -> None:
        self._by_row: dict[int, list[Mark]] = {}

    def add(self, mark: Mark) -> None:
        self._by_row.setdefault(mark.row, []).append(mark)

    def of(self, row: int) -> list[Mark]:
        """In the order they were made."""
        return self._by_row.get(row, [])

    def since(self, row: int, kind: MarkKind) -> int:
        """When a kind first held; FOREVER where it never does."""
        return min((m.since for m in self.of(row) if m.kind == kind), default=FOREVER)

    def emptied(self, row: int, us: int) -> tuple[bool, bool]:
        """Whether nobody bids, whether nobody offers."""
        now = {m.kind for m in self.of(row) if m.since <= us < m.until}
        return bool(now & {"empty_bids", "empty_book"}), bool(now & {"empty_asks", "empty_book"})

    def edges(self, row: int, after: int, until: int) -> set[int]:
        """Times in (after, until] at which a mark begins or ends."""
        return {at for m in self.of(row) for at in (m.since, m.until) if after < at <= until}

    def rows(self) -> list[int]:
        return list(self._by_row)
