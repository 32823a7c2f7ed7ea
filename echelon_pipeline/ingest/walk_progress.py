"""The progress of one walk over a trade feed, from new to old, and which of its rows may be committed.

Belongs here: the arithmetic of walks. ``trades.py`` commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from echelon_pipeline.errors import EchelonError
from echelon_pipeline.ingest.dead_letters import PageRequest
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.venues.feeds import Group
from echelon_pipeline.venues.narrowing import halves

EVERYTHING = "all"  # scope: the venue's whole feed


@dataclass
class Walk:
    """The progress of one group's walk. ``pending_pages``: stored pages by number that may have rows which are not
    committed yet, each with its oldest time. ``committed_from``: rows from here on are committed. ``absent``: why
    nothing below ``low`` can be read. ``split``: parts of the group continue from ``low``. ``pages``: number, oldest
    and newest time, and objects of the pages since the last commit; ``above``: the newest time of the page before them;
    ``latest``: the request of the last page before them."""

    group: Group
    low: datetime | None = None
    done: bool = False
    pending_pages: dict[int, datetime] = field(default_factory=dict)
    committed_from: datetime | None = None
    absent: EchelonError | None = None
    split: bool = False
    pages: list[tuple[int, datetime | None, datetime | None, int]] = field(default_factory=list)
    above: datetime | None = None
    latest: PageRequest | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """Scopes of this walk's windows."""
        return self.group.instrument_ids or (EVERYTHING,)

    @property
    def ended(self) -> bool:
        """Whether no further page will come."""
        return self.done or self.split or self.absent is not None

    def parts(self) -> list[Walk]:
        """The remaining walk, split into two halves of the instruments."""
        span = (self.group.span[0], self.span_read()[0])
        both = zip(halves(self.group.instrument_ids), halves(self.group.native_ids), strict=True)
        return [Walk(Group(tuple(ids), tuple(natives), span)) for ids, natives in both]

    def pass_page(self, number: int, times: Sequence[datetime], objects: int | None = None) -> None:
        """Adds a page. Its last row is the walk's position: a single wrong time above it changes nothing, and a single
        one at the end does not end the walk (the next page shows whether it was wrong)."""
        count = len(times) if objects is None else objects
        self.pages.append((number, min(times, default=None), max(times, default=None), count))
        if times:
            last = times[-1]
            if last < self.group.span[0] and len(times) > 1:
                last = max(last, times[-2])
            self.low = last if self.low is None else min(self.low, last)
            self.pending_pages[number] = min(times)
            self.done = self.low < self.group.span[0]

    def committed(self) -> None:
        """Drops pages whose rows are all committed."""
        begin = self.span_read()[0]
        self.pending_pages = {number: low for number, low in self.pending_pages.items() if low <= begin}
        self.above = next((high for _, _, high, _ in reversed(self.pages) if high is not None), self.above)
        self.latest = next((a for a in reversed(self.requests()) if a.objects), self.latest)
        self.pages, self.committed_from = [], begin

    def requests(self) -> list[PageRequest]:
        """The requests of the pages since the last commit. A row without a readable time lies within the times of its
        page and of the pages around it; rows of the last page may lie anywhere down to the span's begin. Without new
        pages, the last page before records the walk's progress."""
        (begin, end), kept_from = self.group.span, self.span_read()[0]
        if not any(objects for *_, objects in self.pages) and self.latest and self.latest.kept_from != kept_from:
            return [replace(self.latest, kept_from=kept_from)]
        found = []
        for place, (number, low, high, objects) in enumerate(self.pages):
            newer = next((h for _, _, h, _ in reversed(self.pages[:place]) if h is not None), self.above)
            older = next((o for _, o, _, _ in self.pages[place + 1 :] if o is not None), None)
            first = min(t for t in (older or begin, low) if t is not None)
            last = max(t for t in (newer or end, high) if t is not None) + timedelta(microseconds=1)
            within = (max(first, begin), min(last, end)) if first < end and last > begin else (first, last)
            times = None if low is None or high is None else (low, high)
            found.append(
                PageRequest(
                    number,
                    self.group.instrument_ids,
                    within,
                    self.group.span,
                    objects=objects,
                    times=times,
                    kept_from=kept_from,
                )
            )
        return found

    def span_new(self) -> Span:
        """The interval that has been read completely and is not committed yet. A page that is read again for its oldest
        rows also has newer rows, of whose transaction an earlier page may have the rest: they are not committed
        again."""
        begin, end = self.span_read()
        return begin, max(begin, end if self.committed_from is None else self.committed_from)

    def span_read(self) -> Span:
        """The interval that has been read completely: rows at ``low`` may continue on the next page."""
        begin, end = self.group.span
        if self.done:
            return begin, end
        if self.low is None or self.low >= end:  # feeds start at their newest row, also above the span
            return end, end
        return max(begin, self.low + timedelta(microseconds=1)), end


def keep(walks: Sequence[Walk]) -> str:
    """A SQL condition on the rows to stage: those that each walk has read completely since its last commit."""
    by_span: dict[Span, list[str]] = {}
    for walk in walks:
        by_span.setdefault(walk.span_new(), []).extend(walk.group.instrument_ids)
    parts = []
    for (begin, end), ids in by_span.items():
        among = f" AND instrument_id IN ({', '.join(map(literal, ids))})" if ids else ""
        parts.append(f"(event_at >= {sql_time(begin)} AND event_at < {sql_time(end)}{among})")
    return " OR ".join(parts)


def sql_time(moment: datetime) -> str:
    """A time as a SQL literal."""
    return f"TIMESTAMPTZ {literal(moment.astimezone(UTC).isoformat())}"
