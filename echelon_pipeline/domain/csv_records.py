"""Records of a CSV by its quotes: a quote that is not closed breaks its own line and no other.

Belongs here: where a record ends, for every reader of a CSV. A quoted value without an end would otherwise hold all
lines that follow.
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
    """``text``: with its line ends. ``line``: the number in the file of its first, from 1. ``is_broken``: a quoted
    value has no end (in the file, or in ``LONGEST_RECORD``) or text after its end: only the first line is in it."""

    text: str
    line: int
    is_broken: bool


def records(lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    """Lines, with their ends, as records. The lines after a broken one are read on their own."""
    source = enumerate(lines, start=1)
    held: deque[tuple[int, str]] = deque()
    while (first := held.popleft() if held else next(source, None)) is not None:
        taken = [first]
        size = len(first[1])
        is_open = _is_open(first[1], delimiter, False)
        while is_open and size <= LONGEST_RECORD:
            more = held.popleft() if held else next(source, None)
            if more is None:
                break
            taken.append(more)
            size += len(more[1])
            is_open = _is_open(more[1], delimiter, True)
        if is_open is False:
            yield Record("".join(text for _, text in taken), first[0], False)
        else:
            yield Record(first[1], first[0], True)
            held.extendleft(reversed(taken[1:]))


def cells(text: str, delimiter: str) -> list[str]:
    """The cells of one record; none of an empty line."""
    csv.field_size_limit(max(csv.field_size_limit(), 4 * LONGEST_RECORD))
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])


def table(text: str, delimiter: str) -> tuple[list[str], Iterator[list[str] | Record]]:
    """The header's names and the cells of every other record; a broken one as it is. Raises ValueError."""
    found = records(io.StringIO(text, newline=""), delimiter)
    head = next(found, None)
    if head is None:
        raise ValueError("there is no header line")
    if head.is_broken:
        raise ValueError(f"the header: {NO_END}")
    rows = (record if record.is_broken else cells(record.text, delimiter) for record in found)
    return cells(head.text, delimiter), (row for row in rows if row)


def _is_open(line: str, delimiter: str, is_open: bool) -> bool | None:
    """Whether a quoted value goes on after a line; None where a value has text after its closing quote."""
    at = 0
    while True:
        if is_open:
            at = line.find(QUOTE, at)
            if at < 0:
                return True
            at += 1
            if line.startswith(QUOTE, at):  # two are one, of the value
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
