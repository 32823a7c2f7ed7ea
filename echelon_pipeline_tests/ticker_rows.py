"""Instruments as rows for tests of the derived tables, and ``ticker_parts`` run over them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import pyarrow as pa

from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import quote
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import Row, arrow, row
from echelon_pipeline_tests.tickers import Ticker, parse_ticker

PARTS = ("ticker_date", "date_precision", "ticker_time", "strike_kind", "strike_low", "strike_high", "ticker_strike",
         "outcome_code", "parse_note")  # fmt: skip
INPUTS = ("instruments", "events", "series", "outcomes")


def kalshi(ticker: str, *, event: str | None = None, series: str | None = None, **values: Any) -> Row:
    """A Kalshi instrument; ``event`` and ``series`` as the API says them."""
    return row(
        "core.instruments",
        instrument_id=f"kalshi:{ticker}",
        native_id=ticker,
        event_id=event and f"kalshi:{event}",
        series_id=series and f"kalshi:{series}",
        **values,
    )


def register(connection: duckdb.DuckDBPyConnection, **tables: Iterable[Row]) -> None:
    """Registers the inputs of the derived tables; those not given are empty."""
    for name in INPUTS:
        connection.register(name, arrow(f"core.{name}", tables.get(name, ())))


def register_sparse(connection: duckdb.DuckDBPyConnection, **tables: list[Row]) -> None:
    """The same from rows that name few columns: the others are NULL. Fast for many rows."""
    for name, rows in tables.items():
        table = TABLES[f"core.{name}"]
        keys = set().union(*rows)
        used = [c for c in table.columns if c.name in keys]
        given = pa.Table.from_pylist(rows, schema=pa.schema([c.arrow for c in used or table.columns]))
        connection.register(f"given_{name}", given)
        missing = [f"CAST(NULL AS {c.type.value}) AS {quote(c.name)}" for c in table.columns if used and c not in used]
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {', '.join(['*', *missing])} FROM given_{name}"
        )


def parts_of_rows(instruments: Iterable[Row]) -> dict[str, tuple[Any, ...]]:
    """By instrument, what the statement reads from its ticker."""
    with connect() as connection:
        register(connection, instruments=instruments)
        query = f"SELECT instrument_id, {', '.join(PARTS)} FROM ({statement('derive/ticker_parts').text})"
        found = connection.execute(query).fetchall()
    assert len(found) == len({r[0] for r in found}), "one row per instrument"
    return {r[0]: r[1:] for r in found}


def parsed_row(made: Row) -> Ticker:
    """The same by the readable parser."""
    return parse_ticker(
        made["native_id"],
        series=made["series_id"] and made["series_id"].removeprefix("kalshi:"),
        event=made["event_id"] and made["event_id"].removeprefix("kalshi:"),
        strike_type=made["strike_type"],
        floor_strike=made["floor_strike"],
        cap_strike=made["cap_strike"],
        is_combo=made["is_combo"],
    )


def as_parts(ticker: Ticker) -> tuple[Any, ...]:
    """A parsed ticker in the statement's columns."""
    clock = f"{ticker.time:%H:%M}" if ticker.time is not None else None
    return (
        *(ticker.date, ticker.date_precision, clock, ticker.strike_kind, ticker.strike_low, ticker.strike_high),
        *(ticker.ticker_strike, ticker.outcome, ticker.note),
    )
