"""Latest states for dashboards: the best prices of each book of a shift, sent when they change.

Belongs here: which states changed since they were last sent. The caller stores them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from echelon_pipeline.books.rows import BookRow, BookState, Reason
from echelon_pipeline.domain.latest import LatestState
from echelon_pipeline.streams.watchlist import Watchlist

_SHOWN = ("state", "reason", "bid", "ask", "bid_size", "ask_size")  # the rest changes with every frame
NOT_WATCHED = "not_watched"  # the reason of a book that is no longer recorded


class LatestStates:
    """One listener's latest states. ``again``: seconds after which an unchanged one is sent again."""

    def __init__(self, listener: str, again: float) -> None:
        self._listener = listener
        self._again = int(again * 1_000_000)
        self._sent: dict[str, tuple[LatestState, int]] = {}  # and when

    def changed(self, watchlists: Iterable[Watchlist], now: int, *, overlapping: bool = False) -> list[LatestState]:
        """States that differ from the last ones sent, or were sent long ago. ``overlapping``: another shift still sends
        books that we have not got yet."""
        found: dict[str, LatestState] = {}
        for watchlist in watchlists:
            books = watchlist.books
            rows = {} if books is None else {row.instrument_id: row for row in books.rows(now)}
            for name in watchlist.wanted:
                if books is None or name not in rows:
                    found[name] = self._unknown(name, now)
                else:
                    found[name] = self._of(rows[name], books.verified_at(name))
        for name in self._sent.keys() - found.keys():
            found[name] = self._unknown(name, now, NOT_WATCHED)
        return [
            latest
            for name, latest in found.items()
            if self._is_due(latest, now)
            and not (overlapping and name not in self._sent and latest.state == BookState.UNKNOWN)
        ]

    def mark_sent(self, rows: Sequence[LatestState], now: int) -> None:
        """Records that these were sent."""
        for row in rows:
            self._sent[row.instrument_id] = row, now
            if row.reason == NOT_WATCHED:
                del self._sent[row.instrument_id]

    def _is_due(self, latest: LatestState, now: int) -> bool:
        old, at = self._sent.get(latest.instrument_id, (None, 0))
        return now - at >= self._again or any(getattr(latest, field) != getattr(old, field, None) for field in _SHOWN)

    def _of(self, row: BookRow, verified_at: int | None) -> LatestState:
        bid, bid_size = row.bids[0] if row.bids else (None, None)
        ask, ask_size = row.asks[0] if row.asks else (None, None)
        reason = None if row.reason is None else str(row.reason)
        top = (bid, ask, bid_size, ask_size)
        times = (row.event_at, row.valid_from)
        return LatestState(row.instrument_id, str(row.state), reason, *top, *times, self._listener, verified_at)

    def _unknown(self, name: str, now: int, reason: str | None = None) -> LatestState:
        """Between connections, before the first frame of one, or for good."""
        reason = reason or str(Reason.DISCONNECT if name in self._sent else Reason.BEFORE_SNAPSHOT)
        return LatestState(name, str(BookState.UNKNOWN), reason, None, None, None, None, None, now, self._listener)
