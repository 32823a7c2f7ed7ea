"""Every field of price and size, both venues: a decimal reads the same in each of its legal spellings.

Belongs here: fields of REST payloads. The spellings themselves are ``test_macros.py``; frames are
``cases/test_09_leading_dot.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from echelon_pipeline.venues.kalshi.parse import KINDS as KALSHI
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.polymarket.parse import KINDS as POLYMARKET
from echelon_pipeline_tests.fakes import parse_payloads

# Each value in spellings that mean the same; as JSON texts, as venues write decimals.
SPELLINGS = {"0.4": (".4", "0.40", "4e-1", "4.0E-1"), "0.6": (".6", "6e-1"), "3": ("3.", "3.0", "3e0", "0.3e1")}
TOKENS = [("11", "polymarket:0xc", 0), ("12", "polymarket:0xc", 1)]

PRICE, OTHER, SIZE = "0.4", "0.6", "3"
MEMBERS: dict[str, tuple[PayloadKind, dict[str, Any], str | None]] = {
    "kalshi trade": (
        KALSHI["trades"],
        {
            "trade_id": "t",
            "ticker": "M",
            "count_fp": SIZE,
            "yes_price_dollars": PRICE,
            "no_price_dollars": OTHER,
            "taker_outcome_side": "yes",
            "created_time": "2026-11-20T10:00:00Z",
        },
        None,
    ),
    "kalshi market": (
        KALSHI["markets"],
        {
            "ticker": "M",
            "status": "finalized",
            "yes_bid_dollars": PRICE,
            "yes_ask_dollars": OTHER,
            "last_price_dollars": PRICE,
            "settlement_value_dollars": PRICE,
            "yes_bid_size_fp": SIZE,
            "yes_ask_size_fp": SIZE,
            "volume_fp": SIZE,
            "volume_24h_fp": SIZE,
            "open_interest_fp": SIZE,
            "close_time": "2026-11-19T00:00:00Z",
        },
        None,
    ),
    "kalshi candle": (
        KALSHI["candlesticks"],
        {
            "market_ticker": "M",
            "candlesticks": [
                {
                    "end_period_ts": 1795132800,
                    "volume_fp": SIZE,
                    "open_interest_fp": SIZE,
                    "price": {f"{n}_dollars": PRICE for n in ("open", "high", "low", "close", "previous")},
                    "yes_bid": {"close_dollars": PRICE},
                    "yes_ask": {"close_dollars": OTHER},
                }
            ],
        },
        '{"ticker":"M","period_interval":60,"start_ts":1795046400,"end_ts":1795132800,"tier":"live"}',
    ),
    "polymarket trade": (
        POLYMARKET["trades"],
        {
            "transaction_hash": "0x1",
            "token_id": "11",
            "condition_id": "0xc",
            "side": "BUY",
            "price": PRICE,
            "size": SIZE,
            "timestamp": 1795168800,
        },
        None,
    ),
    "polymarket fill": (
        POLYMARKET["builder_trades"],
        {
            "id": "l",
            "tradeType": "TAKER",
            "market": "0xc",
            "assetId": "11",
            "side": "BUY",
            "size": SIZE,
            "sizeUsdc": OTHER,
            "feeUsdc": PRICE,
            "builderFee": PRICE,
            "price": PRICE,
            "status": "TRADE_STATUS_CONFIRMED",
            "matchTime": "1795168800",
        },
        None,
    ),
    "polymarket market": (
        POLYMARKET["markets"],
        {
            "conditionId": "0xc",
            "outcomes": '["Yes","No"]',
            "clobTokenIds": '["11","12"]',
            "outcomePrices": '["0.4","0.6"]',
            "bestBid": PRICE,
            "bestAsk": OTHER,
            "lastTradePrice": PRICE,
            "volume": SIZE,
            "volume24hr": SIZE,
            "liquidity": SIZE,
            "orderPriceMinTickSize": PRICE,
            "orderMinSize": SIZE,
        },
        None,
    ),
    "polymarket point": (
        POLYMARKET["prices_history"],
        {"history": [{"t": 1795132800, "p": PRICE}]},
        '{"token_id":"11","start_ts":1795132800,"end_ts":1795219200,"fidelity":60,"source":"clob"}',
    ),
}
# What names the bytes themselves or keeps them as served.
AS_SERVED = {"raw_sha256", "trade_id", "price_text", "payout_text"}


def respelled(value: Any, at: int) -> Any:
    if isinstance(value, dict):
        return {name: respelled(inner, at) for name, inner in value.items()}
    if isinstance(value, list):
        return [respelled(inner, at) for inner in value]
    spellings = SPELLINGS.get(value, ()) if isinstance(value, str) else ()
    return spellings[at % len(spellings)] if spellings else value


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_is_the_same_for_every_spelling_of_its_decimals(name: str) -> None:
    kind, member, context = MEMBERS[name]
    plain = parse_payloads(kind, [member], context=context, outcomes=TOKENS)
    assert not plain.dead
    assert any(plain.rows.values())
    for at in range(4):
        found = parse_payloads(kind, [respelled(member, at)], context=context, outcomes=TOKENS)
        assert not found.dead
        assert not [d for d in found.drift if d["kind"] == "value"]
        for table, rows in plain.rows.items():
            assert [_compared(r) for r in found.rows[table]] == [_compared(r) for r in rows], (table, at)


def _compared(row: dict[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if column not in AS_SERVED}
