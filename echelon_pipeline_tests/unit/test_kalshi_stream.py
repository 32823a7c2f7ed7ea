"""Kalshi's frames, read: every generation, every type, and nothing that raises.

Belongs here: ``venues/kalshi/stream.py``. Recorded captures are in ``contract/test_kalshi_streams.py``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.books.events import (
    Acknowledged,
    Change,
    Ended,
    Message,
    Notice,
    Quoted,
    Refused,
    Side,
    Snapshot,
    Subscribed,
    SubscriptionLost,
    Traded,
    Unreadable,
)
from echelon_pipeline.domain.scaled import ONE
from echelon_pipeline.venues.kalshi.stream import read
from echelon_pipeline_tests.mutations import mutated
from echelon_pipeline_tests.unit.test_own_events import FILLS as OWN

AT_MS = 1760000000123
AT = AT_MS * 1000


def frame(kind: str, msg: object = None, **outer: object) -> bytes:
    return json.dumps({"type": kind, **outer} | ({} if msg is None else {"msg": msg})).encode()


def book(**sides: object) -> bytes:
    return frame("orderbook_snapshot", {"market_ticker": "K", "market_id": "u", **sides}, sid=2, seq=1)


def delta(**fields: object) -> bytes:
    return frame("orderbook_delta", {"market_ticker": "K", "side": "yes", "ts_ms": AT_MS, **fields}, sid=2, seq=3)


def only(payload: bytes, **options: bool) -> Any:
    (event,) = read(payload, **options).events
    return event


LADDER = Snapshot("K", ((420_000, 13 * ONE),), ((440_000, 17 * ONE),))


@pytest.mark.parametrize(
    "sides",
    [
        {"yes_dollars_fp": [["0.4200", "13.00"]], "no_dollars_fp": [["0.5600", "17.00"]]},
        {"yes_dollars": [["0.42", 13]], "no_dollars": [["0.56", 17]]},
        {"yes": [[42, 13]], "no": [[56, 17]]},
        {"yes": [[42, 13]], "no": [[56, 17]], "yes_dollars": [["0.42", 13]], "no_dollars": [["0.56", 17]]},
        {"yes": [[42, 13]], "yes_dollars_fp": [["0.4200", "13.00"]], "no_dollars_fp": [["0.5600", "17.00"]]},
    ],
)
def test_a_snapshot_of_any_generation_is_the_same_ladder_on_the_axis_of_yes(sides: dict[str, object]) -> None:
    assert read(book(**sides)) == Message((LADDER,), 2, 1)


def test_a_side_without_a_key_is_empty() -> None:
    assert only(book()) == Snapshot("K", (), ())
    assert only(book(yes_dollars_fp=[["0.0010", "0.01"]])) == Snapshot("K", ((1_000, 10_000),), ())


def test_no_levels_are_asks_at_what_is_left_of_a_dollar_unless_priced_as_yes() -> None:
    no = book(no_dollars_fp=[["0.5600", "17.00"]])
    assert only(no).asks == ((440_000, 17 * ONE),)
    assert only(no, yes_priced=True).asks == ((560_000, 17 * ONE),)
    change = delta(side="no", price_dollars="0.5600", delta_fp="-1.00")
    assert only(change).price == 440_000
    assert only(change, yes_priced=True).price == 560_000


@pytest.mark.parametrize(
    "fields",
    [
        {"price_dollars": "0.9600", "delta_fp": "-54.00"},
        {"price": 96, "delta": -54},
        {"price": 96, "price_dollars": "0.96", "delta": -54, "delta_fp": "-54.00"},
    ],
)
def test_a_delta_of_any_generation_is_the_same_change(fields: dict[str, object]) -> None:
    change = Change("K", Side.BID, 960_000, -54 * ONE, relative=True, at=AT)
    assert read(delta(**fields)) == Message((change,), 2, 3)


def test_parts_of_cents_and_contracts_beside_whole_ones_are_told_by_the_finer_key() -> None:
    event = only(delta(price=96, price_dollars="0.9650", delta=3, delta_fp="3.07"))
    assert (event.price, event.size) == (965_000, 3_070_000)
    ladder = only(book(yes=[[1, 2]], yes_dollars_fp=[["0.0150", "2.50"]]))
    assert ladder.bids == ((15_000, 2_500_000),)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (delta(price=96, price_dollars="0.9500", delta_fp="1.00"), "two encodings of price disagree"),
        (delta(price_dollars="0.9500", delta_fp="1.00", delta=2), "two encodings of delta disagree"),
        (delta(delta_fp="1.00"), "no price"),
        (delta(price_dollars="0.9500"), "no delta"),
        (delta(price_dollars="1.0000", delta_fp="1.00"), "between 0 and 1"),
        (delta(price=0, delta=1), "between 0 and 1"),
        (delta(price_dollars="0.95000001", delta_fp="1.00"), "not a decimal"),
        (delta(price_dollars="0.9500", delta_fp="1.00", side="maybe"), "unknown side"),
        (book(yes_dollars_fp=[["0.1", "1"], ["0.10", "2"]]), "twice"),
        (book(yes_dollars_fp=[["0.1", "0.00"]]), "no size"),
        (book(yes_dollars_fp=[["0.1", "1"]], yes=[[10, 1], [11, 1]]), "numbers of levels"),
        (book(yes_dollars_fp=[["0.1", "1"]], yes=[[12, 1]]), "disagree"),
        (book(yes_dollars_fp=[["0.1", "1", "2"]]), "Expected"),
        (book(yes_dollars_fp="all"), "Expected"),
    ],
)
def test_a_book_frame_that_cannot_be_read_keeps_its_number_its_ticker_and_its_bytes(payload: bytes, why: str) -> None:
    message = read(payload)
    (event,) = message.events
    assert isinstance(event, Unreadable)
    assert why in event.reason
    assert (event.payload, event.affects_book, event.token) == (payload, True, "K")
    assert message.sid == 2
    assert message.seq is not None


def test_a_trade_of_either_generation_says_who_took() -> None:
    new = {"yes_price_dollars": "0.4300", "count_fp": "5.00", "taker_outcome_side": "no", "ts_ms": AT_MS}
    old = {"yes_price": 43, "count": 5, "taker_side": "no", "ts": AT_MS // 1000}
    said = {"market_ticker": "K", "trade_id": "t"}
    trade = Traded("K", 430_000, 5 * ONE, False, "t", AT)
    assert read(frame("trade", said | new, sid=3, seq=9)) == Message((trade,), 3, 9)
    assert only(frame("trade", said | old)) == Traded("K", 430_000, 5 * ONE, False, "t", AT // ONE * ONE)
    assert only(frame("trade", said | new | {"taker_outcome_side": None, "is_block_trade": True})).is_block


@pytest.mark.parametrize(
    ("said", "buys"),
    [
        ({"taker_outcome_side": "NO", "taker_side": "yes"}, False),
        ({"taker_outcome_side": "", "taker_side": None, "taker_book_side": "ask"}, False),
        ({"taker_book_side": "bid"}, True),
        ({"taker_book_side": "yes"}, None),
        ({"taker_outcome_side": "maybe", "taker_book_side": "bid"}, None),
        ({}, None),
    ],
)
def test_the_first_side_that_a_trade_names_says_who_took(said: dict[str, str | None], buys: bool | None) -> None:
    trade = only(frame("trade", {"market_ticker": "K", "yes_price_dollars": "0.43", "count_fp": "5", **said}))
    assert isinstance(trade, Traded)
    assert trade.buys is buys


def test_a_ticker_is_a_quote_and_0_and_1_are_none() -> None:
    said = {"yes_bid_dollars": "0.4200", "yes_ask_dollars": "1.0000", "yes_bid_size_fp": "13.00", "ts_ms": AT_MS}
    quote = Quoted("K", 420_000, None, 13 * ONE, None, AT)
    assert only(frame("ticker", {"market_ticker": "K"} | said, sid=1)) == quote
    assert only(frame("ticker", {"market_ticker": "K", "yes_bid": 0, "yes_ask": 44})) == Quoted("K", None, 440_000)


@pytest.mark.parametrize("word", ["determined", "settled"])
def test_a_market_that_is_decided_has_ended(word: str) -> None:
    payload = frame("market_lifecycle_v2", {"event_type": word, "market_ticker": "K"}, sid=4, seq=2)
    assert read(payload).events == (Notice("market_lifecycle_v2", "K", payload), Ended("K"))


@pytest.mark.parametrize("word", ["created", "activated", "deactivated", "close_date_updated"])
def test_a_market_that_only_pauses_has_not(word: str) -> None:
    payload = frame("market_lifecycle_v2", {"event_type": word, "market_ticker": "K"}, sid=4, seq=2)
    assert only(payload) == Notice("market_lifecycle_v2", "K", payload)


@pytest.mark.parametrize(
    "kind",
    [
        *("event_lifecycle", "event_fee_update", "multivariate_market_lifecycle", "rfq_created", "rfq_deleted"),
        *("cfbenchmarks_value", "cfbenchmarks_value_5hz", "pyth_value"),
    ],
)
def test_what_touches_no_book_is_kept_as_served(kind: str) -> None:
    payload = frame(kind, {"event_ticker": "E"}, sid=4, seq=2)
    assert read(payload) == Message((Notice(kind, None, payload),), 4, 2)


def test_answers_to_commands_are_read_and_keep_their_numbers() -> None:
    assert only(frame("subscribed", {"channel": "ticker", "sid": 5}, id=1)) == Subscribed("ticker", 5)
    assert read(frame("ok", {"market_tickers": ["K"]}, id=2, sid=5, seq=7)) == Message((Acknowledged("ok"),), 5, 7)
    assert only(frame("ok", [{"channel": "ticker", "sid": 5}], id=3)) == Acknowledged("ok")
    assert read(frame("unsubscribed", id=2, sid=5, seq=8)) == Message((SubscriptionLost("unsubscribed"),), 5, 8)
    assert only(frame("error", {"code": 6, "msg": "again"}, id=1)) == Refused(6, "again")


@pytest.mark.parametrize("code", [10, 25])
def test_an_error_of_the_channel_ends_the_subscription(code: int) -> None:
    payload = frame("error", {"code": code, "msg": "over"}, sid=5, seq=9)
    assert read(payload) == Message((Refused(code, "over"), SubscriptionLost("over")), 5, 9)


def test_a_type_nobody_knows_is_kept_and_doubts_no_book() -> None:
    payload = frame("weather", {"market_ticker": "K"}, sid=1, seq=4)
    assert read(payload) == Message((Unreadable(payload, "unknown type 'weather'", affects_book=False),), 1, 4)


DEEP = b"[" * 5_000 + b"]" * 5_000


@pytest.mark.parametrize(
    ("payload", "affects_book"),
    [
        (b"null", False),
        (b"[]", False),
        (b"{}", False),
        (b'{"type":1}', False),
        (b'{"type":1,"msg":{"market_ticker":"K"}}', True),
        (b'{"type":"ok"', False),
        (b'{"type":"orderbook_delta"', True),
        (b'{"type":"event_lifecycle","msg":' + DEEP + b"}", False),
        (b'{"type":"trade","sid":"one","msg":{}}', False),
    ],
)
def test_a_message_that_carries_no_book_doubts_none_however_broken(payload: bytes, affects_book: bool) -> None:
    (event,) = read(payload).events
    assert isinstance(event, Unreadable)
    assert (event.payload, event.affects_book) == (payload, affects_book)


@pytest.mark.parametrize("odd", [{"ts_ms": "soon"}, {"event_type": 7}, {"side": None}, {"client_order_id": "\x00"}])
def test_whatever_is_odd_in_a_change_its_ticker_is_the_only_one_in_doubt(odd: dict[str, object]) -> None:
    message = read(delta(**{"price_dollars": "odd", "delta_fp": "1.00", **odd}))
    (event,) = message.events
    assert isinstance(event, Unreadable)
    assert (event.affects_book, event.token, message.sid, message.seq) == (True, "K", 2, read(delta()).seq)


def test_a_frame_that_was_cut_doubts_the_market_that_it_names() -> None:
    (event,) = read(b'{"type":"orderbook_delta","sid":2,"msg":{"market_ticker":"L","price_dol').events
    assert isinstance(event, Unreadable)
    assert (event.affects_book, event.token) == (True, "L")
    (event,) = read(b'{"type":"orderbook_delta","sid":2,"msg":{"market_ticker":"L').events
    assert isinstance(event, Unreadable)
    assert (event.affects_book, event.token) == (True, None)


def test_an_odd_envelope_keeps_its_number() -> None:
    payload = b'{"type":["orderbook_delta"],"sid":2,"seq":7,"msg":{"market_ticker":"L"}}'
    message = read(payload)
    (event,) = message.events
    assert isinstance(event, Unreadable)
    assert (event.affects_book, event.token, message.sid, message.seq) == (True, "L", 2, 7)


@pytest.mark.parametrize("half", [r"cut \ud83d", r"\uDE00 cut"])
def test_half_of_a_character_makes_no_frame_unreadable(half: str) -> None:
    """JavaScript writes it where it cuts an emoji; the grammar of JSON allows it."""
    payload = frame("market_lifecycle_v2", {"event_type": "created", "market_ticker": "K", "t": "HERE"}, sid=4, seq=2)
    message = read(payload.replace(b"HERE", half.encode()))
    (event,) = message.events
    assert isinstance(event, Notice)
    assert (event.token, message.sid, message.seq) == ("K", 4, 2)


@pytest.mark.parametrize("payload", [b"", b"\xff\xfe", b"PONG", b"[" * 100_000, b'{"ty'])
def test_a_frame_that_is_no_message_may_have_been_about_any_book(payload: bytes) -> None:
    (event,) = read(payload).events
    assert isinstance(event, Unreadable)
    assert (event.payload, event.affects_book, event.token) == (payload, True, None)


FRAMES = [
    book(yes_dollars_fp=[["0.4200", "13.00"]], no_dollars_fp=[["0.5600", "17.00"]]),
    book(yes=[[42, 13]], no=[[56, 17]]),
    delta(price_dollars="0.9600", delta_fp="-54.00"),
    frame("trade", {"market_ticker": "K", "yes_price_dollars": "0.43", "count_fp": "5.00", "ts_ms": AT_MS}, seq=1),
    frame("ticker", {"market_ticker": "K", "yes_bid": 42, "yes_ask": 44, "ts": 1}, sid=1),
    frame("market_lifecycle_v2", {"event_type": "settled", "market_ticker": "K"}, sid=4, seq=2),
    frame("error", {"code": 10, "msg": "over"}, sid=5),
    frame("subscribed", {"channel": "ticker", "sid": 5}),
    *OWN,
]


@given(mutated(FRAMES), st.booleans())
def test_a_damaged_frame_never_raises_and_is_kept_where_it_cannot_be_read(payload: bytes, yes_priced: bool) -> None:
    events = read(payload, yes_priced=yes_priced).events
    assert events
    assert all(event.payload == payload for event in events if isinstance(event, Unreadable))
    for event in events:
        if isinstance(event, Snapshot):
            assert all(0 < price < ONE and size > 0 for price, size in (*event.bids, *event.asks))
        elif isinstance(event, Change):
            assert 0 < event.price < ONE
