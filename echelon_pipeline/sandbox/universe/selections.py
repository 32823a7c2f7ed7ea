"""Rows of a listing: results of filters over columns, cached per (filters, second) so that paging is cheap.

Belongs here: the cache. The venues' query modules define the filters.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import polars as pl

from echelon_pipeline.sandbox.universe.columns import Ints, view

_CACHED = 32  # maximum number of selections; one of 500,000 rows is 2 MB


class Selections:
    """Row numbers by query. With a frozen clock the cache always hits; with a running clock once per second."""

    def __init__(self) -> None:
        self._cache: OrderedDict[Hashable, Ints] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], pl.Series]) -> Ints:
        """The rows of a key, computed if they are not cached."""
        rows = self._cache.get(key)
        if rows is None:
            rows = self._cache[key] = view(make().cast(pl.Int32))
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return rows
