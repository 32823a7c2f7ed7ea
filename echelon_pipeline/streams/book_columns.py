"""A chain of recorded frames as columns: books over intervals, levels, and side events.

Belongs here: shapes and their filling, in batches of bounded size. Which of it counts for an hour is ``sql/books``.
Times are microseconds since 1970 UTC, prices and sizes millionths, outcome 0 is the axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from echelon_pipeline.books.arrow import CHECKS, EVENTS, GAPS, ROWS, Batches
from echelon_pipeline.books.rows import BookState
from echelon_pipeline.streams.chains import COMPILED_FROM, LINGER, Chain, Follower
from echelon_pipeline.streams.side_events import SCHEMAS as SIDE_EVENTS
from echelon_pipeline.streams.side_events import SideEvents

_BIG = pa.int64()
SCHEMAS: dict[str, pa.Schema] = {
    "rows": ROWS,
    "gaps": GAPS,
    "checks": CHECKS,
    "events": EVENTS,
    **SIDE_EVENTS,
}


@dataclass
class Span:
    """What a chain has of one instrument: its first row's begin, the first with a valid book, its last row's end."""

    first_at: int
    first_valid_at: int | None
    ends_at: int


class ChainColumns:
    """Replays a chain up to an instant; its batches cover [since, until).

    ``spans`` by instrument are of the whole chain up to ``until``, complete when ``batches`` is; ``outcomes``: of every
    token that was watched. ``compiled_from`` is the follower's.
    """

    def __init__(self, chain: Chain, *, since: int, until: int, compiled_from: int = COMPILED_FROM) -> None:
        self.spans: dict[str, Span] = {}
        about = chain[0][0]
        self._since, self._until, self._side_events = since, until, SideEvents(about, since)
        self._follower = Follower(chain, since=since, until=until, compiled_from=compiled_from)
        self.outcomes = {token: n for i in self._follower.instruments.values() for n, token in enumerate(i.tokens)}

    @property
    def frames(self) -> int:
        """How many were replayed."""
        return self._follower.frames

    def batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Batches of the tables of ``SCHEMAS`` by their names, rows of an instrument in the order of their ends.

        Raises CorruptStore where what is damaged may be of [since, until); what was before, its frames are lost.
        """
        follower, by = self._follower, self._follower.replayer
        last_at = 0  # by the replay's clock: later rows belong to no frame
        for fed in follower.play():
            last_at = by.now
            yield from self._side_events.batches(*fed, by.side_events, follower.tokens)
            yield from self._taken(by.take())
        yield from self._taken(by.finish(by.now))
        ends_at = self._until if follower.reached else last_at + LINGER
        for span in self.spans.values():
            span.ends_at = min(span.ends_at, ends_at)

    def _taken(self, batches: Batches) -> Iterator[tuple[str, pa.RecordBatch]]:
        self._span(batches.rows)
        since, later, until = (pa.scalar(at, _BIG) for at in (self._since, self._since + 1, self._until))
        kept = {
            "rows": _since(batches.rows, batches.rows["valid_to"], later),
            "gaps": _since(batches.gaps, pc.coalesce(batches.gaps["to_at"], until), later),
            "checks": _since(batches.checks, batches.checks["at"], since),
            "events": _since(batches.events, batches.events["received_at"], since),
        }
        yield from ((name, batch) for name, batch in kept.items() if batch.num_rows)

    def _span(self, rows: pa.RecordBatch) -> None:
        valid = pc.if_else(pc.equal(rows["state"], pa.scalar(str(BookState.UNKNOWN))), None, rows["valid_from"])
        columns = {
            "name": rows["instrument_id"].cast(pa.string()),
            "first": rows["valid_from"],
            "end": rows["valid_to"],
        }
        found = pa.table({**columns, "valid": valid}).group_by("name")
        for row in found.aggregate([("first", "min"), ("end", "max"), ("valid", "min")]).to_pylist():
            span = self.spans.setdefault(row["name"], Span(row["first_min"], None, row["end_max"]))
            span.ends_at = max(span.ends_at, row["end_max"])
            if span.first_valid_at is None:
                span.first_valid_at = row["valid_min"]


def _since(batch: pa.RecordBatch, times: Any, at: Any) -> pa.RecordBatch:
    """Rows of that time and later; where all are, not even copied."""
    are: Any = pc.greater_equal(times, at)
    return batch if are.true_count == len(are) else batch.filter(are)
