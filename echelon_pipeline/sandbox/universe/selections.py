"""Which rows a listing shows: filters over columns, kept per (filters, second) so that paging is cheap.

Belongs here: the cache and the page cut. What a filter means is in each venue's routes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import polars as pl

from echelon_pipeline.sandbox.universe.columns import Ints, view

_KEPT = 32  # selections kept; one of 500,000 rows is 2 MB


class Selections:
    """Row numbers by query. A frozen clock hits always; a running one recomputes once a second."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Ints] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], pl.Series]) -> Ints:
        """The rows for a key, made where they are not kept."""
        rows = self._kept.get(key)
        if rows is None:
            rows = self._kept[key] = view(make().cast(pl.Int32))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return rows
