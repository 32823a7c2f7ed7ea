"""Derives committed rows from the raw objects of a unit: parse, enrich, check, merge.

Belongs here: the order in which derived tables are built and committed. ``sql/parse`` interprets payloads,
``sql/derive`` joins other tables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from echelon_pipeline.errors import RuleViolation
from echelon_pipeline.ingest.dead_letters import TABLE as LETTERS
from echelon_pipeline.ingest.dead_letters import OpenLetters, PageRequest, Reread, UnreadRows, asked_pages
from echelon_pipeline.ingest.pages import page_rows, record
from echelon_pipeline.ingest.parse import derive as run_kind
from echelon_pipeline.lake.session import Counts, Unit
from echelon_pipeline.sqltools.duck import STAGED
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import file_list, literal, typed
from echelon_pipeline.tables import COMMIT_ORDER, TABLES, Feeder
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.registry import feeding

Staged = dict[str, list[Path]]


@dataclass(frozen=True)
class RawSlice:
    """Selects raw objects of some units: pages from ``page_from`` on, and the earlier ``also_pages``, which are read
    again for rows that were not committed yet. ``only_pages``: if not empty, these pages alone."""

    venue: str
    unit_ids: tuple[str, ...]
    page_from: int = 0
    also_pages: tuple[int, ...] = ()
    only_pages: tuple[int, ...] = ()

    def condition(self) -> str:
        """A SQL condition on ``raw.objects``."""
        units = ", ".join(literal(u) for u in self.unit_ids)
        if self.only_pages:
            return f"unit_id IN ({units}) AND page IN ({', '.join(map(str, self.only_pages))})"
        pages = f"page >= {self.page_from}"
        if self.also_pages:
            pages += f" OR page IN ({', '.join(map(str, self.also_pages))})"
        return f"unit_id IN ({units}) AND ({pages})"

    def counted(self) -> str:
        """The condition on objects that are read for the first time: dead letters and drift are counted once."""
        return f"page >= {self.page_from}"


@dataclass
class Deriver:
    """Derives slices of raw into staged files, then commits them table by table.

    ``again``: the raw was derived before. Nothing is counted twice: drift and pages are recorded already, and known
    dead letters stay unchanged. ``tables``: commit only rows of these; None: of all. ``absent``: raw files that do not
    exist and are skipped.
    """

    unit: Unit
    kinds: Mapping[str, PayloadKind]
    again: bool = False
    tables: frozenset[str] | None = None
    absent: Collection[str] = ()
    staged: Staged = field(default_factory=dict)
    drift: list[Path] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    unread: UnreadRows = field(default_factory=UnreadRows)
    pages: list[tuple[str, str, PageRequest]] = field(default_factory=list)
    _files: int = 0

    def parse(
        self,
        source: RawSlice,
        *,
        keep: Mapping[str, str] | None = None,
        requests: Iterable[PageRequest] | None = None,
        rereads: Sequence[Reread] = (),
        listed_until: datetime | None = None,
        served: Sequence[PageRequest] = (),
    ) -> None:
        """Parses a slice. ``keep``: per table, a SQL condition that a derived row must meet to be staged. ``requests``:
        the requests of its pages; without it they show the present. ``rereads``: spans that have been walked to their
        end: earlier dead letters in them that did not occur again are closed. ``listed_until``: the slice is a complete
        listing that ended then: earlier letters of records without an id that it does not serve are closed.
        ``served``: pages that show the present: they are recorded, and dead letters do not count against them."""
        session = self.unit.session
        requests = None if requests is None else list(requests)
        main = next((kind.main for kind in self.kinds.values()), "")
        if not self.again:
            self.pages += [(source.venue, main, page) for page in (*(requests or ()), *served) if page.objects]
        places = None if requests is None else asked_pages(requests)
        with session.duck() as connection:
            letters = OpenLetters(self.unit, connection, source.venue)
            for kind in self.kinds.values():
                where = {"venue": [source.venue], "endpoint": [kind.endpoint]}
                scan = session.lake.scan("raw.objects", where=where, units=source.unit_ids, without=self.absent)
                for pages in _chunks(connection, scan, source.condition(), kind):
                    raw = f"{scan} WHERE {source.condition()} AND {pages}"
                    self._parse_chunk(connection, kind, raw, source.counted(), keep or {}, places, letters)
            if letters.exist and rereads:
                self._stage(connection, LETTERS, letters.reread(rereads, self._staged_letters()))
            if letters.exist and listed_until is not None:
                endpoints = [kind.endpoint for kind in self.kinds.values()]
                self._stage(connection, LETTERS, letters.listed(endpoints, listed_until, self._staged_letters()))

    def _parse_chunk(
        self,
        connection: duckdb.DuckDBPyConnection,
        kind: PayloadKind,
        raw: str,
        counted: str,
        keep: Mapping[str, str],
        requests: pa.Table | None,
        letters: OpenLetters,
    ) -> None:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW raw_objects AS {raw}")
        if kind.uses_outcomes:
            outcomes = self.unit.session.lake.scan("core.outcomes", where={"venue": [kind.venue]})
            connection.execute(
                f"CREATE OR REPLACE TEMP VIEW known_outcomes AS "
                f"SELECT token_id, instrument_id, outcome_index, label FROM ({outcomes})"
            )
        derived = run_kind(connection, kind, unit_id=self.unit.unit_id, counted=counted, requests=requests)
        for table, relation in derived.outputs.items():
            self._stage(connection, table, f"SELECT * FROM {relation} WHERE {keep.get(table, 'true')}")
        # There are rarely dead letters or drift, and writing an empty file takes 8 ms.
        dead = derived.dead_letters
        if _has_rows(connection, dead):
            kept = letters.unknown(dead) if self.again else letters.inside(dead)
            self.counts.dead_letters += self._stage(connection, LETTERS, kept)
            self.counts.unread_rows += self.unread.add(connection, dead)
        if letters.exist:
            shown = (
                derived.outputs[kind.main] if requests is None and "instrument_id" in TABLES[kind.main].names else None
            )
            self._stage(connection, LETTERS, letters.parsed(kind.endpoint, dead, shown))
        if not self.again and _has_rows(connection, derived.drift):
            path = self._path("drift")
            _copy(connection, f"SELECT * FROM {derived.drift}", path)
            self.drift.append(path)

    def _staged_letters(self) -> str:
        """A SELECT of the keys of the staged letters."""
        keys = "endpoint, sha256, path, parser_version"
        staged = self.staged.get(LETTERS, [])
        if not staged:
            return f"SELECT {keys} FROM open_letters WHERE false"
        return f"SELECT {keys} FROM read_parquet({file_list([str(p) for p in staged])})"

    def stage(self, connection: duckdb.DuckDBPyConnection, table: str, query: str) -> int:
        """Stages the rows of a query for a table, typed by the registry; returns their number."""
        return self._stage(connection, table, typed(TABLES[table], query, connection))

    def _stage(self, connection: duckdb.DuckDBPyConnection, table: str, query: str) -> int:
        if self.tables is not None and table not in self.tables and table != LETTERS:
            return 0
        path = self._path(table)
        rows = _copy(connection, query, path)
        if rows:
            self.staged.setdefault(table, []).append(path)
        return rows

    def _path(self, stem: str) -> Path:
        self._files += 1
        return self.unit.scratch / f"{stem}-{self._files:05d}.parquet"

    def commit(self) -> Counts:
        """Merges all staged rows in commit order; returns the counts and resets them.

        Raises RuleViolation, before any commit, where rows are staged for a table without a place in the commit
        order."""
        if unplaced := sorted(self.staged.keys() - set(COMMIT_ORDER)):
            raise RuleViolation(f"rows are staged for {', '.join(unplaced)}: no place in the commit order")
        pages = page_rows(self.unit, self.pages, self.staged)
        for table in COMMIT_ORDER:
            if table == "core.instruments" and table in self.staged:
                self._enrich_instruments()
            if paths := self.staged.pop(table, []):
                self._merge(table, paths)
        self._append_drift()
        record(self.unit, pages)
        self.pages = []
        counts, self.counts = self.counts, Counts()
        return counts

    def _merge(self, table: str, paths: list[Path]) -> None:
        done = self.unit.session.lake.merge(table, paths)
        for counter, rows in (
            (self.counts.staged, done.rows_staged),
            (self.counts.new, done.rows_new),
            (self.counts.changed, done.rows_changed),
        ):
            counter[table] = counter.get(table, 0) + rows
        for path in paths:
            path.unlink(missing_ok=True)

    def _enrich_instruments(self) -> None:
        """Adds values of events, series and resolutions, then stages versions for the history."""
        lake, second_sources = self.unit.session.lake, [venue.name for venue in feeding(Feeder.PAYOUTS)]
        paths = self.staged.pop("core.instruments")
        with self.unit.session.duck() as connection:
            relations = {
                "staged_instruments": f"SELECT * FROM read_parquet({file_list([str(p) for p in paths])})",
                "known_events": lake.scan("core.events"),
                "known_series": lake.scan("core.series"),
                "known_resolutions": lake.scan("core.resolutions", where={"venue": second_sources}),
                "known_history": lake.scan("core.instrument_history"),
            }
            for name, query in relations.items():
                connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE enriched_instruments AS {statement('derive/instruments').text}"
            )
            self.stage(connection, "core.instruments", "SELECT * FROM enriched_instruments")
            self.stage(connection, "core.instrument_history", statement("derive/instrument_history").text)

    def _append_drift(self) -> None:
        if not self.drift:
            return
        with self.unit.session.duck() as connection:
            files = file_list([str(p) for p in self.drift])
            query = f"""
                SELECT venue, endpoint, path, kind, value, sum(objects) AS objects, unit_id, min(page) AS page,
                       max(observed_at) AS observed_at
                FROM read_parquet({files}) GROUP BY ALL
            """
            table = connection.sql(typed(TABLES["core.drift"], query, connection)).to_arrow_table()
        self.unit.session.lake.append("core.drift", table)
        self.drift = []


def _has_rows(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone() is not None


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Copies a query to a Parquet file; no file where there are no rows."""
    row = connection.execute(f"COPY ({query}) TO {literal(str(path))} ({STAGED})").fetchone()
    rows = int(row[0]) if row else 0
    if rows == 0:
        path.unlink(missing_ok=True)
    return rows


def _chunks(connection: duckdb.DuckDBPyConnection, scan: str, condition: str, kind: PayloadKind) -> Iterator[str]:
    """Conditions that split a slice into runs of whole pages of about ``chunk_bytes`` payload bytes."""
    pages = connection.execute(
        f"SELECT unit_id, page, sum(strlen(payload)) FROM ({scan}) WHERE {condition} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    if kind.whole:
        yield from ["true"] if pages else []
    else:
        yield from _cut(pages, kind.chunk_bytes)


def _cut(pages: Iterable[tuple[str, int, int]], limit: int) -> Iterator[str]:
    first: tuple[str, int] | None = None
    last, pending = 0, 0
    for unit_id, page, size in pages:
        if first is not None and (unit_id != first[0] or pending + size > limit):
            yield f"unit_id = {literal(first[0])} AND page BETWEEN {first[1]} AND {last}"
            first, pending = None, 0
        if first is None:
            first = (unit_id, page)
        last, pending = page, pending + size
    if first is not None:
        yield f"unit_id = {literal(first[0])} AND page BETWEEN {first[1]} AND {last}"
