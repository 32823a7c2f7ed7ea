"""Bulk files as one relation of JSON records, whatever the format.

Belongs here: opening Parquet, CSV, JSON lines and JSON arrays (gzip where the name ends so) and saying what
columns they have. What a column means is in ``mappings.py``.

Every record becomes one JSON object whose values are the file's own texts (numbers of typed formats by
their shortest exact text), so nothing passes through a float and a record that cannot be loaded is kept
as it was.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import duckdb

from echelon_pipeline.errors import BadImport
from echelon_pipeline.tables import quote
from echelon_pipeline.warehouse.duck import literal

# Lines longer than this are refused; the longest recorded one has 26 kB.
LONGEST_LINE = 8 * 1024 * 1024
# Keys of JSON records are looked for in this many records.
KEY_SAMPLE = 1_000
_BUFFER = f"max_line_size={LONGEST_LINE}, buffer_size={2 * LONGEST_LINE}"
_NESTED = ("JSON", "STRUCT", "MAP")


@dataclass(frozen=True)
class Records:
    """``columns``: names found. ``path``: Parquet of (row_no from 0, payload, sha, fault): all records."""

    columns: tuple[str, ...]
    path: Path
    count: int


def read_records(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> Records:
    """Copies a bulk file's records to a scratch file, in one streaming pass.

    ``fault`` is set on lines that are no record (too many cells, not JSON); they count as records.
    Raises BadImport for a file that does not exist, is empty or cannot be read; the message names it.
    """
    if not path.is_file():
        raise BadImport(f"{path}: there is no such file")
    target = scratch / "records.parquet"
    with _readable(path):
        columns, query = _query(connection, path)
        _copy(connection, f"SELECT *, sha256(coalesce(payload, '')) AS sha FROM ({query})", target)
        if _is_csv(path):
            _add_rejects(connection, target)
        count = connection.execute(f"SELECT count(*) FROM read_parquet({literal(str(target))})").fetchall()[0][0]
    return Records(columns, target, count)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, OSError, EOFError, UnicodeDecodeError) as error:
        raise BadImport(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error


def _query(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[tuple[str, ...], str]:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".parquet"):
        return _parquet(connection, path)
    if _is_csv(path):
        return _csv(path)
    if name.endswith((".jsonl", ".ndjson")):
        return _json(connection, _lines(path), path)
    if name.endswith(".json"):
        return _json(connection, _array(path), path)
    raise BadImport(
        f"{path}: unknown format; known are .parquet, .csv, .tsv, .jsonl, .ndjson, .json (and .gz of the texts)"
    )


def _is_csv(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[tuple[str, ...], str]:
    source = f"read_parquet({literal(str(path))})"
    described = [(row[0], row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    values = {
        name: quote(name) if kind.startswith(_NESTED) or kind.endswith("]") else f"CAST({quote(name)} AS VARCHAR)"
        for name, kind in described
    }
    return tuple(values), _objects(values, source)


def _csv(path: Path) -> tuple[tuple[str, ...], str]:
    with _opened(path) as lines:
        first = lines.readline()
    delimiter = "\t" if "\t" in first and "," not in first else ","
    names = next(csv.reader([first], delimiter=delimiter), [])
    if not any(names):
        raise BadImport(f"{path}: is empty: there is no header line")
    if len(set(names)) < len(names):
        raise BadImport(f"{path}: has two columns of one name in {names}")
    columns = "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names) + "}"
    source = (
        f"read_csv({literal(str(path))}, columns={columns}, header=true, auto_detect=false, "
        f"""delim={literal(delimiter)}, quote='"', escape='"', store_rejects=true, {_BUFFER})"""
    )
    return tuple(names), _objects({name: quote(name) for name in names}, source)


def _opened(path: Path) -> TextIO:
    # newline="": the csv module wants the line ends as they are.
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _objects(values: dict[str, str], source: str) -> str:
    """One JSON object per row of a table, with the values as texts."""
    pairs = ", ".join(f"{literal(name)}, {value}" for name, value in values.items())
    return (
        f"SELECT row_number() OVER () - 1 AS row_no, CAST(json_object({pairs}) AS VARCHAR) AS payload, "
        f"CAST(NULL AS VARCHAR) AS fault FROM {source}"
    )


def _lines(path: Path) -> str:
    # Lines are read as texts, so that one that is no JSON is a dead letter and not the end of the import.
    return (
        f"SELECT line AS payload FROM read_csv({literal(str(path))}, columns={{'line': 'VARCHAR'}}, delim='\x1f', "
        f"quote='', escape='', header=false, auto_detect=false, {_BUFFER}) "
        f"WHERE trim(coalesce(line, '')) <> ''"
    )


def _array(path: Path) -> str:
    return (
        f"SELECT CAST(json AS VARCHAR) AS payload FROM read_json_objects({literal(str(path))}, format='auto', "
        f"maximum_object_size={4 * LONGEST_LINE})"
    )


def _json(connection: duckdb.DuckDBPyConnection, source: str, path: Path) -> tuple[tuple[str, ...], str]:
    keys = connection.execute(
        f"SELECT DISTINCT unnest(json_keys(payload)) AS name FROM (FROM ({source}) LIMIT {KEY_SAMPLE}) "
        f"WHERE json_valid(payload) AND json_type(payload) = 'OBJECT' ORDER BY name"
    ).fetchall()
    if not keys:
        raise BadImport(f"{path}: holds no JSON object")
    query = (
        f"SELECT row_number() OVER () - 1 AS row_no, payload, CASE WHEN NOT json_valid(payload) THEN 'not JSON' "
        f"WHEN json_type(payload) <> 'OBJECT' THEN 'not a JSON object' END AS fault FROM ({source})"
    )
    return tuple(row[0] for row in keys), query


def _add_rejects(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Appends CSV lines that do not have the header's cells, as records with a fault."""
    rejected = connection.execute("SELECT count(DISTINCT (scan_id, line)) FROM reject_errors").fetchall()[0][0]
    if not rejected:
        return
    whole = target.with_name("records-whole.parquet")
    first = f"SELECT * FROM read_parquet({literal(str(target))})"
    rejects = (
        f"SELECT (SELECT count(*) FROM ({first})) + row_number() OVER (ORDER BY line) - 1 AS row_no, "
        f"csv_line AS payload, 'the line does not have the cells of the header' AS fault, sha256(csv_line) AS sha "
        f"FROM (SELECT line, any_value(csv_line) AS csv_line FROM reject_errors GROUP BY scan_id, line)"
    )
    _copy(connection, f"{first} UNION ALL BY NAME {rejects}", whole)
    whole.replace(target)


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    connection.execute(f"COPY ({query}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")
