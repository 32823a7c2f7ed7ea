"""CSV quotes that are not closed: the broken line is a dead letter, the lines around it are rows.

Belongs here: ends of records in bulk files, recorded books and recorded frames.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.domain import csv_records
from echelon_pipeline.domain.csv_records import NO_END, Record, cells, records
from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk_files import read_records
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline_tests.imported import home_in, load, rows_of

NAMED = {"instrument": "market", "status": "=open", "title": "title"}


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


def split(text: str) -> list[Record]:
    return list(records(io.StringIO(text, newline=""), ","))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('a,"b"\nc,d\n', [('a,"b"\n', 1, False), ("c,d\n", 2, False)]),
        ('a,"b\nc",d\ne\n', [('a,"b\nc",d\n', 1, False), ("e\n", 3, False)]),
        ('a,"b\nc,d\ne', [('a,"b\n', 1, True), ("c,d\n", 2, False), ("e", 3, False)]),
        ('a,"b\nc,"d"\ne,f', [('a,"b\n', 1, True), ('c,"d"\n', 2, False), ("e,f", 3, False)]),
        ('a,"b\nc,"d\ne,f', [('a,"b\n', 1, True), ('c,"d\n', 2, True), ("e,f", 3, False)]),
        ('a,"b"c\nd\n', [('a,"b"c\n', 1, True), ("d\n", 2, False)]),
        ('a,b"c\nd"\n', [('a,b"c\n', 1, False), ('d"\n', 2, False)]),
        ('a, "b ""c"" " ,d\n', [('a, "b ""c"" " ,d\n', 1, False)]),
        ('a,""\n"",b', [('a,""\n', 1, False), ('"",b', 2, False)]),
    ],
)
def test_a_record_ends_with_its_quotes(text: str, found: list[tuple[str, int, bool]]) -> None:
    assert split(text) == found


@given(st.text('ab",\n ', max_size=60))
def test_every_line_is_in_one_record_in_the_order_of_the_file(text: str) -> None:
    found = split(text)
    assert "".join(record[0] for record in found) == text
    assert all(record[0].count("\n") <= 1 for record in found if record[2])


@given(st.lists(st.text('ab",\n', max_size=5), min_size=2, max_size=4))
def test_a_correctly_quoted_row_is_one_record(row: list[str]) -> None:
    text = ",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n"
    assert split(text) == [(text, 1, False)]
    assert cells(text, ",") == row


def lines(count: int) -> list[str]:
    return [f"KXA-{n},title {n}" for n in range(count)]


def given_lines(home: Settings, rows: list[str], end: str = "\n", name: str = "t.csv") -> Any:
    path = home.home.parent / name
    text = end.join(["market,title", *rows, ""]).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return load(home, path, "instruments", NAMED)


@pytest.mark.parametrize(("end", "name"), [("\n", "t.csv"), ("\r\n", "t.csv"), ("\r", "t.csv"), ("\n", "t.csv.gz")])
@pytest.mark.parametrize("broken", [{3}, {0, 47}, {3, 4, 20}])
def test_a_quote_that_is_not_closed_costs_its_line_only(home: Settings, broken: set[int], end: str, name: str) -> None:
    rows = [line.replace("title", '"title') if n in broken else line for n, line in enumerate(lines(48))]
    report = given_lines(home, rows, end, name)
    assert (report.rows_read, report.rows_committed, report.reasons) == (48, 48 - len(broken), {NO_END: len(broken)})
    titles = [row["title"] for row in rows_of(home, "core.instruments")]
    assert sorted(titles) == sorted(f"title {n}" for n in range(48) if n not in broken)
    letters = {letter["path"]: letter["payload"] for letter in rows_of(home, "core.dead_letters")}
    assert letters == {f"line {n + 2}": f'KXA-{n},"title {n}' for n in broken}


def test_rows_with_quotes_after_a_broken_line_keep_their_values(home: Settings) -> None:
    rows = ['KXA-0,"broken', 'KXA-1,"a, ""b""\nc"', 'KXA-2,"d"', "KXA-3,a,b", "KXA-4,\u20ac"]
    report = given_lines(home, rows)
    assert report.reasons == {NO_END: 1, "the line does not have the cells of the header": 1}
    assert [row["title"] for row in rows_of(home, "core.instruments")] == ['a, "b"\nc', "d", "\u20ac"]


@pytest.mark.parametrize("ends", [("\r\n", "\n"), ("\n", "\r\n"), ("\n", "\r"), ("\r", "\n")])
@pytest.mark.parametrize("odd", ["KXA-2,b", 'KXA-2,"b"', '"KXA-2"', "KXA-2,b,c", 'KXA-2,"b'])
def test_line_ends_that_differ_lose_no_line(home: Settings, ends: tuple[str, str], odd: str) -> None:
    """As of two files put behind each other: DuckDB refuses the file or loses lines beside it."""
    text = "market,title{0}KXA-1,a{0}{2}{1}KXA-3,c{0}KXA-4,d{0}".format(*ends, odd)
    (home.home.parent / "t.csv").write_text(text, encoding="utf-8", newline="")
    report = load(home, home.home.parent / "t.csv", "instruments", NAMED)
    is_good = odd in ("KXA-2,b", 'KXA-2,"b"')
    assert (report.rows_read, report.dead_letters) == (4, int(not is_good))
    titles = [row["title"] for row in rows_of(home, "core.instruments")]
    assert titles == (["a", "b", "c", "d"] if is_good else ["a", "c", "d"])


def test_more_lines_than_a_value_may_hold_are_rows_too(tmp_path: Path) -> None:
    count = 700_000
    (tmp_path / "t.csv").write_text('a,b\n1,"x\n' + "2,a title of some length\n" * count)
    with connect() as connection:
        assert read_records(connection, tmp_path / "t.csv", tmp_path).count == count + 1


def test_a_file_of_one_column_is_bounded_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a\n"x\n2\n3\n')
    with connect() as connection:
        found = read_records(connection, tmp_path / "t.csv", tmp_path)
        rows = connection.execute("SELECT payload, fault, line FROM read_parquet(?)", [str(found.path)]).fetchall()
    assert rows == [('{"a":"2"}', None, None), ('{"a":"3"}', None, None), ('"x', NO_END, 2)]


def test_a_header_whose_quote_is_not_closed_is_an_error_of_the_file(home: Settings) -> None:
    (home.home.parent / "t.csv").write_text('market,"title\nKXA-1,a\n')
    with pytest.raises(BadImport, match=r"t\.csv: the header: a quoted value has no end"):
        load(home, home.home.parent / "t.csv", "instruments", NAMED)


@pytest.mark.parametrize("length", [131_073, 1_000_000])
def test_a_header_may_be_as_long_as_a_line(home: Settings, length: int) -> None:
    (home.home.parent / "t.csv").write_text(f"market,title,{'x' * length}\nKXA-1,a,b\n")
    assert load(home, home.home.parent / "t.csv", "instruments", NAMED).rows_new == 1


def test_a_header_that_is_longer_than_a_line_is_an_error_of_the_file(home: Settings) -> None:
    (home.home.parent / "t.csv").write_text(f"market,{'x' * csv_records.LONGEST_RECORD}\nKXA-1,a\n")
    with pytest.raises(BadImport, match=r"t\.csv: the first line is longer than 8 MB"):
        load(home, home.home.parent / "t.csv", "instruments", NAMED)
