"""Best prices that the stream says beside its changes contradict the ladder: the book is unknown, never live.

Belongs here: the case, from its file and written down.
"""

from __future__ import annotations

import json

import pytest

from echelon_pipeline_tests.cases.books import SECOND, followed
from echelon_pipeline_tests.imported import CASES, needs_cases

pytestmark = pytest.mark.xdist_group("compiled")

FILE = CASES / "08-best-prices-contradict.jsonl"
BEGIN = 1_785_000_000_000


def line(second: int, body: dict[str, object]) -> str:
    at = {"market": "0xm", "timestamp": str(BEGIN + 1_000 * second)}
    return json.dumps({"received_ms": BEGIN + 1_000 * second, "frame": at | body})


def written() -> list[str]:
    """A frame that moves the best prices is missing at second 3."""
    levels = {"bids": [{"price": "0.48", "size": "30"}], "asks": [{"price": "0.52", "size": "25"}]}
    lines = [line(0, {"event_type": "book", "asset_id": "11", "hash": "a" * 40, **levels})]
    for second in (1, 2, 4, 5, 6):
        best = ("0.49", "0.51") if second > 3 else ("0.48", "0.52")
        change = {"asset_id": "11", "price": "0.40", "size": f"{second}", "side": "BUY", "hash": f"{second:040}"}
        told = change | {"best_bid": best[0], "best_ask": best[1]}
        lines.append(line(second, {"event_type": "price_change", "price_changes": [told]}))
    return lines


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        pytest.param(written, 4, id="written down"),
        pytest.param(
            lambda: FILE.read_text().splitlines(),
            7,
            id="file",
            marks=needs_cases,
        ),
    ],
)
def test_a_book_that_the_venue_s_best_prices_contradict_is_unknown(lines: object, missing: int) -> None:
    rows = followed(lines())  # type: ignore[operator]
    from_at = (
        BEGIN * 1_000 + missing * SECOND + 300_000
    )  # the batch ends after 50 ms of silence, 250 ms later it is lost
    assert {row["state"] for row in rows if row["valid_to"] <= from_at} == {"live"}
    assert [(row["state"], row["reason"]) for row in rows if row["valid_to"] > from_at] == [("unknown", "best_prices")]
    assert rows[-1]["valid_from"] == from_at
