"""Every recorded Kalshi answer through client and parsers: each object is a row or a dead letter, exactly.

Expected values come from ``kalshi_oracle``: plain Python with Decimal over the same JSON.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from echelon_pipeline.books.events import Snapshot
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.kalshi.client import KalshiClient
from echelon_pipeline.venues.kalshi.parse import KINDS
from echelon_pipeline.venues.kalshi.rest_books import read_books
from echelon_pipeline.venues.page import Page
from echelon_pipeline_tests import kalshi_oracle as oracle
from echelon_pipeline_tests.fakes import RECEIVED, RECORDINGS, needs_recordings, parse_payloads, recorded

pytestmark = needs_recordings

# Books: read as REST books of many tickers, and by imports of books.
BOOKS = {
    "mve/cockpit_combo_orderbooks.json": 20,
    "rest/ext_kalshi-orderbook.json": 1,
    "rest/golden_orderbook_response.json": 1,
}
# Recorded, and of no endpoint that is read: nothing in them becomes a row.
UNREAD = {
    "rest/cockpit_price_grids.json",
    "rest/golden_event_metadata_response.json",
    "rest/golden_exchange_schedule_response.json",
    "rest/golden_exchange_status_response.json",
    "rest/golden_filters_by_sport_response.json",
    "rest/golden_live_data_batch_response.json",
    "rest/golden_milestones_list_response.json",
    "rest/golden_multivariate_event_collection_lookup_tickers_response.json",
    "rest/golden_multivariate_event_collection_single_response.json",
    "rest/golden_series_fee_changes_response.json",
    "rest/golden_structured_targets_list_response.json",
    "rest/golden_tags_by_categories_response.json",
}


def answer(name: str) -> Any:
    """The venue's answer in a recorded file, without the recorder's wrapping."""
    data = recorded(f"kalshi/{name}")
    return data["response"] if isinstance(data, dict) and "_metadata" in data else data


# --- markets: file, where the markets are, objects, rows, dead letters, resolutions

Cut = Callable[[Any], list[dict[str, Any]]]
MARKETS: list[tuple[str, Cut, int, int, int, int]] = [
    ("rest/ncaa_markets_2026-03.json.gz", lambda a: [m for some in a.values() for m in some], 754, 754, 0, 476),
    ("rest/cockpit_markets_settled.json", lambda a: a["markets"], 44, 44, 0, 42),
    (
        "rest/cockpit_events_nfl_preseason.json.gz",
        lambda a: [m for e in a["events"] for m in e["markets"]],
        64,
        64,
        0,
        0,
    ),
    ("rest/cockpit_market_single.json", lambda a: [a["single"]["market"]], 1, 1, 0, 0),
    ("rest/cockpit_market_single.json", lambda a: [a["nested"]], 1, 1, 0, 0),
    ("rest/ext_kalshi-market.json", lambda a: [a["market"]], 1, 1, 0, 0),
    ("rest/golden_market_single_response.json", lambda a: [a["market"]], 1, 1, 0, 0),
    ("rest/golden_markets_list_response.json", lambda a: a["markets"], 5, 5, 0, 0),
    ("rest/golden_event_single_response.json", lambda a: a["markets"], 1, 1, 0, 0),
    ("mve/cockpit_combo_priced_markets.json", lambda a: a["combos"], 12, 12, 0, 0),
    ("mve/cockpit_combo_priced_markets.json", lambda a: list(a["legs"].values()), 29, 29, 0, 0),
]


def judged(markets: list[dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """By ticker: the values of good markets, and the field that makes a bad one bad."""
    good, bad = {}, {}
    for market in markets:
        try:
            good[market["ticker"]] = oracle.market(market, RECEIVED)
        except oracle.Odd as odd:
            bad[market["ticker"]] = str(odd)
    return good, bad


@pytest.mark.parametrize(("name", "cut", "objects", "rows", "dead", "resolved"), MARKETS, ids=[m[0] for m in MARKETS])
def test_every_market_is_a_row_or_a_dead_letter_with_the_right_values(
    name: str, cut: Cut, objects: int, rows: int, dead: int, resolved: int
) -> None:
    markets = cut(answer(name))
    found = parse_payloads(KINDS["markets"], markets)
    assert len(markets) == objects
    assert {table: len(some) for table, some in found.rows.items()} == {
        "core.instruments": rows,
        "core.outcomes": 2 * rows,
        "core.instrument_quotes": rows,
        "core.resolutions": resolved,
    }
    assert len(found.dead) == dead == objects - rows
    odd = Counter(size for market in markets for size in oracle.odd_sizes(market))
    assert {(d["path"], d["value"]): d["objects"] for d in found.drift} == odd
    assert {d["kind"] for d in found.drift} <= {"value"}
    good, bad = judged(markets)
    assert {json.loads(d["payload"])["ticker"]: d["path"] for d in found.dead} == {t: f"$.{f}" for t, f in bad.items()}
    for table in ("core.instruments", "core.instrument_quotes", "core.resolutions"):
        expected = {f"kalshi:{t}": v[table] for t, v in good.items() if v[table] is not None}
        got = {row["instrument_id"]: row for row in found.rows[table]}
        assert set(got) == set(expected)
        for instrument, values in expected.items():
            assert {key: got[instrument][key] for key in values} == values, (table, instrument)


def test_a_settled_market_with_a_negative_size_at_the_top_of_its_book_is_kept_and_the_size_counted() -> None:
    markets = [m for some in answer("rest/ncaa_markets_2026-03.json.gz").values() for m in some]
    negative = {m["ticker"]: size for m in markets for size in oracle.odd_sizes(m)}
    assert Counter(key for key, _ in negative.values()) == {"yes_ask_size_fp": 16, "yes_bid_size_fp": 4}
    found = parse_payloads(KINDS["markets"], markets)
    for table in ("core.instruments", "core.instrument_quotes", "core.resolutions"):
        rows = {row["instrument_id"]: row for row in found.rows[table]}
        assert {f"kalshi:{ticker}" for ticker in negative} <= set(rows)
    quotes = {row["instrument_id"]: row for row in found.rows["core.instrument_quotes"]}
    asked = quotes["kalshi:KXMARMAD-26-LONG"]
    assert (asked["best_ask"], asked["best_ask_size"]) == (Decimal("0.01"), None)
    bid = quotes["kalshi:KXMARMAD1SEED-26-MICH"]
    assert (bid["best_bid"], bid["best_bid_size"]) == (Decimal("0.99"), None)
    assert ("yes_ask_size_fp", "-1739192.00") in {(d["path"], d["value"]) for d in found.drift}


def test_recorded_values_are_typed_exactly() -> None:
    found = parse_payloads(KINDS["markets"], answer("rest/cockpit_markets_settled.json")["markets"])
    ticker = "kalshi:KXMLBGAME-26AUG081610LAAMIA-MIA"
    (market,) = (r for r in found.rows["core.instruments"] if r["instrument_id"] == ticker)
    assert (market["status"], market["venue_status"]) == ("settled", "finalized")
    assert market["trading_ended_at"] == datetime(2026, 8, 8, 22, 54, 42, tzinfo=UTC)
    assert market["settled_at"] == datetime(2026, 8, 8, 22, 57, 45, 764968, tzinfo=UTC)
    (quote,) = (r for r in found.rows["core.instrument_quotes"] if r["instrument_id"] == ticker)
    assert (quote["volume"], quote["last_price"]) == (Decimal("706298.16"), Decimal("0.99"))
    assert (quote["best_bid"], quote["best_ask"]) == (None, None)
    (paid,) = (r for r in found.rows["core.resolutions"] if r["instrument_id"] == ticker)
    assert (paid["payout_0"], paid["payout_1"], paid["expiration_value"]) == (1, 0, "Miami")


def test_a_recorded_market_of_the_transition_has_one_price_in_two_encodings() -> None:
    found = parse_payloads(KINDS["markets"], answer("rest/golden_event_single_response.json")["markets"])
    (quote,) = found.rows["core.instrument_quotes"]
    assert (quote["best_bid"], quote["best_ask"], quote["last_price"]) == (
        Decimal("0.06"),
        Decimal("0.07"),
        Decimal("0.06"),
    )
    assert (quote["volume"], quote["liquidity_usd"]) == (Decimal(35001), Decimal("68148.06"))
    assert found.rows["core.instruments"][0]["created_at"] is None


def test_recorded_combos_keep_their_legs_and_collections() -> None:
    combos = answer("mve/cockpit_combo_priced_markets.json")["combos"]
    found = parse_payloads(KINDS["markets"], combos).rows["core.instruments"]
    by_id = {row["native_id"]: row for row in found}
    for combo in combos:
        row = by_id[combo["ticker"]]
        assert (row["is_combo"], row["collection_id"]) == (True, combo["mve_collection_ticker"])
        assert json.loads(row["external_ref"])["legs"] == combo["mve_selected_legs"]


# --- trades, events, series


def test_every_recorded_trade_is_a_row_with_the_right_values() -> None:
    trades = answer("rest/golden_trades_list_response.json")["trades"]
    found = parse_payloads(KINDS["trades"], trades)
    assert (len(trades), len(found.rows["core.trades"]), found.dead, found.drift) == (5, 5, [], [])
    rows = {row["trade_id"]: row for row in found.rows["core.trades"]}
    for trade in trades:
        expected = oracle.trade(trade)
        assert {key: rows[trade["trade_id"]][key] for key in expected} == expected
    first = rows["961535f3-d80f-5462-e91d-88d4fe6db285"]
    assert (first["price"], first["price_0"], first["taker_direction"]) == (Decimal("0.94"), Decimal("0.06"), -1)
    assert (first["taker_notional_usd"], first["event_at"]) == (
        Decimal("0.94"),
        datetime(2026, 1, 12, 15, 0, 20, 897212, tzinfo=UTC),
    )


EVENTS: list[tuple[str, Cut, int]] = [
    ("rest/events_20250224.json.gz", lambda a: a["events"], 1936),
    ("rest/events_20250313.json.gz", lambda a: a["events"], 908),
    ("rest/cockpit_events_nfl_preseason.json.gz", lambda a: a["events"], 32),
    ("rest/golden_events_list_response.json", lambda a: a["events"], 5),
    ("rest/golden_events_multivariate_list_response.json", lambda a: a["events"], 5),
    ("rest/golden_event_single_response.json", lambda a: [a["event"]], 1),
]


@pytest.mark.parametrize(("name", "cut", "objects"), EVENTS, ids=[e[0] for e in EVENTS])
def test_every_recorded_event_is_a_row(name: str, cut: Cut, objects: int) -> None:
    events = cut(answer(name))
    found = parse_payloads(KINDS["events"], events)
    rows = {row["native_id"]: row for row in found.rows["core.events"]}
    assert (len(events), len(rows), found.dead, found.drift) == (objects, objects, [], [])
    for event in events:
        row = rows[event["event_ticker"]]
        assert (row["title"], row["series_id"], row["category"], row["is_mutually_exclusive"]) == (
            event["title"],
            f"kalshi:{event['series_ticker']}",
            event["category"],
            event["mutually_exclusive"],
        )
        assert row["updated_at"] == oracle.moment(oracle.said(event, "last_updated_ts"))
        assert row["strike_at"] == oracle.moment(oracle.said(event, "strike_date"))


SERIES: list[tuple[str, Cut, int]] = [
    ("rest/golden_series_list_response.json", lambda a: a["series"], 241),
    ("rest/golden_series_single_response.json", lambda a: [a["series"]], 1),
    ("rest/cockpit_series_fee_fields.json", lambda a: [p["series"] for p in a["payloads"].values()], 4),
]


@pytest.mark.parametrize(("name", "cut", "objects"), SERIES, ids=[s[0] for s in SERIES])
def test_every_recorded_series_is_a_row(name: str, cut: Cut, objects: int) -> None:
    series = cut(answer(name))
    found = parse_payloads(KINDS["series"], series)
    rows = {row["native_id"]: row for row in found.rows["core.series"]}
    assert (len(series), len(rows), found.dead, found.drift) == (objects, objects, [], [])
    for one in series:
        row = rows[one["ticker"]]
        assert (row["title"], row["category"], row["tags"], row["fee_type"]) == (
            one["title"],
            one["category"] or None,
            one["tags"],
            one["fee_type"],
        )
        assert row["fee_multiplier"] == Decimal(str(one["fee_multiplier"]))


# --- candles: file, objects with their ticker and what was asked, days


def _golden(name: str, lists: Callable[[Any], list[Any]]) -> list[tuple[str, dict[str, Any], list[Any]]]:
    asked = recorded(f"kalshi/{name}")["_metadata"]
    return [("KXELONMARS-99", asked, candles) for candles in lists(answer(name))]


def _minutes() -> list[tuple[str, dict[str, Any], list[Any]]]:
    markets = answer("rest/cockpit_candlesticks_mlb.json")["markets"]
    return [(ticker, market, market["candlesticks"]) for ticker, market in markets.items()]


CANDLES: list[tuple[str, Callable[[], list[tuple[str, dict[str, Any], list[Any]]]], int, int]] = [
    (
        "rest/golden_candlesticks_batch_response.json",
        lambda: _golden(
            "rest/golden_candlesticks_batch_response.json", lambda a: [m["candlesticks"] for m in a["markets"]]
        ),
        90,
        90,
    ),
    (
        "rest/golden_series_candlesticks_response.json",
        lambda: _golden("rest/golden_series_candlesticks_response.json", lambda a: [a["candlesticks"]]),
        90,
        90,
    ),
    (
        "rest/golden_event_candlesticks_response.json",
        lambda: _golden("rest/golden_event_candlesticks_response.json", lambda a: a["market_candlesticks"]),
        90,
        90,
    ),
    ("rest/cockpit_candlesticks_mlb.json", _minutes, 48, 3),
]


@pytest.mark.parametrize(("name", "lists", "candles", "days"), CANDLES, ids=[c[0] for c in CANDLES])
def test_every_recorded_candle_is_in_a_day_or_outside_of_what_was_asked(
    name: str, lists: Callable[[], list[tuple[str, dict[str, Any], list[Any]]]], candles: int, days: int
) -> None:
    read = rows = used = outside = 0
    for ticker, asked, listed in lists():
        minutes, begin, end = asked["period_interval"], asked["start_ts"], asked["end_ts"]
        said = {"ticker": ticker, "period_interval": minutes, "start_ts": begin, "end_ts": end, "tier": "live"}
        payload = {"market_ticker": ticker, "candlesticks": listed}
        found = parse_payloads(KINDS["candlesticks"], [payload], context=json.dumps(said))
        assert found.dead == []
        good = [oracle.candle(c, historical=False) for c in listed]
        inside = [c for c in good if c.end > begin and c.end - minutes * 60 < end]
        expected = oracle.days(inside, minutes, [(begin, end)], RECEIVED)
        got = {row["date"]: row for row in found.rows["core.daily_prices"]}
        assert set(got) == set(expected)
        for day, values in expected.items():
            assert {key: got[day][key] for key in values} == values, (name, day)
        read, rows = read + len(listed), rows + len(got)
        used += sum(row["n_samples"] for row in got.values())
        outside += len(good) - len(inside)
    assert (read, rows, used + outside) == (candles, days, candles)


def test_recorded_daily_candles_are_eastern_days_over_the_clock_change() -> None:
    ((ticker, asked, listed),) = CANDLES[0][1]()
    said = {**{k: asked[k] for k in ("period_interval", "start_ts", "end_ts")}, "ticker": ticker, "tier": "live"}
    found = parse_payloads(
        KINDS["candlesticks"], [{"market_ticker": ticker, "candlesticks": listed}], context=json.dumps(said)
    ).rows["core.daily_prices"]
    days = sorted(row["date"] for row in found)
    assert (days[0], days[-1], len(set(days))) == (date(2025, 10, 14), date(2026, 1, 11), 90)
    assert {row["price_source"] for row in found} == {"venue_day"}
    (row,) = (r for r in found if r["date"] == date(2025, 11, 23))
    assert [row[k] for k in ("open", "high", "low", "close", "previous_close")] == [
        Decimal("0.10"),
        Decimal("0.10"),
        Decimal("0.08"),
        Decimal("0.10"),
        Decimal("0.08"),
    ]
    assert (row["volume"], row["open_interest"]) == (Decimal(882), Decimal(13149))


# --- answers through the client, object by object

Use = Callable[[KalshiClient], AsyncIterator[Page]]
SERVED: list[tuple[str, Cut, Use, str | None]] = [
    ("rest/golden_series_list_response.json", lambda a: a["series"], lambda c: c.series(), "ticker"),
    (
        "rest/golden_multivariate_event_collections_list_response.json",
        lambda a: a["multivariate_contracts"],
        lambda c: c.multivariate_collections(),
        "collection_ticker",
    ),
    ("rest/golden_markets_list_response.json", lambda a: a["markets"], lambda c: c.markets(), "ticker"),
    ("rest/golden_trades_list_response.json", lambda a: a["trades"], lambda c: c.trades(), "trade_id"),
    ("rest/golden_events_list_response.json", lambda a: a["events"], lambda c: c.events(), "event_ticker"),
    (
        "rest/golden_candlesticks_batch_response.json",
        lambda a: a["markets"],
        lambda c: c.candlesticks_batch(["T"], datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), 1440),
        "market_ticker",
    ),
    (
        "rest/golden_series_candlesticks_response.json",
        lambda a: [a],
        lambda c: c.historical_candlesticks(
            "T", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), 1440
        ),
        None,
    ),
    (
        "mve/cockpit_combo_collections.json",
        lambda a: a["multivariate_contracts"],
        lambda c: c.multivariate_collections(),
        "collection_ticker",
    ),
]
# Kept by the recorder without the venue's envelope.
ENVELOPE: dict[str, Callable[[Any], Any]] = {
    "mve/cockpit_combo_collections.json": lambda a: {"multivariate_contracts": list(a.values())},
}


def test_recorded_books_of_many_tickers_are_rest_books_without_a_time() -> None:
    served = {"orderbooks": answer("mve/cockpit_combo_orderbooks.json")}
    books = read_books(json.dumps(served).encode()).events
    assert [(book.token, book.rest, book.at) for book in books if isinstance(book, Snapshot)] == [
        (book["ticker"], True, None) for book in served["orderbooks"]
    ]
    first = books[0]
    assert isinstance(first, Snapshot)
    assert (first.bids, first.asks) == ((), ((188_000, 369_000_000),))


@pytest.mark.parametrize(("name", "cut", "use", "key"), SERVED, ids=[s[0] for s in SERVED])
def test_the_client_cuts_every_recorded_object_out_of_its_answer(
    name: str, cut: Cut, use: Use, key: str | None
) -> None:
    served = ENVELOPE.get(name, lambda a: a)(answer(name))
    first = json.dumps(served).encode()
    last = json.dumps({k: [] if isinstance(v, list) else v for k, v in served.items() if k != "cursor"}).encode()

    def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=last if "cursor" in request.url.params else first)

    async def read() -> list[Page]:
        settings = Settings.model_validate({"rate_scale": 1e6})
        async with KalshiClient(settings, transport=httpx.MockTransport(serve)) as client:
            return [page async for page in use(client)]

    objects = [o for page in asyncio.run(read()) for o in page.objects]
    expected = cut(served)
    assert [json.loads(o.payload) for o in objects] == expected
    assert all(json.dumps(one).encode() in first for one in expected)
    if key is not None:
        assert [o.key for o in objects] == [one[key] for one in expected]


def test_no_recorded_answer_is_left_out() -> None:
    folder = RECORDINGS / "kalshi"
    found = {p.relative_to(folder).as_posix() for room in ("rest", "mve") for p in (folder / room).glob("*.json*")}
    used = {m[0] for m in MARKETS} | {e[0] for e in EVENTS} | {s[0] for s in SERIES} | {c[0] for c in CANDLES}
    used |= {s[0] for s in SERVED} | {"rest/golden_trades_list_response.json"} | set(BOOKS)
    assert found == used | UNREAD
    assert not used & UNREAD
