"""A lake of synthetic trades, instruments and what belongs to them, for ``marts.py``.

Belongs here: the rows, all of them functions of a number, and writing them as merges do: one file per partition, in
the table's order, adopted by one commit. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from echelon_pipeline.lake.datafiles import commit_files, write_files
from echelon_pipeline.lake.delta import Partition, empty_select
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.merge import within
from echelon_pipeline.lake.opening import open_for_write
from echelon_pipeline.settings import Settings
from echelon_pipeline.tables import TABLES

DAYS = 60
BUILDER = "0x" + "b" * 64

# Ids as long as the venues' own: 77 letters of a Polymarket condition, some 20 of a Kalshi ticker. Every 100th of
# Kalshi's is a combo of 3 legs. An instrument is traded for 3 days from day i % DAYS on, as most of the venues' are;
# 2 of 5 ended on the third and were paid.
_KNOWN = f"""
CREATE TEMP TABLE known AS
SELECT
    i,
    if(i % 2 = 0, 'kalshi', 'polymarket') AS venue,
    if(i % 2 = 0, 'KXBENCH-' || i // 7 || '-' || i, '0x' || md5(i::VARCHAR) || md5((-i)::VARCHAR)) AS native_id,
    venue || ':' || native_id AS instrument_id,
    bucket_of(instrument_id) AS bucket,
    venue || ':KXBENCH-' || i // 7 AS event_id,
    i % {DAYS} AS start,
    if(
        i // {DAYS} % 5 < 2 AND start < {DAYS - 2},
        $first + to_days((start + 2)::INTEGER) + to_microseconds((hash(i) % 86400000000)::BIGINT),
        NULL
    ) AS ended_at,
    i % 200 = 0 AS is_combo
FROM range($instruments) r (i)
"""

_TABLES = {
    "core.series": """
        SELECT venue, venue || ':KXBENCH' || s AS series_id, bucket_of(series_id) AS bucket,
            'KXBENCH' || s AS native_id, 'Series ' || s AS title, 'Sports' AS category, $first AS observed_at
        FROM range(1000) r (s), (VALUES ('kalshi'), ('polymarket')) v (venue)""",
    "core.events": """
        SELECT venue, bucket_of(event_id) AS bucket, event_id, split_part(event_id, ':', 2) AS native_id,
            venue || ':KXBENCH' || (min(i) // 7 % 1000) AS series_id, 'Who wins game ' || min(i) // 7 || '?' AS title,
            'Sports' AS category, $first AS observed_at
        FROM known GROUP BY venue, event_id""",
    "core.instruments": """
        SELECT venue, bucket, instrument_id, native_id, event_id, venue || ':KXBENCH' || (i // 7 % 1000) AS series_id,
            'Will side ' || i || ' win game ' || i // 7 || '?' AS title, 'Side ' || i AS sub_title,
            'binary' AS market_type, if(ended_at IS NULL, 'active', 'settled') AS status, false AS is_disputed,
            is_combo, 2 AS outcome_count, 0.01 AS tick_size,
            'This pays 1 USD if side ' || i || ' wins by the rules.' AS rules,
            $first - INTERVAL 30 DAY AS created_at, $first - to_days((i % 30)::INTEGER) AS opens_at,
            $first + INTERVAL 90 DAY AS closes_at, ended_at AS trading_ended_at,
            ended_at + INTERVAL 1 HOUR AS settled_at,
            if(is_combo, json_object('legs', [
                {event_ticker: 'KXBENCH-' || (i + n) // 7, market_ticker: 'KXBENCH-' || (i + n) // 7 || '-' || (i + n),
                 side: if(n = 4, 'no', 'yes')} FOR n IN [2, 4, 6]
            ])::VARCHAR, NULL) AS external_ref, $first AS observed_at
        FROM known""",
    "core.outcomes": """
        SELECT venue, bucket, instrument_id, o AS outcome_index, if(o = 0, 'Yes', 'No') AS label,
            o = 0 AS is_affirmative, if(i % 2 = 1, hash(i * 2 + o)::VARCHAR, NULL) AS token_id, $first AS observed_at
        FROM known, range(2) r (o)""",
    "core.resolutions": """
        SELECT venue, bucket, instrument_id, source, 'settled' AS status, (hash(-i) % 2)::DECIMAL(18, 12) AS payout_0,
            1 - payout_0 AS payout_1, ended_at + INTERVAL 1 HOUR AS resolved_at,
            ended_at + INTERVAL 2 HOUR AS observed_at
        FROM (SELECT *, unnest(if(i % 2 = 0, ['kalshi_market'], ['gamma', 'clob'])) AS source FROM known)
        WHERE ended_at IS NOT NULL""",
    "core.instrument_quotes": f"""
        SELECT venue, instrument_id, $first + INTERVAL {DAYS * 24 - 1} HOUR AS observed_at,
            utc_day(observed_at) AS date, (hash(i) % 97 + 1) / 100 AS best_bid, best_bid + 0.02 AS best_ask,
            best_bid + 0.01 AS last_price
        FROM known WHERE ended_at IS NULL""",
    "core.fills": f"""
        SELECT venue, 'polymarket:' || md5(f::VARCHAR) AS fill_id, instrument_id,
            $first + to_microseconds((hash(f) % {DAYS * 86_400_000_000})::BIGINT) AS event_at,
            utc_day(event_at) AS date, 0 AS outcome_index, if(f % 2 = 0, 'taker', 'maker') AS role, 'buy' AS side,
            0.5 AS price, f % 100 + 1 AS size, size * 0.5 AS notional_usd, 0 AS fee_usd,
            '{BUILDER}' AS builder_code, '0x' || md5((f % 5000)::VARCHAR) AS maker,
            md5((f // 2)::VARCHAR) AS taker_order_id, md5((f // 2)::VARCHAR) AS transaction_hash, 'confirmed' AS status,
            true AS is_terminal, 'bench' AS source, event_at AS observed_at
        FROM range($instruments // 5) r (f) JOIN known ON i = f * 2 % $instruments + 1""",
}

# A few of the day's instruments trade much, most of them little: the cube of an even number.
_TRADES = f"""
SELECT
    venue,
    $day AS date,
    venue || ':' || md5(h::VARCHAR) AS trade_id,
    instrument_id,
    $day::TIMESTAMP AT TIME ZONE 'UTC' + to_microseconds((h >> 8) % 86400000 * 1000) AS event_at,
    (h % 2)::INTEGER AS outcome_index,
    (((h >> 16) % 99 + 1) / 100)::DECIMAL(18, 12) AS price,
    if(outcome_index = 0, price, 1 - price) AS price_0,
    (h >> 24) % 1000 + 1 AS size,
    ((h >> 24) % 1000 + 1) * price::DECIMAL(9, 2) AS taker_notional_usd,
    if((h >> 4) % 2 = 0, 1, -1) AS taker_direction,
    if((h >> 5) % 2 = 0, 'buy', 'sell') AS taker_side,
    false AS is_block_trade,
    if(venue = 'polymarket', '0x' || md5((h % 50000)::VARCHAR) || '00000000', NULL) AS trader,
    if(venue = 'polymarket', '0x' || md5((h // 2)::VARCHAR) || md5((h // 3)::VARCHAR), NULL) AS transaction_hash,
    if(venue = 'kalshi', trade_id, transaction_hash || '/' || i) AS set_id,
    0 AS ordinal,
    if(venue = 'kalshi', 'match', 'taker_aggregate') AS grain,
    'strong' AS identity,
    'bench' AS source,
    event_at + INTERVAL 1 HOUR AS observed_at
FROM (
    SELECT
        (hash(r) >> 2)::BIGINT AS h,
        floor($instruments // {DAYS} * pow((hash(-r) % 1000003) / 1000003.0, 3))::BIGINT * {DAYS} AS n,
        ($number - r % 3 + {DAYS}) % {DAYS} AS start
    FROM range($from, $to) s (r)
) made
JOIN known ON i = made.n + made.start
"""

# Days made of trades, and candles or midpoints of what may trade.
_PRICES = f"""
SELECT venue, $day AS date, instrument_id, 'trades' AS price_source, arg_min(price_0, event_at) AS open,
    max(price_0) AS high, min(price_0) AS low, arg_max(price_0, event_at) AS close, count(*) AS n_samples,
    $day < $last AS is_complete, 'bench' AS source, max(observed_at) AS observed_at
FROM made GROUP BY venue, instrument_id
UNION ALL BY NAME
SELECT venue, $day AS date, instrument_id, if(i % 2 = 0, 'candle', 'mid_sample') AS price_source,
    ((hash(i, $day) % 97 + 1) / 100)::DECIMAL(9, 6) AS open, open + 0.01 AS high, open AS low, high AS close,
    24 AS n_samples, true AS is_complete, 'bench' AS source, $day::TIMESTAMP AT TIME ZONE 'UTC' AS observed_at
FROM known WHERE ($number - start + {DAYS}) % {DAYS} < 3
"""


def last_day(settings: Settings) -> date:
    """The day that is not over."""
    return settings.clock().date()


def write_lake(settings: Settings, trades: int, instruments: int) -> None:
    """Everything that marts read, DAYS days up to today."""
    lake, last = Lake.of(settings), last_day(settings)
    first = last - timedelta(days=DAYS - 1)
    given = {"first": datetime.fromisoformat(f"{first}T00:00:00+00:00"), "instruments": instruments}
    with lake.duck(private=True) as connection:
        _run(connection, _KNOWN, given)
        for table, query in _TABLES.items():
            _make(connection, table, query, given)
            _adopt(lake, connection, table)
        for n in range(DAYS):
            day, numbers = first + timedelta(days=n), (n * trades // DAYS, (n + 1) * trades // DAYS)
            _make_trades(connection, day, n, numbers, instruments)
            _adopt(lake, connection, "core.trades")
            _make(connection, "core.daily_prices", _PRICES, {"day": day, "last": last, "number": n}, into="closes")
            _adopt(lake, connection, "core.daily_prices", "closes")
    say_what_was_read(lake, first)


def stage_late(settings: Settings, trades: int, instruments: int, rows: int) -> Path:
    """Trades of today that come late, staged for a merge."""
    lake, last = Lake.of(settings), last_day(settings)
    first = datetime.fromisoformat(f"{last - timedelta(days=DAYS - 1)}T00:00:00+00:00")
    with lake.duck(private=True) as connection:
        _run(connection, _KNOWN, {"first": first, "instruments": instruments})
        _make_trades(connection, last, DAYS - 1, (trades, trades + rows), instruments)
        return lake.stage(connection, "core.trades", "made", unit="late")


def _make_trades(
    connection: duckdb.DuckDBPyConnection, day: date, number: int, numbers: tuple[int, int], instruments: int
) -> None:
    given = {"day": day, "number": number, "from": numbers[0], "to": numbers[1], "instruments": instruments}
    _make(connection, "core.trades", _TRADES, given)


def _run(connection: duckdb.DuckDBPyConnection, query: str, given: dict[str, object]) -> None:
    connection.execute(query, {name: value for name, value in given.items() if f"${name}" in query})


def _make(
    connection: duckdb.DuckDBPyConnection, table: str, query: str, given: dict[str, object], into: str = "made"
) -> None:
    """Rows of exactly the table's columns and types, in a temporary table; columns that are not named are NULL."""
    columns = ", ".join(f"CAST({c.name} AS {c.type.value}) AS {c.name}" for c in TABLES[table].columns)
    whole = f"SELECT {columns} FROM ({empty_select(TABLES[table])} UNION ALL BY NAME {query})"
    _run(connection, f"CREATE OR REPLACE TEMP TABLE {into} AS {whole}", given)


def _adopt(lake: Lake, connection: duckdb.DuckDBPyConnection, name: str, made: str = "made") -> None:
    table = TABLES[name]
    found = connection.execute(f"SELECT DISTINCT {', '.join(table.partition_by)} FROM {made}").fetchall()
    count = connection.execute(f"SELECT count(*) FROM {made}").fetchall()[0][0]

    def rows(partitions: Sequence[Partition]) -> str:
        order = ", ".join((*table.partition_by, *table.sort_by))
        return f"SELECT * FROM {made} WHERE {within(table, partitions)} ORDER BY {order}"

    table_version = open_for_write(table, lake.uri(name))
    commit_files(table_version, write_files(connection, table_version, found, rows, count), found, tries=3)


def say_what_was_read(lake: Lake, first: date, run: int = 0) -> None:
    """One complete window per venue, table and day."""
    midnight = datetime.fromisoformat(f"{first}T00:00:00+00:00")
    rows = [
        {
            "venue": venue,
            "table_name": table,
            "scope": BUILDER if table == "core.fills" else "all",
            "from_at": midnight + timedelta(days=n),
            "to_at": midnight + timedelta(days=n + 1),
            "state": "complete",
            **dict.fromkeys(("rows", "dead_letters", "filtered_out", "pages"), 0),
            "unit_id": f"{venue}-{table}-{n}-{run}",
            "recorded_at": midnight + timedelta(days=n + 1),
        }
        for venue in ("kalshi", "polymarket")
        for table in ("core.trades", "core.daily_prices", "core.fills")
        for n in range(DAYS)
    ]
    lake.append("core.ingest_windows", pa.Table.from_pylist(rows, schema=TABLES["core.ingest_windows"].arrow_schema()))
