"""Excel files: one sheet per table.

Belongs here: writing values to cells. Imported only where a workbook is wanted: xlsxwriter is the extra ``[excel]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import xlsxwriter

# Excel's limit for the name of a sheet.
_NAME = 31
Sheet = tuple[str, str, Sequence[str], Iterable[Sequence[object]]]


def write_workbook(path: Path, sheets: Iterable[Sheet]) -> None:
    """Writes (name, heading, column names, rows) as sheets; an empty heading has no line. Excel keeps 15 digits of a
    number. A text is never a formula."""
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "remove_timezone": True,
        "nan_inf_to_errors": True,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
        second = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for name, heading, names, rows in sheets:
            sheet = book.add_worksheet(name[:_NAME])
            first = 0
            if heading:
                sheet.write_string(0, 0, heading, bold)
                first = 1
            sheet.write_row(first, 0, names, bold)
            for number, row in enumerate(rows, start=first + 1):
                for column, value in enumerate(row):
                    if isinstance(value, datetime):
                        sheet.write_datetime(number, column, value.astimezone(UTC), second)
                    elif isinstance(value, date):
                        sheet.write_datetime(number, column, value, day)
                    elif isinstance(value, list):
                        sheet.write_string(number, column, "; ".join(map(str, value)))
                    elif value is not None:
                        sheet.write(number, column, float(value) if isinstance(value, Decimal) else value)
            sheet.freeze_panes(first + 1, 0)
            sheet.autofit()
