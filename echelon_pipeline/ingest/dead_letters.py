"""Dead letters of a unit of work: the windows that they count against, and when they close.

Belongs here: the request of each page, the number of unread rows under a window, closing letters whose rows were read
since. ``sql/parse`` rejects payloads; ``core.unread_rows`` lists the open letters of a lake.

Letters are closed, never removed. A letter closes where a later unit of work walked every interval that it can belong
to and it did not occur again, or where its object is now parsed. A listing closes it where it serves a readable record
of the instrument or, if complete, no longer serves a record without an id. A letter that occurs again opens again.
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
class PageRequest:
    """The request of one page. ``instrument_ids``: empty for any instrument of the venue. ``within``: the interval of
    the page's rows; ``claimed``: the span of the unit's window. ``objects``: the number on the page. ``times``: the
    oldest and newest readable time on it. ``kept_from``: rows of its walk are kept from here on (None: over all of
    ``claimed``)."""

    page: int
    instrument_ids: tuple[str, ...]
    within: Span
    claimed: Span
    scope: str | None = None
    objects: int = 0
    times: Span | None = None
    kept_from: datetime | None = None


def present_pages(objects: Sequence[int], moment: Span, scope: str | None = None) -> list[PageRequest]:
    """Pages that show the present, read within ``moment``; ``objects``: the number on each."""
    span = (moment[0], max(moment[1], moment[0] + timedelta(microseconds=1)))
    return [PageRequest(n, (), span, span, scope, objects=count) for n, count in enumerate(objects)]


def asked_pages(pages: Iterable[PageRequest]) -> pa.Table:
    """The relation of page requests for the parser."""
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
    """A span of a table that a unit walked to its end. ``instrument_ids``: of these instruments; None: of all.
    ``unnamed``: closes letters without an instrument too. ``scope``: only letters of this scope."""

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
    """The number of unread rows of a unit, by instrument and time, for its windows."""

    def __init__(self) -> None:
        self._rows: dict[str | None, list[tuple[datetime, datetime, int]]] = {}

    def add(self, connection: duckdb.DuckDBPyConnection, letters: str) -> int:
        """Adds new open letters; returns the number of rows that they stand for."""
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
    """Letters of one venue that earlier units left open, in one connection. Usually there are none."""

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
        """A SELECT of new letters, without letters outside of the request that are already open: another walk of this
        unit or an earlier unit requested them."""
        kept = f"SELECT ({_KEY}) FROM letters WHERE closed_at IS NULL"
        return f"SELECT * FROM {letters} WHERE closed_at IS NULL OR ({_KEY}) NOT IN ({kept})"

    def unknown(self, letters: str) -> str:
        """A SELECT of the letters that are not stored, open or closed; for rederivation."""
        return f"SELECT * FROM {letters} WHERE ({_KEY}) NOT IN (SELECT ({_KEY}) FROM letters)"

    def parsed(self, endpoint: str, letters: str, rows: str | None) -> str:
        """A SELECT of the letters that an endpoint's parsed objects close: letters of ``counted_objects`` that are not
        rejected again in ``letters``, and of instruments with a row in ``rows`` (which show the present)."""
        shown = f" OR instrument_id IN (SELECT instrument_id FROM {rows})" if rows else ""
        return self._closing(
            f"endpoint = {literal(endpoint)} AND (sha256 IN (SELECT sha256 FROM counted_objects){shown})",
            f"SELECT {_KEY} FROM {letters}",
            "parsed since",
        )

    def reread(self, rereads: Sequence[Reread], again: str) -> str:
        """A SELECT of the letters that walks close; ``again``: a SELECT of the keys of letters that occurred again or
        are closed already."""
        return self._closing(" OR ".join(r.condition() for r in rereads), again, "walked again without it")

    def listed(self, endpoints: Iterable[str], until: datetime, again: str) -> str:
        """A SELECT of the letters of records without an id that a complete listing up to ``until`` closes, because it
        did not serve them: only a listing shows that such a record no longer exists. ``again`` as in reread()."""
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
    """The current unread rows of a venue's table: instrument_id (NULL: any), date, unread_rows, from_at, to_at."""
    with session.lake.duck(private=True) as connection:
        create_views(connection, (UNREAD,), {name: session.lake.open(name) for name in (TABLE, WINDOWS)})
        condition = f"venue = {literal(venue)} AND table_name = {literal(table)}"
        columns = "instrument_id, date, unread_rows, from_at, to_at"
        return pa.table(connection.sql(f"SELECT {columns} FROM {UNREAD} WHERE {condition}").to_arrow_table())


def _any(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone() is not None
