"""Recorded frames to ``core.account_events`` and ``core.live_quotes``: exact rows, and nothing private elsewhere.

Belongs here: segments that are written by hand. A sandbox recorded and derived is in ``integration/``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import load_settings
from echelon_pipeline.streams.book_tables import BOOK_TABLES, derive_hour
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline.streams.segments import ABOUT, Connection, block, connection_of, segments
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.live import OWN
from echelon_pipeline_tests.state_databases import intents_within
from echelon_pipeline_tests.unit.test_own_events import FILL, MAKER, ORDER, PLACED, POSITION, TICK, TRADE, kalshi_frame

SECOND = 1_000_000
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FED = "FED-23DEC-T3.00"
SECRET = "a-client-order-that-is-nobody-else-s"
Tape = Callable[..., None]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.of(load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"}))


def record(
    session: Session, venue: Venue, frames: Sequence[bytes], *instruments: Instrument, feed: int = 0, **more: Any
) -> None:
    """A closed segment with a frame every second from ten after noon."""
    name = f"{venue}-{feed}-{len(segments(session.settings.capture_root))}"
    about = Connection(venue, "mine", 1, feed, name, "wss://example.test", **more)
    log = Log(session.settings.capture_root, about, instruments)
    for number, payload in enumerate(frames, start=10):
        log.add(int(NOON.timestamp()) * SECOND + number * SECOND, payload)
    log.flush()
    log.rotate()


def derive(session: Session, venue: Venue) -> None:
    for hour in hours_due(session, venue, intents_within(), NOON + timedelta(hours=6)):
        derive_hour(session, hour)


def rows(session: Session, table: str, columns: str) -> list[tuple[Any, ...]]:
    with session.duck() as connection:
        query = f"SELECT {columns} FROM ({session.lake.scan(table)}) ORDER BY received_at, frame, position"
        return connection.execute(query).fetchall()


SAID = (
    "kind, instrument_id, token, outcome_index, is_buy, price, size, filled, remaining, fee_usd, order_id, "
    "client_order_id, trade_id, is_maker, change, status, builder_code"
)


def test_an_order_a_fill_and_a_position_of_kalshi_are_rows_with_all_that_was_told(session: Session) -> None:
    told = [
        *(kalshi_frame("user_order", ORDER), kalshi_frame("fill", FILL), kalshi_frame("market_position", POSITION)),
        kalshi_frame("order_group_updates", {"event_type": "created", "order_group_id": "og", "ts_ms": 5000}),
    ]
    record(session, "kalshi", told, feed=OWN)
    derive(session, "kalshi")
    order, fill = ORDER["order_id"], FILL["market_ticker"]
    nothing = (None,) * 13
    assert rows(session, "core.account_events", SAID) == [
        (
            *("order", f"kalshi:{FED}", FED, 0, True, Decimal("0.35"), Decimal(10), Decimal(0), Decimal(10), None),
            *(order, "my-order-1", None, None, None, "resting", None),
        ),
        (
            *("fill", f"kalshi:{fill}", fill, 0, True, Decimal("0.75"), Decimal(278), None, None, Decimal("0.0344")),
            *(FILL["order_id"], None, FILL["trade_id"], False, None, None, None),
        ),
        (
            *("position", f"kalshi:{FED}", FED, 0, None, None, Decimal(100), None, None, Decimal(1)),
            *((None,) * 7),
        ),
        ("other", *nothing[:13], None, "order_group_updates", None),
    ]
    place = "listener, frame, position, connection_id, epoch(received_at) - epoch(event_at) > 0, payload"
    found = rows(session, "core.account_events", place)
    assert [r[:4] for r in found] == [("mine", n, 0, "kalshi--1-0") for n in range(4)]
    assert [r[4] for r in found] == [True, True, None, True]
    assert [json.loads(r[5])["msg"] for r in found[:3]] == [ORDER, FILL, POSITION]


def test_what_an_account_was_told_is_in_no_table_of_markets_and_in_no_published_file(session: Session) -> None:
    told = [
        kalshi_frame("fill", FILL | {"client_order_id": SECRET}),
        kalshi_frame("fill", {**FILL, "client_order_id": SECRET, "count_fp": SECRET}),
        kalshi_frame("wallet_update", {"client_order_id": SECRET}),
        kalshi_frame("market_lifecycle_v2", {"event_type": "settled", "market_ticker": SECRET}),
        kalshi_frame("error", {"code": 9, "msg": f"no {SECRET}"}),
    ]
    record(session, "kalshi", told, feed=OWN)
    derive(session, "kalshi")
    found = rows(session, "core.account_events", "kind, status, change, contains(payload, 'that-is-nobody')")
    assert [r[0] for r in found] == ["fill", "other", "other", "other", "other"]
    assert [r[1] for r in found[1:]] == ["unreadable", "unreadable", "market_lifecycle_v2", "refused"]
    assert "decimal" in found[1][2]
    assert found[4][2] == f"no {SECRET}"
    assert [r[3] for r in found] == [True, True, True, True, False]
    with session.duck() as connection:
        dead = f"SELECT count(*), count(DISTINCT path), max(payload) FROM ({session.lake.scan('core.dead_letters')})"
        assert connection.execute(dead).fetchone() == (2, 2, "")
    publish(session.settings)
    with duckdb.connect(str(session.settings.published_file), read_only=True) as published:
        names = [n for (n,) in published.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        views = [n for (n,) in published.execute("SELECT view_name FROM duckdb_views()").fetchall()]
        assert "account_events" not in {*names, *views}
        assert "live_quotes" in {*names, *views}
        for name in ("market_lifecycle", "dead_letters", "book_events", "live_trades", "live_quotes"):
            text = f"SELECT count(*) FROM core.{name} t WHERE contains(CAST(t AS VARCHAR), 'that-is-nobody')"
            assert published.execute(text).fetchone() == (0,)
    assert not TABLES["core.account_events"].mirrored


BOOK = kalshi_frame("orderbook_snapshot", {"market_ticker": FED, "yes_dollars_fp": [["0.40", "1.00"]]})


def test_kalshi_s_quotes_are_rows_where_they_are_wanted(session: Session) -> None:
    other = TICK | {"price_dollars": "0.0000", "yes_ask_dollars": "1.0000", "market_ticker": FED}
    frames = [BOOK, kalshi_frame("ticker", TICK), kalshi_frame("ticker", other)]
    frames += [kalshi_frame("ticker", TICK | {"market_ticker": "NOBODY-S"})]
    record(session, "kalshi", frames, Instrument(f"kalshi:{FED}", (FED,)), quotes=True)
    derive(session, "kalshi")
    columns = "instrument_id, frame, outcome_index, bid, bid_size, ask, ask_size, last_price, volume, open_interest"
    sizes = Decimal(33896), Decimal(20422)
    assert rows(session, "core.live_quotes", columns) == [
        (
            *(f"kalshi:{FED}", 1, 0, Decimal("0.45"), Decimal(300), Decimal("0.53"), Decimal(150)),
            *(Decimal("0.48"), *sizes),
        ),
        (f"kalshi:{FED}", 2, 0, Decimal("0.45"), Decimal(300), None, Decimal(150), None, *sizes),
    ]
    at = "epoch(event_at)::BIGINT, epoch(received_at)::BIGINT"
    assert rows(session, "core.live_quotes", at)[0] == (1669149841, int(NOON.timestamp()) + 11)


def test_a_quote_that_cannot_be_read_is_a_dead_letter_with_its_bytes(session: Session) -> None:
    broken = kalshi_frame("ticker", TICK | {"open_interest_fp": "plenty"})
    record(session, "kalshi", [BOOK, broken], Instrument(f"kalshi:{FED}", (FED,)), quotes=True)
    derive(session, "kalshi")
    with session.duck() as connection:
        dead = connection.execute(f"SELECT payload FROM ({session.lake.scan('core.dead_letters')})").fetchall()
    assert dead == [(broken.decode(),)]
    assert rows(session, "core.live_quotes", "frame") == []


def test_a_time_that_no_column_holds_keeps_one_frame_out_of_its_table_and_no_hour(session: Session) -> None:
    """Kalshi's older members tell seconds: of the largest that JSON holds exactly, 64 bits hold no microseconds."""
    late = {"ts_ms": None, "ts": 2**53 - 1}
    trade = {"market_ticker": FED, "yes_price_dollars": "0.40", "count_fp": "1.00", "ts": 2**53 - 1}
    odd, fine = kalshi_frame("trade", trade), kalshi_frame("trade", trade | {"ts": 1763640010})
    record(session, "kalshi", [BOOK, odd, fine], Instrument(f"kalshi:{FED}", (FED,)))
    record(session, "kalshi", [kalshi_frame("fill", FILL | late), kalshi_frame("fill", FILL)], feed=OWN)
    derive(session, "kalshi")
    assert rows(session, "core.live_trades", "frame") == [(2,)]
    found = rows(session, "core.account_events", "kind, status, contains(change, '64 bits'), contains(payload, 'fill')")
    assert found == [("other", "unreadable", True, True), ("fill", None, None, True)]
    with session.duck() as connection:
        dead = f"SELECT payload FROM ({session.lake.scan('core.dead_letters')}) ORDER BY ALL"
        assert connection.execute(dead).fetchall() == [("",), (odd.decode(),)]


PAIR = Instrument("polymarket:0xbd31", ("11", "22"))


def best(token: str, bid: str, ask: str) -> bytes:
    said = {"event_type": "best_bid_ask", "market": "0xbd31", "asset_id": token, "timestamp": "1763640010000"}
    return json.dumps(said | {"best_bid": bid, "best_ask": ask, "spread": "0.01"}).encode()


@pytest.mark.parametrize("wanted", [True, False])
def test_polymarket_s_quotes_come_anyway_and_are_kept_where_they_are_wanted(session: Session, wanted: bool) -> None:
    frames = [best("11", "0.4", "0.41"), best("22", "", "0.6"), best("33", "0.1", "0.2")]
    record(session, "polymarket", frames, PAIR, quotes=wanted)
    derive(session, "polymarket")
    found = rows(session, "core.live_quotes", "instrument_id, outcome_index, bid, ask, bid_size, volume")
    told = [
        ("polymarket:0xbd31", 0, Decimal("0.4"), Decimal("0.41"), None, None),
        ("polymarket:0xbd31", 1, None, Decimal("0.6"), None, None),
    ]
    assert found == (told if wanted else [])


def test_polymarket_s_tokens_are_outcomes_where_any_listener_watched_them(session: Session) -> None:
    stranger = PLACED | {"asset_id": "99", "market": "0xother", "side": "BUY"}
    second = {**MAKER, "asset_id": "22", "order_id": "0xb", "matched_amount": "2.25"}
    frames = [json.dumps(one).encode() for one in ([PLACED, stranger], TRADE | {"maker_orders": [MAKER, second]})]
    record(session, "polymarket", [b"PONG", *frames], feed=OWN)
    record(session, "polymarket", [best("11", "0.4", "0.41")], PAIR)
    derive(session, "polymarket")
    columns = "frame, position, kind, instrument_id, outcome_index, is_buy, price, size, is_maker, status, order_id"
    ours, half = "polymarket:0xbd31", Decimal("0.57")
    assert rows(session, "core.account_events", columns) == [
        (1, 0, "order", ours, 0, False, half, Decimal(10), None, "LIVE", "0xff354cd7"),
        (1, 1, "order", "polymarket:0xother", None, True, half, Decimal(10), None, "LIVE", "0xff354cd7"),
        (2, 0, "fill", ours, 0, False, half, Decimal(10), True, "MATCHED", "0xmaker"),
        (2, 1, "fill", ours, 1, True, half, Decimal("2.25"), True, "MATCHED", "0xb"),
    ]


def test_an_account_s_recording_alone_says_nothing_of_markets(session: Session) -> None:
    record(session, "polymarket", [json.dumps(TRADE).encode(), best("11", "0.4", "0.41")], feed=OWN)
    derive(session, "polymarket")
    assert len(rows(session, "core.account_events", "kind")) == 1
    with session.duck() as connection:
        for name in set(BOOK_TABLES) - {"core.account_events"}:
            assert connection.execute(f"SELECT count(*) FROM ({session.lake.scan(name)})").fetchone() == (0,)


def test_a_segment_that_was_written_before_quotes_could_be_wanted_wants_none(tmp_path: Path) -> None:
    told = {
        "venue": "kalshi",
        "listener": "l",
        "epoch": 1,
        "feed": 0,
        "connection_id": "c",
        "url": "",
        "code_version": "1",
    }
    path = tmp_path / "0.open"
    path.write_bytes(block(ABOUT, 0, json.dumps(told).encode()))
    assert connection_of(path) == Connection("kalshi", "l", 1, 0, "c", "", quotes=False)
