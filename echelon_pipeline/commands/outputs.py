"""Writes a query's result to a file: text formats, Parquet and Excel. A file appears complete or not at all.

Belongs here: files of results. They are written by this process, never by SQL's COPY, which readers may not run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echelon_pipeline.commands.render import WRITERS, Format, text_of
from echelon_pipeline.errors import BadQuery, BadSettings

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

BATCH = 10_000
SHEET_ROWS = 1_048_575  # below the header
CELL_TEXT = 32_767
WHOLE = 2**53  # Excel's numbers are floats: larger whole numbers are texts
ONE_NAME = {"json", "jsonl", "parquet", "xlsx"}
EXCEL = {"strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": True, "remove_timezone": True}


def require_names(names: Sequence[str], format_: str) -> None:
    """Raises BadQuery if two columns have one name and the format has only one place for it."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice and format_ in ONE_NAME:
        raise BadQuery(f"two columns are named {twice[0]}: give one of them another name (AS …)")


def write_file(path: Path, format_: str, connection: duckdb.DuckDBPyConnection, text: str, limit: int) -> int:
    """Runs a statement and writes its rows, at most ``limit`` (0: all); returns their number."""
    if format_ == "parquet":
        return _write_parquet(path, connection, text, limit)
    result = connection.execute(text)
    names = [column[0] for column in result.description or ()]
    require_names(names, format_)
    counted = _Counted(rows_of(result), limit)
    if format_ == "xlsx":
        _write_excel(path, names, counted)
    else:
        with _replacing(path) as aside, aside.open("w", encoding="utf-8", newline="") as stream:
            WRITERS[Format(format_)](stream, names, counted)
    return counted.count


def rows_of(result: duckdb.DuckDBPyConnection) -> Iterator[Sequence[Any]]:
    """The rows of an executed statement, fetched in batches."""
    while batch := result.fetchmany(BATCH):
        yield from batch


class _Counted:
    """Rows that are counted while a writer takes them."""

    def __init__(self, rows: Iterable[Sequence[Any]], limit: int) -> None:
        self._rows, self.count = islice(rows, limit) if limit else rows, 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._rows:
            self.count += 1
            yield row


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A path beside the target that replaces it at the end, unless there is an error."""
    if not path.parent.is_dir():
        raise BadSettings(f"{path.parent} is no folder: create it first, or name another file")
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield aside
        aside.replace(path)
    finally:
        with suppress(FileNotFoundError):
            aside.unlink()


def _write_parquet(path: Path, connection: duckdb.DuckDBPyConnection, text: str, limit: int) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    relation = connection.sql(text)
    if relation is None:
        raise BadQuery("the statement has no rows to write")
    require_names(relation.columns, "parquet")
    reader: pa.RecordBatchReader = relation.to_arrow_reader(BATCH)
    _require_storable(reader.schema)
    count = 0
    with _replacing(path) as aside, pq.ParquetWriter(aside, reader.schema, compression="zstd") as writer:
        for batch in reader:
            kept = batch.slice(0, limit - count) if limit else batch
            if kept.num_rows:
                writer.write_table(pa.Table.from_batches([kept]))
            count += kept.num_rows
            if limit and count >= limit:
                break
    return count


def _require_storable(schema: pa.Schema) -> None:
    """Raises BadQuery for a type that Parquet does not have."""
    import pyarrow as pa

    for field in schema:
        if pa.types.is_interval(field.type):
            raise BadQuery(f"column {field.name} is an INTERVAL, which Parquet does not have: use CAST(… AS VARCHAR)")


def _write_excel(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """One sheet with a fixed header and a filter. Times are UTC without a zone: Excel has none."""
    try:
        import xlsxwriter
    except ModuleNotFoundError as error:
        raise BadSettings("xlsx needs another package: pip install 'echelon-pipeline[excel]'") from error
    with _replacing(path) as aside:
        book = xlsxwriter.Workbook(str(aside), EXCEL | {"constant_memory": True})
        sheet = book.add_worksheet("result")
        bold = book.add_format({"bold": True, "bottom": 1})
        formats = {
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        for n, name in enumerate(names):
            sheet.write_string(0, n, name, bold)
        number = 0
        for number, row in enumerate(rows, start=1):
            if number > SHEET_ROWS:
                raise BadQuery(f"a sheet has at most {SHEET_ROWS:,} rows: use --limit, or --format parquet")
            for n, value in enumerate(row):
                _write_cell(sheet.write, number, n, names[n], value, formats)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(len(names) - 1, 0), 18)
        sheet.autofilter(0, 0, number, max(len(names) - 1, 0))
        book.close()


def _write_cell(
    write: Callable[..., Any], row: int, column: int, name: str, value: object, formats: Mapping[type[date], Any]
) -> None:
    if value is None:
        return
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > WHOLE:
        value = str(value)
    if not isinstance(value, bool | int | float | Decimal | date):
        value = text_of(value)
        if len(value) > CELL_TEXT:
            raise BadQuery(
                f"row {row}, column {name} has more than {CELL_TEXT:,} characters, which no cell of xlsx holds"
            )
    if isinstance(value, date):
        write(row, column, value, formats[type(value)])
    else:
        write(row, column, value)
