"""The bounds of a listing: the top N by volume; every excluded object is counted.

Belongs here: selecting objects from a stream of pages, in memory bounded by N.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from echelon_pipeline.venues.page import Page, RawObject


def measure(value: Decimal | None) -> Decimal:
    """A comparable volume; 0 where it is missing or not a number."""
    return value if value is not None and value.is_finite() else Decimal(0)


@dataclass(frozen=True)
class Ranked:
    """The values for bounds: the 24 h volume that ranks an object, and its total volume."""

    volume_24h: Decimal
    volume: Decimal


@dataclass
class TopN:
    """Keeps the ``limit`` objects of the largest 24 h volume with at least ``min_volume`` in total.

    ``limit`` 0 keeps all and passes pages through. An object without an id is always kept and does not count towards
    the limit, so that it is recorded (the parsers make it a dead letter).
    """

    limit: int
    min_volume: Decimal
    rank: Callable[[RawObject], Ranked]
    filtered_out: int = 0
    keys: set[str] = field(default_factory=set)

    async def through(self, pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
        """The pages with the objects that are kept."""
        heap: list[tuple[Decimal, int, int, RawObject]] = []
        skeletons: dict[int, Page] = {}
        number = 0
        async for page in pages:
            odd = tuple(o for o in page.objects if o.key is None)
            ranked = [(self.rank(o), o) for o in page.objects if o.key is not None]
            kept = [(r, o) for r, o in ranked if r.volume >= self.min_volume]
            self.filtered_out += len(ranked) - len(kept)
            if self.limit == 0:
                yield replace(page, objects=(*(o for _, o in kept), *odd))
                continue
            skeletons[number] = replace(page, objects=odd)
            for position, (r, o) in enumerate(kept):
                # Larger volume first; earlier in the venue's order wins a tie, so that runs agree.
                heapq.heappush(heap, (r.volume_24h, -number, -position, o))
                if len(heap) > self.limit:
                    heapq.heappop(heap)
                    self.filtered_out += 1
            number += 1
        for page in _regroup(heap, skeletons):
            self.keys.update(o.key for o in page.objects if o.key)
            yield page


def _regroup(heap: list[tuple[Decimal, int, int, RawObject]], skeletons: dict[int, Page]) -> list[Page]:
    by_page: dict[int, list[tuple[int, RawObject]]] = {}
    for _, number, position, o in heap:
        by_page.setdefault(-number, []).append((-position, o))
    pages = []
    for number, page in sorted(skeletons.items()):
        kept = [o for _, o in sorted(by_page.get(number, ()), key=lambda item: item[0])]
        if kept or page.objects:
            pages.append(replace(page, objects=(*kept, *page.objects)))
    return pages
