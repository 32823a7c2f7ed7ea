"""The reader: tables, instruments, order books, coverage and SQL of a publication.

Belongs here: what a caller may ask, with the checks of names. Statements are made in ``filters.py`` and
``order_books.py``; ``publication.py`` runs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, overload

from echelon_pipeline.errors import BadQuery
from echelon_pipeline.publish.reader import require_reading
from echelon_pipeline.reading import order_books
from echelon_pipeline.reading.coverage import DAYS, coverage_of
from echelon_pipeline.reading.filters import Filters, Value
from echelon_pipeline.reading.frames import Frame, Kind, Output, checked_kind, dicts
from echelon_pipeline.reading.known import recorded, require_instruments, require_venues, shipped
from echelon_pipeline.reading.order_books import Book
from echelon_pipeline.reading.publication import OpenPublication, PublicationInfo
from echelon_pipeline.reading.running import Params
from echelon_pipeline.reading.times import Step, Time, instant, window

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Names = str | Sequence[str]


class Warehouse(Generic[Frame]):
    """A reader of a published file. ``echelon_pipeline.open`` makes one.

    Every method reads the newest publication. Prices are dollars per share of outcome 0, times are UTC, ``until`` is
    the first time that is not included. ``floats=True`` gives decimals as floats.
    """

    def __init__(self, publication: OpenPublication, output: Output[Frame]) -> None:
        self._publication = publication
        self._output = output

    @overload
    def to(self, kind: Literal["polars"], *, floats: bool | None = None) -> Warehouse[pl.DataFrame]: ...
    @overload
    def to(self, kind: Literal["pandas"], *, floats: bool | None = None) -> Warehouse[pd.DataFrame]: ...
    @overload
    def to(self, kind: Literal["arrow"], *, floats: bool | None = None) -> Warehouse[pa.Table]: ...
    def to(self, kind: Kind, *, floats: bool | None = None) -> Warehouse[Any]:
        """The same reader with another kind of results; both share one connection."""
        output: Output[Any] = Output(checked_kind(kind), self._output.floats if floats is None else floats)
        return Warehouse(self._publication, output)

    @property
    def publication(self) -> PublicationInfo:
        """Which publication answers now."""
        return self._publication.info

    def tables(self) -> Frame:
        """Every table, view and function: name, kind, rows, whether it is complete, meaning."""
        self._publication.catalog.require_descriptions()
        return self._shipped("tables", {})

    def columns(self, table: str) -> Frame:
        """The columns of a table, view or table function: name, type, unit, meaning."""
        return self._shipped("columns", {"name": self._publication.catalog.described(table)})

    def table(
        self,
        name: str,
        *,
        venue: Names | None = None,
        instrument: Names | None = None,
        since: Time | None = None,
        until: Time | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        floats: bool | None = None,
        **equal: Value | Sequence[Value],
    ) -> Frame:
        """Rows of a table or view, ordered by time and key.

        Args:
            name: As ``mart.daily``; without the schema if only one has it.
            venue: One venue or several.
            instrument: One instrument id or several.
            since: The first time: text, date or datetime. Rows of a day stand for its midnight; rows that are valid
                over an interval are included if it overlaps.
            until: The first time that is not included.
            columns: The columns to read, in this order. Default: all.
            limit: The number of rows.
            floats: Decimals as floats. Default: as the reader was opened.
            equal: Conditions on other columns: a value, or a list of possible ones (``status="active"``).

        Raises NotFound for an unknown table, column, venue or instrument, with near names; BadQuery for an argument
        that the table cannot have.
        """
        return self._select(name, Filters(venue, instrument, since, until, columns, limit, equal), floats=floats)

    def instruments(
        self,
        search: str = "",
        *,
        venue: str | None = None,
        category: str | None = None,
        status: str | None = None,
        has_books: bool | None = None,
        limit: int = 50,
        floats: bool | None = None,
    ) -> Frame:
        """Instruments whose title, display name or id contains every word of ``search``, most traded first."""
        require_venues(self._publication, venue)
        parameters: dict[str, object] = {
            "words": search.split(),
            "venue": venue,
            "category": category,
            "status": status,
            "has_books": has_books,
            "max_rows": limit,
        }
        return self._shipped("instruments", parameters, floats=floats)

    def books(
        self,
        instrument: str,
        every: Step = "1s",
        since: Time | None = None,
        until: Time | None = None,
        *,
        floats: bool | None = None,
    ) -> Frame:
        """The order book of an instrument at regular times, forward filled while it was valid.

        Where it was not valid, ``state`` is ``unknown`` and ``reason`` says why. Default: the whole recording.
        """
        start, end = window(since, until)
        if start is None or end is None:
            first, last = recorded(self._publication, instrument)
            start, end = start or first, end or last
        else:
            require_instruments(self._publication, instrument)
        return self._frame(order_books.books_every(instrument, every, start, end), floats=floats)

    def book(self, instrument: str, at: Time) -> Book:
        """The order book of an instrument at a time, with exact decimals."""
        require_instruments(self._publication, instrument)
        (row,) = dicts(self._publication.rows(order_books.book_at(instrument, instant("at", at))))
        return Book.of(row)

    def coverage(
        self,
        table: str,
        *,
        venue: Names | None = None,
        instrument: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        floats: bool | None = None,
    ) -> Frame:
        """How complete a table is: per day, or per instrument and hour for order books.

        A computed table has the rows of the tables that it is computed from. Columns: ``core.coverage_daily`` or
        ``mart.coverage``.
        """
        name = self._publication.catalog.relation(table).name
        relation, tables = coverage_of(self._publication, name)
        if relation == DAYS and instrument is not None:
            raise BadQuery(f"the coverage of {name} is by venue and day: expected no instrument")
        equal: dict[str, Value | Sequence[Value]] = {"table_name": tables} if tables else {}
        return self._select(relation, Filters(venue, instrument, since, until, equal=equal), floats=floats)

    def sql(
        self,
        query: str,
        params: Params | None = None,
        *,
        frames: Mapping[str, object] | None = None,
        floats: bool | None = None,
    ) -> Frame:
        """The rows of one statement that reads.

        Args:
            query: DuckDB's SQL.
            params: Values of ``?`` (a list) or of ``$name`` (a mapping).
            frames: Your own polars, pandas or Arrow frames, by the name that the query uses.
            floats: Decimals as floats. Default: as the reader was opened.

        Raises RefusedStatement for any other statement, BadQuery if DuckDB refuses the query.
        """
        require_reading(query)
        return self._frame(query, params, frames, floats=floats)

    def _select(self, name: str, filters: Filters, *, floats: bool | None) -> Frame:
        text = filters.statement(self._publication.catalog.relation(name))
        require_venues(self._publication, filters.venue)
        require_instruments(self._publication, filters.instrument)
        return self._frame(text, floats=floats)

    def _shipped(self, name: str, params: dict[str, object], *, floats: bool | None = None) -> Frame:
        return self._frame(shipped(name), params, floats=floats)

    def _frame(
        self,
        text: str,
        params: Params | None = None,
        frames: Mapping[str, object] | None = None,
        *,
        floats: bool | None = None,
    ) -> Frame:
        return self._output.frame(self._publication.rows(text, params, frames), floats=floats)

    def close(self) -> None:
        """Closes the connection, also of every reader that ``to`` made."""
        self._publication.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        info = self._publication.last_info
        return f"<Warehouse {info.path}, publication {info.sequence} of {info.built_at:%Y-%m-%d %H:%M:%S} UTC>"
