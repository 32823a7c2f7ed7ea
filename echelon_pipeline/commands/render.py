"""Writes query results exactly, as csv, json, JSON lines or Markdown.

Belongs here: formats of text for programs. Decimals keep every digit of their type; no value passes through a float.
``layout.py`` prints for people, ``outputs.py`` writes files.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, TextIO

from echelon_pipeline.commands.visible import visible

Rows = Iterable[Sequence[object]]


class Format(StrEnum):
    """The format of a written result."""

    table = "table"
    records = "records"
    csv = "csv"
    json = "json"
    jsonl = "jsonl"
    md = "md"


def text_of(value: object) -> str:
    """A value as text; NULL is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")  # str() would give 0E-12
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, list | dict | tuple):
        return json.dumps(json_of(value), ensure_ascii=False)
    return str(value)


def json_of(value: object) -> Any:
    """A value for JSON. Decimals become strings, because most readers would turn them into floats. NaN and infinities
    become "NaN", "Infinity" and "-Infinity": JSON has no numbers for them, and null means NULL."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [json_of(item) for item in value]
    if isinstance(value, dict):
        return {str(key): json_of(item) for key, item in value.items()}
    return value.hex() if isinstance(value, bytes) else text_of(value)


def write_csv(stream: TextIO, names: Sequence[str], rows: Rows) -> None:
    """RFC 4180 with a header; NULL is an empty field."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([text_of(value) for value in row] for row in rows)


def write_json(stream: TextIO, names: Sequence[str], rows: Rows) -> None:
    """A list of objects, one per line; decimals are strings."""
    stream.write("[")
    for index, row in enumerate(rows):
        record = {name: json_of(value) for name, value in zip(names, row, strict=True)}
        stream.write((",\n " if index else "\n ") + json.dumps(record, ensure_ascii=False, allow_nan=False))
    stream.write("\n]\n")


def write_json_lines(stream: TextIO, names: Sequence[str], rows: Rows) -> None:
    """One object per line; decimals are strings."""
    for row in rows:
        record = {name: json_of(value) for name, value in zip(names, row, strict=True)}
        stream.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")


def write_markdown(stream: TextIO, names: Sequence[str], rows: Rows) -> None:
    """A pipe table with escaped control characters."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(visible(c.replace("|", "\\|").replace("\n", " ")) for c in cells) + " |\n"

    stream.write(line(names) + line("---" for _ in names))
    stream.writelines(line(text_of(value) for value in row) for row in rows)


WRITERS: dict[Format, Callable[[TextIO, Sequence[str], Rows], None]] = {
    Format.csv: write_csv,
    Format.json: write_json,
    Format.jsonl: write_json_lines,
    Format.md: write_markdown,
}
