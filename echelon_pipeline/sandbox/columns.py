"""Columns that Python reads fast: Arrow buffers seen as sequences of integers.

Belongs here: the bridge from Polars to ``memoryview``, so that single rows cost nanoseconds, ``bisect``
works in place and a million rows stay a few megabytes.
"""

from __future__ import annotations

import polars as pl

Ints = memoryview  # of int32 or int64


def view(series: pl.Series) -> Ints:
    """The integers of a column without nulls, without copying them."""
    code = {pl.Int32: "i", pl.Int64: "q", pl.Int16: "h", pl.Int8: "b"}[type(series.dtype)]  # type: ignore[index]
    if series.null_count():
        raise ValueError(f"column {series.name} has nulls")
    if len(series) == 0:
        return memoryview(b"").cast(code)
    array = series.rechunk().to_arrow()
    width = {"i": 4, "q": 8, "h": 2, "b": 1}[code]
    data = memoryview(array.buffers()[1]).cast("B")
    return data[array.offset * width : (array.offset + len(array)) * width].cast(code)
