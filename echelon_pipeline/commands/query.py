"""``echelon sql``: runs one read-only statement on the published file.

Belongs here: the options of the command. ``render.py`` turns values into text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from echelon_pipeline.commands.common import fail, out, prepared
from echelon_pipeline.commands.render import WRITERS, Format, write_table

if TYPE_CHECKING:
    import duckdb

TABLE_ROWS = 200
BATCH = 1_000
_COMMENTED = re.compile(r"--[^\s=]*\s")


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
        Format,
        typer.Option(
            "--format",
            help="Output format. table and markdown escape control characters (\\x1b); csv and json are exact; in json "
            "decimals, NaN and Infinity are strings.",
        ),
    ] = Format.table,
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
    if limit is None:
        limit = TABLE_ROWS if format_ is Format.table else 0
    run_sql(text or "", format_, limit, database, unsafe=unsafe)


def run_sql(text: str, format_: Format, limit: int, database: Path | None = None, *, unsafe: bool = False) -> None:
    """Runs one statement and writes its rows. An error in the SQL is one red line and exit code 1.

    Raises RefusedStatement if it is not one reading statement, unless ``unsafe``.
    """
    import duckdb

    from echelon_pipeline.publish.reader import read_published, require_reading, require_whole

    settings = prepared()
    if not unsafe:
        require_reading(text)
    with read_published(
        database or settings.published_file,
        lake=None if database else settings.lake_root,
        memory_limit_mb=settings.memory_limit_mb,
        threads=settings.threads,
        locked=not unsafe,
    ) as connection:
        try:
            if not duckdb.extract_statements(text):
                raise fail('no statement: give one ("SELECT …") or --file')
            result = connection.execute(text)
            names = [column[0] for column in result.description or ()]
            rows = _rows(result)
            if format_ is Format.table:
                shown = list(islice(rows, limit)) if limit else list(rows)
                more = bool(limit) and next(rows, None) is not None
                note = f"first {limit} rows; there are more: --limit 0 shows all" if more else f"{len(shown)} rows"
                write_table(out(), names, shown)
                out().print(note, style="dim")
            else:
                WRITERS[format_](sys.stdout, names, islice(rows, limit) if limit else rows)
        except duckdb.Error as error:
            require_whole(connection, None if database else settings.lake_root, error)
            raise fail(str(error).strip()) from None


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[object, ...]]:
    while batch := result.fetchmany(BATCH):
        yield from batch
