"""What is complete in a table: which relation says so, and for which table of inputs.

Belongs here: the choice of a relation. The figures come from ``core.coverage_daily`` and ``mart.coverage``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from echelon_pipeline.errors import NotFound
from echelon_pipeline.reading.known import values
from echelon_pipeline.reading.publication import OpenPublication

DAYS = "core.coverage_daily"
BOOKS = "mart.coverage"
# The inputs of every computed table, as its last build recorded them.
_INPUTS = "SELECT DISTINCT table_name, inputs FROM core.mart_builds WHERE inputs IS NOT NULL"
_COVERED = f"SELECT DISTINCT table_name FROM {DAYS}"
_OF_BOOKS = {"core.book_snapshots", "core.book_events", "core.book_gaps", "core.live_trades", "core.live_quotes"}


def coverage_of(publication: OpenPublication, table: str) -> tuple[str, list[str]]:
    """The relation that says what is complete in a table, and the tables whose rows of it count (none: all rows).

    Raises NotFound if the completeness of the table is not recorded by time.
    """
    covered = {row[0] for row in values(publication, _COVERED)}
    relation, tables = choose(table, inputs_of((row[0], row[1]) for row in values(publication, _INPUTS)), covered)
    if relation == DAYS and not tables:
        raise NotFound(
            f"the coverage of {table} is not recorded: expected {', '.join(sorted(covered))}, a table of order books, "
            "or a table computed from one of these"
        )
    return relation, tables


def inputs_of(builds: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """The direct inputs of each computed table, from rows of (table, inputs as JSON)."""
    found: dict[str, set[str]] = {}
    for table, inputs in builds:
        found.setdefault(table, set()).update(json.loads(inputs))
    return found


def choose(table: str, inputs: Mapping[str, set[str]], covered: set[str]) -> tuple[str, list[str]]:
    """A table of order books has the hours of ``mart.coverage``; any other one has the days of the fed tables that it
    is computed from."""
    reached, pending = set[str](), [table]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += inputs.get(name, ())
    if table == BOOKS or (reached & _OF_BOOKS and not reached & covered):
        return BOOKS, []
    return DAYS, sorted(reached & covered)
