"""The bookkeeping of refreshes in ``core.mart_builds``: what was checked, wanted, built, and what is held back.

Belongs here: reading and writing those records. What follows from them is decided in ``refresh.py``.

A mart is held back when its last version is kept although its inputs changed: it failed, it reads one that failed, or
it would have become empty although its inputs have rows. The record lasts until the mart is built.
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
# Kinds of records that hold a mart back while they have a reason.
FAILED, EMPTIED = "failed", "emptied"


@dataclass(frozen=True)
class Record:
    """One row of the bookkeeping, of one mart. ``reason``: of failed and emptied; NULL once the mart was built."""

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
        """Every record of a mart."""
        scan = self._lake.scan(BUILDS, where={"table_name": [mart]})
        query = f"SELECT part, kind, pinned_at, inputs, code, rows, reason FROM ({scan})"
        with self._lake.duck() as connection:
            return [Record(*row) for row in connection.execute(query).fetchall()]

    def record(self, mart: str, records: Sequence[Record]) -> None:
        """Writes records of a mart; newer ones replace those of the same part and kind."""
        if not records:
            return
        rows = [{"table_name": mart, "run_id": self._run_id, **vars(r)} for r in records]
        path = self._scratch / f"{BUILDS}-{secrets.token_hex(4)}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=TABLES[BUILDS].arrow_schema()), path)
        self._lake.merge(BUILDS, [path])
        path.unlink()


def held_back(lake: Lake, *kinds: str) -> dict[str, str]:
    """Marts whose last version is kept, and why; of all kinds unless some are given."""
    wanted = ", ".join(f"'{kind}'" for kind in kinds or (FAILED, EMPTIED))
    query = f"SELECT table_name, reason FROM ({lake.scan(BUILDS)}) WHERE kind IN ({wanted}) AND reason IS NOT NULL"
    with lake.duck() as connection:
        return dict(sorted(connection.execute(query).fetchall()))
