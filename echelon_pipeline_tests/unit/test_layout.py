"""How results look to people: numbers that line up, wide rows as records, left out columns named."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from rich.console import Console

from echelon_pipeline.commands.cells import cells
from echelon_pipeline.commands.layout import write_records, write_table

WIDTHS = (80, 120)
ID = "polymarket:0x" + "ab" * 32


def shown(names: Sequence[str], rows: Sequence[Sequence[object]], width: int = 80) -> tuple[list[str], str]:
    """The printed lines without blanks at their ends, and the note."""
    file = io.StringIO()
    note = write_table(Console(width=width, file=file), names, rows)
    return [line.rstrip() for line in file.getvalue().splitlines()], note


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([Decimal("0.370000"), Decimal("0.400000")], ["0.37", "0.40"]),
        ([Decimal("12.000000"), Decimal("0E-6")], ["12", "0"]),
        ([Decimal("0.006492442261"), None], ["0.006492442261", None]),
        ([Decimal("-0.010000"), Decimal(100)], ["-0.01", "100.00"]),
        ([0.1 + 0.2, 1.0], ["0.3", "1.0"]),
        ([1e-9, 0.0], ["1e-09", "0"]),
        ([float("nan"), float("inf"), 2.5], ["nan", "inf", "2.5"]),
        ([123456789012345.5], ["123456789012345.5"]),
        ([True, None], ["true", None]),
        ([date(2026, 11, 20)], ["2026-11-20"]),
        ([datetime(2026, 11, 20, 12, tzinfo=UTC)], ["2026-11-20 12:00:00Z"]),
        (
            [datetime(2026, 11, 20, 12, 0, 0, 250_000, UTC), datetime(2026, 11, 20, tzinfo=UTC)],
            ["2026-11-20 12:00:00.250Z", "2026-11-20 00:00:00.000Z"],
        ),
        ([datetime(2026, 11, 20, 12, 0, 0, 1, UTC).replace(tzinfo=None)], ["2026-11-20 12:00:00.000001"]),
        ([datetime(2026, 11, 20, tzinfo=timezone(timedelta(hours=2)))], ["2026-11-20 00:00:00+0200"]),
        ([["a", None], []], ["[a, NULL]", "[]"]),
        ([[Decimal("0.470000"), Decimal("0.460000")]], ["[0.47, 0.46]"]),
        ([list(range(25))], ["[0, 1, 2, 3, 4, … 25 in all]"]),
        ([{"a": Decimal("1.50")}], ['{"a": "1.50"}']),
    ],
)
def test_a_cell_is_what_a_person_reads(values: list[object], texts: list[str | None]) -> None:
    assert cells(values) == texts


def test_a_result_that_fits_is_one_line_per_row_and_its_points_line_up() -> None:
    lines, note = shown(["title", "price"], [("Rain?", Decimal("0.370000")), ("Snow?", Decimal("12.500000"))])
    assert lines == ["title  price", "─────  ─────", "Rain?   0.37", "Snow?  12.50"]
    assert note == ""


def test_words_are_wrapped_before_columns_become_records() -> None:
    title = "Will the committee raise the upper bound of the target range at the meeting in December of this year?"
    lines, note = shown(["title", "price"], [(title, Decimal("0.37"))])
    assert lines[2].endswith("0.37")
    assert " ".join(line.removesuffix("0.37").strip() for line in lines[2:]) == title
    assert note == ""


def test_a_long_name_is_broken_after_an_underscore_only() -> None:
    lines, _ = shown(["trades_without_direction", "x" * 60], [(1, "y")])
    assert [line.split()[0] for line in lines[:3]] == ["trades_", "without_", "direction"]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_few_wide_rows_are_records_with_whole_values(width: int) -> None:
    names = [f"column_{n}" for n in range(30)]
    lines, note = shown(names, [[ID, *range(29)], [None, *range(29)]], width)
    assert lines[0].startswith("── 1 of 2 ─")
    assert sum(line.startswith("column_") for line in lines) == 60
    assert ID in "".join(line.split()[-1] for line in lines[1:3])
    assert lines[-30].split() == ["column_0", "NULL"]
    assert note == ""


@pytest.mark.parametrize("width", WIDTHS)
def test_of_many_wide_rows_the_first_columns_are_shown_and_the_others_named(width: int) -> None:
    names = [f"column_{n}" for n in range(30)]
    lines, note = shown(names, [[f"value {n} {m}" for m in range(30)] for n in range(25)], width)
    assert max(map(len, lines)) <= width
    count = int(note.split()[0])
    assert note.startswith(f"{count} of 30 columns; left out: column_{count}, column_{count + 1}, ")
    assert note.endswith(f"and {30 - count - 6} more; --format records shows all")
    assert lines[0].split()[0] == "column_0"


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal_and_no_id_is_cut(width: int) -> None:
    rows = [(ID, date(2026, 11, 20), Decimal("0.11"), Decimal("0.12"), "trades") for _ in range(30)]
    lines, _ = shown(["instrument_id", "date", "open", "close", "price_source"], rows, width)
    assert max(map(len, lines)) <= width
    halves = [line.split()[0] for line in lines if "ab" in line]
    assert "".join(halves).count("ab" * 4) >= 30 * 7
    assert len("".join(halves)) == 30 * len(ID)


def test_lines_of_a_cell_stay_lines() -> None:
    lines, _ = shown(["plan"], [("a  b\n└──┘",)])
    assert lines == ["plan", "────", "a  b", "└──┘"]


def test_a_folded_id_has_lines_of_one_length() -> None:
    lines, _ = shown(["id", "n"], [(ID, 1)] * 30, width=70)
    assert {len(line.split()[0]) for line in lines[2:4]} <= {38, 39}


def test_a_result_without_rows_shows_its_columns() -> None:
    lines, _ = shown(["a", "b"], [])
    assert lines == ["a  b", "─  ─"]


def test_records_show_every_element_of_a_list() -> None:
    file = io.StringIO()
    write_records(Console(width=80, file=file), ["levels"], [(list(range(10)),)])
    assert "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]" in file.getvalue()
