"""Recorded captures as segments, derived into tables: what the tables hold is what the frames told.

Belongs here: the way from frames to rows, on real frames. What the frames say is in ``test_*_streams.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Change, Message, Snapshot, Traded
from echelon_pipeline.books.machine import Machine
from echelon_pipeline.books.rows import BookRow, BookState
from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.settings import load_settings
from echelon_pipeline.streams.book_tables import derive_hour
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline.streams.segments import Connection
from echelon_pipeline.venues.kalshi import stream as kalshi
from echelon_pipeline.venues.polymarket import stream as polymarket
from echelon_pipeline_tests.contract.test_kalshi_streams import BTC, FOLDER, MULTI, Btc, watched
from echelon_pipeline_tests.contract.test_polymarket_streams import BURSTS, instruments
from echelon_pipeline_tests.fakes import needs_recordings
from echelon_pipeline_tests.recorded_streams import Recorded, bursts, many_markets, replay, rotating, split_by_type
from echelon_pipeline_tests.state_databases import intents_within

pytestmark = needs_recordings


def kept(session: Session, venue: Venue, frames: Sequence[Recorded], watching: Sequence[Instrument]) -> None:
    """Writes the frames as a recorder would have: a log per connection."""
    logs: dict[str, Log] = {}
    for frame in frames:
        if frame.connection not in logs:
            about = Connection(venue, "recorded", 1, 0, f"{len(logs):03d}", "wss://example.test")
            logs[frame.connection] = Log(session.settings.capture_root, about, watching)
        logs[frame.connection].add(frame.received_at, frame.payload)
    for log in logs.values():
        log.flush()
        log.rotate()


def machines_rows(
    frames: Sequence[Recorded], watching: Sequence[Instrument], read: Callable[[bytes], Message]
) -> list[BookRow]:
    """What the machine says of the frames by itself."""
    machine = Machine()
    for instrument in watching:
        machine.watch(instrument, frames[0].received_at)
    end = replay(machine, frames, read, lambda _: None)
    return machine.finish(max(end, machine.now) + 1).rows


def check(
    tmp_path: Path,
    venue: Venue,
    frames: Sequence[Recorded],
    watching: Sequence[Instrument],
    read: Callable[[bytes], Message],
) -> Counter[str]:
    """Levels, trades and books in the tables against the frames; how many there are."""
    session = Session.of(load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"}))
    kept(session, venue, frames, watching)
    later = datetime.fromtimestamp(frames[-1].received_at / 1e6, UTC) + timedelta(days=1)
    for hour in hours_due(session, venue, intents_within(), later):
        derive_hour(session, hour)
    firsts, others = ({i.tokens[n] for i in watching if len(i.tokens) > n} for n in (0, 1))
    told: Counter[str] = Counter()
    for frame in frames:
        for event in read(frame.payload).events:
            if isinstance(event, Change) and event.token in firsts:
                told["levels"] += 1
            elif isinstance(event, Snapshot) and event.token in firsts:
                told["levels"] += max(1, len(event.bids) + len(event.asks))
            elif isinstance(event, Traded) and event.token in firsts | others:
                told["trades"] += 1
    with session.duck() as connection:

        def one(text: str, table: str) -> tuple[object, ...]:
            found = connection.execute(text.format(scan=f"({session.lake.scan(table)})")).fetchone()
            assert found is not None
            return found

        assert one("SELECT count(*) FROM {scan}", "core.book_events") == (told["levels"],)
        assert one("SELECT count(*) FROM {scan}", "core.live_trades") == (told["trades"],)
        wanted = "instrument_id, epoch_us(valid_from), state, bid_prices, bid_sizes, ask_prices, ask_sizes"
        stored = connection.execute(
            f"SELECT {wanted} FROM ({session.lake.scan('core.book_snapshots')}) WHERE state <> 'unknown' "
            "AND epoch_us(valid_from) % 3600000000 <> 0 ORDER BY 1, 2"
        ).fetchall()
    made = sorted(
        (r.instrument_id, r.valid_from, str(r.state), *_sides(r))
        for r in machines_rows(frames, watching, read)
        if r.state is not BookState.UNKNOWN
    )
    assert stored == made
    told["books"] = len(made)
    return told


def _sides(row: BookRow) -> tuple[list[int], list[int], list[int], list[int]]:
    (bids, bid_sizes), (asks, ask_sizes) = (
        ([p for p, _ in levels], [s for _, s in levels]) for levels in (row.bids, row.asks)
    )
    return bids, bid_sizes, asks, ask_sizes


def test_a_subscription_to_many_markets_is_in_the_tables_level_by_level(tmp_path: Path) -> None:
    frames = list(many_markets(MULTI))
    events = [event for frame in frames for event in kalshi.read(frame.payload).events]
    tokens = sorted({event.token for event in events if isinstance(event, Snapshot | Change)})
    told = check(tmp_path, "kalshi", frames, [Instrument(f"kalshi:{t}", (t,)) for t in tokens], kalshi.read)
    assert told["levels"] > 1_000
    assert told["books"] > 100


def test_bursts_of_two_outcomes_are_in_the_tables_on_the_first_ones_axis(tmp_path: Path) -> None:
    frames, of = list(bursts(BURSTS[2].name)), instruments(BURSTS[2])
    told = check(tmp_path, "polymarket", frames, of, polymarket.read)
    assert told["levels"] > 1_000
    assert told["books"] > 50


@pytest.mark.slow
@pytest.mark.parametrize("capture", BTC, ids=lambda c: c.folder[:19])
def test_captures_that_rotate_are_in_the_tables_level_by_level(tmp_path: Path, capture: Btc) -> None:
    rows = split_by_type(f"{FOLDER}/{capture.folder}")
    told = check(tmp_path, "kalshi", list(rotating(rows)), watched(rows), kalshi.read)
    assert told["levels"] > 10_000
