"""Every recorded WebSocket capture through the compiled rules and through the machine: the same rows, gaps, hashes.

Belongs here: kalshi/ws, polymarket/ws_market. What must be true of these captures is in ``test_*_streams.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Change, Snapshot
from echelon_pipeline.venues.kalshi import stream as kalshi
from echelon_pipeline.venues.kalshi.columns import columns as kalshi_columns
from echelon_pipeline_tests.contract.test_kalshi_streams import BTC, FOLDER, GOLD, MULTI, Btc, Gold, close_at, watched
from echelon_pipeline_tests.fakes import needs_recordings
from echelon_pipeline_tests.recorded_streams import Recorded, many_markets, one_ticker, rotating, split_by_type
from echelon_pipeline_tests.replays import agree, arrived, both

pytestmark = needs_recordings
FAST = 6_000  # frames of each capture in a fast run


def check_kalshi(instruments: Sequence[Instrument], frames: Sequence[Recorded], *, sequences: bool = True) -> int:
    """How many frames are of plain shape."""
    both("kalshi", instruments, arrived(frames), 5_000, sequences=sequences)
    tokens = [token for one in instruments for token in one.tokens]
    return agree(kalshi_columns, kalshi.read, tokens, [frame.payload for frame in frames])


def gold(capture: Gold) -> tuple[list[Instrument], list[Recorded]]:
    return [Instrument("kalshi:x", (capture.ticker,), close_at(capture))], list(one_ticker(capture.name))


def btc(capture: Btc) -> tuple[list[Instrument], list[Recorded]]:
    rows = split_by_type(f"{FOLDER}/{capture.folder}")
    return watched(rows), list(rotating(rows))


def test_one_ticker_cut_out_of_many_is_the_same() -> None:
    instruments, frames = gold(GOLD[0])
    assert check_kalshi(instruments, frames[-FAST:], sequences=False) == FAST


def test_a_whole_subscription_is_the_same_also_where_its_frames_have_spaces() -> None:
    frames = list(many_markets(MULTI))
    events = [event for frame in frames for event in kalshi.read(frame.payload).events]
    tokens = sorted({event.token for event in events if isinstance(event, Snapshot | Change)})
    # All but the acknowledgements, which have lists inside, and the subscription's begin.
    assert check_kalshi([Instrument(f"kalshi:{t}", (t,)) for t in tokens], frames) == len(frames) - 12


def test_a_book_that_rotates_is_the_same() -> None:
    instruments, frames = btc(BTC[0])
    around = BTC[0].rotation - FAST // 2
    assert check_kalshi(instruments, [*frames[:10], *frames[around : around + FAST]]) >= FAST


@pytest.mark.slow
@pytest.mark.parametrize("capture", GOLD, ids=lambda c: c.ticker)
def test_every_capture_of_one_ticker_is_the_same_from_begin_to_end(capture: Gold) -> None:
    instruments, frames = gold(capture)
    assert check_kalshi(instruments, frames, sequences=False) == len(frames)


@pytest.mark.slow
@pytest.mark.parametrize("capture", BTC, ids=lambda c: c.folder[:19])
def test_every_rotating_capture_is_the_same_from_begin_to_end(capture: Btc) -> None:
    instruments, frames = btc(capture)
    assert check_kalshi(instruments, frames) == len(frames) - 4
