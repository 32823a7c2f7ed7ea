"""Verifies the lake: data files against the log and their checksums, raw payloads against their sha256.

Belongs here: reading files, never changing them. Findings are texts that name table and file; ``ops/doctor.py`` shows
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from echelon_pipeline.errors import EchelonError
from echelon_pipeline.lake.checksums import checksum, known
from echelon_pipeline.lake.delta import DataFile, TableVersion
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.raw import OBJECTS


def missing_files(table_version: TableVersion) -> Iterator[str]:
    """Data files of a version that do not exist or whose size differs from the log. Object stores are not checked."""
    for file in () if "://" in table_version.uri else table_version.files:
        path = Path(file.path)
        if not path.exists():
            yield f"{table_version.table.name}: {path} does not exist"
        elif (size := path.stat().st_size) != file.size:
            yield f"{table_version.table.name}: {path} has {size:,} bytes, the log says {file.size:,}"


def rotten_files(table_version: TableVersion) -> tuple[list[str], int]:
    """Data files whose bytes differ from the committed ones, and the number of files without a checksum."""
    if "://" in table_version.uri:
        return [], 0
    try:
        recorded = known(table_version.uri)
    except ValueError as error:
        return [f"{table_version.table.name}: {error}"], 0
    findings: list[str] = []
    unknown = 0
    for file in table_version.files:
        expected = recorded.get(file.path.removeprefix(f"{table_version.uri}/"))
        unknown += expected is None
        if expected is not None and Path(file.path).exists() and checksum(Path(file.path)) != expected:
            findings.append(f"{table_version.table.name}: {file.path} is not what was committed (sha256)")
    return findings, unknown


def changed_payloads(lake: Lake) -> Iterator[str]:
    """Raw payloads whose sha256 differs from the recorded one, with their file; one file at a time."""
    table_version = lake.open(OBJECTS)
    if table_version is not None:
        for file in table_version.files:
            yield from _changed(lake, table_version, file)


def _changed(lake: Lake, table_version: TableVersion, file: DataFile) -> Iterator[str]:
    query = f"""
        SELECT count(*), any_value(unit_id || ' page ' || page || ' position ' || position)
        FROM ({table_version.select([file.path])}) WHERE sha256(payload) <> sha256
    """
    try:
        with lake.duck() as connection:
            count, first = connection.execute(query).fetchall()[0]
    except EchelonError as error:
        yield f"{OBJECTS}: {error}"
        return
    if count:
        yield f"{OBJECTS}: {count:,} payload(s) of {file.path} differ from the ones that were served, first {first}"
