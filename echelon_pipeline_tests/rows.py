"""Rows for tests of the warehouse: complete by default, changed by keyword, staged as Parquet."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.tables import TABLES, T

Row = dict[str, Any]

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

_DEFAULTS: Mapping[T, object] = {
    T.TEXT: "x",
    T.BOOL: False,
    T.INT: 0,
    T.BIGINT: 0,
    T.STAT: 0.0,
    T.DATE: DAY,
    T.TIME: NOON,
    T.TEXTS: ["x"],
    T.INTS: [1],
    T.BIGINTS: [1],
}
_GIVEN: Mapping[str, Row] = {
    "core.trades": {"grain": "match", "identity": "strong", "price": Decimal("0.25"), "size": Decimal(2)},
    "core.instruments": {"status": "active"},
    "core.daily_prices": {"price_source": "candle", "grain_seconds": 3600, "n_samples": 24, "is_complete": True},
    "core.resolutions": {"status": "settled"},
    "core.fills": {"price": Decimal("0.25"), "size": Decimal(2)},
    "core.drift": {"kind": "field"},
}


def row(table: str, **values: object) -> Row:
    """A row that meets the table's rules: required columns have defaults, the others are NULL."""
    known = TABLES[table]
    made: Row = {c.name: None if c.nullable else _DEFAULTS.get(c.type, Decimal("0.5")) for c in known.columns}
    return {**made, "venue": "kalshi", **_GIVEN.get(table, {}), **values}


def trade(number: int, **values: object) -> Row:
    """A trade of the day; its set is itself."""
    made = {
        "trade_id": f"kalshi:t{number}",
        "set_id": f"kalshi:t{number}",
        "instrument_id": f"kalshi:I{number % 3}",
        "event_at": NOON + timedelta(seconds=number),
        "observed_at": NOON + timedelta(hours=1),
    }
    return row("core.trades", **{**made, **values})


def arrow(table: str, rows: Iterable[Row]) -> pa.Table:
    """Rows as an Arrow table of the registry's types."""
    return pa.Table.from_pylist(list(rows), schema=TABLES[table].arrow_schema())


def staged(folder: Path, table: str, rows: Iterable[Row]) -> Path:
    """A staged Parquet file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{table}-{secrets.token_hex(4)}.parquet"
    pq.write_table(arrow(table, rows), path)
    return path


def stored(lake: Lake, table: str, columns: str = "*", order: str = "ALL", **scan: Any) -> list[Row]:
    """Rows of a table as plain values."""
    with lake.duck() as connection:
        query = f"SELECT {columns} FROM ({lake.scan(table, **scan)}) ORDER BY {order}"
        found: list[Row] = connection.sql(query).to_arrow_table().to_pylist()
        return found
