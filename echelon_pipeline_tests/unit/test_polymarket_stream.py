"""Polymarket's frames, read: every generation, every type, and nothing that raises.

Belongs here: ``venues/polymarket/stream.py``. Recorded captures are in ``contract/test_polymarket_streams.py``.
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
    Event,
    Facts,
    Notice,
    Quoted,
    Side,
    Snapshot,
    SuspectLadder,
    TickSize,
    Traded,
    Unreadable,
)
from echelon_pipeline.domain.scaled import ONE
from echelon_pipeline.venues.polymarket.stream import NO_BOOK, read, read_books
from echelon_pipeline_tests.mutations import mutated
from echelon_pipeline_tests.unit.test_own_events import TRADES as OWN

AT_MS = "1778204225252"
AT = int(AT_MS) * 1000


def said(kind: str | None, **fields: object) -> dict[str, Any]:
    head = {} if kind is None else {"event_type": kind}
    return {**head, "market": "0xm", "asset_id": "1", "timestamp": AT_MS, **fields}


def events(value: object) -> tuple[Event, ...]:
    return read(json.dumps(value).encode()).events


def only(value: object) -> Any:
    (event,) = events(value)
    return event


LEVELS = {"bids": [{"price": "0.1", "size": "5"}], "asks": [{"price": "0.2", "size": "2.5"}]}
BOOK = said("book", hash="h", **LEVELS)
CHANGE = {"price": "0.15", "size": "503.32", "side": "SELL"}
CHANGED = Change("1", Side.ASK, 150_000, 503_320_000, relative=False, at=AT, hash="h")


def test_a_book_is_a_snapshot_with_what_it_says_of_its_market() -> None:
    facts = Facts("0xm", None, "0.01", None, "")
    ladder = ((100_000, 5 * ONE),), ((200_000, 2_500_000),)
    assert only(BOOK | {"tick_size": "0.01", "last_trade_price": ""}) == Snapshot("1", *ladder, AT, "h", facts)
    assert only(BOOK).facts == Facts("0xm")


def test_an_answer_of_the_book_endpoint_is_a_snapshot_that_was_asked_for() -> None:
    answer = said(
        None, hash="h", min_order_size="5", neg_risk=True, tick_size="0.01", last_trade_price="0.850", **LEVELS
    )
    for body in (answer, [answer]):
        (snapshot,) = read_books(json.dumps(body).encode()).events
        assert isinstance(snapshot, Snapshot)
        assert snapshot.rest
        assert snapshot.facts == Facts("0xm", "5", "0.01", True, "0.850")


@pytest.mark.parametrize(
    "message",
    [
        {"market": "0xm", "timestamp": AT_MS, "price_changes": [{**CHANGE, "asset_id": "1", "hash": "h"}]},
        {"market": "0xm", "timestamp": AT_MS, "price_changes": [{**CHANGE, "token_id": "1", "hash": "h"}]},
        {"market": "0xm", "timestamp": AT_MS, "asset_id": "1", "hash": "h", "changes": [CHANGE]},
        {"market": "0xm", "timestamp": AT_MS, "asset_id": "1", "hash": "h", **CHANGE},
    ],
)
def test_a_change_of_any_generation_is_the_same_change(message: dict[str, object]) -> None:
    assert only({"event_type": "price_change", **message}) == CHANGED
    assert only([{"event_type": "price_change", **message}]) == CHANGED


@pytest.mark.parametrize(
    ("bid", "ask", "found"),
    [
        ("0.4", "0.5", (400_000, 500_000)),
        (".4", ".50", (400_000, 500_000)),
        ("0", "1", (0, 0)),
        ("", "", (0, 0)),
        (None, None, (None, None)),
    ],
)
def test_a_change_says_the_best_prices_after_it(bid: str | None, ask: str | None, found: tuple[int, int]) -> None:
    change = {**CHANGE, "asset_id": "1", "best_bid": bid, "best_ask": ask}
    event = only({"event_type": "price_change", "timestamp": AT_MS, "price_changes": [change]})
    assert (event.best_bid, event.best_ask) == found


def test_an_empty_hash_is_no_hash() -> None:
    assert only(BOOK | {"hash": ""}).hash is None
    change = {**CHANGE, "asset_id": "1", "hash": ""}
    assert only({"event_type": "price_change", "timestamp": AT_MS, "price_changes": [change]}).hash is None


def test_one_message_changes_both_tokens_in_its_order() -> None:
    changes = [{**CHANGE, "asset_id": t, "side": s, "hash": t} for t, s in (("1", "SELL"), ("2", "BUY"), ("1", "BUY"))]
    found = events({"event_type": "price_change", "timestamp": AT_MS, "price_changes": changes})
    assert [(e.token, e.side, e.hash) for e in found if isinstance(e, Change)] == [
        ("1", Side.ASK, "1"),
        ("2", Side.BID, "2"),
        ("1", Side.BID, "1"),
    ]


def test_other_types_become_events_of_their_own() -> None:
    tick = said("tick_size_change", old_tick_size="0.01", new_tick_size="0.001")
    assert only(tick) == TickSize("1", "0.001", AT)
    trade = said("last_trade_price", price="0.491", size="85.36", side="SELL", fee_rate_bps="", transaction_hash="0xt")
    assert only(trade) == Traded("1", 491_000, 85_360_000, False, "0xt", AT)
    assert only(said("best_bid_ask", best_bid="0.4", best_ask="", spread="")) == Quoted("1", 400_000, None, at=AT)
    for kind, ends in (("new_market", ()), ("market_resolved", (Ended("1", AT), Ended("2", AT)))):
        message = {"event_type": kind, "timestamp": AT_MS, "assets_ids": ["1", "2"], "winning_asset_id": "1"}
        assert events(message) == (Notice(kind, None, json.dumps(message).encode(), AT), *ends)


@pytest.mark.parametrize(
    ("payload", "kind"), [(b"PONG", "PONG"), (b" PONG\n", "PONG"), (b"[]", NO_BOOK), (b"[ ]", NO_BOOK)]
)
def test_keep_alives_and_answers_without_a_book_are_no_events_of_one(payload: bytes, kind: str) -> None:
    assert read(payload).events == (Acknowledged(kind),)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (BOOK | {"bids": None}, "Expected"),
        (BOOK | {"timestamp": "soon"}, "milliseconds"),
        (BOOK | {"timestamp": "-5"}, "milliseconds"),
        (BOOK | {"bids": [{"price": "0.1", "size": "0"}]}, "no size"),
        (BOOK | {"bids": [{"price": "0.1", "size": "1"}, {"price": "0.10", "size": "1"}]}, "twice"),
        (BOOK | {"asks": [{"price": "1", "size": "1"}]}, "between 0 and 1"),
        (BOOK | {"tick_size": "fine"}, "not a decimal"),
        (said("price_change", price_changes=None), "no changes"),
        (said("price_change", changes=[CHANGE | {"size": "-1"}]), "0 or more"),
        (said("price_change", changes=[CHANGE | {"side": "HOLD"}]), "unknown side"),
        (said("tick_size_change", new_tick_size="2"), "0..1"),
    ],
)
def test_a_book_frame_that_cannot_be_read_doubts_its_token(message: dict[str, object], why: str) -> None:
    event = only(message)
    assert isinstance(event, Unreadable)
    assert why in event.reason
    assert (event.payload, event.affects_book, event.token) == (json.dumps(message).encode(), True, "1")


def test_one_broken_change_breaks_its_message_and_none_beside_it() -> None:
    broken = {"event_type": "price_change", "timestamp": AT_MS, "price_changes": [{**CHANGE, "asset_id": "1"}, {}]}
    first, second = events([broken, BOOK])
    assert (type(first), type(second)) == (Unreadable, Snapshot)
    assert isinstance(first, Unreadable)
    assert (first.token, first.affects_book) == (None, True)


@pytest.mark.parametrize(
    ("message", "affects_book"),
    [
        (said("weather"), False),
        (said("last_trade_price", price="2", size="1"), False),
        (said("best_bid_ask", best_bid="-1"), False),
        ({"market": "0xm"}, False),
        ({"message": "INVALID OPERATION"}, False),
        ({"market": "0xm", "bids": []}, True),
        ({"event_type": 7, "asset_id": "1"}, True),
        ({"event_type": "book", "market": "0xm"}, True),
        ({"event_type": "price_change", "price_changes": [7]}, True),
        ([[BOOK]], True),
        (7, False),
        (None, False),
        ("book", False),
        ({}, False),
    ],
)
def test_what_is_surely_about_no_book_doubts_none(message: object, affects_book: bool) -> None:
    event = only(message)
    assert isinstance(event, Unreadable)
    assert event.affects_book == affects_book


NEW_MARKET = b'{"event_type":"new_market","timestamp":"1","question":"%b"}'
DEEP = b"[" * 5_000 + b"]" * 5_000


@pytest.mark.parametrize(
    "payload",
    [
        NEW_MARKET.replace(b'"%b"', DEEP),
        NEW_MARKET[:-8],
        b'{"event_type":"news","x":' + DEEP + b"}",
        b'{"event_type":"best_bid_ask"',
    ],
)
def test_a_message_that_carries_no_book_doubts_none_however_broken(payload: bytes) -> None:
    """New markets are broadcast to everybody."""
    (event,) = read(payload).events
    assert isinstance(event, Unreadable)
    assert (event.payload, event.affects_book) == (payload, False)


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        (b'{"event_type":"price_change","price_changes":[{"asset_id":"9","price":"0.', ["9"]),
        (b'{"event_type":"price_change","price_changes":[{"asset_id":"9"},{"asset_id":"8"},{"asse', ["9", "8"]),
        (b'{"event_type":"book","asset_id":"9","bids":[{"price":"0.1"', ["9"]),
        (b'{"event_type":"book","asset_id":"9', []),
        (b'{"event_type":"book","asset_id":"1\\u0030","bids":[', []),
    ],
)
def test_a_frame_that_was_cut_doubts_the_market_that_it_names(payload: bytes, names: list[str]) -> None:
    first, *more = read(payload).events
    assert isinstance(first, Unreadable)
    assert (first.affects_book, first.token) == (True, names[0] if names else None)
    assert more == [SuspectLadder(name) for name in names[1:]]


@pytest.mark.parametrize("half", [rb"cut \ud83d", rb"\uDE00 cut", rb"\ud83d\ud83d\ude00", rb"\\\ud83d"])
def test_half_of_a_character_makes_no_frame_unreadable(half: bytes) -> None:
    """JavaScript writes it where it cuts an emoji; the grammar of JSON allows it."""
    (event,) = read(NEW_MARKET % half).events
    assert isinstance(event, Notice)
    assert (event.kind, event.at) == ("new_market", 1_000)
    assert b"\\ufffd" in event.payload
    whole = json.dumps(BOOK).encode()
    cut = whole[:-1] + b', "x": "%b"}' % half
    assert read(cut) == read(whole)
    assert read(b"[%b,%b]" % (cut, NEW_MARKET % half)).events == (*read(whole).events, event)


@pytest.mark.parametrize("whole", [rb"\ud83d\ude00", rb"\\ud83d", rb"\n\u00e9"])
def test_what_is_no_half_is_kept_as_served(whole: bytes) -> None:
    (event,) = read(NEW_MARKET % whole).events
    assert isinstance(event, Notice)
    assert event.payload == NEW_MARKET % whole


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        (["1"], ["1"]),
        (["1", "2", "1"], ["1", "2"]),
        (["9", "8", "7"], ["9", "8", "7"]),
        (["1", None], None),
        (["1", 7], None),
        (["1", ""], None),
        (["1", "\ufffd"], None),
    ],
)
def test_an_unreadable_message_doubts_all_tokens_that_it_names_or_any(
    changes: list[Any], names: list[str] | None
) -> None:
    message = {"event_type": "price_change", "timestamp": AT_MS}
    message["price_changes"] = [{**CHANGE, "asset_id": name, "price": "odd"} for name in changes]  # type: ignore[assignment]
    first, *more = events(message)
    assert isinstance(first, Unreadable)
    assert (first.affects_book, first.token) == (True, names[0] if names else None)
    assert more == [SuspectLadder(name) for name in (names or [])[1:]]


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\xfe", b"pong", b"[" * 100_000, b"[{]", b'{"event_type":"book"', b'{"even']
)
def test_a_frame_that_is_no_message_may_have_been_about_any_book(payload: bytes) -> None:
    (event,) = read(payload).events
    assert isinstance(event, Unreadable)
    assert (event.payload, event.affects_book, event.token) == (payload, True, None)


FRAMES = [
    json.dumps(message).encode()
    for message in (
        *(BOOK, [BOOK, BOOK], {**BOOK, "tick_size": "0.01", "last_trade_price": "0.150"}),
        said("price_change", price_changes=[{**CHANGE, "asset_id": "1", "hash": "h"}]),
        said("price_change", changes=[CHANGE], hash="h"),
        said("price_change", **CHANGE, hash="h"),
        said("tick_size_change", old_tick_size="0.01", new_tick_size="0.001"),
        said("last_trade_price", price="0.491", size="85.36", side="SELL"),
        said("best_bid_ask", best_bid="0.4", best_ask="0.5"),
        {"event_type": "market_resolved", "timestamp": AT_MS, "assets_ids": ["1", "2"]},
    )
] + OWN[-1:]


@given(mutated(FRAMES), st.sampled_from([read, read_books]))
def test_a_damaged_frame_never_raises_and_is_kept_where_it_cannot_be_read(payload: bytes, reader: Any) -> None:
    found = reader(payload).events
    assert found
    assert all(event.payload in payload for event in found if isinstance(event, Unreadable))
    for event in found:
        if isinstance(event, Snapshot):
            assert all(0 < price < ONE and size > 0 for price, size in (*event.bids, *event.asks))
        elif isinstance(event, Change):
            assert 0 < event.price < ONE
            assert event.size >= 0
