"""Pages of mart.markets_filtered on a published file with a million instruments: how long the first one takes."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.common import isolated, report
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings
from echelon_pipeline.tables import TABLES, Column

TABLE = TABLES["mart.market_overview"]
RUNS = 9
# What the goal of 50 ms is for; a search reads a million titles, and a next page compares with its cursor.
FIRST_PAGES = ("first_page", "category_and_status", "one_venue_of_20")

_OF = "(['Bitcoin', 'rain in New York', 'CPI', 'the Super Bowl', 'Élections'])[1 + i % 5]"
# A fifth of the instruments trade on a day; one in ten is active.
_VALUES = {
    "venue": "CASE WHEN i % 2 = 0 THEN 'kalshi' ELSE 'polymarket' END",
    "instrument_id": "CASE WHEN i % 2 = 0 THEN 'kalshi:KXBENCH' || i ELSE 'polymarket:0x' || sha256(i::VARCHAR) END",
    "title": f"'Will number ' || hash(i) % 100000 || ' of ' || {_OF} || ' be above ' || i % 500 || '?'",
    "display_name": f"'Will number ' || hash(i) % 100000 || ' of ' || {_OF} || ' be above ' || i % 500 || '?'",
    "category": "(['Politics', 'Sports', 'Crypto', 'Economics', 'Weather'])[1 + i // 5 % 5]",
    "category_source": "'venue'",
    "status": "CASE WHEN hash(i, 3) % 10 = 0 THEN 'active' ELSE 'settled' END",
    "volume_24h": "CASE WHEN hash(i, 4) % 5 = 0 THEN (hash(i, 5) % 100000000) / 100 END",
    "is_clean": "i % 3 = 0",
    "quality_flags": "CASE WHEN i % 3 = 0 THEN [] ELSE ['no_quote', 'never_traded'] END",
}
QUESTIONS = {
    "first_page": "",
    "category_and_status": "category := 'Crypto', status := 'active'",
    "one_venue_of_20": "venue := 'kalshi', page_size := 20",
    "search": "search := 'RAIN IN'",
    "search_found_rarely": "search := 'number 777 of'",
}


def _value(column: Column) -> str:
    if column.name in _VALUES:
        return _VALUES[column.name]
    if column.nullable:
        # A price without a source and a time would break a rule of the table.
        return "0.25" if column.type.value.startswith("DECIMAL") and column.name != "latest_price" else "NULL"
    return {
        "VARCHAR": "'KXBENCH' || i",
        "BOOLEAN": "true",
        "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ '2026-11-20 12:00:00+00'",
    }[column.type.value]


def built(home: str, rows: int) -> int:
    """The published file; its size in MB."""
    settings = Settings(home=Path(home))
    lake = Lake.of(settings)
    values = ", ".join(f"({_value(c)})::{c.type.value} AS {c.name}" for c in TABLE.columns)
    with lake.duck() as connection:
        staged = lake.stage(connection, TABLE.name, f"(SELECT {values} FROM range({rows}) AS t(i))")
    lake.replace(TABLE.name, staged, None)
    publish(settings, force=True)
    return settings.published_file.stat().st_size // 2**20


def asked(home: str) -> dict[str, float]:
    """Milliseconds of each question, the median of several; and of the page after the first."""
    with read_published(Settings(home=Path(home)).published_file) as connection:
        found = {name: _median(connection, arguments) for name, arguments in QUESTIONS.items()}
        last = connection.execute("SELECT instrument_id, volume_24h FROM mart.markets_filtered()").fetchall()[-1]
        found["next_page"] = _median(connection, f"after_id := '{last[0]}', after_volume := {last[1]}")
    return found


def _median(connection: duckdb.DuckDBPyConnection, arguments: str) -> float:
    seconds = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        rows = connection.execute(f"SELECT * FROM mart.markets_filtered({arguments})").fetchall()
        seconds.append(time.perf_counter() - begun)
        if not rows:
            raise RuntimeError(f"nothing found with {arguments}")
    return statistics.median(seconds) * 1000


def main(rows: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory() as home:
        size = isolated(built, home, rows).value
        pages = isolated(asked, home)
    milliseconds = {f"{name}_ms": value for name, value in pages.value.items()}
    report(
        "filter_page",
        instruments=rows,
        file_mb=size,
        **milliseconds,
        peak_mb=pages.peak_mb,
        ok=max(pages.value[name] for name in FIRST_PAGES) < 50,
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
