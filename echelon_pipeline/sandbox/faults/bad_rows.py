"""Puts unreadable values into rows of otherwise correct answers.

Belongs here: the choice of values. ``faults.py`` decides when it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

# Answers whose rows are corrupted: prices and trades, never listings.
PATHS = ("trades", "candlesticks", "prices-history", "batch-prices-history")
# A row without one of these values is unreadable: price, size, time, id of the instrument.
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
IDS = ("ticker", "condition_id")  # set to null: another text would be another id


def has_corruptible_rows(path: str) -> bool:
    """Whether answers of this path have rows to corrupt."""
    return path.rpartition("/")[2] in PATHS


def corrupt_rows(body: bytes, draw: Callable[[int], float], rate: float) -> tuple[bytes, int]:
    """The body with one value replaced in some of its rows, and the number of these rows. ``draw``: 0..1 by number."""
    try:
        decoded: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body, 0
    corrupted = 0
    for number, row in enumerate(_rows(decoded)):
        present = [name for name in FIELDS if name in row]
        if present and draw(2 * number) < rate:
            name = present[int(draw(2 * number + 1) * len(present))]
            row[name] = None if name in IDS else "?"
            corrupted += 1
    return msgspec.json.encode(decoded), corrupted


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
