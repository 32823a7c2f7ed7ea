"""Lays out rows for a terminal: as a table where it fits, else as records, else as a table without some columns.

Belongs here: widths of columns and what is left out. ``cells.py`` turns values into text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from echelon_pipeline.commands.cells import Cell, cells, is_number
from echelon_pipeline.commands.visible import visible

# More rows than this are a table even if columns must be left out: records would fill screens.
RECORD_ROWS = 20
GAP = 2
LEAST_TEXT = 16  # a column of text is not made narrower than this
MOST_LINES = (3, 8)  # a cell of words takes at most so many lines; the second bound before columns are left out
MOST_FOLDS = 2  # a long id takes at most so many lines


@dataclass
class _Column:
    name: str
    body: list[Cell]
    right: bool

    @property
    def width(self) -> int:
        """The width at which no cell is wrapped."""
        return max((cell_len(line) for t in self.body for line in (t or "NULL").split("\n")), default=0)

    @property
    def parts(self) -> list[str]:
        """The name, broken after underscores into lines that are not wider than the cells, if possible."""
        width, lines = max(self.width, max(len(p) for p in self._words)), [""]
        for word in self._words:
            if lines[-1] and len(lines[-1]) + len(word) > width:
                lines.append("")
            lines[-1] += word
        return lines

    @property
    def _words(self) -> list[str]:
        words = self.name.replace("_", "_\0").split("\0")
        return [word for word in words if word] or [""]

    def least(self, lines: int) -> int:
        """The smallest width at which no cell takes more lines. Words do not fill their lines: they need some more."""
        if self.right:
            return self.width
        filled = -(-self.width // lines) + 4 if self.has_words else -(-self.width // MOST_FOLDS)
        return min(self.width, max(LEAST_TEXT, filled))

    @property
    def has_words(self) -> bool:
        """Whether the longest cell can be wrapped between words."""
        return " " in max((t or "NULL" for t in self.body), key=cell_len, default="").strip()


def write_table(
    console: Console, names: Sequence[str], rows: Iterable[Sequence[object]], *, lines: tuple[int, int] = MOST_LINES
) -> str:
    """Prints rows in the best layout; returns a note about left out columns, or an empty text. ``lines``: at most so
    many in a cell of words, before records and before columns are left out."""
    body = list(rows)
    columns = [_column(name, [row[n] for row in body]) for n, name in enumerate(names)]
    few, many = lines
    widths = _widths(columns, console.width, few)
    if widths is None and len(body) <= RECORD_ROWS:
        write_records(console, names, body)
        return ""
    widths = widths or _widths(columns, console.width, many)
    if widths is not None:
        _print_table(console, columns, widths)
        return ""
    count = next((n for n in range(len(columns), 1, -1) if _widths(columns[:n], console.width, few)), 1)
    shown, left = columns[:count], [c.name for c in columns[count:]]
    _print_table(console, shown, _widths(shown, console.width, few) or [console.width])
    listed = ", ".join(left[:6]) + (f" and {len(left) - 6} more" if len(left) > 6 else "")
    return f"{count} of {len(columns)} columns; left out: {listed}; --format records shows all"


def _column(name: str, values: Sequence[object]) -> _Column:
    sample = next((v for v in values if v is not None), None)
    texts = [None if t is None else visible(t).replace("\t", " ") for t in cells(values)]
    return _Column(visible(name), texts, is_number(sample))


def _widths(columns: Sequence[_Column], total: int, lines: int) -> list[int] | None:
    """Widths that fit a terminal with at most so many lines in a cell; None if the columns do not fit."""
    room = total - GAP * (len(columns) - 1)
    if sum(max(c.width, cell_len(c.name)) for c in columns) <= room:
        return [max(c.width, cell_len(c.name)) for c in columns]
    heads = [max(cell_len(part) for part in c.parts) for c in columns]
    widths = [max(c.width, head) for c, head in zip(columns, heads, strict=True)]
    least = [max(c.least(lines), head) for c, head in zip(columns, heads, strict=True)]
    if sum(least) > room:
        return None
    while sum(widths) > room:
        widest = max((n for n in range(len(columns)) if widths[n] > least[n]), key=lambda n: widths[n])
        widths[widest] -= 1
    return [_balanced(c, width, head) for c, width, head in zip(columns, widths, heads, strict=True)]


def _balanced(column: _Column, width: int, head: int) -> int:
    """The width at which folded ids have lines of one length, instead of a short last line."""
    if not 0 < width < column.width or column.has_words:
        return width
    return max(head, -(-column.width // -(-column.width // width)))


def _print_table(console: Console, columns: Sequence[_Column], widths: Sequence[int]) -> None:
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        name = column.name if cell_len(column.name) <= width else "\n".join(column.parts)
        table.add_column(Text(name), width=width, overflow="fold", justify="right" if column.right else "left")
    table.add_row(*(Text("─" * width, style="dim") for width in widths))
    for n in range(len(columns[0].body) if columns else 0):
        table.add_row(*(_shown(c.body[n]) for c in columns))
    console.print(table)


def _shown(text: Cell) -> Text:
    return Text("NULL", style="dim") if text is None else Text(text)


def write_records(console: Console, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints each row as a list of names and whole values."""
    body = list(rows)
    columns = [cells([row[n] for row in body], shorten_lists=False) for n in range(len(names))]
    width = max((cell_len(visible(name)) for name in names), default=0)
    for number in range(len(body)):
        console.print(Text(f"── {number + 1} of {len(body)} ".ljust(min(console.width, 40), "─"), style="dim"))
        record = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_header=False)
        record.add_column(width=min(width, console.width // 2), overflow="fold", style="bold")
        record.add_column(overflow="fold")
        for name, texts in zip(names, columns, strict=True):
            text = texts[number]
            record.add_row(Text(visible(name)), _shown(None if text is None else visible(text)))
        console.print(record)
