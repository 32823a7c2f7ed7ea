"""Finds the keys and lists of a bulk file's records from a sample of them.

Belongs here: the structure: a dict of keys, a list with the merged structure of its members, or the word ``value`` or
``null``. Where records differ, the union is kept, so that one bad record does not affect others. ``bulk_paths.py``
finds columns in it.
"""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import duckdb

from echelon_pipeline.ingest.bulk_files import Records
from echelon_pipeline.sqltools.text import literal

# The structure is read from this many records, or this many characters of them; missing columns are searched in the
# whole file. DuckDB's json_structure is not used: a record nested 128 deep crashes the whole database (2.0.0).
SAMPLE = 1_000
SAMPLE_CHARACTERS = 64 * 1024 * 1024
_VALUE, _NULL = "value", "null"


class Mixed(dict[str, Any]):
    """A value whose kind differs between records: the keys of the objects; ``member``: the structure of list members,
    None where no record has a list."""

    def __init__(self, keys: dict[str, Any], member: Any) -> None:
        super().__init__(keys)
        self.member = member


def member_of(node: Any) -> Any:
    """The structure of a list's members; None where there is no list."""
    return node[0] if isinstance(node, list) else node.member if isinstance(node, Mixed) else None


def structure_of(connection: duckdb.DuckDBPyConnection, records: Records) -> dict[str, Any]:
    """The structure of a file's records; of a CSV, its columns."""
    structure: Any = dict.fromkeys(records.columns, _NULL if records.nested else _VALUE)
    if records.nested:
        cursor = connection.execute(
            f"SELECT payload FROM read_parquet({literal(str(records.path))}) WHERE fault IS NULL LIMIT {SAMPLE}"
        )
        read = 0
        while read < SAMPLE_CHARACTERS and (row := cursor.fetchone()) is not None:
            structure = _merged(structure, _structure(row[0]))
            read += len(row[0])
    return dict(structure)


def _structure(payload: str) -> Any:
    """The structure of one record; objects are reduced while they are parsed, so that values take no memory."""
    try:
        return _of(json.loads(payload, object_pairs_hook=lambda pairs: {key: _of(value) for key, value in pairs}))
    except (ValueError, RecursionError):  # nested thousands deep: find_anywhere() searches it for missing columns
        return {}


def _of(value: Any) -> Any:
    if isinstance(value, list):
        return [reduce(_merged, map(_of, value), _NULL)]
    return value if isinstance(value, dict) else _NULL if value is None else _VALUE


def _merged(one: Any, other: Any) -> Any:
    if other == _NULL:
        return one
    if one == _NULL:
        return other
    if isinstance(one, list) and isinstance(other, list):
        return [_merged(one[0], other[0])]
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        first, second = (node if isinstance(node, dict) else {} for node in (one, other))
        keys = {**first, **{key: _merged(first.get(key, _NULL), value) for key, value in second.items()}}
        if type(one) is type(other) is dict:
            return keys
        members = [member for node in (one, other) if (member := member_of(node)) is not None]
        return Mixed(keys, reduce(_merged, members) if members else None)
    return _VALUE
