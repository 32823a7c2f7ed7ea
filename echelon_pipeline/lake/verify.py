"""Whether the lake's data files are what the log and their checksums say, and raw payloads what was served.

Belongs here: looking at files, never changing them. Findings are texts that name table and file; showing them is
``ops/doctor.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from echelon_pipeline.errors import EchelonError
from echelon_pipeline.lake.checksums import checksum, known
from echelon_pipeline.lake.delta import DataFile, Snapshot
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.raw import OBJECTS


def missing_files(snapshot: Snapshot) -> Iterator[str]:
    """Data files of a version that do not exist or have another size than the log says; none of an object store."""
    for file in () if "://" in snapshot.uri else snapshot.files:
        path = Path(file.path)
        if not path.exists():
            yield f"{snapshot.table.name}: {path} does not exist"
        elif (size := path.stat().st_size) != file.size:
            yield f"{snapshot.table.name}: {path} has {size:,} bytes, the log says {file.size:,}"


def rotten_files(snapshot: Snapshot) -> tuple[list[str], int]:
    """Data files whose bytes are not those that were committed, and how many files have no checksum."""
    if "://" in snapshot.uri:
        return [], 0
    try:
        recorded = known(snapshot.uri)
    except ValueError as error:
        return [f"{snapshot.table.name}: {error}"], 0
    found: list[str] = []
    unknown = 0
    for file in snapshot.files:
        wanted = recorded.get(file.path.removeprefix(f"{snapshot.uri}/"))
        unknown += wanted is None
        if wanted is not None and Path(file.path).exists() and checksum(Path(file.path)) != wanted:
            found.append(f"{snapshot.table.name}: {file.path} is not what was committed (sha256)")
    return found, unknown


def changed_payloads(lake: Lake) -> Iterator[str]:
    """Raw payloads whose sha256 is not the recorded one, with the file that holds them; a file at a time."""
    snapshot = lake.open(OBJECTS)
    if snapshot is not None:
        for file in snapshot.files:
            yield from _changed(lake, snapshot, file)


def _changed(lake: Lake, snapshot: Snapshot, file: DataFile) -> Iterator[str]:
    query = f"""
        SELECT count(*), any_value(unit_id || ' page ' || page || ' position ' || position)
        FROM ({snapshot.select([file.path])}) WHERE sha256(payload) <> sha256
    """
    try:
        with lake.duck() as connection:
            count, first = connection.execute(query).fetchall()[0]
    except EchelonError as error:
        yield f"{OBJECTS}: {error}"
        return
    if count:
        yield f"{OBJECTS}: {count:,} payload(s) of {file.path} are not those that were served, first {first}"
