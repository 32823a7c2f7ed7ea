"""What venues tell an account about itself, read: exact, in one direction's words, and nothing that raises.

Belongs here: ``venues/*/own.py`` and ``venues/kalshi/quotes.py``, by the examples of the venues' specifications.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import (
    Event,
    Frame,
    Message,
    OwnFill,
    OwnNote,
    OwnOrder,
    OwnPosition,
    Quoted,
    Unreadable,
)
from echelon_pipeline.books.machine import Machine
from echelon_pipeline.domain.scaled import ONE, decimal_text
from echelon_pipeline.venues.kalshi import quotes
from echelon_pipeline.venues.kalshi import stream as kalshi
from echelon_pipeline.venues.polymarket import stream as polymarket
from echelon_pipeline_tests.mutations import mutated

SECOND = 1_000_000
TICKER = "HIGHNY-22DEC23-B53.5"
# Kalshi: the examples of asyncapi.yaml 2.0.0 with the members that its schemas require.
FILL: dict[str, Any] = {
    "trade_id": "d91bc706-ee49-470d-82d8-11418bda6fed",
    "order_id": "ee587a1c-8b87-4dcf-b721-9f6f790619fa",
    "market_ticker": TICKER,
    "is_taker": True,
    "side": "yes",
    "yes_price_dollars": "0.750",
    "count_fp": "278.00",
    "fee_cost": "0.0344",
    "action": "buy",
    "outcome_side": "yes",
    "book_side": "bid",
    "ts": 1671899397,
    "ts_ms": 1671899397000,
    "post_position_fp": "500.00",
    "purchased_side": "yes",
    "subaccount": 3,
}
ORDER: dict[str, Any] = {
    "order_id": "ee587a1c-8b87-4dcf-b721-9f6f790619fa",
    "user_id": "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
    "ticker": "FED-23DEC-T3.00",
    "status": "resting",
    "side": "yes",
    "is_yes": True,
    "yes_price_dollars": "0.3500",
    "fill_count_fp": "0.00",
    "remaining_count_fp": "10.00",
    "initial_count_fp": "10.00",
    "taker_fill_cost_dollars": "0.0000",
    "maker_fill_cost_dollars": "0.0000",
    "client_order_id": "my-order-1",
    "created_ts_ms": 1733047200000,
}
MOST_FEES = {"taker_fees_dollars": "999999999999.999999", "maker_fees_dollars": "0.000001"}
POSITION: dict[str, Any] = {
    "user_id": "user123",
    "market_ticker": "FED-23DEC-T3.00",
    "position_fp": "100.00",
    "position_cost_dollars": "50.0000",
    "realized_pnl_dollars": "10.0000",
    "fees_paid_dollars": "1.0000",
    "position_fee_cost_dollars": "0.5000",
    "volume_fp": "15.00",
}
TICK: dict[str, Any] = {
    "market_ticker": "FED-23DEC-T3.00",
    "price_dollars": "0.480",
    "yes_bid_dollars": "0.450",
    "yes_ask_dollars": "0.530",
    "volume_fp": "33896.00",
    "open_interest_fp": "20422.00",
    "dollar_volume": 16948,
    "yes_bid_size_fp": "300.00",
    "yes_ask_size_fp": "150.00",
    "ts_ms": 1669149841000,
}
# Polymarket: the members that its clients read (reference: section 5.4), times as its documentation has them.
MINE, THEIRS = "9180014b-33c8-9240-a14b-bdca11c0a465", "77777777-0000-0000-0000-000000000000"
PLACED: dict[str, Any] = {
    "event_type": "order",
    "asset_id": "11",
    "associate_trades": None,
    "id": "0xff354cd7",
    "market": "0xbd31",
    "order_owner": MINE,
    "original_size": "10",
    "outcome": "YES",
    "owner": MINE,
    "price": "0.57",
    "side": "SELL",
    "size_matched": "2.5",
    "timestamp": "1672290687",
    "type": "UPDATE",
    "status": "LIVE",
}
MAKER: dict[str, Any] = {
    "asset_id": "11",
    "matched_amount": "10",
    "order_id": "0xmaker",
    "outcome": "YES",
    "owner": MINE,
    "price": "0.57",
}
TRADE: dict[str, Any] = {
    "event_type": "trade",
    "asset_id": "11",
    "id": "28c4d2eb",
    "last_update": "1672290701",
    "maker_orders": [MAKER],
    "market": "0xbd31",
    "matchtime": "1672290701",
    "outcome": "YES",
    "owner": MINE,
    "price": "0.58",
    "side": "BUY",
    "size": "30",
    "status": "MATCHED",
    "taker_order_id": "0xtaker",
    "timestamp": "1672290701123",
    "trade_owner": THEIRS,
    "type": "TRADE",
}


def kalshi_frame(kind: str, msg: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "sid": 13, "msg": msg}).encode()


def kalshi_event(kind: str, msg: dict[str, Any]) -> tuple[Any, bytes]:
    payload = kalshi_frame(kind, msg)
    (event,) = kalshi.read(payload).events
    return event, payload


def polymarket_events(message: dict[str, Any]) -> tuple[tuple[Event, ...], bytes]:
    payload = json.dumps(message).encode()
    return polymarket.read(payload).events, payload


def test_a_kalshi_fill_is_told_on_the_axis_of_yes() -> None:
    event, payload = kalshi_event("fill", FILL)
    assert event == OwnFill(
        *(TICKER, TICKER, FILL["order_id"], FILL["trade_id"]),
        price=750_000,
        size=278 * ONE,
        buys=True,
        is_maker=False,
        payload=payload,
        at=1671899397 * SECOND,
        fee=34_400,
    )
    event, payload = kalshi_event("fill", FILL | {"outcome_side": "no", "book_side": "ask", "is_taker": False})
    assert (event.buys, event.price, event.is_maker) == (False, 750_000, True)


@pytest.mark.parametrize(
    ("action", "side", "buys"),
    [("buy", "yes", True), ("sell", "no", True), ("buy", "no", False), ("sell", "yes", False)],
)
def test_a_fill_of_the_older_names_has_the_same_direction(action: str, side: str, buys: bool) -> None:
    old = {k: v for k, v in FILL.items() if k not in ("outcome_side", "book_side", "ts_ms")}
    event, _ = kalshi_event("fill", old | {"action": action, "side": side})
    assert (event.buys, event.at) == (buys, 1671899397 * SECOND)


def test_a_kalshi_order_says_how_far_it_is_filled_and_what_it_cost() -> None:
    event, payload = kalshi_event("user_order", ORDER)
    assert event == OwnOrder(
        *("FED-23DEC-T3.00", "FED-23DEC-T3.00", ORDER["order_id"], payload, 1733047200 * SECOND),
        status="resting",
        buys=True,
        price=350_000,
        size=10 * ONE,
        filled=0,
        remaining=10 * ONE,
        client_order_id="my-order-1",
    )
    fees = {"taker_fees_dollars": "0.0210", "maker_fees_dollars": "0.0011", "last_updated_ts_ms": 1733047201500}
    event, _ = kalshi_event("user_order", ORDER | fees | {"status": "executed", "outcome_side": "no"})
    told = (event.fee, event.at, event.status, event.buys)
    assert told == (22_100, 1733047201 * SECOND + 500_000, "executed", False)


def test_a_short_position_is_less_than_nothing() -> None:
    event, payload = kalshi_event("market_position", POSITION | {"position_fp": "-12.50"})
    ticker = "FED-23DEC-T3.00"
    assert event == OwnPosition(ticker, ticker, -12_500_000, payload, None, ONE)


@pytest.mark.parametrize("kind", ["order_group_updates", "quote_created", "quote_accepted", "quote_executed"])
def test_what_else_is_an_account_s_is_kept_as_its_own(kind: str) -> None:
    event, payload = kalshi_event(kind, {"event_type": "created", "order_group_id": "og_123", "ts_ms": 5})
    assert event == OwnNote(kind, payload, 5_000)


@pytest.mark.parametrize(
    ("kind", "msg"),
    [
        pytest.param("fill", FILL | {"outcome_side": "yes", "book_side": "ask"}, id="two directions"),
        pytest.param("fill", FILL | {"outcome_side": "maybe", "book_side": "perhaps"}, id="no direction known"),
        pytest.param("fill", {**FILL, "outcome_side": None, "book_side": None, "action": None}, id="no direction"),
        pytest.param("fill", FILL | {"yes_price_dollars": "1.01"}, id="a price beyond 1"),
        pytest.param("fill", FILL | {"count_fp": "-1"}, id="a negative count"),
        pytest.param("fill", FILL | {"trade_id": ""}, id="no trade"),
        pytest.param("user_order", ORDER | {"remaining_count_fp": "1e3"}, id="no plain decimal"),
        pytest.param("market_position", {**POSITION, "position_fp": None}, id="no position"),
        pytest.param("user_order", ORDER | MOST_FEES, id="fees whose sum has more digits than a table"),
    ],
)
def test_what_cannot_be_read_of_an_account_is_kept_and_doubts_no_book(kind: str, msg: dict[str, Any]) -> None:
    event, payload = kalshi_event(kind, msg)
    assert isinstance(event, Unreadable)
    assert (event.payload, event.affects_book, event.token) == (payload, False, None)
    assert event.reason


def test_a_polymarket_order_is_told_as_it_stands() -> None:
    events, payload = polymarket_events(PLACED)
    assert events == (
        OwnOrder(
            *("11", "0xbd31", "0xff354cd7", payload, 1672290687 * SECOND, "UPDATE", "LIVE", False),
            *(570_000, 10 * ONE, 2_500_000),
        ),
    )
    # Several members may be empty texts, and milliseconds come too.
    (event,), _ = polymarket_events(PLACED | {"price": "", "status": "", "timestamp": "1672290687001"})
    assert isinstance(event, OwnOrder)
    assert (event.price, event.status, event.at) == (None, None, 1672290687_001_000)


def test_a_taker_s_trade_is_its_own_order_s() -> None:
    (event,), payload = polymarket_events(TRADE | {"trader_side": "TAKER", "trade_owner": MINE})
    assert event == OwnFill(
        *("11", "0xbd31", "0xtaker", "28c4d2eb", 580_000, 30 * ONE, True, False, payload),
        *(1672290701_123_000, "MATCHED"),
    )


@pytest.mark.parametrize(
    ("maker", "ladder", "buys"),
    [
        pytest.param({}, "11", False, id="of the taker's token: it sold what the taker bought"),
        pytest.param({"asset_id": "22"}, "22", True, id="of the other token: both bought, a pair was made"),
        pytest.param({"asset_id": "22", "side": "SELL"}, "22", False, id="as it is told"),
        pytest.param({"asset_id": None}, "11", False, id="without a token it is the taker's"),
    ],
)
def test_a_maker_s_part_of_a_trade_is_its_own_orders(maker: dict[str, Any], ladder: str, buys: bool) -> None:
    others = {**MAKER, "owner": THEIRS, "order_id": "0xother"}
    (event,), payload = polymarket_events(TRADE | {"trader_side": "MAKER", "maker_orders": [others, MAKER | maker]})
    assert event == OwnFill(
        *(ladder, "0xbd31", "0xmaker", "28c4d2eb", 570_000, 10 * ONE, buys, True, payload),
        *(1672290701_123_000, "MATCHED"),
    )


def test_two_of_a_maker_s_orders_in_one_trade_are_two_fills() -> None:
    events, _ = polymarket_events(TRADE | {"maker_orders": [MAKER, {**MAKER, "order_id": "0xb", "price": "0.56"}]})
    assert [(e.order_id, e.price) for e in events if isinstance(e, OwnFill)] == [("0xmaker", 570_000), ("0xb", 560_000)]


@pytest.mark.parametrize(
    "broken",
    [
        *({"side": "HOLD"}, {"price": "0.5e0"}, {"price": "1.2"}, {"size": 5}, {"timestamp": "yesterday"}),
        *({"trader_side": "BOTH"}, {"asset_id": None}, {"trader_side": "MAKER", "maker_orders": []}),
    ],
)
def test_a_trade_that_cannot_be_read_is_kept_and_doubts_no_book(broken: dict[str, Any]) -> None:
    (event,), payload = polymarket_events(TRADE | {"trader_side": "TAKER"} | broken)
    assert isinstance(event, Unreadable)
    assert (event.payload, event.affects_book, event.token) == (payload, False, None)


def test_a_whole_quote_has_the_last_price_volume_and_what_is_open() -> None:
    payload = kalshi_frame("ticker", TICK)
    best = Quoted("FED-23DEC-T3.00", 450_000, 530_000, 300 * ONE, 150 * ONE, 1669149841 * SECOND)
    assert kalshi.read(payload).events == (best,)
    (whole,) = quotes.read(payload).events
    assert whole == Quoted(
        *("FED-23DEC-T3.00", 450_000, 530_000, 300 * ONE, 150 * ONE, 1669149841 * SECOND),
        *(480_000, 33_896 * ONE, 20_422 * ONE),
    )
    (untraded,) = quotes.read(kalshi_frame("ticker", TICK | {"price_dollars": "0.0000"})).events
    assert isinstance(untraded, Quoted)
    assert untraded.last is None
    (broken,) = quotes.read(kalshi_frame("ticker", TICK | {"volume_fp": "many"})).events
    assert isinstance(broken, Unreadable)
    assert not broken.affects_book


FILLS = [kalshi_frame("fill", FILL), kalshi_frame("user_order", ORDER), kalshi_frame("market_position", POSITION)]
TRADES = [json.dumps(one).encode() for one in (PLACED, TRADE, {**TRADE, "trader_side": "TAKER"}, [PLACED, TRADE])]


@given(mutated(FILLS))
def test_a_damaged_frame_of_a_kalshi_account_never_raises_and_is_kept(payload: bytes) -> None:
    _check(kalshi.read(payload), payload)


@given(mutated(TRADES))
def test_a_damaged_frame_of_a_polymarket_account_never_raises_and_is_kept(payload: bytes) -> None:
    _check(polymarket.read(payload), payload)


@given(mutated([kalshi_frame("ticker", TICK)]))
def test_a_damaged_quote_never_raises_and_is_kept(payload: bytes) -> None:
    _check(quotes.read(payload), payload)


def _check(message: Message, payload: bytes) -> None:
    assert message.events
    for event in message.events:
        if isinstance(event, Unreadable | OwnFill | OwnOrder | OwnPosition | OwnNote):
            assert event.payload in payload
        if isinstance(event, OwnFill):
            assert 0 <= event.price <= ONE
            assert event.size >= 0


@given(price=st.integers(0, ONE), count=st.integers(0, 10**12), fee=st.integers(0, 10**9))
def test_what_is_told_in_decimals_is_whole_millionths(price: int, count: int, fee: int) -> None:
    numbers = {"yes_price_dollars": decimal_text(price), "count_fp": decimal_text(count), "fee_cost": decimal_text(fee)}
    event, _ = kalshi_event("fill", FILL | numbers)
    assert (event.price, event.size, event.fee) == (price, count, fee)
    (other,), _ = polymarket_events(
        TRADE | {"trader_side": "TAKER", "price": decimal_text(price), "size": decimal_text(count)}
    )
    assert isinstance(other, OwnFill)
    assert (other.price, other.size) == (price, count)


@pytest.mark.parametrize("payload", [*FILLS, *TRADES])
def test_what_an_account_is_told_proves_no_book_and_makes_none(payload: bytes) -> None:
    reader, names = (kalshi.read, (TICKER,)) if b'"sid"' in payload else (polymarket.read, ("11", "22"))
    machine = Machine()
    machine.watch(Instrument("i", names), 0)
    machine.feed(Frame("c", 0, 1, reader(payload)))
    machine.advance(SECOND)
    output = machine.finish(2 * SECOND)
    assert [str(row.state) for row in output.rows] == ["unknown"]
    assert not +machine.counts
