"""Imports of bulk history: a file's rows into the same core tables that the venues fill, source kept.

Belongs here: what an import is asked and what it reports. Formats are ``bulk_files.py``, fields and presets
``mappings.py``, the steps ``bulk_job.py``, types and rules ``sql/import``.

An import never replaces a row that something else wrote, and every row of the file is accounted for:
committed (or already there), a duplicate with its reason, or a dead letter with its payload and reason.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk_files import read_records
from echelon_pipeline.ingest.bulk_job import ANY_VENUE, Job
from echelon_pipeline.ingest.mappings import mapped_shape, preset_shape, target_of
from echelon_pipeline.ingest.session import VENUES, Session
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqlfiles import statements


@dataclass(frozen=True)
class ImportReport:
    """``rows_read == rows_committed + duplicates + dead_letters``, always.

    ``records``: in the file; a record with a list inside gives several rows. ``rows_committed``: in the lake
    after the import, ``rows_new`` of them by it. ``reasons``: of duplicates and dead letters, with counts.
    """

    rows_read: int
    rows_committed: int
    rows_new: int
    dead_letters: int
    reasons: dict[str, int]
    seconds: float
    records: int
    duplicates: int
    source: str
    naive_tz: str


def import_file(
    settings: Settings,
    path: Path,
    *,
    table: str,
    venue: str,
    mapping: Mapping[str, str] | None = None,
    preset: str | None = None,
    source: str | None = None,
    naive_tz: str | None = None,
    run_id: str | None = None,
) -> ImportReport:
    """Loads a bulk file into a core table, streaming.

    ``table``: a name of ``mappings.TARGETS``. ``venue``: polymarket, kalshi, or ``any`` where rows name theirs.
    Exactly one of ``mapping`` (field -> column, ``=text`` a literal) and ``preset``. ``naive_tz``: the zone of
    times without an offset; default the preset's, else UTC. ``source``: what the rows are marked with
    (``import:<source>``); default the preset's, else the file's name. Raises BadImport, naming the file.
    """
    started = time.monotonic()
    if venue not in (*VENUES, ANY_VENUE):
        raise BadImport(f"{path}: venue is {', '.join(VENUES)} or {ANY_VENUE}, not {venue!r}")
    target = target_of(table)
    session = Session.of(settings, run_id=run_id)
    with session.unit() as unit, session.duck() as connection:
        for macro in statements("import/macros"):
            connection.execute(macro.text)
        records = read_records(connection, path, unit.scratch)
        if (mapping is None) == (preset is None):
            raise BadImport(f"{path}: give either a mapping or a preset; columns found: {', '.join(records.columns)}")
        shape = (
            preset_shape(path, table, preset, records.columns)
            if preset is not None
            else mapped_shape(path, table, mapping or {}, records.columns)
        )
        zone = naive_tz or shape.naive_tz or "UTC"
        job = Job(unit, connection, target, path, venue, source or shape.source or path.name, zone)
        job.read(records, shape)
        job.judge()
        tally = job.commit()
    return ImportReport(
        rows_read=tally.committed + tally.duplicates + tally.dead,
        rows_committed=tally.committed,
        rows_new=tally.new,
        dead_letters=tally.dead,
        reasons=tally.reasons,
        seconds=round(time.monotonic() - started, 3),
        records=records.count,
        duplicates=tally.duplicates,
        source=f"import:{job.source}",
        naive_tz=zone,
    )
