"""Every recorded trade and price history through the parsers, and no recorded file forgotten."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from echelon_pipeline.venues.page import RawObject
from echelon_pipeline.venues.polymarket.parse import KINDS
from echelon_pipeline_tests.fakes import needs_recordings
from echelon_pipeline_tests.polymarket_payloads import POLYMARKET, context, dec, load, page, parse, parse_pages

pytestmark = needs_recordings

# Recorded answers of endpoints that stay raw (books, compact CLOB markets) or are never read (a user's positions).
WITHOUT_KIND = {
    "clob_book/clob_ext_book.json",
    "clob_book/fed_june_2026_books.json",
    "clob_book/fed_june_2026_clob_markets.json",
    "clob_book/hype5m_clob_book.json",
    "data_api/data_activity.json",
    "data_api/data_positions.json",
    "data_api/data_value.json",
}
TRADES = ["data_api/data_trades.json", "trades/nautilus_clob_trades.json"]
PRICES = ["prices_history/temperature_london.json.gz", "prices_history/temperature_tokyo.json.gz"]


def test_every_recorded_file_is_read_by_a_contract_test_or_named_as_having_no_kind() -> None:
    folders = ("clob_book", "data_api", "prices_history")
    found = {f"{folder}/{path.name}" for folder in folders for path in (POLYMARKET / folder).iterdir()}
    assert found | {TRADES[1]} == WITHOUT_KIND | {*TRADES, *PRICES}


@pytest.mark.parametrize("name", TRADES)
@pytest.mark.parametrize("mapped", [True, False])
def test_every_recorded_trade_becomes_one_exact_row(name: str, mapped: bool) -> None:
    served = load(name)
    index = {t["asset"]: 1 - t["outcomeIndex"] for t in served}  # not the API's: only our map may count
    instrument = f"polymarket:{served[0]['conditionId']}"
    known = [(token, instrument, n) for token, n in index.items()]
    known += [(f"other-{n}", instrument, 1 - n) for n in index.values() if len(index) == 1]
    result = parse("trades_v1", served, known if mapped else [])
    rows = {r["transaction_hash"]: r for r in result.rows["core.trades"]}
    assert (len(rows), len(result.rows["core.trades"]), result.dead, result.drift) == (len(served), len(served), [], [])
    for trade in json.loads(json.dumps(served), parse_float=Decimal):
        row, price, size = rows[trade["transactionHash"]], Decimal(trade["price"]), Decimal(trade["size"])
        outcome = index[trade["asset"]]
        assert (row["price"], row["price_text"]) == (price, str(trade["price"]))
        assert (row["size"], row["taker_notional_usd"]) == (size, dec(price * size, 6))
        assert row["event_at"] == datetime.fromtimestamp(trade["timestamp"], UTC)
        assert (row["trader"], row["taker_side"]) == (trade["proxyWallet"].lower(), trade["side"].lower())
        assert row["instrument_id"] == instrument
        assert row["source"] == "data_v1/trades?taker_only=default&filter_amount=default"
        if mapped:
            direction = 1 if (trade["side"] == "BUY") == (outcome == 0) else -1
            shown: tuple[Any, ...] = (outcome, price if outcome == 0 else 1 - price, direction)
        else:
            shown = (None, None, None)
        assert (row["outcome_index"], row["price_0"], row["taker_direction"]) == shown
        assert (row["unmapped_reason"] is None) is mapped


def day_start(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize("name", PRICES)
def test_every_recorded_price_point_counts_once_in_its_utc_day(name: str) -> None:
    answer = load(name)
    buckets = [bucket for market in answer["markets"] for bucket in market["buckets"]]
    # Every other token is taken as outcome 1, so that its days show 1 - p.
    index = {bucket["yes_token"]: n % 2 for n, bucket in enumerate(buckets)}
    assert len(index) == len(buckets)
    start, end = day_start(answer["window"][0]), day_start(answer["window"][1])
    objects, expected = [], {}
    points_inside = 0
    for bucket in buckets:
        token = bucket["yes_token"]
        asked = context(token_id=token, start_ts=start, end_ts=end, fidelity=60, source="clob")
        objects.append(RawObject(json.dumps({"history": bucket["history"]}).encode(), token, asked))
        days: dict[int, list[tuple[int, Decimal]]] = defaultdict(list)
        for point in json.loads(json.dumps(bucket["history"]), parse_float=Decimal):
            if start <= point["t"] < end:
                days[point["t"] // 86400].append((point["t"], abs(index[token] - Decimal(point["p"]))))
                points_inside += 1
        for day, points in days.items():
            in_time = [p for _, p in sorted(points)]
            expected[f"polymarket:{token}", day] = (in_time[0], max(in_time), min(in_time), in_time[-1], len(points))
    known = [
        (f"{t}{'' if side == n else '-other'}", f"polymarket:{t}", side) for t, n in index.items() for side in (0, 1)
    ]
    result = parse_pages(KINDS["prices_history"], [page("prices_history", objects)], known)
    assert result.dead == []
    shown: dict[Any, Any] = {}
    for row in result.rows["core.daily_prices"]:
        key = (row["instrument_id"], (row["date"].toordinal() - 719163))
        shown[key] = (row["open"], row["high"], row["low"], row["close"], row["n_samples"])
        assert (row["price_source"], row["grain_seconds"], row["is_complete"]) == ("mid_sample", 3600, True)
        assert (row["vwap"], row["volume"], row["trades"]) == (None, None, None)
    assert shown == expected
    assert sum(row["n_samples"] for row in result.rows["core.daily_prices"]) == points_inside > 40_000
