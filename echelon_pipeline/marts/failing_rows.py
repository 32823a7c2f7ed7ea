"""Finds the rows on which a mart's statement fails: the day and the instruments, by bisection.

Belongs here: narrowing a failure down for its message. Nothing is written. ``refresh.py`` handles the failure itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TypeVar

import duckdb

from echelon_pipeline.domain.days import every_day
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.marts import Mart, Params, Pinned, create_views, parameters_of
from echelon_pipeline.sqltools.text import literal, typed
from echelon_pipeline.tables import TABLES

Part = TypeVar("Part")
Days = tuple[date, date] | None

# Maximum number of statements per failure: bisecting a million instruments and 120 days takes at most 2 x 27.
TRIES = 60
# A message names at most this many instruments, if the statement fails only on all of them together.
NAMED = 5


def failing_rows(lake: Lake, mart: Mart, pinned: Pinned, params: Params, days: Days) -> str:
    """Names the day and instruments whose rows make the statement fail; "" if it does not fail again."""
    search = _Search(lake, mart, pinned, params)
    if not search.fails(days, None):
        return ""
    if days is not None:
        narrowed = _narrow(every_day(*days), lambda part: search.fails((part[0], part[-1]), None))
        days = narrowed[0], narrowed[-1]
    instruments = search.instruments(days)
    if instruments and search.fails(days, instruments):
        instruments = _narrow(instruments, lambda part: search.fails(days, part))
    shown = ", ".join(instruments[:NAMED]) + (
        f" and {len(instruments) - NAMED} more" if len(instruments) > NAMED else ""
    )
    when = "" if days is None else f" of {days[0]}" if days[0] == days[1] else f" of {days[0]} to {days[1]}"
    return f"rows{when}" + (f" of {shown}" if shown else "")


def _narrow(parts: list[Part], fails: Callable[[list[Part]], bool]) -> list[Part]:
    """The smallest part found by bisection that still fails."""
    while len(parts) > 1:
        middle = len(parts) // 2
        half = next((h for h in (parts[:middle], parts[middle:]) if fails(h)), None)
        if half is None:
            return parts
        parts = half
    return parts


class _Search:
    def __init__(self, lake: Lake, mart: Mart, pinned: Pinned, params: Params) -> None:
        self._lake, self._mart, self._pinned, self._params = lake, mart, pinned, params
        self._tries = TRIES

    def fails(self, days: Days, instruments: Sequence[str] | None) -> bool:
        """Whether the statement fails on these days and instruments; False after the last try."""
        if self._tries == 0:
            return False
        self._tries -= 1
        with self._lake.duck(private=True) as connection:
            self._create_views(connection, days, instruments)
            bound = parameters_of(self._mart, self._params, days)
            try:
                query = typed(self._mart.table, self._mart.statement.text, connection, bound)
                connection.execute(f"CREATE TEMP TABLE tried AS {query}", bound)
            except duckdb.Error:
                return True
        return False

    def instruments(self, days: Days) -> list[str]:
        """Instruments of the stored inputs."""
        with self._lake.duck(private=True) as connection:
            self._create_views(connection, days, None)
            tables = [t for t in self._mart.relations if t in TABLES and "instrument_id" in TABLES[t].names]
            union = " UNION ".join(f"SELECT instrument_id FROM {t}" for t in tables)
            rows = connection.execute(f"FROM ({union}) ORDER BY ALL").fetchall() if tables else []
        return [row[0] for row in rows if row[0] is not None]

    def _create_views(
        self, connection: duckdb.DuckDBPyConnection, days: Days, instruments: Sequence[str] | None
    ) -> None:
        seen = None
        if days is not None:
            seen = days[0] - timedelta(days=self._mart.lookback(self._params)), days[1]
        only = "" if instruments is None else f"instrument_id IN ({', '.join(map(literal, instruments))})"
        create_views(connection, self._mart.relations, self._pinned, seen, only=only)
