"""Finds pages whose raw is missing and whose rows are missing too, and opens the windows that claim them.

Belongs here: comparing the record of pages with raw and with the table. A missing page has no effect while the table
still has its rows. Otherwise every complete window over the page's place is opened: the latest window counts, so a
partial window is recorded over it, and the next ingest requests that interval again. A window over all configured
instruments is opened for all of them, even if only some lack rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

import pyarrow as pa

from echelon_pipeline.domain.days import every_day
from echelon_pipeline.domain.instrument_id import InstrumentId
from echelon_pipeline.domain.intervals import subtract, union
from echelon_pipeline.ingest.dead_letters import PageRequest
from echelon_pipeline.ingest.pages import TABLE, StoredPage, page_row, placed, rows_of_pages
from echelon_pipeline.ingest.trades import CONFIGURED
from echelon_pipeline.ingest.versions import kinds_of
from echelon_pipeline.ingest.walk_progress import EVERYTHING
from echelon_pipeline.lake.delta import Where
from echelon_pipeline.lake.raw import OBJECTS
from echelon_pipeline.lake.session import Session, Unit, Venue, midnight
from echelon_pipeline.lake.windows import Span, Window
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.tables import TABLES

_DAY, _TICK = timedelta(days=1), timedelta(microseconds=1)


def lost(
    session: Session, venue: Venue, table: str, pages: Mapping[str, Sequence[StoredPage]], absent: Collection[str]
) -> dict[str, list[StoredPage]]:
    """The pages, by unit, of which raw lacks an object. ``absent``: raw files that do not exist."""
    where: Where = {"venue": [venue], "endpoint": list(kinds_of(venue, table))}
    scan = session.lake.scan(OBJECTS, where=where, units=list(pages), without=absent)
    with session.duck() as connection:
        query = f"SELECT unit_id, page, count(*) FROM ({scan}) WHERE unit_id IN (SELECT unnest($units)) GROUP BY ALL"
        stored_objects = {(u, n): count for u, n, count in connection.execute(query, {"units": list(pages)}).fetchall()}
    return {
        unit: [p for p in some if stored_objects.get((unit, p.request.page), 0) < p.request.objects]
        for unit, some in pages.items()
    }


def unrecorded(session: Session, venue: Venue, table: str, span: Span) -> list[StoredPage]:
    """Complete windows of a span whose unit has no recorded page (an older version read it), as pages."""
    with session.duck() as connection:
        scan = session.lake.scan(TABLE, where={"venue": [venue], "table_name": [table]})
        known = {unit for (unit,) in connection.execute(f"SELECT DISTINCT unit_id FROM ({scan})").fetchall()}
    windows = session.windows.recorded(venue, table, state="complete", meets=span)
    return [_as_page(w, table) for w in windows if w.rows and w.unit_id not in known]


def _as_page(window: Window, table: str) -> StoredPage:
    """A window of a day of prices counts the rows of its whole run: only one row is certain."""
    span = (window.from_at, window.to_at)
    ids = (window.scope,) if window.scope.startswith(InstrumentId.prefix(window.venue)) else ()
    scope = window.scope if rows_of_pages(table).scope else None
    rows = 1 if table == "core.daily_prices" else window.rows
    return StoredPage(window.unit_id, PageRequest(-1, ids, span, span, scope), rows)


def gone(session: Session, venue: Venue, table: str, pages: Sequence[StoredPage]) -> list[StoredPage]:
    """The pages of which the table lacks a row."""
    if not pages:
        return []
    rows = [page_row(p.unit_id, venue, table, p.request) | {"page": n} for n, p in enumerate(pages)]
    with session.duck() as connection:
        connection.register("pages", pa.Table.from_pylist(rows, schema=TABLES[TABLE].arrow_schema()))
        stored = session.lake.scan(table, where=_where(venue, table, pages))
        connection.execute(f"CREATE TEMP VIEW placed AS {placed(table, stored)}")
        counts = {n: found for n, _, found in connection.execute(statement("raw/page_rows").text).fetchall()}
    return [p for n, p in enumerate(pages) if counts[n] < p.rows]


def _where(venue: Venue, table: str, pages: Sequence[StoredPage]) -> Where:
    if "date" not in TABLES[table].partition_by:
        return {"venue": [venue]}
    first, last = min(p.low for p in pages).date(), max(p.high for p in pages).date()
    return {"venue": [venue], "date": every_day(first, last)}


def open_windows(unit: Unit, venue: Venue, table: str, pages: Collection[StoredPage]) -> None:
    """Opens every complete window over the places of pages whose rows are missing."""
    if not pages:
        return
    whole = (min(p.low for p in pages), max(p.high for p in pages) + _TICK)
    windows: list[Window] = []
    for scope, spans in unit.session.windows.complete_by_scope(venue, table, meets=_whole_days(whole)).items():
        some = [p for p in pages if _covers(scope, p.request)]
        places = union(_place(p, table) for p in some)
        reason = f"raw is gone, and rows of it: {len(some)} page(s), the first of unit {min(p.unit_id for p in pages)}"
        opened = _cut(table, subtract(places, subtract(places, spans)))
        windows += [unit.window(venue, table, scope, span, state="partial", reason=reason) for span in opened]
    if windows:
        unit.session.windows.record(windows)


def _cut(table: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Splits spans into days for prices, whose windows are days."""
    for begin, end in spans:
        if table != "core.daily_prices":
            yield begin, end
            continue
        for n in range((end - begin).days):
            yield begin + n * _DAY, begin + (n + 1) * _DAY


def _covers(scope: str, page: PageRequest) -> bool:
    """Whether windows of a scope cover a page's rows."""
    if page.scope is not None:
        return scope == page.scope
    return not page.instrument_ids or scope in (*page.instrument_ids, EVERYTHING, CONFIGURED)


def _whole_days(span: Span) -> Span:
    return midnight(span[0]), midnight(span[1] - _TICK) + _DAY


def _place(page: StoredPage, table: str) -> Span:
    if table == "core.daily_prices":  # its windows are whole days
        return _whole_days(page.request.within)
    begin, end = page.request.claimed
    return max(begin, min(page.low, end - _TICK)), min(end, max(page.high, begin) + _TICK)
