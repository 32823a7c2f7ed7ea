"""Imports of bulk history: a file's rows into the same core tables that the venues fill, source kept.

Belongs here: the order of an import (read, type, compare with the lake, commit, window row last) and its
report. Formats are ``bulk_files.py``, fields and presets ``mappings.py``, types and rules
``sql/import/tables``.

An import never replaces a row that something else wrote, and every row of the file is accounted for:
committed (or already there), a duplicate with its reason, or a dead letter with its payload and reason.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk_files import Records, read_records
from echelon_pipeline.ingest.mappings import Shape, Target, fields_query, mapped_shape, preset_shape, target_of
from echelon_pipeline.ingest.session import VENUES, Counts, Session, Unit
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqlfiles import statement, statements
from echelon_pipeline.tables import TABLES, Table, quote
from echelon_pipeline.warehouse.duck import literal
from echelon_pipeline.warehouse.parse import typed

# Raised when the meaning of an imported row changes; part of a dead letter's key.
IMPORT_VERSION = 1
ANY_VENUE = "any"  # the file's rows name their venue themselves
IDENTICAL_ROW = "duplicate: an identical row of the file is kept"
SAME_KEY = "duplicate: another row of the file with the same key is kept"
STORED_ELSEWHERE = "duplicate: the lake holds another row under this key, which is kept"


@dataclass(frozen=True)
class ImportReport:
    """``rows_read == rows_committed + duplicates + dead_letters``, always.

    ``records``: in the file; a record with a list inside gives several rows. ``rows_committed``: in the lake
    after the import, ``rows_new`` of them by it. ``reasons``: of duplicates and dead letters, with counts.
    """

    rows_read: int
    rows_committed: int
    rows_new: int
    dead_letters: int
    reasons: dict[str, int]
    seconds: float
    records: int
    duplicates: int
    source: str
    naive_tz: str


def import_file(
    settings: Settings,
    path: Path,
    *,
    table: str,
    venue: str,
    mapping: Mapping[str, str] | None = None,
    preset: str | None = None,
    source: str | None = None,
    naive_tz: str | None = None,
    run_id: str | None = None,
) -> ImportReport:
    """Loads a bulk file into a core table, streaming.

    ``table``: a name of ``mappings.TARGETS``. ``venue``: polymarket, kalshi, or ``any`` where rows name theirs.
    Exactly one of ``mapping`` (field -> column, ``=text`` a literal) and ``preset``. ``naive_tz``: the zone of
    times without an offset; default the preset's, else UTC. ``source``: what the rows are marked with
    (``import:<source>``); default the preset's, else the file's name. Raises BadImport, naming the file.
    """
    started = time.monotonic()
    if venue not in (*VENUES, ANY_VENUE):
        raise BadImport(f"{path}: venue is {', '.join(VENUES)} or {ANY_VENUE}, not {venue!r}")
    target = target_of(table)
    session = Session.of(settings, run_id=run_id)
    with session.unit() as unit, session.duck(unit.scratch) as connection:
        for macro in statements("import/macros"):
            connection.execute(macro.text)
        records = read_records(connection, path, unit.scratch)
        if (mapping is None) == (preset is None):
            raise BadImport(f"{path}: give either a mapping or a preset; columns found: {', '.join(records.columns)}")
        shape = (
            preset_shape(path, table, preset, records.columns)
            if preset is not None
            else mapped_shape(path, table, mapping or {}, records.columns)
        )
        job = _Job(
            unit,
            connection,
            target,
            path,
            venue,
            source or shape.source or path.name,
            naive_tz or shape.naive_tz or "UTC",
        )
        job.read(records, shape)
        job.judge()
        return job.commit(records.count, started)


@dataclass
class _Job:
    """One import: its relations are Parquet files in the unit's scratch folder, so that memory stays bounded."""

    unit: Unit
    connection: duckdb.DuckDBPyConnection
    target: Target
    path: Path
    venue: str
    source: str
    naive_tz: str
    clocked: bool = True
    _reasons: dict[str, int] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        return TABLES[self.target.table]

    @property
    def endpoint(self) -> str:
        return f"import:{self.source}:{self.path.name}"

    def read(self, records: Records, shape: Shape) -> None:
        """Fields of every row as texts, with what the lake knows of their tokens: relation ``all_fields``."""
        try:
            ZoneInfo(self.naive_tz)
        except (ZoneInfoNotFoundError, ValueError):
            raise BadImport(f"{self.path}: {self.naive_tz!r} is no time zone") from None
        self._variables()
        scan = f"read_parquet({literal(str(records.path))})"
        self._view("records", f"SELECT * FROM {scan}")
        self._view("file_rows", "SELECT row_no, payload, sha FROM records WHERE fault IS NULL")
        self._view("given_fields", shape.query)
        given = [row[0] for row in self.connection.execute("DESCRIBE given_fields").fetchall()]
        self.clocked = not any(name.startswith("observed_at") for name in given)
        self._known_outcomes()
        self._view("plain_fields", fields_query(self.target, given))
        self._save("all_fields", statement("import/known").text)
        read, whole = self._row("SELECT count(DISTINCT row_no), (SELECT count(*) FROM file_rows) FROM all_fields")
        if read != whole:
            raise BadImport(f"{self.path}: {whole - read} records give no row under this shape")

    def judge(self) -> None:
        """Types the rows, then says of each what becomes of it: relations ``typed_rows``, ``decided``, ``dead``."""
        name = self.target.table.split(".")[1].removeprefix("instrument_")
        self._view("fields", "SELECT * EXCLUDE (fault) FROM all_fields WHERE fault IS NULL")
        self._save("typed_rows", statement(f"import/tables/{name}").text)
        self._view(
            "good", f"SELECT row_no, item, preference, moment, {self._columns()} FROM typed_rows WHERE reject IS NULL"
        )
        self._view("stored", self._stored())
        key = ", ".join(quote(c) for c in self.table.key)
        kept_own = f"stored_source = {literal('import:' + self.source)}" if "source" in self.table.names else "false"
        self._save(
            "decided",
            f"""
            SELECT ranked.*, stored_digest IS NULL AS is_new,
                CASE
                    WHEN place > 1 AND digest = kept_digest THEN {literal(IDENTICAL_ROW)}
                    WHEN place > 1 THEN {literal(SAME_KEY)}
                    WHEN stored_digest IS NULL OR stored_digest = digest OR {kept_own} THEN NULL
                    ELSE {literal(STORED_ELSEWHERE)}
                END AS duplicate,
                stored_digest IS NOT DISTINCT FROM digest AS is_there
            FROM (SELECT *, row_number() OVER w AS place, first_value(digest) OVER w AS kept_digest
                  FROM (SELECT *, {self._digest()} AS digest FROM good)
                  WINDOW w AS (PARTITION BY {key} ORDER BY preference DESC, row_no DESC, item DESC NULLS LAST)) ranked
            LEFT JOIN stored USING ({key})
            """,
        )
        self._save("dead", typed(TABLES["core.dead_letters"], self._dead_letters(), self.connection))

    def commit(self, records: int, started: float) -> ImportReport:
        """Commits data, then dead letters, then the window row; returns the accounting."""
        names = ", ".join(quote(c) for c in self.table.names)
        self._merge(self.table.name, f"SELECT {names} FROM decided WHERE duplicate IS NULL AND NOT is_there")
        self._merge("core.dead_letters", statement("import/new_dead_letters").text)
        per_venue = self.connection.execute(statement("import/accounts").text).fetchall()
        for reason, count in self.connection.execute(statement("import/reasons").text).fetchall():
            self._reasons[reason] = count
        self._windows(per_venue)
        committed, new, duplicates, dead = (sum(int(row[i]) for row in per_venue) for i in range(1, 5))
        return ImportReport(
            rows_read=committed + duplicates + dead,
            rows_committed=committed,
            rows_new=new,
            dead_letters=dead,
            reasons=self._reasons,
            seconds=round(time.monotonic() - started, 3),
            records=records,
            duplicates=duplicates,
            source=f"import:{self.source}",
            naive_tz=self.naive_tz,
        )

    def _variables(self) -> None:
        clock = self.unit.session.clock()
        texts = {"venue": self.venue, "source": self.source, "file": self.path.name, "zone": self.naive_tz}
        for name, text in texts.items():
            self.connection.execute(f"SET VARIABLE import_{name} = {literal(text)}")
        self.connection.execute(f"SET VARIABLE import_at = TIMESTAMPTZ {literal(clock.isoformat())}")

    def _known_outcomes(self) -> None:
        scan = self.unit.session.lake.scan("core.outcomes", where={"venue": self._venues()})
        self._view("known_outcomes", scan)

    def _venues(self) -> list[str]:
        return list(VENUES) if self.venue == ANY_VENUE else [self.venue]

    def _columns(self) -> str:
        """The registry's columns from the typed statement; those that it does not give are NULL."""
        given = {row[0] for row in self.connection.execute("DESCRIBE typed_rows").fetchall()}
        own = {"raw_sha256": "sha", "source": literal(f"import:{self.source}")}
        return ", ".join(
            f"CAST({own.get(c.name, quote(c.name) if c.name in given else 'NULL')} AS {c.type.value}) AS {quote(c.name)}"
            for c in self.table.columns
        )

    def _digest(self) -> str:
        """What two rows of one key are compared by: everything but our own clock and the payload's hash."""
        out = {"raw_sha256"} | ({"observed_at"} if self.clocked else set())
        texts = ", ".join(f"coalesce(CAST({quote(c)} AS VARCHAR), '~')" for c in self.table.names if c not in out)
        return f"md5(concat_ws('|', {texts}))"

    def _stored(self) -> str:
        """Keys and digests of the lake's rows in the partitions that the file touches."""
        where: dict[str, list[object]] = {}
        for column in self.table.partition_by:
            rows = self.connection.execute(f"SELECT DISTINCT {quote(column)} FROM good").fetchall()
            where[column] = [row[0] for row in rows]
        source = "source" if "source" in self.table.names else "NULL"
        key = ", ".join(quote(c) for c in self.table.key)
        scan = self.unit.session.lake.scan(self.table.name, where=where)
        return f"SELECT {key}, {self._digest()} AS stored_digest, {source} AS stored_source FROM ({scan})"

    def _dead_letters(self) -> str:
        return f"""
            SELECT venue, {literal(self.table.name)} AS table_name, {literal(self.endpoint)} AS endpoint, sha AS sha256,
                   path, {IMPORT_VERSION} AS parser_version, reason, coalesce(payload, '') AS payload,
                   {literal(self.unit.unit_id)} AS unit_id, getvariable('import_at') AS observed_at
            FROM ({statement("import/dead_letters").text})
        """

    def _merge(self, table: str, query: str) -> None:
        if table == "core.dead_letters":
            scan = self.unit.session.lake.scan(table, where={"venue": list(VENUES)})
            self._view("stored_dead_letters", f"SELECT * FROM ({scan}) WHERE endpoint = {literal(self.endpoint)}")
        staged = self._save("staged", query)
        if self._row("SELECT count(*) FROM staged")[0]:
            self.unit.session.lake.merge(table, [staged])

    def _windows(self, per_venue: list[tuple[object, ...]]) -> None:
        now = self.unit.session.clock()
        windows = []
        for venue, committed, _new, _duplicates, dead, begin, end in per_venue:
            span = (
                begin if isinstance(begin, datetime) else now,
                (end if isinstance(end, datetime) else now) + timedelta(microseconds=1),
            )
            windows.append(
                self.unit.window(
                    str(venue),
                    self.table.name,
                    f"import:{self.source}",
                    span,
                    state="partial",
                    reason=f"bulk import of {self.path.name}; times without an offset read as {self.naive_tz}",
                    counts=Counts(dead_letters=int(str(dead))),
                    rows=int(str(committed)),
                )
            )
        if windows:
            self.unit.session.windows.record(windows)

    def _row(self, query: str) -> tuple[int, ...]:
        return tuple(int(value) for value in self.connection.execute(query).fetchall()[0])

    def _view(self, name: str, query: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")

    def _save(self, name: str, query: str) -> Path:
        """A relation kept in a scratch file; the query streams into it."""
        target = self.unit.scratch / f"{name}.parquet"
        self.connection.execute(f"COPY ({query}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")
        self._view(name, f"SELECT * FROM read_parquet({literal(str(target))})")
        return target
