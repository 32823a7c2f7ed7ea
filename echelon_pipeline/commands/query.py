"""``echelon sql``: runs one read-only statement on the published file.

Belongs here: the options of the command. ``layout.py`` prints for people, ``outputs.py`` writes files.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from echelon_pipeline.commands.common import fail, out, prepared
from echelon_pipeline.commands.layout import write_records, write_table
from echelon_pipeline.commands.outputs import require_names, rows_of, write_file
from echelon_pipeline.commands.render import WRITERS, Format
from echelon_pipeline.errors import BadSettings, RefusedStatement

if TYPE_CHECKING:
    import duckdb

TABLE_ROWS = 200
_COMMENTED = re.compile(r"--[^\s=]*\s")


class Written(StrEnum):
    """The formats of ``echelon sql``; the last two need a file."""

    table = "table"
    records = "records"
    csv = "csv"
    json = "json"
    jsonl = "jsonl"
    md = "md"
    parquet = "parquet"
    xlsx = "xlsx"


_FOR_PEOPLE = (Written.table, Written.records)
_ONLY_FILES = (Written.parquet, Written.xlsx)


class SqlCommand(TyperCommand):
    """Accepts a statement that begins with a comment (``-- …``) and does not read it as an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Moves such a statement behind ``--``. Option names have no blanks, so the two are never confused."""
        if "--" not in args:
            commented = [a for a in args if _COMMENTED.match(a)]
            args = [*(a for a in args if a not in commented), *(["--", *commented] if commented else [])]
        return super().parse_args(ctx, args)


def sql(
    query: Annotated[str | None, typer.Argument(help="One SQL statement.", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", exists=True, dir_okay=False, help="Read the statement from a file.")
    ] = None,
    format_: Annotated[
        Written | None,
        typer.Option(
            "--format",
            help="Output format. Default: by the name of --output, else table. table shows records if the columns do "
            "not fit, escapes control characters (\\x1b) and shows decimals without trailing zeros; csv, json, jsonl, "
            "md and parquet are exact: in json and jsonl decimals, NaN and Infinity are strings. xlsx has 15 digits.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Write to this file and replace it.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0, help=f"Maximum number of rows; 0: all. Default: {TABLE_ROWS} for table, all for other formats."
        ),
    ] = None,
    database: Annotated[
        Path | None, typer.Option("--database", help="Another published file, e.g. an older publication.")
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Allow any statement, and any file that your user can read or write.")
    ] = False,
) -> None:
    """Query the published file with one reading statement. The statement cannot access any other file."""
    if (query is None) == (file is None):
        raise typer.BadParameter('give either a statement ("SELECT …") or --file')
    text = query if file is None else file.read_text(encoding="utf-8")
    chosen = _chosen(format_, output)
    if limit is None:
        limit = TABLE_ROWS if chosen in _FOR_PEOPLE else 0
    run_sql(text or "", chosen, limit, database, unsafe=unsafe, output=output)


def _chosen(format_: Written | None, output: Path | None) -> Written:
    """The format by the option, else by the name of the file. BadParameter if they do not fit."""
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    files = [w.value for w in Written if w not in _FOR_PEOPLE]
    if format_ is None:
        if output and suffix not in files:
            raise typer.BadParameter(
                f"--output {output}: expected a name that ends in .{', .'.join(files)}, or --format"
            )
        return Written(suffix) if output else Written.table
    if output is None and format_ in _ONLY_FILES:
        raise typer.BadParameter(f"--format {format_.value} needs a file: --output FILE.{format_.value}")
    if output and format_ in _FOR_PEOPLE:
        raise typer.BadParameter(f"--output needs a format for files: {', '.join(files)}")
    return format_


def run_sql(
    text: str,
    format_: Written,
    limit: int,
    database: Path | None = None,
    *,
    unsafe: bool = False,
    output: Path | None = None,
) -> None:
    """Runs one statement and writes its rows. An error in the SQL is one red line and exit code 1.

    Raises RefusedStatement if it is not one reading statement; with ``unsafe`` it may be any one statement.
    """
    import duckdb

    from echelon_pipeline.publish.reader import read_published, require_reading, require_whole

    settings = prepared()
    if not unsafe:
        require_reading(text)
    place = database or settings.published_file
    if output is not None and place.exists() and output.exists() and output.samefile(place):
        raise BadSettings(f"--output {output} is the published file itself")
    lake = None if database else settings.lake_root
    with read_published(
        place,
        lake=lake,
        memory_limit_mb=settings.memory_limit_mb,
        threads=settings.threads,
        locked=not unsafe,
    ) as connection:
        try:
            if unsafe:
                _require_one(text)
            if output is not None:
                count = write_file(output, format_.value, connection, text, limit)
                out().print(f"{_rows(count)} in {output}", soft_wrap=True)
            else:
                _print(format_, connection.execute(text), limit)
        except duckdb.Error as error:
            require_whole(connection, lake, error)
            raise fail(str(error).strip()) from None


def _require_one(text: str) -> None:
    import duckdb

    count = len(duckdb.extract_statements(text))
    if count == 0:
        raise fail('no statement: give one ("SELECT …") or --file')
    if count > 1:
        raise RefusedStatement(f"expected one statement, got {count}")


def _print(format_: Written, result: duckdb.DuckDBPyConnection, limit: int) -> None:
    names = [column[0] for column in result.description or ()]
    require_names(names, format_.value)
    rows = rows_of(result)
    if format_ in _FOR_PEOPLE:
        _print_for_people(format_, names, rows, limit)
    else:
        WRITERS[Format(format_.value)](sys.stdout, names, islice(rows, limit) if limit else rows)


def _print_for_people(format_: Written, names: Sequence[str], rows: Iterator[Sequence[object]], limit: int) -> None:
    shown = list(islice(rows, limit)) if limit else list(rows)
    more = bool(limit) and next(rows, None) is not None
    note = ""
    if format_ is Written.table:
        note = write_table(out(), names, shown)
    else:
        write_records(out(), names, shown)
    count = f"first {limit} rows; there are more: --limit 0 shows all" if more else _rows(len(shown))
    out().print("; ".join(filter(None, (count, note))), style="dim")


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
