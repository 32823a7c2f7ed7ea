"""Reads records with a book or a level from files of other recorders.

Belongs here: CSV, JSON and JSON lines to records, at any depth of a document. A record that cannot be read keeps its
reason and does not affect others. ``recorded_books.py`` interprets the fields.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from echelon_pipeline.domain.csv_records import NO_END, Record, table
from echelon_pipeline.errors import BadImport

Obj = dict[str, Any]
BOOK = "_book"  # a Kalshi book: its names contain the unit
FAULT, LINE = "_fault", "_line"  # of an unreadable record: the reason and the text in the file
NO_BOOK = "holds no book and no level"
_BOOKS = ("raw_orderbook", "orderbook_fp", "orderbook")


def records(path: Path, columns: Sequence[str]) -> list[Obj]:
    """The records of a file; an object with one of the mapped ``columns`` of books and levels is a record.

    Raises BadImport where the file cannot be read or no record has a book or a level.
    """
    try:
        found = list(_read(path, columns))
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise BadImport(f"{path}: cannot be read as books: {error}") from error
    if all(FAULT in one for one in found):
        faults = sorted({one[FAULT] for one in found} - {NO_BOOK})
        raise BadImport(f"{path}: {'; '.join([NO_BOOK, *faults])}")
    return found


def value_at(record: Any, column: str) -> Any:
    """The value of a column, or of the nested key that its dots name; None where it is missing."""
    for part in [column] if isinstance(record, dict) and column in record else column.split("."):
        record = record.get(part) if isinstance(record, dict) else None
    return record


def _read(path: Path, columns: Sequence[str]) -> Iterator[Obj]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    name = path.name.lower().removesuffix(".gz")
    text = data.decode("utf-8-sig")
    if name.endswith((".csv", ".tsv")):
        yield from _table(text, "\t" if name.endswith(".tsv") else ",")
    elif name.endswith(".json"):
        yield from _inside(json.loads(text, parse_float=str), {}, columns)
    else:
        for line in filter(str.strip, text.split("\n")):
            try:
                found = list(_inside(json.loads(line, parse_float=str), {}, columns))
            except (ValueError, RecursionError):
                found = [{FAULT: "not JSON", LINE: line}]
            yield from found or [{FAULT: NO_BOOK, LINE: line}]


def _table(text: str, delimiter: str) -> Iterator[Obj]:
    head, rows = table(text, delimiter)
    for row in rows:
        if isinstance(row, Record):
            yield {FAULT: NO_END, LINE: row.text.rstrip("\r\n")}
        elif len(row) != len(head):
            yield {FAULT: "the line does not have the cells of the header", LINE: delimiter.join(row)}
        else:
            yield dict(zip(head, row, strict=True))


def _inside(value: Any, around: Obj, columns: Sequence[str]) -> Iterator[Obj]:
    """Records with a book at any depth; they inherit scalars (a ticker, a time) from the objects around them."""
    if isinstance(value, list):
        for one in value:
            yield from _inside(one, around, columns)
    elif isinstance(value, dict):
        scalars = {k: v for k, v in value.items() if not isinstance(v, dict | list)}
        meta = value.get("_metadata")
        scalars |= {k: v for k, v in meta.items() if not isinstance(v, dict | list)} if isinstance(meta, dict) else {}
        name = next((name for name in _BOOKS if isinstance(value.get(name), dict)), None)
        if any(value_at(value, column) is not None for column in columns):
            yield {**around, **scalars, **value}
        elif name is not None:
            yield {**around, **scalars, BOOK: value[name]}
        elif {"price", "bids", "asks"} & value.keys() or any(isinstance(value.get(one), list) for one in ("yes", "no")):
            yield {**around, **value}
        else:
            for one in value.values():
                yield from _inside(one, {**around, **scalars}, columns)
