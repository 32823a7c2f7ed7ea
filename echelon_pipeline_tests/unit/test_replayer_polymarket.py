"""Compiled rules and the machine agree on generated Polymarket frames with hashes.

Belongs here: books of two tokens with hashes, lost frames, wrong facts, late trades. ``test_replayer.py`` has the parts
that both venues share.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Facts, Side
from echelon_pipeline.books.fast import entry, sha1
from echelon_pipeline.books.hashes import book_hash, hash_input
from echelon_pipeline.books.ladder import Ladder
from echelon_pipeline.domain.scaled import CENT, ONE, decimal_text
from echelon_pipeline.venues.polymarket import stream as polymarket
from echelon_pipeline.venues.polymarket.fast import columns
from echelon_pipeline.venues.rest_books import RestBooks, wrapped
from echelon_pipeline_tests.book_streams import MS, START
from echelon_pipeline_tests.mutations import mutated
from echelon_pipeline_tests.replays import Arrived, agree, both
from echelon_pipeline_tests.unit.test_polymarket_stream import FRAMES

# One worker: machine code is made once for all of them.
pytestmark = pytest.mark.xdist_group("compiled")

FACTS = Facts("0xm", "5", "0.01", neg_risk=False, last_trade_price="")
P = Instrument("polymarket:0xm", ("1", "2"), facts=FACTS)
TOKENS = ("1", "2")


class Venue:
    """Sends frames of one market with Polymarket's hashes."""

    def __init__(self) -> None:
        self.ladder, self.now, self.last_trade = Ladder(), START, ""
        self.changed = START  # venue time of the last change

    def digest(self, outcome: int) -> str:
        text = hash_input(self.ladder, outcome, TOKENS[outcome], self.now, FACTS)
        assert text is not None
        return book_hash(text, self.last_trade)

    def book(self, outcome: int) -> dict[str, Any]:
        bids, asks = (list(reversed(self.ladder.top(side))) for side in Side)
        if outcome:
            bids, asks = ([(ONE - p, s) for p, s in side] for side in (asks, bids))
        told = ([{"price": decimal_text(p), "size": decimal_text(s)} for p, s in side] for side in (bids, asks))
        facts = {"market": "0xm", "min_order_size": "5", "tick_size": "0.01", "neg_risk": False}
        frame = {"event_type": "book", "asset_id": TOKENS[outcome], **self.at, "hash": self.digest(outcome)}
        return {**frame, "last_trade_price": self.last_trade, **facts, **dict(zip(("bids", "asks"), told, strict=True))}

    def change(self, outcome: int, side: Side, price: int, size: int) -> dict[str, Any]:
        if outcome:
            side, price = Side(1 - side), ONE - price
        told = {"price": decimal_text(price), "size": decimal_text(size), "side": "BUY" if side is Side.BID else "SELL"}
        return {"asset_id": TOKENS[outcome], **told, "hash": self.digest(outcome), **self.best(outcome)}

    def best(self, outcome: int) -> dict[str, str]:
        """Best prices of an outcome's ladder; 0 and 1 for empty sides."""
        bid, ask = self.ladder.bid or 0, ONE if self.ladder.ask is None else self.ladder.ask
        bid, ask = (ONE - ask, ONE - bid) if outcome else (bid, ask)
        return {"best_bid": decimal_text(bid), "best_ask": decimal_text(ask)}

    def quote(self, outcome: int) -> dict[str, Any]:
        return {"event_type": "best_bid_ask", "asset_id": TOKENS[outcome], **self.best(outcome), **self.at}

    def put(self, side: Side, cents: int, size: int, told: list[int]) -> dict[str, Any]:
        price = (cents if side is Side.BID else 100 - cents) * CENT
        self.ladder.put(side, price, size * ONE)
        self.changed = self.now
        changes = [self.change(outcome, side, price, size * ONE) for outcome in told]
        return {"market": "0xm", "price_changes": changes, **self.at, "event_type": "price_change"}

    def trade(self, cents: int, told: int) -> dict[str, Any]:
        self.last_trade = f"0.{cents}0"
        # One text for both outcomes' books, whichever was traded.
        return {
            "event_type": "last_trade_price",
            "asset_id": TOKENS[told],
            "price": f"0.{cents}",
            "size": "3",
            **self.at,
        }

    @property
    def at(self) -> dict[str, str]:
        return {"timestamp": f"{self.now // MS}"}


PUT = st.tuples(
    st.just("put"),
    st.sampled_from(Side),
    st.integers(38, 52),
    st.integers(0, 3),
    st.sampled_from([[0, 1]] * 5 + [[0], [1]]),
)
BOOK = st.tuples(st.just("book"), st.sampled_from([[0, 1]] * 4 + [[0], [1]]))
REST = st.tuples(st.just("rest"), st.sampled_from([[0, 1]] * 3 + [[0], [1]]))
QUOTE = st.tuples(st.just("quote"), st.integers(0, 1))
TRADE = st.tuples(st.just("trade"), st.integers(40, 44), st.integers(0, 1))
OTHER = st.sampled_from(
    [
        {"event_type": "tick_size_change", "asset_id": "1", "new_tick_size": "0.001", "timestamp": "1"},
        {"event_type": "market_resolved", "timestamp": "1", "assets_ids": ["1", "2"]},
        {"event_type": "best_bid_ask", "asset_id": "1", "best_bid": "0.4", "best_ask": "", "timestamp": "1"},
        {"event_type": "price_change", "timestamp": "1"},
        {"event_type": "news", "timestamp": "1"},
        [],
    ]
)
STEP = st.tuples(
    st.one_of(*[PUT] * 12, *[BOOK] * 3, *[QUOTE] * 2, *[REST] * 3, TRADE, OTHER, mutated(FRAMES)),
    st.sampled_from([MS] * 6 + [0, 60 * MS, 300 * MS, -5 * MS, 31_000 * MS]),
    st.sampled_from(["sent"] * 12 + ["lost", "wrong", "late", "hole", "twice", "anew", "odd", "best", "untold"]),
)


def sent(steps: list[Any]) -> Iterator[Arrived]:
    """The venue's frames without the lost ones."""
    venue, now, number, connection = Venue(), START, 0, 0
    for step, after, fate in [(("book", [0, 1]), MS, "sent"), *steps]:
        now += after
        venue.now = now if fate != "late" else venue.now
        payload = step if isinstance(step, bytes) else json.dumps(told(venue, step, fate)).encode()
        if isinstance(step, tuple) and step[0] == "rest":
            payload = wrapped(RestBooks("/books", now, payload))
        if fate == "anew":
            connection, number = connection + 1, 0
        number += {"lost": 0, "hole": 2}.get(fate, 1)
        if fate != "lost":
            yield Arrived(f"{connection}", number, now, payload)
        if fate == "twice":
            number += 1
            yield Arrived(f"{connection}", number, now, payload)


def told(venue: Venue, step: Any, fate: str) -> Any:
    if not isinstance(step, tuple):
        return step
    kind, *rest = step
    if kind == "book":
        return [venue.book(outcome) for outcome in rest[0]]
    if kind == "rest":
        time = {} if fate == "odd" else {"timestamp": f"{venue.changed // MS}"}
        books = [venue.book(outcome) | time for outcome in rest[0]]
        if fate == "wrong":
            books[0]["bids"] = books[0]["bids"][1:]
        return books
    message: dict[str, Any] = getattr(venue, kind)(*rest)
    if fate in ("wrong", "odd") and kind == "put":
        message["price_changes"][0]["hash"] = "0" * 40 if fate == "wrong" else "odd"
    elif fate == "best" and kind == "put":
        message["price_changes"][0] |= {"hash": "", "best_bid": "0.37"}
    elif fate == "untold" and kind == "put":
        message["price_changes"][-1] |= {"hash": "", "best_bid": None}
    elif fate == "best" and kind == "quote":
        message["best_ask"] = "0.99"
    return message


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compiles before hypothesis starts to trace, which makes compiling several times slower."""
    both("polymarket", [P], list(sent([])), 1)


@given(st.lists(STEP, max_size=25), st.integers(1, 9), st.sampled_from([FACTS, FACTS, Facts("0xm", "1", "0.01")]))
def test_polymarket_frames_have_the_same_books_compiled(steps: list[Any], chunk: int, facts: Facts) -> None:
    both("polymarket", [Instrument(P.instrument_id, P.tokens, START + 40_000 * MS, facts)], list(sent(steps)), chunk)


@given(st.lists(STEP, max_size=6), st.lists(mutated(FRAMES), max_size=6))
def test_polymarket_frames_are_the_same_columns_compiled(steps: list[Any], more: list[bytes]) -> None:
    payloads = [*(frame.payload for frame in sent(steps)), *more, b"PONG", b" PING", b"[]"]
    agree(columns, polymarket.read, ["1"], payloads)


def test_generated_streams_reach_valid_books_and_losses_found_by_hash() -> None:
    """The streams above reach the cases that they are meant for."""
    steps: list[Any] = [(("put", Side.BID, 40, 3, [0, 1]), MS, "sent"), (("put", Side.BID, 41, 2, [0, 1]), MS, "lost")]
    steps += [(("put", Side.ASK, 40, 1, [0, 1]), MS, "sent"), ([], 400 * MS, "sent")]
    kernel, found = both("polymarket", [P], list(sent(steps)), 100)
    assert (kernel.hashes(P.instrument_id)["hits"], kernel.hashes(P.instrument_id)["misses"]) == (4, 2)
    assert [row["reason"] for row in found["rows"]] == [None, None, None, "hash"]


PUTS: list[Any] = [(("put", Side.BID, 40 + n, 3, [0, 1]), MS, "sent") for n in range(3)]
LOST: list[Any] = [*PUTS, (("put", Side.BID, 44, 2, [0, 1]), MS, "lost")]


@pytest.mark.parametrize(
    ("steps", "counts", "reasons"),
    [
        ([*PUTS, (("rest", [0, 1]), 60 * MS, "sent")], {"equal": 2}, [None]),
        ([*PUTS, (("rest", [0]), 60 * MS, "wrong")], {"different": 1}, [None, "probe"]),
        ([*LOST, (("rest", [0]), 60 * MS, "sent")], {"later": 1}, [None, "probe"]),
        ([*PUTS, (("rest", [0]), 10 * MS, "wrong")], {"undecided": 1}, [None]),  # within a batch
        (
            # The rest book contains the change that was lost; the next one's hash makes the book valid.
            [
                *LOST,
                (("rest", [0, 1]), 60 * MS, "sent"),
                ([], 300 * MS, "sent"),
                (("rest", [0, 1]), MS, "sent"),
                (("put", Side.BID, 45, 1, [0, 1]), MS, "sent"),
            ],
            {"later": 2, "resynced": 2},
            [None, "probe", None],
        ),
        (
            # The buffered change is applied to the REST book, which is older.
            [
                *PUTS,
                (("put", Side.BID, 44, 2, [0, 1]), MS, "hole"),
                (("put", Side.BID, 45, 1, [0, 1]), MS, "sent"),
                (("rest", [0, 1]), MS, "sent"),
                (("put", Side.BID, 46, 1, [0, 1]), MS, "sent"),
            ],
            {"resynced": 2},
            [None, "lost_frames", None],
        ),
    ],
)
def test_rest_books_have_the_same_results_compiled(
    steps: list[Any], counts: dict[str, int], reasons: list[str | None]
) -> None:
    kernel, found = both("polymarket", [P], list(sent([*steps, ([], 400 * MS, "sent")])), 2)
    assert {name: n for name, n in kernel.counts.items() if name.startswith("probes_")} == {
        f"probes_{name}": n for name, n in counts.items()
    }
    shown = [row["reason"] for row in found["rows"] if row["instrument_id"] == P.instrument_id]
    assert [reason for n, reason in enumerate(shown) if n == 0 or reason != shown[n - 1]] == reasons


@pytest.mark.parametrize(
    ("broken", "reasons"),
    [
        (b'{"event_type": "price_change", "market": "0xo", "price_changes": [{"asset_id": "9", "pri', [None]),
        (b'{"event_type": "book", "asset_id": "9", "bids": [}', [None]),
        (b'{"event_type": "price_change", "price_changes": [{"asset_id": "2", "price": "0.4', [None, "unreadable"]),
        # A market's id is no name that was subscribed to, and behind a cut list may stand any market.
        (b'{"event_type": "price_change", "market": "0xo", "price_chan', [None, "unreadable"]),
        (b'[{"event_type": "book", "asset_id": "9", "bids": [', [None, "unreadable"]),
    ],
)
def test_an_unreadable_frame_of_other_tokens_invalidates_no_book(broken: bytes, reasons: list[str | None]) -> None:
    _, found = both("polymarket", [P], list(sent([(broken, 400 * MS, "sent"), ([], 400 * MS, "sent")])), 100)
    assert [row["reason"] for row in found["rows"]] == reasons


def unhashed_frames(steps: list[Any]) -> list[Arrived]:
    """The venue's frames, without hashes."""
    return [f._replace(payload=re.sub(rb'"hash": "\w{40}"', b'"hash": ""', f.payload)) for f in sent(steps)]


def test_best_prices_of_generated_streams_find_losses_without_hashes() -> None:
    steps: list[Any] = [(("put", Side.BID, 40 + n, 3, [0, 1]), MS, "sent") for n in range(4)]
    frames = unhashed_frames([*steps, (("quote", 0), 400 * MS, "sent")])
    _, found = both("polymarket", [P], frames, 100)
    assert {row["reason"] for row in found["rows"]} == {None}
    missing: list[Any] = [*steps, (("put", Side.ASK, 45, 1, [0, 1]), MS, "lost")]
    frames = unhashed_frames([*missing, (("put", Side.BID, 38, 1, [0, 1]), MS, "sent"), ([], 400 * MS, "sent")])
    _, found = both("polymarket", [P], frames, 100)
    assert found["rows"][-1]["reason"] == "best_prices"
    at = frames[-2].received_at + 300 * MS
    assert [(gap["reason"], gap["from_at"]) for gap in found["gaps"]][1:] == [("best_prices", at)]
    _, found = both("polymarket", [P], unhashed_frames([*missing, (("quote", 1), 100 * MS, "sent")]), 100)
    assert found["rows"][-1]["reason"] == "best_prices"


@entry
def _hashed(data: Any, state: Any, scratch: Any, words: Any) -> None:
    sha1.begin(state)
    end = 0
    for byte in data:
        if end == 128:
            end = sha1.drain(state, scratch, end, words)
        scratch[end] = byte
        end += 1
    sha1.finish(state, scratch, sha1.drain(state, scratch, end, words), words)


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1_000])
def test_the_compiled_hash_is_sha_1(length: int) -> None:
    data, state = bytes(n * 7 % 256 for n in range(length)), np.zeros(6, "u4")
    _hashed(np.frombuffer(bytearray(data), "u1"), state, np.zeros(256, "u1"), np.zeros(80, "u4"))
    expected = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    assert "".join(f"{word:08x}" for word in state[:5].tolist()) == expected
