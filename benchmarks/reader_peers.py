"""The reader for Python beside polars.read_delta, polars.scan_delta and plain DuckDB: two questions, the same answers.

Import times are those of new processes, as the ratio to ``import polars, duckdb`` in the same run. Questions are asked
on a published file with 3 M rows of mart.daily, and an hour of order books: the first call has the imports and the
opening, the next ones have the opening alone. Lines are those of the function below that answers.
"""

from __future__ import annotations

import inspect
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.book_days import DAY, MIDNIGHT, write_hours
from benchmarks.common import isolated, report
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings
from echelon_pipeline.tables import TABLES

if TYPE_CHECKING:
    import polars as pl

IMPORTS = {
    "polars_and_duckdb": "import polars, duckdb",
    "echelon_pipeline": "import echelon_pipeline",
    "the_reader": "import echelon_pipeline as ep; ep.open",
    "the_reader_and_polars": "import echelon_pipeline as ep, polars; ep.open",
}
RUNS = 7
DAYS, INSTRUMENTS, BOOKS = 60, 50_000, 500_000
SINCE = DAY - timedelta(days=6)
BOOK = "kalshi:I000050"
BEGIN, END = MIDNIGHT + timedelta(hours=12), MIDNIGHT + timedelta(hours=13)
COLUMNS = ["date", "instrument_id", "close", "contracts"]
GRID = ["as_of_at", "bid", "ask"]

_DAILY = f"""
    SELECT
        CASE WHEN i % 2 = 0 THEN 'kalshi' ELSE 'polymarket' END AS venue,
        DATE '{DAY}' - (d::INTEGER) AS date,
        venue || ':I' || lpad(i::VARCHAR, 6, '0') AS instrument_id,
        'trades' AS price_source,
        ((hash(i, d) % 1000000) / 1000000)::DECIMAL(9, 6) AS close,
        'trades' AS volume_source,
        (hash(i, d, 1) % 100000)::DECIMAL(18, 6) AS contracts,
        1 AS taker_notional_usd,
        1 AS trades,
        true AS price_is_complete,
        true AS volume_is_complete,
        true AS is_complete
    FROM range({INSTRUMENTS}) t(i), range({DAYS}) u(d)
"""
_INSTRUMENTS = f"""
    SELECT
        venue, 0 AS bucket, venue || ':I' || lpad(i::VARCHAR, 6, '0') AS instrument_id, i::VARCHAR AS native_id,
        'active' AS status, 'active' AS venue_status, false AS is_disputed, false AS is_combo, 'a' AS raw_sha256,
        TIMESTAMPTZ '{MIDNIGHT}' AS observed_at, 1 AS parser_version
    FROM range(1000) t(i), (VALUES ('kalshi'), ('polymarket')) v(venue)
"""


def daily_reader(home: str) -> pl.DataFrame:
    import echelon_pipeline as ep

    return ep.open(home).table("mart.daily", venue="kalshi", since=SINCE, columns=COLUMNS)


def daily_read_delta(home: str) -> pl.DataFrame:
    import polars as pl

    rows = pl.read_delta(f"{home}/lake/mart/daily")
    rows = rows.filter(pl.col("venue") == "kalshi", pl.col("date") >= SINCE)
    return rows.select(COLUMNS).sort("date", "instrument_id")


def daily_scan_delta(home: str) -> pl.DataFrame:
    import polars as pl

    rows = pl.scan_delta(f"{home}/lake/mart/daily")
    rows = rows.filter(pl.col("venue") == "kalshi", pl.col("date") >= SINCE)
    return rows.select(COLUMNS).sort("date", "instrument_id").collect()


def daily_duckdb(home: str) -> Any:
    import duckdb

    query = """
        SELECT date, instrument_id, close, contracts
        FROM mart.daily
        WHERE venue = 'kalshi' AND date >= $since
        ORDER BY date, instrument_id
    """
    with duckdb.connect(f"{home}/echelon.duckdb", read_only=True) as connection:
        return connection.sql(query, params={"since": SINCE}).pl()


def books_reader(home: str) -> pl.DataFrame:
    import echelon_pipeline as ep

    return ep.open(home).books(BOOK, "1s", BEGIN, END)


def books_read_delta(home: str) -> pl.DataFrame:
    import polars as pl

    rows = pl.read_delta(f"{home}/lake/core/book_snapshots")
    rows = rows.filter(pl.col("instrument_id") == BOOK, pl.col("date") == DAY, pl.col("hour") == 12)
    times = pl.datetime_range(BEGIN, END, "1s", closed="left", time_zone="UTC", eager=True)
    grid = pl.DataFrame({"as_of_at": times})
    found = grid.join_asof(rows.sort("valid_from"), left_on="as_of_at", right_on="valid_from")
    is_valid = (pl.col("valid_to") > pl.col("as_of_at")) & (pl.col("state") == "live")
    return found.select("as_of_at", *(pl.when(is_valid).then(side).alias(side) for side in ("bid", "ask")))


def books_scan_delta(home: str) -> pl.DataFrame:
    import polars as pl

    scanned = pl.scan_delta(f"{home}/lake/core/book_snapshots")
    scanned = scanned.filter(pl.col("venue") == "kalshi", pl.col("date") == DAY, pl.col("hour") == 12)
    rows = scanned.filter(pl.col("instrument_id") == BOOK).collect()
    times = pl.datetime_range(BEGIN, END, "1s", closed="left", time_zone="UTC", eager=True)
    grid = pl.DataFrame({"as_of_at": times})
    found = grid.join_asof(rows.sort("valid_from"), left_on="as_of_at", right_on="valid_from")
    is_valid = (pl.col("valid_to") > pl.col("as_of_at")) & (pl.col("state") == "live")
    return found.select("as_of_at", *(pl.when(is_valid).then(side).alias(side) for side in ("bid", "ask")))


def books_duckdb(home: str) -> Any:
    import duckdb

    query = f"FROM core.books_every('{BOOK}', INTERVAL 1 SECOND, '{BEGIN}', '{END}') ORDER BY as_of_at"
    with duckdb.connect(f"{home}/echelon.duckdb", read_only=True) as connection:
        return connection.sql(query).pl()


QUESTIONS: dict[str, tuple[list[str], list[Callable[[str], Any]]]] = {
    "daily": (COLUMNS, [daily_reader, daily_read_delta, daily_scan_delta, daily_duckdb]),
    "books": (GRID, [books_reader, books_read_delta, books_scan_delta, books_duckdb]),
}


def built(home: str) -> int:
    """The home; megabytes of its published file."""
    settings = Settings(home=Path(home), memory_limit_mb=2048)
    lake = Lake.of(settings)
    write_hours(settings, [11, 12, 13], BOOKS, 1_000)
    for name, query in (("core.instruments", _INSTRUMENTS), ("mart.daily", _DAILY)):
        with lake.duck() as connection:
            connection.execute(f"CREATE TEMP TABLE made AS {query}")
            types = TABLES[name].types
            have = {row[0] for row in connection.execute("DESCRIBE made").fetchall()}
            shown = ", ".join(f"{c if c in have else 'NULL'}::{kind} AS {c}" for c, kind in types.items())
            staged = lake.stage(connection, name, f"(SELECT {shown} FROM made)")
        lake.replace(name, staged, None)
    publish(settings, force=True)
    return settings.published_file.stat().st_size // 2**20


def asked(home: str, answer: Callable[[str], Any], columns: list[str]) -> tuple[float, float, float, int, int]:
    """Seconds of the first call and of the next ones (the median), processor seconds of a next one, rows, a hash."""
    begun = time.perf_counter()
    frame = answer(home)
    first = time.perf_counter() - begun
    again, used = [], time.process_time()
    for _ in range(5):
        begun = time.perf_counter()
        answer(home)
        again.append(time.perf_counter() - begun)
    processor = (time.process_time() - used) / 5
    digest = int(frame.select(columns).with_columns(frame[columns[0]].cast(str)).hash_rows(seed=1).sum())
    return first, statistics.median(again), processor, frame.height, digest


def lines_of(answer: Callable[..., object]) -> int:
    """Lines of a function after its first one, without empty ones."""
    return sum(bool(line.strip()) for line in inspect.getsource(answer).splitlines()[1:])


def import_seconds(statement: str) -> float:
    """Processor seconds of a new process, the median of several."""
    found = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", statement], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(found)


def main() -> None:
    """Prints import times, then a line per question and way to answer it."""
    seconds = {name: import_seconds(statement) for name, statement in IMPORTS.items()}
    ratios = {f"{name}_ratio": value / seconds["polars_and_duckdb"] for name, value in seconds.items()}
    report("reader_imports", **seconds, **ratios)
    with tempfile.TemporaryDirectory() as folder:
        home = sys.argv[1] if len(sys.argv) > 1 else folder
        size = isolated(built, home).value if home == folder else 0
        for question, (columns, answers) in QUESTIONS.items():
            digests = set[int]()
            for answer in answers:
                measured = isolated(asked, home, answer, columns)
                first, again, processor, rows, digest = measured.value
                digests.add(digest)
                report(
                    "reader_peers",
                    question=question,
                    answer=answer.__name__,
                    lines=lines_of(answer),
                    first_seconds=first,
                    next_seconds=again,
                    next_processor_seconds=processor,
                    peak_mb=measured.peak_mb,
                    rows=rows,
                    file_mb=size,
                )
            if len(digests) != 1:
                raise RuntimeError(f"the answers to {question} differ")


if __name__ == "__main__":
    main()
