"""Sides of a recorded capture in other words than bid and ask.

Belongs here: the case, from its file and written down.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.sandbox.server.app import build
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.universe.captures import load
from echelon_pipeline_tests.imported import CASES, needs_cases

FILE = CASES / "14-sides-in-words.csv"
HEAD = "market_slug,market_id,asset_id,outcome_name,event_type,price,side,size,hash,timestamp\n"
AT = 1_751_412_715_178


def row(kind: str, price: str, side: str, size: str = "10.0", at: int = AT) -> str:
    return f"x,1,111,A,{kind},{price},{side},{size},aa,{at}\n"


def frames(path: Path) -> list[dict[str, Any]]:
    return [json.loads(frame.body) for frame in load(path).frames]


@needs_cases
def test_a_book_whose_sides_are_buy_and_sell_has_both() -> None:
    [book] = frames(FILE)
    assert book["bids"] == [{"price": "0.40", "size": "10"}]
    assert book["asks"] == [{"price": "0.99", "size": "1300"}]


@pytest.mark.parametrize(
    ("bid", "ask"), [("BUY", "SELL"), ("bid", "ask"), ("Bids", "Asks"), ("b", "a"), (" buy", "offer "), ("yes", "sell")]
)
def test_every_word_of_a_side_is_that_side(bid: str, ask: str, tmp_path: Path) -> None:
    path = tmp_path / "capture.csv"
    rows = [row("book", "0.99", ask), row("book", "0.40", bid)]
    rows += [row("price_change", "0.98", ask, at=AT + 1), row("price_change", "0.41", bid, at=AT + 1)]
    path.write_text(HEAD + "".join(rows))
    book, change = frames(path)
    assert ([one["price"] for one in book["bids"]], [one["price"] for one in book["asks"]]) == (["0.40"], ["0.99"])
    assert [(one["side"], one["price"]) for one in change["changes"]] == [("SELL", "0.98"), ("BUY", "0.41")]


def test_a_bid_for_no_is_an_ask_for_yes(tmp_path: Path) -> None:
    path = tmp_path / "capture.csv"
    path.write_text(HEAD + row("book", "0.40", "yes") + row("book", "0.45", "no"))
    [book] = frames(path)
    assert (book["bids"][0]["price"], book["asks"][0]["price"]) == ("0.40", "0.55")


def test_an_unknown_side_is_counted_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "capture.csv"
    rows = [row("book", "0.99", "SELL"), row("book", "0.5", "HOLD"), row("book", "0.40", "BUY")]
    rows += [row("price_change", "0.98", "HOLD", at=AT + 1), row("price_change", "0.98", "?", at=AT + 2)]
    path.write_text(HEAD + "".join(rows))
    capture = load(path)
    assert capture.skipped == {
        "row with the side 'HOLD'": 2,
        "row with the side '?'": 1,
        "price_change without a level": 2,
    }
    assert [(len(f["bids"]), len(f["asks"])) for f in frames(path)] == [(1, 1)]
    build(SandboxOptions(capture=path, events=2, instruments=4, days=1, trades=10))
    assert "2 x row with the side 'HOLD'" in caplog.text
