"""The record of pages: the request of each page of raw, and the number of rows kept.

Belongs here: ``raw.pages``, written by every commit of pages and read by rederivation. A page's row and its
objects in ``raw.objects`` are sufficient to derive the same rows again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from echelon_pipeline.ingest.dead_letters import PageRequest
from echelon_pipeline.lake.session import Session, Unit, Venue
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import file_list
from echelon_pipeline.tables import TABLES
from echelon_pipeline.tables.schema import PagedRows

TABLE = "raw.pages"


def rows_of_pages(table: str) -> PagedRows:
    """Which rows of a table pages bring. ValueError for a table that is not read page by page."""
    paged = TABLES[table].paged
    if paged is None:
        raise ValueError(f"{table} is not read page by page")
    return paged


def placed(table: str, rows: str) -> str:
    """A SELECT of instrument_id, at, scope of the rows that pages of a table bring. ``rows``: a SELECT of all rows."""
    paged = rows_of_pages(table)
    instrument = "instrument_id" if "instrument_id" in TABLES[table].names else "NULL"
    return (
        f"SELECT {instrument} AS instrument_id, {paged.at} AS at, {paged.scope or 'NULL'} AS scope FROM ({rows}) "
        f"WHERE {paged.condition}"
    )


def page_rows(
    unit: Unit, pages: Sequence[tuple[str, str, PageRequest]], staged: Mapping[str, Sequence[Path]]
) -> list[dict[str, Any]]:
    """Rows of the record for pages (venue, table, request) whose rows are staged and not merged yet."""
    recorded: list[dict[str, Any]] = []
    for venue, table in dict.fromkeys((venue, table) for venue, table, _ in pages):
        rows = [page_row(unit.unit_id, venue, table, page) for v, t, page in pages if (v, t) == (venue, table)]
        if paths := staged.get(table):
            with unit.session.duck() as connection:
                counts = _counts(connection, rows, table, paths)
            for row in rows:
                row["rows"] = counts[row["page"], row["kept_from_at"]]
        recorded += rows
    return recorded


def record(unit: Unit, rows: Sequence[Mapping[str, Any]]) -> None:
    """Records pages, after their rows are committed."""
    if rows:
        unit.session.lake.append(TABLE, pa.Table.from_pylist(list(rows), schema=TABLES[TABLE].arrow_schema()))


@dataclass(frozen=True)
class StoredPage:
    """A recorded page. ``rows``: the minimum number of rows that the table has in its place."""

    unit_id: str
    request: PageRequest
    rows: int

    @property
    def low(self) -> datetime:
        """The oldest time of its rows."""
        return (self.request.times or self.request.within)[0]

    @property
    def high(self) -> datetime:
        """The newest time of its rows, or an instant after it."""
        return (self.request.times or self.request.within)[1]

    @property
    def walk(self) -> tuple[tuple[str, ...], Span]:
        """The key that all pages of one walk share."""
        return self.request.instrument_ids, self.request.claimed


def units_of(session: Session, venue: Venue, table: str, span: Span) -> list[str]:
    """Units that read pages with rows of a span, oldest first."""
    with _record(session, venue, table) as connection:
        given = {"from": span[0], "to": span[1]}
        found = connection.execute(statement("raw/units_of_pages").text, given).fetchall()
    return [unit_id for (unit_id,) in found]


def pages_of(
    session: Session, venue: Venue, table: str, units: Sequence[str], span: Span
) -> dict[str, list[StoredPage]]:
    """The pages of units that have rows of a span, in the order in which they were read."""
    with _record(session, venue, table, *units) as connection:
        given = {"units": list(units), "from": span[0], "to": span[1]}
        found = connection.execute(statement("raw/pages_of_units").text, given).fetchall()
    pages: dict[str, list[StoredPage]] = {unit: [] for unit in units}
    for row in found:
        pages[row[0]].append(_stored(*row))
    return pages


@contextmanager
def _record(session: Session, venue: Venue, table: str, *units: str) -> Iterator[duckdb.DuckDBPyConnection]:
    scan = session.lake.scan(TABLE, where={"venue": [venue], "table_name": [table]}, units=units)
    with session.duck() as connection:
        connection.execute(f"CREATE TEMP VIEW pages AS {scan}")
        yield connection


def _stored(
    unit_id: str,
    page: int,
    objects: int,
    scope: str | None,
    ids: list[str] | None,
    within: list[datetime],
    times: list[datetime | None],
    claimed: list[datetime],
    kept_from: datetime,
    rows: int,
) -> StoredPage:
    low, high = times
    request = PageRequest(
        page,
        tuple(ids or ()),
        (within[0], within[1]),
        (claimed[0], claimed[1]),
        scope,
        objects,
        None if low is None or high is None else (low, high),
        kept_from,
    )
    return StoredPage(unit_id, request, rows)


def page_row(unit_id: str, venue: str, table: str, page: PageRequest) -> dict[str, Any]:
    """A row of the record, without its count of rows."""
    return {
        "venue": venue,
        "table_name": table,
        "unit_id": unit_id,
        "page": page.page,
        "objects": page.objects,
        "scope": page.scope,
        "instrument_ids": list(page.instrument_ids) or None,
        "from_at": page.within[0],
        "to_at": page.within[1],
        "low_at": page.times[0] if page.times else None,
        "high_at": page.times[1] if page.times else None,
        "begin_at": page.claimed[0],
        "end_at": page.claimed[1],
        "kept_from_at": page.kept_from or page.claimed[0],
        "rows": 0,
    }


def _counts(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[Mapping[str, Any]], table: str, paths: Sequence[Path]
) -> dict[tuple[int, Any], int]:
    connection.register("pages", pa.Table.from_pylist(list(rows), schema=TABLES[TABLE].arrow_schema()))
    files = file_list([str(p) for p in paths])
    connection.execute(f"CREATE TEMP VIEW placed AS {placed(table, f'SELECT * FROM read_parquet({files})')}")
    found = connection.execute(statement("raw/page_rows").text).fetchall()
    return {(page, kept_from): count for page, kept_from, count in found}
