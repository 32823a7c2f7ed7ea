"""Reads a bulk file of any format into one relation of JSON records.

Belongs here: opening Parquet, CSV, JSON lines and JSON documents, and listing their columns. ``bulk_text.py`` handles
compression and encodings, ``bulk_paths.py`` finds values inside of records.

Every record becomes one JSON object whose values are the texts of the file (numbers of typed formats become their
shortest exact text). No value passes through a float, and a record that cannot be loaded is kept unchanged.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from echelon_pipeline.domain.csv_records import LONGEST_RECORD
from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk_text import (
    Text,
    bounded,
    header_of,
    mended,
    mended_lines,
    plain_name,
    text_of,
)
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import literal, one_file, quote

# Lines longer than this are refused; the longest recorded one has 26 kB.
LONGEST_LINE = LONGEST_RECORD
LARGEST_OBJECT = 4 * LONGEST_LINE
# Number of JSON records that are searched for keys.
KEY_SAMPLE = 1_000
MOST_MENDED = 10_000
FORMATS = ".parquet, .csv, .tsv, .jsonl, .ndjson, .json (the texts also as .gz and .zst)"
_BUFFER = f"max_line_size={LONGEST_LINE}, buffer_size={2 * LONGEST_LINE}"
_NESTED = ("JSON", "STRUCT", "MAP")


@dataclass(frozen=True)
class Records:
    """``columns``: names found. ``path``: Parquet file of all records: (row_no from 0, payload, sha, fault, line).

    ``line``: line in the file of records that were rejected before they were numbered. ``nested``: values may be
    objects or lists.
    """

    columns: tuple[str, ...]
    path: Path
    count: int
    nested: bool


def read_records(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> Records:
    """Copies a bulk file's records to a scratch file, in one streaming pass.

    ``fault`` is set on lines that cannot be read (too many cells, not JSON, not UTF-8); they count as records.
    Raises BadImport where the file does not exist, is empty or cannot be read; the message names it.
    """
    if path.is_dir():
        raise BadImport(f"{path}: is a folder; import one file at a time")
    if not path.is_file():
        raise BadImport(f"{path}: no such file")
    target = scratch / "records.parquet"
    with _readable(path):
        name = plain_name(path)
        if name.endswith(".parquet"):
            columns, query, nested = _parquet(connection, path)
        elif name.endswith((".csv", ".tsv")):
            text = text_of(path, scratch)
            names, delimiter = header_of(path, text)
            columns, query, nested = tuple(names), _csv(names, delimiter, text), False
        elif name.endswith((".jsonl", ".ndjson")):
            columns, query, nested = *_json(connection, _lines(text_of(path, scratch)), path), True
        elif name.endswith(".json"):
            columns, query, nested = *_json(connection, _document(connection, path, scratch), path), True
        else:
            raise BadImport(f"{path}: unknown format; known are {FORMATS}")
        if not name.endswith((".csv", ".tsv")):
            _copy(connection, _marked(query), target)
        elif not _is_copied(connection, _marked(query), target):
            text = bounded(text, delimiter, len(names), scratch)
            _copy(connection, _marked(_csv(names, delimiter, text)), target)
        _add_rejects(connection, target)
        if nested:
            _mend(connection, target)
        count = connection.execute(f"SELECT count(*) FROM {_scan(target)}").fetchall()[0][0]
    return Records(columns, target, count, nested)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowException, csv.Error, zlib.error, OSError, EOFError, ValueError) as error:
        raise BadImport(f"{path}: cannot be read: {(str(error).splitlines() or [''])[0]}") from error


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[tuple[str, ...], str, bool]:
    names = pq.read_schema(path).names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadImport(f"{path}: has two columns of one name: {', '.join(map(repr, twice))}")
    source = f"read_parquet({one_file(path)})"
    described = [(row[0], row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    nested = {name for name, kind in described if kind.startswith(_NESTED) or kind.endswith("]")}
    return (
        tuple(name for name, _ in described),
        _objects({name: quote(name) if name in nested else _text(name, kind) for name, kind in described}, source),
        bool(nested),
    )


def _text(name: str, kind: str) -> str:
    # NaN is how data frames write "no value" into columns of floats.
    value = f"nullif({quote(name)}, CAST('NaN' AS {kind}))" if kind in ("FLOAT", "DOUBLE") else quote(name)
    return f"CAST({value} AS VARCHAR)"


def _csv(names: list[str], delimiter: str, text: Text) -> str:
    places = {name: f"c{place}" for place, name in enumerate(names)}
    columns = "{" + ", ".join(f"{place}: 'VARCHAR'" for place in places.values()) + "}"
    source = (
        f"read_csv({_file(text)}, columns={columns}, header=true, auto_detect=false, "
        f"""delim={literal(delimiter)}, quote='"', escape='"', store_rejects=true, {_BUFFER})"""
    )
    return _objects(places, source)


def _is_copied(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> bool:
    """Copies a CSV. Returns False where DuckDB loses lines: a quote is not closed, or line ends differ."""
    try:
        _copy(connection, query, target)
    except duckdb.InvalidInputException as error:
        if "invalid state" in str(error):
            return False
        raise
    lost_lines = "SELECT 1 FROM reject_errors WHERE error_type IN ('UNQUOTED VALUE', 'LINE SIZE OVER MAXIMUM') LIMIT 1"
    if not _has_rejects(connection) or not connection.execute(lost_lines).fetchall():
        return True
    connection.execute("DELETE FROM reject_errors")  # the next scan may have none
    return False


def _marked(query: str) -> str:
    return f"SELECT *, sha256(coalesce(payload, '')) AS sha, NULL::BIGINT AS line FROM ({query})"


def _file(text: Text) -> str:
    return f"{one_file(text.path)}, compression={literal(text.compression)}"


def _objects(values: dict[str, str], source: str) -> str:
    """One JSON object per row of a table, with the values as texts."""
    pairs = ", ".join(f"{literal(name)}, {value}" for name, value in values.items())
    return (
        f"SELECT row_number() OVER () - 1 AS row_no, CAST(json_object({pairs}) AS VARCHAR) AS payload, "
        f"CAST(NULL AS VARCHAR) AS fault FROM {source}"
    )


def _lines(text: Text) -> str:
    # Lines are read as texts: a line that is not JSON becomes a dead letter and does not end the import.
    return (
        f"SELECT line AS payload FROM read_csv({_file(text)}, columns={{'line': 'VARCHAR'}}, delim='\x1f', "
        f"quote='', escape='', header=false, auto_detect=false, store_rejects=true, {_BUFFER}) "
        f"WHERE trim(coalesce(line, '')) <> ''"
    )


def _document(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> str:
    """A query for the members of a JSON list, for the only object of a document, or for concatenated objects."""
    text = text_of(path, scratch)
    compression = literal(text.compression)
    query = (
        f"SELECT CAST(json AS VARCHAR) AS payload FROM read_json_objects({one_file(text.path)}, format='auto', "
        f"compression={compression}, maximum_object_size={LARGEST_OBJECT})"
    )
    try:
        connection.execute(f"SELECT count(payload) FROM ({query})").fetchall()
    except duckdb.InvalidInputException as error:
        if "maximum_object_size" in str(error):
            megabytes = LARGEST_OBJECT >> 20
            raise BadImport(f"{path}: has an object larger than {megabytes} MB; save it as JSON lines") from error
        lines = mended_lines(text, scratch)
        if lines is None:
            raise
        return _lines(Text(lines, "none"))
    return query


def _json(connection: duckdb.DuckDBPyConnection, source: str, path: Path) -> tuple[tuple[str, ...], str]:
    keys = connection.execute(
        f"SELECT DISTINCT unnest(json_keys(payload)) AS name FROM (FROM ({source}) LIMIT {KEY_SAMPLE}) "
        f"WHERE json_valid(payload) AND json_type(payload) = 'OBJECT' ORDER BY name"
    ).fetchall()
    if not keys:
        raise BadImport(f"{path}: has no JSON object")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW json_lines AS {source}")
    return tuple(row[0] for row in keys), statement("import/json_records").text


def _add_rejects(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Appends the lines that DuckDB rejected (cells, encoding, length), as records with a fault."""
    if not _has_rejects(connection):
        return
    connection.execute(f"CREATE OR REPLACE TEMP VIEW good_records AS SELECT * FROM {_scan(target)}")
    _rewrite(connection, statement("import/rejects").text, target)


def _has_rejects(connection: duckdb.DuckDBPyConnection) -> bool:
    tables = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchall()
    return bool(tables and connection.execute("SELECT count(*) FROM reject_errors").fetchall()[0][0])


def _mend(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Makes records of lines that are valid JSON but that DuckDB rejects."""
    refused = connection.execute(
        f"SELECT row_no, payload FROM {_scan(target)} WHERE fault = 'not JSON' AND contains(payload, '\\u') "
        f"LIMIT {MOST_MENDED}"
    ).fetchall()
    good = [(row, text) for row, payload in refused if (text := mended(payload)) is not None and text[0] == "{"]
    if not good:
        return
    path = target.with_name("mended.parquet")
    columns = {"row_no": pa.array([row for row, _ in good]), "better": pa.array([text for _, text in good])}
    pq.write_table(pa.table(columns), path)
    _rewrite(
        connection,
        "SELECT r.* REPLACE (coalesce(m.better, r.payload) AS payload, "
        "CASE WHEN m.better IS NULL THEN r.fault END AS fault) "
        f"FROM {_scan(target)} r LEFT JOIN {_scan(path)} m USING (row_no)",
        target,
    )


def _rewrite(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    whole = target.with_name("records-whole.parquet")
    _copy(connection, query, whole)
    whole.replace(target)


def _scan(path: Path) -> str:
    return f"read_parquet({one_file(path)})"


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    connection.execute(f"COPY ({query}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")
