"""Runs a payload kind's statements: raw objects in, typed rows and dead letters out.

Belongs here: the execution of ``sql/parse``. What a payload means is in those statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import cast, columns_of, literal
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.kinds import PayloadKind

# Unknown fields are counted on at most this many objects of a unit, and on none that is long: enough to notice,
# cheap enough for a million trades. All keys of some 2,000 objects are listed at once, each read into some ten
# times its size, so their bytes are limited too: 2,000 answers of candles with 26 kB each took more than 320 MB.
DRIFT_SAMPLE = 2_000
DRIFT_OBJECT_BYTES = 100_000
DRIFT_BYTES = 8 * 2**20
# Unknown words are counted on at most this many objects of a chunk: all of a listing, half of a chunk of trades.
WORDS_SAMPLE = 20_000


# Optional columns of a rejected row, with their defaults.
_PLACES = {
    "reject_instrument_id": "CAST(NULL AS VARCHAR)",
    "reject_token_id": "CAST(NULL AS VARCHAR)",
    "reject_from_at": "CAST(NULL AS TIMESTAMPTZ)",
    "reject_to_at": "CAST(NULL AS TIMESTAMPTZ)",
    "reject_rows": "1",
}
# The request of each page of a unit. ``instrument_ids``: NULL for any instrument of the venue. [from_at, to_at): the
# interval of rows without a readable time. [begin_at, end_at): the interval that the unit claims with this page.
_COLUMNS_ASKED: list[tuple[str, pa.DataType]] = [
    ("page", pa.int32()),
    ("scope", pa.string()),
    ("instrument_ids", pa.list_(pa.string())),
    *((name, pa.timestamp("us", tz="UTC")) for name in ("from_at", "to_at", "begin_at", "end_at")),
]
ASKED_PAGES = pa.schema(_COLUMNS_ASKED)
STRAY = "expected an instrument that was asked for, got "
AMBIGUOUS = ": the object has this field twice"
OUTSIDE = "outside of the window that was asked for"


@dataclass(frozen=True)
class Derived:
    """Names of temporary relations in the connection. ``outputs``: lake table to a view, computed when it is read."""

    outputs: dict[str, str]
    dead_letters: str
    drift: str


def derive(
    connection: duckdb.DuckDBPyConnection,
    kind: PayloadKind,
    *,
    unit_id: str,
    counted: str = "true",
    requests: pa.Table | None = None,
) -> Derived:
    """Derives the rows of ``raw_objects`` (and, where the kind asks for it, ``known_outcomes``).

    ``counted``: a condition on the raw objects whose dead letters and drift are not counted yet. ``requests``: the
    requests of the pages (ASKED_PAGES); without it the objects show the time at which they were received. Both
    relations must exist in the connection. Raises nothing for malformed payloads: they become dead letters.
    """
    connection.register("asked_pages", ASKED_PAGES.empty_table() if requests is None else requests)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW counted_objects AS SELECT * FROM raw_objects WHERE {counted}")
    stem = f"{kind.venue}_{kind.endpoint}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {stem}_all AS {statement(kind.parse).text}")
    _reject_ambiguous(connection, kind, stem)
    if requests is not None and kind.owner:
        _reject_strays(connection, kind, stem)
    given = _columns(connection, f"{stem}_all")
    hidden = ["reject_reason", "reject_path", *(name for name in _PLACES if name in given)]
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW parsed AS SELECT * EXCLUDE ({', '.join(hidden)}) "
        f"FROM {stem}_all WHERE reject_reason IS NULL"
    )
    outputs = {}
    for table_name, output in kind.outputs.items():
        target = f"{stem}__{table_name.replace('.', '_')}"
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {target} AS "
            f"{_typed(connection, table_name, target, _versioned(table_name, statement(output).text, kind.version))}"
        )
        outputs[table_name] = target
    dead = _dead_letters(connection, kind, stem, unit_id, given)
    return Derived(outputs, dead, _drift(connection, kind, stem, unit_id))


def _versioned(table: str, query: str, version: int) -> str:
    """The query with the version of the parser, where the table has a column for it."""
    return f"SELECT *, {version} AS parser_version FROM ({query})" if "parser_version" in TABLES[table].names else query


# Columns of a kind's relations, which are the same for every chunk: asking DuckDB takes 6 ms.
_COLUMNS: dict[str, tuple[str, ...]] = {}


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[str, ...]:
    if relation not in _COLUMNS:
        _COLUMNS[relation] = columns_of(connection, f"FROM {relation}")
    return _COLUMNS[relation]


def _typed(connection: duckdb.DuckDBPyConnection, table: str, relation: str, query: str) -> str:
    if relation not in _COLUMNS:
        _COLUMNS[relation] = columns_of(connection, query)
    return cast(TABLES[table], query, _COLUMNS[relation])


def _reject_ambiguous(connection: duckdb.DuckDBPyConnection, kind: PayloadKind, stem: str) -> None:
    """Rejects objects that have a known field twice: JSON readers differ in which value they take.

    Objects of a kind have few sets of names, and each set is checked once, by its hash: otherwise DuckDB would compare
    the names of each object (1.4 us an object instead of 4.8, plus 7 for the rest of parsing a trade).
    """
    named = "SELECT unit_id, page, position, coalesce(TRY(json_keys(payload)), json_keys(as_json(payload))) AS names"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE sets_of_names AS "
        f"SELECT any_value(names) AS names FROM ({named} FROM raw_objects) GROUP BY hash(names)"
    )
    known = ", ".join(literal(f) for f in sorted(kind.known_fields)) or "''"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE ambiguous AS
        SELECT names, list_filter(names, lambda n: n IN ({known}) AND len(list_filter(names, lambda o: o = n)) > 1)[1]
               AS field
        FROM sets_of_names
        WHERE field IS NOT NULL""")
    if connection.execute("SELECT count(*) FROM ambiguous").fetchone() == (0,):
        return
    connection.execute(f"""
        UPDATE {stem}_all a SET reject_path = '$.' || n.field, reject_reason = n.field || {literal(AMBIGUOUS)}
        FROM (SELECT unit_id, page, position, field FROM ({named} FROM raw_objects) JOIN ambiguous USING (names)) n
        WHERE (a.unit_id, a.page, a.position) = (n.unit_id, n.page, n.position)""")


def _reject_strays(connection: duckdb.DuckDBPyConnection, kind: PayloadKind, stem: str) -> None:
    """Rejects rows of an instrument that their page was not requested for: a corrupted id looks like one. Where tokens
    are known, the token may identify the instrument too."""
    known = ""
    if kind.uses_outcomes:
        known = """ AND NOT EXISTS (SELECT 1 FROM known_outcomes o WHERE o.token_id = a.token_id
                                    AND list_contains(p.instrument_ids, o.instrument_id))"""
    strays = f"""
        SELECT a.unit_id, a.page, a.position FROM {stem}_all a JOIN asked_pages p ON p.page = a.page
        WHERE a.reject_reason IS NULL AND p.instrument_ids IS NOT NULL
          AND NOT list_contains(p.instrument_ids, {kind.owner})"""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE strays AS {strays}{known}")
    connection.execute(f"""
        UPDATE {stem}_all SET reject_path = '$', reject_reason = {literal(STRAY)} || coalesce({kind.owner}, 'nothing')
        WHERE (unit_id, page, position) IN (FROM strays)""")


def _dead_letters(
    connection: duckdb.DuckDBPyConnection, kind: PayloadKind, stem: str, unit_id: str, given: Collection[str]
) -> str:
    """Rejected rows and the windows that they count against. A page of one instrument identifies it; on a page of
    several the row's id is used if it was requested."""
    name = f"{stem}__dead_letters"
    query = f"""
        SELECT venue, {literal(kind.main)} AS table_name, endpoint, sha256,
               coalesce(reject_path, '$') AS path, {kind.version} AS parser_version, reject_reason AS reason,
               raw_payload AS payload, {literal(unit_id)} AS unit_id, received_at AS observed_at,
               scope, instrument_id, unread_rows,
               coalesce(to_at <= begin_at OR from_at >= end_at, false) AS is_outside,
               CASE WHEN is_outside THEN from_at ELSE greatest(from_at, begin_at) END AS from_at,
               CASE WHEN is_outside THEN to_at ELSE least(to_at, end_at) END AS to_at,
               CASE WHEN is_outside THEN received_at END AS closed_at,
               CASE WHEN is_outside THEN {literal(OUTSIDE)} END AS closed_reason
        FROM (SELECT a.reject_path, a.reject_reason, r.venue, r.endpoint, r.sha256,
                     r.payload AS raw_payload, r.received_at, p.scope, p.begin_at, p.end_at,
                     CASE
                         WHEN length(p.instrument_ids) = 1 THEN p.instrument_ids[1]
                         WHEN p.instrument_ids IS NULL OR list_contains(p.instrument_ids, a.reject_instrument_id)
                             THEN a.reject_instrument_id
                     END AS instrument_id,
                     coalesce(a.reject_from_at, p.from_at, r.received_at) AS from_at,
                     CASE
                         WHEN a.reject_from_at IS NOT NULL
                             THEN coalesce(a.reject_to_at, a.reject_from_at + INTERVAL 1 MICROSECOND)
                         ELSE coalesce(p.to_at, r.received_at + INTERVAL 1 MICROSECOND)
                     END AS to_at,
                     coalesce(a.reject_rows, 1) AS unread_rows
              FROM ({_rejected(kind, stem, given)}) a
              JOIN counted_objects r USING (unit_id, page, position)
              LEFT JOIN asked_pages p ON p.page = r.page)
    """
    query = f"SELECT * EXCLUDE (is_outside) FROM ({query})"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {_typed(connection, 'core.dead_letters', name, query)}")
    return name


def _rejected(kind: PayloadKind, stem: str, given: Collection[str]) -> str:
    """A SELECT of the rejected rows with their places; where only the token is readable, it gives the instrument."""
    assumed = {**_PLACES, **({"reject_instrument_id": "instrument_id"} if "instrument_id" in given else {})}
    places = ", ".join(f"{c if c in given else default} AS {c}" for c, default in assumed.items())
    rows = f"SELECT unit_id, page, position, reject_path, reject_reason, {places} FROM {stem}_all"
    rejected = f"SELECT * FROM ({rows}) WHERE reject_reason IS NOT NULL"
    if not kind.uses_outcomes:
        return rejected
    return f"""
        SELECT r.* REPLACE (coalesce(r.reject_instrument_id, t.instrument_id) AS reject_instrument_id)
        FROM ({rejected}) r
        LEFT JOIN (SELECT token_id, min(instrument_id) AS instrument_id FROM known_outcomes
                   GROUP BY token_id HAVING count(DISTINCT instrument_id) = 1) t ON t.token_id = r.reject_token_id"""


_SAMPLE = f"""
    SELECT payload
    FROM (SELECT payload, sum(strlen(payload)) OVER (ROWS UNBOUNDED PRECEDING) AS bytes
          FROM (SELECT payload FROM counted_objects WHERE strlen(payload) <= {DRIFT_OBJECT_BYTES} LIMIT {DRIFT_SAMPLE}))
    WHERE bytes <= {DRIFT_BYTES}
"""


def _unknown(kind: PayloadKind) -> Iterator[tuple[str, str]]:
    """Fields, each with the condition under which its ``value`` is unknown."""
    for field, values in kind.known_values.items():
        yield field, f"value NOT IN ({', '.join(literal(v) for v in sorted(values))})"
    for field, pattern in kind.known_patterns.items():
        yield field, f"NOT regexp_full_match(value, {literal(pattern)})"


def _unknown_words(kind: PayloadKind) -> str:
    """A SELECT of the unknown values with counts. It reads all fields in one pass: each payload is parsed once."""
    unknown = dict(_unknown(kind))
    paths = ", ".join(literal(f"$.{field}") for field in unknown)
    conditions = " ".join(f"WHEN {literal(field)} THEN {condition}" for field, condition in unknown.items())
    return f"""
        SELECT path, 'value' AS kind, value, count(*) AS objects
        FROM (SELECT unnest([{", ".join(literal(f) for f in unknown)}]) AS path,
                     unnest(json_extract_string(payload, [{paths}])) AS value
              FROM (SELECT as_json(payload) AS payload
                    FROM counted_objects LIMIT {WORDS_SAMPLE}))
        WHERE value IS NOT NULL AND CASE path {conditions} END
        GROUP BY ALL"""


def _drift(connection: duckdb.DuckDBPyConnection, kind: PayloadKind, stem: str, unit_id: str) -> str:
    name = f"{stem}__drift"
    known = ", ".join(literal(f) for f in sorted(kind.known_fields)) or "''"
    parts = [
        f"""SELECT path, 'field' AS kind, NULL AS value, count(*) AS objects
            FROM (SELECT unnest(json_keys(payload)) AS path
                  FROM (SELECT as_json(payload) AS payload FROM ({_SAMPLE}))
                  WHERE json_type(payload) = 'OBJECT')
            WHERE path NOT IN ({known}) GROUP BY ALL"""
    ]
    if kind.known_values or kind.known_patterns:
        parts.append(_unknown_words(kind))
    query = f"""
        SELECT {literal(kind.venue)} AS venue, {literal(kind.endpoint)} AS endpoint, d.*,
               {literal(unit_id)} AS unit_id, of_all.*
        FROM ({" UNION ALL ".join(parts)}) d
        CROSS JOIN (SELECT min(page) AS page, max(received_at) AS observed_at FROM counted_objects) of_all
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {_typed(connection, 'core.drift', name, query)}")
    return name
