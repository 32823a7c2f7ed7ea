"""Imports a bulk file's rows into the core tables that the venues fill, and keeps their source.

Belongs here: the parameters and the report of an import. Elsewhere: formats (``bulk_files.py``), fields
(``mappings.py``), known data sets (``presets.py``), steps (``bulk_job.py``), types and rules (``sql/import``).

An import never replaces a row of another source. Every row of the file is accounted for: committed (or stored
already), a duplicate with its reason, or a dead letter with its payload and reason.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk_files import read_records
from echelon_pipeline.ingest.bulk_job import ANY_VENUE, Job, Tally
from echelon_pipeline.ingest.bulk_paths import Layout
from echelon_pipeline.ingest.late_values import derive_late_values
from echelon_pipeline.ingest.mappings import Shape, mapped_shape, target_of
from echelon_pipeline.ingest.presets import chosen, preset_shape, suggestion
from echelon_pipeline.ingest.recorded import RECORDED, import_recorded, reasons_of
from echelon_pipeline.lake.session import Session
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.duck import load_macros
from echelon_pipeline.venues.registry import REGISTRY, venue_names


@dataclass(frozen=True)
class ImportReport:
    """``rows_read == rows_committed + duplicates + dead_letters``, always.

    ``records``: in the file; a record with a list inside gives several rows. ``rows_committed``: in the lake
    after the import, ``rows_new`` of them by it. ``reasons``: counts of duplicates and dead letters by
    reason; ``examples``: per reason, one dead letter's place in the file. ``notes``: further facts for the user.
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
    table: str = ""
    examples: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def is_all_dead(self) -> bool:
        """Whether the file has rows and all of them are dead letters."""
        return 0 < self.rows_read == self.dead_letters


def import_file(
    settings: Settings,
    path: Path,
    *,
    table: str | None = None,
    venue: str | None = None,
    mapping: Mapping[str, str] | None = None,
    preset: str | None = None,
    each: str | None = None,
    source: str | None = None,
    naive_tz: str | None = None,
    markets: Path | None = None,
    run_id: str | None = None,
) -> ImportReport:
    """Streams a bulk file into a core table; recorded books and frames (``table``) go into segments.

    ``table``: a name of ``mappings.TARGETS``. ``venue``: a venue's name, or ``any`` where each row names
    its venue. A preset defines its venue, and its table where only one has the file's columns. Give exactly one of
    ``mapping`` (field -> column, or ``=text`` for a literal) and ``preset``. ``each``: the list inside of the records
    whose members are the rows; default: the only list that has the columns. ``naive_tz``: the zone of times without
    an offset; default: the preset's, else UTC. ``source``: the rows' source (``import:<source>``); default: the
    preset's, else the file's name. ``markets``: for recordings, a file that maps tokens to outcomes. Raises
    BadImport, naming the file.
    """
    started = time.monotonic()
    if table in RECORDED:
        if preset is not None or each is not None:
            raise BadImport(f"{path}: {table} accept neither a preset nor --each")
        return _recorded(settings, path, table, venue, mapping, source, naive_tz or "UTC", markets)
    if markets is not None:
        raise BadImport(f"{path}: --markets applies to books and frames only")
    _check(path, table, venue)
    session = Session.of(settings, run_id=run_id)
    with session.unit() as unit, session.duck() as connection:
        load_macros(connection, "import/macros")
        records = read_records(connection, path, unit.scratch)
        layout = Layout.of(connection, path, records)
        layout = layout if each is None else layout.opened(each)
        if (mapping is None) == (preset is None):
            raise BadImport(
                f"{path}: give either a mapping or a preset; columns found: {', '.join(records.columns)}"
                f"{suggestion(layout)}"
            )
        table, venue, shape = _shape(connection, layout, table, venue, mapping, preset)
        zone = naive_tz or shape.naive_tz or "UTC"
        job = Job(unit, connection, target_of(table), path, venue, source or shape.source or path.name, zone)
        job.read(shape)
        job.classify()
        tally = job.commit()
    if job.table.name == "core.outcomes" and tally.new:
        for known in REGISTRY.values():
            if known.facts.has_tokens:  # trades of these tokens may be stored already
                derive_late_values(session, known.name)
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
        table=table,
        examples=tally.examples,
        notes=_notes(shape.layout, tally),
    )


def _recorded(
    settings: Settings,
    path: Path,
    table: str,
    venue: str | None,
    mapping: Mapping[str, str] | None,
    source: str | None,
    naive_tz: str,
    markets: Path | None,
) -> ImportReport:
    started = time.monotonic()
    known = next((name for name in venue_names() if name == venue), None)
    if known is None:
        raise BadImport(f"{path}: {table} are of one venue: {' or '.join(venue_names())}, not {venue!r}")
    named = source or path.name
    stored = import_recorded(
        Session.of(settings),
        path,
        table=table,
        venue=known,
        mapping=mapping,
        source=named,
        naive_tz=naive_tz,
        markets=markets,
    )
    examples = {one.reason: f"$[{one.place}]" for one in reversed(stored.lost)}
    return ImportReport(
        rows_read=stored.frames + len(stored.lost),
        rows_committed=stored.frames,
        rows_new=stored.frames if stored.is_new else 0,
        dead_letters=len(stored.lost),
        reasons=reasons_of(stored.lost),
        seconds=round(time.monotonic() - started, 3),
        records=stored.frames + len(stored.lost),
        duplicates=0,
        source=f"import:{named}",
        naive_tz=naive_tz,
        table=table,
        examples=examples,
        notes=stored.notes,
    )


def _check(path: Path, table: str | None, venue: str | None) -> None:
    if venue is not None and venue not in (*venue_names(), ANY_VENUE):
        raise BadImport(f"{path}: venue is {', '.join(venue_names())} or {ANY_VENUE}, not {venue!r}")
    if table is not None:
        target_of(table)


def _shape(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    table: str | None,
    venue: str | None,
    mapping: Mapping[str, str] | None,
    preset: str | None,
) -> tuple[str, str, Shape]:
    if preset is not None:
        found = chosen(preset, table, layout)
        return found.table, venue or found.venue, preset_shape(connection, found, layout)
    if table is None or venue is None:
        missing = " and ".join(f"--{name}" for name, value in (("table", table), ("venue", venue)) if value is None)
        raise BadImport(f"{layout.path}: a mapping also needs {missing}{suggestion(layout)}")
    return table, venue, mapped_shape(connection, table, mapping or {}, layout)


def _notes(layout: Layout, tally: Tally) -> tuple[str, ...]:
    notes = []
    if layout.each:
        notes.append(f"one row per member of {layout.names[-1]}")
    if tally.empty:
        notes.append(f"{tally.empty:,} records gave no row: their list {layout.names[-1]} is empty")
    doubled, first = tally.doubled
    if doubled:
        transactions = "1 transaction has" if doubled == 1 else f"{doubled:,} transactions have"
        notes.append(f"{transactions} rows that are sums of other rows and are not loaded; the first is {first}")
    return tuple(notes)
