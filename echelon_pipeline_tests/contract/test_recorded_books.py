"""Recorded books and frames of both venues through ``echelon import``: the books are those of the files.

Belongs here: kalshi/ws, kalshi/tape, kalshi/mve, polymarket/ws_market, polymarket/book_history, polymarket/clob_book as
imports. ``test_*_streams.py`` checks their frames.
"""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.books.arrow import rows_of_batch
from echelon_pipeline.books.rows import BookRow, BookState
from echelon_pipeline.ingest.bulk import ImportReport, import_file
from echelon_pipeline.settings import Settings
from echelon_pipeline.streams.chains import chains
from echelon_pipeline.streams.replay import Replayed, replay
from echelon_pipeline.streams.segments import segments
from echelon_pipeline_tests.fakes import RECORDINGS, needs_recordings
from echelon_pipeline_tests.imported import home_in

pytestmark = needs_recordings

BURST = "polymarket/ws_market/raw_frames_m9-rtds-natural-20260428e"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


def bring(
    home: Settings, name: str, table: str, venue: str, **more: Any
) -> tuple[ImportReport, Replayed, list[BookRow]]:
    """The report of the import, and the replay of its one chain."""
    report = import_file(home, RECORDINGS / name, table=table, venue=venue, **more)
    rows: list[BookRow] = []
    [chain] = chains(segments(home.capture_root))
    return report, replay(chain, see=lambda out: rows.extend(rows_of_batch(out.rows))), rows


def test_a_burst_of_whole_frames_has_its_books_on_each_of_its_connections(home: Settings) -> None:
    report, told, _ = bring(
        home, f"{BURST}.jsonl.gz", "frames", "polymarket", markets=RECORDINGS / f"{BURST}.markets.jsonl"
    )
    assert (report.rows_committed, told.connections) == (15, 3)
    assert (told.events["Snapshot"], told.events["Change"], told.events["Unreadable"]) == (18, 16, 0)
    assert set(told.states) == {"live"}
    assert told.gaps["best_prices"] == told.gaps["crossed"] == 0


def test_one_subscription_of_twelve_markets_is_checked_by_its_numbers(home: Settings) -> None:
    report, told, _ = bring(home, "kalshi/ws/multi_market_stream_2026-08-07.json.gz", "frames", "kalshi")
    assert (report.rows_committed, report.dead_letters) == (268, 1)
    assert told.states == {"live": 12}
    assert told.met["sequence_breaks"] == 0


def test_minutes_of_whole_books_are_the_books_of_the_file(home: Settings) -> None:
    name = "polymarket/book_history/0xf8709baa51d7518b03d4d6be982c75b4013da388cbfd51330cc1dfbc6b08f0ae.jsonl.gz"
    report, told, rows = bring(home, name, "books", "polymarket", mapping={"outcome_index": "=0"})
    lines = [json.loads(line) for line in gzip.decompress((RECORDINGS / name).read_bytes()).splitlines()]
    assert report.rows_committed == told.events["Snapshot"] == len(lines)
    newest = max(lines, key=lambda line: str(line["timestamp"]))
    [last] = told.books.values()
    for side, levels in (("bids", last.bids), ("asks", last.asks)):
        served = {Decimal(one["price"]): Decimal(one["size"]) for one in json.loads(newest[side])}
        best = sorted(served.items(), reverse=side == "bids")[: len(levels)]
        assert [(Decimal(p) / 1_000_000, Decimal(s) / 1_000_000) for p, s in levels] == best
    assert {row.state for row in rows if row.reason is None} == {BookState.LIVE, BookState.STALE}


def test_answers_of_the_book_endpoint_have_their_hashes(home: Settings) -> None:
    report, told, _ = bring(
        home,
        "polymarket/clob_book/fed_june_2026_books.json",
        "books",
        "polymarket",
        markets=RECORDINGS / "polymarket/gamma/fed_june_2026_event.json",
    )
    assert (report.rows_committed, report.dead_letters) == (10, 0)
    assert +told.hashes == {"hits": 10}
    assert len(told.books) == 5


@pytest.mark.parametrize(
    ("name", "mapping", "count"),
    [
        ("kalshi/tape/weather_books_2026-07-23.jsonl.gz", None, 533),
        ("kalshi/mve/cockpit_combo_orderbooks.json", {"received_at": "=2026-08-10T00:00:00Z"}, 20),
        (
            "kalshi/rest/ext_kalshi-orderbook.json",
            {"received_at": "=2026-08-09T00:00:00Z", "instrument": "=KXELONMARS-99"},
            1,
        ),
        ("kalshi/rest/golden_orderbook_response.json", None, 1),
    ],
)
def test_polled_books_of_kalshi_are_books(
    home: Settings, name: str, mapping: dict[str, str] | None, count: int
) -> None:
    report, told, _ = bring(home, name, "books", "kalshi", mapping=mapping)
    assert (report.rows_committed, report.dead_letters) == (count, 0)
    assert sum(told.states.values()) == len(told.books) == count


def test_a_game_recorded_as_levels_has_the_books_of_its_frames(home: Settings, tmp_path: Path) -> None:
    name = "polymarket/ws_market/signaldrift_20250619_mlb-min-cin-2025-06-19_polymarket-market-events.csv.gz"
    lines = gzip.decompress((RECORDINGS / name).read_bytes()).decode().splitlines()[1:]
    tokens = sorted({line.split(",")[1] for line in lines})
    game = tmp_path / "game.json"
    game.write_text(json.dumps({"conditionId": "0xgame", "clobTokenIds": tokens}))
    report, told, _ = bring(home, name, "frames", "polymarket", markets=game)
    assert report.dead_letters == 0
    assert (told.events["Snapshot"], told.events["Change"]) == (64, 454)
    assert set(told.books) == {"polymarket:0xgame"}
