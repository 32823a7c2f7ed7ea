"""Segments to tables: an hour is what its segments say, no more and no less, however often it is made."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pyarrow.parquet as pq
import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.errors import CorruptStore, DiskFull
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.settings import load_settings
from echelon_pipeline.streams import recordings
from echelon_pipeline.streams.book_columns import Span
from echelon_pipeline.streams.book_tables import derive_hour, preferred_chains
from echelon_pipeline.streams.hours import HOUR, Intent
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.recordings import expire_recordings, hours_due
from echelon_pipeline.streams.segments import OPEN, Connection, segments
from echelon_pipeline.streams.watchlist import WatchChange
from echelon_pipeline_tests.state_databases import intents_within

SECOND = 1_000_000
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE_PM = NOON + timedelta(hours=1)
EVENING = NOON + timedelta(hours=6)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.of(load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"}))


class Tape:
    """Writes a connection of Kalshi frames; times are seconds after noon."""

    def __init__(self, session: Session, name: str, *tickers: str, epoch: int = 1, listener: str = "fed") -> None:
        about = Connection("kalshi", listener, epoch, 0, name, "wss://example.test")
        instruments = [Instrument(f"kalshi:{t}", (t,)) for t in tickers]
        self._log = Log(session.settings.capture_root, about, instruments)
        self._seq = 0

    def frame(self, at: float, kind: str, skip: int = 0, /, **msg: Any) -> None:
        self._seq += 1 + skip
        text = json.dumps({"type": kind, "sid": 1, "seq": self._seq, "msg": msg})
        self._log.add(int(NOON.timestamp() * SECOND + at * SECOND), text.encode())

    def raw(self, at: float, payload: bytes) -> None:
        self._log.add(int(NOON.timestamp() * SECOND + at * SECOND), payload)

    def book(self, at: float, ticker: str, yes: dict[str, str], no: dict[str, str], skip: int = 0) -> None:
        sides = {"yes_dollars_fp": [*yes.items()], "no_dollars_fp": [*no.items()]}
        self.frame(at, "orderbook_snapshot", skip, market_ticker=ticker, **sides)

    def change(self, at: float, ticker: str, side: str, price: str, by: str, skip: int = 0) -> None:
        msg = {"market_ticker": ticker, "side": side, "price_dollars": price, "delta_fp": by, "ts_ms": _ms(at)}
        self.frame(at, "orderbook_delta", skip, **msg)

    def trade(self, at: float, ticker: str, price: str, count: str, taker: str = "yes") -> None:
        msg = {"yes_price_dollars": price, "count_fp": count, "taker_outcome_side": taker, "trade_id": f"t{self._seq}"}
        self.frame(at, "trade", market_ticker=ticker, ts_ms=_ms(at), **msg)

    def rewatch(self, add: tuple[Instrument, ...] = (), drop: tuple[str, ...] = ()) -> None:
        self._log.rewatch(WatchChange(self._log.arrived, add, drop))

    def close(self) -> None:
        self._log.flush()
        self._log.rotate()

    def leave_open(self) -> None:
        self._log.flush()


def _ms(at: float) -> int:
    return int(NOON.timestamp() * 1000 + at * 1000)


def derive(session: Session, intents: Sequence[Intent] = (), now: datetime = EVENING) -> list[datetime]:
    """Derives what is due; the hours that were."""
    due = hours_due(session, "kalshi", intents_within(*intents), now)
    for hour in due:
        derive_hour(session, hour)
    return [h.starts_at for h in due]


def rows(session: Session, table: str, columns: str, order: str = "ALL") -> list[tuple[Any, ...]]:
    with session.duck() as connection:
        return connection.execute(f"SELECT {columns} FROM ({session.lake.scan(table)}) ORDER BY {order}").fetchall()


STATES = "instrument_id, epoch(valid_from)::INT - {0} AS a, epoch(valid_to)::INT - {0} AS b, state, reason, bid".format(
    int(NOON.timestamp())
)


def test_a_book_is_rows_that_follow_each_other_with_exact_top_levels_and_sums(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00", "0.39": "7.50"}, {"0.55": "2.00"})
    tape.change(20, "A", "yes", "0.41", "1.25")
    tape.change(30, "A", "yes", "0.41", "-1.25")
    tape.close()
    assert derive(session) == [NOON]
    found = rows(session, "core.book_snapshots", "bid, bid_size, ask, ask_size, mid, spread, bid_depth, bid_levels, "
                 "bid_prices, bid_sizes, is_verified", "valid_from")  # fmt: skip
    first, second, third, *rest = found
    assert first == (
        *(Decimal("0.40"), Decimal(5), Decimal("0.45"), Decimal(2), Decimal("0.425"), Decimal("0.05")),
        *(Decimal("12.5"), 2, [400_000, 390_000], [5_000_000, 7_500_000], True),
    )
    assert second[:2] == (Decimal("0.41"), Decimal("1.25"))
    assert third[:10] == first[:10]
    assert rest == []
    assert [r[1:5] for r in rows(session, "core.book_snapshots", STATES)] == [
        (10, 20, "live", None),
        (20, 30, "live", None),
        (30, 31, "live", None),  # a second after the last frame nobody knows
    ]


def test_a_book_of_more_than_a_column_holds_has_its_levels_and_no_sum(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "999999999999", "0.39": "999999999999.5"}, {"0.55": "2.00"})
    tape.change(20, "A", "yes", "0.40", "999999999999")
    tape.close()
    assert derive(session) == [NOON]
    found = rows(session, "core.book_snapshots", "bid, bid_size, bid_sizes[2], bid_depth, ask_depth", "valid_from")
    assert found == [
        (Decimal("0.40"), Decimal(999_999_999_999), 999_999_999_999_500_000, None, Decimal(2)),
        (Decimal("0.40"), None, 999_999_999_999_500_000, None, Decimal(2)),
    ]


def test_levels_trades_and_lifecycles_are_kept_as_told(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.change(20, "A", "no", "0.55", "3.00")
    tape.trade(21, "A", "0.45", "3.00", "no")
    tape.frame(22, "market_lifecycle_v2", market_ticker="A", event_type="determined")
    tape.close()
    derive(session)
    assert rows(session, "core.book_events", "frame, is_snapshot, side, price, size, size_change") == [
        (0, True, "bid", Decimal("0.4"), Decimal(5), None),
        (1, False, "ask", Decimal("0.45"), None, Decimal(3)),
    ]
    assert rows(session, "core.live_trades", "price_0, price, size, taker_direction, outcome_index") == [
        (Decimal("0.45"), Decimal("0.55"), Decimal(3), -1, 1)
    ]
    [(kind, payload)] = rows(session, "core.market_lifecycle", "kind, payload")
    assert (kind, json.loads(payload)["msg"]["event_type"]) == ("market_lifecycle_v2", "determined")
    assert rows(session, "core.book_gaps", "instrument_id") == []  # the end of trading is none
    assert rows(session, "core.book_snapshots", "reason", "valid_from")[-1] == ("closed",)


def test_a_missing_number_is_a_gap_and_the_row_before_it_is_not_verified(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.change(20, "A", "yes", "0.41", "1.00")
    tape.change(30, "A", "yes", "0.42", "1.00", skip=1)
    tape.book(40, "A", {"0.42": "1.00"}, {})
    tape.close()
    derive(session)
    assert rows(session, "core.book_snapshots", "state, reason, is_verified", "valid_from") == [
        ("live", None, True),
        ("live", None, False),
        ("unknown", "gap", None),
        ("live", None, None),
    ]
    assert rows(session, "core.book_gaps", "reason, epoch(to_at - from_at)::INT, is_over, discarded") == [
        ("gap", 10, True, 1)
    ]


def test_no_row_is_verified_whose_last_frames_may_be_the_missing_ones(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.change(50, "A", "yes", "0.41", "1.00", skip=1)
    tape.book(60, "A", {"0.40": "5.00"}, {})
    tape.change(100, "A", "yes", "0.41", "1.00")
    tape.close()
    derive(session)
    assert rows(session, "core.book_snapshots", "state, is_verified", "valid_from") == [
        ("live", False),
        ("stale", False),
        ("unknown", None),
        ("live", True),
        ("stale", True),
        ("live", None),
    ]


def test_what_arrived_after_our_clock_stepped_back_over_the_hour_is_told_once(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(3590, "A", {"0.40": "5.00"}, {})
    tape.trade(3600.5, "A", "0.45", "3.00")
    tape.trade(3599.9, "A", "0.45", "4.00")
    tape.change(3599.95, "A", "yes", "0.41", "1.00")
    tape.raw(3599.96, b"{")
    tape.trade(3601, "A", "0.45", "5.00")
    tape.close()
    derive(session)
    half = ONE_PM + timedelta(seconds=0.5)
    assert rows(session, "core.live_trades", "size, received_at", "size") == [
        (Decimal(3), half),
        (Decimal(4), half),
        (Decimal(5), ONE_PM + timedelta(seconds=1)),
    ]
    assert rows(session, "core.book_events", "frame, received_at", "frame")[1:] == [(3, half)]
    assert len(rows(session, "core.dead_letters", "*")) == 1


def flip(path: Path, place: int) -> None:
    """A bit that a disk lost."""
    held = bytearray(path.read_bytes())
    held[place] ^= 1
    path.write_bytes(held)


def test_a_damaged_segment_fails_its_hour_and_what_it_lost_is_a_gap_of_the_hours_after(session: Session) -> None:
    tape = Tape(session, "1", "A")
    for at in (10, 3700, 7190, 7300, 10900):
        if at in (7190, 10900):
            tape.change(at, "A", "yes", "0.41", "1.00")
        else:
            tape.book(at, "A", {"0.40": "5.00"}, {})
        tape.close()
    first, second, *_ = segments(session.settings.capture_root)
    flip(second, -20)
    due = hours_due(session, "kalshi", intents_within(), EVENING)
    assert [h.starts_at for h in due] == [NOON + n * HOUR for n in range(4)]
    with pytest.raises(CorruptStore, match=str(second)):
        derive_hour(session, due[1])
    for hour in due[2:]:
        derive_hour(session, hour)
    columns = "hour, state, reason, epoch(valid_to - valid_from)::INT"
    assert rows(session, "core.book_snapshots", columns, "valid_from")[:3] == [
        (14, "unknown", "lost_frames", 100),
        (14, "live", None, 30),
        (14, "stale", None, 3470),
    ]
    flip(second, -20)
    flip(first, 30)  # where it says whose it is
    [noon, *_] = hours_due(session, "kalshi", intents_within(), EVENING)
    with pytest.raises(CorruptStore, match=str(first)):
        derive_hour(session, noon)


def test_a_connection_that_does_not_say_whose_it_is_stops_no_hour(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    for name, at in (("1", 10), ("2", 4000)):
        tape = Tape(session, name, "A", epoch=int(name))
        tape.book(at, "A", {"0.40": "5.00"}, {})
        tape.close()
    damaged = segments(session.settings.capture_root)[0]
    flip(damaged, 30)
    assert derive(session) == [ONE_PM]
    assert str(damaged) in caplog.text


def test_what_was_recorded_under_a_wrong_clock_is_said_and_never_deleted(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    session = Session(session.settings.model_copy(update={"capture_retention_days": 1}), session.lake, session.windows)
    tape = Tape(session, "1", "A")
    tape.book(10 - NOON.timestamp(), "A", {"0.40": "5.00"}, {})
    tape.close()
    assert derive(session) == []
    assert "our clock was wrong" in caplog.text
    assert expire_recordings(session, EVENING + timedelta(days=9)) == 0


def test_an_hour_ends_with_the_hour_and_the_next_one_goes_on_from_it(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(3590, "A", {"0.40": "5.00"}, {})
    tape.change(3610, "A", "yes", "0.41", "1.00")
    tape.close()
    assert derive(session) == [NOON, ONE_PM]
    assert [r[1:] for r in rows(session, "core.book_snapshots", STATES)] == [
        (3590, 3600, "live", None, Decimal("0.40")),
        (3600, 3610, "live", None, Decimal("0.40")),
        (3610, 3611, "live", None, Decimal("0.41")),
    ]
    assert rows(session, "core.book_events", "hour, frame") == [(12, 0), (13, 1)]


def test_a_gap_across_hours_says_in_each_when_it_began(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(3580, "A", {"0.40": "5.00"}, {})
    tape.change(3590, "A", "yes", "0.41", "1.00", skip=1)
    tape.book(3620, "A", {"0.40": "5.00"}, {})
    tape.close()
    derive(session)
    began = NOON + timedelta(seconds=3590)
    columns = "hour, from_at, began_at, last_good_at, is_over"
    last_good = rows(session, "core.book_gaps", "last_good_at")[0][0]
    assert rows(session, "core.book_gaps", columns, "from_at") == [
        (12, began, began, last_good, False),
        (13, ONE_PM, began, last_good, True),
    ]


def test_the_same_segments_are_not_derived_twice_and_give_the_same_rows(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.change(20, "A", "yes", "0.41", "1.25")
    tape.close()
    derive(session)
    before = {t: rows(session, t, "*") for t in ("core.book_snapshots", "core.book_events")}
    assert derive(session) == []
    for path in session.settings.capture_root.glob("*/*/*"):
        os.utime(path, (0, 0))  # moved to another disk, say
    assert hours_due(session, "kalshi", intents_within(), EVENING) == []
    fresh = Session.of(load_settings({"ECHELON_HOME": str(session.settings.home), "ECHELON_MIN_FREE_MB": "0"}))
    shutil.rmtree(session.settings.home / "lake")
    derive(fresh)
    assert {t: rows(fresh, t, "*") for t in before} == before


def test_what_comes_while_an_hour_is_derived_is_for_the_next_time(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "TICK", timedelta())
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.close()
    [hour] = hours_due(session, "kalshi", intents_within(), EVENING)
    late = Tape(session, "2", "B", listener="other")
    late.book(100, "B", {"0.20": "5.00"}, {})
    late.close()
    time.sleep(0.02)
    derive_hour(session, hour)
    assert derive(session) == [NOON]
    assert len(rows(session, "core.book_snapshots", "*")) == 2


def test_hours_after_a_recording_that_was_killed_are_derived_again_when_its_end_is_known(session: Session) -> None:
    tape = Tape(session, "1", "A", listener="record")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.close()
    lasting = [Intent("kalshi:A", NOON + timedelta(seconds=10), None)]
    hours = [NOON, ONE_PM, ONE_PM + HOUR]
    assert derive(session, lasting, ONE_PM + 2 * HOUR) == hours
    assert derive(session, lasting, ONE_PM + 2 * HOUR) == []
    ended = [Intent("kalshi:A", NOON + timedelta(seconds=10), NOON + timedelta(seconds=11))]
    assert derive(session, ended) == hours
    assert [r[1:4] for r in rows(session, "core.book_snapshots", STATES)] == [(10, 11, "live")]
    assert rows(session, "core.book_gaps", "reason") == []
    assert derive(session, ended) == []


def test_what_was_meant_is_looked_at_since_the_last_derived_hour_and_for_a_week(session: Session) -> None:
    lasting = [Intent("kalshi:A", NOON, None)]
    hours = [NOON, ONE_PM, ONE_PM + HOUR]
    assert derive(session, lasting, ONE_PM + 2 * HOUR) == hours

    def due(intent: Intent, now: datetime) -> list[datetime]:
        return [hour.starts_at for hour in hours_due(session, "kalshi", intents_within(intent), now)]

    ended = Intent("kalshi:A", NOON, NOON + timedelta(seconds=11))
    assert due(ended, NOON + timedelta(days=6)) == hours
    assert due(ended, NOON + timedelta(days=9)) == [hours[-1]]
    # Nobody derived for nine days: all of them are due.
    assert due(lasting[0], NOON + timedelta(days=9)) == [hours[-1] + n * HOUR for n in range(1, 9 * 24 - 2)]


def test_an_hour_whose_segments_are_gone_keeps_its_rows_whatever_was_meant(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.close()
    assert derive(session, [Intent("kalshi:A", NOON, NOON + timedelta(seconds=11))]) == [NOON]
    shutil.rmtree(session.settings.capture_root)
    assert derive(session, []) == []
    assert derive(session, [Intent("kalshi:A", NOON, NOON + timedelta(seconds=15))]) == []


def test_a_segment_that_arrives_late_makes_its_hour_new_and_no_other(session: Session) -> None:
    for name, at in (("1", 10), ("2", 4000)):
        tape = Tape(session, name, "A", epoch=int(name))
        tape.book(at, "A", {"0.40": "5.00"}, {})
        tape.close()
    assert derive(session) == [NOON, ONE_PM]
    tape = Tape(session, "3", "B", listener="other")
    tape.book(100, "B", {"0.20": "5.00"}, {})
    tape.close()
    os.utime(segments(session.settings.capture_root)[-1], (NOON.timestamp() + 200,) * 2)
    assert derive(session) == [NOON]
    assert [r[0] for r in rows(session, "core.book_snapshots", "instrument_id", "hour, instrument_id")] == [
        "kalshi:A",
        "kalshi:B",
        "kalshi:A",
    ]


def test_an_hour_that_was_derived_before_its_end_is_complete_after_it_though_nothing_more_came(
    session: Session,
) -> None:
    tape = Tape(session, "1", "A")
    tape.book(0, "A", {"0.40": "1"}, {})
    tape.close()
    meant = [Intent("kalshi:A", NOON, NOON + timedelta(minutes=1))]
    assert derive(session, meant, NOON + timedelta(minutes=5)) == [NOON]
    assert derive(session, meant, NOON + timedelta(minutes=55)) == []
    assert [w.state for w in session.windows.recorded("kalshi", "core.book_snapshots", "hour")] == ["partial"]
    assert derive(session, meant, EVENING) == [NOON]
    assert derive(session, meant, EVENING) == []
    last = session.windows.recorded("kalshi", "core.book_snapshots", "hour")[-1]
    assert (last.state, last.reason) == ("complete", None)


def test_an_hour_that_is_still_recorded_is_partial_and_derived_again_when_more_is_there(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.leave_open()
    [path] = segments(session.settings.capture_root)
    assert path.suffix == OPEN
    assert derive(session, now=NOON + timedelta(minutes=1)) == [NOON]
    assert [w.state for w in session.windows.recorded("kalshi", "core.book_snapshots", "hour")] == ["partial"]
    tape.change(20, "A", "yes", "0.41", "1.25")
    tape.close()
    assert derive(session) == [NOON]
    assert [w.state for w in session.windows.recorded("kalshi", "core.book_snapshots", "hour")][-1] == "complete"
    assert len(rows(session, "core.book_snapshots", "bid")) == 2


def test_a_successor_takes_a_book_over_with_its_first_own_and_nothing_is_told_twice(session: Session) -> None:
    old, new = Tape(session, "1", "A"), Tape(session, "2", "A", epoch=2)
    old.book(10, "A", {"0.40": "5.00"}, {})
    new.frame(25, "subscribed", channel="orderbook_delta", sid=1)
    new.book(30, "A", {"0.41": "6.00"}, {})
    for tape in (old, new):
        tape.trade(32, "A", "0.45", "3.00")
    old.change(34, "A", "yes", "0.10", "1.00")
    new.change(34, "A", "yes", "0.10", "1.00")
    old.close()
    new.close()
    derive(session)
    assert [r[1:] for r in rows(session, "core.book_snapshots", STATES)] == [
        (10, 30, "live", None, Decimal("0.40")),
        (30, 34, "live", None, Decimal("0.41")),
        (34, 35, "live", None, Decimal("0.41")),
    ]
    assert rows(session, "core.live_trades", "connection_id") == [("2",)]


def test_what_was_meant_and_not_recorded_is_a_gap(session: Session) -> None:
    crashed, later = Tape(session, "1", "A"), Tape(session, "2", "A", epoch=2)
    crashed.book(10, "A", {"0.40": "5.00"}, {})
    crashed.close()
    later.book(300, "A", {"0.40": "5.00"}, {})
    later.close()
    meant = [Intent("kalshi:A", NOON + timedelta(seconds=5), NOON + timedelta(seconds=400))]
    derive(session, meant)
    assert [r[1:5] for r in rows(session, "core.book_snapshots", STATES)] == [
        (5, 10, "unknown", "late_subscribe"),
        (10, 11, "live", None),
        (11, 300, "unknown", "disconnect"),
        (300, 301, "live", None),
        (301, 400, "unknown", "disconnect"),
    ]
    assert rows(session, "core.book_gaps", "reason, epoch(to_at - from_at)::INT, is_over", "from_at") == [
        ("late_subscribe", 5, True),
        ("disconnect", 289, True),
        ("disconnect", 99, False),
    ]


def test_a_recording_that_was_meant_to_end_leaves_no_gap(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.close()
    derive(session, [Intent("kalshi:A", NOON + timedelta(seconds=10), NOON + timedelta(seconds=11))])
    assert rows(session, "core.book_gaps", "reason") == []


@pytest.mark.parametrize(
    ("spans", "wanted"),
    [
        ([Span(0, 5, 100)], [(0, 0, 100)]),
        ([Span(0, 5, 100), Span(60, 70, 200)], [(0, 0, 70), (1, 70, 200)]),
        ([Span(0, 5, 100), Span(60, None, 200)], [(0, 0, 100), (1, 100, 200)]),
        ([Span(0, 5, 100), Span(120, 130, 200)], [(0, 0, 100), (1, 120, 200)]),
        ([Span(0, 5, 300), Span(60, 70, 200)], [(0, 0, 70), (1, 70, 200), (0, 200, 300)]),
        ([Span(50, 55, 300), Span(0, 5, 100)], [(1, 0, 55), (0, 55, 300)]),
        (
            [Span(0, 5, 300), Span(60, 70, 200), Span(80, 90, 120)],
            [(0, 0, 70), (1, 70, 90), (2, 90, 120), (1, 120, 200), (0, 200, 300)],
        ),
    ],
)
def test_at_each_instant_one_chain_is_preferred(spans: list[Span], wanted: list[tuple[int, int, int]]) -> None:
    assert [(n, b, e) for n, _, b, e in preferred_chains([{"A": span} for span in spans])] == wanted


def test_a_chain_that_outlives_the_one_after_it_has_its_word_again(session: Session) -> None:
    shift, beside = Tape(session, "1", "A"), Tape(session, "2", "A", listener="record")
    shift.book(10, "A", {"0.40": "5.00"}, {})
    shift.change(20, "A", "yes", "0.41", "1.00")
    beside.book(30, "A", {"0.41": "1.00"}, {})
    beside.close()
    shift.change(50, "A", "yes", "0.42", "1.00")
    shift.trade(51, "A", "0.42", "1.00")
    shift.close()
    derive(session, [Intent("kalshi:A", NOON + timedelta(seconds=10), NOON + timedelta(seconds=52))])
    assert [r[1:] for r in rows(session, "core.book_snapshots", STATES)] == [
        (10, 20, "live", None, Decimal("0.40")),
        (20, 30, "live", None, Decimal("0.41")),
        (30, 31, "live", None, Decimal("0.41")),
        (31, 50, "live", None, Decimal("0.41")),
        (50, 52, "live", None, Decimal("0.42")),
    ]
    assert rows(session, "core.book_gaps", "reason") == []
    assert rows(session, "core.live_trades", "connection_id") == [("1",)]


def test_an_instrument_that_goes_to_another_listener_and_comes_back_has_rows_all_along(session: Session) -> None:
    first, other = Tape(session, "1", "A", "B"), Tape(session, "2", "A", listener="other")
    a = Instrument("kalshi:A", ("A",))
    first.book(10, "A", {"0.40": "5.00"}, {})
    first.book(10, "B", {"0.20": "5.00"}, {})
    first.rewatch(drop=("kalshi:A",))
    first.change(30, "B", "yes", "0.21", "1.00")
    other.book(31, "A", {"0.40": "5.00"}, {})
    other.change(60, "A", "yes", "0.41", "1.00")
    other.close()
    first.rewatch(add=(a,))
    first.book(70, "A", {"0.43": "5.00"}, {})
    first.change(80, "A", "yes", "0.44", "1.00")
    first.close()
    derive(session)
    assert [r[1:] for r in rows(session, "core.book_snapshots", STATES) if r[0] == "kalshi:A"] == [
        (10, 30, "live", None, Decimal("0.40")),
        (31, 60, "live", None, Decimal("0.40")),
        (60, 61, "live", None, Decimal("0.41")),
        (70, 80, "live", None, Decimal("0.43")),
        (80, 81, "live", None, Decimal("0.44")),
    ]


def test_counts_say_how_many_frames_were_replayed(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.close()
    [hour] = hours_due(session, "kalshi", intents_within(), EVENING)
    counts: Counts = derive_hour(session, hour)
    assert (counts.objects, counts.new["core.book_snapshots"], counts.new["core.book_gaps"]) == (1, 1, 0)


def test_what_cannot_be_read_is_a_dead_letter_with_its_bytes_and_a_gap(session: Session) -> None:
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.change(11, "A", "maybe", "0.40", "5.00")
    tape.frame(12, "weather", wind="north")
    tape.raw(13, b"\xff\xfe{")
    tape.close()
    derive(session)
    columns = "path, reason, payload, parser_version"
    first, second, third = rows(session, "core.dead_letters", columns, "path")
    assert first[0] == "1[1][0]"
    assert "unknown side 'maybe'" in first[1]
    assert json.loads(first[2])["msg"]["side"] == "maybe"
    assert second[1] == "unknown type 'weather'"
    assert (third[0], third[2]) == ("1[3][0]", "\\xff\\xfe{")
    assert rows(session, "core.book_gaps", "reason") == [("unreadable",)]
    [window] = session.windows.recorded("kalshi", "core.book_snapshots", "hour")
    assert window.dead_letters == 3
    shutil.rmtree(session.settings.home / "lake" / "core" / "ingest_windows")
    derive(session)
    assert len(rows(session, "core.dead_letters", columns)) == 3


def test_only_derived_recordings_are_deleted_after_their_retention_and_their_rows_stay(session: Session) -> None:
    kept = session.settings.model_copy(update={"capture_retention_days": 1})
    session = Session(kept, session.lake, session.windows)
    tape = Tape(session, "1", "A")
    tape.book(10, "A", {"0.40": "5.00"}, {})
    tape.close()
    later = NOON + timedelta(days=3)
    assert expire_recordings(session, later) == 0
    assert derive(session, now=EVENING) == [NOON]
    assert expire_recordings(session, EVENING) == 0
    [path] = segments(session.settings.capture_root)
    path.chmod(0o600)  # touched, say by a copy to another disk: what it says is in the tables all the same
    assert expire_recordings(session, later) > 0
    assert segments(session.settings.capture_root) == []
    late = Tape(session, "2", "B", listener="other")
    late.book(100, "B", {"0.20": "5.00"}, {})
    late.close()
    assert hours_due(session, "kalshi", intents_within(), later) == []
    assert rows(session, "core.book_snapshots", "instrument_id") == [("kalshi:A",)]


def test_a_connection_that_is_back_at_once_leaves_a_gap_too_and_its_books_count_from_their_own_time(
    session: Session,
) -> None:
    for name, at, size in (("1", 10.0, "5.00"), ("2", 10.2, "6.00")):
        tape = Tape(session, name, "A")
        tape.book(at, "A", {"0.40": size}, {})
        tape.close()
    derive(session)
    assert rows(session, "core.book_gaps", "reason, epoch_us(to_at - from_at)") == [("disconnect", 1)]
    columns = "state, round(epoch(valid_from) - epoch(TIMESTAMPTZ '2026-11-20 12:00:00Z'), 3), bid_size"
    assert rows(session, "core.book_snapshots", columns, "valid_from") == [
        ("live", 10.0, Decimal(5)),
        ("unknown", 10.2, None),
        ("live", 10.2, Decimal(6)),
    ]


def test_a_disk_that_is_full_of_scratch_is_said_and_leaves_neither_threads_nor_open_files(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[pq.ParquetWriter] = []

    class Full(pq.ParquetWriter):
        """Has room for its head, and neither for a row nor for its end."""

        def __enter__(self) -> Self:
            opened.append(self)
            return self

        def write_batch(self, *_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            super().close()
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("echelon_pipeline.streams.book_tables.pq.ParquetWriter", Full)
    tape = Tape(session, "1", "A")
    tape.book(0, "A", {"0.40": "1"}, {})
    tape.close()
    before = threading.active_count()
    with pytest.raises(DiskFull, match="no space left"):
        derive(session)
    assert len(opened) > 1
    assert not any(writer.is_open for writer in opened)
    assert threading.active_count() == before
    monkeypatch.undo()
    assert derive(session) == [NOON]
