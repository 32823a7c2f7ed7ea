"""The reader for Python: results, filters, errors, and what happens when the file changes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import echelon_pipeline as ep
from echelon_pipeline.errors import BadQuery, BadSettings, CorruptStore, EchelonError, NotFound, RefusedStatement
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish import catalog
from echelon_pipeline.publish.publications import kept_publications
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.reading.frames import with_floats
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.book_rows import at
from echelon_pipeline_tests.reader_world import CUT, DAYS, HIKE, POLY, add_trade, home
from echelon_pipeline_tests.rows import DAY, NOON

if TYPE_CHECKING:
    import pandas as pd

pytestmark = pytest.mark.xdist_group("reader")

Polars = ep.Warehouse[pl.DataFrame]


@pytest.fixture(scope="module")
def shared(reader_home: Settings) -> Settings:
    return reader_home


@pytest.fixture(scope="module")
def wh(shared: Settings) -> Iterator[Polars]:
    """A reader for tests that only read."""
    with ep.open(shared.home) as reader:
        yield reader


@pytest.fixture
def own(shared: Settings, tmp_path: Path) -> Settings:
    """A copy that a test may change."""
    return home(Path(shutil.copytree(shared.home, tmp_path / "home")))


IMPORTS = """
import sys
import echelon_pipeline as ep
print(sorted({"duckdb", "polars", "pydantic"} & set(sys.modules)))
wh = ep.open(sys.argv[1])
wh.table("mart.daily", venue="kalshi", since="2026-11-19")
wh.books("kalshi:KXFEDDECISION-26DEC-H25")
wh.book("kalshi:KXFEDDECISION-26DEC-H25", "2026-11-20T12:00:05").levels()
heavy = {"dagster", "numba", "matplotlib", "deltalake", "sqlalchemy", "alembic", "pandas", "pytz", "pydantic", "httpx"}
print(sorted(heavy & set(sys.modules)))
"""


def test_importing_and_reading_load_no_heavy_package(shared: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORTS, str(shared.home)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "[]"]
    assert done.stderr == ""


def test_a_name_that_the_package_does_not_export_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'opne'"):
        ep.opne  # noqa: B018
    assert set(ep.__all__) <= set(dir(ep))


def test_decimals_are_exact_unless_floats_are_requested(wh: Polars) -> None:
    exact = wh.table("core.trades", columns=["price", "size"], instrument=HIKE, limit=1)
    assert exact.schema == {"price": pl.Decimal(18, 12), "size": pl.Decimal(18, 6)}
    assert exact.row(0) == (Decimal("0.1"), Decimal(1))
    floats = wh.table("core.trades", columns=["price", "size"], instrument=HIKE, limit=1, floats=True)
    assert floats.row(0) == (0.1, 1.0)


@given(st.lists(st.decimals(0, 10**11, places=6), min_size=1))
def test_a_float_is_the_nearest_one(values: list[Decimal]) -> None:
    table = pa.table(
        {
            "a": pa.array(values, pa.decimal128(18, 6)),
            "b": pa.array([values], pa.list_(pa.decimal128(18, 6))).take(pa.array([0] * len(values))),
        }
    )
    floats = with_floats(table)
    assert floats["a"].to_pylist() == [float(value) for value in values]
    assert floats["b"].to_pylist()[0] == [float(value) for value in values]


def test_results_come_as_polars_pandas_or_arrow(shared: Settings, wh: Polars) -> None:
    pandas = pytest.importorskip("pandas")
    assert_type(wh.table("core.trades"), pl.DataFrame)
    arrow = wh.to("arrow").table("core.trades", columns=["price"])
    assert isinstance(arrow, pa.Table)
    with ep.open(shared.home, to="pandas") as reader:
        frame: pd.DataFrame = reader.table("core.trades", columns=["price", "trade_id"])
    assert isinstance(frame, pandas.DataFrame)
    assert frame["price"].dtype.pyarrow_dtype == pa.decimal128(18, 12)
    assert frame["price"][0] == Decimal("0.1")
    assert wh.to("pandas", floats=True).table("core.trades", columns=["price"])["price"].dtype == "float64"


def test_without_pandas_one_line_says_what_to_install(shared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        BadSettings, match=r"^pandas is not installed: pip install 'echelon-pipeline\[pandas\]', or use"
    ):
        ep.open(shared.home, to="pandas")


def test_a_table_is_filtered_by_venue_instrument_time_and_any_column(wh: Polars) -> None:
    assert wh.table("mart.daily").height == 9
    assert wh.table("daily", venue="kalshi").height == 6
    assert wh.table("mart.daily", venue=["kalshi", "polymarket"], instrument=[HIKE, POLY]).height == 6
    assert wh.table("mart.daily", instrument=POLY, since=DAYS[1])["date"].to_list() == [*DAYS[1:]]
    assert wh.table("mart.daily", instrument=POLY, until=DAYS[1])["date"].to_list() == [DAYS[0]]
    assert wh.table("mart.daily", close=Decimal("0.2")).height == 3
    assert wh.table("mart.daily", close=[Decimal("0.1"), Decimal("0.3")], price_source="trades").height == 6
    assert wh.table("mart.daily", incomplete_reason=None).height == 9
    assert wh.table("mart.daily", close=[]).height == 0
    assert wh.table("core.trades", since=NOON, until=NOON + timedelta(seconds=1)).height == 3
    assert wh.table("core.trades", since=NOON + timedelta(seconds=1)).height == 0
    assert wh.table("core.trades", since="2026-11-19", until="2026-11-19T12:00:01")["date"].unique().to_list() == [
        DAYS[1]
    ]


def test_a_time_selects_days_hours_and_intervals_that_it_reaches(wh: Polars) -> None:
    late = datetime(2026, 11, 18, 0, 0, 1, tzinfo=UTC)
    assert wh.table("mart.daily", instrument=POLY, since=late, until=late)["date"].to_list() == []
    assert wh.table("mart.daily", instrument=POLY, until=late)["date"].to_list() == [DAYS[0]]
    assert wh.table("mart.coverage", since=NOON, until=NOON + timedelta(hours=1)).height == 1
    assert wh.table("mart.coverage", since=NOON + timedelta(seconds=1)).height == 0
    assert wh.table("core.book_snapshots", since=at(43205), until=at(43211))["state"].to_list() == ["live", "unknown"]
    assert wh.table("core.book_snapshots", since="2026-11-20T13:00:10.5+01:00", until=at(43212)).height == 1


def test_rows_are_in_order_of_time_and_key(wh: Polars) -> None:
    rows = wh.table("mart.daily", columns=["date", "instrument_id"]).rows()
    assert rows == sorted(rows)
    assert wh.table("mart.daily", columns=["date"], limit=2)["date"].to_list() == [DAYS[0]] * 2


def test_instruments_are_found_by_words_of_their_names(wh: Polars) -> None:
    assert wh.instruments("fed CUT december")["instrument_id"].to_list() == [CUT, POLY]
    assert wh.instruments("fed", venue="polymarket", status="active", category="Economics").height == 1
    assert wh.instruments(has_books=True)["instrument_id"].to_list() == [HIKE]
    assert wh.instruments("KXFEDDECISION-26DEC", limit=1)["instrument_id"].to_list() == [HIKE]
    assert wh.instruments("nothing like it").height == 0


def test_tables_and_columns_are_listed_with_their_meaning(wh: Polars) -> None:
    tables = wh.tables()
    assert tables.filter(pl.col("name") == "core.trades").row(0)[:3] == ("core.trades", "table", 9)
    assert tables["about"].is_not_null().all()
    prices = wh.columns("core.trades").filter(pl.col("column_name") == "price")
    assert prices["type"].to_list() == ["DECIMAL(18,12)"]
    assert "as_of_at" in wh.columns("books_every")["column_name"]
    with pytest.raises(NotFound, match=r"no table book_att: did you mean core\.book_at"):
        wh.columns("book_att")


def test_books_are_filled_forward_while_they_are_valid(wh: Polars) -> None:
    books = wh.books(HIKE, every="2s")
    assert books["as_of_at"].to_list() == [at(43200 + 2 * n) for n in range(10)]
    assert books["state"].to_list() == ["live", *["carried"] * 4, "unknown", "live", *["carried"] * 3]
    assert books["bid"].to_list() == [Decimal("0.40")] * 5 + [None] + [Decimal("0.41")] * 4
    assert books["bid_prices"].to_list()[0] == [Decimal("0.40"), Decimal("0.39")]
    floats = wh.books(HIKE, timedelta(seconds=5), at(43200), at(43201), floats=True)
    assert floats["bid_prices"].to_list() == [[0.40, 0.39]]
    assert (
        wh.books(CUT, "10s", since=NOON, until=NOON + timedelta(minutes=1))["reason"].to_list() == ["not_recorded"] * 6
    )


def test_a_book_has_its_levels_and_its_state(wh: Polars) -> None:
    book = wh.book(HIKE, at(43205))
    assert (book.state, book.is_known, book.bid, book.ask, book.mid) == (
        "live", True, Decimal("0.40"), Decimal("0.42"), Decimal("0.41")
    )  # fmt: skip
    assert book.bids == (ep.Level(Decimal("0.40"), Decimal(100)), ep.Level(Decimal("0.39"), Decimal(200)))
    assert book.depth("bid", "0.01") == 300
    assert book.depth("ask", 0.02) == 50
    assert [level["total_size"] for level in book.levels()] == [100, 300, 50, 550]
    gap = wh.book(HIKE, "2026-11-20T12:00:11")
    assert (gap.state, gap.reason, gap.is_known, gap.bids) == ("unknown", "disconnect", False, ())


def test_coverage_of_a_computed_table_is_that_of_its_inputs(wh: Polars) -> None:
    trades = wh.coverage("core.trades", since=DAYS[1])
    assert trades.select("date", "is_complete").rows() == [(DAYS[1], True), (DAY, False)]
    assert wh.coverage("mart.daily")["table_name"].unique().to_list() == ["core.trades"]
    assert wh.coverage("mart.book_depth", instrument=HIKE)["live_seconds"].to_list() == [18.0]


def test_a_statement_takes_parameters_and_the_callers_frames(wh: Polars) -> None:
    frame = pl.DataFrame({"instrument_id": [HIKE], "weight": [3]})
    query = "SELECT sum(weight * size) AS total FROM core.trades JOIN mine USING (instrument_id) WHERE date >= $since"
    assert wh.sql(query, {"since": DAYS[1]}, frames={"mine": frame}).item() == 6
    assert wh.sql("SELECT ? + 1 AS n", [1]).item() == 2
    with pytest.raises(BadQuery, match="frame does not exist"):
        wh.sql("FROM frame")  # a variable of the caller is no table


ERRORS: list[tuple[Callable[[Polars], object], type[EchelonError], str]] = [
    (lambda wh: wh.table("mart.dayly"), NotFound, "no table mart.dayly: did you mean mart.daily"),
    (lambda wh: wh.table("builder_leaderboard"), BadQuery, "in several schemas: expected core.* or mart.*"),
    (lambda wh: wh.table("core.trades", columns=["prise"]), NotFound, r"has no column prise: did you mean price"),
    (lambda wh: wh.table("core.trades", vneue="kalshi"), NotFound, r"has no column vneue: did you mean venue\?"),
    (lambda wh: wh.table("core.trades", venue="kalshy"), NotFound, "no venue kalshy: did you mean kalshi"),
    (lambda wh: wh.table("core.trades", instrument=HIKE[7:]), NotFound, f"did you mean {HIKE}"),
    (lambda wh: wh.book(f"{HIKE}0", NOON), NotFound, f"did you mean {HIKE}"),
    (lambda wh: wh.books(CUT), NotFound, "no order book of .* was recorded"),
    (lambda wh: wh.books("kalshi:X", since=NOON, until=NOON), NotFound, "has no instrument kalshi:X"),
    (lambda wh: wh.table("core.trades", since="yesterday"), BadQuery, "since='yesterday' is not a time"),
    (lambda wh: wh.table("core.trades", since=DAY, until=DAYS[0]), BadQuery, "until .* is before since"),
    (lambda wh: wh.table("market_overview", since=DAY), BadQuery, "has one state and no times"),
    (lambda wh: wh.table("core.trades", limit=-1), BadQuery, "limit=-1"),
    (lambda wh: wh.table("core.trades", columns="price"), BadQuery, "expected a list of names"),
    (lambda wh: wh.table("core.trades", price={"a": 1}), BadQuery, "expected text, a number"),  # type: ignore[arg-type]
    (lambda wh: wh.books(HIKE, "1 fortnight"), BadQuery, "is not a step"),
    (lambda wh: wh.books(HIKE, "1ms", DAYS[0], DAY), BadQuery, "expected at most 10,000,000"),
    (lambda wh: wh.coverage("core.instruments"), NotFound, "coverage of core.instruments is not recorded"),
    (lambda wh: wh.coverage("core.trades", instrument=HIKE), BadQuery, "by venue and day"),
    (lambda wh: wh.sql("DROP TABLE core.trades"), RefusedStatement, "DROP is refused"),
    (lambda wh: wh.sql("SELECT nope FROM core.trades"), BadQuery, '"nope" not found'),
    (lambda wh: wh.sql("SELECT 1 AS a, 2 AS a"), BadQuery, "two columns are named a"),
    (lambda wh: wh.sql("SELECT INTERVAL 1 DAY AS i"), BadQuery, "polars has no type for a column"),
    (lambda wh: wh.to("excel"), BadQuery, "expected polars, pandas, arrow"),  # type: ignore[call-overload]
    (lambda wh: wh.book(HIKE, NOON).depth("both", 1), BadQuery, "expected bid or ask"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "error", "message"), ERRORS)
def test_an_error_names_what_was_wrong_and_what_was_expected(
    wh: Polars, ask: Callable[[Polars], object], error: type[EchelonError], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask(wh)


def test_a_path_without_a_publication_is_named(shared: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"has no echelon\.duckdb: expected a home"):
        ep.open(tmp_path)
    with pytest.raises(NotFound, match="does not exist yet"):
        ep.open(tmp_path / "none.duckdb")
    other = tmp_path / "other.duckdb"
    duckdb.connect(other).close()
    with pytest.raises(CorruptStore, match="is no publication"):
        ep.open(other)
    other.write_text("text")
    with pytest.raises(CorruptStore, match="cannot be opened"):
        ep.open(other)
    with pytest.raises(BadSettings, match="is a URL"):
        ep.open("s3://bucket/echelon.duckdb")


def test_the_default_is_the_home_of_the_settings(shared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHELON_HOME", str(shared.home))
    with ep.open() as reader:
        assert reader.publication.sequence == 1


def test_the_next_publication_is_read_at_once_unless_the_reader_stays(own: Settings) -> None:
    with ep.open(own.home) as following, ep.open(own.published_file, follow=False) as staying:
        assert (following.table("core.trades").height, staying.table("core.trades").height) == (9, 9)
        add_trade(own, 100)
        assert (following.table("core.trades").height, staying.table("core.trades").height) == (10, 9)
        assert (following.publication.sequence, staying.publication.sequence) == (2, 1)
    assert repr(following).startswith(f"<Warehouse {own.published_file}, publication 2 of ")
    kept = kept_publications(own.published_file)[-1]
    with ep.open(kept) as older:
        assert older.table("core.trades").height == 9


def test_a_file_that_was_removed_or_replaced_by_another_one_is_an_error(own: Settings) -> None:
    path = own.published_file
    with ep.open(path) as reader:
        moved = path.rename(path.with_name("moved.duckdb"))
        with pytest.raises(NotFound, match="was removed after it was opened"):
            reader.tables()
        path.write_text("not a database")
        with pytest.raises(CorruptStore, match="cannot be opened"):
            reader.tables()
        moved.replace(path)
        assert reader.table("core.trades").height == 9
    with pytest.raises(BadQuery, match="is closed"):
        reader.tables()


def test_a_file_alone_reads_its_tables_and_names_missing_files_of_its_views(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "PHYSICAL_BYTES", 0)
    publish(own, force=True)
    moved = own.home.rename(tmp_path / "moved")
    assert ep.open(moved).table("core.trades").height == 9
    (first, *_) = Lake.of(home(moved)).files("core.trades")
    lost = Path(first).rename(moved / "lost")
    with pytest.raises(CorruptStore, match=r"core\.trades: .*does not exist"):
        ep.open(moved).table("core.trades")
    lost.rename(first)
    alone = shutil.copy(moved / "echelon.duckdb", tmp_path / "alone.duckdb")
    reader = ep.open(alone)
    assert reader.tables().height > 40
    with pytest.raises(NotFound, match=r"home/lake does not exist: .* Open the home, or pass lake="):
        reader.table("core.trades")
    assert ep.open(alone, lake=moved / "lake").table("core.trades").height == 9


def test_a_reader_is_used_by_several_threads(wh: Polars) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def read(_: int) -> Any:
        return wh.table("core.trades", date=date(2026, 11, 20)).height

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(40))) == {3}


LONG = """
import sys
import echelon_pipeline as ep
reader = ep.open(sys.argv[1])
print("ready", flush=True)
try:
    reader.sql("SELECT count(*) FROM range(100000) a, range(100000) b, range(90) c WHERE a.range * b.range % 7 = 3")
except KeyboardInterrupt:
    print(reader.table("core.trades").height, flush=True)
"""


@pytest.mark.parametrize("after", [0.02, 0.3])
def test_ctrl_c_ends_a_query_and_the_reader_stays_usable(shared: Settings, after: float) -> None:
    command = [sys.executable, "-c", LONG, str(shared.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        try:
            assert process.communicate(timeout=60)[0] == "9\n"
        finally:
            process.kill()
    assert process.returncode == 0
