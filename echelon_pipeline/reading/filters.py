"""The statement of one table: columns, conditions, order.

Belongs here: which column is the time of a table's rows, and SQL made of a caller's arguments. Values are literals:
DuckDB then skips the files and row groups that cannot match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from echelon_pipeline.errors import BadQuery
from echelon_pipeline.reading.catalog import Relation
from echelon_pipeline.reading.times import Time, sql_day, sql_time, window
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.tables import TABLES

Value = str | int | float | bool | Decimal | date | datetime | None

# Columns that may be the time of a row, best first, each with the end of the row's interval if it has one. A day
# stands for its midnight, an hour for its begin.
_TIMES = {"received_at": "", "valid_from": "valid_to", "from_at": "to_at", "event_at": "", "range_start": ""}


@dataclass(frozen=True)
class Filters:
    """What a caller asks of a table. ``until`` is the first time that is not asked for. ``equal``: the value, or a
    list of possible values, by column."""

    venue: str | Sequence[str] | None = None
    instrument: str | Sequence[str] | None = None
    since: Time | None = None
    until: Time | None = None
    columns: Sequence[str] | None = None
    limit: int | None = None
    equal: dict[str, Value | Sequence[Value]] = field(default_factory=dict)

    def statement(self, relation: Relation) -> str:
        """The SELECT. Raises NotFound for an unknown column, BadQuery for an argument that the table cannot have."""
        if isinstance(self.columns, str):
            raise BadQuery(f"columns={self.columns!r}: expected a list of names")
        if self.limit is not None and self.limit < 0:
            raise BadQuery(f"limit={self.limit}: expected a number from 0 on")
        shown = ", ".join(relation.column(c) for c in self.columns) if self.columns else "*"
        parts = [f"SELECT {shown} FROM {relation.sql}"]
        conditions = list(self._conditions(relation))
        if conditions:
            parts.append("WHERE " + " AND ".join(conditions))
        if order := _order(relation):
            parts.append("ORDER BY " + ", ".join(relation.column(c) for c in order))
        if self.limit is not None:
            parts.append(f"LIMIT {self.limit}")
        return "\n".join(parts)

    def _conditions(self, relation: Relation) -> Iterator[str]:
        named: dict[str, Value | Sequence[Value]] = {"venue": self.venue, "instrument_id": self.instrument}
        given = {column: value for column, value in named.items() if value is not None}
        for column, value in {**given, **self.equal}.items():
            yield _equals(relation.column(column), value)
        since, until = window(self.since, self.until)
        if since is not None or until is not None:
            yield from _in_window(relation, since, until)


def _equals(column: str, value: Value | Sequence[Value]) -> str:
    if value is None:
        return f"{column} IS NULL"
    if isinstance(value, str) or not isinstance(value, Sequence):
        return f"{column} = {_literal(value)}"
    return f"{column} IN ({', '.join(map(_literal, value))})" if value else "false"


def _literal(value: Value) -> str:
    match value:
        case None:
            return "NULL"
        case bool() | int() | float() | Decimal():
            return str(value)
        case datetime():
            return sql_time(value if value.tzinfo else value.replace(tzinfo=UTC))
        case date():
            return f"DATE {literal(value.isoformat())}"
        case str():
            return literal(value)
    raise BadQuery(f"{value!r}: expected text, a number, a date or a list of them")


def _time_column(relation: Relation) -> str:
    """The column of the time of a row: a part of the key if there is one, so that daily tables are by day."""
    table = TABLES.get(relation.name)
    key = table.key if table else ()
    candidates = [c for c in (*_TIMES, "observed_at", "recorded_at") if c in relation.columns]
    of_key = [c for c in candidates if c in key]
    if of_key:
        return of_key[0]
    if "date" in key or ("date" in relation.columns and not any(c in _TIMES for c in candidates)):
        return "date"
    return next((c for c in candidates if c in _TIMES), "")


def _in_window(relation: Relation, since: datetime | None, until: datetime | None) -> Iterator[str]:
    column = _time_column(relation)
    if not column:
        raise BadQuery(f"{relation.name} has one state and no times: expected no since and no until")
    if relation.columns[column] == "DATE":
        yield from _in_days(relation, column, since, until)
        return
    end = _TIMES.get(column, "")
    if since is not None and end in relation.columns:
        yield f"({relation.column(end)} > {sql_time(since)} OR {relation.column(end)} IS NULL)"
        if relation.name == "core.book_snapshots":  # a book that lasts over a full hour is stored again there
            yield f"date >= {sql_day(since - timedelta(hours=1))}"
    elif since is not None:
        yield f"{relation.column(column)} >= {sql_time(since)}"
        yield from [f"date >= {sql_day(since)}"] if "date" in relation.columns else []
    if until is not None:
        yield f"{relation.column(column)} < {sql_time(until)}"
        yield from [f"date <= {sql_day(until)}"] if "date" in relation.columns else []


def _in_days(relation: Relation, column: str, since: datetime | None, until: datetime | None) -> Iterator[str]:
    hourly = "hour" in relation.columns
    begin = f"({column} + hour * INTERVAL 1 HOUR) AT TIME ZONE 'UTC'" if hourly else ""
    if since is not None:
        yield f"{column} >= {sql_day(since if hourly else _next_midnight(since))}"
        yield from [f"{begin} >= {sql_time(since)}"] if hourly else []
    if until is not None:
        yield f"{column} < {sql_day(_next_midnight(until))}"
        yield from [f"{begin} < {sql_time(until)}"] if hourly else []


def _next_midnight(at: datetime) -> datetime:
    """The time itself if it is a midnight."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == at else midnight + timedelta(days=1)


def _order(relation: Relation) -> list[str]:
    """By time, then by key: the same rows in the same order in every publication."""
    table = TABLES.get(relation.name)
    names = [_time_column(relation), *(["hour"] if "hour" in relation.columns else [])]
    names += table.key if table else ("venue", "instrument_id", "table_name", "scope", "category")
    return [c for c in dict.fromkeys(names) if c in relation.columns]
