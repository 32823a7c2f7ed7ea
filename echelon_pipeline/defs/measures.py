"""Numbers of materializations that the UI plots: rows, bytes and version of a table, seconds and requests of a run.

Belongs here: measuring. In a run of several partitions each partition has its own rows and bytes. What only the run
knows (seconds, requests, new rows) is recorded once, with the last partition: repeated, it would be counted again for
each day. ``days`` or ``hours`` says how many partitions it covers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.session import Counts
from echelon_pipeline.tables import TABLES

ROWS, PARTITION_ROWS = "dagster/row_count", "dagster/partition_row_count"
_NUMBERS = {
    "requests": "requests",
    "retries": "request_retries",
    "bytes": "bytes_received",
    "waited_seconds": "waited_seconds",
}


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._started, 3)


def stored(lake: Lake, table: str, venue: str | None = None, part: dict[str, object] | None = None) -> dict[str, Any]:
    """Rows, bytes and files of a table in the lake, of a venue and a partition (values by column), and the version of
    the table. From its log: reads no data."""
    opened = lake.open(table)
    if opened is None:
        return {}
    columns = TABLES[table].partition_by
    wanted = {**({"venue": venue} if venue and "venue" in columns else {}), **(part or {})}
    places = {columns.index(name): value for name, value in wanted.items()}
    files = [f for f in opened.files if all(f.partition[n] == value for n, value in places.items())]
    return {
        PARTITION_ROWS if part else ROWS: sum(file.rows for file in files),
        "bytes": sum(file.size for file in files),
        "files": len(files),
        "lake_version": opened.version,
    }


def requests(counts: Counts) -> dict[str, Any]:
    """Requests to the venue, as numbers; their outcomes by kind."""
    numbers = {name: counts.requests[key] for key, name in _NUMBERS.items() if key in counts.requests}
    outcomes = {k.removeprefix("outcome_"): v for k, v in counts.requests.items() if k.startswith("outcome_")}
    return numbers | ({"request_outcomes": dg.MetadataValue.json(outcomes)} if outcomes else {})


def add_days(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    days: Sequence[date],
    by_day: dict[date, dict[str, Any]],
    of_run: dict[str, Any],
) -> None:
    """Adds the metadata of each day to its partition, and that of the run to the last one."""
    for day in days:
        own = by_day.get(day, {}) | ({"days": len(days), **of_run} if day == days[-1] else {})
        context.add_asset_metadata(own, asset_key=key, partition_key=str(day))
