"""Recorded tickers of Kalshi as segments, derived: every quote is a row with the figures that the venue sent.

Belongs here: the way of quotes from frames to rows, on real frames. No venue's private channel was ever recorded.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.lake.session import Session
from echelon_pipeline.settings import load_settings
from echelon_pipeline.streams.book_tables import derive_hour
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline.streams.segments import Connection
from echelon_pipeline_tests.contract.test_kalshi_streams import BTC, FOLDER, Btc, watched
from echelon_pipeline_tests.fakes import needs_recordings
from echelon_pipeline_tests.recorded_streams import rotating, split_by_type
from echelon_pipeline_tests.state_databases import intents_within

pytestmark = needs_recordings


def told(payload: bytes) -> tuple[Any, ...] | None:
    """What a ticker says, read by hand; 0 and 1 are no quote, 0 is no trade."""
    frame = json.loads(payload)
    if frame.get("type") != "ticker":
        return None
    msg = frame["msg"]
    bid, ask, last = (Decimal(msg[name]) for name in ("yes_bid_dollars", "yes_ask_dollars", "price_dollars"))
    best = [None if price in (0, 1) else price for price in (bid, ask)]
    sizes = [Decimal(msg[n]) for n in ("yes_bid_size_fp", "yes_ask_size_fp", "volume_fp", "open_interest_fp")]
    return f"kalshi:{msg['market_ticker']}", msg["ts_ms"], *best, last or None, *sizes


@pytest.mark.parametrize("capture", BTC[:1], ids=lambda c: c.folder[:19])
def test_every_recorded_ticker_is_a_row_of_the_same_figures(tmp_path: Path, capture: Btc) -> None:
    rows = split_by_type(f"{FOLDER}/{capture.folder}")
    quotes = [row for row in rows if not row.event_type.startswith("orderbook")]
    frames = list(rotating(quotes))
    session = Session.of(load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"}))
    logs: dict[str, Log] = {}
    for frame in frames:
        if frame.connection not in logs:
            about = Connection("kalshi", "recorded", 1, 0, f"{len(logs):03d}", "wss://example.test", quotes=True)
            logs[frame.connection] = Log(session.settings.capture_root, about, watched(rows))
        logs[frame.connection].add(frame.received_at, frame.payload)
    for log in logs.values():
        log.flush()
        log.rotate()
    later = datetime.fromtimestamp(frames[-1].received_at / 1e6, UTC) + timedelta(days=1)
    for hour in hours_due(session, "kalshi", intents_within(), later):
        derive_hour(session, hour)
    with session.duck() as connection:
        columns = "instrument_id, epoch_ms(event_at), bid, ask, last_price, bid_size, ask_size, volume, open_interest"
        scan = session.lake.scan("core.live_quotes")
        found = connection.execute(f"SELECT {columns} FROM ({scan}) ORDER BY connection_id, frame").fetchall()
    wanted = [said for frame in frames if (said := told(frame.payload)) is not None]
    assert len(wanted) == capture.tickers
    assert found == wanted
