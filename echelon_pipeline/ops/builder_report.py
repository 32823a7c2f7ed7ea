"""The report of builder codes about one month, from a published file: sections of tables, and their text.

Belongs here: what the report has, and Markdown and HTML. ``commands/report.py`` chooses format and file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from html import escape

import duckdb

from echelon_pipeline.errors import NotFound
from echelon_pipeline.sqltools.statements import statement

_CENTS = Decimal("0.01")


@dataclass(frozen=True)
class Section:
    """One table of the report."""

    title: str
    names: Sequence[str]
    rows: Sequence[Sequence[object]]


# Title and statement of each section of a code, in their order.
_SECTIONS = (
    ("Month", "report/total"),
    ("Weeks", "report/weeks"),
    ("Days", "report/days"),
    ("Categories", "report/categories"),
    ("Markets", "report/instruments"),
    ("Sides and roles", "report/sides"),
    ("Rates", "report/rates"),
)


@dataclass(frozen=True)
class MonthReport:
    """The sections of each code of one month."""

    month: date
    codes: dict[str, list[Section]]
    rows: Section


def month_report(connection: duckdb.DuckDBPyConnection, month: date, code: str | None = None) -> MonthReport:
    """The report of a month of all codes that have figures, or of one. Raises NotFound without figures."""
    bound = {"month": month, "code": code}
    rows = _asked(connection, "Rows", "report/rows", bound)
    found = connection.execute(statement("report/codes").text, bound).fetchall()
    if not found:
        which = f" of {code}" if code else ""
        raise NotFound(
            f"the published file has no figures{which} of {month:%Y-%m}: builder codes are configured with "
            "ECHELON_BUILDER_CODE, and their fills are ingested by `echelon ingest`"
        )
    codes = {
        name: [s for s in _sections(connection, {"month": month, "code": name}) if s.rows or s.title == "Month"]
        for (name,) in found
    }
    return MonthReport(month, codes, rows)


def _sections(connection: duckdb.DuckDBPyConnection, bound: Mapping[str, object]) -> list[Section]:
    return [_asked(connection, title, name, bound) for title, name in _SECTIONS]


def _asked(connection: duckdb.DuckDBPyConnection, title: str, name: str, bound: Mapping[str, object]) -> Section:
    found = connection.execute(statement(name).text, bound)
    names = [column[0] for column in found.description or ()]
    return Section(title, names, found.fetchall())


def markdown(report: MonthReport) -> str:
    """The report as Markdown."""
    lines = [f"# Builder report {report.month:%Y-%m}"]
    for code, sections in report.codes.items():
        lines += ["", f"## {_title(code)}"]
        for section in sections:
            lines += ["", f"### {section.title}", "", _line(section.names), _line(["---"] * len(section.names))]
            lines += [_line([_shown(value) for value in row]) for row in section.rows]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    escaped = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells)
    return "| " + " | ".join(escaped) + " |"


_STYLE = (
    "body{font-family:system-ui,sans-serif;margin:2rem auto;max-width:75rem;color:#1a1a1a;background:#fff}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{padding:.25rem .6rem;border-bottom:1px solid #ddd;"
    "text-align:left;font-variant-numeric:tabular-nums}td.number{text-align:right}h2{overflow-wrap:anywhere}"
)


def html(report: MonthReport) -> str:
    """The report as one HTML page without scripts."""
    title = f"Builder report {report.month:%Y-%m}"
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
    ]
    for code, sections in report.codes.items():
        parts.append(f"<h2>{escape(_title(code))}</h2>")
        for section in sections:
            head = "".join(f"<th>{escape(name)}</th>" for name in section.names)
            body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in section.rows)
            parts.append(f"<h3>{section.title}</h3><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    return "\n".join([*parts, "</body></html>", ""])


def _cell(value: object) -> str:
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return f"<td{' class=number' if number else ''}>{escape(_shown(value))}</td>"


def _title(code: str) -> str:
    return "All codes" if code == "all_codes" else code


def _shown(value: object) -> str:
    """A value for a reader: money to the cent, other figures with four digits; csv and xlsx have all digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value.quantize(_CENTS):,}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return str(value)
