"""Books at a given time, on a grid and by distance: by hand, and against a plain walk over the rows."""

from __future__ import annotations

import atexit
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish import catalog
from echelon_pipeline.publish.catalog import PublicationInfo, Source, fill
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline_tests.book_rows import BOOK, MIDNIGHT, at, book, unknown
from echelon_pipeline_tests.rows import NOON, Row, arrow, staged

HOUR = 3600
FUNCTIONS = ("unknown_instrument", "book_at", "books_every", "depth_within", "mid")
LISTED = ("kalshi:A", "kalshi:B", "kalshi:B2", "polymarket:A")


@contextmanager
def books(*rows: Row) -> Iterator[duckdb.DuckDBPyConnection]:
    """These rows of core.book_snapshots and what reads them."""
    with _database().cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("given", arrow("core.book_snapshots", rows))
        connection.execute("CREATE OR REPLACE TABLE core.book_snapshots AS SELECT * FROM given")
        yield connection


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One for all tests of a process: opening one costs more than a question to a few rows."""
    opened = ExitStack()
    connection = opened.enter_context(connect(private=True))
    atexit.register(opened.close)
    connection.execute("CREATE SCHEMA core; CREATE SCHEMA internal")
    connection.register("nothing", arrow("core.book_snapshots", []))
    connection.execute("CREATE TABLE core.book_snapshots AS SELECT * FROM nothing")
    connection.execute("CREATE TABLE core.instruments AS SELECT unnest($ids) AS instrument_id", {"ids": list(LISTED)})
    for name in FUNCTIONS:
        connection.execute(statement(f"functions/{name}").text)
    return connection


def asked(connection: duckdb.DuckDBPyConnection, query: str, *arguments: object) -> list[Row]:
    found = connection.execute(query, arguments)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


def book_at(connection: duckdb.DuckDBPyConnection, seconds: float, instrument: str = BOOK) -> Row:
    (found,) = asked(connection, "FROM core.book_at(?, ?)", instrument, at(seconds))
    return found


def every(connection: duckdb.DuckDBPyConnection, step: float, begin: float, end: float) -> list[Row]:
    query = "FROM core.books_every(?, ?, ?, ?) ORDER BY as_of_at"
    return asked(connection, query, BOOK, timedelta(seconds=step), at(begin), at(end))


def within(connection: duckdb.DuckDBPyConnection, seconds: float, distance: str) -> Row:
    (found,) = asked(connection, "FROM core.depth_within(?, ?, ?)", BOOK, at(seconds), Decimal(distance))
    return found


def test_a_book_is_valid_from_its_begin_to_before_its_end() -> None:
    with books(book(10, 20), book(20, 30, bids=[("0.41", 1)])) as connection:
        assert [book_at(connection, s)["bid"] for s in (10, 19.999999, 20)] == [
            Decimal("0.40"),
            Decimal("0.40"),
            Decimal("0.41"),
        ]
        found = book_at(connection, 12.5)
    assert (found["source_at"], found["valid_to"], found["age_seconds"]) == (at(10), at(20), 2.5)
    assert (found["state"], found["reason"]) == ("live", None)


def test_levels_are_dollars_and_contracts_best_first() -> None:
    with books(book(0, 60, bids=[("0.401", "100.5"), ("0.39", 2)], asks=[])) as connection:
        found = book_at(connection, 30)
    assert found["bid_prices"] == [Decimal("0.401"), Decimal("0.39")]
    assert found["bid_sizes"] == [Decimal("100.5"), Decimal(2)]
    assert (found["ask_prices"], found["ask"], found["mid"]) == ([], None, None)


@pytest.mark.parametrize(("seconds", "instrument"), [(9, BOOK), (20, BOOK), (5 * HOUR, BOOK), (15, "kalshi:B")])
def test_without_a_recording_there_is_a_row_with_the_reason_not_recorded(seconds: float, instrument: str) -> None:
    with books(book(10, 20)) as connection:
        found = book_at(connection, seconds, instrument)
    assert (found["state"], found["reason"], found["instrument_id"]) == ("unknown", "not_recorded", instrument)
    assert {found[c] for c in ("age_seconds", "bid", "ask", "mid", "source_at")} == {None}
    assert found["bid_prices"] is None


UNKNOWN = "no instrument kalshi:C in core.instruments; similar ids: kalshi:A, kalshi:B, kalshi:B2"


@pytest.mark.parametrize(
    "call",
    [
        "core.book_at('kalshi:C', $t)",
        "core.mid('kalshi:C', $t)",
        "core.depth_within('kalshi:C', $t, 0.05)",
        "core.books_every('kalshi:C', INTERVAL 1 SECOND, $t, $t::TIMESTAMPTZ + INTERVAL 5 SECOND)",
    ],
)
def test_an_unknown_instrument_is_an_error_that_names_similar_ones(call: str) -> None:
    with books(book(10, 20)) as connection:
        for columns in ("*", "count(*)", "state"):
            with pytest.raises(duckdb.InvalidInputException, match=UNKNOWN):
                connection.execute(f"SELECT {columns} FROM {call}", {"t": at(15)}).fetchall()


def test_an_instrument_that_is_recorded_but_not_listed_has_its_books() -> None:
    with books(book(10, 20, instrument_id="kalshi:IMPORTED")) as connection:
        assert book_at(connection, 15, "kalshi:IMPORTED")["state"] == "live"
        query = "SELECT state FROM core.books_every('kalshi:IMPORTED', INTERVAL 1 SECOND, $a, $b) ORDER BY as_of_at"
        found = connection.execute(query, {"a": at(18), "b": at(21)}).fetchall()
    assert found == [("carried",), ("carried",), ("unknown",)]


def test_the_mid_is_null_without_two_sides_and_says_the_state_of_the_book() -> None:
    with books(book(0, 10), book(10, 20, bids=[]), book(20, 30, state="stale"), unknown(30, 40)) as connection:
        found = [asked(connection, "FROM core.mid(?, ?)", BOOK, at(s))[0] for s in (5, 15, 25, 35, 45)]
    assert [(r["state"], r["mid"]) for r in found] == [
        ("live", Decimal("0.41")),
        ("live", None),
        ("stale", Decimal("0.41")),
        ("unknown", None),
        ("unknown", None),
    ]
    assert [r["reason"] for r in found] == [None, None, None, "disconnect", "not_recorded"]


def test_a_stored_unknown_keeps_its_reason() -> None:
    with books(unknown(0, 10, "hash")) as connection:
        assert [book_at(connection, 5)[c] for c in ("state", "reason", "age_seconds")] == ["unknown", "hash", 5.0]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_results_do_not_depend_on_the_time_zone_of_the_session(zone: str) -> None:
    with books(book(HOUR - 5, HOUR), book(HOUR, HOUR + 5, frame=(HOUR - 5) * 10)) as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        assert book_at(connection, HOUR + 1)["source_at"] == at(HOUR)
        assert [r["state"] for r in every(connection, 1, HOUR - 2, HOUR + 2)] == ["carried"] * 4


def test_a_grid_time_is_carried_if_no_row_begins_in_the_step_before_it() -> None:
    with books(book(10, 12), book(12, 14.5, bids=[("0.41", 1)])) as connection:
        found = every(connection, 1, 9, 16)
    assert [(r["as_of_at"], r["state"], r["is_forward_filled"]) for r in found] == [
        (at(9), "unknown", False),
        (at(10), "live", False),
        (at(11), "carried", True),
        (at(12), "live", False),
        (at(13), "carried", True),
        (at(14), "carried", True),
        (at(15), "unknown", False),
    ]
    assert [r["source_at"] for r in found] == [None, *[at(10)] * 2, *[at(12)] * 3, None]
    assert [r["age_seconds"] for r in found] == [None, 0, 1, 0, 1, 2, None]
    assert [r["reason"] for r in found] == ["not_recorded", *[None] * 5, "not_recorded"]
    assert found[3]["bid_prices"] == [Decimal("0.41")]


def test_a_row_between_two_grid_times_is_shown_at_the_next() -> None:
    with books(book(10, 10.2), book(10.2, 10.4, bids=[("0.3", 1)]), book(10.4, 13, bids=[("0.2", 1)])) as connection:
        found = every(connection, 1, 10, 13)
    assert [(r["bid"], r["state"]) for r in found] == [
        (Decimal("0.40"), "live"),
        (Decimal("0.2"), "live"),
        (Decimal("0.2"), "carried"),
    ]


def test_stale_and_unknown_are_never_carried() -> None:
    with books(book(0, 2), book(2, 4, state="stale"), unknown(4, 6)) as connection:
        found = every(connection, 1, 0, 6)
    assert [r["state"] for r in found] == ["live", "carried", "stale", "stale", "unknown", "unknown"]
    assert [r["reason"] for r in found] == [None] * 4 + ["disconnect"] * 2


def test_a_book_that_lasts_over_the_full_hour_does_not_begin_there() -> None:
    lasting = [book(HOUR - 10, HOUR), book(HOUR, HOUR + 10, frame=(HOUR - 10) * 10)]
    with books(*lasting) as connection:
        found = every(connection, 1, HOUR - 1, HOUR + 2)
        first = every(connection, 1, HOUR, HOUR + 1)
    assert [(r["state"], r["source_at"]) for r in found] == [
        ("carried", at(HOUR - 10)),
        ("carried", at(HOUR)),
        ("carried", at(HOUR)),
    ]
    assert first == found[1:2]


def test_a_book_that_changes_at_the_full_hour_begins_there() -> None:
    with books(book(HOUR - 10, HOUR), book(HOUR, HOUR + 10)) as connection:
        assert [r["state"] for r in every(connection, 1, HOUR - 1, HOUR + 2)] == ["carried", "live", "carried"]


def test_a_grid_without_any_row_is_unknown_throughout() -> None:
    with books() as connection:
        assert [r["state"] for r in every(connection, 0.5, 0, 2)] == ["unknown"] * 4


# Rows over tenths of seconds around a full hour: (length, kind); "same" continues the row before.
PIECES = st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["new", "stale", "unknown", "hole"])), max_size=12)


def _rows(begin: int, pieces: Sequence[tuple[int, str]]) -> list[tuple[int, int, str, int]]:
    """(from, to, kind, number) in tenths of seconds."""
    found = []
    for number, (length, kind) in enumerate(pieces):
        found.append((begin, begin + length, kind, number))
        begin += length
    return found


def _stored(rows: Sequence[tuple[int, int, str, int]]) -> Iterator[Row]:
    """As the lake holds them: cut at the full hour, holes left out."""
    for begin, end, kind, number in rows:
        for low, high in ((begin, min(end, HOUR * 10)), (max(begin, HOUR * 10), end)):
            if low < high and kind == "unknown":
                yield unknown(low / 10, high / 10, frame=number)
            elif low < high and kind != "hole":
                state = "live" if kind == "new" else kind
                yield book(low / 10, high / 10, bids=[("0.4", number + 1)], state=state, frame=number)


def _expected(rows: Sequence[tuple[int, int, str, int]], instant: int, step: int) -> tuple[object, ...]:
    for begin, end, kind, number in rows:
        if begin <= instant < end and kind != "hole":
            filled = begin <= instant - step
            state = {"new": "carried" if filled else "live"}.get(kind, kind)
            return state, filled, None if kind == "unknown" else Decimal(number + 1)
    return "unknown", False, None


@settings(max_examples=60)
@given(
    before=st.integers(1, 60),
    pieces=PIECES,
    step=st.integers(1, 25),
    begin=st.integers(-40, 40),
    points=st.integers(1, 40),
)
def test_a_grid_equals_a_walk_over_the_rows(
    before: int, pieces: list[tuple[int, str]], step: int, begin: int, points: int
) -> None:
    rows, start = _rows(HOUR * 10 - before, pieces), HOUR * 10 + begin
    with books(*_stored(rows)) as connection:
        found = every(connection, step / 10, start / 10, (start + points * step) / 10)
    instants = [start + n * step for n in range(points)]
    assert [r["as_of_at"] for r in found] == [at(i / 10) for i in instants]
    told = [(r["state"], r["is_forward_filled"], r["bid_size"]) for r in found]
    assert told == [_expected(rows, i, step) for i in instants]


def test_depth_counts_levels_up_to_the_distance_from_the_mid() -> None:
    with books(book(0, 60)) as connection:  # 0.40 / 0.42: the mid is 0.41
        assert _depths(within(connection, 1, "0.01")) == (100, Decimal(40), 50, Decimal(21))
        assert _depths(within(connection, 1, "0.02")) == (300, Decimal(118), 50, Decimal(21))
        assert _depths(within(connection, 1, "0.04")) == (300, Decimal(118), 550, Decimal(246))
        assert _depths(within(connection, 1, "0.009")) == (0, 0, 0, 0)


def test_a_distance_given_as_a_float_has_the_same_limit() -> None:
    with books(book(0, 60)) as connection:
        found = asked(connection, "FROM core.depth_within(?, ?, ?)", BOOK, at(1), 0.01)
        assert _depths(found[0]) == _depths(within(connection, 1, "0.01"))


def _depths(found: Row) -> tuple[Any, ...]:
    return tuple(found[c] for c in ("bid_size", "bid_notional_usd", "ask_size", "ask_notional_usd"))


def test_depth_is_null_without_a_mid() -> None:
    with books(book(0, 60, bids=[]), unknown(60, 90, "hash")) as connection:
        one_sided, lost = within(connection, 1, "0.05"), within(connection, 70, "0.05")
    assert _depths(one_sided) == _depths(lost) == (None, None, None, None)
    assert (one_sided["state"], one_sided["bid"], one_sided["ask"]) == ("live", None, Decimal("0.42"))
    assert (lost["state"], lost["reason"]) == ("unknown", "hash")


def test_depth_is_capped_if_the_stored_levels_end_inside_the_distance() -> None:
    with books(book(0, 60, bid_levels=30)) as connection:
        assert [within(connection, 1, d)["is_capped"] for d in ("0.01", "0.02", "0.05")] == [False, True, True]
    with books(book(0, 60)) as connection:  # nothing lies beyond the last level
        assert within(connection, 1, "0.50")["is_capped"] is False


def test_a_published_view_opens_only_the_files_of_the_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "PHYSICAL_BYTES", 0)
    lake = Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch", min_free_mb=0)
    rows = [book(h * HOUR + 10, h * HOUR + 20, instrument_id=f"{v}:A", venue=v) for h in range(4) for v in VENUES]
    lake.merge("core.book_snapshots", [staged(tmp_path, "core.book_snapshots", rows)])
    sources = {t.name: Source(t, lake.open(t.name)) for t in lake.tables.values() if t.published}
    with connect(private=True) as connection:
        fill(connection, sources, PublicationInfo(lake.root, NOON))
        one = f"core.book_at('kalshi:A', TIMESTAMPTZ '{MIDNIGHT + timedelta(seconds=2 * HOUR + 15)}')"
        two = f"core.books_every('kalshi:A', INTERVAL 1 SECOND, '{at(HOUR + 9)}', '{at(2 * HOUR + 30)}')"
        assert connection.execute(f"SELECT state FROM {one}").fetchall() == [("live",)]
        assert _files_read(connection, one) == 1
        assert _files_read(connection, f"(SELECT bid_prices FROM {two})") == 2 * 2  # two hours, read twice
        full = f"core.books_every('kalshi:A', INTERVAL 1 SECOND, '{at(HOUR + 9)}', '{at(2 * HOUR)}')"
        assert _files_read(connection, f"(SELECT bid_prices FROM {full})") == 2  # nothing holds at its end


VENUES = ("kalshi", "polymarket")


def _files_read(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    ((_, text),) = connection.execute(f"EXPLAIN ANALYZE FROM {relation}").fetchall()
    return sum(int(files) for files in re.findall(r"Total Files Read: (\d+)", text))
