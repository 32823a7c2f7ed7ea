"""The report of builder codes about one month, from a published file, and of agents, from the lake.

Belongs here: what the report has, and Markdown and HTML. ``commands/report.py`` chooses format and file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from html import escape

import duckdb

from echelon_pipeline.errors import NotFound
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.sqltools.statements import statement

_CENTS = Decimal("0.01")
# Rows of the section of markets at most.
_MARKETS = 20
# Months and codes that a message names at most.
_NAMED = 5


@dataclass(frozen=True)
class Section:
    """One table of the report. ``note``: which of its rows are shown, if not all."""

    title: str
    names: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""

    @property
    def heading(self) -> str:
        return f"{self.title} ({self.note})" if self.note else self.title


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
    """The sections of each code of one month. ``rows``: all of its rows."""

    title: str
    month: date
    codes: dict[str, list[Section]]
    rows: Section


def month_report(connection: duckdb.DuckDBPyConnection, month: date, code: str | None = None) -> MonthReport:
    """The report of a month of all codes that have figures, or of one. All codes together are a part of it unless they
    repeat the figures of one. Raises NotFound without figures."""
    bound = {"month": month, "code": code}
    rows = _asked(connection, "Rows", "report/rows", bound)
    found = connection.execute(statement("report/codes").text, bound).fetchall()
    if not found:
        raise NotFound(_nothing(connection, month, code))
    codes = {
        name: [s for s in _sections(connection, {"month": month, "code": name}) if s.rows or s.title == "Month"]
        for (name,) in found
    }
    if len(codes) == 2 and "all_codes" in codes:
        one = next(iter(codes.values()))
        if all(section in one for section in codes["all_codes"]):
            del codes["all_codes"]  # the figures of one code again
    return MonthReport("Builder report", month, codes, rows)


def _nothing(connection: duckdb.DuckDBPyConnection, month: date, code: str | None) -> str:
    """Why there is no report of a month (of a code): what the file has in its place."""
    said = f"the published file has no figures{f' of {code}' if code else ''} of {month:%Y-%m}"
    months, codes = connection.execute(statement("report/known").text).fetchall()[0]
    if not months:
        return (
            f"{said}: builder codes are configured with ECHELON_BUILDER_CODE, and their fills are ingested by "
            "`echelon ingest`"
        )
    return f"{said}: it has figures of the months {_few(months)} and of the codes {_few(codes)}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def agent_report(lake: Lake, month: date) -> MonthReport:
    """Agents of each code in a month, from the lake: the table is private. Raises NotFound without figures."""
    with lake.duck(private=True) as connection:
        connection.execute("CREATE SCHEMA mart")
        connection.execute(f"CREATE VIEW mart.agent_report AS {lake.scan('mart.agent_report')}")
        rows = _asked(connection, "Rows", "report/agent_rows", {"month": month})
        codes: dict[str, list[Section]] = {}
        for (code,) in connection.execute(statement("report/agent_codes").text, {"month": month}).fetchall():
            codes[code] = [_asked(connection, "Agents", "report/agents", {"month": month, "code": code})]
    if not codes:
        raise NotFound(
            f"there are no figures of agents of {month:%Y-%m}: name a file of agents with ECHELON_AGENTS_FILE, then "
            "run `echelon refresh`"
        )
    return MonthReport("Agents", month, codes, rows)


def _sections(connection: duckdb.DuckDBPyConnection, bound: Mapping[str, object]) -> list[Section]:
    made = [_asked(connection, title, name, bound) for title, name in _SECTIONS]
    return [_largest(section) if section.title == "Markets" else section for section in made]


def _largest(section: Section) -> Section:
    """The first rows of a section, and how many there are."""
    number = len(section.rows)
    if number <= _MARKETS:
        return section
    return replace(section, rows=section.rows[:_MARKETS], note=f"{_MARKETS} of {number:,}")


def _asked(connection: duckdb.DuckDBPyConnection, title: str, name: str, bound: Mapping[str, object]) -> Section:
    found = connection.execute(statement(name).text, bound)
    names = [column[0] for column in found.description or ()]
    return Section(title, names, found.fetchall())


def markdown(report: MonthReport) -> str:
    """The report as Markdown."""
    lines = [f"# {report.title} {report.month:%Y-%m}"]
    for code, sections in report.codes.items():
        lines += ["", f"## {_title(code)}"]
        for section in sections:
            lines += ["", f"### {section.heading}", "", _line(section.names), _line(["---"] * len(section.names))]
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
    title = f"{report.title} {report.month:%Y-%m}"
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
    ]
    for code, sections in report.codes.items():
        parts.append(f"<h2>{escape(_title(code))}</h2>")
        for section in sections:
            head = "".join(f"<th>{escape(name)}</th>" for name in section.names)
            body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in section.rows)
            parts.append(
                f"<h3>{section.heading}</h3><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            )
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
