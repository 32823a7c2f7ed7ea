"""Formats of bulk files: compression, encodings, line ends, quotes, long numbers, odd headers, damaged files.

Belongs here: from a file's bytes to its records. What columns mean is ``test_bulk.py``.
"""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk import ImportReport
from echelon_pipeline.ingest.bulk_files import read_records
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline_tests.imported import home_in, load, rows_of

TRADE = {"market": "KXA-1", "at": "2026-01-02T03:04:05Z", "price": "0.25", "count": "10"}
TRADES = {"instrument": "market", "event_at": "at", "price": "price", "size": "count"}
CSV = "market,at,price,count\nKXA-1,2026-01-02T03:04:05Z,0.25,10\n"
LINE = json.dumps(TRADE) + "\n"
NAMED = {"instrument": "market", "status": "=open", "title": "title"}


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


def given(home: Settings, name: str, content: bytes, mapping: dict[str, str] | None = None) -> ImportReport:
    """Imports a file of these bytes: trades, or instruments with their titles."""
    path = home.home.parent / name
    path.write_bytes(content)
    return load(home, path, "instruments" if mapping else "trades", mapping or TRADES)


def titles(home: Settings) -> list[Any]:
    return [row["title"] for row in rows_of(home, "core.instruments")]


def zstd(data: bytes) -> bytes:
    compressed = pa.compress(data, codec="zstd", asbytes=True)
    assert isinstance(compressed, bytes)
    return compressed


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("t.csv", b"\xef\xbb\xbf" + CSV.encode(), id="a byte order mark"),
        pytest.param("t.csv", CSV.replace("\n", "\r\n").encode(), id="line ends of Windows"),
        pytest.param("t.csv", CSV.rstrip("\n").encode(), id="no line end at the end"),
        pytest.param("t.csv", (CSV + "\n\n").encode(), id="empty lines at the end"),
        pytest.param("t.csv", CSV.replace(",", ";").encode(), id="semicolons"),
        pytest.param("t.tsv", CSV.replace(",", "\t").encode(), id="tabs"),
        pytest.param("t.csv", CSV.replace(",", "|").encode(), id="bars"),
        pytest.param("t.csv", CSV.encode("utf-16"), id="UTF-16"),
        pytest.param("t.csv", b"\xfe\xff" + CSV.encode("utf-16-be"), id="UTF-16 of the other order"),
        pytest.param("t.csv.gz", gzip.compress(CSV.encode("utf-16")), id="UTF-16 in gzip"),
        pytest.param("t.csv.gz", gzip.compress(CSV.encode()), id="gzip"),
        pytest.param("t.csv", gzip.compress(CSV.encode()), id="gzip without its ending"),
        pytest.param("T.CSV.GZ", gzip.compress(CSV.encode()), id="an ending in capitals"),
        pytest.param("t.csv.zst", zstd(CSV.encode()), id="zstd"),
        pytest.param("t.jsonl", b"\xef\xbb\xbf" + LINE.encode(), id="lines with a byte order mark"),
        pytest.param("t.jsonl", ("\r\n" + LINE.replace("\n", "\r\n")).encode(), id="lines of Windows"),
        pytest.param("t.jsonl", LINE.encode("utf-16"), id="lines in UTF-16"),
        pytest.param("t.jsonl.zst", zstd(LINE.encode()), id="lines in zstd"),
        pytest.param(
            "t.json", b"\xef\xbb\xbf[\r\n " + LINE.encode() + b"]\r\n", id="a document with a byte order mark"
        ),
        pytest.param("t.json.zst", zstd(LINE.encode() * 1), id="a document in zstd"),
        pytest.param("t.json", f"[{LINE}]".encode("utf-16"), id="a document in UTF-16"),
    ],
)
def test_a_text_is_read_as_it_is_written(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with connect() as connection:
        records = read_records(connection, tmp_path / name, tmp_path)
    (record,) = pq.read_table(records.path).to_pylist()
    assert (json.loads(record["payload"]), record["fault"], records.count) == (TRADE, None, 1)
    assert sorted(records.columns) == sorted(TRADE)


def test_quotes_commas_and_line_ends_inside_of_values_are_theirs(home: Settings) -> None:
    title = 'A "good", long\r\ntitle; of €'
    quoted = '"' + title.replace('"', '""') + '"'
    given(home, "t.csv", f'market,"the\ntitle"\nKXA-1,{quoted}\nKXA-2,b\n'.encode(), NAMED | {"title": "the\ntitle"})
    assert titles(home) == [title, "b"]


def test_columns_that_differ_in_capitals_only_are_two(home: Settings) -> None:
    given(home, "t.csv", b"market,Title,title\nKXA-1,a,b\n", NAMED)
    assert titles(home) == ["b"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.csv", b"market,title\nKXA-1,caf\xe9\nKXA-2,b\n", "the line is not UTF-8"),
        ("t.csv", b"market,title\nKXA-1,a,b\nKXA-2,b\n", "the line does not have the cells of the header"),
        ("t.csv", b"market,title\nKXA-1\nKXA-2,b\n", "the line does not have the cells of the header"),
        ("t.jsonl", b'{"market":"KXA-1","title":"caf\xe9"}\n{"market":"KXA-2","title":"b"}\n', "the line is not UTF-8"),
        ("t.jsonl", b'{"market":"KXA-1"\n{"market":"KXA-2","title":"b"}\n', "not JSON"),
        ("t.jsonl", b'["KXA-1"]\n{"market":"KXA-2","title":"b"}\n', "not a JSON object"),
        ("t.json", b'[null, {"market":"KXA-2","title":"b"}]', "not a JSON object"),
        (
            "t.jsonl",
            b'{"market":"KXA-1","market":"KXA-3","title":"a"}\n{"market":"KXA-2","title":"b"}\n',
            "the object names a key twice",
        ),
    ],
)
def test_a_bad_record_costs_no_other(home: Settings, name: str, content: bytes, reason: str) -> None:
    report = given(home, name, content, NAMED)
    assert (report.records, report.reasons) == (2, {reason: 1})
    assert titles(home) == ["b"]


def test_a_rejected_line_is_named_by_its_number_in_the_file(home: Settings) -> None:
    given(home, "t.csv", b"market,title\nKXA-1,a\nKXA-2,b\nKXA-3,a,b\n", NAMED)
    (letter,) = rows_of(home, "core.dead_letters")
    assert (letter["path"], letter["payload"]) == ("line 4", "KXA-3,a,b")


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_a_cut_emoji_is_legal_json_and_costs_nothing(home: Settings, name: str) -> None:
    """JavaScript makes lone surrogates by cutting a text in the middle of an emoji."""
    lines = [r'{"market":"KXA-1","title":"cut \ud83d"}', r'{"market":"KXA-2","title":"whole \ud83d\ude00"}']
    text = "\n".join(lines) if name == "t.jsonl" else f"[{','.join(lines)}]"
    assert given(home, name, text.encode(), NAMED).reasons == {}
    assert titles(home) == ["cut \ufffd", "whole \U0001f600"]


def test_a_record_nested_thousands_deep_costs_no_other(home: Settings) -> None:
    deep = '{"market":"KXA-1","title":"a","x":' + '{"a":' * 5_000 + "1" + "}" * 5_001
    given(home, "t.jsonl", (deep + '\n{"market":"KXA-2","title":"b"}\n').encode(), NAMED)
    assert "b" in titles(home)


@pytest.mark.parametrize("size", ["123456789012.123456", "0.123456", "999999999999.999999", "1e3", "1000000000000.5"])
@pytest.mark.parametrize("is_member", [False, True])
def test_numbers_of_json_pass_through_no_float(home: Settings, size: str, is_member: bool) -> None:
    """The 18th digit of a size as a JSON number: a float would bend it."""
    note = r'"a: 1234567890123456789, \"b"'
    record = '{"market": "KXA-1", "at": "2026-01-01", "price": 0.123456789012, "note": ' + note + ', "count": %s}'
    text = ('{"trades": [' + record + "]}" if is_member else record) % size
    report = given(home, "t.json", text.encode())
    if Decimal(size) >= 10**12:
        assert report.reasons == {"size: size is not a number above 0": 1}
        return
    (row,) = rows_of(home, "core.trades")
    assert (row["size"], row["price"]) == (Decimal(size), Decimal("0.123456789012"))


def test_typed_columns_keep_digits_times_and_missing_values(home: Settings, tmp_path: Path) -> None:
    """NaN in a column of floats is how data frames write that there is no value."""
    nanoseconds = pa.array([1772323200123456789], pa.int64()).cast(pa.timestamp("ns"))
    table = pa.table(
        {
            "id": pa.array(["KXA-1"]),
            "at": nanoseconds,
            "bid": pa.array([Decimal("0.123456")], pa.decimal128(38, 6)),
            "volume": pa.array([float("nan")]),
            "interest": pa.array([Decimal("123456789012.123456")], pa.decimal128(38, 6)),
        }
    )
    pq.write_table(table, tmp_path / "q.parquet")
    mapping = {
        "instrument": "id",
        "observed_at": "at",
        "best_bid": "bid",
        "volume": "volume",
        "open_interest": "interest",
    }
    assert load(home, tmp_path / "q.parquet", "quotes", mapping).reasons == {}
    (row,) = rows_of(home, "core.instrument_quotes")
    assert row["observed_at"] == datetime(2026, 3, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert (row["best_bid"], row["volume"]) == (Decimal("0.123456"), None)
    assert row["open_interest"] == Decimal("123456789012.123456")


def test_lists_and_objects_of_parquet_are_opened_exactly(home: Settings, tmp_path: Path) -> None:
    size = Decimal("123456789012.123456")
    members = [{"id": f"KXA-{n}", "size": size} for n in (1, 2)]
    kind = pa.list_(pa.struct([("id", pa.string()), ("size", pa.decimal128(38, 6))]))
    pq.write_table(pa.table({"at": ["2026-01-01"], "rows": pa.array([members], kind)}), tmp_path / "t.parquet")
    mapping = {"instrument": "id", "event_at": "at", "price": "=0.5", "size": "size"}
    load(home, tmp_path / "t.parquet", "trades", mapping)
    assert [row["size"] for row in rows_of(home, "core.trades")] == [size, size]


def duplicated() -> pa.Table:
    return pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["market", "market"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "is empty: there is no header line"),
        ("t.csv", b"\n\n", "is empty: there is no header line"),
        ("t.csv.gz", gzip.compress(b"", mtime=0), "is empty: there is no header line"),
        ("t.csv", b"market,at,market\n", "has two columns of one name: 'market'"),
        ("t.csv", b"caf\xe9,at\n1,2\n", "the header is not UTF-8; convert the file first"),
        ("t.csv.gz", CSV.encode(), r"has the ending \.gz but is not a gzip file"),
        ("t.csv.zst", CSV.encode(), r"has the ending \.zst but is not a zstd file"),
        ("t.json.gz", gzip.compress(b"[]", mtime=0), "has no JSON object"),
        ("t.json", b"[1, 2]", "has no JSON object"),
        ("t.jsonl", b"\n\n", "has no JSON object"),
        ("t.json", b'{"market": ', "cannot be read: .*Malformed JSON"),
        ("t.xlsx", b"PK", r"unknown format; known are \.parquet, \.csv"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with connect() as connection, pytest.raises(BadImport, match=rf"{name.replace('.', '[.]')}: {message}"):
        read_records(connection, tmp_path / name, tmp_path)


def test_parquet_with_two_columns_of_one_name_is_refused(home: Settings, tmp_path: Path) -> None:
    pq.write_table(duplicated(), tmp_path / "t.parquet")
    with pytest.raises(BadImport, match=r"t\.parquet: has two columns of one name: 'market'"):
        load(home, tmp_path / "t.parquet", "trades", TRADES)


def test_a_folder_is_no_file(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(BadImport, match="is a folder; import one file at a time"):
        load(home, tmp_path, "trades", TRADES)


def test_an_object_that_is_too_large_says_the_limit(home: Settings) -> None:
    with pytest.raises(BadImport, match=r"t\.json: has an object larger than 32 MB; save it as JSON lines"):
        given(home, "t.json", b'{"market": "' + b"x" * (33 << 20) + b'"}')
