"""``echelon report``: reports of builder codes and agents, and marking a month final.

Belongs here: the options and the files. ``ops/builder_report.py`` makes the report, ``marts/final_months.py`` marks
months.
"""

from __future__ import annotations

import csv
import io
import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echelon_pipeline.commands.common import building, fail, out, prepared
from echelon_pipeline.commands.render import text_of

if TYPE_CHECKING:
    from echelon_pipeline.ops.builder_report import MonthReport

app = typer.Typer(no_args_is_help=True, help="Reports: months of builder codes and agents.")


class ReportFormat(StrEnum):
    """The format of a report. md and html are for readers; csv has all rows, xlsx a sheet for each section."""

    md = "md"
    html = "html"
    csv = "csv"
    xlsx = "xlsx"


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month: YYYY-MM is expected, for example 2026-11") from None


Month = Annotated[date, typer.Option("--month", parser=_month, metavar="YYYY-MM", help="The UTC month.")]
FormatOption = Annotated[ReportFormat, typer.Option("--format", help="md, html, csv (all rows) or xlsx.")]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", show_default=False, help="File to write. Default: standard output."),
]


@app.command()
def builder(
    month: Month,
    format_: FormatOption = ReportFormat.md,
    output: OutputOption = None,
    code: Annotated[
        str | None, typer.Option(show_default=False, help="One builder code; default: all configured codes.")
    ] = None,
) -> None:
    """Report of builder codes in a month: volume, users, fees, growth, weeks, days, categories, markets, sides, rates.

    Reads the published file. A month that was marked final has the figures of its statement.
    """
    from echelon_pipeline.ops.builder_report import month_report
    from echelon_pipeline.publish.reader import read_published

    _require_file(format_, output)
    settings = prepared()
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        report = month_report(connection, month, code)
    _write(report, format_, output)


@app.command()
def agents(month: Month, format_: FormatOption = ReportFormat.md, output: OutputOption = None) -> None:
    """Volume and fees of builder codes by agent in a month: wallets and owners of the file of ECHELON_AGENTS_FILE.

    Reads the lake: figures by agent are private and never published. A written file is readable by you only.
    """
    from echelon_pipeline.lake.lake import Lake
    from echelon_pipeline.ops.builder_report import agent_report

    _require_file(format_, output)
    report = agent_report(Lake.of(prepared()), month)
    if output is not None:
        output.touch(mode=0o600)
        output.chmod(0o600)
    _write(report, format_, output)


def _require_file(format_: ReportFormat, output: Path | None) -> None:
    if format_ is ReportFormat.xlsx and output is None:
        raise typer.BadParameter("xlsx is written to a file: name it with --output")


def _write(report: MonthReport, format_: ReportFormat, output: Path | None) -> None:
    from echelon_pipeline.ops.builder_report import html, markdown

    if format_ is ReportFormat.xlsx and output is not None:
        _write_xlsx(report, output)
    else:
        texts = {ReportFormat.md: markdown, ReportFormat.html: html, ReportFormat.csv: _csv}
        text = texts[format_](report)
        if output is None:
            sys.stdout.write(text)
            return
        output.write_text(text, encoding="utf-8", newline="")
    out().print(f"written {output}", soft_wrap=True)


def _csv(report: MonthReport) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(report.rows.names)
    writer.writerows([text_of(value) for value in row] for row in report.rows.rows)
    return text.getvalue()


def _write_xlsx(report: MonthReport, path: Path) -> None:
    try:
        from echelon_pipeline.commands.workbook import write_workbook
    except ModuleNotFoundError as error:
        if error.name != "xlsxwriter":
            raise
        raise fail("xlsx needs the extra: pip install 'echelon-pipeline[excel]'") from None
    sheets = []
    for number, (code, sections) in enumerate(report.codes.items(), start=1):
        name = "all codes" if code == "all_codes" else f"code {number}"
        for section in sections:
            heading = f"{code}: {section.note}" if section.note else code
            sheets.append((f"{section.title} {name}", heading, section.names, section.rows))
    write_workbook(path, [*sheets, ("All rows", "", report.rows.names, report.rows.rows)])


@app.command()
def finalize(
    month: Month,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Also if days were not read completely, or matches are open.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Add a statement to a month that is final already; the new one counts.")
    ] = False,
) -> None:
    """Mark a month of the builder report final: its figures are stored and no longer change. Then publishes."""
    from echelon_pipeline.commands.work import refresh_and_publish
    from echelon_pipeline.marts.final_months import mark_final

    settings = building()
    done = mark_final(settings, month, incomplete=incomplete, again=again)
    out().print(
        f"{done.month:%Y-%m} is final: statement {done.statement_id}, {done.rows:,} rows of {done.codes} code(s)",
        soft_wrap=True,
    )
    refresh_and_publish(settings)
