"""Writes docs/analyst.md, and a page per question with its SQL and the answer from a published file.

Run it as ``python -m echelon_pipeline.ops.answers <file>``. Belongs here: the pages. The questions are in
``sql/analyst``. Use the demo's file, so that readers get the same answers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import project_file
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.tables import TABLES

PAGE = "analyst.md"
QUESTIONS = "questions"  # the folder of the other pages
WIDTH = 80

_OPENING = """# An analyst's first day

All queries of these pages run on the published file: `.echelon/echelon.duckdb` after `make demo`, with
`echelon sql "…"`, the DuckDB shell, or any client of DuckDB 1.2 or later. The answers come from the demo, a made-up
universe that is the same on every machine. Order books (11 to 13) are those of one minute of its last day.
`python -m echelon_pipeline.ops.answers <file>` writes the pages again from a published file.

Five facts to know first:

- Prices are dollars per share of **outcome 0** (Kalshi: yes; Polymarket: the first token of the market). `1 - price`
  is outcome 1. Sizes are contracts, money ends in `_usd`, times are UTC.
- Start with `mart.market_overview`: one row per instrument. `markets_filtered(...)` returns it in pages.
- `mart.daily` has one row per instrument and day and is safe to sum: one price and one volume, with the source of each.
- Columns show if a row is incomplete (`is_complete`, `incomplete_reason`, `quality_flags`). A NULL is not a 0.
  [completeness.md](completeness.md) names the relation for each question about missing data.
- A row of an order book is valid over an interval. `core.book_at(instrument, time)` returns the book at a given time,
  `core.books_every(instrument, step, from, to)` the books at regular times, `core.mid(instrument, time)` the mid,
  `core.depth_within(instrument, time, dollars)` the depth near it, and
  `core.cost_of(instrument, time, contracts, side)` what taking a size costs, with taker fees. A book that is not valid
  is `unknown`; the last valid book is never carried forward. An unknown instrument is an error.

Meaning of each column: [tables.md](tables.md), or `echelon tables NAME`. Clients and formats: [clients.md](clients.md).
A notebook goes from a question to a chart: [for Jupyter](notebooks/first_day.ipynb), and the same
[for marimo](notebooks/first_day.py) (`marimo edit docs/notebooks/first_day.py`).

![What the Fed will decide: a line per answer, the open day hatched](images/fed_decision.png)
"""


def pages(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The pages by their path in ``docs/``, with the answers from a published file."""
    questions = statements("analyst")
    lines = [f"{n}. [{_title(q)}]({path_of(q)})" for n, q in enumerate(questions, 1)]
    return {
        PAGE: "\n".join([_OPENING, "## The questions", "", *lines, ""]),
        **{path_of(question): _page(connection, question) for question in questions},
    }


def path_of(question: Statement) -> str:
    """The page of a question, in ``docs/``."""
    return f"{QUESTIONS}/{question.name.rpartition('/')[2]}.md"


def _page(connection: duckdb.DuckDBPyConnection, question: Statement) -> str:
    result = connection.execute(question.text)
    names = [column[0] for column in result.description or ()]
    rows = [[cell(value) for value in row] for row in result.fetchall()]
    lines = ["| " + " | ".join(r) + " |" for r in [names, ["---"] * len(names), *rows]]
    notes = [_notes(question), ""] if _notes(question) else []
    return "\n".join(
        [f"# {_title(question)}", "", *notes, "```sql", body(question), "```", "", *lines, "", _tables(question), ""]
    )


def _title(question: Statement) -> str:
    about = question.header["about"]
    return about[0].upper() + about[1:]


def _tables(question: Statement) -> str:
    """Links to the tables that a question reads."""
    names = [name.strip() for name in question.header["inputs"].split(",")]
    links = [f"[`{n}`](../tables.md#{n.replace('.', '')})" if n in TABLES else f"`{n}`" for n in names]
    return f"Reads {', '.join(links)}. All questions: [An analyst's first day](../{PAGE})."


def body(question: Statement) -> str:
    """The statement without its header."""
    return "\n".join(line for line in question.text.splitlines() if not line.startswith("--")).strip()


def _notes(question: Statement) -> str:
    """The header's sentences."""
    lines = [line.removeprefix("-- ") for line in question.text.splitlines() if line.startswith("-- ")]
    return " ".join(line for line in lines if line.split(":")[0] not in ("about", "grain", "inputs"))


def cell(value: object) -> str:
    """A value as the page shows it: short, and safe inside a Markdown table."""
    if value is None:
        text = ""
    elif isinstance(value, datetime):
        text = value.strftime("%Y-%m-%d %H:%M")
    elif isinstance(value, Decimal):
        text = f"{value.normalize():f}"
    elif isinstance(value, list):
        text = ", ".join(map(str, value))
    else:
        text = str(value)
    text = text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the pages from the named file."""
    (file,) = argv if argv is not None else sys.argv[1:]
    with read_published(Path(file)) as connection:
        found = pages(connection)
    folder = project_file("docs")
    (folder / QUESTIONS).mkdir(exist_ok=True)
    for path in (folder / QUESTIONS).glob("*.md"):  # a question may have been renamed
        path.unlink()
    for name, text in found.items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
