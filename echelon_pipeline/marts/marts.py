"""Marts: each is one statement of ``sql/marts`` (or ``sql/core``), computed from pinned versions of its inputs.

Belongs here: reading a statement's header, and computing its rows into a file for the lake. ``refresh.py`` decides
which parts are computed.

A statement reads relations by their published names (``core.trades``, ``mart.price_trends``), so it also runs on the
published file unchanged. Its header: ``about``, ``grain``, ``partition: date | none``, ``lookback_days`` (a number, a
parameter, or ``parameter + number``), ``inputs`` (a change of an input makes the mart stale) and ``lookups`` (read as
they are now; a change never makes the mart stale). A dated statement returns the rows of the UTC days [$from, $to)
and may read its dated inputs from $from - lookback_days on. ``awaits: inputs``: the graph of assets shows only the
inputs of a mart that reads nearly all tables; a change of a lookup must then change an input too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from echelon_pipeline.domain.derived import DERIVED_SQL
from echelon_pipeline.lake.delta import TableVersion, empty_select
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts import quality
from echelon_pipeline.settings import Settings
from echelon_pipeline.settings.scope import WEEKDAYS
from echelon_pipeline.sqltools.generated_macros import generated_macros, macro_folders
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.sqltools.text import literal, typed
from echelon_pipeline.tables import TABLES, Table

Params = Mapping[str, Any]
Pinned = Mapping[str, TableVersion | None]

# Maximum number of days that one statement computes: bounds the memory and spill of a full build.
SPAN_DAYS = 120
_MACRO = re.compile(r"MACRO (\w+)\(")
_PARAM = re.compile(r"\$([a-z]\w*)")


@dataclass(frozen=True)
class Mart:
    """One computed table: its statement and the facts of its header."""

    table: Table
    statement: Statement

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def is_dated(self) -> bool:
        return self.statement.header["partition"] == "date"

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Lake tables whose change makes the mart stale."""
        return _stored(self.statement.header["inputs"])

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """All relations that the statement reads: lake tables, and relations that a publication derives."""
        return listed(self.statement.header["inputs"]) + listed(self.statement.header.get("lookups", ""))

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Lake tables behind the relations."""
        return tuple(sorted(_lake_tables(self.relations)))

    @property
    def awaited(self) -> tuple[str, ...]:
        """Lake tables that a run writes before it builds the mart."""
        return self.inputs if self.statement.header.get("awaits") == "inputs" else self.tables

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the bound parameters in the statement."""
        return frozenset(_PARAM.findall(self.statement.text))

    def bound(self, params: Params) -> dict[str, Any]:
        """Values of the statement's parameters; KeyError names a missing one."""
        return {name: params[name] for name in self.parameters}

    def lookback(self, params: Params) -> int:
        """Number of days before a day on which its rows may depend."""
        terms = self.statement.header.get("lookback_days", "0").split("+")
        return sum(int(t) if t.strip().isdigit() else int(params[t.strip()]) for t in terms)

    def code(self, params: Params) -> str:
        """Hash of the statement, the statements and macros that it uses, and its settings; independent of time."""
        settings = {k: v for k, v in sorted(self.bound({**params, **_WHEN}).items()) if k not in _WHEN}
        texts = [self.statement, *_behind(self.relations)]
        used = [
            m
            for folder in macro_folders()
            for m in statements(folder)
            if any(f"{m.name.rpartition('/')[2]}(" in t.text for t in texts)
        ]
        versions = sorted(s.version for s in (*texts, *used))
        versions += [
            made for made in generated_macros() if any(f"{_MACRO.findall(made)[0]}(" in t.text for t in (*texts, *used))
        ]
        return hashlib.sha256(f"{versions} {settings}".encode()).hexdigest()[:12]


_WHEN: dict[str, Any] = {"from": None, "to": None, "now": None}


def settings_params(settings: Settings, now: datetime) -> dict[str, Any]:
    """Parameters of statements, except their days."""
    return {
        "now": now,
        "short_days": settings.trend_short_days,
        "long_days": settings.trend_long_days,
        "builder_codes": list(settings.builder_codes),
        "week_start": WEEKDAYS.index(settings.builder_week_start) + 1,
        "late_hours": settings.late_hours,
        "stale_hours": settings.stale_hours,
        "max_unread_share": settings.max_unread_share,
    }


@cache
def marts() -> tuple[Mart, ...]:
    """All computed tables, inputs first. Raises CycleError if two marts read each other."""
    shipped = [s for folder in ("core", "marts") for s in statements(folder)]
    if lacking := [f"sql/{s.name}.sql" for s in shipped if not {"creates", "inputs"} <= s.header.keys()]:
        raise ValueError(f"{', '.join(lacking)}: the header needs `-- creates:` and `-- inputs:` (docs/develop.md)")
    found = {s.header["creates"]: _whole(s) for s in shipped}
    graph = {name: [i for i in _stored(s.header["inputs"]) if i in found] for name, s in found.items()}
    return tuple(Mart(TABLES[n], found[n]) for n in TopologicalSorter(dict(sorted(graph.items()))).static_order())


# Parts of statements that code generates, by mart and by the name that the statement uses for the part.
_GENERATED: dict[str, dict[str, Callable[[], str]]] = {
    **{name: {"made_rows": generate} for name, generate in DERIVED_SQL.items()},
    quality.NAME: {
        "counted_rows": quality.counted_rows,
        "event_times": quality.event_times,
        "endpoints": quality.endpoints,
        "listed_tables": quality.listed_tables,
    },
}


def _whole(statement: Statement) -> Statement:
    """A statement whose ``SELECT * FROM <part>`` reads the query that code generates for the part."""
    text = statement.text.replace("-- lookups: counted_tables", f"-- lookups: {quality.counted_tables()}")
    for name, generate in _GENERATED.get(statement.header["creates"], {}).items():
        text = f"SELECT * FROM ({generate()})".join(re.split(rf"SELECT \* FROM {name}\b", text))
    return Statement(statement.name, text)


def pin(lake: Lake, mart: Mart) -> dict[str, TableVersion | None]:
    """The latest version of every table that the statement reads, directly or through derived relations."""
    return {name: lake.open(name) for name in mart.tables}


def stage(
    lake: Lake, mart: Mart, pinned: Pinned, params: Params, days: tuple[date, date] | None, scratch: Path
) -> tuple[Path, dict[str, int]]:
    """Computes the days [first, last] (or everything) into a file for ``Lake.replace``; also returns the number of
    rows of each part.

    Raises DiskFull, CorruptStore, and duckdb.Error if the statement fails on its rows.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)  # rows of private tables are staged too
    staged = scratch / f"{mart.name}-{days[0] if days else 'all'}.parquet"
    with lake.duck(private=True) as connection:
        lookback = timedelta(days=mart.lookback(params))
        create_views(connection, mart.relations, pinned, (days[0] - lookback, days[1]) if days else None)
        bound = parameters_of(mart, params, days)
        query = typed(mart.table, mart.statement.text, connection, bound)
        # Ordered by day: each day's file is then written from its own row groups.
        order = " ORDER BY date" if days else ""
        connection.execute(f"COPY ({query}{order}) TO {literal(str(staged))} (FORMAT parquet, COMPRESSION lz4)", bound)
        part = "date" if days else "'all'"
        counted = f"SELECT CAST({part} AS VARCHAR), count(*) FROM read_parquet({literal(str(staged))}) GROUP BY ALL"
        rows = dict(connection.execute(counted).fetchall())
    return staged, rows


def parameters_of(mart: Mart, params: Params, days: tuple[date, date] | None) -> dict[str, Any]:
    """Parameters of the statement for the days [first, last], or for everything."""
    return mart.bound({**params, "from": days[0], "to": days[1] + timedelta(days=1)} if days else params)


def create_views(
    connection: duckdb.DuckDBPyConnection,
    relations: Sequence[str],
    pinned: Pinned,
    days: tuple[date, date] | None = None,
    *,
    only: str = "",
) -> None:
    """Creates the relations as views under their published names. ``days`` limits dated tables; the condition
    ``only`` limits lake tables with an instrument_id."""
    for schema in ("raw", "core", "mart"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    derived = _derived()
    for name in relations:
        if name in TABLES:
            rows = _rows(TABLES[name], pinned[name], days)
            is_limited = only and "instrument_id" in TABLES[name].names
            _view(connection, name, f"SELECT * FROM ({rows}) WHERE {only}" if is_limited else rows)
    for name in relations:
        if name not in TABLES:
            _derive(connection, derived[name], pinned)


def _derive(connection: duckdb.DuckDBPyConnection, statement: Statement, pinned: Pinned) -> None:
    """Creates a relation of ``sql/publish`` or ``sql/views``, after the relations that it reads."""
    ctes = []
    for name in listed(statement.header["inputs"]):
        table = name.removeprefix("lake:")
        if table != name:
            ctes.append(f"lake_{table.split('.')[1]} AS ({_rows(TABLES[table], pinned[table], None)})")
        elif table in TABLES:
            _view(connection, table, _rows(TABLES[table], pinned[table], None))
        else:
            _derive(connection, _derived()[table], pinned)
    text = f"WITH {', '.join(ctes)} SELECT * FROM ({statement.text})" if ctes else statement.text
    connection.execute(f"CREATE TABLE IF NOT EXISTS {statement.header['creates']} AS {text}")


def _view(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    connection.execute(f"CREATE VIEW IF NOT EXISTS {name} AS {query}")


def _rows(table: Table, table_version: TableVersion | None, days: tuple[date, date] | None) -> str:
    if table_version is None:
        return empty_select(table)
    files = table_version.files
    if days is not None and "date" in table.partition_by:
        files = tuple(f for f in files if days[0] <= f.day <= days[1])
    return table_version.select([f.path for f in files])


@cache
def _derived() -> dict[str, Statement]:
    """Relations that a publication derives, by name, except those that extend a lake table."""
    by_name = {s.header["creates"]: s for folder in ("publish", "views") for s in statements(folder)}
    return {name: s for name, s in by_name.items() if name not in TABLES}


def _behind(relations: Sequence[str]) -> list[Statement]:
    """Statements of derived relations, and of the derived relations that they read."""
    direct = [_derived()[name] for name in relations if name in _derived()]
    return direct + [s for d in direct for s in _behind(listed(d.header["inputs"]))]


def listed(text: str) -> tuple[str, ...]:
    """The names in a comma-separated list of a header."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _stored(text: str) -> tuple[str, ...]:
    return tuple(sorted(_lake_tables(listed(text))))


def _lake_tables(relations: Sequence[str]) -> set[str]:
    def walk(name: str) -> Iterator[str]:
        table = name.removeprefix("lake:")
        if table in TABLES:
            yield table
        else:
            for below in listed(_derived()[table].header["inputs"]):
                yield from walk(below)

    return {table for name in relations for table in walk(name)}
