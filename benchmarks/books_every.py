"""Books on a grid of 100 ms, made on reading from rows that hold over intervals: against rows stored for each 100 ms.

The dense form's figures were measured on this kind of machine with an older service that wrote such rows to Postgres:
1,900 to 3,000 rows/s, 2,344 bytes a row with its indexes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import duckdb

from benchmarks.book_days import MIDNIGHT, stored_bytes, write_hours
from benchmarks.common import isolated, report
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings

DENSE_ROWS_PER_SECOND = 3_000
DENSE_BYTES = 2_344
INSTRUMENTS = 100
STEPS = 36_000  # of 100 ms in an hour
RUNS = 5
# Every column of every row is computed; the last two also keep them.
WHOLE = """
    SELECT count(*), sum(bid), sum(length(bid_prices)), sum(length(bid_sizes)), sum(length(ask_prices)),
        sum(length(ask_sizes))
    FROM {}
"""
BEST = "SELECT count(*), sum(bid), sum(ask), sum(age_seconds), count(state) FROM {}"
TABLE = "CREATE OR REPLACE TEMP TABLE grid AS FROM {}"
FILE = "COPY (FROM {}) TO '{}' (FORMAT parquet, COMPRESSION zstd)"


def built(home: str, rows: int) -> tuple[int, int]:
    """Rows and their bytes; everything published."""
    settings = Settings(home=Path(home))
    stored = write_hours(settings, [12], rows // 2, INSTRUMENTS)
    size = stored_bytes(settings)
    publish(settings, force=True)
    return stored, size


def expanded(home: str) -> dict[str, float]:
    """Grid rows per second: of the instruments with the most rows, an ordinary one, and the least."""
    found: dict[str, float] = {}
    kept = str(Path(home) / "grid.parquet")
    with read_published(Settings(home=Path(home)).published_file) as connection:
        counts = "SELECT instrument_id, count(*) FROM core.book_snapshots WHERE venue = 'kalshi' GROUP BY 1"
        counted = connection.execute(f"{counts} ORDER BY 2 DESC, 1").fetchall()
        for label, (name, rows) in (("busiest", counted[0]), ("ordinary", counted[len(counted) // 2])):
            begin, end = MIDNIGHT + timedelta(hours=12), MIDNIGHT + timedelta(hours=13)
            grid = f"core.books_every('{name}', INTERVAL 100 MILLISECOND, '{begin}', '{end}')"
            found[f"{label}_rows"] = rows
            found[f"{label}_whole_books"] = _per_second(connection, WHOLE.format(grid))
            found[f"{label}_best_prices"] = _per_second(connection, BEST.format(grid))
            found[f"{label}_to_table"] = _per_second(connection, TABLE.format(grid))
            found[f"{label}_to_parquet"] = _per_second(connection, FILE.format(grid, kept))
    return found


def _per_second(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    seconds = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        rows = connection.execute(query).fetchall()
        seconds.append(time.perf_counter() - begun)
        if rows[0][0] != STEPS:
            raise RuntimeError(f"{rows[0][0]} grid points, expected {STEPS}")
    return round(STEPS / statistics.median(seconds))


def main(rows: int = 400_000) -> None:
    with tempfile.TemporaryDirectory() as home:
        stored, size = isolated(built, home, rows).value
        grid = isolated(expanded, home)
    # Two venues' instruments over an hour, as dense rows and as they are.
    dense = 2 * INSTRUMENTS * STEPS * DENSE_BYTES
    report(
        "books_every",
        stored_rows=stored,
        bytes_per_row=size / stored,
        times_smaller_per_row=DENSE_BYTES / (size / stored),
        times_smaller_per_hour=dense / size,
        **grid.value,
        times_faster=grid.value["ordinary_whole_books"] / DENSE_ROWS_PER_SECOND,
        peak_mb=grid.peak_mb,
        ok=grid.value["ordinary_whole_books"] >= 300_000 and DENSE_BYTES / (size / stored) >= 50,
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
