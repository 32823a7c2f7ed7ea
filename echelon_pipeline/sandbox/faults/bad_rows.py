"""Rows that no parser can read, in answers that are otherwise as the venue serves them.

Belongs here: which values of an answer are spoiled. When it happens is drawn in ``faults.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

# Answers whose rows are spoiled: prices and trades, never listings.
PATHS = ("trades", "candlesticks", "prices-history", "batch-prices-history")
# Values whose loss makes a row unreadable: price, size, time, and the id of its instrument.
FIELDS = (
    "yes_price_dollars",
    "count_fp",
    "created_time",
    "ticker",
    "price",
    "size",
    "timestamp",
    "condition_id",
    "volume_fp",
    "end_period_ts",
    "p",
    "t",
    "matchTime",
)
IDS = ("ticker", "condition_id")  # null: another text would be another id


def is_spoilable(path: str) -> bool:
    """Whether an answer of this path holds rows that may be spoiled."""
    return path.rpartition("/")[2] in PATHS


def spoil(body: bytes, draw: Callable[[int], float], rate: float) -> tuple[bytes, int]:
    """The body with one value of some of its rows replaced, and how many rows that were. ``draw``: 0..1 by number."""
    try:
        decoded: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body, 0
    spoiled = 0
    for number, row in enumerate(_rows(decoded)):
        known = [name for name in FIELDS if name in row]
        if known and draw(2 * number) < rate:
            name = known[int(draw(2 * number + 1) * len(known))]
            row[name] = None if name in IDS else "?"
            spoiled += 1
    return msgspec.json.encode(decoded), spoiled


def _rows(value: Any) -> Iterator[dict[str, Any]]:
    """Members of the lists of an answer, outer ones first."""
    if isinstance(value, list):
        for member in value:
            if isinstance(member, dict):
                yield member
            yield from _rows(member)
    elif isinstance(value, dict):
        for member in value.values():
            yield from _rows(member)
