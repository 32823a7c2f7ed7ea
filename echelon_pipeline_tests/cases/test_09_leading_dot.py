"""Decimals without a digit before the point, or behind it, make the same book.

Belongs here: the case, from its file and written down.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from echelon_pipeline_tests.cases.books import followed
from echelon_pipeline_tests.imported import CASES, needs_cases

pytestmark = pytest.mark.xdist_group("compiled")

FILE = CASES / "09-leading-dot.jsonl"
BEGIN = 1_785_000_000_000
BOOKS = [
    (([490_000, 480_000], [20_000_000, 30_000_000]), ([520_000, 530_000], [25_000_000, 60_000_000])),
    (
        ([500_000, 490_000, 480_000], [10_000_000, 20_000_000, 30_000_000]),
        ([520_000, 530_000], [25_000_000, 60_000_000]),
    ),
]


def written(point: str, end: str) -> list[str]:
    def level(cents: int, size: int) -> dict[str, str]:
        return {"price": f"{point}{cents}", "size": f"{size}{end}"}

    sides = {"bids": [level(48, 30), level(49, 20)], "asks": [level(52, 25), level(53, 60)]}
    book = {"event_type": "book", "asset_id": "11", "timestamp": f"{BEGIN}", "hash": "", **sides}
    best = {"best_bid": f"{point}50", "best_ask": f"{point}52"}
    change = {"asset_id": "11", "side": "BUY", "hash": "", **level(50, 10), **best}
    changes = {"event_type": "price_change", "timestamp": f"{BEGIN + 1_000}", "price_changes": [change]}
    return [json.dumps({"received_ms": BEGIN + 1_000 * n, "frame": one}) for n, one in enumerate((book, changes))]


def sides(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple((row[f"{side}_prices"], row[f"{side}_sizes"]) for side in ("bid", "ask"))


@pytest.mark.parametrize(("point", "end"), [("0.", ""), (".", ""), (".", "."), ("00.", ".0"), ("0.", ".00")])
def test_every_spelling_makes_the_same_book(point: str, end: str) -> None:
    rows = followed(written(point, end))
    assert [(row["state"], *sides(row)) for row in rows] == [("live", *book) for book in BOOKS]


@needs_cases
def test_the_venue_s_own_spelling_makes_this_book() -> None:
    rows = followed(FILE.read_text().splitlines())
    assert [(row["state"], *sides(row)) for row in rows] == [("live", *book) for book in BOOKS]
