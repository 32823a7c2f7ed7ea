"""Hours of made-up order books in a lake, as derivation leaves them: what the benchmarks of reading books read.

Belongs here: making rows. A few instruments change often, most of them rarely; each row differs from the one before it
in one level of 25 a side, every 200th in the best price.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from echelon_pipeline.lake.datafiles import commit_files, write_files
from echelon_pipeline.lake.delta import Partition, empty_select
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.opening import open_for_write
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.tables import TABLES

DAY = date(2026, 11, 20)
MIDNIGHT = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
NAME = "core.book_snapshots"
TABLE = TABLES[NAME]
VENUES = ("kalshi", "polymarket")

# A level's size changes with every 50th row of its instrument, another level's each time.
_SIZE = "(1 + hash(i, side, k, (n + 2 * k + side) // 50) % 5000) * 1000000"
_MADE = f"""
WITH drawn AS (
    SELECT
        r,
        floor($instruments * pow((hash(r) % 1000003) / 1000003.0, 3))::INTEGER AS i,
        to_microseconds((r * 3600000000 // $rows + hash(r, 1) % 1000)::BIGINT) AS since
    FROM range($rows) t (r)
),

numbered AS (
    SELECT
        *,
        row_number() OVER mine AS n,
        coalesce(lead(since) OVER mine, INTERVAL 1 HOUR) AS until,
        (300000 + 10000 * (hash(i) % 40 + hash(i, row_number() OVER mine // 200) % 5))::INTEGER AS best
    FROM drawn
    WINDOW mine AS (PARTITION BY i ORDER BY since, r)
),

sized AS (
    SELECT
        *,
        list_transform(range(25), lambda k: (best - 10000 * k)::INTEGER) AS bid_prices,
        list_transform(range(25), lambda k: (best + 10000 + 10000 * k)::INTEGER) AS ask_prices,
        list_transform(range(25), lambda k: ({_SIZE.replace("side", "0")})::BIGINT) AS bid_sizes,
        list_transform(range(25), lambda k: ({_SIZE.replace("side", "1")})::BIGINT) AS ask_sizes
    FROM numbered
    WHERE since < until
)

SELECT
    '' AS venue,
    DATE '{DAY}' AS date,
    0 AS hour,
    'I' || lpad(i::VARCHAR, 6, '0') AS instrument_id,
    TIMESTAMPTZ '{MIDNIGHT}' + since AS valid_from,
    TIMESTAMPTZ '{MIDNIGHT}' + until AS valid_to,
    'live' AS state,
    true AS is_verified,
    valid_from - to_microseconds((20000 + hash(r, 2) % 30000)::BIGINT) AS event_at,
    'connection-' || i % 20 AS connection_id,
    r AS frame,
    best / 1000000 AS bid,
    bid_sizes[1] / 1000000 AS bid_size,
    (best + 10000) / 1000000 AS ask,
    ask_sizes[1] / 1000000 AS ask_size,
    (2 * best + 10000) / 2000000 AS mid,
    0.01 AS spread,
    bid_prices,
    bid_sizes,
    ask_prices,
    ask_sizes,
    list_sum(bid_sizes) / 1000000 AS bid_depth,
    list_sum(ask_sizes) / 1000000 AS ask_depth,
    25 AS bid_levels,
    25 AS ask_levels
FROM sized
"""


def write_hours(settings: Settings, hours: Sequence[int], rows: int, instruments: int) -> int:
    """So many rows per venue and hour; how many there are in all. Each hour holds the same books."""
    lake, total = Lake.of(settings), 0
    made = settings.scratch / "made.parquet"
    made.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(f"CAST({c.name} AS {c.type.value}) AS {c.name}" for c in TABLE.columns)
    with lake.duck(private=True) as connection:
        rows_made = f"{empty_select(TABLE)} UNION ALL BY NAME FROM ({_MADE})"
        query = f"SELECT {columns} FROM ({rows_made}) ORDER BY instrument_id, valid_from"
        copied = f"COPY ({query}) TO {literal(str(made))} (FORMAT parquet, COMPRESSION lz4)"
        connection.execute(copied, {"rows": rows, "instruments": instruments})
        for partition in [(venue, DAY, hour) for venue in VENUES for hour in hours]:

            def of_hour(partitions: Sequence[Partition]) -> str:
                ((venue, _, hour),) = partitions
                return f"""
                    SELECT * REPLACE ('{venue}' AS venue, {hour} AS hour, '{venue}:' || instrument_id AS instrument_id,
                        valid_from + to_hours({hour}) AS valid_from, valid_to + to_hours({hour}) AS valid_to,
                        event_at + to_hours({hour}) AS event_at)
                    FROM read_parquet({literal(str(made))})
                """

            table_version = open_for_write(TABLE, lake.uri(NAME))
            added = write_files(connection, table_version, [partition], of_hour, rows)
            commit_files(table_version, added, [partition], tries=3)
            total += rows
    made.unlink()
    return total


def stored_bytes(settings: Settings) -> int:
    """Of all data files."""
    return sum(path.stat().st_size for path in Path(settings.lake_root).rglob("*.parquet"))
