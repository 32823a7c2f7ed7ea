"""Generates the parts of ``sql/marts/data_quality.sql`` that repeat per table or per endpoint.

Belongs here: SQL text, generated from the registry of tables and the payload kinds of venues.
"""

from __future__ import annotations

from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.tables import TABLES, Feeder, fed_by
from echelon_pipeline.tables.schema import Counted
from echelon_pipeline.venues.registry import REGISTRY

NAME = "mart.data_quality"


def counted_tables() -> str:
    """Names of the tables whose rows are counted, for the statement's header."""
    return ", ".join(_counted())


def counted_rows() -> str:
    """SQL: rows and late rows of each table by venue and day, and when one was last observed."""
    return " UNION ALL ".join(_rows(name, how) for name, how in _counted().items())


def event_times() -> str:
    """SQL: the venue's newest time by table and day, for recent days only: reading it takes seven times as long."""
    return " UNION ALL ".join(
        f"SELECT {literal(name)} AS table_name, venue, date, max({how.event_at}) AS latest_event_at FROM {name} "
        f"WHERE date >= utc_day(CAST($now AS TIMESTAMPTZ)) - 7 GROUP BY venue, date"
        for name, how in _counted().items()
        if how.event_at
    )


def endpoints() -> str:
    """SQL: the main table of each endpoint."""
    kinds = [(venue.name, kind) for venue in REGISTRY.values() for kind in venue.kinds.values()]
    rows = (f"({literal(v)}, {literal(kind.endpoint)}, {literal(kind.main)})" for v, kind in kinds)
    return f"SELECT * FROM (VALUES {', '.join(rows)}) AS e(venue, endpoint, table_name)"


def listed_tables() -> str:
    """SQL: tables that listings fill; the windows of core.instruments cover them."""
    return f"SELECT unnest([{', '.join(map(literal, fed_by(Feeder.LISTINGS)))}]) AS table_name"


def _counted() -> dict[str, Counted]:
    return {name: table.counted for name, table in TABLES.items() if table.counted is not None}


def _rows(name: str, how: Counted) -> str:
    day_end = "CAST(date AS TIMESTAMP) AT TIME ZONE 'UTC' + to_hours(24 + $late_hours)"
    late = f"count(*) FILTER (WHERE {how.seen_at} > {day_end})" if how.can_be_late else "CAST(NULL AS BIGINT)"
    return (
        f"SELECT {literal(name)} AS table_name, venue, {how.day} AS date, count(*) AS rows, {late} AS late_rows, "
        f"max({how.seen_at}) AS latest_observed_at FROM {name} GROUP BY venue, {how.day}"
    )
