"""The records of refreshes in ``core.mart_builds``: parts that were checked, wanted and built, and outdated marts.

Belongs here: reading and writing those records. ``refresh.py`` decides what follows from them.

A mart is outdated if it keeps its last version although its inputs changed: it failed, it reads a mart that failed, or
it would become empty although its inputs have rows. The record stays until the mart is built.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.tables import TABLES

BUILDS = "core.mart_builds"
ALL = "all"
# Kinds of records that mark a mart as outdated while they have a reason.
FAILED, EMPTIED = "failed", "emptied"


@dataclass(frozen=True)
class Record:
    """One row of ``core.mart_builds``. ``reason``: only for failed and emptied marts; NULL after the mart was built."""

    part: str
    kind: str
    pinned_at: datetime
    inputs: str | None = None
    code: str | None = None
    rows: int | None = None
    reason: str | None = None


class Builds:
    """Reads and writes the records of one lake."""

    def __init__(self, lake: Lake, scratch: Path, run_id: str | None = None) -> None:
        self._lake = lake
        self._scratch = scratch
        self._run_id = run_id

    def of(self, mart: str) -> list[Record]:
        """All records of a mart."""
        scan = self._lake.scan(BUILDS, where={"table_name": [mart]})
        query = f"SELECT part, kind, pinned_at, inputs, code, rows, reason FROM ({scan})"
        with self._lake.duck() as connection:
            return [Record(*row) for row in connection.execute(query).fetchall()]

    def record(self, mart: str, records: Sequence[Record]) -> None:
        """Writes records of a mart; a newer record replaces the one of the same part and kind."""
        if not records:
            return
        rows = [{"table_name": mart, "run_id": self._run_id, **vars(r)} for r in records]
        path = self._scratch / f"{BUILDS}-{secrets.token_hex(4)}.parquet"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=TABLES[BUILDS].arrow_schema()), path)
        self._lake.merge(BUILDS, [path])
        path.unlink()


def outdated_marts(lake: Lake, *kinds: str) -> dict[str, str]:
    """Marts that keep their last version, with the reason; ``kinds`` limits the kinds of records."""
    wanted = ", ".join(f"'{kind}'" for kind in kinds or (FAILED, EMPTIED))
    query = f"SELECT table_name, reason FROM ({lake.scan(BUILDS)}) WHERE kind IN ({wanted}) AND reason IS NOT NULL"
    with lake.duck() as connection:
        return dict(sorted(connection.execute(query).fetchall()))
