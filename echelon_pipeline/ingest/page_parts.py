"""Splits the pages of a unit into parts that fit in memory, and defines which rows each part keeps.

Belongs here: arithmetic on recorded pages. ``rederive.py`` derives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from echelon_pipeline.ingest.pages import StoredPage
from echelon_pipeline.ingest.rederive_listings import RESOLUTIONS
from echelon_pipeline.ingest.walk_progress import sql_time
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.sqltools.text import literal

TRADES, PRICES = "core.trades", "core.daily_prices"


def parts(
    table: str, pages: Sequence[StoredPage], span: Span, limit: int
) -> Iterator[tuple[Span, Sequence[StoredPage]]]:
    """Parts of a span with their pages, each of at most the objects that an ingest commits at once (``limit``)."""
    if table == TRADES:
        yield from time_parts(pages, span, limit)
    elif table == RESOLUTIONS:  # derived between the listings
        return
    elif table == "core.builder_leaderboard":  # all rows of a ranking have the time of its first page
        yield from [(span, pages)] if pages else []
    else:
        for some in _runs(pages, max(1, limit // 20) if table == PRICES else limit):
            yield span, some


def time_parts(pages: Sequence[StoredPage], span: Span, limit: int) -> Iterator[tuple[Span, list[StoredPage]]]:
    """Parts of a span whose pages hold about ``limit`` objects; a page may be in several parts, a time is in one."""
    cuts, objects = [span[0]], 0
    for page in sorted(pages, key=lambda p: p.low):
        if objects + page.request.objects > limit and page.low > cuts[-1]:
            cuts.append(page.low)
            objects = 0
        objects += page.request.objects
    for begin, end in pairwise([*cuts, span[1]]):
        some = [p for p in pages if p.low < end and p.high >= begin]
        if some:
            yield (begin, end), some


def _runs(pages: Iterable[StoredPage], limit: int) -> Iterator[list[StoredPage]]:
    some: list[StoredPage] = []
    for page in pages:
        if some and sum(p.request.objects for p in some) + page.request.objects > limit:
            yield some
            some = []
        some.append(page)
    if some:
        yield some


def keep_part(table: str, part: Span, pages: Sequence[StoredPage], gaps: Sequence[StoredPage]) -> str:
    """A SQL condition on the rows of a part; trades are limited to what their walk kept, without the times of gaps."""
    if table == TRADES:
        return " OR ".join(_kept_of_walks(part, pages, gaps)) or "false"
    if table == "core.fills":
        return f"event_at >= {sql_time(part[0])} AND event_at < {sql_time(part[1])}"
    return f"date >= DATE '{part[0]:%Y-%m-%d}' AND date < DATE '{part[1]:%Y-%m-%d}'"


def _kept_of_walks(part: Span, pages: Sequence[StoredPage], gaps: Sequence[StoredPage]) -> Iterator[str]:
    for (ids, claimed), kept_from in {p.walk: p.request.kept_from or p.request.claimed[0] for p in pages}.items():
        begin, end = max(kept_from, part[0]), min(claimed[1], part[1])
        if begin >= end:
            continue
        terms = [f"event_at >= {sql_time(begin)}", f"event_at < {sql_time(end)}"]
        terms += [f"instrument_id IN ({', '.join(map(literal, ids))})"] if ids else []
        for gap in gaps:
            if gap.walk == (ids, claimed):
                terms.append(f"NOT event_at BETWEEN {sql_time(gap.low)} AND {sql_time(gap.high)}")
        yield f"({' AND '.join(terms)})"
