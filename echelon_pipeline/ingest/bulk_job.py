"""One bulk import: types the rows, compares them with the lake, commits them.

Belongs here: the steps of ``bulk.import_file`` and their SQL glue. ``mappings.py`` defines the fields, ``sql/import``
the types and rules. Every relation is a Parquet file in the unit's scratch folder, written by a streaming query, so
that memory stays bounded for files of any size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.mappings import LISTS, Shape, Target, fields_query
from echelon_pipeline.lake.session import Counts, Unit
from echelon_pipeline.sqltools.duck import STAGED
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import literal, quote, typed
from echelon_pipeline.tables import TABLES, Table
from echelon_pipeline.venues.registry import venue_names

# To be raised when the meaning of an imported row changes; part of a dead letter's key.
IMPORT_VERSION = 2
STRETCH = 100_000  # rows of the file whose dead letters are written and committed together
ANY_VENUE = "any"  # each row names its venue
IDENTICAL_ROW = "duplicate: an identical row of the file is kept"
SAME_KEY = "duplicate: another row of the file with the same key is kept"
STORED_ELSEWHERE = "duplicate: the lake holds another row under this key, which is kept"


@dataclass(frozen=True)
class Tally:
    """The outcome of the rows. ``reasons``: counts of duplicates and dead letters; ``examples``: one place in the file.

    ``empty``: records that give no row because their list has no members. ``doubled``: number of transactions with rows
    that are the sum of other rows, and the first of them.
    """

    committed: int
    new: int
    duplicates: int
    dead: int
    reasons: dict[str, int]
    examples: dict[str, str]
    empty: int
    doubled: tuple[int, str]


@dataclass
class Job:
    """One import. ``clocked``: observed_at is our own clock, so it does not distinguish rows."""

    unit: Unit
    connection: duckdb.DuckDBPyConnection
    target: Target
    path: Path
    venue: str
    source: str
    naive_tz: str
    clocked: bool = True
    dead_parts: list[Path] = field(default_factory=list)

    @property
    def table(self) -> Table:
        return TABLES[self.target.table]

    @property
    def endpoint(self) -> str:
        return f"import:{self.source}:{self.path.name}"

    def read(self, shape: Shape) -> None:
        """Reads the fields of every row as texts and joins the lake's ids: relation ``all_fields``."""
        try:
            ZoneInfo(self.naive_tz)
        except (ZoneInfoNotFoundError, ValueError):
            raise BadImport(f"{self.path}: {self.naive_tz!r} is not a time zone") from None
        layout = shape.layout
        self._variables(layout.empty if layout.each else "")
        (self._save if layout.each else self._view)("members", layout.rows_query(shape.keep))
        payload = layout.flat_payload() if layout.each and shape.flat else "payload"
        self._view("file_rows", f"SELECT row_no, {payload} AS payload, sha FROM members WHERE fault IS NULL")
        given = self._given_fields(shape)
        self.clocked = not any(name.startswith("observed_at") for name in given)
        self._known()
        self._save("plain_fields", fields_query(self.target, given))
        self._save("named_instruments", statement("import/instruments_named").text)
        self._save("all_fields", statement("import/known").text)
        read, whole = self._row("SELECT count(DISTINCT row_no), (SELECT count(*) FROM file_rows) FROM all_fields")
        if read != whole:
            raise BadImport(f"{self.path}: {whole - read} records give no row under this shape")

    def classify(self) -> None:
        """Types the rows, then decides on each of them: relations ``typed_rows``, ``decided``, ``dead``."""
        name = self.target.table.split(".")[1].removeprefix("instrument_")
        self._view("fields", "SELECT * EXCLUDE (fault, fault_path) FROM all_fields WHERE fault IS NULL")
        if self.target.table == "core.trades":
            self._save("legs", statement("import/legs").text)
            self._save("executions", statement("import/executions").text)
        self._save("typed_rows", statement(f"import/tables/{name}").text)
        aside = "aside" if self.target.table == "core.trades" else "NULL AS aside"
        self._view(
            "good",
            f"SELECT row_no, item, preference, moment, {aside}, {self._columns()} FROM typed_rows WHERE reject IS NULL",
        )
        self._view("stored", self._stored())
        keys = ", ".join(f"key_{i}" for i in range(len(self.table.key)))
        kept_own = f"stored_source = {literal('import:' + self.source)}" if "source" in self.table.names else "false"
        # Only keys and digests: a window over whole rows spills at the memory limit and takes ten times as long.
        self._save(
            "decided",
            f"""
            SELECT row_no, item, venue, moment, stored_digest IS NULL AS is_new,
                CASE
                    WHEN aside IS NOT NULL THEN aside
                    WHEN place > 1 AND digest = kept_digest THEN {literal(IDENTICAL_ROW)}
                    WHEN place > 1 THEN {literal(SAME_KEY)}
                    WHEN stored_digest IS NULL OR stored_digest = digest OR {kept_own} THEN NULL
                    ELSE {literal(STORED_ELSEWHERE)}
                END AS duplicate,
                stored_digest IS NOT DISTINCT FROM digest AS is_there
            FROM (SELECT *, row_number() OVER w AS place, first_value(digest) OVER w AS kept_digest
                  FROM (SELECT row_no, item, venue, moment, preference, aside, {self._digest()} AS digest,
                               {", ".join(f"{quote(c)} AS key_{i}" for i, c in enumerate(self.table.key))} FROM good)
                  WINDOW w AS (PARTITION BY {keys} ORDER BY preference DESC, row_no DESC, item DESC NULLS LAST)) ranked
            LEFT JOIN stored USING ({keys})
            """,
        )
        self._dead()

    def commit(self) -> Tally:
        """Commits data, then dead letters, then the window row; returns the tally."""
        names = ", ".join(quote(c) for c in self.table.names)
        self._merge(
            self.table.name,
            f"SELECT {names} FROM good g WHERE EXISTS (FROM decided d WHERE d.row_no = g.row_no "
            f"AND d.item IS NOT DISTINCT FROM g.item AND d.duplicate IS NULL AND NOT d.is_there)",
        )
        dead_letters = self.unit.session.lake.scan("core.dead_letters", where={"venue": list(venue_names())})
        self._view("stored_dead_letters", f"SELECT * FROM ({dead_letters}) WHERE endpoint = {literal(self.endpoint)}")
        for part in self.dead_parts:
            self._view("dead_part", f"SELECT * FROM read_parquet({literal(str(part))})")
            self._merge("core.dead_letters", statement("import/new_dead_letters").text)
        per_venue = self.connection.execute(statement("import/accounts").text).fetchall()
        reasons = self.connection.execute(statement("import/reasons").text).fetchall()
        self._windows(per_venue)
        committed, new, duplicates, dead = (sum(int(row[i]) for row in per_venue) for i in range(1, 5))
        return Tally(
            *(committed, new, duplicates, dead),
            reasons={reason: count for reason, count, _ in reasons},
            examples={reason: example for reason, _, example in reasons if example is not None},
            empty=self._row("SELECT count(*) FROM members WHERE fault = getvariable('import_empty')")[0],
            doubled=self._doubled(),
        )

    def _doubled(self) -> tuple[int, str]:
        if self.target.table != "core.trades":
            return 0, ""
        query = (
            "SELECT count(DISTINCT tx), min(transaction_hash) "
            "FROM (SELECT row_no, tx FROM executions WHERE verdict = 'doubled') JOIN all_fields USING (row_no)"
        )
        transactions, first = self.connection.execute(query).fetchall()[0]
        return int(transactions), str(first)

    def _given_fields(self, shape: Shape) -> list[str]:
        """Creates the relation ``given_fields`` of the fields that the shape gives; returns its columns."""
        self._view("given_fields", shape.query)
        names = [row[0] for row in self.connection.execute("DESCRIBE given_fields").fetchall()]
        lists = [name for name in sorted(LISTS) if name in names]
        if not lists:
            return names
        missing = [f"CAST(NULL AS VARCHAR) AS {name}" for name in sorted(LISTS - set(lists))]
        self._view("listed_fields", f"SELECT {', '.join(['*', *missing])} FROM ({shape.query})")
        self._view("given_fields", statement("import/listed_outcomes").text)
        return [row[0] for row in self.connection.execute("DESCRIBE given_fields").fetchall()]

    def _variables(self, empty: str) -> None:
        clock = self.unit.session.clock()
        texts = {"venue": self.venue, "source": self.source, "file": self.path.name, "zone": self.naive_tz}
        texts["empty"] = empty
        for name, text in texts.items():
            self.connection.execute(f"SET VARIABLE import_{name} = {literal(text)}")
        self.connection.execute(f"SET VARIABLE import_at = TIMESTAMPTZ {literal(clock.isoformat())}")

    def _known(self) -> None:
        lake, venues = self.unit.session.lake, {"venue": self._venues()}
        self._view("known_outcomes", lake.scan("core.outcomes", where=venues))
        ids = "CASE WHEN json_valid(external_ref) THEN json_extract_string(external_ref, '$.{0}') END AS {0}"
        self._view(
            "known_instruments",
            f"SELECT venue, native_id, slug, {ids.format('gamma_id')}, {ids.format('question_id')} "
            f"FROM ({lake.scan('core.instruments', where=venues)})",
        )

    def _venues(self) -> list[str]:
        return list(venue_names()) if self.venue == ANY_VENUE else [self.venue]

    def _columns(self) -> str:
        """The registry's columns; NULL where the typed statement does not give one."""
        given = {row[0] for row in self.connection.execute("DESCRIBE typed_rows").fetchall()}
        values = {name: quote(name) if name in given else "NULL" for name in self.table.names}
        values |= {"raw_sha256": "sha", "source": literal(f"import:{self.source}")}
        return ", ".join(f"CAST({values[c.name]} AS {c.type.value}) AS {quote(c.name)}" for c in self.table.columns)

    def _digest(self) -> str:
        """The value that rows of one key are compared by: all columns except our own clock and the payload's hash."""
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
        key = ", ".join(f"{quote(c)} AS key_{i}" for i, c in enumerate(self.table.key))
        scan = self.unit.session.lake.scan(self.table.name, where=where)
        return f"SELECT {key}, {self._digest()} AS stored_digest, {source} AS stored_source FROM ({scan})"

    def _dead(self) -> None:
        """Relation ``dead``: dead letters with their records, a stretch of the file at a time: records may be large."""
        self._save("refused", statement("import/refused").text)
        query = f"SELECT DISTINCT row_no // {STRETCH} FROM refused ORDER BY ALL"
        stretches = [int(row[0]) for row in self.connection.execute(query).fetchall()] or [0]
        paths = self.dead_parts
        for number in stretches:
            paths.append(self.unit.scratch / f"dead-{number}.parquet")
            bounds = {"first": number * STRETCH, "last": (number + 1) * STRETCH}
            letters = typed(TABLES["core.dead_letters"], self._dead_letters(), self.connection, bounds)
            self.connection.execute(f"COPY ({letters}) TO {literal(str(paths[-1]))} ({STAGED})", bounds)
        self._view("dead", f"SELECT * FROM read_parquet([{', '.join(literal(str(path)) for path in paths)}])")

    def _dead_letters(self) -> str:
        return f"""
            SELECT venue, {literal(self.table.name)} AS table_name, {literal(self.endpoint)} AS endpoint, sha AS sha256,
                   path, {IMPORT_VERSION} AS parser_version, reason, coalesce(payload, '') AS payload,
                   {literal(self.unit.unit_id)} AS unit_id, getvariable('import_at') AS observed_at
            FROM ({statement("import/dead_letters").text})
        """

    def _merge(self, table: str, query: str) -> None:
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
        """Streams a query into a scratch file and makes it a relation."""
        target = self.unit.scratch / f"{name}.parquet"
        self.connection.execute(f"COPY ({query}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")
        self._view(name, f"SELECT * FROM read_parquet({literal(str(target))})")
        return target
