"""Postgres: a million rows of mart.price_trends from the published file to a finished, indexed, swapped table.

Compared with bare COPY of the same rows from a ready file into a table without key and indexes, in CSV (as psql's
\\copy does it) and in binary. Then what one changed day costs, and a publication that finds nothing to do.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import psycopg2
from pydantic import SecretStr

from benchmarks.common import isolated, median_of, report
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish.postgres import publish_postgres
from echelon_pipeline.publish.postgres_tables import Mirror
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings
from echelon_pipeline.tables import TABLES, Column
from echelon_pipeline_tests.postgres import server

TABLE = TABLES["mart.price_trends"]
PER_DAY = 10_000
FIRST = date(2026, 1, 1)
BUFFER = 2**16

_TEXTS = {"venue": "kalshi", "price_source": "candle", "regime": "calm"}


def _value(column: Column) -> str:
    """A DuckDB expression over ``i``, of the column's type: decimals with all their digits, some NULLs."""
    if column.name in _TEXTS:
        return f"'{_TEXTS[column.name]}'"
    if column.name == "instrument_id":
        return f"'kalshi:KXBENCH-26NOV20-T' || (i % {PER_DAY})"
    if column.name == "date":
        return f"DATE '{FIRST}' + (i // {PER_DAY})::INTEGER"
    if column.name == "drawdown":
        return "-((hash(i) % 1000000) / 1000000)"
    return {
        "BOOLEAN": "true",
        "BIGINT": "i % 30",
        "DOUBLE": f"CASE WHEN i % 5 > 0 THEN hash(i, '{column.name}') / 2e19 END",
    }.get(column.type.value, f"(hash(i, '{column.name}') % 1000000) / 1000000")


def settings_of(home: str, url: str) -> Settings:
    return Settings(home=Path(home), postgres_url=SecretStr(url), publish_every=0)


def write(settings: Settings, first: int, rows: int) -> None:
    """Rows ``first`` to ``first + rows`` into the lake, and the published file."""
    lake = Lake.of(settings)
    values = ", ".join(f"({_value(c)})::{c.type.value} AS {c.name}" for c in TABLE.columns)
    with lake.duck() as connection:
        query = f"(SELECT {values} FROM range({first}, {first + rows}) AS t(i))"
        staged = lake.stage(connection, TABLE.name, query)
    days = FIRST + timedelta(days=first // PER_DAY), FIRST + timedelta(days=(first + rows - 1) // PER_DAY)
    lake.replace(TABLE.name, staged, days)
    publish(settings, force=True)


def built(home: str, url: str, rows: int) -> None:
    """An empty publication in Postgres, then the rows in the published file, and as CSV."""
    settings = settings_of(home, url)
    publish(settings, force=True)
    publish_postgres(settings)
    write(settings, 0, rows)
    with read_published(settings.published_file) as connection:
        connection.execute(f"COPY (SELECT * FROM {TABLE.name}) TO '{home}/rows.csv' (FORMAT csv, HEADER false)")


def ours(home: str, url: str) -> int:
    """The whole table: copied, indexed, swapped. It was dropped before, so that each run does the same."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS echelon.mart_price_trends")
    return mirrored(home, url)


def mirrored(home: str, url: str) -> int:
    done = publish_postgres(settings_of(home, url))
    return sum(done.copied.values()) if done else 0


def bare(home: str, url: str, form: str) -> int:
    """COPY from the ready file into a new table without key and indexes."""
    with read_published(settings_of(home, url).published_file) as published:
        columns = published.execute(f"DESCRIBE {TABLE.name}").fetchall()
    create = Mirror(TABLE, tuple((c[0], c[1]) for c in columns)).create().replace("echelon_staging", "public")
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS public.mart_price_trends")
        cursor.execute(create)
        with Path(home, f"rows.{form}").open("rb") as file:
            cursor.copy_expert(f"COPY public.mart_price_trends FROM STDIN (FORMAT {form})", file, BUFFER)
        return int(cursor.rowcount)


def to_binary(home: str, url: str) -> None:
    """The same rows in Postgres's own binary form, for the second comparison."""
    path = Path(home, "rows.binary")
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor, path.open("wb") as file:
        cursor.copy_expert("COPY public.mart_price_trends TO STDOUT (FORMAT binary)", file, BUFFER)


def main(rows: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory() as home, server() as url:
        isolated(built, home, url, rows)
        csv = median_of(3, bare, home, url, "csv")
        isolated(to_binary, home, url)
        binary = median_of(3, bare, home, url, "binary")
        whole = median_of(3, ours, home, url)
        if not csv.value == binary.value == whole.value == rows:
            raise RuntimeError(f"{whole.value} of {rows} rows arrived")
        write(settings_of(home, url), 0, PER_DAY)
        day = isolated(mirrored, home, url)
        nothing = isolated(mirrored, home, url)
    report(
        "postgres_publish",
        rows=rows,
        seconds=whole.seconds,
        peak_mb=whole.peak_mb,
        bare_csv_seconds=csv.seconds,
        of_bare_csv=csv.seconds / whole.seconds,
        bare_binary_seconds=binary.seconds,
        of_bare_binary=binary.seconds / whole.seconds,
        one_day_seconds=day.seconds,
        one_day_rows=day.value,
        nothing_new_seconds=nothing.seconds,
        ok=csv.seconds / whole.seconds >= 0.6,
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
