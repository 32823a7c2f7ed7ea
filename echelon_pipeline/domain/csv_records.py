"""Splits a CSV into records by its quotes: an unclosed quote breaks its own line and no other.

Belongs here: the end of a record, for every reader of a CSV. Without it an unclosed quote would swallow all lines that
follow.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST_RECORD = 8 * 1024 * 1024
NO_END = "a quoted value has no end, or text after its end"
QUOTE = '"'


class Record(NamedTuple):
    """``text``: with its line ends. ``line``: number of its first line in the file, from 1. ``is_broken``: a quoted
    value has no end (in the file, or in ``LONGEST_RECORD``) or text after its end; ``text`` is then the first line
    only."""

    text: str
    line: int
    is_broken: bool


def records(lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    """Splits lines, with their ends, into records. The lines after a broken record are read on their own."""
    source = enumerate(lines, start=1)
    pending: deque[tuple[int, str]] = deque()
    while (first := pending.popleft() if pending else next(source, None)) is not None:
        lines_read = [first]
        size = len(first[1])
        is_open = _is_open(first[1], delimiter, False)
        while is_open and size <= LONGEST_RECORD:
            more = pending.popleft() if pending else next(source, None)
            if more is None:
                break
            lines_read.append(more)
            size += len(more[1])
            is_open = _is_open(more[1], delimiter, True)
        if is_open is False:
            yield Record("".join(text for _, text in lines_read), first[0], False)
        else:
            yield Record(first[1], first[0], True)
            pending.extendleft(reversed(lines_read[1:]))


def cells(text: str, delimiter: str) -> list[str]:
    """The cells of one record; an empty line has none."""
    csv.field_size_limit(max(csv.field_size_limit(), 4 * LONGEST_RECORD))
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])


def table(text: str, delimiter: str) -> tuple[list[str], Iterator[list[str] | Record]]:
    """The names of the header, and the cells of every other record; a broken record as ``Record``. Raises
    ValueError."""
    all_records = records(io.StringIO(text, newline=""), delimiter)
    head = next(all_records, None)
    if head is None:
        raise ValueError("there is no header line")
    if head.is_broken:
        raise ValueError(f"the header: {NO_END}")
    rows = (record if record.is_broken else cells(record.text, delimiter) for record in all_records)
    return cells(head.text, delimiter), (row for row in rows if row)


def _is_open(line: str, delimiter: str, is_open: bool) -> bool | None:
    """Whether a quoted value continues after a line; None if a value has text after its closing quote."""
    at = 0
    while True:
        if is_open:
            at = line.find(QUOTE, at)
            if at < 0:
                return True
            at += 1
            if line.startswith(QUOTE, at):  # two quotes are one quote of the value
                at += 1
                continue
            at = _after_blanks(line, at)
            if at == len(line) or line[at] in "\r\n":
                return False
            if line[at] != delimiter:
                return None
            at, is_open = at + 1, False
        start = _after_blanks(line, at)
        if line.startswith(QUOTE, start):
            at, is_open = start + 1, True
        elif (at := line.find(delimiter, at) + 1) == 0:
            return False


def _after_blanks(line: str, at: int) -> int:
    while line.startswith(" ", at):
        at += 1
    return at
