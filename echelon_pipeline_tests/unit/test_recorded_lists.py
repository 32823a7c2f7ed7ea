"""Books of others by a mapping of their lists, and records of a file of books or frames that are none.

Belongs here: which records of a file are books and what their levels are. Formats are ``test_recorded_imports.py``.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.books.rows import BookRow, BookState
from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk import ImportReport, import_file
from echelon_pipeline.settings import Settings
from echelon_pipeline.streams.replay import book_of
from echelon_pipeline.streams.segments import segments
from echelon_pipeline.venues.recorders import NO_FRAME
from echelon_pipeline_tests.imported import home_in, rows_of

AT = {"t": "2026-03-01T12:00:00Z", "ticker": "K"}
TIME = {"received_at": "t"}
DOLLARS = {"x": [["0.40", 10], ["0.39", 7]], "z": [["0.55", "3"]]}
CENTS = {"x": [[40, 10], [39, 7]], "z": [["55", "3"]]}
LIVE = (BookState.LIVE, [(40, 10), (39, 7)], [(45, 3)])
OUTSIDE = "expected dollars in 0..1"
CSV = 'bids,asks,ticker,captured_at\n"[[0.4, 1]]",[],K,2026-03-01T12:00:0'


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


def bring(home: Settings, text: str | bytes, mapping: dict[str, str] | None = None, **more: Any) -> ImportReport:
    path = home.home.parent / more.pop("name", "b.jsonl")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return import_file(home, path, **{"table": "books", "venue": "kalshi", "mapping": mapping, **more})


def book(home: Settings) -> tuple[Any, ...]:
    row = book_of(segments(home.capture_root), "kalshi:K")
    assert isinstance(row, BookRow)
    return row.state, *([(p // 10_000, s // 1_000_000) for p, s in side] for side in (row.bids, row.asks))


@pytest.mark.parametrize(
    ("record", "mapping"),
    [
        (DOLLARS, {"yes": "x", "no": "z"}),
        (CENTS, {"yes_cents": "x", "no_cents": "z"}),
        ({"book": DOLLARS}, {"yes": "book.x", "no": "book.z"}),
        ({"book": CENTS}, {"yes_cents": "x", "no_cents": "z"}),
        ({"yes": CENTS["x"], "no": CENTS["z"]}, {"yes_cents": "yes", "no_cents": "no"}),
        ({"yes": DOLLARS["x"], "no": DOLLARS["z"], "side": "yes"}, {"yes": "yes", "no": "no"}),
        ({"orderbook": {"yes": DOLLARS["x"], "no": DOLLARS["z"]}}, {"yes": "orderbook.yes", "no": "orderbook.no"}),
        ({"x": json.dumps(DOLLARS["x"]), "z": json.dumps(DOLLARS["z"])}, {"yes": "x", "no": "z"}),
        ({"b": DOLLARS["x"], "a": [["0.45", 3]]}, {"bids": "b", "asks": "a"}),
        ({"b": CENTS["x"], "a": [{"price": 45, "size": 3}]}, {"bids_cents": "b", "asks_cents": "a"}),
        ({"orderbook": {"yes": CENTS["x"], "no": CENTS["z"]}}, {}),
        ({"bids": DOLLARS["x"], "asks": [["0.45", 3]]}, {}),
    ],
)
def test_lists_are_books_by_the_names_that_the_mapping_gives(home: Settings, record: Any, mapping: Any) -> None:
    lines = "".join(json.dumps({**AT, "t": f"2026-03-01T12:00:0{n}Z", **record}) + "\n" for n in (1, 2))
    report = bring(home, lines, TIME | mapping)
    assert (report.rows_committed, report.reasons) == (2, {})
    assert book(home) == LIVE


@pytest.mark.parametrize(
    ("record", "mapping", "why"),
    [
        (CENTS, {"yes": "x", "no": "z"}, OUTSIDE),
        ({"yes": CENTS["x"], "no": CENTS["z"]}, {}, "yes and no have no unit: map yes and no (dollars) or yes_cents"),
        ({"x": 7}, {"yes": "x"}, "expected a list of levels, got '7'"),
    ],
)
def test_a_unit_is_never_guessed(home: Settings, record: Any, mapping: Any, why: str) -> None:
    report = bring(home, json.dumps(AT | record), TIME | mapping)
    [reason] = report.reasons
    assert (why in reason, report.rows_committed) == (True, 0)


def test_a_column_that_no_record_has_is_named(home: Settings) -> None:
    with pytest.raises(BadImport, match=r"b\.jsonl: no record has zz \(for no\)"):
        bring(home, json.dumps(AT | DOLLARS), TIME | {"yes": "x", "no": "zz"})


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ('{"x": ', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"ticker": "K"}', "holds no book and no level"),
        ("7", "holds no book and no level"),
        ('{"t": "soon", "ticker": "K", "x": []}', "expected a time like 2026-03-01T00:00:00Z, got 'soon'"),
    ],
)
def test_a_line_that_is_no_book_costs_no_other(home: Settings, bad: str, why: str) -> None:
    good = json.dumps(AT | DOLLARS)
    report = bring(home, f"{bad}\n{good}\n", TIME | {"yes": "x", "no": "z"})
    assert (report.rows_read, report.rows_committed, report.reasons) == (2, 1, {why: 1})
    assert book(home) == LIVE
    [letter] = rows_of(home, "core.dead_letters")
    assert letter["reason"] == why


def test_a_quote_that_is_not_closed_costs_its_line_only(home: Settings) -> None:
    rows = [f'"[[0.4, {n}]]",[],K,2026-03-01T12:00:0{n}Z' for n in range(1, 5)]
    rows[1] = rows[1].replace(']]"', "]]")
    report = bring(home, "\n".join(["bids,asks,ticker,captured_at", *rows, "K,1", ""]), name="b.csv")
    assert (report.rows_read, report.rows_committed) == (5, 3)
    assert report.reasons == {
        "a quoted value has no end, or text after its end": 1,
        "the line does not have the cells of the header": 1,
    }
    assert book(home) == (BookState.LIVE, [(40, 4)], [])


def test_a_book_in_a_cell_may_be_as_long_as_a_line(home: Settings) -> None:
    """The csv module's own limit is 131,072 characters of a cell."""
    levels = json.dumps([["0.4", "1"], *[["0.3", "0"]] * 20_000]).replace('"', '""')
    report = bring(home, f'bids,asks,ticker,captured_at\n"{levels}",[],K,2026-03-01T12:00:01Z\n', name="b.csv")
    assert (report.rows_committed, book(home)) == (1, (BookState.LIVE, [(40, 1)], []))


HEAD = "asset_id,market_id,event_type,hash,timestamp,side,price,size\n"
FRAME = {"event_type": "book", "asset_id": "11", "market": "0xab", "timestamp": "1772366400000", "bids": [], "asks": []}
MARKETS = [{"conditionId": "0xab", "clobTokenIds": '["11", "12"]', "orderPriceMinTickSize": 0.01, "orderMinSize": 5}]


@pytest.mark.parametrize(
    ("name", "lines", "reason"),
    [
        ("b.jsonl", [json.dumps(FRAME), '{"recv_ms": '], NO_FRAME),
        ("b.jsonl", ['{"recv_ms": "x", "event": 7, "payload_json": 7}', json.dumps(FRAME)], "frame without sid"),
        ("b.jsonl", ['{"payload_json": 7}', json.dumps(FRAME)], NO_FRAME),
        ("b.jsonl", ['{"event_type": "book", "timestamp": "soon"}', json.dumps(FRAME)], NO_FRAME),
        (
            "b.csv",
            [HEAD + "11,0xab,book,h,1772366400000,BUY,0.4,1", "11,0xab,book,i,soon,BUY,0.4,1"],
            "row of a frame with a level or a time that is no number",
        ),
        (
            "b.csv",
            [HEAD + '11,0xab,book,"h,1772366400000,BUY,0.4,1', "11,0xab,book,h,1772366400000,BUY,0.4,1"],
            "a quoted value has no end, or text after its end",
        ),
    ],
)
def test_a_line_that_is_no_frame_costs_no_other(home: Settings, name: str, lines: list[str], reason: str) -> None:
    markets = home.home.parent / "markets.json"
    markets.write_text(json.dumps({"markets": MARKETS}))
    report = bring(home, "\n".join(lines), name=name, table="frames", venue="polymarket", markets=markets)
    assert (report.rows_read, report.rows_committed, report.reasons) == (2, 1, {reason: 1})


# A name of a test must be the same in every worker: without a time of its own, gzip writes the present one.
DAMAGED = gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:20] + b"\xff" * 20


@pytest.mark.parametrize("table", ["books", "frames", "trades"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.csv", b""),
        ("b.csv", b"\n"),
        ("b.csv", b'a,"b\n1,2\n'),
        ("b.csv.gz", DAMAGED),
        ("b.jsonl.gz", DAMAGED),
        ("b.json.gz", DAMAGED),
        ("b.json", b"[" * 100_000),
        ("b.jsonl", b"[" * 100_000),
        ("b.jsonl", b'{"payload_json": 7, "event_type": "x", "local_recv_ns": 1, "channel": "trade"}'),
        ("b.csv", b"a\x00,b\n1,2\n"),
        ("b.csv", b",,,\n1,2,3,4\n"),
        ("b.csv", b"\xff\xfea"),
        ("b.csv", b"x" * (9 << 20)),
        ("b.parquet", b"PAR1"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_that_names_it(
    home: Settings, table: str, name: str, content: bytes
) -> None:
    mapping = None if table == "frames" else {"instrument": "a"}
    with pytest.raises(BadImport, match=name.replace(".", "[.]")) as caught:
        bring(home, content, mapping, name=name, table=table)
    assert "\n" not in str(caught.value)
