"""Lost books are asked for again: at once, then ever less often, and never while they are there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.streams.live_books import MOST, LiveBooks
from echelon_pipeline.venues.kalshi.stream import read
from echelon_pipeline.venues.ws import Wire
from echelon_pipeline_tests.callback_feed import CallbackFeed

SECOND = 1_000_000


def dial() -> Any:
    raise AssertionError("nothing is opened here")


async def greet(_: Wire, __: Sequence[str]) -> None:
    """Nothing is sent here."""


async def renew(_: Wire, __: Sequence[str], ___: Mapping[str, int]) -> None:
    """Nothing is sent here."""


async def change(_: Wire, __: Sequence[str], ___: Sequence[str], ____: Mapping[str, int]) -> None:
    """Nothing is sent here."""


A, B, C = (Instrument(f"kalshi:{name}", (name,)) for name in "ABC")


def watch() -> LiveBooks:
    return LiveBooks(CallbackFeed("kalshi", 0, "", (A, B), dial, greet, renew, change, read), "c", 5.0, (A, B))


def told(kind: str, seq: int, ticker: str, **msg: Any) -> bytes:
    return json.dumps({"type": kind, "sid": 2, "seq": seq, "msg": {"market_ticker": ticker, **msg}}).encode()


def snapshot(seq: int, ticker: str) -> bytes:
    return told("orderbook_snapshot", seq, ticker, yes_dollars_fp=[["0.40", "5.00"]], no_dollars_fp=[["0.50", "5.00"]])


def test_what_the_greeting_asked_for_is_not_asked_for_at_once() -> None:
    books = watch()
    books.see(0, SECOND, b'{"type":"subscribed","msg":{"channel":"orderbook_delta","sid":2}}')
    assert books.sids == {"orderbook_delta": 2}
    books.see(1, 2 * SECOND, snapshot(1, "A"))
    assert books.needs_snapshot(3 * SECOND) == []
    assert books.needs_snapshot(7 * SECOND) == ["B"]


def test_a_lost_book_is_asked_for_at_once_and_then_ever_less_often() -> None:
    books = watch()
    for number, ticker in enumerate("AB"):
        books.see(number, SECOND, snapshot(number + 1, ticker))
    assert books.needs_snapshot(2 * SECOND) == []
    books.see(2, 3 * SECOND, told("orderbook_delta", 9, "A", price_dollars="0.41", delta_fp="1.00", side="yes"))
    asked = [at for at in range(3, 2_000) if books.needs_snapshot(at * SECOND) == ["A", "B"]]
    assert asked[:5] == [3, 8, 18, 38, 78]
    assert max(b - a for a, b in pairwise(asked)) == 5 * MOST
    books.see(3, 2_001 * SECOND, snapshot(10, "A"))
    books.see(4, 2_001 * SECOND, snapshot(11, "B"))
    assert books.needs_snapshot(2_002 * SECOND) == []


def test_who_comes_while_the_connection_runs_is_asked_for_later_and_who_went_never_again() -> None:
    books = watch()
    books.change([C], ["kalshi:B"], SECOND)
    for number, ticker in enumerate("AC"):
        books.see(number, SECOND, snapshot(number + 1, ticker))
    assert books.needs_snapshot(20 * SECOND) == []
    assert [(r.instrument_id, str(r.state)) for r in books.rows(20 * SECOND)] == [
        ("kalshi:A", "live"),
        ("kalshi:C", "live"),
    ]
    books.change([B], ["kalshi:A", "kalshi:C"], 21 * SECOND)
    assert books.needs_snapshot(22 * SECOND) == []
    assert books.needs_snapshot(26 * SECOND) == ["B"]
