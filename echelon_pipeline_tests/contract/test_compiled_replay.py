"""Every recorded WebSocket capture through the compiled rules and through the machine: the same rows, gaps, hashes.

Belongs here: kalshi/ws, polymarket/ws_market. ``test_*_streams.py`` checks these captures.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Change, Snapshot
from echelon_pipeline.venues.kalshi import stream as kalshi
from echelon_pipeline.venues.kalshi.fast import columns as kalshi_columns
from echelon_pipeline.venues.polymarket import stream as polymarket
from echelon_pipeline.venues.polymarket.fast import columns as polymarket_columns
from echelon_pipeline_tests.contract import test_polymarket_streams as recorded
from echelon_pipeline_tests.contract.test_kalshi_streams import BTC, FOLDER, GOLD, MULTI, Btc, Gold, close_at, watched
from echelon_pipeline_tests.fakes import RECORDINGS, needs_recordings
from echelon_pipeline_tests.recorded_streams import (
    Recorded,
    bursts,
    flattened,
    many_markets,
    one_ticker,
    rotating,
    split_by_type,
)
from echelon_pipeline_tests.replays import agree, arrived, both

# One worker: machine code is made once for all of them.
pytestmark = [needs_recordings, pytest.mark.xdist_group("compiled")]
FAST = 6_000  # frames of each capture in a fast run


def check_kalshi(instruments: Sequence[Instrument], frames: Sequence[Recorded], *, sequences: bool = True) -> int:
    """Returns the number of plain frames."""
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


def test_a_whole_subscription_is_the_same_with_frames_of_several_lines() -> None:
    frames = list(many_markets(MULTI))
    events = [event for frame in frames for event in kalshi.read(frame.payload).events]
    tokens = sorted({event.token for event in events if isinstance(event, Snapshot | Change)})
    assert check_kalshi([Instrument(f"kalshi:{t}", (t,)) for t in tokens], frames) == 0


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


def check_polymarket(instruments: Sequence[Instrument], frames: Sequence[Recorded]) -> int:
    """Returns the number of plain frames once the texts of their facts are known."""
    both("polymarket", instruments, arrived(frames), 1_000)
    tokens = [token for one in instruments for token in one.tokens]
    return agree(polymarket_columns, polymarket.read, tokens, [frame.payload for frame in frames])


@pytest.mark.parametrize("burst", recorded.BURSTS, ids=lambda b: b.run)
def test_every_burst_of_whole_frames_has_the_same_books_and_hashes(burst: recorded.Burst) -> None:
    """Without REST books: only the machine supports them."""
    frames = [f for f in bursts(burst.name) if f.payload.startswith(b"[") or b'"event_type"' in f.payload]
    assert check_polymarket(recorded.instruments(burst), frames) == len(frames) - burst.new_markets


@pytest.mark.parametrize(
    "drift",
    [recorded.DRIFTS[8], *(pytest.param(d, marks=pytest.mark.slow) for d in recorded.DRIFTS)],
    ids=lambda d: d.game,
)
def test_a_game_of_2025_is_the_same_with_its_losses(drift: recorded.Drift) -> None:
    """Its changes have an older format and go through the reader."""
    frames = list(flattened(drift.name))
    tokens = {e.token for e in recorded.level_batch([f.payload for f in frames]) if isinstance(e, Snapshot | Change)}
    check_polymarket([Instrument("polymarket:game", tuple(sorted(tokens)))], frames)


@pytest.mark.parametrize("name", [recorded.TRADES, *recorded.SINGLE])
def test_single_frames_are_the_same_columns(name: str) -> None:
    payload = (RECORDINGS / name).read_bytes()
    agree(polymarket_columns, polymarket.read, [], payload.splitlines() if name == recorded.TRADES else [payload])
