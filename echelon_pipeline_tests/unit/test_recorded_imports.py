"""Recordings of others become segments of this home: their formats, their order, whose books they are.

Belongs here: files written down. That recorded files of the venues are read is ``contract/test_recorded_books.py``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.books.rows import BookRow, BookState
from echelon_pipeline.errors import BadImport, NotFound
from echelon_pipeline.ingest.bulk import ImportReport, import_file
from echelon_pipeline.ingest.recorded_ladders import UNKNOWN_TOKEN
from echelon_pipeline.lake.session import Session
from echelon_pipeline.settings import Settings
from echelon_pipeline.streams.book_tables import derive_hour
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline.streams.replay import book_of
from echelon_pipeline.streams.segments import connection_of, instruments_of, read, segments
from echelon_pipeline_tests.imported import NOW, home_in, rows_of
from echelon_pipeline_tests.state_databases import intents_within

AT = 1_772_366_400_000  # 2026-03-01 12:00:00 UTC
MARKET = "0xab"
MARKETS = [{"conditionId": MARKET, "clobTokenIds": '["11", "12"]', "orderPriceMinTickSize": 0.01, "orderMinSize": 5}]
BOOK: dict[str, list[dict[str, Any]]] = {
    "bids": [{"price": "0.48", "size": "30"}],
    "asks": [{"price": "0.52", "size": "25"}],
}
EMPTY = {"price": "0.60", "size": 0}  # of a recorder that keeps levels of no size
MIRROR = {"bids": [{"price": "0.48", "size": "25"}], "asks": [{"price": "0.52", "size": "30"}]}


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


def write(home: Settings, name: str, value: Any) -> Path:
    """A file beside the home: JSON, lines of JSON, or a text as it is."""
    is_lines = "jsonl" in name
    text = value if isinstance(value, str) else json.dumps(value)
    text = "".join(f"{json.dumps(one)}\n" for one in value) if is_lines else text
    path = home.home.parent / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def bring(home: Settings, path: Path, table: str, venue: str = "polymarket", **more: Any) -> ImportReport:
    report = import_file(home, path, table=table, venue=venue, **more)
    assert report.rows_read == report.rows_committed + report.duplicates + report.dead_letters
    return report


def book(home: Settings, instrument: str) -> tuple[Any, ...]:
    """State, bids and asks in hundredths and whole sizes, at the end of what was recorded."""
    row = book_of(segments(home.capture_root), instrument)
    assert isinstance(row, BookRow)
    sides = [[(price // 10_000, size // 1_000_000) for price, size in side] for side in (row.bids, row.asks)]
    return row.state, *sides


def markets(home: Settings) -> Path:
    return write(home, "markets.json", {"markets": MARKETS})


def said(second: int, asset: str = "11", levels: Mapping[str, Any] = BOOK, **more: Any) -> dict[str, Any]:
    stamp = str(AT + 1_000 * second)
    return {"event_type": "book", "market": MARKET, "asset_id": asset, "timestamp": stamp, **levels, **more}


def change(second: int, price: str, size: str) -> dict[str, Any]:
    level = {"asset_id": "11", "price": price, "size": size, "side": "BUY"}
    return {
        "event_type": "price_change",
        "market": MARKET,
        "timestamp": str(AT + 1_000 * second),
        "price_changes": [level],
    }


# --- frames


def test_frames_are_kept_in_the_order_of_the_file_with_their_times_and_source(home: Settings) -> None:
    frames = [said(0), change(2, "0.49", "7"), change(1, "0.49", "9")]  # our order, not the venue's clock's
    path = write(home, "frames.jsonl.gz", [{"received_ms": AT + 100 * n, "frame": f} for n, f in enumerate(frames)])
    report = bring(home, path, "frames", source="my archive", markets=markets(home))
    assert (report.rows_committed, report.rows_new, report.source) == (3, 3, "import:my archive")
    [segment] = segments(home.capture_root)
    about = connection_of(segment)
    assert about.listener.startswith("import:my archive:")
    assert "-import-my-archive-" in about.connection_id
    assert [(at, json.loads(payload)) for block in read(segment) for at, payload in block.pairs()] == [
        ((AT + 100 * n) * 1_000, f) for n, f in enumerate(frames)
    ]
    [instrument] = instruments_of(segment)
    assert (instrument.instrument_id, instrument.tokens) == (f"polymarket:{MARKET}", ("11", "12"))
    assert (instrument.facts.tick_size, instrument.facts.min_order_size) == ("0.01", "5")
    assert book(home, f"polymarket:{MARKET}") == (BookState.LIVE, [(49, 9), (48, 30)], [(52, 25)])


def test_imported_frames_reach_the_tables_of_books_whatever_their_age(home: Settings) -> None:
    old = [{"received_ms": AT - 3 * 31_536_000_000 + 100 * n, "frame": said(n)} for n in range(3)]
    bring(home, write(home, "old.jsonl", old), "frames", markets=markets(home))
    session = Session.of(home)
    [hour] = hours_due(session, "polymarket", intents_within(), NOW)
    derive_hour(session, hour)
    assert hours_due(session, "polymarket", intents_within(), NOW) == []
    [row] = rows_of(home, "core.book_snapshots")
    assert (row["state"], row["instrument_id"], row["date"].year) == ("live", f"polymarket:{MARKET}", 2023)
    assert "-import-old-jsonl-" in row["connection_id"]


def test_the_same_file_again_changes_nothing_and_what_is_known_later_replaces_it(home: Settings) -> None:
    frames = [{"received_ms": AT, "frame": said(0)}, {"received_ms": AT + 1, "frame": said(0, "21", market="0xcd")}]
    path = write(home, "frames.jsonl", frames)
    report = bring(home, path, "frames", markets=markets(home))
    assert (report.rows_committed, report.dead_letters, report.reasons) == (1, 1, {UNKNOWN_TOKEN: 1})
    before = segments(home.capture_root)
    again = bring(home, path, "frames", markets=markets(home))
    assert (again.rows_committed, again.rows_new) == (1, 0)
    assert segments(home.capture_root) == before
    assert len(rows_of(home, "core.dead_letters")) == 1
    other = {"condition_id": "0xcd", "outcomes": [{"token_id": "21"}, {"token_id": "22"}]}
    more = write(home, "more.json", [*MARKETS, other])
    assert bring(home, path, "frames", markets=more).rows_new == 2
    assert len(segments(home.capture_root)) == 1
    assert segments(home.capture_root) != before
    assert book(home, "polymarket:0xcd")[0] is BookState.LIVE


def test_a_token_whose_outcome_is_not_known_is_never_guessed(home: Settings) -> None:
    path = write(home, "frames.jsonl", [{"received_ms": AT, "frame": said(0)}])
    report = bring(home, path, "frames")
    assert report.is_all_dead
    assert report.reasons == {UNKNOWN_TOKEN: 1}
    assert segments(home.capture_root) == []
    with pytest.raises(NotFound):
        book_of(segments(home.capture_root), f"polymarket:{MARKET}")


def test_ladders_and_facts_come_from_the_lake_where_it_has_them(home: Settings) -> None:
    columns = {"instrument": "condition", "status": "state"}
    import_file(
        home,
        write(home, "i.jsonl", [{"condition": MARKET, "state": "active"}]),
        table="instruments",
        venue="polymarket",
        mapping=columns,
    )
    outcomes = [{"condition": MARKET, "i": n, "token": t, "label": t} for n, t in ((0, "12"), (1, "11"))]
    mapping = {"instrument": "condition", "outcome_index": "i", "token_id": "token", "label": "label"}
    import_file(home, write(home, "o.jsonl", outcomes), table="outcomes", venue="polymarket", mapping=mapping)
    bring(home, write(home, "f.jsonl", [{"received_ms": AT, "frame": said(0, "12")}]), "frames")
    [instrument] = instruments_of(segments(home.capture_root)[0])
    assert instrument.tokens == ("12", "11")
    assert book(home, f"polymarket:{MARKET}") == (BookState.LIVE, [(48, 30)], [(52, 25)])


def kalshi(kind: str, seq: int, **msg: Any) -> dict[str, Any]:
    return {"type": kind, "sid": 1, "seq": seq, "msg": {"market_ticker": "K", **msg}}


def deltas(step: int, count: int = 20) -> list[dict[str, Any]]:
    first = kalshi("orderbook_snapshot", 1, yes_dollars_fp=[["0.40", "5"]], no_dollars_fp=[["0.50", "5"]])
    said = {"price_dollars": "0.30", "delta_fp": "1", "side": "yes"}
    more = [kalshi("orderbook_delta", 1 + step * n, **said) for n in range(1, count)]
    return [{"recv_ms": AT + 10 * n, "event": frame} for n, frame in enumerate([first, *more])]


def test_numbers_of_one_market_cut_out_of_many_are_not_used(home: Settings) -> None:
    report = bring(home, write(home, "cut.jsonl", deltas(7)), "frames", "kalshi")
    assert any("have holes" in note for note in report.notes)
    assert not connection_of(segments(home.capture_root)[0]).numbered
    assert book(home, "kalshi:K") == (BookState.LIVE, [(40, 5), (30, 19)], [(50, 5)])


def test_a_single_hole_in_numbers_is_a_loss(home: Settings) -> None:
    frames = deltas(1)
    del frames[12]
    report = bring(home, write(home, "whole.jsonl", frames), "frames", "kalshi")
    assert not any("have holes" in note for note in report.notes)
    assert book(home, "kalshi:K") == (BookState.UNKNOWN, [], [])


def test_a_frame_of_the_other_venue_or_a_mapping_is_refused(home: Settings) -> None:
    path = write(home, "frames.jsonl", [{"received_ms": AT, "frame": said(0)}])
    with pytest.raises(BadImport, match="not a frame of kalshi"):
        bring(home, path, "frames", "kalshi")
    with pytest.raises(BadImport, match="no mapping"):
        bring(home, path, "frames", mapping={"price": "p"})
    with pytest.raises(BadImport, match="of one venue"):
        bring(home, path, "frames", "any")


# --- books


def test_answers_of_the_book_endpoint_are_books(home: Settings) -> None:
    asks = [*BOOK["asks"], EMPTY]
    answers = [said(0, "11", {**BOOK, "asks": asks}), said(1, "12", MIRROR)]
    for answer in answers:
        del answer["event_type"]
    bring(home, write(home, "books.json", answers), "books", markets=markets(home))
    assert book(home, f"polymarket:{MARKET}") == (BookState.LIVE, [(48, 30)], [(52, 25)])


def test_newest_first_is_put_in_the_order_of_time(home: Settings) -> None:
    def line(minute: int, size: str) -> dict[str, Any]:
        sides = (("bids", "0.4"), ("asks", "0.6"))
        levels = {side: json.dumps([{"size": size, "price": price}]) for side, price in sides}
        return {"token_id": "11", "condition_id": MARKET, "timestamp": f"2026-05-30T18:{minute:02}:26.004Z", **levels}

    path = write(home, "history.jsonl", [line(9, "9"), line(8, "8"), line(7, "7")])
    report = bring(home, path, "books", mapping={"outcome_index": "=0"})
    assert report.rows_committed == 3
    [segment] = segments(home.capture_root)
    assert [json.loads(p)["bids"][0]["size"] for block in read(segment) for _, p in block.pairs()] == ["7", "8", "9"]
    assert book(home, f"polymarket:{MARKET}") == (BookState.LIVE, [(40, 9)], [(60, 9)])


CSV = """when,name,what,cents,contracts
2026-03-01T07:00:00.000001,K,yes,40,10
2026-03-01T07:00:00.000001,K,no,45,3
2026-03-01T07:00:01,K,BUY,41,10
2026-03-01T07:00:01,K,SELL,56,0
2026-03-01T07:00:01,K,offer,57,4.5
"""


def test_a_table_of_levels_is_a_book_for_each_time(home: Settings) -> None:
    mapping = {"received_at": "when", "instrument": "name", "side": "what", "price_cents": "cents", "size": "contracts"}
    path = write(home, "levels.csv", CSV)
    report = bring(home, path, "books", "kalshi", mapping=mapping, naive_tz="America/New_York")
    assert report.rows_committed == 2
    times = [at for block in read(segments(home.capture_root)[0]) for at, _ in block.pairs()]
    assert times == [AT * 1_000 + 1, AT * 1_000 + 1_000_000]
    assert book(home, "kalshi:K") == (BookState.LIVE, [(41, 10)], [(57, 4)])


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2026-03-01T07:00:02,K,HOLD,41,1", "a level with the side 'HOLD'"),
        ("soon,K,yes,41,1", "expected a time like 2026-03-01T00:00:00Z, got 'soon'"),
        ("2026-03-01T07:00:02,,yes,41,1", "no ticker"),
        ("2026-03-01T07:00:02,K,yes,141,1", "ValueError: expected dollars in 0..1, got '1.41'"),
        ("2026-03-01T07:00:02,K,yes,,1", "ConversionSyntax"),
    ],
)
def test_a_book_that_cannot_be_read_is_a_dead_letter_and_costs_no_other(home: Settings, row: str, why: str) -> None:
    mapping = {"received_at": "when", "instrument": "name", "side": "what", "price_cents": "cents", "size": "contracts"}
    report = bring(home, write(home, "levels.csv", f"{CSV}{row}\n"), "books", "kalshi", mapping=mapping)
    assert (report.rows_committed, report.dead_letters) == (2, 1)
    [reason] = report.reasons
    assert why in reason
    [letter] = rows_of(home, "core.dead_letters")
    assert (letter["reason"], letter["endpoint"]) == (reason, "import:levels.csv:levels.csv")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("received_at_epoch_s", f"{AT // 1_000}"),
        ("received_at_epoch_ms", f"{AT}"),
        ("received_at_epoch_us", f"{AT}000"),
        ("received_at_epoch_ns", f"{AT}000999"),
        ("event_at_epoch_ms", f"{AT}"),
    ],
)
def test_units_of_time_come_from_the_field_s_name(home: Settings, field: str, value: str) -> None:
    path = write(home, "b.jsonl", [{"t": value, "ticker": "K", "orderbook": {"yes": [[40, 5]], "no": [[55, 3]]}}])
    bring(home, path, "books", "kalshi", mapping={field: "t"})
    [(at, _)] = [pair for block in read(segments(home.capture_root)[0]) for pair in block.pairs()]
    assert at == AT * 1_000
    assert book(home, "kalshi:K") == (BookState.LIVE, [(40, 5)], [(45, 3)])


def test_a_book_of_one_market_proves_no_other(home: Settings) -> None:
    polls = [("K", 0), ("L", 0), ("L", 40)]
    lines = [
        {"captured_at": f"2026-03-01T12:00:{s:02}Z", "ticker": t, "orderbook_fp": {"yes_dollars": [["0.40", "5.00"]]}}
        for t, s in polls
    ]
    bring(home, write(home, "polls.jsonl", lines), "books", "kalshi")
    assert book(home, "kalshi:K")[0] is BookState.STALE
    assert book(home, "kalshi:L")[0] is BookState.LIVE


def test_a_field_that_books_do_not_have_is_named(home: Settings) -> None:
    path = write(home, "levels.csv", CSV)
    with pytest.raises(BadImport, match="have no field volume; known are asks, asks_cents, bids"):
        bring(home, path, "books", "kalshi", mapping={"volume": "contracts"})
