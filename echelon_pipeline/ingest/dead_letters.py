"""Dead letters of a unit of work: where they count, and when they no longer do.

Belongs here: what each page was asked for, the rows that stay unread under a window, closing letters whose rows were
read since. What a payload lacks is judged in ``sql/parse``; the open letters of a lake are ``core.unread_rows``.

A letter is closed, never removed, where a later unit of work walked everything that it can belong to and did not meet
it again, or where its object is parsed now. A listing closes it where it serves the instrument readable or, whole, no
longer serves a record without an id. A letter that is met again is open again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa

from echelon_pipeline.ingest.parse import ASKED_PAGES
from echelon_pipeline.lake.session import Session, Unit, Venue
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.marts.marts import create_views
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import literal

TABLE = "core.dead_letters"
WINDOWS = "core.ingest_windows"
UNREAD = "core.unread_rows"
_KEY = "endpoint, sha256, path, parser_version"


@dataclass(frozen=True)
class Asked:
    """What one page was asked for. ``instrument_ids``: empty for any of the venue's. ``within``: where rows of the page
    lie in time; ``claimed``: the span that the unit's window speaks of. ``objects``: how many it holds. ``times``: the
    oldest and the newest that can be read on it. ``kept_from``: its walk's rows from here on are kept by now (None:
    all of what is claimed)."""

    page: int
    instrument_ids: tuple[str, ...]
    within: Span
    claimed: Span
    scope: str | None = None
    objects: int = 0
    times: Span | None = None
    kept_from: datetime | None = None


def moment_pages(objects: Sequence[int], moment: Span, scope: str | None = None) -> list[Asked]:
    """Pages that show a moment; ``objects``: how many each holds."""
    span = (moment[0], max(moment[1], moment[0] + timedelta(microseconds=1)))
    return [Asked(n, (), span, span, scope, objects=count) for n, count in enumerate(objects)]


def asked_pages(pages: Iterable[Asked]) -> pa.Table:
    """The relation that the parser looks pages up in."""
    rows = [
        {
            "page": p.page,
            "scope": p.scope,
            "instrument_ids": list(p.instrument_ids) or None,
            "from_at": p.within[0],
            "to_at": p.within[1],
            "begin_at": p.claimed[0],
            "end_at": p.claimed[1],
        }
        for p in pages
    ]
    return pa.Table.from_pylist(rows, schema=ASKED_PAGES)


@dataclass(frozen=True)
class Reread:
    """A span of a table that a unit walked to its end. ``instrument_ids``: these instruments; None: all of the
    venue's. ``unnamed``: also letters that name no instrument. ``scope``: only letters of this scope."""

    table: str
    span: Span
    instrument_ids: tuple[str, ...] | None = None
    unnamed: bool = True
    scope: str | None = None

    def condition(self) -> str:
        """A SQL condition on ``open_letters``."""
        named = "instrument_id IS NOT NULL"
        if self.instrument_ids is not None:
            named = f"instrument_id IN ({', '.join(map(literal, self.instrument_ids)) or 'NULL'})"
        whose = f"({named} OR instrument_id IS NULL)" if self.unnamed else named
        begin, end = (f"TIMESTAMPTZ {literal(at.astimezone(UTC).isoformat())}" for at in self.span)
        scope = f" AND scope = {literal(self.scope)}" if self.scope is not None else ""
        return f"(table_name = {literal(self.table)} AND from_at >= {begin} AND to_at <= {end} AND {whose}{scope})"


class UnreadRows:
    """How many rows of a unit stay unread, by instrument and time: what its windows say."""

    def __init__(self) -> None:
        self._rows: dict[str | None, list[tuple[datetime, datetime, int]]] = {}

    def add(self, connection: duckdb.DuckDBPyConnection, letters: str) -> int:
        """Counts new letters that are not closed; how many rows they stand for."""
        query = (
            f"SELECT instrument_id, from_at, to_at, sum(unread_rows)::BIGINT FROM {letters} "
            f"WHERE closed_at IS NULL GROUP BY ALL"
        )
        found = connection.execute(query).fetchall()
        for instrument_id, begin, end, rows in found:
            self._rows.setdefault(instrument_id, []).append((begin, end, rows))
        return sum(row[3] for row in found)

    def within(self, scope: str, span: Span) -> int:
        """Rows that may belong to a scope (an instrument; ``all``) and lie in a span."""
        chosen = self._rows.values() if scope == "all" else (self._rows.get(key, []) for key in (scope, None))
        return sum(rows for some in chosen for begin, end, rows in some if begin < span[1] and end > span[0])


class OpenLetters:
    """Letters of one venue that earlier units left open, in one connection. Mostly there is none."""

    def __init__(self, unit: Unit, connection: duckdb.DuckDBPyConnection, venue: str) -> None:
        self._connection = connection
        self._closed_at = literal(unit.session.clock().isoformat())
        lake, run = unit.session.lake, connection.execute
        self._last_seen = lake.scan("raw.last_seen", where={"venue": [venue]})
        run(f"CREATE OR REPLACE TEMP VIEW letters AS {lake.scan(TABLE, where={'venue': [venue]})}")
        windows = lake.scan(WINDOWS, where={"venue": [venue]})
        if not _any(connection, "letters WHERE closed_at IS NULL AND from_at IS NULL"):
            windows = f"SELECT * FROM ({windows}) WHERE false"
        run(
            f"CREATE OR REPLACE TEMP VIEW spans AS SELECT table_name, unit_id, min(from_at) AS from_at, "
            f"max(to_at) AS to_at FROM ({windows}) GROUP BY ALL"
        )
        text = statement("derive/open_letters").text
        run(f"CREATE OR REPLACE TEMP TABLE open_letters AS {text}", {"unit": unit.unit_id})
        self.exist = _any(connection, "open_letters")

    def inside(self, letters: str) -> str:
        """A SELECT of new letters without those outside of what was asked for that are open as it is: another walk of
        this unit or an earlier unit asked for them."""
        kept = f"SELECT ({_KEY}) FROM letters WHERE closed_at IS NULL"
        return f"SELECT * FROM {letters} WHERE closed_at IS NULL OR ({_KEY}) NOT IN ({kept})"

    def unknown(self, letters: str) -> str:
        """A SELECT of the letters that are not stored, open or closed: of raw that is derived again."""
        return f"SELECT * FROM {letters} WHERE ({_KEY}) NOT IN (SELECT ({_KEY}) FROM letters)"

    def parsed(self, endpoint: str, letters: str, rows: str | None) -> str:
        """A SELECT of the letters that an endpoint's parsed objects close: those of ``counted_objects`` that are not
        rejected again in ``letters``, and of instruments with a row in ``rows`` (they show the moment)."""
        shown = f" OR instrument_id IN (SELECT instrument_id FROM {rows})" if rows else ""
        return self._closing(
            f"endpoint = {literal(endpoint)} AND (sha256 IN (SELECT sha256 FROM counted_objects){shown})",
            f"SELECT {_KEY} FROM {letters}",
            "parsed since",
        )

    def reread(self, rereads: Sequence[Reread], again: str) -> str:
        """A SELECT of the letters that walks close; ``again``: a SELECT of the keys of those that were met again or are
        closed already."""
        return self._closing(" OR ".join(r.condition() for r in rereads), again, "walked again without it")

    def listed(self, endpoints: Iterable[str], until: datetime, again: str) -> str:
        """A SELECT of the letters of records without an id that a whole listing up to ``until`` closes, because it did
        not serve them: nothing else can tell that such a record is gone. ``again`` as in reread()."""
        those = ", ".join(map(literal, endpoints))
        served = f"SELECT sha256 FROM ({self._last_seen})"
        return self._closing(
            f"endpoint IN ({those}) AND instrument_id IS NULL "
            f"AND to_at <= TIMESTAMPTZ {literal(until.astimezone(UTC).isoformat())} AND sha256 NOT IN ({served})",
            again,
            "listed again without it",
        )

    def _closing(self, condition: str, again: str, reason: str) -> str:
        keys = f"SELECT {_KEY} FROM open_letters WHERE ({condition})"
        return (
            f"SELECT * REPLACE (TIMESTAMPTZ {self._closed_at} AS closed_at, {literal(reason)} AS closed_reason) "
            f"FROM letters SEMI JOIN ({keys}) USING ({_KEY}) ANTI JOIN ({again}) USING ({_KEY})"
        )


def unread_rows(session: Session, venue: Venue, table: str) -> pa.Table:
    """What of a venue's table is unread by now: instrument_id (NULL: any), date, unread_rows, from_at, to_at."""
    with session.lake.duck(private=True) as connection:
        create_views(connection, (UNREAD,), {name: session.lake.open(name) for name in (TABLE, WINDOWS)})
        condition = f"venue = {literal(venue)} AND table_name = {literal(table)}"
        columns = "instrument_id, date, unread_rows, from_at, to_at"
        return pa.table(connection.sql(f"SELECT {columns} FROM {UNREAD} WHERE {condition}").to_arrow_table())


def _any(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone() is not None
