"""Compiled rules and the machine agree on any input.

Belongs here: generated frames as bytes, with losses, repetitions, swaps, clock steps and damage.
``contract/test_compiled_replay.py`` replays recordings; ``test_book_machine.py`` tests the rules.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.streams.replayer import ByMachine, replayer, unfit
from echelon_pipeline.streams.segments import batch_of
from echelon_pipeline.venues.kalshi import stream as kalshi
from echelon_pipeline.venues.kalshi.fast import columns as kalshi_columns
from echelon_pipeline.venues.rest_books import RestBooks, wrapped
from echelon_pipeline_tests.book_streams import MS, START
from echelon_pipeline_tests.mutations import mutated
from echelon_pipeline_tests.replays import Arrived, agree, both, in_order
from echelon_pipeline_tests.unit.test_kalshi_stream import FRAMES as KALSHI_FRAMES

# One worker: machine code is made once for all of them.
pytestmark = pytest.mark.xdist_group("compiled")

TICKERS = st.sampled_from(["K", "K", "K", "L", "strange"])
TEXTS = st.sampled_from(["0.4200", "0.4300", "0.05", "0.999999", "0.000001", "00.5000000"])
SIZES = st.sampled_from(["1.00", "2", "0.000001", "1000000.5", "123456789012.000001"])
LEVELS = st.dictionaries(TEXTS, SIZES, max_size=6).map(lambda side: [list(level) for level in sorted(side.items())])
K = Instrument("kalshi:K", ("K",))
CLOSE_AT = START + 3_000 * MS


def framed(kind: str, msg: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"type": kind, "sid": 1, "seq": 0, **rest, "msg": msg}


KALSHI = st.one_of(
    st.builds(
        lambda ticker, yes, no, at: framed(
            "orderbook_snapshot", {"market_ticker": ticker, "yes_dollars_fp": yes, "no_dollars_fp": no, **at}
        ),
        *(TICKERS, LEVELS, LEVELS, st.sampled_from([{}, {"ts_ms": 5}])),
    ),
    st.builds(
        lambda ticker, side, price, by, at: framed(
            "orderbook_delta",
            {"market_ticker": ticker, "side": side, "price_dollars": price, "delta_fp": by}
            | ({"ts_ms": at} if at else {}),
        ),
        *(TICKERS, st.sampled_from(["yes", "no"]), TEXTS, st.sampled_from(["1.00", "2", "-1.00", "0.00", "-1000000"])),
        st.integers(0, 4),
    ),
    st.builds(lambda ticker: framed("orderbook_snapshot", {"market_ticker": ticker}), TICKERS),
    st.builds(
        lambda ticker, old: framed("orderbook_delta", {"market_ticker": ticker, "side": "yes", **old}),
        *(TICKERS, st.sampled_from([{"price": 42, "delta": 1}, {"price_dollars": "0.42", "delta": 1}, {"price": 0}])),
    ),
    st.builds(
        lambda ticker: framed("trade", {"market_ticker": ticker, "yes_price_dollars": "0.42", "count_fp": "1.00"}),
        TICKERS,
    ),
    st.builds(lambda sid: {"type": "subscribed", "id": 1, "msg": {"channel": "x", "sid": sid}}, st.integers(1, 2)),
    st.builds(
        lambda ticker, event: framed("market_lifecycle_v2", {"market_ticker": ticker, "event_type": event}, sid=4),
        *(TICKERS, st.sampled_from(["settled", "opened"])),
    ),
    st.builds(
        lambda ticker, yes, no: {
            "orderbooks": [{"ticker": ticker, "orderbook_fp": {"yes_dollars": yes, "no_dollars": no}}]
        },
        *(TICKERS, LEVELS, st.one_of(st.none(), LEVELS)),
    ),
    st.sampled_from(
        [
            framed("ok", {"market_tickers": ["K"]}),
            {"type": "unsubscribed", "sid": 1, "seq": 0},
            {"type": "error", "sid": 1, "msg": {"code": 25, "msg": "over"}},
            {"type": "error", "msg": {"code": 6, "msg": "no"}},
            framed("orderbook_delta", {"market_ticker": "K"}),
            framed("ticker", {"market_ticker": "K", "yes_bid_dollars": "", "yes_ask_dollars": "0.5"}, sid=2),
        ]
    ),
)
# What goes before a frame: how much time, how far its number and its subscription's jump, a new connection, spaces.
STEP = st.tuples(
    st.one_of(st.integers(0, 60 * MS), st.integers(-100 * MS, 400 * MS), st.sampled_from([31_000 * MS])),
    st.sampled_from([1] * 40 + [0, 2]),
    st.sampled_from([1] * 30 + [0, 2]),
    st.sampled_from([False] * 60 + [True]),
    st.booleans(),
)


def sent(steps: list[tuple[Any, tuple[int, int, int, bool, bool]]]) -> list[Arrived]:
    """The frames of a stream with correct numbers, except for the steps' faults."""
    now, number, connection, seqs = START, 0, 0, {0: 0}
    frames = []
    for message, (after, jump, skip, anew, spaces) in steps:
        now += after
        connection, number = (connection + 1, 0) if anew else (connection, number + jump)
        payload = message
        if isinstance(message, dict):
            sid = message.get("sid", 0)
            if "seq" in message:
                seqs[sid] = seqs.get(sid, 0) + skip
                message = {**message, "seq": seqs[sid]}
            payload = json.dumps(message, separators=None if spaces else (",", ":")).encode()
            if "orderbooks" in message:
                payload = wrapped(RestBooks("/markets/orderbooks", now, payload))
        frames.append(Arrived(f"{connection}", number, now, payload))
    return frames


STREAM = st.lists(st.tuples(st.one_of(*[KALSHI] * 9, mutated(KALSHI_FRAMES)), STEP), min_size=1, max_size=25)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compiles before hypothesis starts to trace, which makes compiling several times slower."""
    both("kalshi", [K], sent([(framed("ok", {}), (MS, 1, 1, False, False))]), 1)


@given(STREAM, st.integers(1, 9))
def test_kalshi_frames_have_the_same_books_compiled(stream: list[Any], chunk: int) -> None:
    watched = [Instrument("kalshi:K", ("K",), CLOSE_AT), Instrument("kalshi:L", ("L",))]
    both("kalshi", watched, sent(stream), chunk)


@given(
    st.lists(st.one_of(mutated(KALSHI_FRAMES), KALSHI.map(lambda m: json.dumps(m).encode())), min_size=1, max_size=8)
)
def test_kalshi_frames_are_the_same_columns_compiled(payloads: list[bytes]) -> None:
    agree(kalshi_columns, kalshi.read, ["K"], payloads)


def test_an_instrument_that_is_watched_again_is_unknown_until_its_next_snapshot() -> None:
    found = []
    for replay in (ByMachine("kalshi"), replayer("kalshi", [K])):
        both_sides = framed("orderbook_snapshot", {"market_ticker": "K", "yes_dollars_fp": [["0.42", "1"]]}, seq=1)
        frames = sent([(both_sides, (MS, 1, 1, False, False))])
        replay.watch(K, START)
        replay.feed("0", 1, batch_of([START + MS], [frames[0].payload]))
        replay.unwatch("kalshi:K", START + 100 * MS)
        replay.watch(Instrument("kalshi:L", ("L",)), START + 100 * MS)
        replay.watch(K, START + 100 * MS)
        replay.feed("0", 2, batch_of([START + 200 * MS], [frames[0].payload]))
        found.append(in_order(replay.finish(START + 300 * MS)))
    assert found[0] == found[1]
    assert [row["state"] for row in found[1]["rows"]] == ["unknown", "live", "unknown", "live", "unknown"]


def test_frames_of_a_connection_without_instruments_make_no_rows() -> None:
    book = framed("orderbook_snapshot", {"market_ticker": "K", "yes_dollars_fp": [["0.42", "1"]]})
    replay, found = both("kalshi", [], sent([(book, (MS, 1, 1, False, False))]), 1)
    assert not any(found.values())
    assert replay.event_counts == {"Snapshot": 1}


@pytest.mark.parametrize(
    "instruments",
    [
        [Instrument("a", ())],
        [Instrument("a", ("1", "2", "3"))],
        [Instrument("a", ("1", "1"))],
        [Instrument("a", ("1",)), Instrument("b", ("1",))],
    ],
)
def test_input_that_compiled_rules_do_not_support_goes_to_the_machine(instruments: list[Instrument]) -> None:
    assert unfit(instruments) is not None
    assert isinstance(replayer("kalshi", instruments), ByMachine)
